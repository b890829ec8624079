import CairnTestSupport
import Testing

@testable import Cairn

/// Goal: barriers hide what their prefixes and versions say, and nothing else.
/// Method: random ones, nested in each other, many with the same prefix; every question that a list can be asked is
/// answered by going through all of them, too.
@Suite struct BarrierListTests {
  @Test(arguments: SeededRandom.seeds(20)) func randomBarriers(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    for round in 0..<50 {
      // Many prefixes of each other in every second round.
      let (letters, longest) = round % 2 == 0 ? ([0, 1, 255] as [UInt8], 5) : ([0, 0, 0, 0, 0, 0, 0, 1], 30)
      func bytes(_ length: Int) -> [UInt8] { (0..<length).map { _ in letters[random.below(letters.count)] } }
      let all = (1...60 as ClosedRange<UInt64>).filter { _ in random.percent(60) }.shuffled(using: &random).map {
        Barrier(prefix: bytes(random.below(longest)), version: $0)
      }
      let everything = Barriers()
      try everything.add(all, keepingAll: true)
      let needed = Barriers()
      // As they come, or all at once.
      if random.percent(50) {
        for barrier in all.sorted(by: { $0.version < $1.version }) { try needed.add([barrier], keepingAll: false) }
      } else {
        try needed.add(all, keepingAll: false)
      }
      for _ in 0..<200 {
        let key = bytes(1 + random.below(longest + 1))
        let (version, sequence) = (UInt64(random.below(62)), UInt64(random.below(62)))
        let hiding = all.filter { key.starts(with: $0.prefix) && $0.version > version }.map(\.version)
        key.withBytes { key in
          let view = MemoryView(key)
          #expect(everything.list.hides(view, version: version) == !hiding.isEmpty, "seed \(seed)")
          #expect(needed.list.hides(view, version: version) == !hiding.isEmpty, "seed \(seed)")
          #expect(everything.list.first(hiding: view, version: version) == hiding.min(), "seed \(seed)")
          let isHiddenThen = hiding.contains { $0 <= sequence }
          #expect(everything.list.hides(view, version: version, at: sequence) == isHiddenThen, "seed \(seed)")
        }
      }
      let some = all.filter { _ in random.percent(50) }
      try everything.remove(Set(some.map(\.version)))
      #expect(everything.count == all.count { !some.contains($0) } && everything.all.count == everything.count)
    }
  }

  @Test func none() throws {
    let barriers = Barriers()
    #expect(barriers.list.isEmpty && barriers.count == 0)
    try barriers.add([Barrier(prefix: [], version: 5)], keepingAll: false)
    #expect(!barriers.list.isEmpty)
    #expect(barriers.list.hides(.empty, version: 4) && !barriers.list.hides(.empty, version: 5))
    // One for everything takes the place of all that are older.
    try barriers.add([Barrier(prefix: [1], version: 6), Barrier(prefix: [], version: 7)], keepingAll: false)
    #expect(barriers.all == [Barrier(prefix: [], version: 7)])
    #expect(barriers.hasLater(Barrier(prefix: [], version: 5)) && !barriers.hasLater(Barrier(prefix: [1], version: 6)))
    try barriers.remove(barriers.versions)
    #expect(barriers.list.isEmpty && barriers.count == 0)
  }
}
