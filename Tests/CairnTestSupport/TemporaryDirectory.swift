internal import Foundation

/// A directory that goes, with all in it, when the last reference does.
public final class TemporaryDirectory: Sendable {
  public let path: String

  /// - Parameter isInMemory: in a file system that has no disk, if there is one with room: for what does not depend on
  ///   one. Where there is none, on the disk, as others.
  public init(isInMemory: Bool = false) {
    path = "\(isInMemory && Self.hasMemory ? "/dev/shm" : "/tmp")/cairn-test-\(UUID().uuidString)"
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    } catch {
      fatalError("no temporary directory: \(error)")
    }
  }

  /// Containers often have 64 MiB of it.
  private static var hasMemory: Bool {
    var found = statvfs()
    guard unsafe statvfs("/dev/shm", &found) == 0 else { return false }
    let free = UInt64(found.f_bavail) * UInt64(found.f_frsize)
    return free >= 1 << 30 && FileManager.default.isWritableFile(atPath: "/dev/shm")
  }

  /// A path in the directory; nothing is made.
  public func path(_ name: String) -> String { path + "/" + name }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
