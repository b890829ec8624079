/// The files of the log, as recovery sees them.
///
/// Who opens read-only may meet a writer at work, which shortens files: a segment that is full, or closed, gives back
/// the space that it had reserved, and memory mapped behind a file's end must not be touched. So of a segment that is
/// followed by another one only what the link of that one covers is mapped, which no writer takes away; and what may
/// still be shortened is copied.
extension Recovery {
  /// - Parameter covered: what the checkpoint knows of segments, so that one whose header is damaged can be read.
  ///
  /// A writer that takes segments away writes what counts in them first, then the list, and then removes them. So a
  /// list that is the same before and after the files were looked for fits what was found; and if one of these is not
  /// there any more when it is opened, everything is looked for again.
  mutating func openSegments(_ covered: [CheckpointSegment]) throws(StoreError) {
    while true {
      gone = try readGone()
      let numbers = try directory.names().compactMap(SegmentHeader.number).sorted()
      guard try readGone() == gone else { continue }
      leftOver = numbers.filter { gone.range(of: $0) != nil }
      if try openSegments(numbers.filter { gone.range(of: $0) == nil }, covered) { return }
    }
  }

  /// Returns whether none of them has been taken away meanwhile.
  private mutating func openSegments(
    _ numbers: [UInt64], _ covered: [CheckpointSegment]
  ) throws(StoreError) -> Bool {
    files = []
    guard !numbers.isEmpty else {
      throw StoreError.damaged("the store has no segments", file: directory.path)
    }
    // The first in the log is the one to tell of.
    var trouble: StoreError?
    // The last one first: what is found in one was written after everything in those before it, which are looked at
    // later and so have it.
    for number in numbers.reversed() {
      do throws(StoreError) {
        files.append(try openSegment(number, covered, &trouble))
      } catch {
        guard error.code == .damaged else { throw error }
        if try readGone() != gone { return false }
        // What comes after it is out of reach.
        trouble = error
        files = []
      }
    }
    files.reverse()
    if let error = checkOrder(numbers) { trouble = error }
    if let trouble { note(trouble) }
    return true
  }

  private func readGone() throws(StoreError) -> GoneSegments {
    try GoneSegments.read(in: directory, of: header.identifier)
  }

  private func missing(_ number: UInt64) -> StoreError {
    .damaged("a segment is missing", file: directory.path + "/" + SegmentHeader.name(number))
  }

  /// Whether the segments follow each other without any missing (F1-GON-003). What comes behind a missing one is left
  /// out.
  ///
  /// - Parameter numbers: of all segments, also of those behind one that cannot be read.
  private mutating func checkOrder(_ numbers: [UInt64]) -> StoreError? {
    let beginning = checkFirst(numbers)
    for index in files.indices.dropFirst() {
      let (before, number, link) = (files[index - 1].number, files[index].number, files[index].link?.value)
      if gone.range(between: before, number) != nil {
        // Written when everything was on the disk.
        if let link, link.previous >= before, link.previous < number, link.hasEnd { continue }
      } else if number == before + 1 || link?.previous == before {
        if link?.follows(before) ?? true { continue }
      } else if link == nil && number == numbers.last && gone.ranges.last?.last ?? 0 < before {
        // Made in advance, and not used: nothing tells yet which numbers it leaves out.
        continue
      } else if link.map({ $0.previous < number && $0.previous > before }) ?? true {
        files.removeSubrange(index...)
        return beginning ?? missing(before + 1)
      }
      let path = files[index].path
      files.removeSubrange(index...)
      return beginning
        ?? .damaged("the segment does not follow the one before it", file: path, at: SegmentHeader.recordsStart)
    }
    // What stands behind those that could be read has no link that could be, but its number tells.
    if beginning == nil, let last = files.last?.number, let next = numbers.first(where: { $0 > last }),
      next != last + 1, gone.range(between: last, next) == nil
    {
      return missing(last + 1)
    }
    return beginning
  }

  private func checkFirst(_ numbers: [UInt64]) -> StoreError? {
    guard let first = numbers.first, gone.range(between: 0, first) == nil else { return nil }
    if first != 1 { return missing(1) }
    guard let file = files.first, let link = file.link?.value, link.previous != 0 else { return nil }
    return .damaged(
      "the first segment says that it follows another one", file: file.path, at: SegmentHeader.recordsStart)
  }

  /// What the link of the next segment says of the end of this one, or the list of those that are gone.
  func claim(of index: Int) -> Claim? {
    guard index + 1 < files.count else { return nil }
    if let range = gone.range(between: files[index].number, files[index + 1].number) {
      return Claim(end: range.previousEnd, checksum: range.previousChecksum, durable: range.previousEnd)
    }
    return files[index + 1].link.map {
      Claim(end: $0.value.previousEnd, checksum: $0.value.previousChecksum, durable: $0.value.previousDurable)
    }
  }

  /// Goes on in a segment: behind some that are gone, its link tells how far they had come.
  mutating func enter(_ index: Int, _ cursor: inout Cursor) {
    guard gone.range(of: files[index].number &- 1) != nil, let link = files[index].link else { return }
    guard link.sequence >= cursor.sequence, link.sequence < RecordHeader.sequencesEnd else {
      return note(.damaged("the segment is older than the one before it", file: files[index].path, at: 256))
    }
    cursor.sequence = link.sequence
  }

  private func openSegment(
    _ number: UInt64, _ covered: [CheckpointSegment], _ trouble: inout StoreError?
  ) throws(StoreError) -> SegmentFile {
    let name = SegmentHeader.name(number)
    guard let file = try directory.open(name, forWriting: false) else {
      throw StoreError.damaged("a segment is missing", file: directory.path + "/" + name)
    }
    let byteCount = min(try file.byteCount(), SegmentHeader.fileBytesMax)
    guard byteCount >= SegmentHeader.byteCount else {
      throw StoreError.damaged("the segment is cut short", file: file.path, at: byteCount)
    }
    let memory = try content(file, byteCount, coveredEnd(of: number))
    let header: SegmentHeader
    do throws(StoreError) { header = try SegmentHeader(decoding: memory.view, file: file.path) } catch {
      let salt = covered.first { $0.number == number }?.salt
      guard error.code == .damaged, let salt, options.access == .readOnly else { throw error }
      trouble = error
      header = SegmentHeader(store: self.header.identifier, segment: number, epoch: 0, salt: salt, created: 0)
    }
    guard header.store == self.header.identifier, header.segment == number else {
      throw StoreError.damaged("the segment belongs to another store or place", file: file.path, at: 24)
    }
    return SegmentFile(number: number, path: file.path, byteCount: memory.byteCount, memory: memory, header: header)
  }

  /// Where the segment ends for good, if the one behind it (the last one that has been opened) tells.
  private func coveredEnd(of number: UInt64) -> UInt64? {
    guard let next = files.last else { return nil }
    if let range = gone.range(between: number, next.number) { return range.previousEnd }
    return next.link.flatMap { $0.value.follows(number) ? $0.value.previousEnd : nil }
  }

  private func content(_ file: any File, _ byteCount: Int, _ end: UInt64?) throws(StoreError) -> Mapping {
    if options.access != .readOnly { return try file.map(byteCount: byteCount, writable: false) }
    if let end { return try file.map(byteCount: Int(min(end, UInt64(byteCount))), writable: false) }
    if try isClosed(file, byteCount) { return try file.map(byteCount: byteCount, writable: false) }
    return try copy(file, byteCount)
  }

  /// Whether the file ends as a close leaves it: then it can only become longer.
  private func isClosed(_ file: any File, _ byteCount: Int) throws(StoreError) -> Bool {
    let start = byteCount - Engine.sealBytes
    guard start >= SegmentHeader.recordsStart, start % 8 == 0 else { return false }
    let buffer = try System.allocate(byteCount: 4096)
    let first = buffer.view.slice(0, SegmentHeader.byteCount)
    let seal = buffer.view.slice(SegmentHeader.byteCount, Engine.sealBytes)
    guard try file.read(into: first, at: 0) == first.count, try file.read(into: seal, at: start) == seal.count,
      let salt = try? SegmentHeader(decoding: first, file: file.path).salt,
      let record = RecordHeader(decoding: seal, at: 0), record.recordByteCount == seal.count,
      record.kind == RecordHeader.Kind.seal, record.isIntact(seal, offset: start, salt: salt),
      let value = SealValue(decoding: seal.slice(record.valueOffset, record.valueByteCount))
    else { return false }
    return value.reason == SealValue.Reason.closed
  }

  /// The file as it is now, the end first: whatever is found has everything before it still to come.
  private func copy(_ file: any File, _ byteCount: Int) throws(StoreError) -> Mapping {
    let pieceBytes = 256 << 10
    let pageBytes = 4096
    let memory = try System.allocate(byteCount: byteCount)
    let piece = try System.allocate(byteCount: pieceBytes)
    var end = byteCount
    while end > 0 {
      let start = (end - 1) / pieceBytes * pieceBytes
      let got = try file.read(into: piece.view.slice(0, end - start), at: start)
      // Reserved space takes no memory.
      if !piece.view.isZero(0, got) {
        while end > start {
          let page = (end - 1) / pageBytes * pageBytes
          _ = try file.read(into: memory.view.slice(page, end - page), at: page)
          end = page
        }
      }
      end = start
    }
    return memory
  }
}
