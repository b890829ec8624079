internal import Cairn

/// A record whose checksum was right. Its bytes are valid until the next one is read.
struct LogRecord {
  let header: RecordHeader
  let offset: Int
  let bytes: MemoryView

  var end: Int { offset + bytes.count }
  var key: MemoryView { bytes.slice(header.keyOffset, header.keyByteCount) }
  var value: MemoryView { bytes.slice(header.valueOffset, header.valueByteCount) }
  var deadline: Int64? { header.deadline(bytes, at: 0) }
}

/// What the first record of a segment says about the one before (SPEC 4.4).
struct SegmentLink {
  let value: LinkValue
  /// The last one of the segment before.
  let sequence: UInt64
}

/// Reads the records of one segment.
final class SegmentReader {
  /// No segment is longer.
  static let byteCountMax = SegmentHeader.fileBytesMax

  let number: UInt64
  let path: String
  let header: SegmentHeader
  /// The length of the file, also if that is more than is read.
  let fileByteCount: Int
  private let window: FileWindow

  var byteCount: Int { window.byteCount }

  /// `nil` if there is no such file.
  ///
  /// - Parameter salt: what is known of it otherwise, in case that the header is damaged; `nil`: then it cannot be
  ///   read. Who gives it also goes on behind what the disk cannot read.
  init?(_ number: UInt64, in store: StoreDirectory, salt: UInt64? = nil) throws(StoreError) {
    guard let file = try store.directory.open(SegmentHeader.name(number), forWriting: false) else { return nil }
    fileByteCount = try file.byteCount()
    window = FileWindow(file, byteCount: min(fileByteCount, Self.byteCountMax))
    window.isForgiving = salt != nil
    let first = try window.bytes(at: 0, min(window.byteCount, SegmentHeader.byteCount), readAhead: 4096)
    do throws(StoreError) {
      header = try SegmentHeader(decoding: first ?? .empty, file: file.path)
    } catch {
      // A header with its own checksum is of another version indeed.
      let isDamaged = error.code == .damaged || first.map(SegmentHeader.hasItsChecksum) == false
      guard isDamaged, let salt else { throw error }
      header = SegmentHeader(store: store.header.identifier, segment: number, epoch: 0, salt: salt, created: 0)
    }
    guard header.store == store.header.identifier, header.segment == number else {
      throw StoreError.damaged("the segment belongs to another store or place", file: file.path, at: 24)
    }
    self.number = number
    path = file.path
  }

  /// The salt as it stands in a header that may be damaged. A wrong one does no harm: no record verifies with it.
  static func salt(of number: UInt64, in store: StoreDirectory) throws(StoreError) -> UInt64? {
    guard let file = try store.directory.open(SegmentHeader.name(number), forWriting: false) else { return nil }
    let window = FileWindow(file, byteCount: try file.byteCount())
    return try window.bytes(at: 0, SegmentHeader.byteCount, readAhead: 0)?.load(
      SegmentHeader.saltOffset, as: UInt64.self)
  }

  /// The record at a place, if one stands there that ends by `limit` and verifies.
  func record(
    at offset: Int, upTo limit: Int, readAhead: Int = FileWindow.readAhead
  ) throws(StoreError) -> LogRecord? {
    let room = min(limit, byteCount) - offset
    guard room >= RecordHeader.byteCount,
      let start = try window.bytes(at: offset, RecordHeader.byteCount, readAhead: readAhead)
    else { return nil }
    guard let claimed = Self.claimedByteCount(start), claimed <= room else { return nil }
    // What hostile bytes claim is not held in memory before it is known to be true.
    if claimed > FileWindow.readAhead, try !isIntact(at: offset, claimed) { return nil }
    guard let bytes = try window.bytes(at: offset, claimed, readAhead: readAhead),
      let header = RecordHeader(decoding: bytes, at: 0), header.recordByteCount == claimed,
      header.isIntact(bytes, offset: offset, salt: self.header.salt)
    else { return nil }
    return LogRecord(header: header, offset: offset, bytes: bytes)
  }

  /// Reads a record in pieces.
  private func isIntact(at offset: Int, _ byteCount: Int) throws(StoreError) -> Bool {
    let hash = try HashStream(seed: RecordHeader.seed(salt: header.salt, offset: offset))
    var checksum: UInt64?
    var at = offset
    let end = offset + byteCount
    while at < end {
      guard var piece = try window.bytes(at: at, min(FileWindow.readAhead, end - at)) else { return false }
      at += piece.count
      if checksum == nil {
        checksum = piece.load(0, as: UInt64.self)
        piece = piece.slice(8, piece.count - 8)
      }
      hash.add(piece)
    }
    return hash.finish() == checksum
  }

  /// How long the record says it is (SPEC 4.1), before anything of it is believed; `nil` if it is none.
  static func claimedByteCount(_ start: MemoryView) -> Int? {
    let lengths = start.loadFourWords(0).2
    let value = Int(lengths & 0xFFFF_FFFF)
    if lengths >> 48 & 0xFF == 0 || value > Store.Limits.valueBytes { return nil }
    return RecordHeader.byteCount(
      key: Int(lengths >> 32 & 0xFFFF), value: value, extension: Int(lengths >> 56) * 8)
  }

  /// The segment's link as it is at this moment; `nil` while it has none.
  func link() throws(StoreError) -> SegmentLink? {
    window.forget()
    defer { window.forget() }
    guard let record = try record(at: SegmentHeader.recordsStart, upTo: byteCount, readAhead: 4096),
      record.header.kind == RecordHeader.Kind.link, let value = LinkValue(decoding: record.value)
    else { return nil }
    return SegmentLink(value: value, sequence: record.header.sequence)
  }

  /// Reads anew: a writer may have gone on.
  func forget() { window.forget() }

  /// What stands behind a place where the log cannot be read on.
  struct Behind {
    /// The first valid record.
    var next: Int?
    /// What a valid record that is a proof tells to have been on the disk of its segment.
    var proof: Int?
    /// Whether too much resembles records to look at all of it.
    var isUndecided = false
    /// Where what is not zero ends.
    var usedEnd: Int
  }

  /// How far records behind the end of the log can be away from it, and how many bytes may be hashed to find them:
  /// hostile bytes could claim a long record at every place.
  struct Reach {
    let lastSequence: UInt64
    let byteCount: Int
    var budget: Int

    init(after lastSequence: UInt64, byteCount: Int) {
      self.lastSequence = lastSequence
      // Lengths may be anything in a hostile directory.
      self.byteCount = max(0, min(byteCount, 1 << 48))
      budget = ProofSearch.budgetFactor * self.byteCount
    }
  }

  /// Looks at every multiple of 8 from `start` on, stepping over valid records.
  ///
  /// - Parameters:
  ///   - hole: only records behind it are told as the next one.
  ///   - isProof: what a valid record must say to be a proof, which ends the search; `nil`: the next one ends it.
  func look(
    from start: Int, behind hole: Int = 0, _ reach: inout Reach, isProof: ((RecordHeader) -> Bool)?
  ) throws(StoreError) -> Behind {
    var result = Behind(usedEnd: start)
    var at = start
    while at + 8 <= byteCount {
      let length = min(4096, byteCount - at)
      guard let block = try window.bytes(at: at, length) else { break }
      if block.isZero(0, length) {
        at += length & ~7
        continue
      }
      let blockEnd = at + length & ~7
      while at < blockEnd {
        if !result.isUndecided, let claimed = try claim(at: at, reach) {
          result.isUndecided = claimed > reach.budget
          reach.budget -= claimed
          if !result.isUndecided, let record = try record(at: at, upTo: byteCount) {
            if result.next == nil && at > hole { result.next = at }
            if isProof?(record.header) == true { result.proof = record.header.durableByteCount }
            result.usedEnd = record.end
            if result.proof != nil || isProof == nil && result.next != nil { return result }
            at = record.end
            continue
          }
        }
        if let word = try window.bytes(at: at, min(8, byteCount - at)), !word.isZero(0, word.count) {
          result.usedEnd = max(result.usedEnd, at + 8)
        }
        at += 8
      }
    }
    return result
  }

  /// How long a record here would be, if what stands here can be one of this log's.
  private func claim(at offset: Int, _ reach: Reach) throws(StoreError) -> Int? {
    guard let start = try window.bytes(at: offset, RecordHeader.byteCount),
      let claimed = Self.claimedByteCount(start), claimed <= byteCount - offset
    else { return nil }
    let (_, sequence, _, marks) = start.loadFourWords(0)
    let isWithinReach = sequence &- reach.lastSequence <= UInt64(reach.byteCount / RecordHeader.byteCount + 1)
    return isWithinReach && Int(marks >> 32) * 8 <= offset ? claimed : nil
  }
}
