/// Gives up the largest first: most entries fit.
public struct LargestFirstPolicy: EvictionPolicy {
  private var heap = SlotHeap()

  public init() {}

  public mutating func insert(_ entry: CachedEntry) {
    heap.set(UInt32(entry.slot), -Double(entry.weight), isThere: false)
  }

  public mutating func access(_ slot: Int) {}
  public mutating func remove(_ slot: Int) { heap.remove(UInt32(slot)) }
  public mutating func evict() -> Int? { heap.removeFirst() }
  public func forEach(_ body: (Int) -> Void) { heap.forEach(body) }
}

/// Gives up first what costs most: to stay below a sum of costs with as many entries as possible, where costs are what
/// keeping them costs.
public struct MostExpensiveFirstPolicy: EvictionPolicy {
  private var heap = SlotHeap()

  public init() {}

  public mutating func insert(_ entry: CachedEntry) { heap.set(UInt32(entry.slot), -entry.cost, isThere: false) }
  public mutating func access(_ slot: Int) {}
  public mutating func remove(_ slot: Int) { heap.remove(UInt32(slot)) }
  public mutating func evict() -> Int? { heap.removeFirst() }
  public func forEach(_ body: (Int) -> Void) { heap.forEach(body) }
}

/// Gives up first what costs least to make again, however often it is read.
public struct CheapestFirstPolicy: EvictionPolicy {
  private var heap = SlotHeap()

  public init() {}

  public mutating func insert(_ entry: CachedEntry) { heap.set(UInt32(entry.slot), entry.cost, isThere: false) }
  public mutating func access(_ slot: Int) {}
  public mutating func remove(_ slot: Int) { heap.remove(UInt32(slot)) }
  public mutating func evict() -> Int? { heap.removeFirst() }
  public func forEach(_ body: (Int) -> Void) { heap.forEach(body) }
}

extension EvictionPolicy where Self == LargestFirstPolicy {
  public static var largestFirst: LargestFirstPolicy { LargestFirstPolicy() }
}

extension EvictionPolicy where Self == MostExpensiveFirstPolicy {
  public static var mostExpensiveFirst: MostExpensiveFirstPolicy { MostExpensiveFirstPolicy() }
}

extension EvictionPolicy where Self == CheapestFirstPolicy {
  public static var cheapestFirst: CheapestFirstPolicy { CheapestFirstPolicy() }
}
