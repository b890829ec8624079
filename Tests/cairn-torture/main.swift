import CairnArguments
import CairnTorture
import Foundation

/// The program that is killed; it lies beside this one.
let writer = Bundle.main.bundlePath + "/cairn-test-writer"

func run(_ command: String, _ arguments: Arguments) throws {
  func seed() -> UInt64 { UInt64(arguments.number("SEED")!) }
  func count() -> Int { arguments.number("COUNT")! }
  /// Where the disk goes on which something is found.
  func keeping(_ body: () throws -> Void) throws {
    do { try body() } catch let finding as Finding {
      if let folder = arguments.text("--keep") { try finding.disk?.export(to: folder) }
      throw finding
    }
  }
  switch command {
  case "script":
    guard let script = Script(arguments.text("STEPS")!) else {
      throw UsageError("these are no steps; see cairn-torture script --help")
    }
    var exhaustive = Exhaustive(script, seed: seed())
    try keeping { print(try exhaustive.run()) }
  case "lives":
    var lives = try Lives(seed: seed())
    try keeping { for _ in 0..<count() { try lives.live() } }
    print("digest \(lives.digest), \(lives.losses) images without the last commits")
    print(lives.totals)
  case "kills":
    var kills = try Kills(seed: seed(), program: writer)
    for _ in 0..<count() { try kills.run() }
    try kills.finish()
    print(kills.totals)
  case "call-kills", "call-faults":
    var sweep = try CallSweep(
      CallSweep.Kind(rawValue: command)!, seed: seed(), hasThreads: arguments.has("--threads"), program: writer)
    sweep.skip(arguments.number("--from") ?? 0)
    if let call = arguments.text("--at") {
      try sweep.run(call)
    } else {
      for _ in 0..<count() where try !sweep.run() { break }
    }
    print(sweep.totals)
  default:
    let seed = arguments.number("--seed").map(UInt64.init) ?? .random(in: 1...(1 << 32))
    let run = TortureRun(minutes: arguments.number("MINUTES")!, seed: seed, fuzzer: arguments.text("--fuzz"))
    if !run.run() { exit(1) }
  }
}

// Sets and dictionaries have an order of their own in each process; a seed shall repeat that, too.
if unsafe getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
  unsafe setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
  unsafe execv("/proc/self/exe", CommandLine.unsafeArgv)
}
do {
  let words = CommandLine.arguments.dropFirst().map { Array($0.utf8) }
  switch try ProgramSyntax.torture.parse(Array(words)) {
  case .text(let text): print(text, terminator: "")
  case .run(let command, let arguments): try run(command, arguments)
  }
} catch let error as UsageError {
  print("cairn-torture: \(error.message)")
  exit(64)
} catch {
  print(error)
  exit(1)
}
