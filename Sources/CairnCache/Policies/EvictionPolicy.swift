/// Which entries a cache gives up first: a pure state machine, without locks and without input or output. The cache
/// holds the entries; the policy knows them by their slots, and is called by one thread at a time.
///
/// For each entry that is new, in this order: ``admit(hash:weight:)``; ``evict()`` as often as room is needed;
/// ``insert(_:)``. Of reads it is told by ``access(_:)``, some time later and not in every case: of many reads at the
/// same time some may be left out. Slots in these calls are of entries that are there, but in ``insert(_:)``, where
/// they are of none.
///
/// One's own policy conforms to this. All that comes with Cairn does its work in constant time, or as the logarithm of
/// the number of entries, but where it says otherwise.
public protocol EvictionPolicy: Sendable {
  /// How much the cache may hold, in the unit of weights: bytes, or entries where each weighs 1. Called before anything
  /// else, and whenever that changes.
  mutating func resize(to capacity: Int)

  /// Whether an entry that is to be put is worth its place. Nothing is given up for one that is not.
  ///
  /// - Parameter hash: of its key, the same in every run.
  mutating func admit(hash: UInt64, weight: Int) -> Bool

  /// An entry has come, in a slot that was free.
  mutating func insert(_ entry: CachedEntry)

  /// An entry has been read, or has another value of the same weight and cost.
  mutating func access(_ slot: Int)

  /// The same for several, in their order. All that a policy needs to know of them is somewhere in memory: one that
  /// looks at all of them first does not wait for each.
  mutating func access(_ slots: [Int])

  /// An entry has gone, for another reason than ``evict()``.
  mutating func remove(_ slot: Int)

  /// Takes out the entry that is to go. Returns its slot; `nil`: there are none.
  mutating func evict() -> Int?

  /// Visits the entries, about in the order in which they would go: inserted in this order, they make a policy that
  /// does much the same.
  func forEach(_ body: (_ slot: Int) -> Void)
}

extension EvictionPolicy {
  public mutating func resize(to capacity: Int) {}
  public mutating func admit(hash: UInt64, weight: Int) -> Bool { true }
  public mutating func access(_ slots: [Int]) { for slot in slots { access(slot) } }
}

/// What a policy is told of an entry.
public struct CachedEntry: Sendable, Equatable {
  /// A small number that no other entry has at the same time.
  public let slot: Int
  /// Of its key, the same in every run.
  public let hash: UInt64
  /// In the unit of the cache's limit; at least 1.
  public let weight: Int
  /// To make it again, in whatever unit the application thinks; 0 to ``costMax``.
  public let cost: Double

  public init(slot: Int, hash: UInt64, weight: Int = 1, cost: Double = 1) {
    self.slot = slot
    self.hash = hash
    self.weight = max(weight, 1)
    self.cost = cost.isNaN ? 1 : min(max(cost, 0), Self.costMax)
  }

  /// Costs are 0 to this, so that sums and ratios of them are numbers; what is no number counts as 1.
  public static let costMax = 1e12
}
