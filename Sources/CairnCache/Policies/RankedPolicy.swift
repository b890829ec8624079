/// Gives up entries by what they weigh or cost, however often they are read; of those that are alike, what came first.
public struct RankedPolicy: EvictionPolicy {
  public enum Order: Sendable {
    /// Most entries fit.
    case largestFirst
    /// To stay below a sum of costs with as many entries as possible, where costs are what keeping them costs.
    case mostExpensiveFirst
    /// What costs least to make again.
    case cheapestFirst
  }

  private let order: Order
  private var heap = SlotHeap()

  public init(_ order: Order) { self.order = order }

  public mutating func insert(_ entry: CachedEntry) {
    let rank =
      switch order {
      case .largestFirst: -Double(entry.weight)
      case .mostExpensiveFirst: -entry.cost
      case .cheapestFirst: entry.cost
      }
    heap.set(UInt32(entry.slot), rank, isThere: false)
  }

  public mutating func access(_ slot: Int) {}
  public mutating func remove(_ slot: Int) { heap.remove(UInt32(slot)) }
  public mutating func evict() -> Int? { heap.removeFirst() }
  public func forEach(_ body: (Int) -> Void) { heap.forEach(body) }
}

extension EvictionPolicy where Self == RankedPolicy {
  public static var largestFirst: RankedPolicy { RankedPolicy(.largestFirst) }
  public static var mostExpensiveFirst: RankedPolicy { RankedPolicy(.mostExpensiveFirst) }
  public static var cheapestFirst: RankedPolicy { RankedPolicy(.cheapestFirst) }
}
