/// Strings of bytes, none of them twice, each with a small number that it keeps as long as it is there. Numbers of
/// those that are gone are given away again, the smallest first.
///
/// By hash: open addressing with linear probing in 64 parts, each of which grows by a quarter by itself, so that no
/// insertion waits for more than a 64th. A slot has the number and 32 bits of the hash, from which its home follows: no
/// string is read to grow, nor but by chance to find that one is not there. The hash has a random seed: a stranger
/// cannot make strings pile up.
///
/// 11 bytes for each on average, another 4 for its place, and in ``ByteHeap`` 2 and what rounds it up to a multiple of
/// 4.
struct ByteTable: ~Copyable {
  private static let partBits = 6

  private let seed = UInt64.random(in: .min ... .max)
  private var parts = [[UInt64]](repeating: [], count: 1 << partBits)
  private var partCounts = [Int](repeating: 0, count: 1 << partBits)
  private var heap = ByteHeap()
  /// By number.
  private var places = Column<UInt32>()
  private var free = Bitmap()
  private(set) var count = 0

  private static let noPlace = UInt32.max

  /// All numbers are below.
  var limit: Int { places.count }

  var memoryByteCount: Int {
    parts.reduce(0) { $0 + 48 + $1.capacity * 8 } + places.memoryByteCount + heap.memoryByteCount
  }

  /// Until something is inserted or removed.
  func bytes(_ number: UInt32) -> Bytes { heap.bytes(places[number]) }

  func contains(_ number: UInt32) -> Bool { Int(number) < places.count && places[number] != Self.noPlace }

  func find(_ bytes: Bytes) -> UInt32? {
    let hash = bytes.hash(seed: seed)
    return find(bytes, Self.part(hash), Self.tag(hash))
  }

  @inline(__always) private static func part(_ hash: UInt64) -> Int { Int(hash >> UInt64(64 - partBits)) }
  @inline(__always) private static func tag(_ hash: UInt64) -> UInt64 { hash & 0xFFFF_FFFF }
  @inline(__always) private static func home(_ tag: UInt64, _ capacity: Int) -> Int {
    // Less than the capacity, which has less than 32 bits: the product has less than 64.
    Int(truncatingIfNeeded: (tag &* UInt64(truncatingIfNeeded: capacity)) >> 32)
  }

  private func find(_ bytes: Bytes, _ part: Int, _ tag: UInt64) -> UInt32? {
    let capacity = parts[part].count
    if capacity == 0 { return nil }
    var index = Self.home(tag, capacity)
    // A part is never full.
    while true {
      let slot = parts[part][index]
      if slot == 0 { return nil }
      if slot >> 32 == tag {
        let number = UInt32(truncatingIfNeeded: slot) - 1
        if heap.bytes(places[number]).isEqual(to: bytes) { return number }
      }
      index += 1
      if index == capacity { index = 0 }
    }
  }

  mutating func insert(_ bytes: Bytes) -> (number: UInt32, isNew: Bool) {
    let hash = bytes.hash(seed: seed)
    let (part, tag) = (Self.part(hash), Self.tag(hash))
    if let number = find(bytes, part, tag) { return (number, false) }
    let number = takeNumber()
    places[number] = heap.insert(bytes)
    if (partCounts[part] + 1) * 5 > parts[part].count * 4 { grow(part) }
    Self.insert(tag << 32 | UInt64(number + 1), into: &parts[part])
    partCounts[part] += 1
    count += 1
    return (number, true)
  }

  private mutating func takeNumber() -> UInt32 {
    if free.isEmpty {
      precondition(places.count < Int(UInt32.max) - 1, "out of numbers")
      places.append(Self.noPlace)
      return UInt32(places.count - 1)
    }
    let number = free.minimum
    free.remove(number)
    return number
  }

  private static func insert(_ slot: UInt64, into slots: inout [UInt64]) {
    var index = home(slot >> 32, slots.count)
    while slots[index] != 0 {
      index += 1
      if index == slots.count { index = 0 }
    }
    slots[index] = slot
  }

  private mutating func grow(_ part: Int) {
    var slots = [UInt64](repeating: 0, count: parts[part].count * 5 / 4 + 4)
    for slot in parts[part] where slot != 0 { Self.insert(slot, into: &slots) }
    parts[part] = slots
  }

  mutating func remove(_ number: UInt32) {
    let hash = bytes(number).hash(seed: seed)
    let (part, slot) = (Self.part(hash), Self.tag(hash) << 32 | UInt64(number + 1))
    Self.remove(slot, from: &parts[part])
    partCounts[part] -= 1
    count -= 1
    let heapBlock = heap.remove(places[number])
    places[number] = Self.noPlace
    free.insert(number)
    if let heapBlock { empty(heapBlock) }
  }

  private static func remove(_ slot: UInt64, from slots: inout [UInt64]) {
    let capacity = slots.count
    var hole = home(slot >> 32, capacity)
    while slots[hole] != slot {
      precondition(slots[hole] != 0, "a number that is not there")
      hole = hole + 1 == capacity ? 0 : hole + 1
    }
    // What comes behind closes up, but for what would come before its home.
    var next = hole
    while true {
      next = next + 1 == capacity ? 0 : next + 1
      if slots[next] == 0 { break }
      let home = home(slots[next] >> 32, capacity)
      let fromHome = next >= home ? next - home : next - home + capacity
      let fromHole = next >= hole ? next - hole : next - hole + capacity
      if fromHome < fromHole { continue }
      slots[hole] = slots[next]
      hole = next
    }
    slots[hole] = 0
  }

  /// Moves what is left of a block that is half dead.
  private mutating func empty(_ block: Int) {
    for place in heap.beginEmptying(block) {
      if let number = find(heap.bytes(place)), places[number] == place {
        places[number] = heap.insertCopy(of: place)
      }
    }
    heap.endEmptying(block)
  }
}

/// The strings of a ``ByteTable``, in blocks of up to 128 KiB: 16 GiB at most. A block of which more than a half is
/// dead is to be emptied.
struct ByteHeap: ~Copyable {
  private final class Block {
    var bytes = Column<UInt8>()
    var dead = 0
  }

  /// A place is the number of its block and, in units of four bytes, where in it.
  private static let (offsetBits, unit) = (UInt32(15), 4)
  private static let blockBytes = unit << offsetBits
  private static let headBytes = 2

  private var blocks: [Block?] = []
  private var freeBlocks: [Int] = []
  /// Where the next string goes.
  private var last = -1

  var memoryByteCount: Int { blocks.reduce(0) { $0 + ($1?.bytes.memoryByteCount ?? 0) + 8 } }

  @inline(__always) private static func block(_ place: UInt32) -> Int { Int(place >> offsetBits) }
  @inline(__always) private static func offset(_ place: UInt32) -> Int {
    Int(place & (1 << offsetBits - 1)) * unit
  }
  @inline(__always) private static func room(_ count: Int) -> Int { (headBytes + count + unit - 1) & ~(unit - 1) }

  @inline(__always)
  func bytes(_ place: UInt32) -> Bytes {
    guard let block = blocks[Self.block(place)] else { preconditionFailure("a block that is gone") }
    let offset = Self.offset(place)
    let all = block.bytes.bytes
    return all.slice(offset + Self.headBytes, Int(all.load(offset, as: UInt16.self)))
  }

  mutating func insert(_ bytes: Bytes) -> UInt32 {
    precondition(bytes.count <= Int(UInt16.max), "longer than any key")
    let room = Self.room(bytes.count)
    var block = last >= 0 ? blocks[last] : nil
    if block == nil || block.map({ $0.bytes.count + room > Self.blockBytes }) == true { block = addBlock() }
    guard let block else { preconditionFailure("no block") }
    let offset = block.bytes.count
    block.bytes.append(UInt8(bytes.count & 0xFF))
    block.bytes.append(UInt8(bytes.count >> 8))
    bytes.append(to: &block.bytes)
    while block.bytes.count < offset + room { block.bytes.append(0) }
    return UInt32(last) << Self.offsetBits | UInt32(offset / Self.unit)
  }

  private mutating func addBlock() -> Block {
    let block = Block()
    if let free = freeBlocks.popLast() {
      last = free
      blocks[free] = block
    } else {
      last = blocks.count
      precondition(last < 1 << (32 - Self.offsetBits) - 1, "more keys than there is room for")
      blocks.append(block)
    }
    return block
  }

  /// - Returns: a block that is to be emptied.
  mutating func remove(_ place: UInt32) -> Int? {
    let number = Self.block(place)
    let count = bytes(place).count
    guard let block = blocks[number] else { return nil }
    block.dead += Self.room(count)
    return block.dead * 2 > block.bytes.count && block.bytes.count >= 1024 ? number : nil
  }

  /// - Returns: the places of all strings in it, dead ones too.
  mutating func beginEmptying(_ number: Int) -> [UInt32] {
    if number == last { last = -1 }
    guard let block = blocks[number] else { return [] }
    var (places, offset): ([UInt32], Int) = ([], 0)
    let all = block.bytes.bytes
    while offset < all.count {
      places.append(UInt32(number) << Self.offsetBits | UInt32(offset / Self.unit))
      offset += Self.room(Int(all.load(offset, as: UInt16.self)))
    }
    return places
  }

  /// Of a block that is being emptied, into another.
  mutating func insertCopy(of place: UInt32) -> UInt32 { insert(bytes(place)) }

  mutating func endEmptying(_ number: Int) {
    blocks[number] = nil
    freeBlocks.append(number)
  }
}
