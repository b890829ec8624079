/// Greedy-Dual-Size-Frequency: gives up first what saves least, which is how often it has been read, times what it
/// costs to make, divided by its weight; and what has not been read for long loses against what is new. Cherkasova,
/// *Improving WWW Proxies Performance with Greedy-Dual-Size-Frequency Caching Policy*, 1998.
///
/// The one to take where entries differ much in size or in cost.
public struct GDSFPolicy: EvictionPolicy {
  private struct Entry {
    var weight = 1.0
    var cost = 1.0
    var frequency = 0.0
  }

  private var heap = SlotHeap()
  private var entries: [Entry] = []
  /// The rank of what has gone last: what comes is worth that much more.
  private var age = 0.0

  public init() {}

  public mutating func insert(_ entry: CachedEntry) {
    let slot = UInt32(entry.slot)
    entries.set(slot, Entry(weight: Double(entry.weight), cost: entry.cost), filler: Entry())
    rank(slot, isThere: false)
  }

  public mutating func access(_ slot: Int) { rank(UInt32(slot), isThere: true) }
  public mutating func remove(_ slot: Int) { heap.remove(UInt32(slot)) }

  public mutating func evict() -> Int? {
    guard let slot = heap.removeFirst() else { return nil }
    age = heap.value(UInt32(slot))
    return slot
  }

  private mutating func rank(_ slot: UInt32, isThere: Bool) {
    entries[Int(slot)].frequency += 1
    let entry = entries[Int(slot)]
    heap.set(slot, age + entry.frequency * entry.cost / entry.weight, isThere: isThere)
  }

  public func forEach(_ body: (Int) -> Void) { heap.forEach(body) }
}

extension EvictionPolicy where Self == GDSFPolicy {
  public static var gdsf: GDSFPolicy { GDSFPolicy() }
}
