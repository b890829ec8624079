/// Goes through the records of a segment in order, each verified.
struct LogScan {
  let memory: MemoryView
  let salt: UInt64
  /// Where the next record is looked for.
  private(set) var offset: Int
  /// Nothing at or after this is looked at.
  let end: Int

  init(_ memory: MemoryView, salt: UInt64, from offset: Int = SegmentHeader.recordsStart, to end: Int) {
    self.memory = memory.slice(0, end)
    self.salt = salt
    self.offset = offset
    self.end = end
  }

  struct Record {
    let header: RecordHeader
    let offset: Int
    var end: Int { offset + header.recordByteCount }
  }

  /// The next record; `nil` where none stands that verifies.
  mutating func next() -> Record? {
    guard let record = Self.record(memory, salt: salt, at: offset) else { return nil }
    offset = record.end
    return record
  }

  /// The link of a segment, and the sequence before it; `nil` if it does not begin with one.
  static func link(_ memory: MemoryView, salt: UInt64) -> (value: LinkValue, sequence: UInt64)? {
    guard let record = record(memory, salt: salt, at: SegmentHeader.recordsStart),
      record.header.kind == RecordHeader.Kind.link,
      let value = LinkValue(
        decoding: memory.slice(record.offset + record.header.valueOffset, record.header.valueByteCount))
    else { return nil }
    return (value, record.header.sequence)
  }

  static func record(_ memory: MemoryView, salt: UInt64, at offset: Int) -> Record? {
    guard let header = RecordHeader(decoding: memory, at: offset),
      header.isIntact(memory.slice(offset, header.recordByteCount), offset: offset, salt: salt)
    else { return nil }
    return Record(header: header, offset: offset)
  }
}

extension RecordHeader {
  /// A record with a sequence of its own.
  package var isOperation: Bool { kind == Kind.put || kind == Kind.delete || isBarrier }

  @inline(__always)
  package var isBarrier: Bool { kind == Kind.barrier }

  /// By prefix, and nothing else: what has a value, or ends, says more.
  package var isUnderstoodBarrier: Bool {
    valueByteCount == 0 && codec == Codec.none && isUnderstood && flags & Flags.expiry == 0
  }

  /// Whether it has a key as records of its kind must, and room for its fields. A barrier for everything has none.
  package var hasItsParts: Bool { (keyByteCount > 0 || isBarrier) && hasItsFields }

  /// An earlier version of an entry that was kept (F1-VER-001).
  package var isEarlier: Bool {
    kind == Kind.earlier && flags & Flags.version != 0 && keyByteCount > 0 && hasItsFields
  }

  /// Whether this version knows what the record is.
  package var isKnownKind: Bool { isOperation || kind == Kind.seal || kind == Kind.link }

  /// Whether those who do not know what it is may go on as if it were not there.
  package var isSkippable: Bool { kind & Kind.skippable != 0 }
}
