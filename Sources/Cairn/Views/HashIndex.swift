internal import Synchronization

/// The hash index: key → newest record.
///
/// Entries of eight bytes, eight to a bucket of one cache line, buckets in 1,024 shards that grow by a quarter when
/// they are three quarters full. The upper ten bits of a key's hash choose the shard, the next 24 are the fingerprint,
/// which alone decides the bucket (`fingerprint × buckets / 2²⁴`): so a shard grows without reading a record, and its
/// entries stay in order. A full bucket overflows into the next one; deleting pulls overflowed entries back, so that a
/// bucket with a hole always ends a search and there are no tombstones.
///
/// One thread at a time writes (the one with the writer's turn). Readers take no lock: entries are published by one
/// store, and a reader that found nothing looks again if entries of the shard were moved meanwhile.
final class HashIndex: @unchecked Sendable {  // Shared state is in `words`; the rest is the writer's.
  static let shards = ShardWords.shards

  /// An entry: fingerprint in bits 63–40, segment slot in 39–24, offset / 8 in 23–0. Zero: empty. Slot 0: the entry
  /// is changed by a batch that is being published; the lower 24 bits then say where ``PendingEntries`` has it.
  enum Entry {
    @inline(__always)
    static func make(_ fingerprint: UInt32, slot: Int, offset: Int) -> UInt64 {
      UInt64(fingerprint) << 40 | UInt64(slot) << 24 | UInt64(offset / 8)
    }
    @inline(__always)
    static func fingerprint(_ entry: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: entry >> 40) }
    @inline(__always)
    static func slot(_ entry: UInt64) -> Int { Int(truncatingIfNeeded: entry >> 24 & 0xFFFF) }
    @inline(__always)
    static func offset(_ entry: UInt64) -> Int { Int(truncatingIfNeeded: entry & 0xFF_FFFF) * 8 }
    /// What an entry can address ends here.
    static let offsetEnd = 8 << 24
  }

  let words: ShardWords
  let segments: SegmentTable
  let pending: PendingEntries
  /// Entries per shard. The writer's; in words, because an array in a class costs an exclusivity check per access.
  let counts: AtomicWords
  /// What owns the buckets. The writer's.
  var memory = [Mapping?](repeating: nil, count: shards)
  /// Buckets that come from a checkpoint lie in its mapping; this tells their checksums.
  let loaded = Locked<CheckpointShards?>(nil)
  /// Shards whose checksum has not been verified yet.
  let unverified = Atomic<Int>(0)
  let seed: UInt64

  init(seed: UInt64, segments: SegmentTable) throws(StoreError) {
    self.seed = seed
    self.segments = segments
    words = try ShardWords()
    counts = try AtomicWords(count: Self.shards)
    pending = try PendingEntries()
  }

  @inline(__always)
  func hash(_ key: MemoryView) -> UInt64 { key.keyHash(seed: seed) }
  @inline(__always)
  static func shard(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 54) }
  @inline(__always)
  static func fingerprint(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 30) & 0xFF_FFFF }

  /// A hash that has these two.
  static func hash(shard: Int, fingerprint: UInt32) -> UInt64 { UInt64(shard) << 54 | UInt64(fingerprint) << 30 }

  @inline(__always)
  func table(_ shard: Int) -> BucketTable { words.table(shard) }

  @inline(__always)
  func prefetchBucket(_ hash: UInt64) {
    let table = table(Self.shard(hash))
    if !table.isEmpty { table.prefetch(table.home(Self.fingerprint(hash))) }
  }

  /// Asks for the first lines of the record that the key probably has. Only a hint: nothing is checked.
  @inline(__always)
  func prefetchRecord(hash: UInt64) {
    let table = table(Self.shard(hash))
    if table.isEmpty { return }
    let fingerprint = Self.fingerprint(hash)
    let bucket = table.home(fingerprint)
    let match = table.match(bucket, fingerprint) & 0xFF
    if match == 0 { return }
    prefetchRecord(table.load(bucket * BucketTable.entries + match.trailingZeroBitCount))
  }

  @inline(__always)
  func prefetchRecord(_ entry: UInt64) {
    let memory = segments.memory(Entry.slot(entry)).view
    let offset = Entry.offset(entry)
    memory.prefetch(offset)
    memory.prefetch(offset + 64)
    memory.prefetch(offset + 128)
  }

  /// Whether an entry has certainly been replaced or removed, for good. For who does not have the turn, under a read
  /// guard.
  func isGone(_ entry: UInt64, hash: UInt64) -> Bool {
    let shard = Self.shard(hash)
    let moves = words.moves(shard)
    let table = words.table(shard)
    if !table.isEmpty && !table.isVerified { return false }
    // What a batch has staged may have been this one before.
    if table.place(Self.fingerprint(hash), where: { $0 == entry || Entry.slot($0) == 0 }) != nil { return false }
    // As in a lookup: it may have passed us on its way.
    return words.moves(shard) == moves && words.table(shard).word == table.word
  }

  /// Copies the entries of a verified shard as they are at one moment. Under a read guard.
  func entries(of shard: Int, into entries: inout [UInt64]) {
    while true {
      entries.removeAll(keepingCapacity: true)
      let moves = words.moves(shard)
      let table = table(shard)
      if table.isEmpty { return }
      for index in 0..<table.capacity {
        let entry = current(table, index)
        if entry != 0 { entries.append(entry) }
      }
      // Again if an entry was in two places, or passed us on its way. The writer moves one in some thousand
      // removals of this shard, one of 1,024.
      if moves % 2 == 0 && words.moves(shard) == moves && words.table(shard).word == table.word { return }
    }
  }

  /// Live entries. The writer's.
  var count: Int { (0..<Self.shards).reduce(0) { $0 + count(of: $1) } }

  @inline(__always)
  func count(of shard: Int) -> Int { Int(truncatingIfNeeded: counts.load(shard)) }
}

/// A record that an entry leads to.
struct FoundRecord {
  /// From the header's first byte to the last byte of padding.
  let bytes: MemoryView
  let header: RecordHeader
  let entry: UInt64

  init(bytes: MemoryView, header: RecordHeader, entry: UInt64) {
    self.bytes = bytes
    self.header = header
    self.entry = entry
  }

  /// The same record again, for functions that are rarely called where a record was found: given the record itself,
  /// whose seven words are passed in memory, they would make every lookup write it there.
  init?(bytes: MemoryView, entry: UInt64) {
    guard let header = RecordHeader(decoding: bytes, at: 0) else { return nil }
    self.init(bytes: bytes, header: header, entry: entry)
  }

  @inline(__always)
  var value: MemoryView { bytes.slice(header.valueOffset, header.valueByteCount) }
  /// `value` is a frame then, which holds it.
  @inline(__always)
  var isCompressed: Bool { header.codec != RecordHeader.Codec.none }
  @inline(__always)
  var key: MemoryView { bytes.slice(header.keyOffset, header.keyByteCount) }
  @inline(__always)
  var deadline: Int64? { header.deadline(bytes, at: 0) }
  @inline(__always)
  var version: UInt64 { header.version(bytes, at: 0) }
  /// Of the value as it was put; of a frame that does not say, which none of ours is, what it takes.
  var valueByteCount: Int {
    if !isCompressed { return header.valueByteCount }
    return ValueCodec.byteCount(of: value, isBare: header.dictionary != 0) ?? header.valueByteCount
  }
  /// As they stand in the record; nothing if there are none, or none that are as they should be.
  var attributes: MemoryView { header.attributes(bytes, at: 0) }
  /// The same, unchecked: see ``AttributeItem/uncheckedContent(_:)``.
  var uncheckedAttributes: MemoryView { header.uncheckedAttributes(bytes, at: 0) }
}

/// What a search ended with.
enum Lookup {
  case absent
  case found(FoundRecord)
  /// An entry that is, up to a chance of 1 in 2³⁴, this key's, but its record fails its checksum.
  case damaged(entry: UInt64)
  /// The shard comes from a checkpoint and its checksum has not been verified yet.
  case unverified
}

extension HashIndex {
  /// The newest record of a key, its checksum verified (unless `verifying` is false). Under a read guard.
  ///
  /// What is inlined into every read is the common case: a key whose entry is the first match in its home bucket, or a
  /// home bucket with a hole and no match.
  @inline(__always)
  func find(_ key: MemoryView, hash: UInt64, verifying: Bool) -> Lookup {
    let shard = Self.shard(hash)
    let fingerprint = Self.fingerprint(hash)
    let moves = words.moves(shard)
    let table = words.table(shard)
    if !table.isEmpty && table.isVerified {
      let bucket = table.home(fingerprint)
      let match = table.match(bucket, fingerprint)
      if match & 0xFF != 0 {
        let entry = table.load(bucket * BucketTable.entries + match.trailingZeroBitCount)
        if Entry.slot(entry) != 0 && Entry.fingerprint(entry) == fingerprint,
          case .same(let record) = check(entry, key, verifying: verifying)
        {
          return .found(record)
        }
      } else if match >> 8 != 0 && words.moves(shard) == moves && words.table(shard).word == table.word {
        return .absent
      }
    }
    return findThoroughly(key, hash: hash, verifying: verifying)
  }

  @inline(never)
  private func findThoroughly(_ key: MemoryView, hash: UInt64, verifying: Bool) -> Lookup {
    search(hash) { check($0, key, verifying: verifying) }
  }

  /// The newest record of whichever key has this hash, its checksum verified if that is asked for. Under a read guard.
  func find(hash: UInt64, verifying: Bool) -> Lookup {
    search(hash) { entry in
      guard let record = record(entry, verifying: verifying) else { return .damaged }
      return self.hash(record.key) == hash ? .same(record) : .other
    }
  }

  @inline(__always)
  private func search(_ hash: UInt64, _ check: (UInt64) -> Check) -> Lookup {
    let shard = Self.shard(hash)
    let fingerprint = Self.fingerprint(hash)
    while true {
      let moves = words.moves(shard)
      let table = table(shard)
      if table.isEmpty { return .absent }
      if !table.isVerified { return .unverified }
      var damaged: UInt64 = 0
      var bucket = table.home(fingerprint)
      for _ in 0..<table.buckets {
        let match = table.match(bucket, fingerprint)
        var candidates = match & 0xFF
        while candidates != 0 {
          let entry = current(table, bucket * BucketTable.entries + candidates.trailingZeroBitCount)
          candidates &= candidates - 1
          if entry == 0 || Entry.fingerprint(entry) != fingerprint { continue }
          switch check(entry) {
          case .same(let record): return .found(record)
          case .other: break
          case .damaged: damaged = entry
          }
        }
        if match >> 8 != 0 { break }
        bucket = table.following(bucket)
      }
      // Nothing there, unless an entry was moved past us, or into new buckets. The counter is raised between the
      // two stores of a move, both with release ordering: who missed the entry sees the counter changed.
      if words.moves(shard) == moves && words.table(shard).word == table.word {
        return damaged == 0 ? .absent : .damaged(entry: damaged)
      }
    }
  }

  enum Check {
    case same(FoundRecord)
    case other
    case damaged
  }

  /// The entry itself, or what it stands for while a batch is being published (0: nothing).
  @inline(__always)
  func current(_ table: BucketTable, _ index: Int) -> UInt64 {
    let entry = table.load(index)
    if Entry.slot(entry) != 0 || entry == 0 { return entry }
    return pending.resolve(table, index)
  }

  /// Compares the whole key with the record's, and verifies the checksum.
  @inline(__always)
  func check(_ entry: UInt64, _ key: MemoryView, verifying: Bool) -> Check {
    let (memory, salt) = segments.memory(Entry.slot(entry))
    let offset = Entry.offset(entry)
    guard let header = RecordHeader(decoding: memory, at: offset) else { return .damaged }
    let bytes = memory.slice(offset, header.recordByteCount)
    let isSame = header.keyByteCount == key.count && bytes.isEqual(to: key, at: header.keyOffset)
    // Another key is a chance of 3 in 10,000 lookups; a damaged record must not pass for one.
    if verifying || !isSame {
      guard header.isIntact(bytes, offset: offset, salt: salt) else { return .damaged }
    }
    return isSame ? .same(FoundRecord(bytes: bytes, header: header, entry: entry)) : .other
  }

  /// Reads the record of an entry whoever's it is, or nothing if it is damaged.
  func record(_ entry: UInt64, verifying: Bool) -> FoundRecord? {
    let (memory, salt) = segments.memory(Entry.slot(entry))
    let offset = Entry.offset(entry)
    guard let header = RecordHeader(decoding: memory, at: offset) else { return nil }
    let bytes = memory.slice(offset, header.recordByteCount)
    if verifying && !header.isIntact(bytes, offset: offset, salt: salt) { return nil }
    return FoundRecord(bytes: bytes, header: header, entry: entry)
  }
}
