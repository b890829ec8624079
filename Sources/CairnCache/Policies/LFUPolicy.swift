/// Gives up what has been read least often, counted from when it came; of those, what has been read as often for the
/// longest time.
///
/// What was popular once stays long after that.
public struct LFUPolicy: EvictionPolicy {
  private var heap = SlotHeap()

  public init() {}

  public mutating func insert(_ entry: CachedEntry) { heap.set(UInt32(entry.slot), 1, isThere: false) }
  public mutating func access(_ slot: Int) { heap.set(UInt32(slot), heap.value(UInt32(slot)) + 1, isThere: true) }
  public mutating func remove(_ slot: Int) { heap.remove(UInt32(slot)) }
  public mutating func evict() -> Int? { heap.removeFirst() }
  public func forEach(_ body: (Int) -> Void) { heap.forEach(body) }
}

extension EvictionPolicy where Self == LFUPolicy {
  public static var lfu: LFUPolicy { LFUPolicy() }
}
