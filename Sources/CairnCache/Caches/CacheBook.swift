/// So much of what limits are about.
struct CacheAmount: Sendable, Equatable {
  var entries = 0
  var bytes = 0
  var cost = 0.0

  static func + (a: CacheAmount, b: CacheAmount) -> CacheAmount {
    CacheAmount(entries: a.entries + b.entries, bytes: a.bytes + b.bytes, cost: a.cost + b.cost)
  }

  static func - (a: CacheAmount, b: CacheAmount) -> CacheAmount {
    CacheAmount(entries: a.entries - b.entries, bytes: a.bytes - b.bytes, cost: a.cost - b.cost)
  }

  static func += (a: inout CacheAmount, b: CacheAmount) { a = a + b }
  static func -= (a: inout CacheAmount, b: CacheAmount) { a = a - b }

  /// Nothing in place of what is less.
  var positive: CacheAmount { CacheAmount(entries: max(entries, 0), bytes: max(bytes, 0), cost: max(cost, 0)) }

  /// Whether it is more than there may be.
  func exceeds(_ limits: CacheLimits) -> Bool {
    // Sums of costs are rounded.
    entries > limits.entries ?? .max || bytes > limits.bytes ?? .max
      || limits.cost.map { cost > $0 + $0.magnitude * 1e-9 } ?? false
  }
}

extension TrackedEntry {
  var amount: CacheAmount { CacheAmount(entries: 1, bytes: Int(byteCount), cost: cost) }
}

/// What a cache holds, and the policy that says what goes first.
struct CacheBook: Sendable {
  var limits: CacheLimits
  var policy: any EvictionPolicy
  /// As it was in the beginning.
  private let newPolicy: any EvictionPolicy
  /// In the store, with what is about to be removed.
  var held = CacheAmount()
  /// About to be put, without what goes for it in the same commit.
  var coming = CacheAmount()
  /// About to be removed.
  var leaving = CacheAmount()
  /// Of what is held, what does not go for others.
  var pinned = CacheAmount()
  /// Policies weigh bytes where bytes are limited, and otherwise count.
  private let weighsBytes: Bool
  /// As the policy has been told.
  private var capacity = 0

  /// - Parameter budget: bytes that all caches of the store share.
  init(_ options: CacheOptions, budget: Int?) {
    limits = options.limits
    (policy, newPolicy) = (options.policy, options.policy)
    weighsBytes = limits.bytes != nil || budget != nil && limits.entries == nil
    resize(budget)
  }

  /// What there will be of what there is.
  var staying: CacheAmount { held - leaving }

  /// Tells the policy how much there may be: without a limit in its unit, as much as there is.
  mutating func resize(_ budget: Int?) {
    let wanted: Int
    if weighsBytes {
      wanted = min(limits.bytes ?? .max, budget ?? .max)
    } else {
      wanted = limits.entries ?? max(held.entries, Self.leastEntries)
      // Not for each entry that comes.
      if limits.entries == nil && wanted > capacity / 4 * 3 && wanted <= capacity / 4 * 5 { return }
    }
    if wanted == capacity { return }
    capacity = wanted
    policy.resize(to: wanted)
  }

  private static let leastEntries = 1024

  func weight(_ byteCount: Int) -> Int { weighsBytes ? byteCount : 1 }

  mutating func removeAll(_ budget: Int?) {
    (policy, held, leaving, pinned, capacity) = (newPolicy, CacheAmount(), CacheAmount(), CacheAmount(), 0)
    resize(budget)
  }

  mutating func admits(_ hash: UInt64, _ byteCount: Int) -> Bool {
    policy.admit(hash: hash, weight: weight(byteCount))
  }

  mutating func insert(_ slot: UInt32, _ entry: TrackedEntry) {
    policy.insert(
      CachedEntry(slot: Int(slot), hash: entry.hash, weight: weight(Int(entry.byteCount)), cost: entry.cost))
  }
}
