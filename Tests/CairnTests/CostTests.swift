import CAllocations
import Cairn
import CairnTestSupport
import Testing

/// What the store promises about memory.
@Suite struct CostTests {
  /// Goal: get, contains, a miss, and a put of a small record take nothing from the heap.
  /// Method: count this thread's blocks during many calls. Only optimised code promises it.
  @Test(.enabled(if: CostTests.isOptimised, "only optimised code promises it"))
  func commonCallsDoNotAllocate() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"))
    let keys: [[UInt8]] = (0..<1000).map { Array("a key of some length \($0)".utf8) }
    let absent: [[UInt8]] = (0..<1000).map { Array("another such key \($0)".utf8) }
    let value = [UInt8](repeating: 7, count: 100)
    for key in keys { try store.put(value, for: key) }
    let canCount = allocations_of_thread() > 0
    try #require(canCount, "the allocator is counted")
    func expectNone(_ what: Comment, _ body: (Int) throws -> Void) rethrows {
      try body(0)
      let before = allocations_of_thread()
      for number in 0..<1000 { try body(number) }
      let taken = allocations_of_thread() - before
      #expect(taken == 0, what)
    }
    var sum = 0
    try expectNone("get") { sum += try store.withValue(for: keys[$0]) { $0.byteCount } ?? 0 }
    try expectNone("contains") { sum += try store.contains(keys[$0]) ? 1 : 0 }
    try expectNone("miss") { sum += try store.contains(absent[$0]) ? 1 : 0 }
    try expectNone("put") { try store.put(value, for: keys[$0]) }
    try expectNone("put, relaxed") { try store.put(value, for: keys[$0], durability: .relaxed) }
    #expect(sum == 1001 * 101)
    try store.close()
  }

  /// Goal: what the log's size is compared with is memory that the process may use.
  @Test func memoryOfThisProcess() throws {
    let info = String(decoding: try Files.read("/proc/meminfo"), as: UTF8.self)
    let total = try #require(Int(info.split(separator: " ", maxSplits: 2)[1]))
    #expect((16 << 20...total << 10).contains(System.memoryBytes))
  }

  private static var isOptimised: Bool {
    #if DEBUG
      return false
    #else
      return true
    #endif
  }

  /// Goal: at every size above 100,000 keys the index takes at most 13.5 bytes a key, and half of them may go again.
  @Test func theIndexIsSmallAtEverySize() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(
      at: directory.path("store"), options: Store.Options(.createIfMissing, durability: .relaxed))
    let (count, step) = (400_000, 5_000)
    for start in stride(from: 0, to: count, by: step) {
      try store.write { batch in
        for number in start..<start + step { try batch.put("", for: "\(number)") }
      }
      let statistics = store.statistics
      #expect(statistics.liveEntries == start + step)
      if start >= 100_000 {
        let perKey = Double(statistics.indexBytes) / Double(statistics.liveEntries)
        #expect(perKey <= 13.5, "at \(start + step) keys")
      }
    }
    for start in stride(from: 0, to: count, by: step) {
      try store.write { batch in
        for number in start..<start + step where number % 10 != 0 { try batch.remove("\(number)") }
      }
    }
    #expect(store.statistics.liveEntries == count / 10)
    #expect(store.statistics.indexBytes < 2_000_000, "the index shrinks")
    for number in stride(from: 0, to: count, by: 997) {
      #expect(try store.contains("\(number)") == (number % 10 == 0))
    }
    try store.close()
  }
}

/// Goal: relaxed writes reach the operating system without another call.
/// Method: look at the files, as another process would, until they are there.
@Suite struct RelaxedTests {
  @Test func relaxedWritesReachTheSystemByThemselves() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let store = try Store.open(at: path, options: Store.Options(.createIfMissing, durability: .relaxed))
    for number in 0..<5 {
      try store.put("\(number)", for: "key")
      var isThere = false
      // As long as it takes; a machine may be busy. What hangs here fails.
      for _ in 0..<20_000 where !isThere {
        let reader = try Store.open(at: path, options: Store.Options(.readOnly))
        isThere = try reader.value(for: "key") == Array("\(number)".utf8)
        try reader.close()
      }
      #expect(isThere, "write \(number) never reached the files")
    }
    try store.close()
  }
}
