// Engines side by side. `kvbench contest` is what the README's table comes from; `kvbench run` is for one's own sizes.
import BenchmarkSupport
import Foundation

do {
  try Command(Array(CommandLine.arguments.dropFirst())).run()
} catch {
  fail("kvbench: \(error)", error is Command.Misuse ? 64 : 1)
}
