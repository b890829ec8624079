import Cairn
import CairnTestSupport
import Foundation
import Synchronization
import Testing

/// Goal: what threads see of each other's gets, puts, removes and compare-and-sets is what one thread could have done:
/// the store is linearizable.
/// Method: threads do this at random to a few keys and write down what they got, and when by a counter that they share;
/// then an order is looked for, key by key. Also run under the thread sanitizer.
@Suite(.serialized) struct ConcurrentHistoryTests {
  private typealias History = ConcurrentHistory
  private static let keys = 2
  private static let threads = 4
  /// So that a key has less than 64 in a round.
  private static let operationsOfRound = 14

  /// What one thread has done to each key.
  private typealias Record = [[History.Event]]

  private struct Worker {
    let store: Store
    let time: Now
    var random: SeededRandom
    var record: Record = Array(repeating: [], count: ConcurrentHistoryTests.keys)
    /// Of the last entry seen of each key.
    var versions: [UInt64] = Array(repeating: 0, count: ConcurrentHistoryTests.keys)

    mutating func run(_ count: Int) throws {
      for _ in 0..<count {
        let number = random.below(ConcurrentHistoryTests.keys)
        let start = time.next()
        let operation = try act(number)
        record[number].append(History.Event(operation, from: start, to: time.next()))
      }
    }

    private mutating func act(_ number: Int) throws -> History.Operation {
      let key = "key-\(number)"
      let value = Array("\(random.next())".utf8)
      switch random.below(10) {
      case 0:
        let version = try store.put(value, for: key)
        versions[number] = version
        return .put(value, version: version)
      case 1: return .putIfAbsent(value, version: try store.putIfAbsent(value, for: key))
      case 2..<5:
        let expected = versions[number]
        return .putIfVersion(value, expected: expected, version: try store.put(value, for: key, ifVersion: expected))
      case 5: return .remove(wasThere: try store.remove(key))
      case 6:
        let expected = versions[number]
        return .removeIfVersion(expected: expected, isDone: try store.remove(key, ifVersion: expected))
      default:
        let entry = try store.entry(for: key)
        versions[number] = entry?.version ?? 0
        return .get(found: entry.map { History.Entry(value: $0.value, version: $0.version) })
      }
    }
  }

  /// Behind a lock that the thread sanitizer sees, which it does not do with that of `Mutex`.
  private final class Records: @unchecked Sendable {
    private let lock = NSLock()
    private var records: [Record] = []

    func add(_ record: Record) { lock.withLock { records.append(record) } }
    var all: [Record] { lock.withLock { records } }
  }

  private final class Now: Sendable {
    private let value = Atomic<UInt64>(0)
    func next() -> UInt64 { value.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue }
  }

  @Test(arguments: [Store.Durability.relaxed, .process]) func threadsAgree(durability: Store.Durability) throws {
    let directory = TemporaryDirectory()
    var options = Store.Options()
    options.durability = durability
    options.segmentBytes = 64 << 10
    let store = try Store.open(at: directory.path("store"), options: options)
    let time = Now()
    let seed = SeededRandom.seeds(1)[0]
    var states: [Set<History.State>] = Array(repeating: [History.State()], count: Self.keys)
    for round in 0..<400 {
      let records = Records()
      let waiting = Atomic(Self.threads)
      try inParallel(
        (0..<Self.threads).map { thread in
          { @Sendable () throws in
            let seed = seed &+ UInt64(round * Self.threads + thread)
            var worker = Worker(store: store, time: time, random: SeededRandom(seed: seed))
            // All begin together.
            waiting.subtract(1, ordering: .sequentiallyConsistent)
            while waiting.load(ordering: .sequentiallyConsistent) > 0 {}
            try worker.run(Self.operationsOfRound)
            records.add(worker.record)
          }
        })
      for key in 0..<Self.keys {
        let events = records.all.flatMap { $0[key] }
        states[key] = History(events).outcomes(from: states[key])
        try #require(!states[key].isEmpty, "seed \(seed), round \(round): no order explains \(events)")
      }
    }
    try store.close()
  }

  /// Goal: the check refuses what no single thread could have done.
  @Test func theCheckCanFail() {
    let one = History.Entry(value: [1], version: 1)
    let put = History.Event(.put([1], version: 1), from: 1, to: 4)
    func isLegal(_ events: History.Event...) -> Bool { !History(events).outcomes(from: [History.State()]).isEmpty }
    // Beside the put it may be there or not, behind it must be.
    #expect(isLegal(put, .init(.get(found: nil), from: 2, to: 3)))
    #expect(isLegal(put, .init(.get(found: one), from: 2, to: 3)))
    #expect(!isLegal(put, .init(.get(found: nil), from: 5, to: 6)))
    // Once seen, it stays.
    #expect(!isLegal(put, .init(.get(found: one), from: 2, to: 2), .init(.get(found: nil), from: 3, to: 3)))
    // Of two that replace the same version, one fails.
    let replacements = (2...3).map {
      History.Event(.putIfVersion([UInt8($0)], expected: 1, version: UInt64($0)), from: 5, to: 6)
    }
    #expect(!isLegal(put, replacements[0], replacements[1]))
    #expect(!isLegal(put, .init(.removeIfVersion(expected: 1, isDone: false), from: 5, to: 6)))
    #expect(!isLegal(put, .init(.putIfAbsent([9], version: 2), from: 5, to: 6)))
    // A version does not come again, whatever was removed meanwhile.
    let remove = History.Event(.remove(wasThere: true), from: 5, to: 6)
    #expect(isLegal(put, remove, .init(.put([2], version: 2), from: 7, to: 8)))
    #expect(!isLegal(put, remove, .init(.put([2], version: 1), from: 7, to: 8)))
  }
}
