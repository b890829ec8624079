import Cairn
import CairnIndex
import CairnTestSupport
import Synchronization
import Testing

@testable import CairnCache

/// Goal: a cache never holds more than it may, and gives up what its policy says.
/// Method: each limit by itself; random work against a list in the order of use; after a kill and an opening, too.
@Suite struct CacheLimitTests {
  @Test func entriesInTheOrderOfUse() throws {
    let fixture = try CacheFixture(limits: CacheLimits(entries: 3))
    let cache = try fixture.cache()
    for key in ["a", "b", "d"] { cache.put(key, for: key) }
    _ = cache.value(for: "a")
    cache.put("e", for: "e")
    #expect(try keys(of: cache) == ["a", "d", "e"])
    _ = cache.peek("d")
    cache.put("f", for: "f")
    #expect(try keys(of: cache) == ["a", "e", "f"])
    #expect(cache.statistics.evictions == 2 && cache.size.entries == 3)
    // What is replaced needs no room.
    cache.put("g", for: "a")
    #expect(cache.size.entries == 3 && cache.statistics.evictions == 2)
    // The log says why.
    var changes = try fixture.store.changes(since: 0)
    var evicted: [String] = []
    while let change = try changes.next() {
      if change.cause == .evicted { evicted.append(String(decoding: change.key, as: UTF8.self)) }
    }
    #expect(evicted == ["c:b", "c:d"])
  }

  /// The exact order of use, whatever is done, and after each opening.
  @Test(arguments: SeededRandom.seeds(4)) func randomWork(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let limit = 1 + random.below(40)
    let fixture = try CacheFixture(limits: CacheLimits(entries: limit))
    var cache = try fixture.cache()
    // The one used last stands last.
    var (order, values): ([String], [String: String]) = ([], [:])
    func use(_ key: String) {
      order.removeAll { $0 == key }
      order.append(key)
    }
    for step in 0..<2000 {
      let key = "\(random.below(60))"
      switch random.below(100) {
      case ..<45:
        #expect(cache.value(for: key) == values[key], "seed \(seed), step \(step)")
        if values[key] != nil { use(key) }
      case ..<90:
        let value = String(repeating: "v", count: random.below(30)) + "\(step)"
        #expect(cache.put(value, for: key).isStored)
        if values[key] == nil && values.count == limit { values[order.removeFirst()] = nil }
        values[key] = value
        use(key)
      case ..<97:
        #expect(try cache.remove(key) == (values[key] != nil))
        values[key] = nil
        order.removeAll { $0 == key }
      case ..<98:
        let prefix = "\(random.below(6))"
        try cache.invalidate(prefix: prefix)
        for key in order where key.hasPrefix(prefix) { values[key] = nil }
        order.removeAll { $0.hasPrefix(prefix) }
      case 98:
        try random.percent(30) ? cache.removeAll() : ()
        if try keys(of: cache).isEmpty { (order, values) = ([], [:]) }
      default:
        try fixture.reopen()
        cache = try fixture.cache()
      }
      if step % 50 == 0 {
        #expect(try keys(of: cache) == values.keys.sorted(), "seed \(seed), step \(step)")
        #expect(cache.size.entries == values.count, "seed \(seed), step \(step)")
      }
    }
    #expect(try keys(of: cache) == values.keys.sorted(), "seed \(seed)")
  }

  @Test(arguments: [nil, 8]) func bytes(entries: Int?) throws {
    let fixture = try CacheFixture(limits: CacheLimits(entries: entries, bytes: 20_000), policy: .largestFirst)
    let cache = try fixture.cache()
    for number in 0..<200 {
      cache.put(String(repeating: "x", count: number * 37 % 3000), for: "\(number)")
      let size = cache.size
      #expect(size.bytes <= 20_000 && size.entries <= entries ?? .max && size.entries > 0)
    }
    #expect(cache.statistics.evictions > 100)
    var bytes = 0
    try fixture.store.forEachWithoutValue { entry in
      bytes += entry.recordByteCount
      return true
    }
    #expect(bytes == cache.size.bytes)
  }

  @Test func costs() throws {
    let fixture = try CacheFixture(limits: CacheLimits(cost: 10), policy: .mostExpensiveFirst)
    let cache = try fixture.cache()
    cache.put("a", for: "a", cost: 4)
    cache.put("b", for: "b", cost: 5)
    cache.put("d", for: "d", cost: 3)
    #expect(try keys(of: cache) == ["a", "d"] && cache.size.cost == 7)
    #expect(cache.put("e", for: "e", cost: 11) == .refused(.noRoom))
    #expect(cache.size.entries == 2, "nothing goes for what cannot come")
  }

  @Test func pinnedOnesStay() throws {
    let fixture = try CacheFixture(limits: CacheLimits(entries: 3))
    let cache = try fixture.cache()
    cache.put("a", for: "a", isPinned: true)
    cache.put("b", for: "b", isPinned: true)
    for number in 0..<5 { cache.put("n", for: "\(number)") }
    #expect(try keys(of: cache) == ["4", "a", "b"])
    try fixture.reopen()
    let again = try fixture.cache()
    again.put("d", for: "d", isPinned: true)
    #expect(try keys(of: again) == ["a", "b", "d"])
    #expect(again.put("e", for: "e") == .refused(.noRoom))
    again.put("a", for: "a")
    #expect(again.put("e", for: "e").isStored)
    #expect(try keys(of: again) == ["b", "d", "e"])
  }

  @Test func aSharedBudget() throws {
    let fixture = try CacheFixture(
      ["a": CacheOptions(policy: .lru), "b": CacheOptions(policy: .lru)], bytes: 40_000)
    let (a, b) = (try fixture.cache("a"), try fixture.cache("b"))
    let value = String(repeating: "x", count: 400)
    for number in 0..<200 { a.put(value, for: "\(number)") }
    #expect(a.size.bytes <= 40_000 && a.size.bytes > 38_000)
    // The one with most makes room, until both have as much.
    for number in 0..<200 { b.put(value, for: "\(number)") }
    let (inA, inB) = (a.size.bytes, b.size.bytes)
    #expect(inA + inB <= 40_000 && abs(inA - inB) < 1000)
  }

  @Test func smallerLimitsAtTheNextOpening() throws {
    let fixture = try CacheFixture(limits: CacheLimits(entries: 1000))
    for number in 0..<1000 { try fixture.cache().put("x", for: "\(number)") }
    try fixture.reopen(["c": CacheOptions(limits: CacheLimits(entries: 10), policy: .lru)])
    #expect(try keys(of: fixture.cache()) == (990..<1000).map(String.init))
    try fixture.reopen(["c": CacheOptions(policy: .lru)])
    #expect(try fixture.cache().size.entries == 10)
  }

  /// Also if what is pinned alone is too much.
  @Test func pinnedOnesDoNotKeepOthers() throws {
    let fixture = try CacheFixture(limits: CacheLimits(entries: 1000))
    for number in 0..<1000 { try fixture.cache().put("x", for: "\(number)", isPinned: number < 11) }
    try fixture.reopen(["c": CacheOptions(limits: CacheLimits(entries: 10), policy: .lru)])
    #expect(try keys(of: fixture.cache()) == (0..<11).map(String.init).sorted())
  }

  /// Where entries are in the log makes no difference, and nobody is told of it.
  @Test func compactionLeavesTheOrder() async throws {
    let fixture = try CacheFixture(["c": CacheOptions(limits: CacheLimits(entries: 50), policy: .lru)]) {
      $0.segmentBytes = 64 << 10
      $0.compaction.isAutomatic = false
    }
    let cache = try fixture.cache()
    for number in 0..<50 { cache.put(String(repeating: "x", count: 1000), for: "\(number)") }
    for _ in 0..<100 { try fixture.store.put([UInt8](repeating: 1, count: 1000), for: "other") }
    let bytes = cache.size.bytes
    var events = cache.events().makeAsyncIterator()
    let moved = fixture.store.statistics.bytesMoved
    try fixture.store.compact()
    #expect(fixture.store.statistics.bytesMoved > moved)
    #expect(cache.size.entries == 50 && cache.size.bytes - bytes == 50 * 8, "its version is told now")
    for number in 0..<10 { cache.put("y", for: "new \(number)") }
    #expect((0..<50).filter { cache.peek("\($0)") == nil } == Array(0..<10))
    #expect(await events.next()?.kind == .evicted)
  }

  /// What has been used is known up to the last time that it was kept; what has been put, wholly.
  @Test func afterAKill() throws {
    let fixture = try CacheFixture(limits: CacheLimits(entries: 100))
    var cache = try fixture.cache()
    for number in 0..<100 { cache.put("x", for: "\(number)") }
    for number in 0..<50 { _ = cache.value(for: "\(number)") }
    fixture.caches.save(to: fixture.store.viewFiles)
    for number in 50..<60 { _ = cache.value(for: "\(number)") }
    try cache.remove("70")
    cache.put("y", for: "100")
    cache.put("z", for: "71")
    try fixture.reopenAfterKill()
    cache = try fixture.cache()
    #expect(cache.size.entries == 100)
    // 50 to 99 were put before the first 50 were read; that 50 to 59 were read, is lost.
    for number in 0..<15 { cache.put("x", for: "new \(number)") }
    let gone = (0..<100).map(String.init).filter { cache.peek($0) == nil }
    #expect(gone == (50..<65).map(String.init) + ["70"])
  }

  /// Without the file, the order is that of the puts.
  @Test func withoutTheFile() throws {
    let fixture = try CacheFixture(limits: CacheLimits(entries: 100))
    for number in 0..<100 { try fixture.cache().put("x", for: "\(number)", cost: 2) }
    _ = try fixture.cache().value(for: "0")
    let files = try Files.names(fixture.path)
    try fixture.store.close()
    let names = try Files.names(fixture.path).filter { !files.contains($0) || $0.contains("caches") }
    #expect(names.contains { $0.contains("caches") })
    for name in names where name.contains("caches") { Files.remove(fixture.path + "/" + name) }
    try fixture.reopen()
    let cache = try fixture.cache()
    #expect(cache.size.entries == 100 && cache.size.cost == 200)
    for number in 0..<10 { cache.put("x", for: "new \(number)") }
    #expect((0..<100).filter { cache.peek("\($0)") == nil } == Array(0..<10))
  }

  @Test(arguments: SeededRandom.seeds(2)) func damagedFiles(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let fixture = try CacheFixture(limits: CacheLimits(entries: 50))
    for number in 0..<50 { try fixture.cache().put("x", for: "\(number)") }
    try fixture.store.close()
    let name = try #require(try Files.names(fixture.path).first { $0.contains("caches") })
    let good = try Files.read(fixture.path + "/" + name)
    for _ in 0..<60 {
      var bytes = good
      if random.percent(30) {
        bytes.removeLast(random.below(bytes.count))
      } else {
        bytes[random.below(bytes.count)] ^= UInt8(1 << random.below(8))
      }
      try Files.write(bytes, to: fixture.path + "/" + name)
      try fixture.reopen()
      #expect(try fixture.cache().size.entries == 50, "seed \(seed)")
      try fixture.store.close()
    }
  }

  @Test func byHand() throws {
    let gone = Mutex<[String]>([])
    let fixture = try CacheFixture { options in
      options.onEviction = { key in gone.withLock { $0.append(String(decoding: key, as: UTF8.self)) } }
    }
    let cache = try fixture.cache()
    for number in 0..<10 { cache.put(String(repeating: "x", count: number * 100), for: "\(number)") }
    _ = cache.value(for: "0")
    #expect(try cache.trim(entries: 8) == 2)
    #expect(gone.withLock { $0 } == ["1", "2"])
    #expect(try cache.evict(.largestFirst, toEntries: 5) == 3)
    #expect(gone.withLock { $0.suffix(3) } == ["9", "8", "7"])
    #expect(try keys(of: cache) == ["0", "3", "4", "5", "6"])
    #expect(try cache.trim(bytes: cache.size.bytes - 1) == 1 && cache.peek("3") == nil)
    fixture.clock.advance(5000)
    cache.put("x", for: "new")
    #expect(try cache.trim(olderThan: .seconds(5)) == 0)
    fixture.clock.advance(1)
    #expect(try cache.trim(olderThan: .seconds(5)) == 4)
    #expect(try keys(of: cache) == ["new"])
    // What is told of may ask.
    #expect(try cache.trim(entries: 0) == 1 && cache.size.entries == 0)
  }

  /// Who cannot have room makes nobody go.
  @Test func nothingGoesForWhatCannotCome() throws {
    let fixture = try CacheFixture(limits: CacheLimits(bytes: 400_000, cost: 50, valueShare: 1))
    let cache = try fixture.cache()
    for number in 0..<1000 { cache.put("x", for: "\(number)", cost: 0.05) }
    #expect(cache.put("y", for: "new", cost: 100) == .refused(.noRoom))
    cache.put(String(repeating: "x", count: 200_000), for: "pinned", cost: 0, isPinned: true)
    let before = cache.size
    #expect(cache.put(String(repeating: "y", count: 250_000), for: "new") == .refused(.noRoom))
    #expect(cache.size == before && cache.statistics.evictions == 0)
  }

  @Test func everythingGoesAfterDoubts() throws {
    let fixture = try CacheFixture()
    let cache = try fixture.cache()
    for number in 0..<1000 { cache.put("x", for: "\(number)") }
    try cache.invalidate(prefix: "9")
    cache.put("y", for: "a")
    try cache.removeAll()
    cache.put("y", for: "b")
    #expect(cache.size.entries == 1)
  }

  @Test func afterAClose() throws {
    let fixture = try CacheFixture(limits: CacheLimits(entries: 100))
    let cache = try fixture.cache()
    for number in 0..<100 { cache.put("x", for: "\(number)") }
    try fixture.store.close()
    #expect(throws: StoreError.self) { try cache.trim(entries: 0) }
    #expect(!cache.put("x", for: "new").isStored && cache.value(for: "1") == nil)
    #expect(throws: StoreError.self) { try cache.removeAll() }
    _ = cache.size
  }

  /// Words that nobody has written, behind a checksum that fits.
  @Test(arguments: SeededRandom.seeds(2)) func hostileFiles(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let fixture = try CacheFixture(limits: CacheLimits(entries: 50))
    for number in 0..<50 { try fixture.cache().put("x", for: "\(number)", isPinned: number % 7 == 0) }
    try fixture.store.close()
    let name = try #require(try Files.names(fixture.path).first { $0.contains("caches") })
    let good = try Files.read(fixture.path + "/" + name)
    // Behind the header of the file, which has no checksum of what follows.
    let start = good.count - (good.count / 8 - 8) * 8
    for _ in 0..<100 {
      var content = Array(good[start..<(good.count - 8)])
      for _ in 0...random.below(3) {
        let place = random.below(content.count / 8) * 8
        let word = [0, 1, .max, 1 << 63, random.next(), UInt64(random.below(100))][random.below(6)]
        for byte in 0..<8 { content[place + byte] = UInt8(truncatingIfNeeded: word >> UInt64(8 * byte)) }
      }
      var bytes = Array(good[..<start]) + content
      bytes.append(number: content.withBytes { FileWords.hash($0) })
      try Files.write(bytes, to: fixture.path + "/" + name)
      try fixture.reopen()
      let cache = try fixture.cache()
      cache.put("y", for: "new")
      #expect(cache.value(for: "new") == "y" && cache.size.entries <= 51, "seed \(seed)")
      try fixture.store.close()
    }
  }

  @Test func expiredOnesGoFirst() throws {
    let fixture = try CacheFixture(limits: CacheLimits(entries: 3))
    let cache = try fixture.cache()
    cache.put("a", for: "a")
    cache.put("b", for: "b", life: .after(.seconds(1)))
    cache.put("d", for: "d")
    fixture.clock.advance(1000)
    cache.put("e", for: "e")
    #expect(try keys(of: cache) == ["a", "d", "e"])
    #expect(cache.statistics.expirations == 1 && cache.statistics.evictions == 0)
  }
}
