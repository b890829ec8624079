import CairnTestSupport
import Testing

@testable import CairnCache

/// Goal: an entry is found by its hash as long as it is there, and not longer.
/// Method: random work against a dictionary, with hashes that fall into one part and one place.
@Suite struct EntryTableTests {
  @Test(arguments: SeededRandom.seeds(3)) func randomWork(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var (table, model): (EntryTable, [UInt64: UInt32]) = (EntryTable(), [:])
    // Few bits of each: neighbours, and such as differ only in what a place knows of them.
    func hash() -> UInt64 {
      UInt64(random.below(2)) << 56 | UInt64(random.below(3)) << 30 | UInt64(random.below(4)) << 8
        | UInt64(random.below(40))
    }
    for step in 0..<20_000 {
      let hash = hash()
      #expect(table.slot(of: hash) == model[hash], "seed \(seed), step \(step)")
      if let slot = model[hash] {
        #expect(table[slot].hash == hash)
        if random.percent(60) {
          table.remove(slot)
          model[hash] = nil
        }
      } else if random.percent(50) {
        let slot = table.insert(TrackedEntry(hash: hash))
        #expect(!model.values.contains(slot))
        model[hash] = slot
      }
      if step % 100 == 0 {
        #expect(table.count == model.count)
        let all = Array(model.keys)
        let found = table.slots(of: all + [hash &+ 1 << 50])
        #expect(found == all.compactMap { model[$0] }, "seed \(seed), step \(step)")
      }
    }
  }

  @Test func filled() {
    var table = EntryTable()
    var random = SeededRandom(seed: 1)
    let entries = (0..<5000).map { _ in TrackedEntry(hash: random.next()) }
    let isFilled = table.fill(entries)
    #expect(isFilled)
    for (slot, entry) in entries.enumerated() { #expect(table.slot(of: entry.hash) == UInt32(slot)) }
    let another = table.insert(TrackedEntry(hash: 7))
    #expect(another == 5000 && table.slot(of: 7) == 5000 && table.count == 5001)
    var other = EntryTable()
    let isFilledTwice = other.fill(entries + [entries[17]])
    #expect(!isFilledTwice)
  }
}
