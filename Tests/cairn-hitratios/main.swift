import CairnArguments
import CairnSimulation
import Foundation

do {
  let words = CommandLine.arguments.dropFirst().map { Array($0.utf8) }
  switch try ProgramSyntax.hitRatios.parse(Array(words)) {
  case .text(let text): print(text, terminator: "")
  case .run(_, let arguments):
    var run = try Run(arguments)
    if !(try await run.run()) { exit(1) }
  }
} catch let error as UsageError {
  print("cairn-hitratios: \(error.message)")
  exit(64)
} catch {
  print("cairn-hitratios: \(error)")
  exit(1)
}
