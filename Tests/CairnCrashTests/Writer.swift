import Foundation

/// The program that works on a store, and says what has been done; and the one that goes on with all that.
enum Writer {
  static let program = products.appendingPathComponent("cairn-test-writer").path
  static let torture = products.appendingPathComponent("cairn-torture").path

  // They lie side by side; the bundle of the tests is one of them.
  private static let products = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    .deletingLastPathComponent()
}
