import CairnCache
import CairnTestSupport
import Testing

/// Goal: policies give up what their descriptions say, whatever comes, is read, is removed and comes again.
/// Method: random work, against models that look through all entries each time; and what holds for every policy.
@Suite struct PolicyRandomTests {
  /// Room for 100, of which entries weigh 1 to 9.
  private struct Work<Policy: EvictionPolicy> {
    var policy: Policy
    let model: (any PolicyModel)?
    var random: SeededRandom
    /// By slot.
    var entries: [Int: CachedEntry] = [:]
    var used: Int { entries.values.reduce(0) { $0 + $1.weight } }

    init(_ policy: Policy, _ model: (any PolicyModel)?, seed: UInt64) {
      (self.policy, self.model, random) = (policy, model, SeededRandom(seed: seed))
      self.policy.resize(to: 100)
    }

    mutating func step() throws {
      let slots = entries.keys.sorted()
      switch random.below(20) {
      case 0..<9 where !slots.isEmpty:
        let slot = slots[random.below(slots.count)]
        policy.access(slot)
        model?.access(slot)
      case 9 where !slots.isEmpty:
        let slot = slots[random.below(slots.count)]
        policy.remove(slot)
        model?.remove(slot)
        entries[slot] = nil
      case 10: try evict()
      default:
        let (hash, weight) = (UInt64(random.below(120)), 1 + random.below(9))
        if entries.values.contains(where: { $0.hash == hash }) { return }
        let isAdmitted = policy.admit(hash: hash, weight: weight)
        try #require(isAdmitted)
        model?.admit(hash)
        while used + weight > 100 { try evict() }
        let slot = try #require((0...entries.count).first { entries[$0] == nil })
        let entry = CachedEntry(slot: slot, hash: hash, weight: weight, cost: Double(random.below(5)))
        policy.insert(entry)
        model?.insert(entry)
        entries[slot] = entry
      }
    }

    mutating func evict() throws {
      let slot = policy.evict()
      if let model { try #require(slot == model.evict()) }
      // One that is there, if anything is.
      let isThere = slot.map { entries.removeValue(forKey: $0) != nil } ?? entries.isEmpty
      try #require(isThere)
    }
  }

  struct Kind: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let work: @Sendable (UInt64) throws -> Void

    init(
      _ name: String, _ policy: some EvictionPolicy, _ model: @escaping @Sendable () -> (any PolicyModel)? = { nil }
    ) {
      testDescription = name
      work = { seed in
        var work = Work(policy, model(), seed: seed)
        for _ in 0..<3000 {
          try work.step()
          var visited: [Int] = []
          work.policy.forEach { visited.append($0) }
          try #require(visited.sorted() == work.entries.keys.sorted())
        }
        while !work.entries.isEmpty { try work.evict() }
        try work.evict()
      }
    }

    init(
      _ name: String, _ policy: some EvictionPolicy,
      precedes: @escaping @Sendable (OrderedModel.Entry, OrderedModel.Entry) -> Bool
    ) {
      self.init(name, policy) { OrderedModel(precedes) }
    }
  }

  private static let kinds = [
    Kind("LRU", .lru, precedes: { $0.accessed < $1.accessed }),
    Kind("FIFO", .fifo, precedes: { $0.inserted < $1.inserted }),
    Kind("LFU", .lfu, precedes: { ($0.count, $0.accessed) < ($1.count, $1.accessed) }),
    Kind("GDSF", .gdsf, precedes: { ($0.rank, $0.accessed) < ($1.rank, $1.accessed) }),
    Kind("largest", .largestFirst, precedes: { ($1.entry.weight, $0.inserted) < ($0.entry.weight, $1.inserted) }),
    Kind("expensive", .mostExpensiveFirst, precedes: { ($1.entry.cost, $0.inserted) < ($0.entry.cost, $1.inserted) }),
    Kind("cheapest", .cheapestFirst, precedes: { ($0.entry.cost, $0.inserted) < ($1.entry.cost, $1.inserted) }),
    Kind("SIEVE", .sieve, { SieveModel() }), Kind("S3-FIFO", .s3FIFO, { S3FIFOModel() }),
    Kind("W-TinyLFU", .wTinyLFU),
  ]

  @Test(arguments: kinds, SeededRandom.seeds(2)) func agreesWithItsModel(kind: Kind, seed: UInt64) throws {
    do { try kind.work(seed) } catch { Issue.record("seed \(seed): \(error)") }
  }

  /// What was visited in order and inserted again goes in the same order, as far as that says all.
  @Test func restored() {
    func order(_ policy: some EvictionPolicy) -> [Int] {
      var (policy, order) = (policy, [Int]())
      while let slot = policy.evict() { order.append(slot) }
      return order
    }
    var lru = LRUPolicy()
    for slot in 0..<100 { lru.insert(CachedEntry(slot: slot, hash: UInt64(slot))) }
    for slot in stride(from: 0, to: 100, by: 7) { lru.access(slot) }
    var restored = LRUPolicy()
    lru.forEach { restored.insert(CachedEntry(slot: $0, hash: UInt64($0))) }
    #expect(order(restored) == order(lru))
  }

  /// A window of one entry, and tenths that are none.
  @Test(arguments: [1, 2, 5, 9]) func smallRoom(capacity: Int) {
    let requests = (0..<500).map { Trace.Request(key: UInt64($0 * $0 % 11)) }
    #expect(Simulation(requests, .s3FIFO, capacity: capacity).misses < 500)
    #expect(Simulation(requests, .wTinyLFU, capacity: capacity).misses < 500)
    #expect(Simulation(requests, .lru, capacity: capacity).misses <= 500)
  }

  /// What weighs a tenth or more would drive out all that is new.
  @Test func notAdmitted() {
    var policy = S3FIFOPolicy()
    policy.resize(to: 1000)
    let admitted = [100, 101].map { policy.admit(hash: 1, weight: $0) }
    #expect(admitted == [true, false])
    var any = LRUPolicy()
    let isAdmitted = any.admit(hash: 1, weight: .max)
    #expect(isAdmitted)
  }

  /// A cost that is no number is some cost.
  @Test func oddCosts() {
    var policy = GDSFPolicy()
    for (slot, cost) in [.nan, .infinity, -1, 0, 5].enumerated() {
      policy.insert(CachedEntry(slot: slot, hash: 0, weight: 0, cost: cost))
    }
    let slots = Set((0..<5).map { _ in policy.evict() })
    #expect(slots.count == 5 && !slots.contains(nil))
    let none = policy.evict()
    #expect(none == nil)
  }
}
