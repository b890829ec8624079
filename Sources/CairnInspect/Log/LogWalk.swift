internal import Cairn

/// Reads the log from its first record to its end, by the rules of recovery (SPEC 6) but without an index: so it
/// comes to the same state by another way, and changes nothing.
///
/// A writer may be at work meanwhile. What it adds after a place has been read is not seen; everything seen is a state
/// that the store was in. If it takes away segments before they have been read, reading begins again: what comes before
/// them may have come to its end in them.
struct LogWalk<Visitor: LogVisitor> {
  enum Depth {
    /// Sealed segments are not read: what the links between them say is believed.
    case ends
    /// Every record, up to the first damage.
    case records
    /// Every record; after damage, reading goes on where a valid record stands again.
    case everything
  }

  let store: StoreDirectory
  let depth: Depth
  /// Tells how much of the log was on the disk.
  private(set) var checkpoint: CheckpointFile?
  var visitor: Visitor
  var report = LogReport()
  /// The segments that were there when it was looked last.
  var list: SegmentList
  var cursor = Cursor()
  var progress: (any ProgressListener)?
  private let decompressing = CodecWork()
  /// Entries whose time was up by then concern nobody.
  private let now = SystemClock().wallMilliseconds()
  /// Bytes of all segments, and of those that have been read.
  private var byteCounts = (all: 0, read: 0)
  /// Segments behind the end of the log.
  var unused: [SegmentReport] = []

  /// - Parameter checkpoint: that was loaded before.
  init(
    _ store: StoreDirectory, depth: Depth, checkpoint: CheckpointFile?, visitor: Visitor
  ) throws(StoreError) {
    self.store = store
    list = try store.segments(isHolding: true)
    self.depth = depth
    self.checkpoint = checkpoint
    self.visitor = visitor
  }

  struct Cursor {
    var sequence: UInt64 = 0
    /// Of the last record.
    var checksum: UInt64 = 0
    /// Where the last record ends.
    var hole = SegmentHeader.recordsStart
    /// The last record is a seal that leads to the next segment, or one that closes the store.
    var isContinued = false
    var isClosed = false
    /// Of the batch whose end has not been seen: where it begins, and the sequence before it.
    var batch: (start: Int, sequence: UInt64, operations: Int)?
    /// After damage, the sequence of the next record is taken as it comes.
    var isAdrift = false
    /// Why a record with a valid checksum is not where it belongs.
    var refusal: String?
    /// Of the segment: so much of it is known to have been on the disk. Found once, however many holes it has.
    var vouched = 0
    /// What is left for looking behind its holes, and the bytes of it and all later ones.
    var budget: Int?
    var rest: Int?
    /// Whether it and the next segment have been opened once more.
    var hasLookedAgain = false

    /// Where the last whole operation ends.
    var end: Int { batch?.start ?? hole }
  }

  /// A segment's file, if it is there and can be read.
  struct Opened {
    let number: UInt64
    var exists = false
    var reader: SegmentReader?
    /// Its link leads elsewhere, which has been noted.
    var isAstray = false
  }

  static var attempts: Int { 10 }

  /// - Throws: `.historyGone` if a writer takes segments away faster than they are read.
  mutating func run() throws(StoreError) {
    for _ in 1..<Self.attempts {
      do throws(StoreError) {
        try runOnce()
        return try visitor.finish()
      } catch {
        guard error.code == .historyGone else { throw error }
        list = try store.segments(isHolding: true)
        (report, cursor, unused, byteCounts) = (LogReport(), Cursor(), [], (0, 0))
        try visitor.restart()
      }
    }
    try runOnce()
    try visitor.finish()
  }

  private mutating func runOnce() throws(StoreError) {
    // Compaction came after it was loaded.
    if let header = checkpoint?.header, list.gone.history > header.startSequence { checkpoint = nil }
    report.gone = list.gone
    report.leftOver = list.leftOver
    if let finding = list.finding {
      report.findings.add(finding)
      // What is there may have come to its end in what is gone.
      if depth != .everything { return }
    }
    if progress != nil { byteCounts.all = try store.byteCountOfSegments() }
    guard let first = list.numbers.first else {
      return note(.damaged, "the store has no segments", store.path)
    }
    var opened = try openNext(after: 0)
    if case .missing = list.order(0, first, nil) {
      noteMissing(1, upTo: first)
      cursor.isAdrift = depth == .everything
    } else if first == 1, let reader = opened.reader, let previous = try reader.link()?.value.previous, previous != 0 {
      note(
        .damaged, "the first segment says that it follows another one", reader.path, SegmentHeader.recordsStart)
    }
    // A log that has lost its beginning cannot be understood by its sequences, but it can be checked.
    if report.damage != nil { cursor.isAdrift = depth == .everything }
    while true {
      var next = try openNext(after: opened.number)
      var isGoingOn = depth == .everything
      if let reader = opened.reader { isGoingOn = try read(reader, &next) }
      report.lastSequence = cursor.sequence
      guard isGoingOn else { break }
      if !next.exists {
        guard let later = list.next(after: opened.number) else { break }
        noteMissing(next.number, upTo: later)
        if depth != .everything { break }
        next = try open(later)
        cursor.isAdrift = true
      }
      opened = next
    }
    report.segments += unused
    try checkLastRecord()
    report.isWhole =
      report.damage == nil && list.finding == nil && report.segments.count == list.numbers.count
      && report.segments.allSatisfy { $0.ending != .damaged }
    report.isClosed = report.isClosed && report.damage == nil
  }

  /// What the checkpoint covers must be in the log, up to its end (F1-CHK-002).
  private mutating func checkLastRecord() throws(StoreError) {
    guard let checkpoint, !list.isGone(checkpoint.header.endSegment), report.damage == nil,
      try !checkpoint.isLastRecordThere(in: store)
    else { return }
    note(
      .damaged,
      "the log is not the one that the checkpoint covers: it is damaged, or older than the checkpoint (then remove "
        + "the file \(CheckpointHeader.name))", store.path, checkpoint.header.lastOffset)
  }

  // MARK: Files

  mutating func open(_ number: UInt64) throws(StoreError) -> Opened {
    var opened = Opened(number: number)
    do throws(StoreError) {
      opened.reader = try SegmentReader(number, in: store)
      opened.exists = opened.reader != nil
    } catch {
      guard let finding = Finding(error) else { throw error }
      report.findings.add(finding)
      opened.exists = true
    }
    if let reader = opened.reader, reader.fileByteCount > reader.byteCount {
      note(.damaged, "the file is longer than a segment can be", reader.path, reader.byteCount)
    }
    return opened
  }

  mutating func note(_ severity: Finding.Severity, _ message: String, _ file: String, _ offset: Int? = nil) {
    report.findings.add(Finding(severity, message, file: file, at: offset))
  }

  // MARK: One segment

  /// Returns whether the log goes on in the next segment.
  private mutating func read(_ reader: SegmentReader, _ next: inout Opened) throws(StoreError) -> Bool {
    var reader = reader
    var claim = try claim(reader, &next)
    try begin(reader)
    if depth == .ends, let claim, claim.end <= reader.byteCount, try skip(reader, to: claim) { return true }
    while true {
      var limit = reader.byteCount
      if let claim { limit = Int(min(claim.end, UInt64(limit))) }
      try readRecords(reader, upTo: limit)
      if claim == nil && cursor.isContinued {
        // The next segment was begun before the seal was written, but after we looked, if a writer is at work.
        if !next.exists { next = try openNext(after: reader.number) }
        claim = try self.claim(reader, &next)
      }
      if let claim, cursor.batch == nil, cursor.hole == claim.end, cursor.checksum == claim.checksum {
        finish(cursor.isContinued ? .continued : cursor.isClosed ? .closed : .cut)
        return true
      }
      switch try judge(reader, claim, &next, limit) {
      case .again:
        reader = try SegmentReader(reader.number, in: store) ?? reader
        report.segments[report.segments.count - 1].byteCount = reader.fileByteCount
        claim = try self.claim(reader, &next)
      case .end(let tornBytes):
        finish(cursor.isClosed ? .closed : .open(tornBytes: tornBytes))
        report.isClosed = cursor.isClosed && cursor.hole == reader.fileByteCount && !next.exists
        return false
      case .damaged(let resumption):
        guard depth == .everything, let resumption, resumption < limit else {
          // It may be the next one that is missing.
          finish(cursor.isContinued ? .continued : .damaged)
          cursor.isAdrift = true
          return depth == .everything
        }
        cursor.isAdrift = true
        dropBatch()
        cursor.hole = resumption
      }
    }
  }

  private mutating func begin(_ reader: SegmentReader) throws(StoreError) {
    try enter(reader)
    var segment = SegmentReport(number: reader.number)
    segment.byteCount = reader.fileByteCount
    segment.epoch = reader.header.epoch
    segment.salt = reader.header.salt
    segment.created = reader.header.created
    segment.firstSequence = cursor.sequence &+ 1
    report.segments.append(segment)
    report.epoch = max(report.epoch, reader.header.epoch)
    cursor.hole = SegmentHeader.recordsStart
    cursor.batch = nil
    cursor.isContinued = false
    (cursor.vouched, cursor.budget, cursor.rest) = (0, nil, nil)
    cursor.hasLookedAgain = false
  }

  mutating func finish(_ ending: SegmentReport.Ending) {
    let end = cursor.end
    dropBatch()
    let last = report.segments.count - 1
    report.segments[last].end = end
    report.segments[last].lastSequence = cursor.sequence
    report.segments[last].ending = ending
    byteCounts.read &+= report.segments[last].byteCount
  }

  // MARK: Records

  private mutating func readRecords(_ reader: SegmentReader, upTo limit: Int) throws(StoreError) {
    cursor.refusal = nil
    while cursor.hole < limit, let record = try reader.record(at: cursor.hole, upTo: limit) {
      guard try accept(record, reader) else { return }
      cursor.hole = record.end
      cursor.checksum = record.header.checksum
      report.records += 1
      if report.records & 0xFFF == 0 { try progress?.advance(to: byteCounts.read &+ cursor.hole, of: byteCounts.all) }
      report.recordBytes += record.bytes.count
    }
  }

  /// Whether the record may stand where it does. Takes it over.
  private mutating func accept(_ record: LogRecord, _ reader: SegmentReader) throws(StoreError) -> Bool {
    let header = record.header
    let isFirst = record.offset == SegmentHeader.recordsStart
    if !header.isKnownKind {
      guard header.isSkippable else { throw unknown("records of the kind \(header.kind)", record, reader) }
      guard !isFirst else { return refuse("a segment begins without a link") }
      if header.kind == RecordHeader.Kind.dictionary { report.dictionaryBytes.append(record.bytes.count) }
      if record.isEarlier { try checkValue(record, reader) }
      try visitor.mark(record, segment: reader.number)
      return true
    }
    if cursor.isAdrift {
      cursor.isAdrift = false
      cursor.sequence = header.isOperation ? header.sequence &- 1 : header.sequence
    }
    if header.isOperation { return try acceptOperation(record, reader, isFirst: isFirst) }
    guard header.sequence == cursor.sequence, cursor.batch == nil else {
      return refuse("a mark of the log stands within a batch or out of sequence")
    }
    if header.kind == RecordHeader.Kind.link {
      guard isFirst, let link = LinkValue(decoding: record.value) else { return refuse("a link is out of place") }
      report.epoch = max(report.epoch, link.epoch)
      (cursor.isClosed, cursor.isContinued) = (false, false)
    } else {
      guard let seal = SealValue(decoding: record.value) else { return refuse("a seal is cut short") }
      guard seal.isKnown else { throw unknown("seals of the reason \(seal.reason)", record, reader) }
      report.epoch = max(report.epoch, seal.epoch)
      cursor.isClosed = seal.reason == SealValue.Reason.closed
      cursor.isContinued = seal.reason == SealValue.Reason.continued
    }
    try visitor.mark(record, segment: reader.number)
    return true
  }

  /// As with checksums, whoever still asks for the entry: bytes have changed, or were never what they should be.
  private mutating func checkValue(_ record: LogRecord, _ reader: SegmentReader) throws(StoreError) {
    guard record.isCompressed && record.header.isUnderstood && depth == .everything else { return }
    if try !decompressing.isWhole(record) {
      note(.damaged, "a value cannot be decompressed", reader.path, record.offset)
    }
  }

  private func unknown(_ what: String, _ record: LogRecord, _ reader: SegmentReader) -> StoreError {
    StoreError(
      .unsupportedFormat, "the log holds \(what), of a newer version", file: reader.path, byteOffset: record.offset)
  }

  private mutating func acceptOperation(
    _ record: LogRecord, _ reader: SegmentReader, isFirst: Bool
  ) throws(StoreError) -> Bool {
    let header = record.header
    // Sequences and epochs may be anything in a hostile file: nothing traps, here and below.
    guard header.sequence == cursor.sequence &+ 1 else {
      return refuse("an operation has the sequence \(header.sequence) where \(cursor.sequence &+ 1) is due")
    }
    guard header.hasItsParts else { return refuse("a record has no key, or not its fields") }
    guard !header.isBarrier || header.isUnderstoodBarrier else {
      throw unknown("an invalidation of another form", record, reader)
    }
    guard record.hasPossibleVersion else {
      return refuse("a record has the version \(record.version), which it cannot have")
    }
    guard !isFirst else { return refuse("a segment begins without a link") }
    guard record.offset < SegmentHeader.operationsEnd else {
      return refuse("a record begins beyond the limit of a segment")
    }
    let isNew = header.kind == RecordHeader.Kind.put && !header.isUnderstood && record.deadline ?? .max > now
    if isNew && depth == .everything {
      note(.notUnderstood, "a record uses a feature of a newer version", reader.path, record.offset)
    }
    try checkValue(record, reader)
    let isContinued = header.flags & RecordHeader.Flags.moreFollows != 0
    if isContinued && cursor.batch == nil { cursor.batch = (record.offset, cursor.sequence, 0) }
    cursor.sequence = header.sequence
    // After a close, the next session writes here.
    if cursor.isClosed { report.epoch &+= 1 }
    (cursor.isClosed, cursor.isContinued) = (false, false)
    try visitor.add(record, segment: reader.number)
    if isContinued {
      cursor.batch?.operations += 1
    } else {
      report.segments[report.segments.count - 1].operations += 1 + (cursor.batch?.operations ?? 0)
      cursor.batch = nil
      try visitor.commit()
    }
    return true
  }

  private mutating func refuse(_ reason: String) -> Bool {
    cursor.refusal = reason
    return false
  }

  /// Takes back a batch that has no end.
  mutating func dropBatch() {
    guard let batch = cursor.batch else { return }
    visitor.drop()
    cursor.sequence = batch.sequence
    cursor.hole = batch.start
    cursor.batch = nil
  }
}
