internal import Synchronization

/// Some words that the writer shares with followers: they see by one load whether there is something new. No part of
/// the format: whatever stands in it, a follower believes the log alone.
final class News: Sendable {
  static let name = "news"
  static let byteCount = 64

  private let words: AtomicWords

  private init(_ memory: Mapping) { words = AtomicWords(memory, count: 2) }

  /// The writer's: word 0 is how far the log has come, word 1 counts how often segments have gone. `nil` where the disk
  /// or the file system has none to give: followers then look for themselves.
  static func make(in directory: any Directory, permissions: UInt32) -> Mapping? {
    do throws(StoreError) {
      var file = try directory.open(name, forWriting: true)
      if file == nil { file = try directory.create(name, permissions: permissions) }
      guard let file else { return nil }
      try file.reserve(0, upTo: byteCount)
      if try file.byteCount() < byteCount { return nil }
      return try file.mapShared(byteCount: byteCount)
    } catch {
      // One that nobody tells anything would be believed.
      try? directory.unlink(name)
      return nil
    }
  }

  static func open(in directory: any Directory) -> News? {
    do throws(StoreError) {
      guard let file = try directory.open(name, forWriting: false), try file.byteCount() >= byteCount else {
        return nil
      }
      return News(try file.map(byteCount: byteCount, writable: false))
    } catch { return nil }
  }

  func word(_ index: Int) -> UInt64 { words.load(index) }
}
