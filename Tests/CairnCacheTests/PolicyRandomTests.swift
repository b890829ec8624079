import CairnSimulation
import CairnTestSupport
import Testing

@testable import CairnCache

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

  struct Order: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let check: @Sendable () -> Void

    init(_ name: String, _ policy: some EvictionPolicy) {
      testDescription = name
      check = {
        var policy = policy
        policy.resize(to: 100)
        for slot in 0..<100 {
          _ = policy.admit(hash: UInt64(slot), weight: 1)
          policy.insert(CachedEntry(slot: slot, hash: UInt64(slot)))
        }
        #expect(evicted(policy) == visited(policy), "nothing has been read")
        for _ in 0..<5 {
          for slot in 20..<60 { policy.access(slot) }
        }
        #expect(evicted(policy) == visited(policy), "some have been read")
        // Inserted again in that order, what has been read is there at the end.
        var restored = policy
        while restored.evict() != nil {}
        policy.forEach { restored.insert(CachedEntry(slot: $0, hash: UInt64($0))) }
        let kept = Set(evicted(restored).suffix(40))
        #expect(kept.filter { 20..<60 ~= $0 }.count == 40, "\(kept.sorted())")
      }
    }
  }

  private static func evicted(_ policy: some EvictionPolicy) -> [Int] {
    var (policy, order) = (policy, [Int]())
    while let slot = policy.evict() { order.append(slot) }
    return order
  }

  private static func visited(_ policy: some EvictionPolicy) -> [Int] {
    var order: [Int] = []
    policy.forEach { order.append($0) }
    return order
  }

  /// What is visited first goes first; and a policy is much the same when it is made anew of what was visited.
  @Test(arguments: [
    Order("LRU", .lru), Order("LFU", .lfu), Order("GDSF", .gdsf), Order("SIEVE", .sieve), Order("W-TinyLFU", .wTinyLFU),
  ]) func orders(order: Order) { order.check() }

  /// What has gone and does not come back must not keep the places of all that does.
  @Test func ghostsAreForgotten() {
    var (ghosts, random) = (Ghosts(), SeededRandom(seed: 1))
    ghosts.resize(to: 90)
    ghosts.add(1000, weight: 1)
    var most = 0
    for _ in 0..<20_000 {
      let hash = UInt64(random.below(60))
      _ = ghosts.remove(hash)
      ghosts.add(hash, weight: 1)
      most = max(most, ghosts.queue.count)
    }
    #expect(most < 300)
    let isThere = (ghosts.remove(1000), ghosts.remove(1000))
    #expect(isThere == (true, false))
  }

  /// A loop over more than fits: who gives up the oldest never finds anything.
  @Test func loops() {
    let loop = (0..<100_000).map { Trace.Request(key: UInt64($0 % 150)) }
    #expect(Simulation(loop, .lru, capacity: 100).misses == loop.count)
    #expect(Simulation(loop, .wTinyLFU, capacity: 100).hitPercentage > 40)
    // Half of all requests are for as much as fits, the others for what comes once.
    let scan = loop.indices.map { Trace.Request(key: UInt64($0 % 2 == 0 ? $0 / 2 % 90 : $0 + 1000)) }
    #expect(Simulation(scan, .lru, capacity: 100).hitPercentage < 1)
    #expect(Simulation(scan, .wTinyLFU, capacity: 100).hitPercentage > 45)
    #expect(Simulation(scan, .s3FIFO, capacity: 100).hitPercentage > 40)
  }

  /// A window of one entry, and tenths that are none.
  @Test(arguments: [1, 2, 5, 9]) func smallRoom(capacity: Int) {
    let requests = (0..<500).map { Trace.Request(key: UInt64($0 * $0 % 11)) }
    #expect(Simulation(requests, .s3FIFO, capacity: capacity).misses < 500)
    #expect(Simulation(requests, .wTinyLFU, capacity: capacity).misses < 500)
  }

  /// What weighs more than a tenth would drive out all that is new.
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
      let entry = CachedEntry(slot: slot, hash: 0, weight: 0, cost: cost)
      #expect(entry.weight == 1 && 0...CachedEntry.costMax ~= entry.cost)
      policy.insert(entry)
    }
    let slots = Set((0..<5).map { _ in policy.evict() })
    #expect(slots.count == 5 && !slots.contains(nil))
    let none = policy.evict()
    #expect(none == nil)
  }
}
