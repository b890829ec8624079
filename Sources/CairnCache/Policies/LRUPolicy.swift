/// Gives up what has not been read for the longest time: exactly, not by samples.
///
/// The plain choice. What is read once, such as a scan of everything, drives out what is read often.
public struct LRUPolicy: EvictionPolicy {
  private var links = SlotLinks()
  private var list = SlotList()

  public init() {}

  public mutating func insert(_ entry: CachedEntry) { links.add(UInt32(entry.slot), to: &list) }

  public mutating func access(_ slot: Int) {
    let slot = UInt32(slot)
    if list.newest == slot { return }
    links.remove(slot, from: &list)
    links.add(slot, to: &list)
  }

  public mutating func access(_ slots: [Int]) {
    links.touch(slots)
    for slot in slots { access(slot) }
  }

  public mutating func remove(_ slot: Int) { links.remove(UInt32(slot), from: &list) }
  public mutating func evict() -> Int? { links.removeOldest(from: &list) }
  public func forEach(_ body: (Int) -> Void) { links.forEach(in: list, body) }
}

extension EvictionPolicy where Self == LRUPolicy {
  public static var lru: LRUPolicy { LRUPolicy() }
}
