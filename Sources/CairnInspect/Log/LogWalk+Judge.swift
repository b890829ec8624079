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
    _ reader: SegmentReader, _ claim: Claim?, _ next: inout Opened, _ limit: Int
  ) throws(StoreError) -> Verdict {
    let (end, hole) = (cursor.end, cursor.hole)
    let later = list.numbers.filter { $0 > reader.number }
    if list.finding != nil && !next.exists && !later.isEmpty && cursor.refusal == nil {
      // Whether anything is missing here, nothing tells.
      return .damaged(nil)
    }
    if cursor.rest == nil { cursor.rest = try store.byteCountOfSegments(from: reader.number) }
    var reach = SegmentReader.Reach(
      after: cursor.batch?.sequence ?? cursor.sequence, byteCount: (cursor.rest ?? 0) &- end)
    reach.budget = cursor.budget ?? reach.budget
    let before = (vouched: cursor.vouched, budget: cursor.budget)
    var proof: String?
    if let checkpoint, LogPlace(segment: reader.number, offset: end) < checkpoint.covered {
      proof = "the checkpoint covers it"
    } else if let claim, UInt64(end) < claim.durable {
      proof = "the next segment tells that it was on the disk"
    } else if let claim, cursor.batch == nil, UInt64(end) == claim.end {
      proof = "the next segment was linked to another record"
    } else if next.exists && list.isAnyGone(after: reader.number) {
      proof = "segments behind it have been compacted"
    } else if end < cursor.vouched {
      proof = "what follows tells that it was on the disk"
    }
    let isRefused = cursor.refusal != nil
    var behind = try reader.look(
      from: isRefused ? hole + 8 : end, behind: hole, &reach,
      isProof: proof != nil || isRefused ? nil : { $0.durableByteCount > end })
    if let durable = behind.proof {
      cursor.vouched = max(cursor.vouched, durable)
      proof = "a later record tells that it was on the disk"
    } else if proof == nil && !isRefused, try laterSegmentsProve(later, &reach, &behind) {
      cursor.vouched = .max
      proof = "later segments tell that it was on the disk"
    } else if proof == nil && behind.isUndecided {
      cursor.vouched = .max
      proof = "what follows resembles records too much to tell"
    }
    cursor.budget = reach.budget
    if proof != nil || isRefused {
      reader.forget()
      // Valid after all: it was being written when it was read first, and what proves it came later still.
      if !isRefused {
        if try reader.record(at: hole, upTo: limit) != nil { return .again }
        // A session may have gone on where another one had closed it, or begun the next one since that was opened.
        // What is wrong with that has been noted once.
        let isSound = next.reader.map { $0.fileByteCount == $0.byteCount && !next.isAstray } ?? !next.exists
        let mayHaveBegun = claim == nil && isSound
        let hasGrown = try reader.hasGrown()
        if !cursor.hasLookedAgain && (mayHaveBegun || hasGrown) {
          (cursor.hasLookedAgain, cursor.vouched, cursor.budget) = (true, before.vouched, before.budget)
          if mayHaveBegun { next = try openNext(after: reader.number) }
          return .again
        }
      }
      return noteDamage(reader, limit, proof, behind)
    }
    // The seal names the segment after it, which was there before the seal was written.
    if !next.exists && (cursor.isContinued || !later.isEmpty || list.isAnyGone(after: reader.number)) {
      noteMissing(reader.number &+ 1)
      return .damaged(nil)
    }
    if next.isAstray || next.exists && next.reader == nil { return .damaged(behind.next) }
    // The power failed before this segment was on the disk, though later ones already were: the log ends here. Or the
    // next one was made in advance and has not been used yet.
    let isUnused = claim == nil && later.count <= 1
    if isUnused, try next.reader?.link() != nil { return .again }
    try noteUnused(later, isUnused ? .unused : .void)
    return .end(tornBytes: claim == nil ? behind.usedEnd - end : max(0, limit - end))
  }

  private mutating func noteDamage(
    _ reader: SegmentReader, _ limit: Int, _ proof: String?, _ behind: SegmentReader.Behind
  ) -> Verdict {
    var what: String
    if let refusal = cursor.refusal {
      what = refusal
    } else if cursor.hole >= limit {
      what = "the log stops here and should go on"
    } else {
      what = "no valid record stands here"
    }
    if let proof { what += ", and \(proof)" }
    if let batch = cursor.batch { what += "; the batch that begins at byte \(batch.start) is incomplete" }
    if let next = behind.next, next < limit { what += "; the next valid record is at byte \(next)" }
    note(.damaged, what, reader.path, cursor.hole)
    return .damaged(behind.next)
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
      segment.end = 0
      segment.ending = ending
      unused.append(segment)
    }
  }

  /// Whether any record of a later segment tells that earlier ones, or something of its own, were on the disk:
  /// segments are synced in their order.
  private func laterSegmentsProve(
    _ later: [UInt64], _ reach: inout SegmentReader.Reach, _ behind: inout SegmentReader.Behind
  ) throws(StoreError) -> Bool {
    for number in later {
      guard let reader = try? SegmentReader(number, in: store) else { continue }
      // A sealed segment is whole: that it was on the disk proves nothing against it.
      let earlier = cursor.isContinued && number == later.first ? 0 : RecordHeader.Flags.earlierDurable
      let found = try reader.look(from: SegmentHeader.recordsStart, &reach) {
        $0.durableByteCount > SegmentHeader.recordsStart || $0.flags & earlier != 0
      }
      if found.proof != nil { return true }
      behind.isUndecided = behind.isUndecided || found.isUndecided
    }
    return false
  }
}
