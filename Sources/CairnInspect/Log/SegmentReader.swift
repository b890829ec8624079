internal import Cairn

/// A record whose checksum was right. Its bytes are valid until the next one is read.
struct LogRecord {
  let header: RecordHeader
  let offset: Int
  let bytes: MemoryView
  /// Of its segment, if the value needs it and there is one that can be used.
  var dictionary: ValueDictionary?
  /// The value of a put that is stored compressed, once somebody has seen to that.
  var decompressed: MemoryView?

  var end: Int { offset + bytes.count }
  var key: MemoryView { bytes.slice(header.keyOffset, header.keyByteCount) }
  /// As it stands in the log.
  var storedValue: MemoryView { bytes.slice(header.valueOffset, header.valueByteCount) }
  var value: MemoryView { decompressed ?? storedValue }
  var isCompressed: Bool {
    hasValue && header.codec == RecordHeader.Codec.zstd
  }
  /// Of a put, now or earlier.
  var hasValue: Bool { header.kind == RecordHeader.Kind.put || isEarlier }
  /// Whether it is about a key, or about all that begin with it.
  var hasKey: Bool { header.isOperation || isEarlier }
  /// An earlier version of an entry (SPEC 4.7).
  var isEarlier: Bool { header.isEarlier }
  /// What has replaced or removed it.
  var replacement: (version: UInt64, time: Int64)? { isEarlier ? header.replacement(bytes, at: 0) : nil }
  /// Of the value as it was put; of one that is not understood, as it is stored.
  var valueByteCount: Int {
    guard isCompressed && header.isUnderstood else { return header.valueByteCount }
    return ValueCodec.byteCount(of: storedValue, isBare: header.dictionary != 0) ?? header.valueByteCount
  }
  var deadline: Int64? { header.deadline(bytes, at: 0) }
  /// None if they are not as they should be.
  var attributes: Attributes { Attributes(header.attributes(bytes, at: 0)) }
  /// Why it was made; `nil` if that is not said, or it is no remove.
  var cause: RemovalCause? {
    let cause = header.kind == RecordHeader.Kind.delete ? header.cause(bytes, at: 0) : .removed
    return cause == .removed ? nil : cause
  }
  /// Of the entry; of a remove, what it has removed is older.
  var version: UInt64 { header.version(bytes, at: 0) }
  /// Whether the version is another one than the record's place in the log tells: it was moved by compaction.
  var isMoved: Bool { header.isOperation && header.flags & RecordHeader.Flags.version != 0 }
  /// F1-REC-023.
  var hasPossibleVersion: Bool { version > 0 && version <= header.sequence }
}

extension CodecWork {
  /// The value of a record; `nil` if it cannot be decompressed.
  func decompress(_ record: LogRecord) throws(StoreError) -> MemoryView? {
    if record.header.dictionary != 0 && record.dictionary == nil { return nil }
    return try decompress(record.storedValue, record.dictionary?.prepared)
  }

  /// The same without the value, in little memory.
  func isWhole(_ record: LogRecord) throws(StoreError) -> Bool {
    if record.header.dictionary != 0 && record.dictionary == nil { return false }
    return try isWhole(record.storedValue, record.dictionary?.prepared)
  }
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
  /// The segment's own, once a record needs it.
  private var dictionary: ValueDictionary?
  private var hasLookedForDictionary = false

  var byteCount: Int { window.byteCount }

  /// `nil` if there is no such file.
  ///
  /// - Parameter salt: what is known of it otherwise, in case that the header is damaged; `nil`: then it cannot be
  ///   read. Who gives it also goes on behind what the disk cannot read.
  init?(_ number: UInt64, in store: StoreDirectory, salt: UInt64? = nil) throws(StoreError) {
    guard let file = try store.openSegment(number) else { return nil }
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
    guard let file = try store.openSegment(number) else { return nil }
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
    guard let claimed = RecordHeader(beginning: start, at: 0)?.recordByteCount, claimed <= room else { return nil }
    // What hostile bytes claim is not held in memory before it is known to be true.
    if claimed > FileWindow.readAhead, try !isIntact(at: offset, claimed) { return nil }
    guard let bytes = try window.bytes(at: offset, claimed, readAhead: readAhead),
      let header = RecordHeader(decoding: bytes, at: 0), header.recordByteCount == claimed,
      header.isIntact(bytes, offset: offset, salt: self.header.salt)
    else { return nil }
    if header.dictionary != 0 && !hasLookedForDictionary {
      hasLookedForDictionary = true
      dictionary = try readDictionary()
      return try record(at: offset, upTo: limit, readAhead: readAhead)
    }
    return LogRecord(
      header: header, offset: offset, bytes: bytes, dictionary: header.dictionary == 0 ? nil : dictionary)
  }

  /// SPEC 4.6.
  private func readDictionary() throws(StoreError) -> ValueDictionary? {
    guard let link = try record(at: SegmentHeader.recordsStart, upTo: byteCount),
      link.header.kind == RecordHeader.Kind.link
    else { return nil }
    let at = link.end
    // What is too long is not even read.
    guard let start = try window.bytes(at: at, min(RecordHeader.byteCount, max(0, byteCount - at))),
      let claimed = RecordHeader(beginning: start, at: 0)?.recordByteCount,
      claimed <= DictionaryRecord.valueBytesMax + RecordHeader.byteCount * Store.Limits.keyBytes / 16,
      let record = try record(at: at, upTo: byteCount), DictionaryRecord.isOne(record.header, at: at, linkEnd: at)
    else { return nil }
    return try ValueDictionary(stored: record.storedValue, codec: record.header.codec)
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

  /// The segment's link as it is at this moment; `nil` while it has none.
  func link() throws(StoreError) -> SegmentLink? {
    window.forget()
    defer { window.forget() }
    guard let record = try record(at: SegmentHeader.recordsStart, upTo: byteCount, readAhead: 4096),
      record.header.kind == RecordHeader.Kind.link, let value = LinkValue(decoding: record.storedValue)
    else { return nil }
    return SegmentLink(value: value, sequence: record.header.sequence)
  }

  /// Reads anew: a writer may have gone on.
  func forget() { window.forget() }

  /// Whether the file has become longer since: a session has gone on where another one had closed it.
  func hasGrown() throws(StoreError) -> Bool { try window.file.byteCount() > fileByteCount }

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
      let header = RecordHeader(beginning: start, at: 0), header.recordByteCount <= byteCount - offset
    else { return nil }
    let isWithinReach = header.sequence &- reach.lastSequence <= UInt64(reach.byteCount / RecordHeader.byteCount + 1)
    return isWithinReach && header.durableByteCount <= offset ? header.recordByteCount : nil
  }
}
