import Cairn
import CairnInspect
import CairnTestSupport
import Foundation
import Synchronization
import Testing

/// Goal: a store that a writer has open can be looked into at any moment, and is healthy at each.
@Suite struct LiveTests {
  private let rounds = 50
  private let perRound = 60

  /// F1-LCK-001.
  @Test func whoHoldsTheLock() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"))
    try store.put("value", for: "key")
    let info = try Tool.run("info", directory.path("store"))
    #expect(info.text.contains("held by process \(getpid()) ("), "\(info.text)")
    #expect(info.text.contains("not closed: in use"))
    #expect(try Tool.run("get", directory.path("store"), "key").text == "value")
    // It was looked at, not taken, and nothing was changed.
    try store.put("other", for: "key")
    #expect(throws: StoreError.self) { try Store.open(at: directory.path("store")) }
    try store.close()
    #expect(try Tool.run("info", directory.path("store")).text.contains("lock           free"))
  }

  /// Method: a store is closed and opened over and over while a thread starts processes. Between its birth and its
  /// first instruction a child has all descriptors of its parent, that of the lock too.
  @Test func lockEndsWithTheStoreWhileChildrenAreBorn() throws {
    let directory = TemporaryDirectory()
    let isDone = Atomic<Bool>(false)
    let parent = Thread {
      while !isDone.load(ordering: .relaxed) { _ = try? Tool.run("--version") }
    }
    parent.start()
    for round in 0..<400 {
      do {
        try Store.open(at: directory.path("store")).close()
      } catch {
        Issue.record("round \(round): \(error)")
        break
      }
    }
    isDone.store(true, ordering: .relaxed)
    while !parent.isFinished { sched_yield() }
  }

  /// Method: a thread writes small batches that each set two keys to one number, over several segments and checkpoints,
  /// while the store is listed and verified over and over. Whatever is listed has both keys at one number, no less than
  /// what was there before.
  @Test(arguments: [Store.Durability.relaxed, .process, .disk]) func whileAWriterWrites(
    durability: Store.Durability
  ) throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    var options = Store.Options()
    options.segmentBytes = 256 << 10
    options.checkpointInterval = 128 << 10
    options.durability = durability
    let store = try Store.open(at: path, options: options)
    // How many batches may be written, so that the log grows as fast as it is read: some every round.
    let allowed = Atomic<Int>(perRound)
    let written = Atomic<Int>(0)
    let writer = Thread { [rounds, perRound] in
      var random = SeededRandom(seed: 1)
      for number in 1...rounds * perRound {
        while number > allowed.load(ordering: .acquiring) { sched_yield() }
        do {
          try store.write { batch in
            try batch.put("\(number)", for: "first")
            try batch.put(random.bytes(random.below(2000)), for: "filler-\(random.below(50))")
            try batch.put("\(number)", for: "second")
          }
        } catch {
          Issue.record("the writer failed: \(error)")
          break
        }
        written.store(number, ordering: .releasing)
      }
    }
    writer.start()
    var last = 0
    for round in 0..<rounds {
      allowed.store((round + 1) * perRound, ordering: .releasing)
      let before = written.load(ordering: .acquiring)
      let entries = try list(path, round)
      let (first, second) = (entries["first"] ?? "0", entries["second"] ?? "0")
      #expect(first == second, "round \(round)")
      // What is relaxed may still be in the writer's memory.
      #expect(Int(first)! >= (durability == .relaxed ? last : before), "round \(round)")
      last = Int(first)!
      let verification = try Verification(StoreDirectory(opening: path))
      #expect(verification.verdict == .clean, "round \(round): \(verification.text)")
      if round % 10 == 0 {
        let result = try Tool.run("verify", path)
        #expect(result.code == 0, "round \(round): \(result.text) \(result.errors)")
        #expect(try Tool.run("info", path).code == 0, "round \(round)")
      }
    }
    while !writer.isFinished { sched_yield() }
    #expect(written.load(ordering: .acquiring) == rounds * perRound)
    try store.close()
    let entries = try list(path, rounds)
    #expect(entries["first"] == "\(rounds * perRound)" && entries["second"] == entries["first"])
  }

  /// Method: a writer goes from segment to segment, and closes, as fast as it can; both shorten files that were longer
  /// than what they hold. Read-only opens meanwhile meet them at every length, and find what was written before.
  @Test func readOnlyOpensWhileFilesGetShorter() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let isDone = Atomic<Bool>(false)
    let written = Atomic<Int>(0)
    let writer = Thread {
      do {
        var options = Store.Options()
        options.segmentBytes = 64 << 10
        options.checkpointInterval = 16 << 10
        let filler = [UInt8](repeating: 7, count: 1000)
        for session in 0..<400 where !isDone.load(ordering: .relaxed) {
          let store = try Store.open(at: path, options: options)
          for number in 0..<(session % 3 == 0 ? 3 : 150) { try store.put(filler, for: "\(number)") }
          try store.put("\(session)", for: "session")
          written.store(session + 1, ordering: .releasing)
          try store.close()
        }
      } catch {
        Issue.record("the writer failed: \(error)")
      }
      isDone.store(true, ordering: .releasing)
    }
    writer.start()
    while written.load(ordering: .acquiring) == 0 && !isDone.load(ordering: .acquiring) { sched_yield() }
    while !isDone.load(ordering: .acquiring) {
      let before = written.load(ordering: .acquiring)
      let store = try Store.open(at: path, options: Store.Options(.readOnly))
      #expect(store.damage == nil)
      let session = try store.value(for: "session").map { String(decoding: $0, as: UTF8.self) }
      #expect(Int(session ?? "") ?? -1 >= before - 1)
      try store.close()
    }
    while !writer.isFinished { sched_yield() }
  }

  private final class Lines: OutputSink {
    var bytes: [UInt8] = []
    func write(_ bytes: [UInt8]) { self.bytes += bytes }
  }

  /// What a listing says while something happens before, or after, one of its looks at the directory.
  private func list(
    _ path: String, _ counter: HookCounter, at moments: String, _ body: @escaping @Sendable (Int) throws -> Void
  ) throws -> Int {
    let system = HookedFileSystem {
      do { try body(counter.next()) } catch { Issue.record("\(moments): \(error)") }
    }
    let lines = Lines()
    let listing = try LogListing(StoreDirectory(opening: path, on: system), format: .json, to: lines)
    #expect(listing.damage == nil, "\(moments)")
    return String(decoding: lines.bytes, as: UTF8.self).split(separator: "\n").count { $0.contains("\"key\"") }
  }

  private func options(segmentBytes: Int) -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = segmentBytes
    options.compaction.isAutomatic = false
    return options
  }

  private static func write(_ store: Store, _ count: Int) throws {
    for number in 0..<count { try store.put([UInt8](repeating: 1, count: 1000), for: "\(number)") }
  }

  /// A session ends, and another one goes on in the same segment and further ones, at any two moments: nobody meets
  /// damage, or misses what was there before.
  @Test func sessionsAtAnyMomentOfAListing() throws {
    let options = options(segmentBytes: 256 << 10)
    var (end, pause) = (0, 0)
    while true {
      let directory = TemporaryDirectory()
      let path = directory.path("store")
      let first = try Store.open(at: path, options: options)
      try Self.write(first, 100)
      // One that is removed when the store is closed, and made again.
      while try Files.segments(path).count < 2 { sched_yield() }
      let counter = HookCounter()
      let open = Mutex([first])
      let start = end + pause
      let operations = try list(path, counter, at: "moments \(end) and \(start)") { [end] moment in
        if moment == end { try first.close() }
        if moment != start { return }
        let second = try Store.open(at: path, options: options)
        open.withLock { $0.append(second) }
        try Self.write(second, 300)
        // What comes now tells that this was on the disk.
        try second.sync()
        try Self.write(second, 300)
      }
      #expect((100...700).contains(operations))
      for store in open.withLock({ $0 }) { try store.close() }
      if counter.count > start { pause += 1 } else if pause > 0 { (end, pause) = (end + 1, 0) } else { return }
    }
  }

  /// The next segment is there already, and gets its records.
  @Test func linksAtAnyMomentOfAListing() throws {
    let directory = TemporaryDirectory()
    let (path, copy) = (directory.path("store"), directory.path("copy"))
    let options = options(segmentBytes: 64 << 10)
    var store = try Store.open(at: path, options: options)
    try Self.write(store, 10)
    try store.close()
    try Files.copyStore(path, to: copy)
    store = try Store.open(at: path, options: options)
    try Self.write(store, 10)
    try store.sync()
    try Self.write(store, 10)
    let next = "/segment-00000002.log"
    let segment = try Files.read(path + next)
    try store.close()
    let begun = segment.prefix(SegmentHeader.byteCount) + segment.dropFirst(SegmentHeader.byteCount).map { _ in 0 }
    var moment = 0
    while true {
      try Files.write(Array(begun), to: copy + next)
      let counter = HookCounter()
      let operations = try list(copy, counter, at: "moment \(moment)") { [moment] in
        if $0 == moment { try Files.write(segment, to: copy + next) }
      }
      #expect(operations == 10 || operations == 30, "moment \(moment)")
      if counter.count <= moment { return }
      moment += 1
    }
  }

  /// Method: a writer goes from segment to segment and from session to session as fast as it can, while threads follow
  /// its log, each from another moment on: nobody meets damage, or misses an operation.
  @Test func logsAreFollowedFromAnyMoment() throws {
    for seed in SeededRandom.seeds(6) {
      let directory = TemporaryDirectory()
      let path = directory.path("store")
      let options = options(segmentBytes: 64 << 10)
      try Store.open(at: path, options: options).close()
      let last = Atomic<UInt64>(0)
      let writer = Thread { [options] in
        var random = SeededRandom(seed: seed)
        do {
          for _ in 0..<40 {
            let store = try Store.open(at: path, options: options)
            for _ in 0..<random.below(100) {
              if random.percent(30) {
                try store.write { batch in for part in 0..<3 { try batch.put(random.bytes(100), for: "b\(part)") } }
              } else {
                try store.put(random.bytes(random.below(2000)), for: "\(random.below(50))")
              }
            }
            let sequence = store.lastSequence
            try store.close()
            if random.percent(20) { usleep(UInt32(random.below(2000))) }
            last.store(sequence, ordering: .releasing)
          }
        } catch {
          Issue.record("seed \(seed): the writer failed: \(error)")
        }
      }
      writer.start()
      while !writer.isFinished {
        do {
          let lines = Lines()
          var listing = try LogListing(StoreDirectory(opening: path), format: .json, to: lines)
          if let damage = listing.damage { throw damage }
          for _ in 0..<20 { try listing.listMore() }
          let promised = last.load(ordering: .acquiring)
          try listing.listMore()
          let sequences = String(decoding: lines.bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            line.contains("\"key\"") ? line.split(separator: "\"sequence\": ")[1].split(separator: ",")[0] : nil
          }
          #expect(sequences.count >= Int(promised), "seed \(seed)")
          #expect(sequences == (1...max(1, sequences.count)).prefix(sequences.count).map { "\($0)" }, "seed \(seed)")
        } catch {
          Issue.record("seed \(seed): \(error)")
          break
        }
      }
      while !writer.isFinished { sched_yield() }
    }
  }

  private func list(_ path: String, _ round: Int) throws -> [String: String] {
    var reader = try EntryReader(StoreDirectory(opening: path), filter: .all)
    let damage = reader.damage
    #expect(damage == nil, "round \(round)")
    var entries: [String: String] = [:]
    try reader.forEach { (entry) throws(StoreError) in
      entries[String(decoding: entry.key, as: UTF8.self)] = String(decoding: entry.value, as: UTF8.self)
      return true
    }
    return entries
  }
}
