import CairnTestSupport
import CairnTorture
import Testing

@testable import Cairn

/// F1-WRT-008.
/// Goal: compaction may be killed at any moment, or the power may fail, and nothing is lost, and nothing comes back.
/// Method: stores with something of everything (overwrites, removes of what lies in other segments, expiry, batches) on
/// a simulated disk, synced; then a compaction that is stopped before each of its calls. What that leaves, and what
/// power failures make of it, is opened with and without its checkpoint, compacted again, and stopped again.
@Suite struct CompactionCrashTests {
  private let clock = ManualClock()

  private func options(_ random: inout SeededRandom) -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.checkpointInterval = [0, 20_000, nil][random.below(3)]
    options.compaction.isAutomatic = false
    options.clock = clock
    options.keepVersions = random.below(3)
    return options
  }

  private func open(_ disk: SimulatedDisk, _ options: Store.Options) throws -> Store {
    Store(engine: try Engine.open("store", options, disk))
  }

  /// Writes to the store for a while. Keys are few, so that most of it is dead at the end.
  private func fill(_ store: Store, _ random: inout SeededRandom) throws {
    for _ in 0..<150 {
      let key = Array("key \(random.below(60))".utf8)
      switch random.below(10) {
      case 0..<2: try store.remove(key)
      case 2: try store.put(random.bytes(50), for: key, expires: .after(.seconds(random.below(4))))
      case 3:
        try store.write { batch in
          for number in 0..<4 { try batch.put(random.bytes(30), for: key + [UInt8(number)]) }
          try batch.remove(key)
        }
      default: try store.put(random.bytes(random.percent(10) ? 8000 : 800), for: key)
      }
      if random.percent(3) { clock.advance(1000) }
    }
  }

  private func check(
    _ content: SimulatedDisk.Content, _ expected: [[UInt8]: Model.Entry], _ kept: [[UInt8]: [Change]],
    _ options: Store.Options, _ comment: Comment
  ) throws {
    for content in [content, content.withoutCheckpoint] {
      let store: Store
      do { store = try open(SimulatedDisk(content), options) } catch {
        Issue.record("\(comment): \(error)")
        continue
      }
      #expect(try store.contents() == expected, comment)
      for (key, puts) in kept { #expect(try self.puts(store, key).suffix(puts.count) == puts[...], comment) }
      try store.close()
    }
  }

  /// The versions of a key that was put.
  private func puts(_ store: Store, _ key: [UInt8]) throws -> [Change] {
    try store.history(of: key).filter { $0.kind == .put }
  }

  @Test(arguments: SeededRandom.seeds(4)) func stoppedBeforeEachCall(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let options = options(&random)
    let first = SimulatedDisk()
    var store = try open(first, options)
    try fill(store, &random)
    if random.percent(50) {
      // Some gaps are there already.
      try store.compact()
      try fill(store, &random)
    }
    if random.percent(50) {
      try store.close()
      store = try open(first, options)
      try fill(store, &random)
    }
    try store.sync()
    let content = first.crashed()
    let expected = try store.contents()
    // What must be left of the history of some keys. Of what has expired it depends on whether it has been removed.
    var kept: [[UInt8]: [Change]] = [:]
    for number in 0..<60 where number % 20 == 0 {
      let key = Array("key \(number)".utf8)
      let puts = try puts(store, key)
      if puts.contains(where: { $0.deadline != nil }) { continue }
      kept[key] = puts.suffix(options.keepVersions + (expected[key] == nil ? 0 : 1))
    }
    try store.close()
    var crashAt = 0
    while true {
      let comment: Comment = "seed \(seed), before call \(crashAt)"
      let disk = SimulatedDisk(content, crashAt: crashAt)
      let compacted = try open(disk, options)
      try compacted.compact()
      #expect(try compacted.contents() == expected, comment)
      try compacted.close()
      if disk.calls <= crashAt { break }
      // The close is looked at in other tests.
      let killed = disk.crashed()
      try check(killed, expected, kept, options, comment)
      for _ in 0..<2 { try check(killed.afterPowerFailure(&random), expected, kept, options, comment) }
      // The next session is stopped as well: in its compaction, or where it clears up.
      let last = random.percent(50) ? killed.afterPowerFailure(&random) : killed
      let again = SimulatedDisk(last, crashAt: random.below(random.percent(50) ? 12 : disk.calls + 1))
      let next = try open(again, options)
      try next.compact()
      #expect(try next.contents() == expected, comment)
      try next.close()
      try check(again.crashed().afterPowerFailure(&random), expected, kept, options, comment)
      crashAt += 1 + random.below(3)
    }
    #expect(crashAt > 30, "seed \(seed)")
  }

  /// Goal: segments that a killed compaction has left over are not removed before the list that names them is on the
  /// disk to stay.
  /// Method: a compaction is killed between the rename of its list and the sync of the directory; the next session is
  /// stopped before each of its calls, and the power fails: of the changes to the directory, any may be kept.
  @Test func theListOutlivesWhatItNames() throws {
    var random = SeededRandom(seed: SeededRandom.seeds(1)[0])
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.compaction.isAutomatic = false
    let first = SimulatedDisk()
    let store = try open(first, options)
    for number in 0..<200 { try store.put([UInt8](repeating: 1, count: 900), for: "\(number % 7)") }
    try store.sync()
    let content = first.crashed()
    let expected = try store.contents()
    try store.close()
    var killed: SimulatedDisk.Content?
    for crashAt in 0... {
      let disk = SimulatedDisk(content, crashAt: crashAt)
      let compacted = try open(disk, options)
      try compacted.compact()
      try compacted.close()
      let left = disk.crashed()
      let isRenamed = left.changes.contains {
        if case .rename(_, GoneSegments.name, _) = $0.change { true } else { false }
      }
      if isRenamed { killed = left }
      if isRenamed || disk.calls <= crashAt { break }
    }
    let start = try #require(killed)
    for crashAt in 0..<16 {
      let disk = SimulatedDisk(start, crashAt: crashAt)
      try open(disk, options).close()
      for _ in 0..<8 {
        try check(
          disk.crashed().afterPowerFailure(&random), expected, [:], options,
          "seed \(random.seed), before call \(crashAt)")
      }
    }
  }
}
