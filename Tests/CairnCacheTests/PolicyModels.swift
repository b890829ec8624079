import CairnCache

/// Policies once more, as plainly as they can be said: all entries in one array, looked through each time.
protocol PolicyModel: AnyObject {
  func admit(_ hash: UInt64)
  func insert(_ entry: CachedEntry)
  func access(_ slot: Int)
  func remove(_ slot: Int)
  func evict() -> Int?
}

extension PolicyModel {
  func admit(_ hash: UInt64) {}
}

/// Those that give up the first one of an order.
final class OrderedModel: PolicyModel {
  struct Entry {
    let entry: CachedEntry
    var (inserted, accessed): (Int, Int)
    var count = 1
    var rank = 0.0
  }

  var entries: [Entry] = []
  var time = 0
  var age = 0.0
  /// Whether the first one goes before the second one.
  let precedes: (Entry, Entry) -> Bool

  init(_ precedes: @escaping (Entry, Entry) -> Bool) { self.precedes = precedes }

  func insert(_ entry: CachedEntry) {
    time += 1
    entries.append(Entry(entry: entry, inserted: time, accessed: time))
    rank(entries.count - 1)
  }

  private func rank(_ index: Int) {
    let one = entries[index]
    entries[index].rank = age + Double(one.count) * one.entry.cost / Double(one.entry.weight)
  }

  func access(_ slot: Int) {
    guard let index = entries.firstIndex(where: { $0.entry.slot == slot }) else { return }
    time += 1
    (entries[index].accessed, entries[index].count) = (time, entries[index].count + 1)
    rank(index)
  }

  func remove(_ slot: Int) { entries.removeAll { $0.entry.slot == slot } }

  func evict() -> Int? {
    guard let index = entries.indices.min(by: { precedes(entries[$0], entries[$1]) }) else { return nil }
    age = entries[index].rank
    return entries.remove(at: index).entry.slot
  }
}

/// SIEVE: the newest first.
final class SieveModel: PolicyModel {
  private var slots: [(slot: Int, isVisited: Bool)] = []
  private var hand: Int?

  func insert(_ entry: CachedEntry) { slots.insert((entry.slot, false), at: 0) }

  func access(_ slot: Int) {
    for index in slots.indices where slots[index].slot == slot { slots[index].isVisited = true }
  }

  func remove(_ slot: Int) {
    guard let index = slots.firstIndex(where: { $0.slot == slot }) else { return }
    if hand == slot { hand = index > 0 ? slots[index - 1].slot : nil }
    slots.remove(at: index)
  }

  func evict() -> Int? {
    if slots.isEmpty { return nil }
    var index = slots.firstIndex { $0.slot == hand } ?? slots.count - 1
    while slots[index].isVisited {
      slots[index].isVisited = false
      index = index == 0 ? slots.count - 1 : index - 1
    }
    hand = index > 0 ? slots[index - 1].slot : nil
    return slots.remove(at: index).slot
  }
}

/// S3-FIFO of a capacity of 100: the oldest first.
final class S3FIFOModel: PolicyModel {
  private var (small, main, ghosts): ([CachedEntry], [CachedEntry], [CachedEntry]) = ([], [], [])
  private var frequencies: [Int: Int] = [:]
  private var isBack = false

  func admit(_ hash: UInt64) {
    isBack = ghosts.contains { $0.hash == hash }
    ghosts.removeAll { $0.hash == hash }
  }

  func insert(_ entry: CachedEntry) {
    if isBack { main.append(entry) } else { small.append(entry) }
    frequencies[entry.slot] = 0
  }

  func access(_ slot: Int) { frequencies[slot]! += 1 }

  func remove(_ slot: Int) {
    small.removeAll { $0.slot == slot }
    main.removeAll { $0.slot == slot }
  }

  private func weight(_ entries: [CachedEntry]) -> Int { entries.reduce(0) { $0 + $1.weight } }

  func evict() -> Int? {
    if weight(main) <= 90 {
      while !small.isEmpty {
        let entry = small.removeFirst()
        if frequencies[entry.slot]! == 0 {
          ghosts.append(entry)
          while weight(ghosts) > 90 { ghosts.removeFirst() }
          return entry.slot
        }
        frequencies[entry.slot] = 0
        main.append(entry)
      }
    }
    while !main.isEmpty {
      let entry = main.removeFirst()
      if frequencies[entry.slot]! == 0 { return entry.slot }
      frequencies[entry.slot] = min(frequencies[entry.slot]!, 3) - 1
      main.append(entry)
    }
    return nil
  }
}
