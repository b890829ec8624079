import CairnTestSupport
import Foundation
import Synchronization
import Testing

@testable import Cairn

/// Goal: a snapshot shows the store as it was when it was taken, whatever is done to the store.
/// Method: random operations, compactions and snapshots; each snapshot is compared with what a dictionary held then,
/// key by key and as a whole, again and again until it is let go.
@Suite(.serialized)
struct SnapshotTests {
  private struct Taken {
    let snapshot: Snapshot
    let entries: [[UInt8]: Model.Entry]
  }

  private func contents(_ snapshot: Snapshot) throws -> (order: [[UInt8]], entries: [[UInt8]: Model.Entry]) {
    var order: [[UInt8]] = []
    var entries: [[UInt8]: Model.Entry] = [:]
    try snapshot.forEach { entry in
      let key = unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }
      let value = unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
      order.append(key)
      entries[key] = Model.Entry(
        value: value, version: entry.version, deadline: entry.deadline, attributes: Attributes(entry.attributes))
      return true
    }
    return (order, entries)
  }

  @Test(arguments: SeededRandom.seeds(6)) func randomOperations(seed: UInt64) throws {
    let directory = TemporaryDirectory()
    var random = SeededRandom(seed: seed)
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.compaction.isAutomatic = random.percent(50)
    if random.percent(50) { options.compression = .zstd(level: 1) }
    let store = try Store.open(at: directory.path("store"), options: options)
    var taken: [Taken] = []
    for step in 0..<3000 {
      let key = Array("key \(random.below(200))".utf8)
      switch random.below(100) {
      case 0..<60: try store.put(random.bytes(random.below(400)), for: key)
      case 60..<70: try store.remove(key)
      case 70..<80:
        try store.write { batch in
          for _ in 0..<random.below(10) {
            let key = "key \(random.below(200))"
            if random.percent(30) { try batch.remove(key) } else { try batch.put(random.bytes(50), for: key) }
          }
        }
      case 80..<84: taken.append(Taken(snapshot: try store.snapshot(), entries: try store.contents()))
      case 84..<86: if !taken.isEmpty { taken.remove(at: random.below(taken.count)) }
      case 86: if random.percent(20) { try store.compact() }
      case 87..<89:
        let prefix = key.prefix(5 + random.below(3))
        try store.invalidate(prefix: Array(random.percent(10) ? [] : prefix))
        // Now and then they are found while snapshots see them.
        if random.percent(30) { try store.engine.carryOutBarriers() }
      default:
        guard !taken.isEmpty else { continue }
        let one = taken[random.below(taken.count)]
        let comment: Comment = "seed \(seed), step \(step), snapshot of \(one.snapshot.sequence)"
        #expect(try one.snapshot.value(for: key) == one.entries[key]?.value, comment)
        #expect(try one.snapshot.entry(for: key)?.version == one.entries[key]?.version, comment)
        #expect(try one.snapshot.contains(key) == (one.entries[key] != nil), comment)
        if random.percent(10) {
          let first = try contents(one.snapshot)
          #expect(first.entries == one.entries && first.order.count == one.entries.count, comment)
          try store.put("another", for: first.order.first ?? key)
          #expect(try contents(one.snapshot).order == first.order, comment)
        }
      }
    }
    #expect(store.statistics.snapshots == taken.count)
    for one in taken { #expect(try contents(one.snapshot).entries == one.entries, "seed \(seed)") }
    taken.removeAll()
    #expect(store.statistics.snapshots == 0 && store.statistics.pinnedBytes == 0)
    try store.close()
    #expect(try Files.leaks(below: directory.path).isEmpty)
  }

  /// What was damaged when the snapshot was taken is so in the snapshot, also when the key has been put anew.
  @Test func damage() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    var options = Store.Options()
    options.checkpointInterval = 0
    var store = try Store.open(at: path, options: options)
    try store.put("value", for: "damaged")
    for number in 0..<100 { try store.put("value", for: "\(number)") }
    try store.close()
    let name = path + "/" + (try Files.segments(path))[0]
    var bytes = try Files.read(name)
    let place = try #require(bytes.firstRange(of: Array("damaged".utf8)))
    bytes[place.lowerBound - 12] ^= 1
    try Files.write(bytes, to: name)
    store = try Store.open(at: path, options: options)
    let snapshot = try store.snapshot()
    #expect(throws: StoreError.self) { try snapshot.value(for: "damaged") }
    try store.put("new", for: "damaged")
    #expect(try store.value(for: "damaged") == Array("new".utf8))
    let error = #expect(throws: StoreError.self) { try snapshot.value(for: "damaged") }
    #expect(error?.code == .damaged)
    try store.close()
  }

  /// Space that compaction gives back comes with the last snapshot that needs it, and not before.
  @Test func spaceIsPinned() throws {
    let directory = TemporaryDirectory()
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.compaction.isAutomatic = false
    let store = try Store.open(at: directory.path("store"), options: options)
    for number in 0..<1000 { try store.put([UInt8](repeating: 1, count: 200), for: "\(number)") }
    var first: Snapshot? = try store.snapshot()
    for number in 0..<1000 { try store.remove("\(number)") }
    try store.compact()
    #expect(store.statistics.pinnedBytes > 200_000)
    let second = try store.snapshot()
    #expect(try first?.value(for: "7") == [UInt8](repeating: 1, count: 200))
    #expect(try second.value(for: "7") == nil)
    first = nil
    #expect(store.statistics.pinnedBytes == 0)
    try store.close()
    #expect(throws: StoreError.self) { try second.value(for: "7") }
  }
}

/// Goal: snapshots are right beside writers, compaction and each other.
/// Method: writers move amounts between accounts in batches, so that their sum never changes; readers take snapshots
/// and add up; the store is compacted all the while.
@Suite struct SnapshotConcurrencyTests {
  @Test func sums() throws {
    let directory = TemporaryDirectory()
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    let store = try Store.open(at: directory.path("store"), options: options)
    let accounts = 50
    @Sendable func bytes(_ amount: Int) -> [UInt8] {
      (0..<200).map { $0 < 8 ? UInt8(truncatingIfNeeded: amount >> ($0 * 8)) : 0 }
    }
    @Sendable func amount(_ bytes: [UInt8]) -> Int { (0..<8).reduce(0) { $0 | Int(bytes[$1]) << ($1 * 8) } }
    for account in 0..<accounts { try store.put(bytes(1000), for: "\(account)") }
    let isOver = Atomic(false)
    let transfers = Atomic(0)
    @Sendable func write() throws {
      var random = SeededRandom(seed: 1)
      while !isOver.load(ordering: .relaxed) {
        let (from, to) = (random.below(accounts), random.below(accounts))
        if from == to { continue }
        let (a, b) = (try store.value(for: "\(from)") ?? [], try store.value(for: "\(to)") ?? [])
        try store.write { batch in
          try batch.put(bytes(amount(a) - 1), for: "\(from)")
          try batch.put(bytes(amount(b) + 1), for: "\(to)")
        }
        transfers.add(1, ordering: .relaxed)
      }
    }
    @Sendable func read() throws {
      for round in 0..<60 {
        let snapshot = try store.snapshot()
        let start = transfers.load(ordering: .relaxed)
        while transfers.load(ordering: .relaxed) < start + 20 && !isOver.load(ordering: .relaxed) { sched_yield() }
        var sum = 0
        if round % 2 == 0 {
          try snapshot.forEach { entry in
            sum += unsafe amount(entry.value.withUnsafeBytes { unsafe [UInt8]($0) })
            return true
          }
        } else {
          for account in 0..<accounts { sum += amount(try snapshot.value(for: "\(account)") ?? bytes(0)) }
        }
        #expect(sum == accounts * 1000)
        if round % 10 == 9 { try store.compact() }
      }
    }
    let first: @Sendable () throws -> Void = {
      defer { isOver.store(true, ordering: .relaxed) }
      try read()
    }
    try inParallel([write, first, { while !isOver.load(ordering: .relaxed) { try read() } }])
    #expect(store.statistics.compactedSegments > 0)
    try store.close()
  }
}
