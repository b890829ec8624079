import Cairn
import CairnTestSupport
import Synchronization
import Testing

@testable import CairnCache

/// Goal: a value is returned as long as it is good, and no longer.
/// Method: each kind of life by a clock that the test sets.
@Suite struct CacheLifeTests {
  struct Failure: Error {}

  /// A load that counts, and says which one it was.
  final class Source: Sendable {
    private let count = Atomic(0)
    private let failing = Atomic(false)
    var loads: Int { count.load(ordering: .sequentiallyConsistent) }
    func fail(_ isFailing: Bool) { failing.store(isFailing, ordering: .sequentiallyConsistent) }

    func load() throws -> String {
      let number = count.add(1, ordering: .sequentiallyConsistent).newValue
      if failing.load(ordering: .sequentiallyConsistent) { throw Failure() }
      return "\(number)"
    }
  }

  private func settled(_ cache: Cache<String, String>, _ source: Source, _ loads: Int) async {
    while source.loads < loads || cache.statistics.loads + cache.statistics.failedLoads < loads { await Task.yield() }
    while cache.statistics.refreshes + cache.statistics.failedLoads + 1 < loads { await Task.yield() }
  }

  @Test func afterWrite() throws {
    let fixture = try CacheFixture(lives: CacheLives(afterWrite: .seconds(10), jitter: 0))
    let cache = try fixture.cache()
    cache.put("1", for: "a")
    cache.put("2", for: "b", life: .after(.seconds(20)))
    cache.put("3", for: "c", life: .never)
    cache.put("4", for: "d", life: .at(milliseconds: fixture.store.now + 1))
    func there() -> [String] { ["a", "b", "c", "d"].filter { cache.value(for: $0) != nil } }
    #expect(there() == ["a", "b", "c", "d"])
    fixture.clock.advance(1)
    #expect(there() == ["a", "b", "c"])
    fixture.clock.advance(9998)
    #expect(there() == ["a", "b", "c"])
    fixture.clock.advance(1)
    #expect(there() == ["b", "c"])
    fixture.clock.advance(10_000)
    #expect(there() == ["c"])
    #expect(cache.size.entries == 1 && cache.statistics.expirations == 3)
    // A clock that is set back brings nothing back.
    fixture.clock.setWall(0)
    #expect(there() == ["c"])
  }

  @Test func jitter() throws {
    let fixture = try CacheFixture(lives: CacheLives(afterWrite: .seconds(100), jitter: 0.2))
    let cache = try fixture.cache()
    let ends = (0..<200).compactMap { number -> Int64? in
      cache.put("x", for: "\(number)")
      return cache.entry(for: "\(number)")?.end
    }.map { $0 - fixture.store.now }
    #expect(ends.count == 200 && ends.allSatisfy { (80_000...100_000).contains($0) })
    #expect(Set(ends).count > 150 && (ends.max() ?? 0) - (ends.min() ?? 0) > 15_000)
  }

  @Test func afterAccess() throws {
    let fixture = try CacheFixture(lives: CacheLives(afterAccess: .seconds(100)))
    let cache = try fixture.cache()
    cache.put("1", for: "a")
    cache.put("1", for: "b")
    let puts = fixture.store.lastSequence
    for _ in 0..<100 {
      fixture.clock.advance(5000)
      #expect(cache.value(for: "a") == "1")
    }
    // Put again for every tenth of its life, and not for every read.
    #expect(fixture.store.lastSequence - puts == 50)
    #expect(cache.value(for: "b") == nil)
    fixture.clock.advance(99_999)
    #expect(cache.peek("a") == "1")
    fixture.clock.advance(10_001)
    #expect(cache.value(for: "a") == nil)
  }

  @Test func afterAccessAndWrite() throws {
    let fixture = try CacheFixture(lives: CacheLives(afterWrite: .seconds(150), afterAccess: .seconds(100), jitter: 0))
    let cache = try fixture.cache()
    cache.put("1", for: "a")
    for _ in 0..<14 {
      fixture.clock.advance(10_000)
      #expect(cache.value(for: "a") == "1")
    }
    fixture.clock.advance(10_000)
    #expect(cache.value(for: "a") == nil)
  }

  @Test func refreshAhead() async throws {
    let fixture = try CacheFixture(lives: CacheLives(afterWrite: .seconds(100), jitter: 0, refreshAhead: 0.8))
    let cache = try fixture.cache()
    let source = Source()
    func load() async throws -> String { try await cache.value(for: "a") { _ in try source.load() } }
    #expect(try await load() == "1")
    fixture.clock.advance(79_999)
    #expect(try await load() == "1" && source.loads == 1)
    fixture.clock.advance(1)
    #expect(try await load() == "1", "the old one meanwhile")
    await settled(cache, source, 2)
    #expect(try await load() == "2" && source.loads == 2)
    // One that fails does not make the value live longer, and is not tried again at once.
    source.fail(true)
    fixture.clock.advance(80_000)
    #expect(try await load() == "2")
    await settled(cache, source, 3)
    #expect(try await load() == "2" && source.loads == 3)
    fixture.clock.advance(20_000)
    await #expect(throws: Failure.self) { try await load() }
  }

  @Test func staleWhileRevalidate() async throws {
    let fixture = try CacheFixture(
      lives: CacheLives(
        afterWrite: .seconds(100), jitter: 0, refreshAhead: nil, staleWhileRevalidate: .seconds(50)))
    let cache = try fixture.cache()
    let source = Source()
    func load() async throws -> String { try await cache.value(for: "a") { _ in try source.load() } }
    #expect(try await load() == "1")
    fixture.clock.advance(100_000)
    #expect(cache.value(for: "a") == nil, "reads do not have it")
    #expect(try await load() == "1")
    await settled(cache, source, 2)
    #expect(try await load() == "2" && cache.statistics.staleHits == 1)
    fixture.clock.advance(150_000)
    #expect(try await load() == "3", "too old")
  }

  @Test func staleIfError() async throws {
    let fixture = try CacheFixture(
      lives: CacheLives(
        afterWrite: .seconds(100), jitter: 0, refreshAhead: nil, staleIfError: .seconds(500), retryAfter: .seconds(30)))
    let cache = try fixture.cache()
    let source = Source()
    func load() async throws -> String { try await cache.value(for: "a") { _ in try source.load() } }
    #expect(try await load() == "1")
    source.fail(true)
    fixture.clock.advance(100_000)
    #expect(try await load() == "1" && source.loads == 2)
    #expect(try await load() == "1" && source.loads == 2, "not so soon again")
    fixture.clock.advance(30_000)
    #expect(try await load() == "1" && source.loads == 3)
    #expect(cache.statistics.staleHits == 3)
    // What was invalidated is not right, and is not returned.
    try cache.invalidate(prefix: "a")
    await #expect(throws: Failure.self) { try await load() }
    source.fail(false)
    #expect(try await load() == "5")
    source.fail(true)
    fixture.clock.advance(600_000)
    await #expect(throws: Failure.self) { try await load() }
  }

  @Test func negativeEntries() async throws {
    let fixture = try CacheFixture(lives: CacheLives(afterWrite: .seconds(1000), negative: .seconds(10)))
    let cache = try fixture.cache()
    let loads = Atomic(0)
    func load() async throws -> String? {
      try await cache.valueIfAny(for: "a") { _ in
        loads.add(1, ordering: .relaxed)
        return nil
      }
    }
    #expect(try await load() == nil)
    #expect(try await load() == nil && loads.load(ordering: .relaxed) == 1)
    #expect(cache.value(for: "a") == nil && cache.entry(for: "a") == nil && cache.statistics.negativeHits == 2)
    fixture.clock.advance(10_000)
    #expect(try await load() == nil && loads.load(ordering: .relaxed) == 2)
    // A load that knows of no such thing brings a value.
    #expect(try await cache.value(for: "a") { _ in "1" } == "1")
    #expect(try await load() == "1" && loads.load(ordering: .relaxed) == 2)
  }
}
