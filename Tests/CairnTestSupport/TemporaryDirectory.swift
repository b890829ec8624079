internal import Foundation

/// A directory that goes, with all in it, when the last reference does.
public final class TemporaryDirectory: Sendable {
  public let path: String

  /// - Parameter isInMemory: in a file system that has no disk, if there is one: for what does not depend on one.
  public init(isInMemory: Bool = false) {
    let isFound = isInMemory && FileManager.default.isWritableFile(atPath: "/dev/shm")
    path = "\(isFound ? "/dev/shm" : "/tmp")/cairn-test-\(UUID().uuidString)"
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
