import CairnTestSupport
import Foundation
import Testing

@testable import Cairn

/// Goal: who reads a store otherwise than by its index as it is (snapshots, followers, what is frozen) has the right
/// dictionaries too, as long as they are needed and no longer.
/// Method: stores whose values are put, trained on, overwritten, compacted and compressed anew while others look on.
@Suite(.serialized) struct DictionaryViewsTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store") }

  private func options() -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.compression = .zstd(level: 1)
    options.compaction.isAutomatic = false
    return options
  }

  private func fill(_ store: Store, _ numbers: Range<Int>, kind: Int = 0) throws {
    for number in numbers { try store.put(SmallRecords.make(number + kind, kind: kind), for: "\(number)") }
  }

  private func train(_ store: Store) throws { #expect(try store.engine.trainDictionary(isForced: true)) }

  private func contents(_ snapshot: Snapshot) throws -> [[UInt8]: Model.Entry] {
    var entries: [[UInt8]: Model.Entry] = [:]
    try snapshot.forEach { entry in
      let key = unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }
      let value = unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
      entries[key] = Model.Entry(
        value: value, version: entry.version, deadline: entry.deadline, attributes: Attributes(entry.attributes))
      return true
    }
    return entries
  }

  private func expect(_ snapshot: Snapshot, _ expected: [[UInt8]: Model.Entry]) throws {
    #expect(try contents(snapshot) == expected)
    for (key, entry) in expected { #expect(try snapshot.value(for: key) == entry.value) }
  }

  /// The dictionary in use, as long as it is in memory.
  private final class Watched {
    private weak var dictionary: ValueDictionary?

    init(_ store: Store) { dictionary = store.engine.learning.withLock { $0.current } }

    var isThere: Bool { dictionary != nil }

    /// When those have read that may still need it, of other tests too.
    var isGone: Bool {
      for _ in 0..<60_000 where dictionary != nil {
        Reclaimer.shared.reclaim()
        usleep(2000)
      }
      return dictionary == nil
    }
  }

  @Test func snapshots() throws {
    let store = try Store.open(at: path, options: options())
    try fill(store, 0..<400)
    try train(store)
    try fill(store, 200..<600)
    let first = try store.snapshot()
    let expected = try store.contents()
    try fill(store, 100..<500, kind: 1)
    try train(store)
    try fill(store, 300..<700, kind: 1)
    let second = try store.snapshot()
    let later = try store.contents()
    for level in [nil, 9] as [Int?] {
      if let level { try store.recompress(level: level) } else { try store.compact() }
      try expect(first, expected)
      try expect(second, later)
      #expect(try store.contents() == later)
    }
    #expect(store.statistics.pinnedBytes > 0)
    try store.close()
    #expect(throws: StoreError.self) { try first.value(for: "300") }
  }

  /// A dictionary goes with the last segment that has it, or with the last snapshot of that.
  @Test func asLongAsNeeded() throws {
    let store = try Store.open(at: path, options: options())
    try fill(store, 0..<400)
    try train(store)
    let first = Watched(store)
    try fill(store, 0..<400)
    try train(store)
    #expect(first.isThere)
    var snapshot: Snapshot? = try store.snapshot()
    let expected = try store.contents()
    try store.recompress()
    for _ in 0..<4 { Reclaimer.shared.reclaim() }
    #expect(first.isThere)
    try expect(try #require(snapshot), expected)
    snapshot = nil
    #expect(first.isGone)
    #expect(store.statistics.dictionaries == store.statistics.segments)
    #expect(try store.contents() == expected)
    // All values are gone; the dictionary is kept for those to come, once.
    for number in 0..<400 { try store.remove("\(number)") }
    let last = Watched(store)
    try store.compact()
    #expect(store.statistics.dictionaries <= 2 && last.isThere)
    try store.close()
    #expect(last.isGone)
  }

  /// Trained, compressed anew and compacted away while it is followed, with and without a look in between.
  @Test(arguments: [true, false]) func followers(isLooking: Bool) throws {
    let store = try Store.open(at: path, options: options())
    try fill(store, 0..<300)
    let follower = try Store.follow(path, refreshing: .manual)
    var snapshots: [(Snapshot, [[UInt8]: Model.Entry])] = []
    func look() throws {
      _ = try follower.refresh()
      #expect(try follower.contents() == store.contents())
      #expect(follower.statistics.dictionaryBytes > 0)
      for (number, (snapshot, expected)) in snapshots.enumerated().reversed() {
        do { try expect(snapshot, expected) } catch let error as StoreError {
          // A follower that is overtaken loses its snapshots.
          if error.code != .historyGone { throw error }
          snapshots.remove(at: number)
        }
      }
      if isLooking { snapshots.append((try follower.snapshot(), try store.contents())) }
    }
    for round in 0..<4 {
      try train(store)
      try fill(store, 100 * round..<100 * round + 400, kind: round % 2)
      if isLooking { try look() }
      try store.recompress(level: round)
      if isLooking { try look() }
      for number in 0..<50 * round { try store.remove("\(number)") }
      try store.compact()
      try look()
    }
    try fill(store, 0..<300, kind: 1)
    try store.sync()
    try look()
    snapshots = []
    // Another session goes on with it.
    try store.close()
    let again = try Store.open(at: path, options: options())
    try fill(again, 1000..<1300)
    #expect(try follower.refresh())
    #expect(try follower.contents() == again.contents())
    try again.close()
    try follower.close()
  }

  /// Earlier versions are kept through compaction, and with them what they were compressed with.
  @Test func earlierVersions() throws {
    var options = options()
    options.keepVersions = 3
    var store = try Store.open(at: path, options: options)
    var versions: [[UInt64]] = []
    for round in 0..<4 {
      versions.append([])
      for number in 0..<200 {
        try store.put(SmallRecords.make(number + 1000 * round, kind: round % 2), for: "\(number)")
        versions[round].append(store.lastSequence)
      }
      try train(store)
      if round == 2 { try store.compact() }
    }
    for level in [nil, 9, 1] as [Int?] {
      if let level { try store.recompress(level: level) } else { try store.compact() }
      for number in 0..<200 {
        let history = try store.history(of: "\(number)")
        #expect(history.map(\.sequence) == versions.map { $0[number] })
        #expect(history.map(\.value) == (0..<4).map { SmallRecords.make(number + 1000 * $0, kind: $0 % 2) })
      }
      try store.close()
      store = try Store.open(at: path, options: options)
    }
    #expect(store.statistics.dictionaries == store.statistics.segments)
    try store.close()
  }

  /// What is frozen has no dictionaries of segments, but may have one of its own.
  @Test func frozen() throws {
    let store = try Store.open(at: path, options: options())
    try fill(store, 0..<1500)
    try train(store)
    try fill(store, 1000..<2500)
    try train(store)
    try fill(store, 2000..<3000, kind: 1)
    let expected = try store.contents()
    let follower = try Store.follow(path, refreshing: .manual)
    var sizes: [Int] = []
    for (number, source) in [store, follower].enumerated() {
      let file = directory.path("frozen-\(number)")
      sizes.append(try source.freeze(to: file))
      let frozen = try FrozenStore.open(file)
      try frozen.verify()
      #expect(frozen.count == expected.count)
      for (key, entry) in expected { #expect(try frozen.value(for: key) == entry.value) }
    }
    // A follower was not told to compress.
    #expect(sizes[0] < sizes[1] / 2)
    try follower.close()
    try store.close()
  }

  /// Whatever is trained and compressed anew, the limit holds; and what fits is taken.
  @Test func spaceLimit() throws {
    let limit = 4 << 20
    var options = options()
    options.compaction.isAutomatic = true
    options.spaceLimit = limit
    let store = try Store.open(at: path, options: options)
    func byteCount() throws -> Int {
      try Files.names(path).map { (try? Files.read(path + "/" + $0).count) ?? 0 }.reduce(0, +)
    }
    var refusals = 0
    for round in 0..<12 {
      for number in 0..<4000 {
        do throws(StoreError) {
          try store.put(SmallRecords.make(number + round, kind: round % 2), for: "\(number)")
        } catch {
          guard error.code == .spaceLimit else { throw error }
          refusals += 1
        }
      }
      try train(store)
      #expect(try byteCount() <= limit)
      if round % 4 == 0 { try store.recompress() }
      #expect(try byteCount() <= limit)
    }
    #expect(refusals == 0)
    for number in 0..<4000 {
      #expect(try store.value(for: "\(number)") == SmallRecords.make(number + 11, kind: 1))
    }
    try store.close()
  }

  /// A session without compression ends in a segment that has no dictionary: the next one must not use that of the
  /// segments before, until it begins a segment of its own.
  @Test(arguments: [true, false]) func behindSegmentsWithout(isClosed: Bool) throws {
    var options = options()
    var store = try Store.open(at: path, options: options)
    try fill(store, 0..<400)
    try train(store)
    try fill(store, 0..<400)
    try store.close()
    options.compression = .none
    store = try Store.open(at: path, options: options)
    let count = store.statistics.dictionaries
    try fill(store, 400..<600)
    #expect(store.statistics.dictionaries == count && store.statistics.segments > count + 1)
    // As a killed process leaves it, or closed.
    let copy = directory.path("copy")
    if isClosed { try store.close() }
    try Files.copyStore(path, to: copy)
    if !isClosed { try store.close() }
    options.compression = .zstd(level: 1)
    store = try Store.open(at: copy, options: options)
    try fill(store, 600..<1200)
    let expected = try store.contents()
    try store.close()
    Files.remove(copy + "/index.checkpoint")
    store = try Store.open(at: copy, options: options)
    #expect(try store.contents() == expected)
    for number in 0..<1200 { #expect(try store.value(for: "\(number)") == SmallRecords.make(number)) }
    try store.close()
  }
}
