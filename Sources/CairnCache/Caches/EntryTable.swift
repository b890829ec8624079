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
  /// Of those that leave, for what; 0: for nothing.
  var reservation: UInt32 = 0
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
  /// ms.
  private var parts = [[Place]](repeating: [], count: partCount)
  private var counts = [Int](repeating: 0, count: partCount)

  private static let partCount = 256
  private static let leastPlaces = 8

  /// The slot of an entry, and enough of its hash that others are passed by without a look at them, which would be a
  /// wait for memory each. Zero: nothing.
  private struct Place {
    var word: UInt64 = 0

    init() {}
    init(_ slot: UInt32, _ hash: UInt64) { word = UInt64(slot + 1) << 32 | Self.tag(hash) }

    var isEmpty: Bool { word == 0 }
    var slot: UInt32 { UInt32(truncatingIfNeeded: word >> 32) &- 1 }
    func mayBe(_ hash: UInt64) -> Bool { word & 0xFFFF_FFFF == Self.tag(hash) && word != 0 }

    /// Other bits than those that a place is found by, as long as there are no more than 4,000 M entries.
    private static func tag(_ hash: UInt64) -> UInt64 { hash >> 24 & 0xFFFF_FFFF }
  }

  private static func part(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 56) }

  subscript(_ slot: UInt32) -> TrackedEntry {
    get { entries[Int(slot)] }
    set { entries[Int(slot)] = newValue }
  }

  /// Whether an entry has this slot.
  func isThere(_ slot: UInt32) -> Bool { Int(slot) < entries.count && entries[Int(slot)].state != .free }

  /// It has been read. Returns the cache that it is in.
  mutating func note(_ slot: UInt32) -> UInt16 {
    if entries[Int(slot)].hits < .max { entries[Int(slot)].hits += 1 }
    return entries[Int(slot)].cache
  }

  func slot(of hash: UInt64) -> UInt32? {
    place(of: hash).map { parts[Self.part(hash)][$0].slot }
  }

  /// The slots of those that are there, in their order: in two passes, so that the processor waits for the places of
  /// several in memory at the same time, and not for one after the other.
  func slots(of hashes: [UInt64]) -> [UInt32] {
    var first = [Place](repeating: Place(), count: hashes.count)
    for (number, hash) in hashes.enumerated() {
      let part = Self.part(hash)
      let mask = parts[part].count - 1
      if mask >= 0 { first[number] = parts[part][Int(truncatingIfNeeded: hash) & mask] }
    }
    var slots: [UInt32] = []
    slots.reserveCapacity(hashes.count)
    for (number, hash) in hashes.enumerated() where !first[number].isEmpty {
      if first[number].mayBe(hash) && entries[Int(first[number].slot)].hash == hash {
        slots.append(first[number].slot)
      } else if let slot = slot(of: hash) {
        slots.append(slot)
      }
    }
    return slots
  }

  private func place(of hash: UInt64) -> Int? {
    let part = Self.part(hash)
    let mask = parts[part].count - 1
    if mask < 0 { return nil }
    var number = Int(truncatingIfNeeded: hash) & mask
    while true {
      let place = parts[part][number]
      if place.isEmpty { return nil }
      if place.mayBe(hash) && entries[Int(place.slot)].hash == hash { return number }
      number = (number + 1) & mask
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
    put(Place(slot, entry.hash), entry.hash, in: part)
    return slot
  }

  private mutating func put(_ new: Place, _ hash: UInt64, in part: Int) {
    let mask = parts[part].count - 1
    var number = Int(truncatingIfNeeded: hash) & mask
    while !parts[part][number].isEmpty { number = (number + 1) & mask }
    parts[part][number] = new
  }

  private mutating func grow(_ part: Int) {
    let old = parts[part]
    parts[part] = [Place](repeating: Place(), count: max(Self.leastPlaces, old.count * 2))
    for place in old where !place.isEmpty { put(place, entries[Int(place.slot)].hash, in: part) }
  }

  /// Entries of one session for the next, into an empty table: their slots are their places.
  ///
  /// - Returns: whether all have other hashes.
  mutating func fill(_ all: [TrackedEntry]) -> Bool {
    precondition(entries.isEmpty, "an empty table")
    for entry in all { counts[Self.part(entry.hash)] += 1 }
    for part in parts.indices where counts[part] > 0 {
      var places = Self.leastPlaces
      while counts[part] * 4 > places * 3 { places *= 2 }
      parts[part] = [Place](repeating: Place(), count: places)
    }
    (entries, count) = (all, all.count)
    for slot in all.indices {
      let hash = all[slot].hash
      let part = Self.part(hash)
      let mask = parts[part].count - 1
      var number = Int(truncatingIfNeeded: hash) & mask
      while !parts[part][number].isEmpty {
        let other = parts[part][number]
        if other.mayBe(hash) && all[Int(other.slot)].hash == hash { return false }
        number = (number + 1) & mask
      }
      parts[part][number] = Place(UInt32(slot), hash)
    }
    return true
  }

  mutating func remove(_ slot: UInt32) {
    let hash = entries[Int(slot)].hash
    guard var hole = place(of: hash) else { preconditionFailure("a slot that is in use is in the table") }
    let part = Self.part(hash)
    let mask = parts[part].count - 1
    // What stands behind moves up, unless it would stand before where it belongs.
    var number = (hole + 1) & mask
    while !parts[part][number].isEmpty {
      let home = Int(truncatingIfNeeded: entries[Int(parts[part][number].slot)].hash) & mask
      if (number - home) & mask >= (number - hole) & mask {
        parts[part][hole] = parts[part][number]
        hole = number
      }
      number = (number + 1) & mask
    }
    parts[part][hole] = Place()
    counts[part] -= 1
    count -= 1
    entries[Int(slot)] = TrackedEntry()
    freeSlots.append(slot)
  }
}
