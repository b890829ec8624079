import CairnTestSupport
import Foundation
import Synchronization
import Testing

@testable import Cairn
@testable import CairnIndex

/// Goal: keys in order are those of some commit at every moment, whoever writes, reads, keeps them and compacts.
/// Method: each batch puts or removes a pair of keys; no list has one of them without the other. Also under the thread
/// sanitizer.
@Suite struct OrderedConcurrencyTests {
  private static func options() -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.checkpointInterval = 50_000
    options.views = [OrderedKeys(savedAfter: 10)]
    return options
  }

  @Test func pairs() throws {
    let directory = TemporaryDirectory(isInMemory: true)
    let store = try Store.open(at: directory.path("store"), options: Self.options())
    let ordered = try #require(store.views.first as? OrderedKeys)
    let writing = Atomic(2)
    @Sendable func write(_ seed: UInt64) throws {
      defer { writing.subtract(1, ordering: .releasing) }
      var random = SeededRandom(seed: seed)
      for _ in 0..<3000 {
        let number = random.below(200)
        try store.write(durability: .relaxed) { batch in
          for key in ["a-\(number)", "b-\(number)"] {
            if random.percent(30) && key.hasPrefix("a") || number % 3 == 0 { try batch.put("", for: key) }
          }
          // The last word of the batch.
          if random.percent(40) {
            try batch.remove("a-\(number)")
            try batch.remove("b-\(number)")
          } else {
            try batch.put([UInt8](repeating: 7, count: random.below(300)), for: "a-\(number)")
            try batch.put("", for: "b-\(number)")
          }
        }
      }
    }
    @Sendable func isOfPairs(_ keys: [[UInt8]]) -> Bool {
      let a = keys.filter { $0[0] == UInt8(ascii: "a") }.map { $0.dropFirst() }
      return a == keys.filter { $0[0] == UInt8(ascii: "b") }.map { $0.dropFirst() }
        && keys == keys.sorted { $0.isBefore($1) }
    }
    @Sendable func read() throws {
      while writing.load(ordering: .acquiring) > 0 {
        let keys = try store.keys()
        #expect(isOfPairs(keys))
        let snapshot = try store.snapshot()
        let before = try snapshot.keys()
        #expect(isOfPairs(before))
        let after = try snapshot.keys(reversed: true)
        #expect(after == before.reversed())
        let few = try store.keys(in: .prefix("a-1"), limit: 5)
        #expect(few.count <= 5 && few.allSatisfy { $0.starts(with: "a-1".utf8) })
      }
    }
    @Sendable func keep() throws {
      while writing.load(ordering: .acquiring) > 0 { try ordered.keep() }
    }
    let done = DispatchGroup()
    for work in [{ try write(1) }, { try write(2) }, read, read, keep] as [@Sendable () throws -> Void] {
      done.enter()
      Thread {
        do { try work() } catch { Issue.record(error) }
        done.leave()
      }.start()
    }
    done.wait()
    let keys = try store.keys()
    let contents = try store.contents().keys.sorted { $0.isBefore($1) }
    #expect(keys == contents)
    try store.close()
    let again = try Store.open(at: directory.path("store"), options: Self.options())
    #expect(try again.keys() == keys && again.count(in: .all) == keys.count)
    try again.close()
  }
}
