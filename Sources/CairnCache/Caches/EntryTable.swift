/// What a cache knows of an entry beside the store: not its key.
struct TrackedEntry {
  /// Of its key.
  var hash: UInt64 = 0
  /// When the store does not show it any more; `max`: never.
  var deadline: Int64 = .max
  var cost = 1.0
  /// Bytes of its record.
  var byteCount: UInt32 = 0
  /// How often it has been read, about.
  var hits: UInt32 = 0
  /// The cache that it is in.
  var cache: UInt16 = 0
  var state = State.free

  enum State: UInt8 {
    case free
    /// The policy knows it.
    case kept
    /// The policy does not, and it stays.
    case pinned
    /// The policy has given it up, and the store is about to remove it.
    case leaving
  }

  var hasDeadline: Bool { deadline != .max }
}

/// The entries of all caches of a store by the hashes of their keys, each in a slot.
struct EntryTable {
  private(set) var entries: [TrackedEntry] = []
  private var freeSlots: [UInt32] = []
  private(set) var count = 0
  /// Open addressing with linear probing, in parts that grow one by one: growing a part of 1 M entries takes some 0.1
  /// ms. A place holds the slot plus one; 0: nothing.
  private var parts = [[UInt32]](repeating: [], count: partCount)
  private var counts = [Int](repeating: 0, count: partCount)

  private static let partCount = 256
  private static let leastPlaces = 8

  private static func part(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 56) }

  subscript(_ slot: UInt32) -> TrackedEntry {
    get { entries[Int(slot)] }
    set { entries[Int(slot)] = newValue }
  }

  /// It has been read. Returns the cache that it is in.
  mutating func note(_ slot: UInt32) -> UInt16 {
    if entries[Int(slot)].hits < .max { entries[Int(slot)].hits += 1 }
    return entries[Int(slot)].cache
  }

  mutating func reserve(_ count: Int) { entries.reserveCapacity(count) }

  func slot(of hash: UInt64) -> UInt32? {
    guard let place = place(of: hash) else { return nil }
    return parts[Self.part(hash)][place] - 1
  }

  private func place(of hash: UInt64) -> Int? {
    let part = Self.part(hash)
    let mask = parts[part].count - 1
    if mask < 0 { return nil }
    var place = Int(truncatingIfNeeded: hash) & mask
    while true {
      let content = parts[part][place]
      if content == 0 { return nil }
      if entries[Int(content - 1)].hash == hash { return place }
      place = (place + 1) & mask
    }
  }

  /// Gives an entry a slot; no other has its hash.
  mutating func insert(_ entry: TrackedEntry) -> UInt32 {
    let slot = freeSlots.popLast() ?? UInt32(entries.count)
    if Int(slot) == entries.count { entries.append(entry) } else { entries[Int(slot)] = entry }
    let part = Self.part(entry.hash)
    counts[part] += 1
    count += 1
    if counts[part] * 4 > parts[part].count * 3 { grow(part) }
    put(slot, entry.hash, in: part)
    return slot
  }

  private mutating func put(_ slot: UInt32, _ hash: UInt64, in part: Int) {
    let mask = parts[part].count - 1
    var place = Int(truncatingIfNeeded: hash) & mask
    while parts[part][place] != 0 { place = (place + 1) & mask }
    parts[part][place] = slot + 1
  }

  private mutating func grow(_ part: Int) {
    let old = parts[part]
    parts[part] = [UInt32](repeating: 0, count: max(Self.leastPlaces, old.count * 2))
    for content in old where content != 0 { put(content - 1, entries[Int(content - 1)].hash, in: part) }
  }

  mutating func remove(_ slot: UInt32) {
    let hash = entries[Int(slot)].hash
    guard var hole = place(of: hash) else { preconditionFailure("a slot that is in use is in the table") }
    let part = Self.part(hash)
    let mask = parts[part].count - 1
    // What stands behind moves up, unless it would stand before where it belongs.
    var place = (hole + 1) & mask
    while parts[part][place] != 0 {
      let home = Int(truncatingIfNeeded: entries[Int(parts[part][place] - 1)].hash) & mask
      if (place - home) & mask >= (place - hole) & mask {
        parts[part][hole] = parts[part][place]
        hole = place
      }
      place = (place + 1) & mask
    }
    parts[part][hole] = 0
    counts[part] -= 1
    count -= 1
    entries[Int(slot)] = TrackedEntry()
    freeSlots.append(slot)
  }
}
