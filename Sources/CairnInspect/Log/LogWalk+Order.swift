internal import Cairn

/// How segments follow each other: by their links, or behind others that compaction has taken away.
extension LogWalk {
  /// What is known of a segment's end from what comes after it.
  struct Claim {
    var end: UInt64
    var checksum: UInt64
    var durable: UInt64
    /// Of the last operation before the end, if that is known.
    var sequence: UInt64?
  }

  /// The segment behind one, if there is one.
  mutating func openNext(after number: UInt64) throws(StoreError) -> Opened {
    var attempts = Self.attempts
    while true {
      if list.next(after: number) == nil { try list.addNewer(store) }
      guard let next = list.next(after: number) else { return Opened(number: number &+ 1) }
      let opened = try open(next)
      if opened.exists { return opened }
      let error = try store.missing(next)
      if error.code == .historyGone { throw error }
      attempts -= 1
      if next != list.numbers.last || attempts == 0 { return opened }
      // Made in advance and not used: a close has removed it. Who opens the store next makes it again.
      list.forgetLast()
    }
  }

  /// Behind segments that are gone, the link tells how far they had come (F1-REC-020).
  mutating func enter(_ reader: SegmentReader) throws(StoreError) {
    guard list.isGone(reader.number &- 1), let link = try reader.link() else { return }
    guard link.sequence >= cursor.sequence, link.sequence < RecordHeader.sequencesEnd else {
      return note(
        .damaged,
        "the link has the sequence \(link.sequence), and the segment before it the sequence "
          + "\(cursor.sequence)", reader.path, SegmentHeader.recordsStart)
    }
    cursor.sequence = link.sequence
  }

  /// Believes what comes after a segment instead of reading that. Returns whether it tells enough.
  mutating func skip(_ reader: SegmentReader, to claim: Claim) throws(StoreError) -> Bool {
    let end = Int(claim.end)
    let sealStart = end - RecordHeader.byteCount - SealValue.byteCount
    let last = try reader.record(at: max(sealStart, SegmentHeader.recordsStart), upTo: end, readAhead: 4096)
    let seal = last.flatMap { $0.header.kind == RecordHeader.Kind.seal ? SealValue(decoding: $0.value) : nil }
    // A list of segments that are gone does not tell the sequence before them, but the seal does.
    let sealed = last.flatMap { seal != nil && $0.header.checksum == claim.checksum ? $0.header.sequence : nil }
    guard let sequence = claim.sequence ?? sealed else { return false }
    report.segments[report.segments.count - 1].operations = Int(truncatingIfNeeded: sequence &- cursor.sequence)
    cursor.sequence = sequence
    cursor.checksum = claim.checksum
    cursor.hole = end
    finish(seal.map { $0.reason == SealValue.Reason.closed ? .closed : .continued } ?? .cut)
    return true
  }

  /// What the next segment, or the list of those that are gone, says of this one's end; `nil` if it does not follow, or
  /// has no link yet.
  mutating func claim(_ reader: SegmentReader, _ next: inout Opened) throws(StoreError) -> Claim? {
    guard next.exists, !next.isAstray else { return nil }
    let link = try next.reader?.link()
    switch list.order(reader.number, next.number, link?.value) {
    case .following:
      return link.map {
        Claim(
          end: $0.value.previousEnd, checksum: $0.value.previousChecksum, durable: $0.value.previousDurable,
          sequence: $0.sequence)
      }
    case .behind(let range):
      return Claim(end: range.previousEnd, checksum: range.previousChecksum, durable: range.previousEnd)
    case .astray:
      next.isAstray = true
      // What is wrong with a header has been noted.
      if let path = next.reader?.path {
        note(.damaged, "the segment does not follow the one before it", path, SegmentHeader.recordsStart)
      }
    case .missing: next = Opened(number: reader.number &+ 1)
    }
    return nil
  }

  mutating func noteMissing(_ number: UInt64, upTo later: UInt64? = nil) {
    let count = (later ?? number &+ 1) &- number
    let what = count == 1 ? "a segment is missing" : "\(count) segments are missing, from this one on"
    if list.finding == nil { return note(.damaged, what, store.filePath(SegmentHeader.name(number))) }
    note(
      .note, what + ": whether lost or compacted, only the list of those that are gone could tell",
      store.filePath(SegmentHeader.name(number)))
  }
}
