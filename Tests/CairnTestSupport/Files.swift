internal import Cairn
internal import Foundation

/// Files of a test, as a whole.
public enum Files {
  public static func copyTree(_ from: String, to: String) throws {
    try? FileManager.default.removeItem(atPath: to)
    try FileManager.default.copyItem(atPath: from, toPath: to)
  }

  /// Copies a store that is open and not being written to, as a killed process would leave it. Files that its
  /// background thread is making or removing at this moment may be missing; a checkpoint is never newer than the log.
  public static func copyStore(_ from: String, to: String) throws {
    try? FileManager.default.removeItem(atPath: to)
    try FileManager.default.createDirectory(atPath: to, withIntermediateDirectories: false)
    // Not `copyItem`: it never ends if the file becomes shorter meanwhile. And a killed process leaves what was there
    // at one moment: the store's own threads may be at work.
    var found = contents(from)
    while true {
      let again = contents(from)
      if again == found { break }
      found = again
    }
    for (name, bytes) in found { try write(bytes, to: to + "/" + name) }
  }

  private static func contents(_ path: String) -> [String: [UInt8]] {
    var contents: [String: [UInt8]] = [:]
    for name in (try? names(path)) ?? [] where !name.hasSuffix(".tmp") { contents[name] = try? read(path + "/" + name) }
    return contents
  }

  public static func read(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  /// Does not wait for the disk, as `Data.write` does: some tests write a million times.
  public static func write(_ bytes: [UInt8], to path: String) throws {
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    defer { close(file) }
    guard file >= 0, unsafe Foundation.write(file, bytes, bytes.count) == bytes.count else {
      throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
  }

  public static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

  public static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  public static func isLink(_ path: String) throws -> Bool {
    try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType == .typeSymbolicLink
  }

  /// The names in a folder, sorted.
  public static func names(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }

  /// The segments of a store, in order.
  public static func segments(_ path: String) throws -> [String] {
    try names(path).filter { $0.hasPrefix("segment-") && $0.hasSuffix(".log") }
  }

  /// Open descriptors of this process that lead below a folder, and mappings of files there.
  ///
  /// What was retired while another test was reading goes when that test has read, which may take its time.
  public static func leaks(below path: String) throws -> [String] {
    // Nor has gone at once what another thread has taken to release.
    var patience = 1000
    for _ in 0..<60_000 {
      let isAllReclaimed = Reclaimer.shared.pendingCount == 0
      let found = held(below: path)
      if found.isEmpty { return found }
      if isAllReclaimed { patience -= 1 }
      if patience == 0 { return found }
      Reclaimer.shared.reclaim()
      usleep(2000)
    }
    return held(below: path)
  }

  private static func held(below path: String) -> [String] {
    var found: [String] = []
    for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
      if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name),
        target.hasPrefix(path)
      {
        found.append("descriptor of \(target)")
      }
    }
    let maps = String(decoding: FileManager.default.contents(atPath: "/proc/self/maps") ?? Data(), as: UTF8.self)
    for line in maps.split(separator: "\n") where line.contains(path) { found.append("mapping \(line)") }
    return found
  }
}
