/// SPEC 4.6: the dictionary of a segment, in a record right behind its link, compressed or not. Who does not know the
/// kind skips it.
package enum DictionaryRecord {
  /// Of the dictionary, and of what is stored of it; readers need not hold more in memory.
  package static let valueBytesMax = 1 << 20
  /// What a dictionary of zstd begins with. Without it, zstd would take any bytes for one.
  private static let magic: UInt32 = 0xEC30_A437
  private static let leastBytes = 8

  static func recordByteCount(_ storedBytes: Int) -> Int {
    RecordHeader.byteCount(key: 0, value: storedBytes, extension: 0)
  }

  /// Whether a record with this header, in that place, is a segment's dictionary, if its value is one.
  package static func isOne(_ header: RecordHeader, at offset: Int, linkEnd: Int) -> Bool {
    header.kind == RecordHeader.Kind.dictionary && offset == linkEnd && header.flags & 0xFF == 0
      && header.codec <= RecordHeader.Codec.zstd && header.dictionary == 0
      && (leastBytes...valueBytesMax).contains(header.valueByteCount)
  }

  package static func isOne(_ value: MemoryView) -> Bool {
    (leastBytes...valueBytesMax).contains(value.count) && value.load(0, as: UInt32.self) == magic
  }

  /// Where the link of a segment ends, by its lengths.
  private static func linkEnd(_ memory: MemoryView) -> Int? {
    RecordHeader(decoding: memory, at: SegmentHeader.recordsStart).flatMap {
      $0.kind == RecordHeader.Kind.link ? SegmentHeader.recordsStart + $0.recordByteCount : nil
    }
  }

  private static func header(in memory: MemoryView) -> (header: RecordHeader, offset: Int)? {
    guard let offset = linkEnd(memory), let header = RecordHeader(decoding: memory, at: offset),
      isOne(header, at: offset, linkEnd: offset)
    else { return nil }
    return (header, offset)
  }

  /// What the record of a segment takes; 0 if there is none. Goes by lengths alone.
  static func recordByteCount(in memory: MemoryView) -> Int { header(in: memory)?.header.recordByteCount ?? 0 }

  /// What is stored of a segment's dictionary, verified; `nil` if there is none.
  static func stored(in memory: MemoryView, salt: UInt64) -> (value: MemoryView, codec: UInt8)? {
    guard let (header, offset) = header(in: memory),
      header.isIntact(memory.slice(offset, header.recordByteCount), offset: offset, salt: salt)
    else { return nil }
    return (memory.slice(offset + header.valueOffset, header.valueByteCount), header.codec)
  }
}
