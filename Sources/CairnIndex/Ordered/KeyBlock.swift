internal import CCairn
internal import Cairn

/// Some keys in ascending order of their bytes, in one piece of memory: what all of them begin with once, then the rest
/// of each.
///
/// Of each rest the first four bytes stand in a table of their own, as a number: most comparisons look at nothing else.
/// (Prefix truncation and poor man's normalised keys: Graefe, *Modern B-Tree Techniques*, 2011, 3.4 and 3.5.)
///
/// | offset | bytes | what |
/// |---|---|---|
/// | 0 | 4 | keys |
/// | 4 | 4 | room for so many: *r* |
/// | 8 | 4 | length of the prefix |
/// | 12 | 4 | bytes of prefix and rests |
/// | 16 | 4 *r* | heads |
/// | 16 + 4 *r* | 4 *r* | where each rest ends, from where the prefix begins |
/// | 16 + 8 *r* | | the prefix, then the rests |
///
/// A block that is kept in a file looks the same there (little-endian), with room for as many keys as there are.
///
/// SAFETY: the memory is its own, from `init` to `free()`, and moves when it grows; every access is within `byteCount`,
/// as the places above are kept by this file alone. Whoever holds it frees it once, and copies none that is changed.
/// A block from a file is copied, and used if the copy is one (``load(_:keysMax:)``).
@safe struct KeyBlock {
  private var base: UnsafeMutableRawPointer
  private(set) var byteCount: Int
  private var isOwned = true

  private static let headerBytes = 16

  /// No keys, and no room for any: the same memory for all.
  private static let empty = {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: headerBytes, alignment: 8)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: headerBytes)
    return UInt(bitPattern: memory)
  }()

  /// An empty one.
  init() {
    unsafe base = UnsafeMutableRawPointer(bitPattern: Self.empty)!
    byteCount = Self.headerBytes
    isOwned = false
  }

  private init(room: Int, bytes: Int) {
    byteCount = Self.headerBytes + 8 * room + bytes
    unsafe base = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 8)
    unsafe base.storeBytes(of: 0, as: UInt32.self)
    unsafe base.storeBytes(of: UInt32(room), toByteOffset: 4, as: UInt32.self)
    unsafe base.storeBytes(of: 0, toByteOffset: 8, as: UInt64.self)
  }

  /// A block from a file. It is copied first and looked at then: the file may change.
  ///
  /// - Parameter bytes: as ``encoded(_:)`` has made them, perhaps.
  /// - Returns: `nil` if it is none: every place in it lies within, and its keys, of which there are at most so many,
  ///   ascend and are such as a store can have.
  static func load(_ bytes: RawSpan, keysMax: Int) -> KeyBlock? {
    let rest = bytes.byteCount - headerBytes
    guard rest >= 0, bytes.byteCount % 8 == 0 else { return nil }
    let block = KeyBlock(room: 0, bytes: rest)
    unsafe bytes.withUnsafeBytes { unsafe block.base.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    if block.isValid(keysMax) { return block }
    block.free()
    return nil
  }

  func free() { if isOwned { unsafe base.deallocate() } }

  /// Before it is changed.
  private mutating func own() {
    if isOwned { return }
    let other = KeyBlock(room: Self.roomier(count), bytes: Self.roomier(usedBytes))
    take(from: self, into: other)
    self = other
  }

  private func take(from block: KeyBlock, into other: KeyBlock) {
    unsafe other.heads.update(from: block.heads, count: block.count)
    unsafe other.ends.update(from: block.ends, count: block.count)
    unsafe other.bytes.update(from: block.bytes, count: block.usedBytes)
    for offset in [0, 8, 12] { other.setField(offset, block.field(offset)) }
  }

  @inline(__always)
  private func field(_ offset: Int) -> Int { Int(unsafe base.load(fromByteOffset: offset, as: UInt32.self)) }
  @inline(__always)
  private func setField(_ offset: Int, _ value: Int) {
    unsafe base.storeBytes(of: UInt32(truncatingIfNeeded: value), toByteOffset: offset, as: UInt32.self)
  }

  @inline(__always)
  var count: Int { field(0) }
  private var room: Int { field(4) }
  private var prefixCount: Int { field(8) }
  /// Of the prefix and the rests.
  var usedBytes: Int { field(12) }
  /// Of the rests.
  var restBytes: Int { usedBytes - prefixCount }
  /// What it takes on the heap.
  var memoryByteCount: Int { isOwned ? byteCount + 8 : 0 }

  @inline(__always)
  private var heads: UnsafeMutablePointer<UInt32> {
    unsafe (base + Self.headerBytes).assumingMemoryBound(to: UInt32.self)
  }
  @inline(__always)
  private var ends: UnsafeMutablePointer<UInt32> { unsafe heads + room }
  @inline(__always)
  private var bytes: UnsafeMutablePointer<UInt8> {
    unsafe (base + (Self.headerBytes + 8 * room)).assumingMemoryBound(to: UInt8.self)
  }
  @inline(__always)
  private func start(_ index: Int) -> Int { index == 0 ? prefixCount : Int(unsafe ends[index - 1]) }

  /// Of a key, without the prefix.
  @inline(__always)
  private func rest(_ index: Int) -> UnsafeRawBufferPointer {
    let start = start(index)
    return unsafe UnsafeRawBufferPointer(start: bytes + start, count: Int(ends[index]) - start)
  }

  @inline(__always)
  private var prefix: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: bytes, count: prefixCount) }

  // MARK: Looking

  /// The place of the first key that is not less, and whether it is this one.
  @inline(__always)
  func find(_ key: RawSpan) -> (index: Int, isFound: Bool) {
    unsafe key.withUnsafeBytes { key in unsafe find(key) }
  }

  private func find(_ key: UnsafeRawBufferPointer) -> (index: Int, isFound: Bool) {
    let (count, prefix) = unsafe (count, prefix)
    let common = unsafe prefix.commonPrefix(key)
    if common < prefix.count { return (unsafe common < key.count && key[common] > prefix[common] ? count : 0, false) }
    let rest = unsafe UnsafeRawBufferPointer(rebasing: key[prefix.count...])
    let head = unsafe rest.head
    let heads = unsafe heads
    // Waited for together, not one after the other (measured: puts in batches 3.4 × those without keys, not 3.7 ×).
    for line in stride(from: 0, to: count, by: 16) { unsafe cairn_prefetch(heads + line) }
    var (low, high) = (0, count)
    while low < high {
      let middle = (low &+ high) / 2
      let other = unsafe heads[middle]
      if unsafe other < head || other == head && self.rest(middle).isLess(than: rest) {
        low = middle &+ 1
      } else {
        high = middle
      }
    }
    return (low, unsafe low < count && heads[low] == head && self.rest(low).isEqual(to: rest))
  }

  /// How many bytes two keys begin with are the same.
  static func commonPrefix(_ a: [UInt8], _ b: [UInt8]) -> Int {
    unsafe a.withUnsafeBytes { a in unsafe b.withUnsafeBytes { b in unsafe a.commonPrefix(b) } }
  }

  /// Writes a key over what a buffer has.
  @inline(__always)
  func copyKey(_ index: Int, to key: inout [UInt8]) {
    key.removeAll(keepingCapacity: true)
    unsafe key.append(contentsOf: prefix)
    unsafe key.append(contentsOf: rest(index))
  }

  /// Adds the keys of a range to a list.
  func addKeys(_ range: Range<Int>, reversed: Bool, to list: inout KeyList) {
    guard let first = range.first, let last = range.last else { return }
    for number in 0..<range.count {
      unsafe list.bytes.append(contentsOf: prefix)
      unsafe list.bytes.append(contentsOf: rest(reversed ? last - number : first + number))
      list.ends.append(list.bytes.count)
    }
  }

  func key(_ index: Int) -> [UInt8] {
    var key: [UInt8] = []
    copyKey(index, to: &key)
    return key
  }

  // MARK: Changing

  mutating func insert(_ key: RawSpan, at index: Int) {
    unsafe key.withUnsafeBytes { key in unsafe insert(key, at: index) }
  }

  mutating func insert(_ key: [UInt8], at index: Int) {
    unsafe key.withUnsafeBytes { key in unsafe insert(key, at: index) }
  }

  private mutating func insert(_ key: UnsafeRawBufferPointer, at index: Int) {
    own()
    let count = count
    if count == 0 {
      reserve(room: 1, bytes: key.count)
      unsafe bytes.update(from: key)
      setField(8, key.count)
      setField(12, key.count)
    } else {
      unsafe shortenPrefix(to: prefix.commonPrefix(key))
    }
    let prefixCount = prefixCount
    let rest = unsafe UnsafeRawBufferPointer(rebasing: key[prefixCount...])
    reserve(room: count + 1, bytes: usedBytes + rest.count)
    let (heads, ends, bytes, used) = unsafe (heads, ends, bytes, usedBytes)
    let start = start(index)
    unsafe (heads + index + 1).update(from: heads + index, count: count - index)
    unsafe heads[index] = rest.head
    // Moved and raised in two steps, each of which the processor does many at a time.
    unsafe (ends + index + 1).update(from: ends + index, count: count - index)
    let added = UInt32(truncatingIfNeeded: rest.count)
    for later in index + 1..<count + 1 { unsafe ends[later] &+= added }
    unsafe ends[index] = UInt32(start + rest.count)
    unsafe (bytes + start + rest.count).update(from: bytes + start, count: used - start)
    unsafe (bytes + start).update(from: rest)
    setField(0, count + 1)
    setField(12, used + rest.count)
  }

  mutating func remove(at index: Int) {
    own()
    let (heads, ends, bytes, used, count) = unsafe (heads, ends, bytes, usedBytes, count)
    let start = start(index)
    let end = Int(unsafe ends[index])
    unsafe (heads + index).update(from: heads + index + 1, count: count - index - 1)
    unsafe (ends + index).update(from: ends + index + 1, count: count - index - 1)
    let removed = UInt32(truncatingIfNeeded: end - start)
    for later in index..<count - 1 { unsafe ends[later] &-= removed }
    unsafe (bytes + start).update(from: bytes + end, count: used - end)
    setField(0, count - 1)
    setField(12, used - (end - start))
  }

  /// Gives up what is behind the first so many bytes of the prefix: it stands with each key then.
  private mutating func shortenPrefix(to length: Int) {
    let (prefixCount, count) = (prefixCount, count)
    let moved = prefixCount - length
    if moved == 0 { return }
    let other = KeyBlock(room: max(room, count), bytes: usedBytes + moved * (count - 1))
    unsafe other.bytes.update(from: UnsafeRawBufferPointer(rebasing: prefix[..<length]))
    var end = length
    for index in 0..<count {
      let rest = unsafe rest(index)
      unsafe (other.bytes + end).update(from: UnsafeRawBufferPointer(rebasing: prefix[length...]))
      unsafe (other.bytes + end + moved).update(from: rest)
      end += moved + rest.count
      unsafe other.ends[index] = UInt32(end)
    }
    other.setField(0, count)
    other.setField(8, length)
    other.setField(12, end)
    for index in 0..<count { unsafe other.heads[index] = other.rest(index).head }
    free()
    self = other
  }

  /// The keys of a range, by themselves.
  func part(_ range: Range<Int>) -> KeyBlock {
    guard let first = range.first, let last = range.last else { return KeyBlock() }
    // Whatever the first and the last one have in common, those between them have too.
    let common = unsafe first == last ? rest(first).count : rest(first).commonPrefix(rest(last))
    let length = prefixCount + common
    let restBytes = Int(unsafe ends[last]) - start(first) - common * range.count
    let other = KeyBlock(room: Self.roomier(range.count), bytes: Self.roomier(length + restBytes))
    unsafe other.bytes.update(from: prefix)
    unsafe (other.bytes + prefixCount).update(from: UnsafeRawBufferPointer(rebasing: rest(first)[..<common]))
    var end = length
    for index in range {
      let rest = unsafe UnsafeRawBufferPointer(rebasing: rest(index)[common...])
      unsafe (other.bytes + end).update(from: rest)
      end += rest.count
      unsafe other.ends[index - first] = UInt32(end)
      unsafe other.heads[index - first] = rest.head
    }
    other.setField(0, range.count)
    other.setField(8, length)
    other.setField(12, end)
    return other
  }

  /// Takes over keys that come behind its own.
  mutating func append(_ other: KeyBlock) {
    var key: [UInt8] = []
    for index in 0..<other.count {
      other.copyKey(index, to: &key)
      insert(key, at: count)
    }
  }

  /// An eighth more, as there are many such blocks.
  private static func roomier(_ count: Int) -> Int { count + count / 8 + 2 }

  private mutating func reserve(room: Int, bytes: Int) {
    if room <= self.room && Self.headerBytes + 8 * self.room + bytes <= byteCount { return }
    let other = KeyBlock(
      room: room <= self.room ? self.room : Self.roomier(room),
      bytes: max(bytes, Self.headerBytes + 8 * self.room + bytes <= byteCount ? 0 : Self.roomier(bytes)))
    take(from: self, into: other)
    free()
    self = other
  }

  // MARK: In a file

  /// The keys of a range as a block in a file, a multiple of eight bytes.
  func encoded(_ range: Range<Int>) -> [UInt8] {
    let block = part(range)
    defer { block.free() }
    let exact = KeyBlock(room: block.count, bytes: (block.usedBytes + 7) & ~7)
    defer { exact.free() }
    unsafe exact.bytes.update(repeating: 0, count: (block.usedBytes + 7) & ~7)
    take(from: block, into: exact)
    return unsafe [UInt8](UnsafeRawBufferPointer(start: exact.base, count: exact.byteCount))
  }

  private func isValid(_ keysMax: Int) -> Bool {
    let (count, prefix, used) = (count, prefixCount, usedBytes)
    guard count <= keysMax, count == room, Self.headerBytes + 8 * count <= byteCount, prefix <= used,
      used <= byteCount - Self.headerBytes - 8 * count
    else { return false }
    var end = prefix
    for index in 0..<count {
      let next = Int(unsafe ends[index])
      let keyBytes = prefix + next - end
      guard next >= end, next <= used, keyBytes > 0, keyBytes <= Store.Limits.keyBytes else { return false }
      end = next
    }
    guard end == used else { return false }
    for index in 0..<count {
      let rest = unsafe rest(index)
      guard unsafe heads[index] == rest.head else { return false }
      if unsafe index > 0 && !self.rest(index - 1).isLess(than: rest) { return false }
    }
    return true
  }
}

extension UnsafeRawBufferPointer {
  /// How many bytes the two begin with are the same.
  @inline(__always)
  fileprivate func commonPrefix(_ other: UnsafeRawBufferPointer) -> Int {
    let most = Swift.min(count, other.count)
    var common = 0
    while common &+ 8 <= most {
      let own = unsafe loadUnaligned(fromByteOffset: common, as: UInt64.self)
      let difference = unsafe own ^ other.loadUnaligned(fromByteOffset: common, as: UInt64.self)
      if difference != 0 { return common &+ difference.littleEndian.trailingZeroBitCount / 8 }
      common &+= 8
    }
    while unsafe common < most && self[common] == other[common] { common &+= 1 }
    return common
  }

  @inline(__always)
  fileprivate func isEqual(to other: UnsafeRawBufferPointer) -> Bool {
    unsafe count == other.count && commonPrefix(other) == count
  }

  @inline(__always)
  fileprivate func isLess(than other: UnsafeRawBufferPointer) -> Bool {
    let common = unsafe commonPrefix(other)
    return unsafe common < other.count && (common == count || self[common] < other[common])
  }

  /// The first four bytes as a number that orders as they do.
  @inline(__always)
  fileprivate var head: UInt32 {
    if count >= 4 { return unsafe loadUnaligned(as: UInt32.self).bigEndian }
    var head: UInt32 = 0
    for index in 0..<4 { head = head << 8 | (index < count ? UInt32(unsafe self[index]) : 0) }
    return head
  }
}

extension UnsafeMutablePointer<UInt8> {
  @inline(__always)
  fileprivate func update(from bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    unsafe update(from: base.assumingMemoryBound(to: UInt8.self), count: bytes.count)
  }
}
