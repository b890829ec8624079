/// Goes through the records of a file of the log in order, each verified, in little memory. The file is read, and not
/// mapped: a page that its disk cannot read would end the process.
struct LogFileScan {
  private static let windowBytes = 1 << 20

  private let file: any File
  private let salt: UInt64
  private let end: Int
  private let memory: Mapping
  /// Where in the file the memory's bytes begin, and how many there are.
  private var (start, filled) = (0, 0)
  /// Where the next record is looked for.
  private(set) var offset = SegmentHeader.recordsStart

  init(_ file: any File, salt: UInt64, to end: Int) throws(StoreError) {
    self.file = file
    self.salt = salt
    self.end = end
    memory = try System.allocate(byteCount: Self.windowBytes)
  }

  /// The next record, and its bytes if there are not very many; `nil` where none stands that verifies. The bytes are
  /// there until the next call.
  mutating func next() throws(StoreError) -> (header: RecordHeader, offset: Int, bytes: MemoryView?)? {
    let at = offset
    guard let first = try bytes(at, RecordHeader.byteCount), let header = RecordHeader(beginning: first, at: 0),
      header.recordByteCount <= end - at
    else { return nil }
    let byteCount = header.recordByteCount
    var found: MemoryView?
    if byteCount <= Self.windowBytes {
      guard let bytes = try bytes(at, byteCount), header.isIntact(bytes, offset: at, salt: salt) else { return nil }
      found = bytes
    } else {
      let hash = try HashStream(seed: RecordHeader.seed(salt: salt, offset: at))
      for piece in stride(from: at + 8, to: at + byteCount, by: Self.windowBytes) {
        guard let bytes = try bytes(piece, min(Self.windowBytes, at + byteCount - piece)) else { return nil }
        hash.add(bytes)
      }
      guard hash.finish() == header.checksum else { return nil }
    }
    offset += byteCount
    return (header, at, found)
  }

  /// `nil` where the file ends before.
  private mutating func bytes(_ at: Int, _ count: Int) throws(StoreError) -> MemoryView? {
    if at < start || at + count > start + filled {
      (start, filled) = (at, 0)
      let wanted = min(Self.windowBytes, end - at)
      guard wanted >= count else { return nil }
      filled = try file.read(into: memory.view.slice(0, wanted), at: at)
    }
    guard at + count <= start + filled else { return nil }
    return memory.view.slice(at - start, count)
  }
}
