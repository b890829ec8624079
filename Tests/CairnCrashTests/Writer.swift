import Cairn
import CairnTestSupport
import Foundation
import Testing

/// The program that writes to a store and says what has been acknowledged.
enum Writer {
  static var executable: URL {
    // Products lie side by side; the bundle of the tests is one of them.
    URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("cairn-test-writer")
  }

  /// Without a backtracer, which would hang on to a process that is meant to die.
  static let environment = ["SWIFT_BACKTRACE": "enable=no", "PATH": "/usr/bin:/bin"]

  /// The last number that was acknowledged.
  static func acknowledged(_ output: Data) -> Int? {
    String(decoding: output, as: UTF8.self).split(separator: "\n").last { Int($0) != nil }.flatMap { Int($0) }
  }

  /// Checks that all up to `end` is there, and whole.
  static func check(_ store: Store, before end: Int, _ comment: Comment) throws {
    for number in 0..<end {
      for part in 0..<(number % 10 == 9 ? 3 : 1) {
        let value = try store.value(for: SelfDescribing.key(number, part: part))
        #expect(value == SelfDescribing.value(number), "\(comment): entry \(number)")
      }
    }
  }
}
