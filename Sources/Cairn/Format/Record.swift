/// SPEC 4: one put, one delete, or one mark of the log itself.
package struct RecordHeader: Equatable {
  package static let byteCount = 32
  /// Sequences are less: where one is only told, not counted, it is not believed blindly.
  package static let sequencesEnd: UInt64 = 1 << 62

  package enum Kind {
    /// 0 is never valid: reserved space reads as zeros.
    package static let put: UInt8 = 1
    package static let delete: UInt8 = 2
    /// The segment ends here: closed, or continued in the next one. SPEC 4.3.
    package static let seal: UInt8 = 3
    /// The first record of a segment: where the one before it ends. SPEC 4.4.
    package static let link: UInt8 = 4
    /// Older entries whose keys begin with its key are gone. SPEC 4.8.
    package static let barrier: UInt8 = 6
    /// The dictionary of the segment. SPEC 4.6.
    package static let dictionary: UInt8 = 129
    /// An earlier version of an entry. SPEC 4.7.
    package static let earlier: UInt8 = 130
    /// Set in the kind of records that a reader may skip when it does not know them.
    package static let skippable: UInt8 = 0x80
  }

  package enum Codec {
    package static let none: UInt8 = 0
    /// SPEC 4.5.
    package static let zstd: UInt8 = 1
  }

  package enum Flags {
    /// The batch goes on with the next record.
    package static let moreFollows: UInt16 = 1 << 0
    /// Eight bytes of extension: the deadline in milliseconds since 1970.
    package static let expiry: UInt16 = 1 << 1
    /// Eight bytes of extension, behind the deadline: the entry's version, where that is not the record's sequence.
    package static let version: UInt16 = 1 << 2
    /// All earlier segments were durable when this record was written.
    package static let earlierDurable: UInt16 = 1 << 8
    /// Bits 0–7 must be understood by a reader, 8–15 need not be.
    package static let known: UInt16 = moreFollows | expiry | version | 0xFF00
    /// They say nothing about the value.
    static let plain: UInt16 = moreFollows | version | 0xFF00
  }

  // As it stands in the log, so that reading one is four loads.
  package var checksum: UInt64 = 0
  package var sequence: UInt64
  /// Bytes 16–23: value length, key length, kind, extension length.
  private var lengths: UInt64
  /// Bytes 24–31: flags, codec, dictionary, durable watermark.
  private var marks: UInt64

  @inline(__always)
  package var valueByteCount: Int { Int(truncatingIfNeeded: lengths & 0xFFFF_FFFF) }
  @inline(__always)
  package var keyByteCount: Int { Int(truncatingIfNeeded: (lengths >> 32) & 0xFFFF) }
  @inline(__always)
  package var kind: UInt8 { UInt8(truncatingIfNeeded: lengths >> 48) }
  /// Bytes between header and key, for the optional fields.
  @inline(__always)
  package var extensionByteCount: Int { Int(truncatingIfNeeded: lengths >> 56) * 8 }
  @inline(__always)
  package var flags: UInt16 {
    get { UInt16(truncatingIfNeeded: marks) }
    set { marks = (marks & ~0xFFFF) | UInt64(newValue) }
  }
  /// How the value is stored.
  @inline(__always)
  package var codec: UInt8 {
    get { UInt8(truncatingIfNeeded: marks >> 16) }
    set { marks = (marks & ~0xFF_0000) | UInt64(newValue) << 16 }
  }
  /// 1: the value was compressed with the dictionary of the segment.
  @inline(__always)
  package var dictionary: UInt8 {
    get { UInt8(truncatingIfNeeded: marks >> 24) }
    set { marks = (marks & ~0xFF00_0000) | UInt64(newValue) << 24 }
  }
  /// How much of the segment was known to be durable when this record was written, in bytes.
  @inline(__always)
  package var durableByteCount: Int {
    get { Int(truncatingIfNeeded: marks >> 32) * 8 }
    set { marks = (marks & 0xFFFF_FFFF) | UInt64(newValue / 8) << 32 }
  }

  /// From the header's first byte to the last byte of padding.
  @inline(__always)
  package var recordByteCount: Int {
    Self.byteCount(key: keyByteCount, value: valueByteCount, extension: extensionByteCount)
  }
  @inline(__always)
  package var keyOffset: Int { Self.byteCount + extensionByteCount }
  @inline(__always)
  package var valueOffset: Int { Self.byteCount + extensionByteCount + keyByteCount }

  @inline(__always)
  package static func byteCount(key: Int, value: Int, extension extensionByteCount: Int) -> Int {
    (byteCount + extensionByteCount + key + value + 7) & ~7
  }

  /// The seed of a record's checksum: bytes of another place, another segment or an earlier life cannot pass.
  @inline(__always)
  package static func seed(salt: UInt64, offset: Int) -> UInt64 {
    // Wrapping multiplication is what makes the product spread over all bits.
    salt ^ (UInt64(truncatingIfNeeded: offset) &* 0x9E37_79B9_7F4A_7C15)
  }

  /// Reads the header at `offset`; `nil` where the record cannot lie within the view or is no record at all.
  @inline(__always)
  package init?(decoding view: MemoryView, at offset: Int) {
    self.init(beginning: view, at: offset)
    guard recordByteCount <= view.count - offset else { return nil }
  }

  /// The same where the record may go on behind the view.
  @inline(__always)
  package init?(beginning view: MemoryView, at offset: Int) {
    guard view.contains(offset, Self.byteCount) else { return nil }
    (checksum, sequence, lengths, marks) = view.loadFourWords(offset)
    guard kind != 0, valueByteCount <= Store.Limits.valueBytes else { return nil }
  }

  init(sequence: UInt64, kind: UInt8, flags: UInt16, key: Int, value: Int, extension extensionByteCount: Int) {
    self.sequence = sequence
    lengths = UInt64(UInt32(value)) | UInt64(UInt16(key)) << 32 | UInt64(kind) << 48
    lengths |= UInt64(UInt8(extensionByteCount / 8)) << 56
    marks = UInt64(flags)
  }

  /// Writes all but the checksum, which `finish` adds when the rest of the record is there.
  @inline(__always)
  func encode(into view: MemoryView, at offset: Int) {
    view.store(sequence, at: offset + 8)
    view.store(lengths, at: offset + 16)
    view.store(marks, at: offset + 24)
  }

  /// Computes and stores the checksum of the `byteCount` bytes at `offset`. Returns it.
  @inline(__always)
  @discardableResult
  static func finish(_ view: MemoryView, at offset: Int, byteCount: Int, salt: UInt64) -> UInt64 {
    let checksum = view.slice(offset + 8, byteCount - 8).hash(seed: seed(salt: salt, offset: offset))
    view.store(checksum, at: offset)
    return checksum
  }

  /// Whether the record's bytes are what was written at this offset of this segment.
  @inline(__always)
  package func isIntact(_ bytes: MemoryView, offset: Int, salt: UInt64) -> Bool {
    checksum == bytes.slice(8, bytes.count - 8).hash(seed: Self.seed(salt: salt, offset: offset))
  }

  /// The deadline of an entry that has one, in milliseconds since 1970.
  @inline(__always)
  package func deadline(_ view: MemoryView, at offset: Int) -> Int64? {
    guard flags & Flags.expiry != 0, extensionByteCount >= 8 else { return nil }
    return view.load(offset + Self.byteCount, as: Int64.self)
  }

  /// The version of the entry: the sequence of its put, however often the record was moved since. Of a remove, what it
  /// has removed is older.
  @inline(__always)
  package func version(_ view: MemoryView, at offset: Int) -> UInt64 {
    if flags & Flags.version == 0 { return sequence }
    let field = flags & Flags.expiry == 0 ? 0 : 8
    guard extensionByteCount >= field + 8 else { return sequence }
    return view.load(offset + Self.byteCount + field, as: UInt64.self)
  }

  /// Of an earlier version: the version that has replaced or removed it, and when that was, in milliseconds since 1970.
  package func replacement(_ view: MemoryView, at offset: Int) -> (version: UInt64, time: Int64)? {
    let start = fieldsByteCount
    guard kind == Kind.earlier, extensionByteCount >= start + Self.replacementItemBytes else { return nil }
    let item = offset + Self.byteCount + start
    guard view.load(item, as: UInt16.self) == Self.replacementItem else { return nil }
    return (view.load(item + 8, as: UInt64.self), view.load(item + 16, as: Int64.self))
  }

  /// Type 1, three words.
  static let replacementItem: UInt16 = 1 | 3 << 8
  package static let replacementItemBytes = 24

  /// Bytes of extension that the known flags announce.
  @inline(__always)
  package var fieldsByteCount: Int { (flags & Flags.expiry) == 0 ? versionByteCount : versionByteCount + 8 }

  @inline(__always)
  private var versionByteCount: Int { flags & Flags.version == 0 ? 0 : 8 }

  /// Whether this version knows what the record's optional fields mean, and how its value is stored.
  @inline(__always)
  package var isUnderstood: Bool {
    marks & 0xFFFF_FFFF & ~(UInt64(Flags.known) | UInt64(Codec.zstd) << 16 | 1 << 24) == 0 && dictionary <= codec
  }

  /// Whether there are items in its extension, or flags that need not be understood.
  package var saysMore: Bool {
    flags >> 9 != 0 || extensionByteCount > fieldsByteCount
  }

  /// The same but for attributes.
  package func saysMoreThanAttributes(_ bytes: MemoryView) -> Bool {
    if flags >> 9 != 0 { return true }
    let attributes = attributes(bytes, at: 0)
    // An item's head, and up to a whole number of words.
    let item = attributes.count == 0 ? 0 : (attributes.count + AttributeItem.headBytes + 7) & ~7
    return extensionByteCount > fieldsByteCount + item
  }

  /// What says how the value is stored: flags 3 to 7, codec and dictionary.
  package var encoding: UInt64 {
    get { marks & 0xFFFF_00F8 }
    set { marks = (marks & ~0xFFFF_00F8) | newValue }
  }

  /// The field for its length has a byte.
  static let extensionBytesMax = 255 * 8

  /// Whether this is a put whose value is as it is stored, for ever: the common case.
  @inline(__always)
  package var isPlainPut: Bool { kind == Kind.put && marks & 0xFFFF_FFFF & ~UInt64(Flags.plain) == 0 }

  /// Whether the extension has room for the fields that the known flags announce.
  @inline(__always)
  package var hasItsFields: Bool { extensionByteCount >= fieldsByteCount }
}

/// SPEC 4.3: the value of a seal.
package struct SealValue: Equatable {
  package static let byteCount = 24
  package enum Reason {
    package static let closed: UInt32 = 1
    package static let continued: UInt32 = 2
  }

  package var reason: UInt32
  package var isKnown: Bool { reason == Reason.closed || reason == Reason.continued }
  package var epoch: UInt64
  /// The segment that follows; 0 after a close.
  package var next: UInt64

  func encode(into view: MemoryView) {
    view.store(reason, at: 0)
    view.store(UInt32(0), at: 4)
    view.store(epoch, at: 8)
    view.store(next, at: 16)
  }

  init(reason: UInt32, epoch: UInt64, next: UInt64) {
    self.reason = reason
    self.epoch = epoch
    self.next = next
  }

  package init?(decoding view: MemoryView) {
    guard view.count >= Self.byteCount else { return nil }
    reason = view.load(0, as: UInt32.self)
    epoch = view.load(8, as: UInt64.self)
    next = view.load(16, as: UInt64.self)
  }
}

/// SPEC 4.4: the value of a link.
package struct LinkValue: Equatable {
  package static let byteCount = 40

  /// The segment before this one; 0 in the first.
  package var previous: UInt64
  /// Where its last valid record ends; what comes after that is void.
  package var previousEnd: UInt64
  /// The checksum of that record.
  package var previousChecksum: UInt64
  /// How much of it was durable when this segment was begun.
  package var previousDurable: UInt64
  package var epoch: UInt64

  /// Whether it can be the link of the segment behind that one; what it says of its end is worth something only then.
  package func follows(_ segment: UInt64) -> Bool { previous == segment && hasEnd }

  /// Whether the end that it gives can be one.
  package var hasEnd: Bool { previousEnd >= UInt64(SegmentHeader.recordsStart) }

  func encode(into view: MemoryView) {
    view.store(previous, at: 0)
    view.store(previousEnd, at: 8)
    view.store(previousChecksum, at: 16)
    view.store(previousDurable, at: 24)
    view.store(epoch, at: 32)
  }

  init(previous: UInt64, previousEnd: UInt64, previousChecksum: UInt64, previousDurable: UInt64, epoch: UInt64) {
    self.previous = previous
    self.previousEnd = previousEnd
    self.previousChecksum = previousChecksum
    self.previousDurable = previousDurable
    self.epoch = epoch
  }

  package init?(decoding view: MemoryView) {
    guard view.count >= Self.byteCount else { return nil }
    previous = view.load(0, as: UInt64.self)
    previousEnd = view.load(8, as: UInt64.self)
    previousChecksum = view.load(16, as: UInt64.self)
    previousDurable = view.load(24, as: UInt64.self)
    epoch = view.load(32, as: UInt64.self)
  }
}
