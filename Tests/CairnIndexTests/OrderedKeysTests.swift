import Cairn
import CairnTestSupport
import Foundation
import Testing

@testable import CairnIndex

/// Goal: keys come in their order, all that are there and no others, whatever is done to the store.
/// Method: random operations against a sorted list, with compaction, snapshots and sessions in between.
@Suite struct OrderedKeysTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store") }

  private func options(_ clock: ManualClock = ManualClock()) -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.clock = clock
    options.views = [OrderedKeys()]
    return options
  }

  private func key(_ random: inout SeededRandom) -> [UInt8] {
    Array("user:\(random.below(30)):\(["name", "mail", "age", ""][random.below(4)])".utf8)
  }

  private func check(_ store: Store, _ model: [[UInt8]: Int64], _ now: Int64, _ random: inout SeededRandom) throws {
    let keys = model.filter { $0.value > now }.keys.sorted { $0.isBefore($1) }
    #expect(try store.keys() == keys)
    #expect(try store.keys(reversed: true) == keys.reversed())
    #expect(try store.firstKey() == keys.first && store.lastKey() == keys.last)
    for _ in 0..<5 {
      let (a, b) = (key(&random), key(&random))
      for range in [
        KeyRange.prefix(a), .between(a, b), .from(a), .before(a), .through(a), .prefix([UInt8](a.prefix(6))),
      ] {
        let expected = keys.filter { range.contains($0) }
        #expect(try store.keys(in: range) == expected)
        #expect(try store.count(in: range) == expected.count)
        let limit = 1 + random.below(4)
        let (page, rest) = try store.keyPage(in: range, limit: limit)
        #expect(page == Array(expected.prefix(limit)))
        if let rest { #expect(try store.keys(in: rest) == Array(expected.dropFirst(limit))) }
        let back = try store.keyPage(in: range, limit: limit, reversed: true)
        #expect(back.keys == Array(expected.reversed().prefix(limit)))
        if let rest = back.rest { #expect(try store.keys(in: rest) == Array(expected.dropLast(limit))) }
      }
    }
  }

  @Test(arguments: SeededRandom.seeds(3)) func randomOperations(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let clock = ManualClock()
    var store = try Store.open(at: path, options: options(clock))
    var model: [[UInt8]: Int64] = [:]
    for round in 0..<40 {
      for _ in 0..<60 {
        let key = key(&random)
        switch random.below(10) {
        case 0..<3:
          try store.remove(key)
          model[key] = nil
        case 3..<5:
          let other = self.key(&random)
          try store.write { batch in
            try batch.put("1", for: key)
            try batch.remove(other)
            try batch.put("2", for: key)
          }
          model[key] = .max
          if key != other { model[other] = nil }
        case 6 where random.percent(20):
          let prefix = Array(key.prefix(random.percent(10) ? 0 : 6 + random.below(3)))
          try store.invalidate(prefix: prefix)
          model = model.filter { !$0.key.starts(with: prefix) }
        case 5:
          let deadline = clock.wallMilliseconds() + Int64(random.below(500))
          try store.put("", for: key, expires: .at(milliseconds: deadline))
          model[key] = deadline
        default:
          try store.put([UInt8](repeating: 1, count: random.below(300)), for: key)
          model[key] = .max
        }
      }
      clock.advance(Int64(random.below(200)))
      try check(store, model, clock.wallMilliseconds(), &random)
      if round % 7 == 3 { try store.compact() }
      if round % 10 == 9 {
        try store.close()
        store = try Store.open(at: path, options: options(clock))
        try check(store, model, clock.wallMilliseconds(), &random)
      }
    }
    try store.close()
    #expect(throws: StoreError.self) { try store.keys() }
  }

  @Test(arguments: SeededRandom.seeds(2)) func snapshots(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let store = try Store.open(at: path, options: options())
    var keys: Set<[UInt8]> = []
    var taken: [(snapshot: Snapshot, keys: [[UInt8]])] = []
    for _ in 0..<100 {
      for _ in 0..<20 {
        let key = key(&random)
        if random.percent(5) {
          let prefix = Array(key.prefix(random.percent(10) ? 0 : 6 + random.below(3)))
          try store.invalidate(prefix: prefix)
          keys = keys.filter { !$0.starts(with: prefix) }
        } else if random.percent(45) {
          try store.remove(key)
          keys.remove(key)
        } else {
          try store.put("", for: key)
          keys.insert(key)
        }
      }
      let sorted = keys.sorted { $0.isBefore($1) }
      if random.percent(50) { taken.append((try store.snapshot(), sorted)) }
      if taken.count > 4 || random.percent(10) && !taken.isEmpty { taken.remove(at: random.below(taken.count)) }
      for (snapshot, expected) in taken {
        #expect(try snapshot.keys() == expected)
        let range = KeyRange.prefix(Array("user:\(random.below(30))".utf8))
        #expect(try snapshot.keys(in: range, limit: 3) == Array(expected.filter { range.contains($0) }.prefix(3)))
        #expect(try snapshot.keys(reversed: true) == expected.reversed())
      }
      #expect(try store.keys() == sorted)
    }
    taken.removeAll()
    try store.put("", for: "last")
    let ordered = try #require(store.views.first as? OrderedKeys)
    #expect(ordered.state.withLock { $0.removed.count } == 0)
    try store.close()
  }

  @Test func followers() throws {
    let store = try Store.open(at: path, options: options())
    var following = Store.Options(.readOnly)
    following.views = [OrderedKeys()]
    for number in 0..<300 { try store.put("", for: "\(number)") }
    let follower = try Store.follow(path, options: following, refreshing: .manual)
    #expect(try follower.keys() == store.keys())
    for number in 0..<100 { try store.remove("\(number)") }
    try store.put("", for: "gone")
    try store.invalidate(prefix: "g")
    try follower.refresh()
    #expect(try follower.keys() == store.keys() && follower.count(in: .all) == 200)
    // Overtaken: everything is read anew.
    for round in 0..<40 {
      for number in 100..<300 { try store.put([UInt8](repeating: UInt8(round), count: 100), for: "\(number + round)") }
    }
    try store.compact()
    try follower.refresh()
    #expect(try follower.keys() == store.keys())
    try follower.close()
    try store.close()
  }

  @Test func withoutIt() throws {
    let store = try Store.open(at: path)
    let error = #expect(throws: StoreError.self) { try store.keys() }
    #expect(error?.code == .invalidOption)
    try store.close()
  }

  /// A store that has many entries already is read in the background, while it is written to.
  @Test func madeInTheBackground() async throws {
    var store = try Store.open(at: path)
    for start in stride(from: 0, to: 120_000, by: 1000) {
      try store.write(durability: .relaxed) { batch in
        for number in start..<start + 1000 { try batch.put("", for: "key-\(1_000_000 + number)") }
      }
    }
    try store.close()
    let ordered = OrderedKeys()
    var options = Store.Options()
    options.views = [ordered]
    store = try Store.open(at: path, options: options)
    for number in 0..<1000 {
      try store.remove("key-\(1_000_000 + number * 100)")
      try store.put("", for: "new-\(number)")
    }
    // Some of these have been read by then, others not.
    try store.invalidate(prefix: "key-111")
    try store.put("", for: "key-1110000")
    await ordered.ready()
    #expect(try store.keys(in: .prefix("key-111")) == [Array("key-1110000".utf8)])
    try store.invalidate(prefix: "key-1")
    for number in 0..<119_000 { try store.put("", for: "key-\(number)", durability: .relaxed) }
    #expect(ordered.progress == 1)
    #expect(try store.count(in: .prefix("key-")) == 119_000 && store.count(in: .prefix("new-")) == 1000)
    #expect(try store.keys().count == 120_000)
    try store.close()
  }

  @Test func prefixesAtTheEnd() {
    #expect(KeyRange.prefix([1, 255]).upper == [2])
    #expect(KeyRange.prefix([255, 255]).upper == nil)
    #expect(KeyRange.prefix("").upper == nil)
    #expect(KeyRange.prefix("a").contains(Array("a".utf8)) && !KeyRange.prefix("a").contains([0x62]))
  }

  // MARK: From one session to the next

  private func fill(_ store: Store, _ numbers: Range<Int>) throws {
    for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 1000) {
      try store.write(durability: .relaxed) { batch in
        for number in start..<min(start + 1000, numbers.upperBound) {
          try batch.put("", for: "key-\(1_000_000 + number)")
        }
      }
    }
  }

  private var file: String { path + "/view.keys" }

  /// F1-VIE-001, F1-VIE-002.
  @Test func keptAndCaughtUp() throws {
    var store = try Store.open(at: path, options: options())
    try fill(store, 0..<20_000)
    try store.put("", for: "ending", expires: .at(milliseconds: 4_000_000_000_000))
    try store.close()
    #expect(Files.exists(file))
    for round in 0..<3 {
      store = try Store.open(at: path, options: options())
      let ordered = try #require(store.views.first as? OrderedKeys)
      // Nothing has been read from the store.
      #expect(ordered.progress == 1 && ordered.state.withLock { $0.tree.content != nil })
      #expect(try store.count(in: .all) == 20_001)
      try store.remove("key-\(1_000_100 + round)")
      try store.put("", for: "new-\(round)")
      try store.put("", for: "key-\(1_005_000 + round)")
      try store.put("", for: "gone-\(round)")
      try store.invalidate(prefix: "gone-")
      let expected = try store.keys()
      #expect(expected.count == 20_001 && expected == expected.sorted { $0.isBefore($1) })
      try store.close()
    }
    // One that does not know of it does not harm it.
    store = try Store.open(at: path)
    try store.remove("key-1000000")
    try store.close()
    store = try Store.open(at: path, options: options())
    #expect(try store.firstKey() == Array("ending".utf8) && store.count(in: .prefix("key-1000000")) == 0)
    #expect(try store.count(in: .all) == 20_000)
    try store.close()
  }

  /// Whatever becomes of the file: the keys are those of the store.
  @Test(arguments: SeededRandom.seeds(1)) func damagedFiles(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var store = try Store.open(at: path, options: options())
    try fill(store, 0..<12_000)
    let ordered = try #require(store.views.first as? OrderedKeys)
    try ordered.keep()
    try store.put("", for: "late")
    let expected = try store.keys()
    try store.close()
    let bytes = try Files.read(file)
    var contents = (0..<60).map { _ in
      var changed = bytes
      changed[random.below(bytes.count)] ^= UInt8(1 + random.below(255))
      return changed
    }
    contents += [
      [], Array(bytes[..<255]), Array(bytes[..<256]), Array(bytes.dropLast(8)), bytes + bytes, random.bytes(5000),
    ]
    for content in contents {
      try Files.write(content, to: file)
      store = try Store.open(at: path, options: options())
      #expect(try store.keys() == expected && store.count(in: .all) == expected.count)
      try store.close()
    }
  }

  /// F1-VIE-001: a file of another store, or of this one's other life, is not used.
  @Test func filesOfOthers() throws {
    let other = directory.path("other")
    var store = try Store.open(at: path, options: options())
    try fill(store, 0..<11_000)
    try store.close()
    store = try Store.open(at: other, options: options())
    try fill(store, 20_000..<31_000)
    try store.close()
    try Files.write(try Files.read(other + "/view.keys"), to: file)
    store = try Store.open(at: path, options: options())
    #expect(try store.count(in: .between("key-1000000", "key-1011000")) == 11_000)
    try store.close()
    // A copy that goes on by itself.
    try Files.copyTree(path, to: directory.path("copy"))
    for (place, name) in [(path, "a"), (directory.path("copy"), "b")] {
      store = try Store.open(at: place, options: options())
      for number in 0..<11_000 { try store.put("", for: "\(name)-\(number)", durability: .relaxed) }
      try store.close()
    }
    try Files.write(try Files.read(directory.path("copy/view.keys")), to: file)
    store = try Store.open(at: path, options: options())
    #expect(try store.count(in: .prefix("a-")) == 11_000 && store.count(in: .prefix("b-")) == 0)
    try store.close()
  }
}
