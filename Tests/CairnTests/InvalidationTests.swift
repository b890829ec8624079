import CairnTestSupport
import Foundation
import Synchronization
import Testing

@testable import Cairn

/// Goal: an invalidation hides all older entries with the prefix, at once and for ever, and nothing else; and their
/// space comes back.
/// Method: each rule by itself; `ModelTests`, `SnapshotTests` and the lives on a simulated disk mix them with all else.
@Suite struct InvalidationTests {
  let directory = TemporaryDirectory()
  var path: String { directory.path("store") }

  private func options() -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.compaction.isAutomatic = false
    return options
  }

  private func value(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test func hidesWhatIsOlder() throws {
    let store = try Store.open(at: path, options: options())
    try store.put("1", for: "user:1")
    try store.put("2", for: "user:2", expires: .after(.seconds(100)))
    try store.put("3", for: "user")
    try store.put("4", for: "users")
    #expect(try store.invalidate(prefix: "user:") == 5 && store.lastSequence == 5)
    try store.put("5", for: "user:2")
    #expect(try store.value(for: "user:1") == nil)
    #expect(try store.contains("user:1") == false)
    #expect(try store.values(for: ["user:1", "user:2", "user", "users"]) == [nil, value("5"), value("3"), value("4")])
    #expect(try Set(store.contents().keys) == Set(["user", "users", "user:2"].map(value)))
    // There is nothing to remove or to compare with.
    #expect(try store.remove("user:1") == false && store.lastSequence == 6)
    #expect(try store.put("6", for: "user:1", ifVersion: 1) == nil)
    #expect(try store.putIfAbsent("7", for: "user:1") == 7)
    #expect(try store.update("user:1") { $0! + [33] } == 8)
    try store.invalidateAll()
    #expect(try store.contents().isEmpty)
    try store.close()
  }

  /// What has not been found yet is told as what waits.
  @Test func pending() throws {
    let store = try Store.open(at: path, options: options())
    for number in 0..<10 { try store.put([UInt8](repeating: 1, count: 8), for: "a\(number)") }
    try store.put("b", for: "b")
    #expect(try store.pendingInvalidBytes() == 0)
    try store.invalidate(prefix: "a")
    try store.put("new", for: "a3")
    #expect(try store.pendingInvalidBytes() == 9 * 48)
    try store.engine.carryOutBarriers()
    #expect(try store.pendingInvalidBytes() == 0 && store.statistics.invalidatedBytes == 9 * 48)
    try store.close()
    #expect(throws: StoreError.self) { try store.pendingInvalidBytes() }
  }

  @Test func limits() throws {
    let store = try Store.open(at: path, options: options())
    try store.invalidate(prefix: [UInt8](repeating: 1, count: Store.Limits.keyBytes))
    let error = #expect(throws: StoreError.self) {
      try store.invalidate(prefix: [UInt8](repeating: 1, count: Store.Limits.keyBytes + 1))
    }
    #expect(error?.code == .keyTooLong && store.lastSequence == 1)
    try store.close()
    #expect(throws: StoreError.self) { try store.invalidateAll() }
    var readOnly = options()
    readOnly.access = .readOnly
    let reader = try Store.open(at: path, options: readOnly)
    let refused = #expect(throws: StoreError.self) { try reader.invalidate(prefix: "") }
    #expect(refused?.code == .readOnly)
    try reader.close()
  }

  /// - Parameter checkpoint: what a session begins with: none, one from before the invalidation, one from after it, one
  ///   from after the entries were found.
  @Test(arguments: [nil, 0, 1, 2])
  func openedAgain(checkpoint: Int?) throws {
    var store = try Store.open(at: path, options: options())
    for number in 0..<100 { try store.put("old", for: "a\(number)") }
    for number in 0..<100 { try store.put("old", for: "b\(number)") }
    if checkpoint == 0 { try store.writeCheckpoint() }
    try store.invalidate(prefix: "a")
    for number in 0..<50 { try store.put("new", for: "a\(number)") }
    if checkpoint == 1 { try store.writeCheckpoint() }
    if checkpoint == 2 {
      try store.engine.carryOutBarriers()
      try store.writeCheckpoint()
    }
    let expected = try store.contents()
    #expect(expected.count == 150)
    try store.close()
    for access in [Store.Options.Access.readOnly, .mustExist] {
      var options = options()
      options.access = access
      store = try Store.open(at: path, options: options)
      #expect(try store.contents() == expected)
      #expect(store.statistics.barriers == (checkpoint == 2 ? 0 : 1))
      #expect(store.statistics.liveEntries == (checkpoint == 2 ? 150 : 200))
      if access == .mustExist {
        try store.engine.carryOutBarriers()
        #expect(store.statistics.barriers == 0 && store.statistics.liveEntries == 150)
        #expect(store.statistics.invalidatedEntries == (checkpoint == 2 ? 0 : 50))
      }
      #expect(try store.contents() == expected)
      try store.close()
    }
  }

  /// What is hidden is not moved, so a checkpoint from before leads to segments that are gone.
  @Test(arguments: [false, true])
  func aCheckpointThatLeadsToWhatIsGone(isListed: Bool) throws {
    var store = try Store.open(at: path, options: options())
    for number in 0..<500 { try store.put([UInt8](repeating: 7, count: 300), for: "a\(number)") }
    try store.put("old", for: "b")
    if !isListed { try store.writeCheckpoint() }
    try store.invalidate(prefix: "a")
    if isListed { try store.writeCheckpoint() }
    let last = try #require(store.engine.catalog.withLock { $0.segments.last?.number })
    // Not what `compact` does, which would write another checkpoint first.
    try store.engine.carryOutBarriers()
    try store.engine.sealActive(last)
    _ = try store.engine.compactRound { $0.victims(upTo: last) }
    #expect(store.statistics.compactedSegments > 1)
    let copy = directory.path("copy")
    try store.sync()
    try Files.copyStore(path, to: copy)
    try store.close()
    for access in [Store.Options.Access.readOnly, .mustExist] {
      var options = options()
      options.access = access
      store = try Store.open(at: copy, options: options)
      #expect(try store.value(for: "a7") == nil)
      #expect(try store.contents().count == 1 && store.statistics.liveEntries == 1)
      try store.close()
    }
  }

  /// The space comes back, and the barriers go with what they have hidden.
  @Test func compaction() throws {
    let store = try Store.open(at: path, options: options())
    for round in 0..<5 {
      for number in 0..<500 { try store.put([UInt8](repeating: 7, count: 300), for: "a\(number)") }
      try store.put("kept", for: "b\(round)")
      try store.invalidate(prefix: "a")
    }
    try store.put("newest", for: "a1")
    try store.compact()
    #expect(store.statistics.barriers == 0 && store.statistics.segments <= 2)
    #expect(try store.contents().count == 6)
    var kinds: [Change.Kind] = []
    var changes = try store.changes(since: store.engine.catalog.withLock { $0.gone.history })
    while let change = try changes.next() { kinds.append(change.kind) }
    #expect(!kinds.contains(.invalidate))
    try store.close()
    Files.remove(path + "/index.checkpoint")
    let opened = try Store.open(at: path, options: options())
    #expect(try opened.contents().count == 6 && opened.statistics.liveEntries == 6)
    try opened.close()
  }

  /// The log keeps a barrier as long as what it hides, whatever becomes of the segments between and of the checkpoint.
  @Test func isKeptAsLongAsNeeded() throws {
    var store = try Store.open(at: path, options: options())
    for number in 0..<100 { try store.put("old", for: "a\(number)") }
    let first = try #require(store.engine.catalog.withLock { $0.segments.last?.number })
    try store.beginSegment()
    try store.invalidate(prefix: "a")
    for number in 0..<300 { try store.put([UInt8](repeating: 7, count: 300), for: "b\(number % 10)") }
    try store.engine.carryOutBarriers()
    try store.writeCheckpoint()
    try store.beginSegment()
    try store.engine.mapSealed()
    // All but what has the hidden entries.
    _ = try store.engine.compactRound { plan in plan.uses.filter { $0.number > first && $0.isMovable }.map(\.number) }
    #expect(store.statistics.compactedSegments > 0)
    try store.close()
    Files.remove(path + "/index.checkpoint")
    store = try Store.open(at: path, options: options())
    #expect(try store.contents().count == 10)
    try store.close()
  }

  /// A part of a checkpoint that is damaged is made from the log anew, without what was found before.
  @Test func rebuilt() throws {
    var store = try Store.open(at: path, options: options())
    for number in 0..<2000 { try store.put("old", for: "a\(number)") }
    try store.invalidate(prefix: "a")
    for number in 0..<100 { try store.put("new", for: "a\(number)") }
    try store.engine.carryOutBarriers()
    try store.writeCheckpoint()
    try store.close()
    let name = path + "/index.checkpoint"
    var bytes = try Files.read(name)
    for offset in stride(from: CheckpointHeader.bucketsStart, to: bytes.count - 4096, by: 4096) { bytes[offset] ^= 255 }
    try Files.write(bytes, to: name)
    store = try Store.open(at: path, options: options())
    #expect(try store.contents().count == 100)
    #expect(store.statistics.rebuiltShards > 0 && store.statistics.liveEntries == 100)
    try store.close()
  }

  /// What only a barrier hides that is not carried out yet counts until it is, also in a part that is built anew.
  @Test func rebuiltBeforeItIsFound() throws {
    var store = try Store.open(at: path, options: options())
    try store.put([UInt8](repeating: 1, count: 1000), for: "a1")
    try store.invalidate(prefix: "a")
    // Hides what that one hides, too.
    try store.invalidateAll()
    #expect(store.statistics.barriers == 1)
    try store.writeCheckpoint()
    try store.close()
    let name = path + "/index.checkpoint"
    var bytes = try Files.read(name)
    bytes[CheckpointHeader.bucketsStart] ^= 255
    bytes[CheckpointHeader.bucketsStart + 9] ^= 255
    for offset in CheckpointHeader.bucketsStart..<CheckpointHeader.bucketsStart + 64 { bytes[offset] ^= 255 }
    try Files.write(bytes, to: name)
    store = try Store.open(at: path, options: options())
    try store.engine.carryOutBarriers()
    let statistics = store.statistics
    #expect(statistics.rebuiltShards == 1 && statistics.liveEntries == 0 && statistics.liveBytes == 0)
    try store.close()
  }

  /// A record that is damaged may seem to have any version: it stays what it is.
  @Test func damaged() throws {
    var store = try Store.open(at: path, options: options())
    for number in 0..<200 { try store.put("old", for: "a\(number)") }
    try store.invalidate(prefix: "a")
    try store.put("new", for: "a-damaged")
    try store.beginSegment()
    try store.put("last", for: "last")
    try store.writeCheckpoint()
    try store.close()
    store = try Store.open(at: path, options: options())
    let name = path + "/" + (try Files.segments(path))[0]
    let key = try #require(try Files.read(name).firstRange(of: Array("a-damaged".utf8)))
    let file = try #require(FileHandle(forWritingAtPath: name))
    // Its sequence is less than that of the barrier now.
    try file.seek(toOffset: UInt64(key.lowerBound - 32 + 8))
    try file.write(contentsOf: [1])
    try file.close()
    for _ in 0..<2 {
      let error = #expect(throws: StoreError.self) { try store.value(for: "a-damaged") }
      #expect(error?.code == .damaged)
      try store.engine.carryOutBarriers()
    }
    #expect(try store.value(for: "a1") == nil && store.statistics.invalidatedEntries == 200)
    try store.close()
  }

  /// Nobody learns from values that are gone.
  @Test func dictionaries() throws {
    var options = options()
    options.compression = .zstd()
    options.hasThreads = false
    let store = try Store.open(at: path, options: options)
    for number in 0..<3000 { try store.put(SmallRecords.make(number), for: "\(number)") }
    try store.invalidateAll()
    try store.trainDictionary()
    #expect(store.statistics.dictionariesTrained == 0)
    try store.close()
  }

  /// More of them than are put off.
  @Test func many() throws {
    let store = try Store.open(at: path, options: options())
    for number in 0..<1000 { try store.put("old", for: "\(1000 + number)") }
    for number in 0..<900 { try store.invalidate(prefix: "\(1000 + number)") }
    #expect(store.statistics.barriers <= Engine.barriersMax)
    #expect(store.statistics.invalidatedEntries >= 900 - Engine.barriersMax)
    #expect(try store.contents().count == 100)
    try store.close()
    let opened = try Store.open(at: path, options: options())
    #expect(try opened.contents().count == 100)
    try opened.close()
  }

  /// In the background, without being asked.
  @Test func automatic() throws {
    var options = options()
    options.compaction.isAutomatic = true
    let store = try Store.open(at: path, options: options)
    for number in 0..<20_000 { try store.put([UInt8](repeating: 7, count: 200), for: "a\(number)") }
    try store.invalidate(prefix: "a")
    for _ in 0..<2000 where store.statistics.segments > 8 || store.statistics.barriers > 0 { usleep(10_000) }
    #expect(store.statistics.barriers == 0 && store.statistics.liveEntries == 0 && store.statistics.segments <= 8)
    #expect(store.statistics.invalidatedEntries <= 20_000)
    try store.close()
  }

  @Test func snapshots() throws {
    let store = try Store.open(at: path, options: options())
    try store.put("1", for: "a1")
    try store.put("2", for: "a2")
    let before = try store.snapshot()
    try store.invalidate(prefix: "a")
    let after = try store.snapshot()
    try store.put("new", for: "a1")
    func check() throws {
      #expect(try before.value(for: "a1") == value("1") && before.value(for: "a2") == value("2"))
      #expect(try after.value(for: "a1") == nil && after.value(for: "a2") == nil)
      var keys: [[UInt8]] = []
      try before.forEach { entry in
        keys.append(MemoryView(entry.key).array())
        return true
      }
      #expect(Set(keys) == [value("a1"), value("a2")])
      try after.forEach { _ in
        Issue.record("it was empty")
        return true
      }
    }
    try check()
    try store.engine.carryOutBarriers()
    try check()
    try store.compact()
    try check()
    let newest = try store.snapshot()
    #expect(try newest.value(for: "a1") == value("new") && newest.value(for: "a2") == nil)
    try store.close()
  }

  @Test func changesAndHistory() throws {
    let store = try Store.open(at: path, options: options())
    try store.put("1", for: "a1")
    try store.invalidate(prefix: "a")
    try store.put("2", for: "a1")
    try store.invalidate(prefix: "b")
    var changes = try store.changes(since: 0)
    var all: [Change] = []
    while let change = try changes.next() { all.append(change) }
    #expect(all.map(\.kind) == [.put, .invalidate, .put, .invalidate])
    #expect(all.map(\.sequence) == [1, 2, 3, 4] && all[1].key == value("a") && all[1].value.isEmpty)
    #expect(try store.history(of: "a1").map(\.kind) == [.put, .invalidate, .put])
    #expect(all.map { $0.concerns(keysWith: value("a1")) } == [true, true, true, false])
    #expect(all.map { $0.concerns(keysWith: value("bc")) } == [false, false, false, true])
    try store.close()
  }

  /// Where earlier versions are kept, each key is removed by itself.
  @Test func keptVersions() throws {
    var options = options()
    options.keepVersions = 2
    let store = try Store.open(at: path, options: options)
    for number in 0..<5000 { try store.put("1", for: "a\(number)") }
    try store.put("1", for: "b")
    #expect(try store.invalidate(prefix: "a") == 5001)
    #expect(try store.contents().count == 1 && store.statistics.barriers == 0)
    try store.compact()
    #expect(try store.history(of: "a7").first?.value == value("1"))
    try store.close()
  }

  /// Readers never see an entry that was invalidated before they began to look.
  @Test func besideConcurrentReaders() throws {
    var options = options()
    options.compaction.isAutomatic = true
    options.durability = .relaxed
    let store = try Store.open(at: path, options: options)
    let generation = Atomic(0)
    let isOver = Atomic(false)
    @Sendable func write() throws {
      defer { isOver.store(true, ordering: .releasing) }
      for round in 1...300 {
        for number in 0..<20 { try store.put("\(round)", for: "a\(number)") }
        try store.invalidate(prefix: round % 3 == 0 ? "" : "a")
        generation.store(round, ordering: .sequentiallyConsistent)
        if round % 10 == 0 { try store.engine.carryOutBarriers() }
      }
    }
    @Sendable func read() throws {
      var random = SeededRandom(seed: 1)
      while !isOver.load(ordering: .acquiring) {
        let before = generation.load(ordering: .sequentiallyConsistent)
        if let found = try store.value(for: "a\(random.below(20))") {
          let round = try #require(Int(String(decoding: found, as: UTF8.self)))
          #expect(round > before)
        }
      }
    }
    try inParallel([write, read])
    #expect(try store.contents().isEmpty)
    try store.close()
  }
}
