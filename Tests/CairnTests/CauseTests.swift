import CairnTestSupport
import Foundation
import Testing

@testable import Cairn

/// Goal: who follows the changes of a store is told why entries went, also after the log has been compacted; and a
/// clock that is set is told.
/// Method: real stores with a clock of the test's.
@Suite struct CauseTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store") }

  private func options(_ clock: ManualClock = ManualClock()) -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.compaction.isAutomatic = false
    options.clock = clock
    return options
  }

  private func removes(_ store: Store) throws -> [String: RemovalCause] {
    var causes: [String: RemovalCause] = [:]
    var changes = try store.changes(since: 0)
    while let change = try changes.next() {
      let key = String(decoding: change.key, as: UTF8.self)
      if change.kind == .put {
        #expect(change.cause == nil)
        causes[key] = nil
      } else {
        causes[key] = change.cause
      }
    }
    return causes
  }

  @Test func areTold() throws {
    var store = try Store.open(at: path, options: options())
    let long = String(repeating: "ä", count: 200)
    let expected: [String: RemovalCause] = [
      "removed": .removed, "expired": .expired, "evicted": .evicted, "invalidated": .invalidated(by: "user:*"),
      "batch": .evicted, "version": .invalidated(by: ""), "long": .invalidated(by: String(long.prefix(127))),
      "p": .invalidated(by: "p*"),
    ]
    for key in expected.keys { try store.put([UInt8](repeating: 1, count: 1000), for: key) }
    try store.remove("removed")
    try store.remove("expired", cause: .expired)
    try store.remove("evicted", cause: .evicted)
    try store.remove("invalidated", cause: .invalidated(by: "user:*"))
    try store.write { batch in try batch.remove("batch", cause: .evicted) }
    let version = try #require(try store.version(of: "version"))
    #expect(try store.remove("version", ifVersion: version + 1, cause: .evicted) == false)
    #expect(try store.remove("version", ifVersion: version, cause: .invalidated(by: "")))
    try store.remove("long", cause: .invalidated(by: long))
    try store.invalidate(prefix: "p")
    try store.put("", for: "stays")
    try store.close()
    store = try Store.open(at: path, options: options())
    let found = try removes(store)
    #expect(found == expected)
    #expect(try store.contains("stays") && !store.contains("evicted"))
    try store.close()
  }

  /// A remove that has to stay keeps what it says when it is moved.
  @Test func movesWithTheRemove() throws {
    let store = try Store.open(at: path, options: options())
    try store.put([UInt8](repeating: 1, count: 1000), for: "a")
    try store.put("", for: "stays")
    try store.beginSegment()
    try store.remove("a", cause: .invalidated(by: "b"))
    let second = store.engine.catalog.withLock { $0.segments.last?.number ?? 0 }
    try store.beginSegment()
    _ = try store.engine.compactRound { _ in [second] }
    let changes = try store.history(of: "a")
    #expect(changes.map(\.cause) == [nil, .invalidated(by: "b")])
    let records = try #require(store.engine.catalog.withLock { $0.segments.last?.number })
    #expect(records > second, "it stands in another segment now")
    try store.close()
  }

  @Test func expired() throws {
    let clock = ManualClock()
    let store = try Store.open(at: path, options: options(clock))
    for number in 0..<1000 {
      let expires: Store.Expiry = number % 2 == 0 ? .after(.milliseconds(10)) : .after(.seconds(10))
      try store.put("\(number)", for: "\(number)", expires: expires)
    }
    #expect(try store.removeExpired() == 0)
    clock.advance(10)
    try store.put("again", for: "0")
    try store.put("hidden", for: "x0", expires: .after(.milliseconds(1)))
    try store.invalidate(prefix: "x")
    clock.advance(1)
    #expect(store.statistics.liveEntries == 1001)
    #expect(try store.removeExpired() == 499)
    #expect(try store.removeExpired() == 0)
    #expect(try store.value(for: "0") == Array("again".utf8) && store.contains("1") && !store.contains("2"))
    let found = try removes(store)
    #expect(found["2"] == .expired && found["1"] == nil && found["x0"] == nil)
    // What compaction removes itself.
    clock.advance(10_000)
    try store.compact()
    #expect(store.statistics.liveEntries == 1)
    try store.close()
    #expect(throws: StoreError.self) { try store.removeExpired() }
  }

  /// What is put between the look and the remove stays.
  @Test func putAgainMeanwhile() throws {
    let clock = HookedClock()
    var options = options()
    options.clock = clock
    let store = try Store.open(at: path, options: options)
    // One look for each part of the index: in one of them the entry is found.
    for looks in 0..<HashIndex.shards {
      try store.put("old", for: "a", expires: .after(.milliseconds(1)))
      clock.base.advance(1)
      clock.afterLooks(looks) { _ = try? store.put("new", for: "a") }
      try store.removeExpired()
      clock.cancel()
      #expect(try store.value(for: "a") == Array("new".utf8), "\(looks)")
    }
    try store.close()
  }

  @Test func spaceLimit() throws {
    let clock = ManualClock()
    var options = options(clock)
    options.spaceLimit = 2 << 20
    let store = try Store.open(at: path, options: options)
    var count = 0
    while (try? store.put([UInt8](repeating: 1, count: 10), for: "\(count)", expires: .after(.seconds(1)))) != nil {
      count += 1
    }
    clock.advance(1000)
    // Where there is no room, compaction makes some, and removes what has expired as well.
    #expect(try store.removeExpired() <= count && count > 5000 && store.statistics.liveEntries == 0)
    let size = try FileManager.default.contentsOfDirectory(atPath: path).reduce(0) { sum, name in
      // Some are gone by now.
      let attributes = try? FileManager.default.attributesOfItem(atPath: path + "/" + name)
      return sum + (attributes?[.size] as? Int ?? 0)
    }
    #expect(size <= 2 << 20)
    try store.put("", for: "a")
    try store.close()
  }

  @Test func compactionSaysThatItHasExpired() throws {
    let clock = ManualClock()
    let store = try Store.open(at: path, options: options(clock))
    try store.put([UInt8](repeating: 1, count: 1000), for: "a", expires: .after(.milliseconds(10)))
    let first = store.engine.catalog.withLock { $0.segments.last?.number ?? 0 }
    try store.beginSegment()
    clock.advance(10)
    let seen = store.lastSequence
    _ = try store.engine.compactRound { _ in [first] }
    var changes = try store.changes(since: seen)
    let change = try #require(try changes.next())
    #expect(change.kind == .remove && change.cause == .expired)
    try store.close()
  }

  @Test func versionsThatAreKept() throws {
    let clock = ManualClock()
    var options = options(clock)
    options.keepVersions = 1
    let store = try Store.open(at: path, options: options)
    try store.put("", for: "a", expires: .after(.milliseconds(1)))
    clock.advance(1)
    #expect(try store.removeExpired() == 0, "its version is to be kept")
    try store.close()
  }

  @Test(.enabled(if: SmallDisk.canMount, Comment(rawValue: SmallDisk.reason))) func fullDisk() throws {
    let clock = ManualClock()
    let disk = try SmallDisk()
    let store = try Store.open(at: disk.path + "/store", options: options(clock))
    for number in 0..<4000 { try store.put("", for: "\(number)", expires: .after(.milliseconds(1))) }
    clock.advance(1)
    let ballast = try FileHandle(forWritingTo: makeFile(disk.path + "/ballast"))
    try ballast.write(contentsOf: Data(count: max(0, disk.freeBytes() - (64 << 10))))
    let error = #expect(throws: StoreError.self) { try store.removeExpired() }
    #expect(error?.code == .noSpace)
    let left = store.statistics.liveEntries
    #expect(left > 0 && left < 4000, "some have been removed")
    try ballast.truncate(atOffset: 0)
    #expect(try store.removeExpired() == left)
    #expect(store.statistics.liveEntries == 0)
    try store.put("", for: "a")
    try store.close()
    #expect(try Store.open(at: disk.path + "/store").statistics.liveEntries == 1)
  }

  private func makeFile(_ path: String) throws -> URL {
    try Data().write(to: URL(fileURLWithPath: path))
    return URL(fileURLWithPath: path)
  }

  // MARK: The clock

  @Test func clockThatIsSet() throws {
    let clock = ManualClock()
    let start = clock.wallMilliseconds()
    let store = try Store.open(at: path, options: options(clock))
    func report() -> [Int] {
      let statistics = store.statistics
      return [
        statistics.clockSetForward, statistics.clockSetBack, Int(statistics.clockBehind.wholeMilliseconds),
      ]
    }
    #expect(report() == [0, 0, 0])
    clock.setWall(start + 999)
    #expect(report() == [0, 0, 0], "a correction")
    clock.setWall(start + 3_600_000)
    #expect(report() == [1, 0, 0])
    clock.setWall(start)
    #expect(report() == [1, 1, 3_600_000] && report() == [1, 1, 3_600_000])
    try store.put("", for: "a", expires: .after(.seconds(1)))
    clock.advance(1000)
    #expect(try store.contains("a") == false, "time goes on")
    clock.setWall(start + 1_800_000)
    #expect(report() == [1, 1, 1_801_000])
    // Where it should be, and back once more.
    clock.setWall(start + 3_601_000)
    #expect(report() == [1, 1, 0])
    clock.setWall(start)
    #expect(report() == [1, 2, 3_601_000])
    // Who is held up between two looks has not seen a clock that was set.
    clock.setWall(start + 3_601_000)
    #expect(report()[1] == 2)
    clock.pauseAfterNextLook(60_000)
    #expect(report() == [1, 2, 0])
    try store.close()
  }
}
