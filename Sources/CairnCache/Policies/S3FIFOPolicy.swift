/// S3-FIFO: what is new has a tenth of the room, and gets into the rest if it is read there, or comes back soon after
/// it has gone. Yang et al., *FIFO Queues are All You Need for Cache Eviction*, SOSP 2023.
///
/// What weighs more than a tenth of the capacity is not admitted. Giving one up passes on what has been read, up to
/// three times each: in the worst case all of them, one or two on average. Of what has gone, as much as has nine tenths
/// of the capacity is remembered: some 50 bytes each.
public struct S3FIFOPolicy: EvictionPolicy {
  private struct Entry {
    var hash: UInt64 = 0
    var weight = 0
    /// Reads since it came into its list, of which at most 3 count.
    var frequency: UInt8 = 0
    var isInMain = false
  }

  /// So often an entry is read among the new ones before it gets into the rest. 1, where the paper has 2: fewer misses
  /// on two public traces (`cloudPhysicsIO`: 64,417 against 70,355 at 1 GiB; Glimpse), a few more on OLTP, and many
  /// more on `corda` with less than 512 entries.
  private let threshold: UInt8
  private var links = SlotLinks()
  private var (small, main) = (SlotList(), SlotList())
  private var entries: [Entry] = []
  private var ghosts = Ghosts()
  private var (smallCapacity, mainCapacity) = (1, 1)
  /// What was admitted last, if it had gone before, not long ago.
  private var back: UInt64?

  /// - Parameter threshold: how often an entry is read among the new ones before it gets into the rest, from 1.
  public init(threshold: Int = 1) { self.threshold = UInt8(clamping: max(threshold, 1)) }

  public mutating func resize(to capacity: Int) {
    smallCapacity = max(1, Int(Double(capacity) * 0.1))
    mainCapacity = max(0, capacity - smallCapacity)
    ghosts.resize(to: Int(Double(capacity) * 0.9))
  }

  public mutating func admit(hash: UInt64, weight: Int) -> Bool {
    back = ghosts.remove(hash) ? hash : nil
    return weight <= smallCapacity
  }

  public mutating func insert(_ entry: CachedEntry) {
    let slot = UInt32(entry.slot)
    let isBack = back == entry.hash
    entries.set(slot, Entry(hash: entry.hash, weight: entry.weight, isInMain: isBack), filler: Entry())
    if isBack {
      links.add(slot, to: &main, weight: entry.weight)
    } else {
      links.add(slot, to: &small, weight: entry.weight)
    }
    back = nil
  }

  public mutating func access(_ slot: Int) {
    if entries[slot].frequency < .max { entries[slot].frequency += 1 }
  }

  public mutating func remove(_ slot: Int) { unlink(UInt32(slot)) }

  private mutating func unlink(_ slot: UInt32) {
    let entry = entries[Int(slot)]
    if entry.isInMain {
      links.remove(slot, from: &main, weight: entry.weight)
    } else {
      links.remove(slot, from: &small, weight: entry.weight)
    }
  }

  public mutating func evict() -> Int? {
    if main.weight > mainCapacity || small.count == 0 { return evictFromMain() }
    while small.count > 0 {
      let slot = small.oldest
      let entry = entries[Int(slot)]
      links.remove(slot, from: &small, weight: entry.weight)
      guard entry.frequency >= threshold else {
        ghosts.add(entry.hash, weight: entry.weight)
        return Int(slot)
      }
      (entries[Int(slot)].isInMain, entries[Int(slot)].frequency) = (true, 0)
      links.add(slot, to: &main, weight: entry.weight)
    }
    return evictFromMain()
  }

  private mutating func evictFromMain() -> Int? {
    while main.count > 0 {
      let slot = main.oldest
      let entry = entries[Int(slot)]
      links.remove(slot, from: &main, weight: entry.weight)
      if entry.frequency == 0 { return Int(slot) }
      entries[Int(slot)].frequency = min(entry.frequency, 3) - 1
      links.add(slot, to: &main, weight: entry.weight)
    }
    return nil
  }

  public func forEach(_ body: (Int) -> Void) {
    links.forEach(in: small, body)
    links.forEach(in: main, body)
  }
}

extension EvictionPolicy where Self == S3FIFOPolicy {
  public static var s3FIFO: S3FIFOPolicy { S3FIFOPolicy() }
}

/// What has gone not long ago: hashes, the oldest of which are forgotten.
struct Ghosts {
  private(set) var queue: [(hash: UInt64, weight: Int, number: UInt64)] = []
  private var start = 0
  /// By hash, the number of the one that counts.
  private var numbers: [UInt64: UInt64] = [:]
  private var next: UInt64 = 0
  private var weight = 0
  private var capacity = 0

  mutating func resize(to capacity: Int) {
    self.capacity = capacity
    shrink()
  }

  mutating func add(_ hash: UInt64, weight: Int) {
    if weight > capacity { return }
    _ = remove(hash)
    // Most of them are back, and one that is not keeps their places.
    if queue.count - start > 2 * numbers.count + 64 { keepCurrent() }
    queue.append((hash, weight, next))
    numbers[hash] = next
    next += 1
    self.weight += weight
    shrink()
  }

  /// Returns whether it was there.
  mutating func remove(_ hash: UInt64) -> Bool {
    guard let number = numbers.removeValue(forKey: hash) else { return false }
    // Numbers go up by one from the start of the queue on.
    let place = start + Int(number - queue[start].number)
    weight -= queue[place].weight
    queue[place].weight = 0
    return true
  }

  private mutating func keepCurrent() {
    queue = queue[start...].filter { numbers[$0.hash] == $0.number }
    for place in queue.indices {
      queue[place].number = UInt64(place)
      numbers[queue[place].hash] = UInt64(place)
    }
    (start, next) = (0, UInt64(queue.count))
  }

  private mutating func shrink() {
    while start < queue.count, weight > capacity || numbers[queue[start].hash] != queue[start].number {
      if numbers[queue[start].hash] == queue[start].number {
        numbers[queue[start].hash] = nil
        weight -= queue[start].weight
      }
      start += 1
    }
    if start > 64 && start > queue.count / 2 {
      queue.removeFirst(start)
      start = 0
    }
  }
}
