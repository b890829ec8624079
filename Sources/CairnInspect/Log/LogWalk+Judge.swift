internal import Cairn

/// A place in the log. What comes later is greater.
struct LogPlace: Comparable, Sendable {
  let segment: UInt64
  let offset: Int

  static func < (a: LogPlace, b: LogPlace) -> Bool { (a.segment, a.offset) < (b.segment, b.offset) }
}

/// The log stops somewhere: is that where the writer stopped, or is something damaged? (SPEC 6)
extension LogWalk {
  enum Verdict {
    /// A writer has gone on meanwhile: read again.
    case again
    /// The log ends here; so many bytes of an unfinished write follow.
    case end(tornBytes: Int)
    /// A record that was on the disk is no longer there; the next valid one, if there is any.
    case damaged(Int?)
  }

  mutating func judge(
    _ reader: SegmentReader, _ link: SegmentLink?, _ next: inout Opened, _ limit: Int
  ) throws(StoreError) -> Verdict {
    let (end, hole) = (cursor.end, cursor.hole)
    var proof: String?
    if let covered, LogPlace(segment: reader.number, offset: end) < covered {
      proof = "the checkpoint covers it"
    } else if let link, UInt64(end) < link.value.previousDurable {
      proof = "the next segment tells that it was on the disk"
    } else if link != nil, try laterSegmentsProve(after: reader.number) {
      proof = "later segments tell that it was on the disk"
    }
    let behind = try reader.look(behind: hole, end: end, isProven: proof != nil)
    if behind.isProof { proof = "a later record tells that it was on the disk" }
    if let proof {
      reader.forget()
      // Valid after all: it was being written when it was read first, and what proves it came later still.
      if cursor.refusal == nil, try reader.record(at: hole, upTo: limit) != nil { return .again }
      return noteDamage(reader, limit, proof, behind)
    }
    let later = numbers.filter { $0 > reader.number }
    if link != nil {
      // The power failed before this segment was on the disk, though later ones already were: the log ends here.
      try noteUnused(later, .void)
      return .end(tornBytes: max(0, limit - end))
    }
    if next.exists, let isDamaged = try judgeUnused(next, later), isDamaged { return .damaged(behind.next) }
    // The seal names the segment after it, which was there before the seal was written.
    if !next.exists && (cursor.isContinued || !later.isEmpty) {
      noteMissing(reader.number + 1)
      return .damaged(nil)
    }
    return .end(tornBytes: behind.usedEnd - end)
  }

  private mutating func noteDamage(
    _ reader: SegmentReader, _ limit: Int, _ proof: String, _ behind: SegmentReader.Behind
  ) -> Verdict {
    let what: String
    if let refusal = cursor.refusal {
      what = refusal
    } else if cursor.hole >= limit {
      what = "the log stops here and should go on"
    } else {
      what = "no valid record stands here"
    }
    var message = "\(what), and \(proof)"
    if let batch = cursor.batch { message += "; the batch that begins at byte \(batch.start) is incomplete" }
    if let next = behind.next, next < limit { message += "; the next valid record is at byte \(next)" }
    note(.damaged, message, reader.path, cursor.hole)
    return .damaged(behind.next)
  }

  /// A segment without a first record: made in advance, or damaged? `nil` if neither.
  private mutating func judgeUnused(_ next: Opened, _ later: [UInt64]) throws(StoreError) -> Bool? {
    guard let unused = next.reader else { return true }
    let start = SegmentHeader.recordsStart
    let behind = try unused.look(behind: start, end: start, isProven: false)
    if behind.isProof || later.contains(where: { $0 > next.number }) {
      // It may have got its first record since.
      if try unused.link() != nil { return nil }
      note(.damaged, "the first record of the segment is damaged", unused.path, start)
      return true
    }
    try noteUnused([next.number], .unused)
    return false
  }

  /// Lists segments that are not read.
  private mutating func noteUnused(_ numbers: [UInt64], _ ending: SegmentReport.Ending) throws(StoreError) {
    for number in numbers {
      guard let reader = try open(number).reader else { continue }
      var segment = SegmentReport(number: number)
      segment.byteCount = reader.fileByteCount
      segment.epoch = reader.header.epoch
      segment.salt = reader.header.salt
      segment.created = reader.header.created
      segment.firstSequence = cursor.sequence &+ 1
      segment.lastSequence = cursor.sequence
      segment.ending = ending
      unused.append(segment)
    }
  }

  /// Whether any record of a later segment was written when all earlier segments were on the disk.
  private func laterSegmentsProve(after number: UInt64) throws(StoreError) -> Bool {
    for later in numbers where later > number {
      guard let reader = try? SegmentReader(later, in: store) else { continue }
      var at = SegmentHeader.recordsStart
      while let record = try reader.record(at: at, upTo: reader.byteCount) {
        if record.header.flags & RecordHeader.Flags.earlierDurable != 0 { return true }
        at = record.end
      }
    }
    return false
  }
}
