internal import Foundation

/// A file system of its own, of a MiB or a few, which goes with the last reference.
public final class SmallDisk: Sendable {
  private let place = TemporaryDirectory()

  public static let canMount = (try? SmallDisk()) != nil
  /// Why a test is left out where it cannot be had.
  public static let reason = "needs the right to mount a small file system"

  public init(mebibytes: Int = 1) throws {
    try Self.run("mount", "-t", "tmpfs", "-o", "size=\(mebibytes)m", "tmpfs", place.path)
  }

  // At once, whoever still has something of it mapped: memory of a store that was closed goes a little later.
  deinit { try? Self.run("umount", "--lazy", path) }

  public var path: String { place.path }

  public func freeBytes() throws -> Int {
    try FileManager.default.attributesOfFileSystem(forPath: path)[.systemFreeSize] as? Int ?? 0
  }

  /// Nothing can be written to it any more, or everything again. Nobody may have a file open for writing.
  ///
  /// Another test that starts a process at this moment has all files of this one open until it runs its program:
  /// the system then calls the disk busy, and it is asked again.
  public func setReadOnly(_ isReadOnly: Bool) throws {
    for _ in 0..<200 {
      if (try? remount(isReadOnly)) != nil { return }
      usleep(50_000)
    }
    try remount(isReadOnly)
  }

  private func remount(_ isReadOnly: Bool) throws {
    try Self.run("mount", "-o", "remount,\(isReadOnly ? "ro" : "rw")", path)
  }

  private static func run(_ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus != 0 else { return }
    let text = String(decoding: said, as: UTF8.self)
    throw CocoaError(.featureUnsupported, userInfo: [NSLocalizedDescriptionKey: "\(arguments): \(text)"])
  }
}
