/// The files of the log, as recovery sees them.
///
/// Who opens read-only may meet a writer at work, which shortens files: a segment that is full, or closed, gives back
/// the space that it had reserved, and memory mapped behind a file's end must not be touched. So of a segment that is
/// followed by another one only what the link of that one covers is mapped, which no writer takes away; and what may
/// still be shortened is copied.
extension Recovery {
  /// - Parameter covered: what the checkpoint knows of segments, so that one whose header is damaged can be read.
  mutating func openSegments(_ covered: [CheckpointSegment]) throws(StoreError) {
    let numbers = try directory.names().compactMap(SegmentHeader.number).sorted()
    guard let first = numbers.first else {
      throw StoreError.damaged("the store has no segments", file: directory.path)
    }
    let whole = numbers.enumerated().prefix { $0.element == first &+ UInt64($0.offset) }.map(\.element)
    // The first in the log is the one to tell of.
    var trouble: StoreError?
    let missing = first == 1 ? first + UInt64(whole.count) : 1
    if first != 1 || whole.count < numbers.count {
      trouble = .damaged("a segment is missing", file: directory.path + "/" + SegmentHeader.name(missing))
    }
    // The last one first: what is found in one was written after everything in those before it, which are looked at
    // later and so have it.
    for number in whole.reversed() {
      do throws(StoreError) {
        files.append(try openSegment(number, covered, next: files.last?.link, &trouble))
      } catch {
        guard error.code == .damaged else { throw error }
        // What comes after it is out of reach.
        trouble = error
        files = []
      }
    }
    files.reverse()
    if let trouble { note(trouble) }
  }

  private func openSegment(
    _ number: UInt64, _ covered: [CheckpointSegment], next: LinkValue?, _ trouble: inout StoreError?
  ) throws(StoreError) -> SegmentFile {
    let name = SegmentHeader.name(number)
    guard let file = try directory.open(name, forWriting: false) else {
      throw StoreError.damaged("a segment is missing", file: directory.path + "/" + name)
    }
    let byteCount = min(try file.byteCount(), SegmentHeader.fileBytesMax)
    guard byteCount >= SegmentHeader.byteCount else {
      throw StoreError.damaged("the segment is cut short", file: file.path, at: byteCount)
    }
    let memory = try content(file, byteCount, next.flatMap { $0.follows(number) ? $0 : nil })
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

  private func content(_ file: any File, _ byteCount: Int, _ next: LinkValue?) throws(StoreError) -> Mapping {
    if options.access != .readOnly { return try file.map(byteCount: byteCount, writable: false) }
    if let next {
      return try file.map(byteCount: Int(min(next.previousEnd, UInt64(byteCount))), writable: false)
    }
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
