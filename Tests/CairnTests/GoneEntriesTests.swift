import CairnTestSupport
import Synchronization
import Testing

@testable import Cairn

/// Goal: compaction, which drops a record without the turn when the index says that it is gone, drops no other.
@Suite struct GoneEntriesTests {
  private let directory = TemporaryDirectory()

  private struct Move: Sendable {
    let key: [UInt8]
    let entry: UInt64
    let hash: UInt64
    let removed: [UInt8]
  }

  private struct Logged {
    let key: [UInt8]
    let entry: UInt64
    let hash: UInt64
    /// Where the index has it.
    let place: HashIndex.Position?
    var bucket: Int? { place.map { $0.index / BucketTable.entries } }
  }

  /// Of each put in the log what the index would have for it, and has.
  private func logged(_ store: Store) -> [Logged] {
    let engine = store.engine
    return engine.catalog.withLock { $0.segments }.flatMap { segment in
      var found: [Logged] = []
      let end = segment.end ?? LogAddress.offset(engine.published.load(ordering: .acquiring))
      var scan = LogScan(segment.memory.view, salt: segment.salt, to: end)
      while scan.offset < end, let record = scan.next() {
        guard record.header.kind == RecordHeader.Kind.put else { continue }
        let key = scan.memory.slice(record.offset + record.header.keyOffset, record.header.keyByteCount)
        let hash = engine.index.hash(key)
        let entry = HashIndex.Entry.make(
          HashIndex.fingerprint(hash), slot: SegmentTable.slot(segment.number), offset: record.offset)
        let place = engine.index.locate(entry: entry, hash: hash)
        found.append(Logged(key: key.array(), entry: entry, hash: hash, place: place))
      }
      return found
    }
  }

  /// Method: what has been put, replaced and removed at random is asked for, and compared with what the writer knows.
  @Test(arguments: SeededRandom.seeds(2))
  func goneIsWhatIsNotThere(seed: UInt64) throws {
    var options = Store.Options(.createIfMissing)
    options.compaction.isAutomatic = false
    let store = try Store.open(at: directory.path("store"), options: options)
    var random = SeededRandom(seed: seed)
    for _ in 0..<20_000 {
      let key = "\(random.below(8000))"
      if random.percent(30) { try store.remove(key) } else { try store.put("value", for: key) }
    }
    try store.write { batch in for number in 0..<4000 { try batch.put("newer", for: "\(number)") } }
    let logged = logged(store)
    #expect(logged.count { $0.place != nil } > 4000 && logged.count { $0.place == nil } > 4000)
    for put in logged {
      let isGone = store.engine.index.isGone(put.entry, hash: put.hash)
      if isGone == (put.place != nil) { Issue.record("\(put.entry): \(isGone)") }
    }
    try store.close()
  }

  /// Method: some entries stand outside of their home buckets, which are full. Each is asked for all the time while
  /// what stands in its home is removed, so that it is moved there.
  @Test func whatMovesIsNeverGone() throws {
    var options = Store.Options(.createIfMissing)
    options.compaction.isAutomatic = false
    let store = try Store.open(at: directory.path("store"), options: options)
    let index = store.engine.index
    for number in 0..<60_000 { try store.put("value", for: "\(number)") }
    var homes: [Int: [UInt8]] = [:]
    let logged = logged(store)
    func number(_ shard: Int, _ bucket: Int) -> Int { shard << 32 | bucket }
    for put in logged {
      if let place = put.place, let bucket = put.bucket { homes[number(place.shard, bucket)] = put.key }
    }
    // What is moved, each by the removal of another key.
    let moves = logged.compactMap { put -> Move? in
      guard let place = put.place, let bucket = put.bucket else { return nil }
      let home = index.table(place.shard).home(HashIndex.fingerprint(put.hash))
      guard home != bucket, let removed = homes[number(place.shard, home)] else { return nil }
      return Move(key: put.key, entry: put.entry, hash: put.hash, removed: removed)
    }
    #expect(moves.count > 500)
    let current = Atomic(0)
    let asked = Atomic(0)
    try inParallel([
      {
        defer { current.store(moves.count, ordering: .releasing) }
        for number in moves.indices {
          current.store(number, ordering: .releasing)
          let start = asked.load(ordering: .acquiring)
          while asked.load(ordering: .acquiring) < start + 3 {}
          if try store.contains(moves[number].key) { try store.remove(moves[number].removed) }
        }
      },
      {
        while true {
          let number = current.load(ordering: .acquiring)
          if number == moves.count { return }
          let put = moves[number]
          let reader = store.engine.gate.enter()
          // Removed itself, for another one.
          let isGone = index.isGone(put.entry, hash: put.hash)
          reader.leave()
          if isGone, try store.contains(put.key) { Issue.record("\(put.entry) is gone") }
          asked.add(1, ordering: .releasing)
        }
      },
    ])
    try store.close()
  }
}
