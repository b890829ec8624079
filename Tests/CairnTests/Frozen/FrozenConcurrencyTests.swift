import Cairn
import CairnTestSupport
import Foundation
import Synchronization
import Testing

/// Also run under the thread sanitizer.
@Suite(.serialized) struct FrozenConcurrencyTests {
  /// Goal: a file holds the store as it was between two commits, while commits go on: whole batches, all up to a
  /// sequence and none after it; and readers that open the file meanwhile always find a whole one.
  @Test func frozenWhileItIsWritten() throws {
    let directory = TemporaryDirectory()
    var options = Store.Options()
    options.segmentBytes = 256 << 10
    options.checkpointInterval = 1 << 20
    let store = try Store.open(at: directory.path("store"), options: options)
    let file = directory.path("frozen")
    /// Each batch gives all of these the same number, and every batch has one operation of its own besides.
    let keys = (0..<20).map { "key-\($0)" }
    @Sendable func put(_ round: Int) throws {
      try store.write { (batch) throws(StoreError) in
        for key in keys { try batch.put("\(round)", for: key) }
        try batch.put("\(round)", for: "round-\(round)")
        if round > 50 { try batch.remove("round-\(round - 50)") }
      }
    }
    try put(1)
    try store.freeze(to: file)
    let isDone = Atomic(false)
    let failure = Mutex<(any Error)?>(nil)
    let group = DispatchGroup()
    func start(_ body: @escaping @Sendable () throws -> Void) {
      group.enter()
      Thread.detachNewThread {
        do { try body() } catch { failure.withLock { $0 = error } }
        group.leave()
      }
    }
    start {
      var round = 2
      while !isDone.load(ordering: .acquiring) {
        try put(round)
        round += 1
      }
    }
    @Sendable func check(_ frozen: FrozenStore) throws {
      try frozen.verify()
      let found = try frozen.values(for: keys).map { $0.map { String(decoding: $0, as: UTF8.self) } }
      let round = Int(found[0] ?? "") ?? -1
      #expect(found.allSatisfy { $0 == "\(round)" })
      #expect(frozen.count == keys.count + min(round, 50))
      // A batch has 21 puts, and from the 51st on a remove; compaction adds some.
      #expect(frozen.sequence >= UInt64(round * 21 + max(0, round - 50)))
      #expect(try frozen.contains("round-\(round)"))
      #expect(try !frozen.contains("round-\(round + 1)"))
    }
    for _ in 0..<2 {
      start {
        while !isDone.load(ordering: .acquiring) { try check(try FrozenStore.open(file)) }
      }
    }
    for number in 0..<30 {
      var options = FrozenStore.BuildOptions()
      options.keepsPrevious = number % 2 == 0
      do { try store.freeze(to: file, options: options) } catch { failure.withLock { $0 = error } }
    }
    isDone.store(true, ordering: .releasing)
    group.wait()
    if let error = failure.withLock({ $0 }) { throw error }
    try check(try FrozenStore.open(file))
    try store.close()
  }
}
