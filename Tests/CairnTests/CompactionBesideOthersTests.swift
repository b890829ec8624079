import Cairn
import CairnTestSupport
import Synchronization
import Testing

/// Goal: compaction takes nothing from anybody who reads, follows changes, holds a snapshot, or writes a checkpoint.
/// Method: threads overwrite and compact small segments without a pause, while others do that. Also under the thread
/// sanitizer.
@Suite(.serialized) struct CompactionBesideOthersTests {
  private let directory = TemporaryDirectory()

  private func open(_ name: String = "store", checkpointInterval: Int? = 50_000) throws -> Store {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.checkpointInterval = checkpointInterval
    options.compaction.targetAmplification = 1.1
    return try Store.open(at: directory.path(name), options: options)
  }

  /// Every key that was put is seen with its last version, wherever compaction has brought it meanwhile.
  @Test func changes() throws {
    for seed in SeededRandom.seeds(3) {
      let store = try open("store-\(seed)")
      let isDone = Atomic(false)
      // Put once each, and moved again and again.
      let once = Atomic(0)
      @Sendable func write() throws {
        defer { isDone.store(true, ordering: .releasing) }
        var random = SeededRandom(seed: seed)
        for number in 0..<20_000 {
          try store.put(random.bytes(random.below(300)), for: "often \(random.below(100))")
          if number % 20 == 0 {
            let next = once.load(ordering: .relaxed)
            try store.put(random.bytes(100), for: "once \(next)")
            once.store(next + 1, ordering: .releasing)
          }
        }
      }
      @Sendable func compact() throws { while !isDone.load(ordering: .acquiring) { try store.compact() } }
      @Sendable func follow() throws {
        var isLast = false
        while true {
          let promised = once.load(ordering: .acquiring)
          var changes = try store.changes(since: 0)
          var seen: [[UInt8]: UInt64] = [:]
          var last: UInt64 = 0
          while let change = try changes.next() {
            #expect(change.sequence > last, "seed \(seed)")
            last = change.sequence
            seen[change.key] = change.sequence
          }
          for number in 0..<promised where seen[Array("once \(number)".utf8)] == nil {
            Issue.record("seed \(seed): the key number \(number) of \(promised) was not seen")
          }
          if isLast {
            #expect(try seen == store.contents().mapValues { $0.version }, "seed \(seed)")
            return
          }
          isLast = isDone.load(ordering: .acquiring)
        }
      }
      try inParallel([write, compact, follow, follow])
      #expect(store.statistics.compactedSegments > 5)
      try store.close()
    }
  }

  /// The end of one snapshot takes nothing from another that was taken just before or after.
  @Test func snapshots() throws {
    let store = try open()
    let isDone = Atomic(false)
    @Sendable func takeAndEnd() throws {
      while !isDone.load(ordering: .acquiring) { _ = try store.snapshot().sequence }
    }
    @Sendable func write() throws {
      defer { isDone.store(true, ordering: .releasing) }
      for number in 0..<8000 {
        let key = "key \(number % 3)"
        let version = try store.put("\(number)", for: key)
        let snapshot = try store.snapshot()
        try store.put("later", for: key)
        let entry = try snapshot.entry(for: key)
        if entry?.version != version { Issue.record("\(key): \(String(describing: entry?.version)), not \(version)") }
      }
    }
    try inParallel([write, takeAndEnd, takeAndEnd])
    #expect(store.statistics.snapshots == 0)
    try store.close()
  }

  /// A checkpoint that was written beside rounds of compaction can be used.
  @Test func checkpoints() throws {
    let store = try open(checkpointInterval: 20_000)
    var random = SeededRandom(seed: SeededRandom.seeds(1)[0])
    for round in 0..<10 {
      let seed = random.next()
      @Sendable func write() throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<1500 {
          let key = "key \(random.below(400))"
          if random.percent(20) { try store.remove(key) } else { try store.put(random.bytes(200), for: key) }
        }
      }
      @Sendable func compact() throws { for _ in 0..<10 { try store.compact() } }
      try inParallel([write, compact])
      // As a killed process leaves it; nobody writes now, and compaction finds nothing to do after that.
      try store.compact()
      let expected = try store.contents()
      let copy = directory.path("copy \(round)")
      try Files.copyStore(store.path, to: copy)
      let copied = try Store.open(at: copy)
      #expect(try copied.contents() == expected, "seed \(random.seed), round \(round)")
      #expect(
        copied.statistics.rebuiltShards == 0 && copied.statistics.replayedBytes < 200_000,
        "seed \(random.seed), round \(round)")
      try copied.close()
    }
    #expect(store.statistics.checkpointsWritten > 5)
    try store.close()
  }

  /// A put that waits for space does not wait for the rate that compaction was told to keep. (It would be eight
  /// minutes.)
  @Test func spaceIsNotWaitedFor() throws {
    var options = Store.Options()
    options.spaceLimit = 4 << 20
    options.compaction.bytesPerSecond = 1 << 16
    let store = try Store.open(at: directory.path("store"), options: options)
    var random = SeededRandom(seed: 1)
    for _ in 0..<12_000 {
      try store.put([UInt8](repeating: 1, count: random.below(1000)), for: "\(random.below(2000))")
    }
    #expect(store.statistics.bytesMoved > 0)
    try store.close()
  }
}
