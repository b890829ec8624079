import CairnTestSupport
import Synchronization
import Testing

@testable import Cairn

/// Goal: compaction, which drops a record without the turn when the index says that it is gone, drops no other.
@Suite struct GoneEntriesTests {
  private let directory = TemporaryDirectory()

  /// Of each record in the log: what the index has for it, and whether it has.
  private func entries(_ store: Store) -> [(entry: UInt64, hash: UInt64, isThere: Bool)] {
    let engine = store.engine
    return engine.catalog.withLock { $0.segments }.flatMap { segment in
      var found: [(entry: UInt64, hash: UInt64, isThere: Bool)] = []
      let end = segment.end ?? LogAddress.offset(engine.published.load(ordering: .acquiring))
      var scan = LogScan(segment.memory.view, salt: segment.salt, to: end)
      while scan.offset < end, let record = scan.next() {
        guard record.header.kind == RecordHeader.Kind.put else { continue }
        let key = scan.memory.slice(record.offset + record.header.keyOffset, record.header.keyByteCount)
        let hash = engine.index.hash(key)
        let entry = HashIndex.Entry.make(
          HashIndex.fingerprint(hash), slot: SegmentTable.slot(segment.number), offset: record.offset)
        found.append((entry, hash, engine.index.locate(entry: entry, hash: hash) != nil))
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
    let entries = entries(store)
    #expect(entries.count { $0.isThere } > 4000 && entries.count { !$0.isThere } > 4000)
    for (entry, hash, isThere) in entries {
      if store.engine.index.isGone(entry, hash: hash) == isThere { Issue.record("\(entry) is there: \(isThere)") }
    }
    try store.close()
  }

  /// Method: some keys stay as they are; others come and go, so that shards grow, shrink and move their entries.
  @Test func whatStaysIsNeverGone() throws {
    var options = Store.Options(.createIfMissing)
    options.compaction.isAutomatic = false
    let store = try Store.open(at: directory.path("store"), options: options)
    for number in 0..<4000 { try store.put("value", for: "always \(number)") }
    let entries = entries(store)
    let isDone = Atomic(false)
    let asked = Atomic(0)
    try inParallel([
      {
        defer { isDone.store(true, ordering: .releasing) }
        for round in 0..<6 {
          for number in 0..<12_000 { try store.put("value", for: "sometimes \(number)") }
          try store.write { batch in
            for number in 0..<2000 { try batch.put("\(round)", for: "sometimes \(number)") }
          }
          for number in 0..<12_000 { try store.remove("sometimes \(number)") }
        }
      },
      {
        while !isDone.load(ordering: .acquiring) {
          for (entry, hash, _) in entries {
            let reader = store.engine.gate.enter()
            if store.engine.index.isGone(entry, hash: hash) { Issue.record("\(entry) is gone") }
            reader.leave()
          }
          asked.add(1, ordering: .relaxed)
        }
      },
    ])
    #expect(asked.load(ordering: .relaxed) > 0)
    try store.close()
  }
}
