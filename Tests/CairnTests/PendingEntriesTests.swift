import CairnTestSupport
import Testing

@testable import Cairn

@Suite struct PendingEntriesTests {
  /// Goal: a reader that is still in buckets which a shard has grown out of finds no entry there that is pending for
  /// ever: its batch is over, and the place it leads to is another batch's.
  @Test func bucketsLeftBehindHaveNoPendingEntries() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"), options: Store.Options(.createIfMissing))
    for number in 0..<5000 { try store.put("old", for: "\(number)") }
    let index = store.engine.index
    // As a reader has it that was stopped in the middle of a lookup.
    let slot = store.engine.gate.enter()
    let tables = (0..<HashIndex.shards).map { index.table($0) }
    try store.write { batch in
      for number in 0..<20_000 { try batch.put("new", for: "\(number)") }
      for number in 0..<100 { try batch.remove("\(number)") }
    }
    try store.write { batch in for number in 0..<20_000 { try batch.remove("\(number)") } }
    var left = 0
    var grown = 0
    for (shard, table) in tables.enumerated() {
      grown += table.buckets == index.table(shard).buckets ? 0 : 1
      for place in 0..<table.capacity {
        let entry = table.load(place)
        if entry != 0 && HashIndex.Entry.slot(entry) == 0 { left += 1 }
      }
    }
    slot.leave()
    #expect(grown > HashIndex.shards / 2 && left == 0)
    try store.close()
  }
}
