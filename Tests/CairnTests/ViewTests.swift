import CairnTestSupport
import Synchronization
import Testing

@testable import Cairn

/// Goal: a view is told of each entry what it is: its attributes, and its size as it was put, however it is stored; and
/// it can refuse attributes before anything is written.
@Suite struct ViewTests {
  private struct Seen: Equatable {
    var key: String
    var attributes: Attributes
    var byteCount: Int
    var isReplacing: Bool
  }

  private final class Recorder: StoreView {
    let seen = Mutex<[Seen]>([])

    func attach(to store: Store) throws(StoreError) {}
    func check(_ attributes: borrowing EncodedAttributes) throws(StoreError) {
      if Attributes(attributes)["refused"] != nil { throw StoreError(.invalidAttribute, "refused") }
    }
    func beginCommit(oldestSnapshot: UInt64?) {}
    func apply(_ change: borrowing EntryChange) {
      let key = unsafe change.key.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
      let one = Seen(
        key: key, attributes: Attributes(change.attributes), byteCount: change.byteCount,
        isReplacing: change.isReplacing)
      seen.withLock { $0.append(one) }
    }
    func endCommit(_ sequence: UInt64) {}
    func reset() {}
    func save(to files: ViewFiles) {}

    func take() -> [Seen] {
      seen.withLock { seen in
        defer { seen = [] }
        return seen
      }
    }
  }

  @Test(arguments: [Store.Compression.none, .zstd()])
  func whatItIsTold(compression: Store.Compression) throws {
    let directory = TemporaryDirectory()
    let view = Recorder()
    var options = Store.Options()
    options.views = [view]
    options.compression = compression
    options.compaction.isAutomatic = false
    let store = try Store.open(at: directory.path("store"), options: options)
    let value = [UInt8](repeating: 7, count: 5000)
    try store.put(value, for: "ab", attributes: ["a": 1])
    #expect(view.take() == [Seen(key: "ab", attributes: ["a": 1], byteCount: 5002, isReplacing: false)])
    try store.write { batch in
      try batch.put("small", for: "ab", attributes: ["b": 2])
      try batch.put(value, for: "c")
      try batch.remove("ab")
    }
    #expect(
      view.take() == [
        Seen(key: "ab", attributes: ["b": 2], byteCount: 7, isReplacing: true),
        Seen(key: "c", attributes: [:], byteCount: 5001, isReplacing: false),
        Seen(key: "ab", attributes: [:], byteCount: 0, isReplacing: true),
      ])
    try store.put(value, for: "c", attributes: ["c": ["x", "y"]])
    _ = view.take()
    // What is only moved is the same.
    try store.recompress(level: 2)
    let moved = view.take()
    #expect(!moved.isEmpty)
    #expect(
      moved.allSatisfy { $0 == Seen(key: "c", attributes: ["c": ["x", "y"]], byteCount: 5001, isReplacing: true) })
    let sequence = store.lastSequence
    #expect(throws: StoreError.self) { try store.put("v", for: "d", attributes: ["refused": 1]) }
    #expect(throws: StoreError.self) { try store.write { try $0.put("v", for: "d", attributes: ["refused": 1]) } }
    #expect(view.take().isEmpty && store.lastSequence == sequence)
    try store.close()
  }
}
