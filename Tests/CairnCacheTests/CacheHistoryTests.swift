import Cairn
import CairnIndex
import CairnTestSupport
import Testing

@testable import CairnCache

/// Goal: what happened in a minute, an hour or a day is known afterwards, after restarts too, and nothing twice.
/// Method: known numbers of hits and misses, by a clock that the test sets.
@Suite struct CacheHistoryTests {
  private func use(_ fixture: CacheFixture, hits: Int, misses: Int) throws {
    let cache = try fixture.cache()
    cache.put("1", for: "there")
    for _ in 0..<hits { _ = cache.value(for: "there") }
    for _ in 0..<misses { _ = cache.value(for: "not there") }
  }

  private func hits(_ fixture: CacheFixture, _ unit: CacheHistoryUnit, _ count: Int) throws -> [Int] {
    try fixture.cache().history(unit, last: count).map(\.statistics.hits)
  }

  @Test func periods() throws {
    let fixture = try CacheFixture()
    try use(fixture, hits: 3, misses: 1)
    #expect(try hits(fixture, .minute, 3) == [0, 0, 3], "not written yet")
    fixture.caches.writeHistory(fixture.store)
    fixture.caches.writeHistory(fixture.store)
    #expect(try hits(fixture, .minute, 3) == [0, 0, 3] && hits(fixture, .day, 2) == [0, 3])
    fixture.clock.advance(60_000)
    try use(fixture, hits: 5, misses: 0)
    fixture.caches.writeHistory(fixture.store)
    fixture.clock.advance(120_000)
    try use(fixture, hits: 7, misses: 2)
    #expect(try hits(fixture, .minute, 4) == [3, 5, 0, 7])
    try fixture.reopen()
    #expect(try hits(fixture, .minute, 5) == [0, 3, 5, 0, 7])
    try use(fixture, hits: 1, misses: 0)
    #expect(try hits(fixture, .minute, 4) == [3, 5, 0, 8])
    let all = try fixture.cache().history(.hour, last: 2).map(\.statistics)
    #expect(all.map(\.hits).reduce(0, +) == 16 && all.map(\.misses).reduce(0, +) == 3)
    #expect(try fixture.cache().statistics(last: .seconds(61)).hits == 8)
    #expect(try fixture.cache().statistics(last: .seconds(240)).hits == 16)
    #expect(try fixture.cache().statistics(last: .seconds(86_400 * 400)).hits == 16)
    let start = try fixture.cache().history(.day, last: 1)[0].start
    #expect(start % 86_400_000 == 0 && start <= fixture.store.now)
    #expect(try hits(fixture, .minute, 0) == [] && hits(fixture, .day, .max).count == 1461)
  }

  /// Old periods end by themselves.
  @Test func isBounded() throws {
    let fixture = try CacheFixture()
    for _ in 0..<20 {
      try use(fixture, hits: 1, misses: 0)
      fixture.caches.writeHistory(fixture.store)
      fixture.clock.advance(3_600_000 * 6)
    }
    #expect(try hits(fixture, .day, 6).reduce(0, +) == 20)
    #expect(try hits(fixture, .hour, 121).reduce(0, +) == 20)
    var minutes = 0
    try fixture.store.forEachKey { entry in
      if String(decoding: [UInt8](copying: entry.key), as: UTF8.self).hasPrefix("@cache:c:m:") { minutes += 1 }
      return true
    }
    #expect(minutes == 3, "those of a day")
  }

  @Test func textOfOthers() throws {
    let known = try #require(CacheStatistics(text: Array("hits=3 later=7 misses=1".utf8)))
    #expect(known.hits == 3 && known.misses == 1 && known.text == "hits=3 misses=1")
    #expect(CacheStatistics(text: Array("".utf8)) == .nothing)
    for text in ["hits", "hits=x", "hits=1=2", "=", "hits=99999999999999999999"] {
      #expect(CacheStatistics(text: Array(text.utf8)) == nil || text == "=", "\(text)")
    }
    let fixture = try CacheFixture()
    let number = fixture.store.now / 60_000
    try fixture.store.put([0xFF], for: "@cache:c:m:\(number)")
    try use(fixture, hits: 1, misses: 0)
    fixture.caches.writeHistory(fixture.store)
    #expect(try hits(fixture, .minute, 1) == [1])
  }
}
