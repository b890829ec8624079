import CairnSimulation
import CairnTestSupport
import Testing

/// Goal: the optimum is one.
@Suite struct OptimumTests {
  /// Method: all ways to give up entries, on traces that are so short that they can be tried.
  @Test(arguments: SeededRandom.seeds(20)) func nobodyIsBetter(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    for _ in 0..<50 {
      let capacity = 1 + random.below(4)
      let requests = (0..<30).map { _ in Trace.Request(key: UInt64(random.below(7))) }
      let best = Self.least(requests.map { Int($0.key) }, capacity)
      let keys = "seed \(seed), \(capacity): \(requests.map(\.key))"
      #expect(Simulation(requests, optimumOf: capacity).misses == best, "\(keys)")
      for contender in Contender.all { #expect(contender.run(requests, capacity).misses >= best, "\(keys)") }
    }
  }

  /// The least misses. What is there is a set of bits.
  private static func least(_ keys: [Int], _ capacity: Int) -> Int {
    var misses: [Int: Int] = [0: 0]
    for key in keys {
      var next: [Int: Int] = [:]
      func reach(_ state: Int, _ count: Int) { next[state] = min(next[state] ?? .max, count) }
      for (state, count) in misses {
        if state & 1 << key != 0 {
          reach(state, count)
        } else if state.nonzeroBitCount < capacity {
          reach(state | 1 << key, count + 1)
        } else {
          for other in 0..<7 where state & 1 << other != 0 { reach(state & ~(1 << other) | 1 << key, count + 1) }
        }
      }
      misses = next
    }
    return misses.values.min() ?? 0
  }

  /// Method: what is needed last is looked for among all that is there, each time.
  @Test(arguments: SeededRandom.seeds(5)) func weights(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let weights = (0..<40).map { _ in 1 + random.below(40) }
    let keys = (0..<1000).map { _ in min(random.below(40), random.below(40)) }
    let requests = keys.map { Trace.Request(key: UInt64($0) &* 0x9E37_79B9_7F4A_7C15, byteCount: weights[$0]) }
    for capacity in [30, 100, 400, 2000] {
      var (cached, misses, bytes): (Set<Int>, Int, Int) = ([], 0, 0)
      for (position, key) in keys.enumerated() {
        func next(_ key: Int) -> Int { keys[(position + 1)...].firstIndex(of: key) ?? .max }
        if !cached.contains(key) {
          (misses, bytes) = (misses + 1, bytes + weights[key])
          if weights[key] > capacity { continue }
          while cached.reduce(weights[key], { $0 + weights[$1] }) > capacity {
            cached.remove(cached.max { next($0) < next($1) }!)
          }
        }
        if next(key) == .max { cached.remove(key) } else { cached.insert(key) }
      }
      let simulation = Simulation(requests, optimumOf: capacity)
      #expect(simulation.misses == misses && simulation.missedBytes == bytes, "seed \(seed), \(capacity)")
    }
  }

  @Test func nothing() {
    #expect(Simulation([], optimumOf: 5).misses == 0)
    #expect(Simulation([Trace.Request(key: 1), Trace.Request(key: 1)], optimumOf: 0).misses == 2)
  }
}
