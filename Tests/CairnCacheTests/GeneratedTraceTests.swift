import CairnCache
import CairnSimulation
import Foundation
import Testing

/// Goal: the simulation counts what it should, on traces of which the answers are known without it.
@Suite struct GeneratedTraceTests {
  /// Whoever compares two tables compares the same traces.
  @Test func sameEveryTime() {
    func digest(_ requests: [Trace.Request]) -> UInt64 {
      requests.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ $1.key) &* 0x100_0000_01B3 }
    }
    #expect(digest(GeneratedTrace.shifts()) == 11_474_212_601_756_188_463)
    #expect(digest(GeneratedTrace.turns()) == 6_146_216_961_163_966_933)
    #expect(digest(GeneratedTrace.scans()) == digest(GeneratedTrace.scans()))
    #expect(digest(GeneratedTrace.zipf(exponent: 1)) != digest(GeneratedTrace.zipf(exponent: 0.8)))
    #expect(Set(GeneratedTrace.all.map(\.name)).count == GeneratedTrace.all.count)
  }

  /// Who gives up the oldest gives up what comes next; with room for all, only the first round misses.
  @Test func largerLoop() {
    let requests = GeneratedTrace.loop(keys: 110, rounds: 50)
    for capacity in [1, 50, 109] {
      #expect(Simulation(requests, .lru, capacity: capacity).misses == requests.count)
      #expect(Simulation(requests, .fifo, capacity: capacity).misses == requests.count)
      // From the second round on, and a little more in the last one.
      let (part, known) = (Simulation(requests, optimumOf: capacity).hitPercentage / 98, Double(capacity - 1) / 109)
      #expect(abs(part - known) < 0.01, "\(capacity): \(part)")
    }
    for contender in Contender.all where contender.name != "largest first" {
      #expect(contender.run(requests, 1100).misses == 110, "\(contender.name)")
    }
  }

  /// Between two requests for a key, 200 others are asked for, 100 of them for the first time.
  @Test func twice() {
    let requests = GeneratedTrace.twice(keys: 5000, distance: 100)
    #expect(requests.count == 10_000)
    #expect(Simulation(requests, .lru, capacity: 100).misses == requests.count)
    #expect(Simulation(requests, .lru, capacity: 201).misses == 5000)
    #expect(Simulation(requests, .fifo, capacity: 100).misses == requests.count)
    #expect(Simulation(requests, .fifo, capacity: 101).misses == 5000)
    #expect(Simulation(requests, optimumOf: 102).misses == 5000)
    // New ones go before they are read again: what has been read once is never read again, and stays.
    #expect(Simulation(requests, .sieve, capacity: 1000).hitPercentage < 12)
  }

  /// With room for all that is asked for at a time, who gives up what has not been read for the longest time fetches
  /// each key once; who counts keeps what was popular once.
  @Test func shifts() {
    let requests = GeneratedTrace.shifts(keys: 100, turn: 2000, turns: 10)
    let keys = Set(requests.map(\.key)).count
    #expect(keys > 990)
    for capacity in [100, 150, 400] {
      #expect(Simulation(requests, .lru, capacity: capacity).misses == keys)
      #expect(Simulation(requests, optimumOf: capacity).misses == keys)
    }
    #expect(Simulation(requests, .lru, capacity: 99).misses > keys)
    #expect(Simulation(requests, .lfu, capacity: 100).hitPercentage < 25)
  }

  /// A scan that is larger than the cache leaves nothing of what was there: each turn begins as the first one does.
  @Test func scans() {
    let (requests, turn) = (GeneratedTrace.scans(), 5000)
    let turns = stride(from: 0, to: requests.count, by: 2 * turn)
    for capacity in [50, 1000, 5000] {
      let alone = turns.map { start in
        Simulation(Array(requests[start..<start + turn]), .lru, capacity: capacity).misses + turn
      }
      #expect(Simulation(requests, .lru, capacity: capacity).misses == alone.reduce(0, +))
    }
    #expect(turns.allSatisfy { start in requests[start + turn..<start + 2 * turn].allSatisfy { $0.key >= 1 << 32 } })
  }

  @Test func turns() {
    let requests = GeneratedTrace.turns()
    // Of the loop, nothing; of what comes twice, each second time.
    #expect(Simulation(requests, .lru, capacity: 201).misses == requests.count - 100_000)
  }

  /// LRU and FIFO, where each request is independent of those before: Che, Tung, Wang, *Hierarchical Web Caching
  /// Systems*, 2002; Fagin, Price, *Efficient Calculation of Expected Miss Ratios in the Independent Reference Model*,
  /// 1978. And nobody who does not know what comes has more hits than who always has what is most popular.
  @Test(arguments: [0.8, 1.0]) func independent(exponent: Double) {
    let (count, capacity) = (200_000, 500)
    let requests = GeneratedTrace.zipf(exponent: exponent, count: count)
    let shares = GeneratedTrace.zipfShares(exponent: exponent)
    /// The time for which an entry stays, by bisection: about so many are there then as there is room for.
    func expected(_ isThere: (_ share: Double, _ time: Double) -> Double) -> Double {
      var (low, high) = (0.0, 1e7)
      for _ in 0..<100 {
        let middle = (low + high) / 2
        if shares.reduce(0, { $0 + isThere($1, middle) }) > Double(capacity) { high = middle } else { low = middle }
      }
      return 100 * shares.reduce(0) { $0 + $1 * isThere($1, low) }
    }
    let lru = Simulation(requests, .lru, capacity: capacity).hitPercentage
    let fifo = Simulation(requests, .fifo, capacity: capacity).hitPercentage
    #expect(abs(lru - expected { 1 - exp(-$0 * $1) }) < 0.5, "\(lru)")
    #expect(abs(fifo - expected { $0 * $1 / (1 + $0 * $1) }) < 0.5, "\(fifo)")
    #expect(lru > fifo + 3)
    let most = 100 * shares.prefix(capacity).reduce(0, +)
    for contender in Contender.all {
      let percentage = contender.run(requests, capacity).hitPercentage
      #expect(percentage < most + 0.5, "\(contender.name): \(percentage), \(most)")
    }
    #expect(Simulation(requests, optimumOf: capacity).hitPercentage > most + 3)
  }
}
