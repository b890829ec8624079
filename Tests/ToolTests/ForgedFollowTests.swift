import CairnTestSupport
import Foundation
import Synchronization
import Testing

@testable import Cairn

/// Goal: what a follower reads as it is written is checked as all that is read: it shows what is right, or says what is
/// wrong and keeps what it has.
/// Method: the log that it follows is written by hand.
@Suite struct ForgedFollowTests {
  private typealias Record = ForgedSegment.Record

  /// A store whose log goes on as the test says.
  private struct Followed {
    let directory = TemporaryDirectory()
    let path: String
    var first: ForgedSegment
    var second: ForgedSegment

    /// With one entry.
    init() throws {
      path = directory.path("store")
      try Store.open(at: path).close()
      Files.remove(path + "/" + News.name)
      first = ForgedSegment(header: try Files.read(path + "/segment-00000001.log"))
      second = ForgedSegment(number: 2, of: Array(first.bytes[24..<40]))
      first.add(ForgedSegment.link, ForgedSegment.put(1, "a", "1"))
      try write()
    }

    func write() throws {
      try Files.write(first.bytes + [UInt8](repeating: 0, count: 4096), to: path + "/segment-00000001.log")
      if second.bytes.count > 256 { try Files.write(second.bytes, to: path + "/segment-00000002.log") }
    }
  }

  private func expectRefusal(
    _ store: Followed, _ code: StoreError.Code, at offset: Int, _ location: SourceLocation = #_sourceLocation,
    _ goOn: (inout Followed) throws -> Void
  ) throws {
    var store = store
    let follower = try Store.follow(store.path, refreshing: .manual)
    try goOn(&store)
    try store.write()
    for _ in 0..<2 {
      let error = #expect(throws: StoreError.self, sourceLocation: location) { try follower.refresh() }
      #expect(
        error?.code == code && error?.byteOffset == offset, "\(error?.description ?? "")", sourceLocation: location)
      #expect(
        try follower.contents().mapValues(\.value) == [Array("a".utf8): Array("1".utf8)], sourceLocation: location)
    }
    try follower.close()
    #expect(throws: StoreError.self, sourceLocation: location) { try follower.refresh() }
  }

  @Test func recordsThatMayNotStandThere() throws {
    for record in [
      ForgedSegment.put(3, "b", "2"), Record(sequence: 2), Record(sequence: 2, key: Array("b".utf8), flags: 2),
    ] {
      let store = try Followed()
      try expectRefusal(store, .damaged, at: store.first.bytes.count) {
        $0.first.add(record, ForgedSegment.put(record.sequence + 1, "c", "3"))
      }
    }
  }

  @Test func recordsOfANewerVersion() throws {
    let store = try Followed()
    try expectRefusal(store, .unsupportedFormat, at: store.first.bytes.count) {
      $0.first.add(Record(sequence: 1, kind: 77), ForgedSegment.put(2, "b", "2"))
    }
  }

  /// The next segment says that this one ends later, or with something else.
  @Test func segmentsThatDoNotFit() throws {
    var store = try Followed()
    var other = store.first
    other.add(ForgedSegment.put(2, "b", "2"))
    try expectRefusal(store, .damaged, at: store.first.bytes.count) { store in
      store.second.add(other.nextLink(at: 2, durable: other.bytes.count), ForgedSegment.put(3, "c", "3"))
    }
    store = try Followed()
    other = ForgedSegment(header: store.first.bytes)
    other.add(ForgedSegment.link, ForgedSegment.put(1, "a", "2"))
    try expectRefusal(store, .damaged, at: store.first.bytes.count) { store in
      store.second.add(other.nextLink(at: 1, durable: other.bytes.count), ForgedSegment.put(2, "c", "3"))
    }
  }

  /// Larger than what a follower has room for in a segment that it knows to be small.
  @Test func aVeryLargeRecord() throws {
    var store = try Followed()
    let follower = try Store.follow(store.path, refreshing: .manual)
    store.first.add(Record(sequence: 2, key: Array("b".utf8), value: [UInt8](repeating: 1, count: 130 << 20)))
    try store.write()
    #expect(try follower.refresh())
    #expect(try follower.withValue(for: "b") { $0.byteCount } == 130 << 20)
    try follower.close()
  }

  /// Method: the end of one segment, and the next one, are written when the follower has read the first and looks for
  /// more.
  @Test func theEndOfASegmentThatWasNotReadYet() throws {
    let store = Mutex(try Followed())
    let path = store.withLock { $0.path }
    let isAwaited = Atomic(false)
    let system = HookedFileSystem {
      guard isAwaited.exchange(false, ordering: .relaxed) else { return }
      store.withLock { store in
        store.first.add(ForgedSegment.put(2, "b", "2"))
        store.second.add(store.first.nextLink(at: 2), ForgedSegment.put(3, "c", "3"))
        try? store.write()
      }
    }
    let follower = Store(engine: try Engine.follow(path, Store.Options(.readOnly), system))
    isAwaited.store(true, ordering: .relaxed)
    #expect(try follower.refresh())
    #expect(try follower.contents().count == 3 && follower.statistics.segments == 2)
    try follower.close()
  }
}
