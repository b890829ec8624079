import Foundation

/// The program that works on a store, and says what has been done.
enum Writer {
  // Products lie side by side; the bundle of the tests is one of them.
  static let program = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("cairn-test-writer").path
}
