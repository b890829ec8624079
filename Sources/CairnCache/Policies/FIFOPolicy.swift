/// Gives up what has been there for the longest time, whether it is read or not.
public struct FIFOPolicy: EvictionPolicy {
  private var links = SlotLinks()
  private var list = SlotList()

  public init() {}

  public mutating func insert(_ entry: CachedEntry) { links.add(UInt32(entry.slot), to: &list) }
  public mutating func access(_ slot: Int) {}
  public mutating func remove(_ slot: Int) { links.remove(UInt32(slot), from: &list) }
  public mutating func evict() -> Int? { links.removeOldest(from: &list) }
  public func forEach(_ body: (Int) -> Void) { links.forEach(in: list, body) }
}

extension EvictionPolicy where Self == FIFOPolicy {
  public static var fifo: FIFOPolicy { FIFOPolicy() }
}
