/// The index of a frozen store: `Formats/frozen-v1/SPEC.md`, section 5.
///
/// Buckets of one cache line, each with a checksum of its own, so that *absent* is never the answer of a damaged index:
/// four bytes of checksum, ten tags of a byte, ten offsets of five. Entries stand in the order of their hashes, from
/// the bucket where their hash belongs on, wherever there is room first; a bit of the checksum says whether a search
/// goes on in the next bucket. At 80 % load that is 8 bytes a key. (At 85 %: 7.5 bytes, and a key that is not there
/// takes an eighth longer.)
enum FrozenBucket {
  static let byteCount = 64
  static let entries = 10
  static let tagsOffset = 4
  static let offsetsOffset = 14
  static let recordsEndMax = 1 << 40
  /// Eight entries to a bucket.
  static func homes(entries: Int) -> Int { max(1, (entries + 7) / 8) }

  @inline(__always)
  static func home(_ hash: UInt64, homes: UInt64) -> Int {
    Int(truncatingIfNeeded: hash.multipliedFullWidth(by: homes).high)
  }

  /// What a key's entry is told by; 0 is no entry's.
  @inline(__always)
  static func tag(_ hash: UInt64) -> UInt8 {
    let tag = UInt8(truncatingIfNeeded: hash)
    return tag == 0 ? 1 : tag
  }

  @inline(__always)
  static func isIntact(_ bucket: MemoryView, salt: UInt64, offset: Int) -> Bool {
    bucket.load(0, as: UInt32.self) == checksum(bucket, salt: salt, offset: offset, overflows: overflows(bucket))
  }

  /// 31 bits, and the one that says whether a search goes on.
  @inline(__always)
  private static func checksum(_ bucket: MemoryView, salt: UInt64, offset: Int, overflows: Bool) -> UInt32 {
    let bit: UInt32 = overflows ? 1 : 0
    let seed = RecordHeader.seed(salt: salt, offset: offset) ^ UInt64(bit)
    return UInt32(truncatingIfNeeded: bucket.slice(4, byteCount - 4).hash(seed: seed)) & ~1 | bit
  }

  static func finish(_ bucket: MemoryView, salt: UInt64, offset: Int, overflows: Bool) {
    bucket.store(checksum(bucket, salt: salt, offset: offset, overflows: overflows), at: 0)
  }

  /// Whether an entry that belongs to this bucket, or to one before it, stands behind it.
  @inline(__always)
  static func overflows(_ bucket: MemoryView) -> Bool { bucket.load(0, as: UInt8.self) & 1 != 0 }

  /// Where the record of the bucket's `number`-th entry stands.
  @inline(__always)
  static func offset(_ bucket: MemoryView, _ number: Int) -> Int {
    // The load ends with the field, and takes three bytes before it along.
    Int(truncatingIfNeeded: bucket.load(offsetsOffset - 3 + number * 5, as: UInt64.self) >> 24)
  }

  static func tag(_ bucket: MemoryView, _ number: Int) -> UInt8 {
    bucket.load(tagsOffset + number, as: UInt8.self)
  }

  static func set(_ bucket: MemoryView, _ number: Int, tag: UInt8, offset: Int) {
    bucket.store(tag, at: tagsOffset + number)
    bucket.store(UInt32(truncatingIfNeeded: offset), at: offsetsOffset + number * 5)
    bucket.store(UInt8(truncatingIfNeeded: offset >> 32), at: offsetsOffset + number * 5 + 4)
  }

  /// Entries whose tag may be this one, one bit each: all that have it, and now and then one behind such a one.
  @inline(__always)
  static func candidates(_ bucket: MemoryView, _ tag: UInt8) -> Candidates {
    let pattern = UInt64(tag) &* 0x0101_0101_0101_0101
    // The tenth and the ninth tag come with six of the others, which are shifted out.
    let low = zeroBytes(bucket.load(tagsOffset, as: UInt64.self) ^ pattern)
    let high = zeroBytes((bucket.load(tagsOffset + 2, as: UInt64.self) ^ pattern) | 0xFFFF_FFFF_FFFF)
    return Candidates(low: low, high: high)
  }

  /// The highest bit of each byte that is zero. (Of a byte of 1 behind a zero byte, too.)
  @inline(__always)
  private static func zeroBytes(_ word: UInt64) -> UInt64 {
    (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
  }

  struct Candidates {
    fileprivate var low: UInt64
    fileprivate var high: UInt64

    /// The number of the next entry, which is taken away.
    @inline(__always)
    mutating func next() -> Int? {
      if low != 0 {
        let number = low.trailingZeroBitCount / 8
        low &= low &- 1
        return number
      }
      if high == 0 { return nil }
      let number = high.trailingZeroBitCount / 8 + 2
      high &= high &- 1
      return number
    }
  }
}

/// The entries of an index that is being made.
struct FrozenIndexEntries {
  private var hashes: [UInt64] = []
  private var offsets: [UInt64] = []

  var count: Int { hashes.count }

  mutating func add(hash: UInt64, offset: Int) {
    hashes.append(hash)
    offsets.append(UInt64(offset))
  }

  /// By their hashes: they are dealt into parts of two to four, and then need but a few moves.
  mutating func sort() {
    let count = hashes.count
    if count < 2 { return }
    let bits = UInt64(Int.bitWidth - count.leadingZeroBitCount - 2)
    var ends = [Int](repeating: 0, count: 1 << bits)
    for hash in hashes { ends[Int(hash >> (64 - bits))] += 1 }
    var sum = 0
    for part in ends.indices {
      sum += ends[part]
      ends[part] = sum - ends[part]
    }
    var sortedHashes = [UInt64](repeating: 0, count: count)
    var sortedOffsets = sortedHashes
    for number in 0..<count {
      let part = Int(hashes[number] >> (64 - bits))
      sortedHashes[ends[part]] = hashes[number]
      sortedOffsets[ends[part]] = offsets[number]
      ends[part] += 1
    }
    for number in 1..<count {
      let (hash, offset) = (sortedHashes[number], sortedOffsets[number])
      var place = number
      while place > 0 && sortedHashes[place - 1] > hash {
        sortedHashes[place] = sortedHashes[place - 1]
        sortedOffsets[place] = sortedOffsets[place - 1]
        place -= 1
      }
      sortedHashes[place] = hash
      sortedOffsets[place] = offset
    }
    hashes = sortedHashes
    offsets = sortedOffsets
  }

  /// Calls `body` with the places of two records whose keys have the same hash, once sorted.
  func forEachTwins(_ body: (Int, Int) throws(StoreError) -> Void) throws(StoreError) {
    var first = 0
    for number in hashes.indices.dropFirst() {
      if hashes[number] != hashes[first] {
        first = number
        continue
      }
      for other in first..<number { try body(Int(offsets[other]), Int(offsets[number])) }
    }
  }

  /// Calls `body` with the buckets, one after the other, all but their checksums, once sorted. Returns how many.
  func makeBuckets(
    homes: Int, _ body: (_ bucket: MemoryView, _ overflows: Bool) throws(StoreError) -> Void
  ) throws(StoreError) -> Int {
    let memory = try System.allocateLines(byteCount: FrozenBucket.byteCount)
    let bucket = memory.view
    var done = 0
    /// The next free place, counted through all buckets.
    var place = 0
    // - Parameter home: of the entry that comes next.
    func finish(upTo end: Int, home: Int) throws(StoreError) {
      while done < end {
        try body(bucket, home <= done)
        bucket.zero(0, FrozenBucket.byteCount)
        done += 1
      }
    }
    for number in hashes.indices {
      let hash = hashes[number]
      let home = FrozenBucket.home(hash, homes: UInt64(homes))
      place = max(place, home * FrozenBucket.entries)
      try finish(upTo: place / FrozenBucket.entries, home: home)
      FrozenBucket.set(
        bucket, place % FrozenBucket.entries, tag: FrozenBucket.tag(hash), offset: Int(offsets[number]))
      place += 1
    }
    try finish(upTo: max(homes, (place + FrozenBucket.entries - 1) / FrozenBucket.entries), home: .max)
    return done
  }
}
