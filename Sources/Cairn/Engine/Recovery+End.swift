/// SPEC 6: the log stops somewhere. Is that where the writer stopped, or is something damaged?
extension Recovery {
  /// Judges the end of the segment at `index`, where reading stopped.
  ///
  /// What is lost in a power failure is never damage: a later segment may be on the disk, or only its header, when
  /// this one is not. What was on the disk once is never given up: some later record proves it.
  mutating func judgeEnd(_ index: Int, _ next: Claim?, _ cursor: Cursor) {
    let file = files[index]
    if let refusal = cursor.refusal {
      return note(.damaged(refusal.reason, file: file.path, at: refusal.offset))
    }
    if let next, UInt64(file.end) == next.end {
      return note(
        .damaged("the last record is not the one that the next segment was linked to", file: file.path, at: file.end))
    }
    switch proof(index, next, cursor) {
    case .proof: return note(.damaged("a record of the log is damaged", file: file.path, at: file.end))
    case .undecided:
      return note(
        .damaged(
          "no valid record stands here, and too much of what follows resembles records to tell a torn write from "
            + "damage", file: file.path, at: file.end))
    case .nothing: break
    }
    // The seal names the segment after it, which was there before the seal was written.
    if index + 1 == files.count, let seal = cursor.seal, seal.reason == SealValue.Reason.continued {
      let next = max(seal.next, file.number &+ 1)
      if next != seal.next || !hasAppeared(next) {
        return note(.damaged("a segment is missing", file: directory.path + "/" + SegmentHeader.name(next)))
      }
    }
    if index + 1 == files.count, let range = gone.ranges.last, range.last > file.number {
      return note(.damaged("a segment is missing", file: directory.path + "/" + SegmentHeader.name(range.last &+ 1)))
    }
    void = files[(index + 1)...].map(\.number)
    var written = Int(min(next?.end ?? .max, UInt64(file.byteCount)))
    while written > file.end && file.view.load(written - 1, as: UInt8.self) == 0 { written -= 1 }
    tornBytes += written - file.end
  }

  /// Whether a writer has gone on while this reader looked: then what it has found is the log as it was.
  private func hasAppeared(_ segment: UInt64) -> Bool {
    options.access == .readOnly && (try? directory.names().contains(SegmentHeader.name(segment))) == true
  }

  /// Whether anything tells that more of the log was on the disk than can be read.
  private func proof(_ index: Int, _ next: Claim?, _ cursor: Cursor) -> ProofSearch.Result {
    let file = files[index]
    if let next, UInt64(file.end) < next.durable { return .proof }
    // What is gone was compacted when everything before it was on the disk.
    if index + 1 < files.count, let range = gone.ranges.last, range.last > file.number { return .proof }
    let rest = files[index...].reduce(0) { $0 + $1.byteCount } - file.end
    var search = ProofSearch(after: cursor.sequence, byteCount: rest)
    var result = search.look(file.view, salt: file.header.salt, from: file.end) { $0.durableByteCount > file.end }
    let sealedFor = cursor.seal?.reason == SealValue.Reason.continued ? cursor.seal?.next : nil
    for later in files[(index + 1)...] {
      guard case .nothing = result else { break }
      // Segments are synced in their order. A sealed one is whole: that it was on the disk proves nothing against it.
      let earlier = sealedFor == later.number ? 0 : RecordHeader.Flags.earlierDurable
      result = search.look(later.view, salt: later.header.salt, from: SegmentHeader.recordsStart) {
        $0.durableByteCount > SegmentHeader.recordsStart || $0.flags & earlier != 0
      }
    }
    return result
  }
}
