import Cairn
import CairnIndex
import CairnTestSupport
import Testing

@testable import CairnCache

/// Goal: a cache gives back what was put into it, as it was put, or nothing; and counts that.
/// Method: each promise by itself.
@Suite struct CacheTests {
  struct Number: CacheKey {
    let value: Double

    func encode(into key: inout CacheKeyEncoder) { key.add(value) }
  }

  @Test func putsAndReads() throws {
    let fixture = try CacheFixture()
    let cache = try fixture.cache()
    #expect(cache.value(for: "a") == nil && !cache.contains("a"))
    #expect(cache.put("1", for: "a").isStored)
    #expect(cache.value(for: "a") == "1" && cache.peek("a") == "1" && cache.contains("a"))
    #expect(cache.put("2", for: "a").isStored)
    #expect(cache.values(for: ["a", "b"]) == ["2", nil])
    #expect(try cache.remove("a") && !cache.remove("a") && cache.value(for: "a") == nil)
    let statistics = cache.statistics
    #expect(statistics.hits == 2 && statistics.misses == 3 && statistics.puts == 2 && statistics.removals == 1)
    #expect(statistics.hitRate == 0.4)
    #expect(try fixture.store.value(for: "c:a") == nil)
  }

  @Test func entries() throws {
    let fixture = try CacheFixture(lives: CacheLives(afterWrite: .seconds(100), jitter: 0, staleIfError: .seconds(50)))
    let cache = try fixture.cache()
    let start = fixture.store.now
    let put = cache.put(
      "1", for: "a", cost: 2.5, tags: ["y", "x"], attributes: ["model": "small"], isPinned: true)
    fixture.clock.advance(20_000)
    _ = cache.value(for: "a")
    let entry = try #require(cache.entry(for: "a"))
    #expect(entry.value == "1" && put == .stored(version: entry.version))
    #expect(entry.written == start && entry.age == .seconds(20))
    #expect(entry.end == start + 100_000 && entry.deadline == start + 150_000)
    #expect(entry.cost == 2.5 && entry.tags == ["x", "y"] && entry.isPinned && !entry.isStale)
    #expect(entry.attributes == ["model": "small"] && entry.hits == 2)
    fixture.clock.advance(80_000)
    #expect(cache.value(for: "a") == nil && cache.peek("a") == nil && cache.entry(for: "a")?.isStale == true)
    fixture.clock.advance(50_000)
    #expect(cache.entry(for: "a") == nil)
  }

  @Test func cachesOfOneStoreAreApart() throws {
    let fixture = try CacheFixture(["a": CacheOptions(), "ab": CacheOptions(), "b": CacheOptions()])
    let (a, ab, b) = (try fixture.cache("a"), try fixture.cache("ab"), try fixture.cache("b"))
    a.put("1", for: "b:x")
    ab.put("2", for: "x")
    b.put("3", for: "x")
    #expect(a.value(for: "b:x") == "1" && a.value(for: "x") == nil && ab.value(for: "x") == "2")
    try a.removeAll()
    #expect(a.value(for: "b:x") == nil && a.size.entries == 0 && ab.size.entries == 1 && b.value(for: "x") == "3")
    #expect(throws: StoreError.self) { try fixture.cache("c") }
  }

  @Test func otherCodecsAreMisses() throws {
    let fixture = try CacheFixture()
    let text = try fixture.cache()
    let bytes: Cache<String, [UInt8]> = try fixture.store.cache("c", codec: .bytes)
    text.put("1", for: "a")
    #expect(bytes.value(for: "a") == nil && bytes.statistics.incompatibleMisses == 1)
    // Whatever else stands there.
    try fixture.store.put("1", for: "c:b")
    try fixture.store.put("1", for: "c:d", attributes: ["@codec": 1])
    try fixture.store.put([0xFF], for: "c:e", attributes: ["@codec": "text 1.0"])
    for key in ["b", "d", "e"] { #expect(text.value(for: key) == nil) }
    #expect(text.statistics.incompatibleMisses == 4)
    text.put("2", for: "e")
    #expect(text.value(for: "e") == "2")
    func codec(_ major: UInt16, _ minor: UInt16) -> CacheCodec<String> {
      CacheCodec(
        "text", schema: SchemaVersion(major, minor), encode: { Array($0.utf8) },
        decode: { String(decoding: [UInt8](copying: $0), as: UTF8.self) })
    }
    for (version, isThere) in [((1, 7), true), ((2, 0), false)] as [((UInt16, UInt16), Bool)] {
      let other: Cache<String, String> = try fixture.store.cache("c", codec: codec(version.0, version.1))
      #expect((other.value(for: "a") != nil) == isThere)
    }
  }

  @Test func whatIsNotTaken() throws {
    let fixture = try CacheFixture(limits: CacheLimits(bytes: 4096))
    let cache = try fixture.cache()
    cache.put("1", for: "a")
    let large = String(repeating: "x", count: 2000)
    guard case .refused(.tooLarge(let bytes, let limit)) = cache.put(large, for: "a") else {
      Issue.record("it is too large")
      return
    }
    #expect(bytes > 2000 && limit == 1024)
    // What it was to replace is not right any more.
    #expect(cache.value(for: "a") == nil)
    let numbers: Cache<Number, String> = try fixture.store.cache("c", codec: .text)
    guard case .refused(.noKey) = numbers.put("1", for: Number(value: .nan)) else {
      Issue.record("it is no key")
      return
    }
    #expect(numbers.value(for: Number(value: .nan)) == nil && numbers.put("1", for: Number(value: 2)).isStored)
    #expect(cache.put("1", for: "b", life: .after(.zero)) == .refused(.expired))
    #expect(cache.put("1", for: "b", life: .at(milliseconds: 0)) == .refused(.expired))
    #expect(cache.statistics.refusedPuts == 4)
    if case .refused(.store(let error)) = cache.put("1", for: "b", attributes: ["@cost": 2.0]) {
      #expect(error.code == .invalidAttribute)
    } else {
      Issue.record("the name is taken")
    }
    struct Failure: Error {}
    let codec = CacheCodec<String>("no", encode: { _ in throw Failure() }, decode: { _ in throw Failure() })
    let other: Cache<String, String> = try fixture.store.cache("c", codec: codec)
    guard case .refused(.notEncoded) = other.put("1", for: "b") else {
      Issue.record("it cannot be encoded")
      return
    }
  }

  @Test func aCacheThatTheStoreDoesNotTake() throws {
    let fixture = try CacheFixture()
    try fixture.cache().put("1", for: "a")
    try fixture.store.close()
    var options = fixture.options
    options.access = .readOnly
    options.views = [try Caches(["c": CacheOptions()])]
    let store = try Store.open(at: fixture.path, options: options)
    let cache: Cache<String, String> = try store.cache("c", codec: .text)
    #expect(cache.value(for: "a") == "1")
    guard case .refused(.store(let error)) = cache.put("2", for: "a") else {
      Issue.record("the store is read-only")
      return
    }
    #expect(error.code == .readOnly && cache.statistics.failedPuts == 1 && cache.value(for: "a") == "1")
    try store.close()
    // The application goes on.
    #expect(cache.value(for: "a") == nil && cache.statistics.failedMisses == 1)
  }

  @Test func declarations() throws {
    func fails(_ options: CacheOptions) { #expect(throws: StoreError.self) { try Caches(["c": options]) } }
    fails(CacheOptions(limits: CacheLimits(entries: 0)))
    fails(CacheOptions(limits: CacheLimits(bytes: -1)))
    fails(CacheOptions(limits: CacheLimits(cost: .nan)))
    fails(CacheOptions(limits: CacheLimits(valueShare: 0)))
    fails(CacheOptions(lives: CacheLives(afterWrite: .zero)))
    fails(CacheOptions(lives: CacheLives(afterAccess: .seconds(-1))))
    fails(CacheOptions(lives: CacheLives(jitter: 1)))
    fails(CacheOptions(lives: CacheLives(refreshAhead: 1)))
    fails(CacheOptions(loadTimeout: .zero))
    #expect(throws: StoreError.self) { try Caches(["a:b": CacheOptions()]) }
    #expect(throws: StoreError.self) { try Caches([:], bytes: 0) }
    let directory = TemporaryDirectory()
    var options = Store.Options()
    options.views = [try Collections(["c": .init()]), try Caches(["c": CacheOptions()])]
    #expect(throws: StoreError.self) { try Store.open(at: directory.path("a"), options: options) }
    options.views = [try Caches(["c": CacheOptions()]), try Caches(["d": CacheOptions()])]
    #expect(throws: StoreError.self) { try Store.open(at: directory.path("b"), options: options) }
    let caches = try Caches(["c": CacheOptions()])
    options.views = [caches]
    let store = try Store.open(at: directory.path("c"), options: options)
    #expect(throws: StoreError.self) { try Store.open(at: directory.path("d"), options: options) }
    try store.close()
    #expect(throws: Never.self) { try Store.open(at: directory.path("d"), options: options).close() }
  }

  @Test func invalidations() throws {
    let fixture = try CacheFixture()
    let cache = try fixture.cache()
    cache.put("1", for: "user/1", tags: ["t"])
    cache.put("2", for: "user/2")
    cache.put("3", for: "other", tags: ["t", "u"])
    try cache.invalidate(prefix: "user/")
    #expect(cache.value(for: "user/1") == nil && cache.value(for: "other") == "3")
    #expect(cache.size.entries == 1)
    try cache.invalidate(tag: "t")
    #expect(cache.value(for: "other") == nil && cache.statistics.staleMisses == 1)
    cache.put("4", for: "other", tags: ["t"])
    #expect(cache.value(for: "other") == "4")
    // What it is made from.
    try fixture.store.put("a", for: "source")
    cache.put("5", for: "made", derivedFrom: try fixture.store.sources(of: ["source"]))
    #expect(cache.value(for: "made") == "5")
    try fixture.store.put("b", for: "source")
    #expect(cache.value(for: "made") == nil)
  }

  @Test func events() async throws {
    let fixture = try CacheFixture(limits: CacheLimits(entries: 2))
    let cache = try fixture.cache()
    var events = cache.events().makeAsyncIterator()
    cache.put("1", for: "a")
    cache.put("2", for: "a")
    cache.put("1", for: "b", life: .after(.seconds(1)))
    cache.put("1", for: "d")
    try cache.remove("d")
    fixture.clock.advance(1000)
    cache.put("1", for: "e")
    try cache.removeAll()
    var seen: [String] = []
    for _ in 0..<8 {
      guard let event = await events.next() else { break }
      seen.append("\(event.kind) \(String(decoding: event.key, as: UTF8.self))")
    }
    #expect(
      seen == [
        "inserted a", "updated a", "inserted b", "evicted a", "inserted d", "removed d", "expired b", "inserted e",
      ])
    #expect(await events.next() == CacheEvent(kind: .invalidated, key: []))
    try fixture.store.close()
    #expect(await events.next() == nil)
  }
}
