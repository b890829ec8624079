internal import Foundation

/// A directory that goes, with all in it, when the last reference does.
public final class TemporaryDirectory: Sendable {
  public let path: String

  public init() {
    path = "/tmp/cairn-test-\(UUID().uuidString)"
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    } catch {
      fatalError("no temporary directory: \(error)")
    }
  }

  /// A path in the directory; nothing is made.
  public func path(_ name: String) -> String { path + "/" + name }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
