internal import Cairn

/// Reads records whose places are known.
struct LocatedRecords {
  private let store: StoreDirectory
  /// Of segments whose headers may be damaged.
  private let salts: [UInt64: UInt64]
  private var readers: [UInt64: SegmentReader] = [:]

  /// Each has a descriptor and a buffer.
  private static let readersMax = 16

  init(_ store: StoreDirectory, salts: [UInt64: UInt64] = [:]) {
    self.store = store
    self.salts = salts
  }

  /// The record; its bytes are valid until the next call.
  ///
  /// - Parameter isNextNear: whether records are asked for in the order in which they stand.
  mutating func record(at location: LiveEntries.Location, isNextNear: Bool) throws(StoreError) -> LogRecord {
    let reader = try reader(location.segment)
    let readAhead = isNextNear ? FileWindow.readAhead : location.byteCount
    let end = location.offset + location.byteCount
    guard let record = try reader.record(at: location.offset, upTo: end, readAhead: readAhead) else {
      throw StoreError.damaged("the record has changed since it was read", file: reader.path, at: location.offset)
    }
    return record
  }

  private mutating func reader(_ segment: UInt64) throws(StoreError) -> SegmentReader {
    if let reader = readers[segment] { return reader }
    guard let reader = try SegmentReader(segment, in: store, salt: salts[segment]) else {
      throw StoreError.damaged("a segment is missing", file: store.filePath(SegmentHeader.name(segment)))
    }
    if readers.count >= Self.readersMax { readers = [:] }
    readers[segment] = reader
    return reader
  }
}
