internal import Cairn

/// Reads records whose places are known.
struct LocatedRecords {
  private let store: StoreDirectory
  /// Of segments whose headers may be damaged.
  private let salts: [UInt64: UInt64]
  private var readers: [UInt64: (reader: SegmentReader, end: Int)] = [:]
  private let decompressing = CodecWork()

  /// Each has a descriptor and a buffer.
  private static let readersMax = 16

  init(_ store: StoreDirectory, salts: [UInt64: UInt64] = [:]) {
    self.store = store
    self.salts = salts
  }

  /// The record; its bytes are valid until the next call.
  ///
  /// - Parameters:
  ///   - isNextNear: whether records are mostly asked for in the order in which they stand in their segments.
  ///   - keysOnly: nobody looks at the value.
  mutating func record(
    at location: LiveEntries.Location, isNextNear: Bool, keysOnly: Bool = false
  ) throws(StoreError) -> LogRecord {
    let (reader, last) = try reader(location.segment)
    let isNear = isNextNear && location.offset >= last && location.offset - last < FileWindow.readAhead
    let readAhead = isNear ? FileWindow.readAhead : location.byteCount
    let end = location.offset + location.byteCount
    readers[location.segment]?.end = end
    guard var record = try reader.record(at: location.offset, upTo: end, readAhead: readAhead) else {
      throw StoreError.damaged("the record has changed since it was read", file: reader.path, at: location.offset)
    }
    if !keysOnly && record.isCompressed && record.header.isUnderstood {
      record.decompressed = try decompressing.decompress(record)
      if record.decompressed == nil {
        throw StoreError.damaged("the value cannot be decompressed", file: reader.path, at: location.offset)
      }
    }
    return record
  }

  /// And where the last record that was read of it ends.
  private mutating func reader(_ segment: UInt64) throws(StoreError) -> (reader: SegmentReader, end: Int) {
    if let reader = readers[segment] { return reader }
    guard let reader = try SegmentReader(segment, in: store, salt: salts[segment]) else {
      throw try store.missing(segment)
    }
    if readers.count >= Self.readersMax { readers = [:] }
    readers[segment] = (reader, SegmentHeader.recordsStart)
    return (reader, SegmentHeader.recordsStart)
  }
}
