internal import CCairn
internal import Synchronization

/// The buckets of one shard of the index: a view of memory that a ``Mapping`` owns, packed into one word, so that a
/// reader gets address and length in a single load.
///
/// The word: address / 64 in bits 63–22, buckets in bits 21–1, and in bit 0 whether the checksum of buckets that come
/// from a checkpoint is still to be verified. Zero: no buckets.
@safe
struct BucketTable {
  /// Entries in a bucket: one cache line.
  static let entries = 8
  static let bucketBytes = 64
  static let bucketsMax = (1 << 21) - 1

  let word: UInt64

  @inline(__always)
  init(word: UInt64) { self.word = word }

  /// - Parameter memory: 64-byte aligned, initialized, `buckets` × 64 bytes from `offset`.
  init(_ memory: Mapping, offset: Int, buckets: Int, isVerified: Bool) {
    precondition(buckets > 0 && buckets <= Self.bucketsMax, "bucket count")
    precondition(memory.view.contains(offset, buckets * Self.bucketBytes), "buckets outside of their memory")
    let address = unsafe UInt64(UInt(bitPattern: memory.pointer + offset))
    precondition(address % 64 == 0 && address < 1 << 48, "bucket address")
    word = (address >> 6) << 22 | UInt64(buckets) << 1 | (isVerified ? 0 : 1)
  }

  /// No buckets.
  static let none = BucketTable(word: 0)

  /// The same buckets, their checksum verified.
  var verified: BucketTable { BucketTable(word: word & ~1) }

  @inline(__always)
  var isEmpty: Bool { word == 0 }
  @inline(__always)
  var isVerified: Bool { word & 1 == 0 }
  @inline(__always)
  var buckets: Int { Int(truncatingIfNeeded: word >> 1 & 0x1F_FFFF) }
  /// Entries there is room for.
  @inline(__always)
  var capacity: Int { buckets * Self.entries }
  @inline(__always)
  var byteCount: Int { buckets * Self.bucketBytes }

  @inline(__always)
  private var base: UnsafeMutablePointer<Atomic<UInt64>> {
    // SAFETY: made from such an address in `init`; whoever holds a word holds a read guard or the writer's turn, so
    // the memory has not been released.
    unsafe UnsafeMutablePointer(bitPattern: UInt(truncatingIfNeeded: (word >> 22) << 6)).unsafelyUnwrapped
  }

  /// All bytes, for checksums and copies.
  var view: MemoryView { unsafe MemoryView(UnsafeMutableRawPointer(base), count: byteCount) }

  /// The bucket that entries with this fingerprint belong to. Growing keeps their order.
  @inline(__always)
  func home(_ fingerprint: UInt32) -> Int { Int(truncatingIfNeeded: (UInt64(fingerprint) &* UInt64(buckets)) >> 24) }

  @inline(__always)
  func following(_ bucket: Int) -> Int { bucket + 1 == buckets ? 0 : bucket + 1 }

  /// Matching entries in bits 0–7, empty ones in bits 8–15.
  @inline(__always)
  func match(_ bucket: Int, _ fingerprint: UInt32) -> UInt32 {
    precondition(bucket >= 0 && bucket < buckets, "bucket outside of table")
    return unsafe cairn_bucket_match(UnsafePointer(OpaquePointer(base + bucket * Self.entries)), fingerprint)
  }

  /// Where the first entry with this fingerprint stands that is wanted.
  @inline(__always)
  func place(_ fingerprint: UInt32, where isWanted: (UInt64) -> Bool) -> Int? {
    if isEmpty { return nil }
    var bucket = home(fingerprint)
    for _ in 0..<buckets {
      let match = match(bucket, fingerprint)
      var candidates = match & 0xFF
      while candidates != 0 {
        let index = bucket * Self.entries + candidates.trailingZeroBitCount
        candidates &= candidates - 1
        if isWanted(load(index)) { return index }
      }
      if match >> 8 != 0 { return nil }
      bucket = following(bucket)
    }
    return nil
  }

  @inline(__always)
  func load(_ index: Int) -> UInt64 {
    precondition(index >= 0 && index < capacity, "entry outside of table")
    return unsafe base[index].load(ordering: .acquiring)
  }

  @inline(__always)
  func store(_ entry: UInt64, at index: Int) {
    precondition(index >= 0 && index < capacity, "entry outside of table")
    unsafe base[index].store(entry, ordering: .releasing)
  }

  @inline(__always)
  func prefetch(_ bucket: Int) { unsafe cairn_prefetch(base + bucket * Self.entries) }
}
