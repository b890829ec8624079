internal import Synchronization

/// Finds out what a store holds: the newest valid checkpoint, and the log after it; or the whole log.
///
/// Changes nothing on disk, so it may be interrupted anywhere, and a read-only open is just this.
struct Recovery {
  let directory: any Directory
  let options: Store.Options
  let header: StoreHeader

  /// Set when a checkpoint turned out to be unusable after it had been begun with.
  private(set) var isCheckpointDamaged = false
  /// The first damage found. A read-only open goes on without what is damaged; others throw it.
  private var damage: StoreError?
  var files: [SegmentFile] = []
  var void: [UInt64] = []
  /// Segments that compaction has taken away, and files of such that are still there.
  var gone: GoneSegments
  var leftOver: [UInt64] = []
  var tornBytes = 0
  private var replayedBytes = 0

  init(directory: any Directory, options: Store.Options, header: StoreHeader) {
    self.directory = directory
    self.options = options
    self.header = header
    gone = GoneSegments(store: header.identifier)
  }

  /// A segment as it is on disk.
  struct SegmentFile {
    let number: UInt64
    let path: String
    let byteCount: Int
    let memory: Mapping
    let header: SegmentHeader
    var firstSequence: UInt64 = 0
    /// Where its last valid record ends.
    var end = SegmentHeader.recordsStart
    var isDurable = false

    var view: MemoryView { memory.view }

    /// Its first record, if that is what it must be, and the sequence before the segment.
    var link: (value: LinkValue, sequence: UInt64)? { LogScan.link(view, salt: header.salt) }

    func unknown(_ what: String, _ offset: Int) -> StoreError {
      StoreError(.unsupportedFormat, "the log holds \(what), of a newer version", file: path, byteOffset: offset)
    }
  }

  struct Found {
    let engine: Engine
    /// The last segment that counts.
    struct Last {
      var number: UInt64 = 0
      var salt: UInt64 = 0
      var end = SegmentHeader.recordsStart
      var lastOffset = 0
      var checksum: UInt64 = 0
      var durable = 0
    }
    var last = Last()
    var isClean = false
    var epoch: UInt64 = 0
    /// Segments that come after the end of the log.
    var void: [UInt64] = []
    /// Files of segments that compaction has taken away.
    var leftOver: [UInt64] = []
  }

  /// What is known of a segment's end from what comes after it.
  struct Claim {
    var end: UInt64
    var checksum: UInt64
    var durable: UInt64
  }

  /// Where the log goes on, while it is read.
  struct Cursor {
    var sequence: UInt64 = 0
    var epoch: UInt64 = 0
    var lastOffset = 0
    var checksum: UInt64 = 0
    var durable = 0
    /// The last record, if it is a seal.
    var seal: SealValue?
    /// Why a valid record cannot stand where it does.
    var refusal: (offset: Int, reason: String)?
    /// Of the batch whose end has not been seen: its start, and what was before it.
    var batch: (start: Int, sequence: UInt64, lastOffset: Int, checksum: UInt64)?
  }

  mutating func run(_ lock: (any File)?, usingCheckpoint: Bool) throws(StoreError) -> Found {
    let engine = try Engine(directory: directory, options: options, header: header, lock: lock)
    // The checkpoint first: a writer may write a newer one, with segments that were not there yet.
    let newest = usingCheckpoint ? try readCheckpoint() : nil
    try openSegments(newest?.segments ?? [])
    let checkpoint = try newest.flatMap { checkpoint throws(StoreError) in try fit(checkpoint) ? checkpoint : nil }
    if let checkpoint { use(checkpoint, engine) }
    var replay = Replay(engine, index: engine.index)
    var found = Found(engine: engine)
    var cursor = Cursor()
    var start = 0
    var offset = SegmentHeader.recordsStart
    if let covered = checkpoint?.header {
      // Of what has been compacted, all that counts comes later.
      start = files.firstIndex { $0.number >= covered.startSegment } ?? 0
      if files.isEmpty || files[start].number == covered.startSegment { offset = covered.startOffset }
      cursor.sequence = covered.startSequence
      cursor.epoch = covered.epoch
      // Of the record before the end; if replay begins earlier, there is one to come.
      (cursor.lastOffset, cursor.checksum) = (covered.lastOffset, covered.lastChecksum)
      replay.countedSequence = covered.endSequence
    }
    do throws(StoreError) {
      try readLog(from: start, offset, &cursor, &replay, &found)
      try replay.finish()
      try engine.barriers.add((checkpoint?.barriers ?? []) + replay.barriers, keepingAll: false)
      // Where something is damaged, what stands in the log may not have been met.
      if let checkpoint, damage == nil { dropEntriesOfGone(checkpoint, engine) }
    } catch {
      // Only replaying finds shards of the checkpoint damaged.
      isCheckpointDamaged = checkpoint != nil && error.code == .damaged
      throw error
    }
    // What has not been read yet must not be forgotten: a checkpoint says that it was there.
    if let covered = checkpoint?.header, cursor.sequence < covered.endSequence {
      note(.damaged("the log ends before what the checkpoint covers", file: files.last?.path, at: found.last.end))
    }
    if let damage, !engine.isReadOnly { throw damage }
    publish(found, cursor, replay, engine)
    found.epoch = cursor.epoch
    found.void = void
    found.leftOver = leftOver
    return found
  }

  mutating func note(_ error: StoreError) {
    if damage == nil { damage = error }
  }

  // MARK: The checkpoint

  /// The checkpoint, if there is one of this store.
  private func readCheckpoint() throws(StoreError) -> CheckpointShards? {
    guard let file = try? directory.open(CheckpointHeader.name, forWriting: false) else { return nil }
    let byteCount = try file.byteCount()
    guard byteCount >= CheckpointHeader.bucketsStart else { return nil }
    let memory = try file.map(byteCount: byteCount, writable: true)
    guard let found = CheckpointHeader(decoding: memory.view), found.store == header.identifier,
      found.hashSeed == header.hashSeed, let checkpoint = CheckpointShards(memory, header: found),
      checkpoint.segments.last?.number == found.endSegment
    else { return nil }
    return checkpoint
  }

  /// Whether it fits the log.
  private mutating func fit(_ checkpoint: CheckpointShards) throws(StoreError) -> Bool {
    let found = checkpoint.header
    // Removes of what it still has may be gone.
    if gone.history > found.startSequence { return false }
    // Another store's history, or another life of this one's: not ours.
    let present = checkpoint.segments.filter { gone.range(of: $0.number) == nil }
    let isOfThisLog = zip(present, files).allSatisfy { $0.number == $1.number && $0.salt == $1.header.salt }
    let slots = Set(files.map { SegmentTable.slot($0.number) })
    let isAmbiguous = checkpoint.segments.contains { gone.range(of: $0.number) != nil && slots.contains(Int($0.slot)) }
    guard isOfThisLog, !isAmbiguous else { return false }
    for (index, segment) in present.enumerated() {
      guard index < files.count else {
        note(
          .damaged("a segment is missing", file: directory.path + "/" + SegmentHeader.name(segment.number)))
        return options.access == .readOnly
      }
      guard segment.end >= SegmentHeader.recordsStart, segment.end <= files[index].byteCount else {
        note(.damaged("the segment is cut short", file: files[index].path, at: files[index].byteCount))
        continue
      }
    }
    // The log went on when its end was compacted.
    if gone.range(of: found.endSegment) != nil { return true }
    guard let last = files.first(where: { $0.number == found.endSegment }),
      let record = LogScan.record(last.view, salt: last.header.salt, at: found.lastOffset),
      record.header.checksum == found.lastChecksum, record.end == found.endOffset
    else {
      if damage == nil {
        note(
          .damaged(
            "the log is not the one that the checkpoint covers: it is damaged, or older than the checkpoint (then "
              + "remove the file \(CheckpointHeader.name))", file: directory.path, at: found.lastOffset))
      }
      return options.access == .readOnly
    }
    return true
  }

  private mutating func use(_ checkpoint: CheckpointShards, _ engine: Engine) {
    engine.index.load(checkpoint)
    engine.log.checkpointSequence = checkpoint.header.startSequence
    engine.catalog.withLock { $0.checkpointSlots = Set(checkpoint.segments.map { Int($0.slot) }) }
    let present = checkpoint.segments.filter { gone.range(of: $0.number) == nil }
    for (index, segment) in present.enumerated() where index < files.count {
      files[index].firstSequence = segment.firstSequence
      files[index].end = min(segment.end, files[index].byteCount)
      files[index].isDurable = segment.number < checkpoint.header.endSegment
      engine.liveBytes.store(UInt64(bitPattern: segment.liveBytes), at: SegmentTable.slot(segment.number))
      engine.removeBytes.store(UInt64(bitPattern: segment.removeBytes), at: SegmentTable.slot(segment.number))
    }
    let numbers = Set(files.map(\.number))
    for deadline in checkpoint.deadlines where numbers.contains(deadline.segment) {
      engine.deadlines.add(
        DeadlineBook.Batch(end: deadline.end, byteCount: Int(deadline.byteCount)),
        slot: SegmentTable.slot(deadline.segment))
    }
    for file in files {
      engine.segments.set(SegmentTable.slot(file.number), file.view, salt: file.header.salt)
    }
    // Not what the header has: that counts what came after a shard was copied, which replay may not find any more.
    engine.counters.store(
      checkpoint.shards.reduce(0) { $0 + UInt64($1.entries) }, at: Counter.liveEntries.rawValue)
  }

  // MARK: The log

  private mutating func readLog(
    from start: Int, _ offset: Int, _ cursor: inout Cursor, _ replay: inout Replay, _ found: inout Found
  ) throws(StoreError) {
    for file in files {
      replay.engine.segments.set(SegmentTable.slot(file.number), file.view, salt: file.header.salt)
    }
    if offset == SegmentHeader.recordsStart && !files.isEmpty { enter(start, &cursor) }
    var offset = offset
    for index in files.indices.dropFirst(start) {
      let next = claim(of: index)
      let limit = next.map { Int(min($0.end, UInt64(files[index].byteCount))) }
      if offset == SegmentHeader.recordsStart { files[index].firstSequence = cursor.sequence &+ 1 }
      cursor.epoch = max(cursor.epoch, files[index].header.epoch)
      cursor.durable = 0
      try readSegment(index, from: offset, to: limit ?? files[index].byteCount, &cursor, &replay)
      let isWhole = next.map { UInt64(files[index].end) == $0.end && cursor.checksum == $0.checksum } ?? false
      found.last = Found.Last(
        number: files[index].number, salt: files[index].header.salt, end: files[index].end,
        lastOffset: cursor.lastOffset, checksum: cursor.checksum, durable: cursor.durable)
      if let next, isWhole {
        // Nothing more to learn about it, but whether it is on the disk.
        if next.durable >= next.end { files[index].isDurable = true }
        offset = SegmentHeader.recordsStart
        enter(index + 1, &cursor)
        continue
      }
      judgeEnd(index, next, cursor)
      found.isClean =
        cursor.seal?.reason == SealValue.Reason.closed && files[index].end == files[index].byteCount
        && index + 1 == files.count
      return
    }
  }

  private mutating func readSegment(
    _ index: Int, from offset: Int, to limit: Int, _ cursor: inout Cursor, _ replay: inout Replay
  ) throws(StoreError) {
    let file = files[index]
    guard offset <= limit else {
      files[index].end = limit
      return
    }
    var scan = LogScan(file.view, salt: file.header.salt, from: offset, to: limit)
    cursor.batch = nil
    var flags: UInt16 = 0
    while let record = scan.next() {
      if let reason = try refusal(record, in: file, &cursor, &replay) {
        cursor.refusal = (record.offset, reason)
        break
      }
      flags |= record.header.flags
      files[index].end = record.end
      cursor.lastOffset = record.offset
      cursor.checksum = record.header.checksum
      cursor.durable = min(max(cursor.durable, record.header.durableByteCount), record.end)
    }
    if flags & RecordHeader.Flags.earlierDurable != 0 {
      for earlier in 0..<index { files[earlier].isDurable = true }
    }
    replayedBytes += max(0, files[index].end - offset)
    if let batch = cursor.batch {
      replay.dropIncomplete()
      files[index].end = batch.start
      (cursor.sequence, cursor.lastOffset, cursor.checksum) = (batch.sequence, batch.lastOffset, batch.checksum)
    }
    // An end found here, or taken over from the checkpoint, is never behind where reading began.
    files[index].end = max(files[index].end, offset)
  }

  /// Takes a record over, or tells why it cannot stand where it does.
  private func refusal(
    _ record: LogScan.Record, in file: SegmentFile, _ cursor: inout Cursor, _ replay: inout Replay
  ) throws(StoreError) -> String? {
    let header = record.header
    let isFirst = record.offset == SegmentHeader.recordsStart
    if !header.isKnownKind {
      // Before anything else is asked of it: what else is right for it, only a newer version knows.
      guard header.isSkippable else { throw file.unknown("records of the kind \(header.kind)", record.offset) }
      return isFirst ? "a segment begins without a link" : nil
    }
    let value = file.view.slice(record.offset + header.valueOffset, header.valueByteCount)
    if header.isOperation {
      guard header.sequence == cursor.sequence &+ 1 else {
        return "a record has the sequence \(header.sequence) where \(cursor.sequence &+ 1) is due"
      }
      guard header.hasItsParts else { return "a record has no key, or not its fields" }
      guard !header.isBarrier || header.isUnderstoodBarrier else {
        throw file.unknown("an invalidation of another form", record.offset)
      }
      let version = header.version(file.view, at: record.offset)
      guard version > 0, version <= header.sequence else {
        return "a record has a version that it cannot have"
      }
      guard !isFirst else { return "a segment begins without a link" }
      guard record.offset < SegmentHeader.operationsEnd else { return "a record begins beyond the limit of a segment" }
      if cursor.batch == nil && header.flags & RecordHeader.Flags.moreFollows != 0 {
        cursor.batch = (record.offset, cursor.sequence, cursor.lastOffset, cursor.checksum)
      } else if header.flags & RecordHeader.Flags.moreFollows == 0 {
        cursor.batch = nil
      }
      cursor.sequence = header.sequence
      // After a close, the next session writes here.
      if cursor.seal?.reason == SealValue.Reason.closed { cursor.epoch &+= 1 }
      cursor.seal = nil
      try replay.add(record, file.view, segment: file.number)
      return nil
    }
    guard header.sequence == cursor.sequence, cursor.batch == nil else {
      return "a mark of the log stands within a batch or out of sequence"
    }
    if header.kind == RecordHeader.Kind.link {
      guard isFirst, let link = LinkValue(decoding: value) else { return "a link is out of place" }
      cursor.epoch = max(cursor.epoch, link.epoch)
      cursor.seal = nil
    } else {
      guard let seal = SealValue(decoding: value) else { return "a seal is cut short" }
      guard seal.isKnown else { throw file.unknown("seals of the reason \(seal.reason)", record.offset) }
      cursor.epoch = max(cursor.epoch, seal.epoch)
      cursor.seal = seal
    }
    return nil
  }

  // MARK: The result

  private func publish(_ found: Found, _ cursor: Cursor, _ replay: Replay, _ engine: Engine) {
    for file in files where file.number <= found.last.number {
      let view = file.view.slice(0, max(file.end, SegmentHeader.recordsStart))
      engine.segments.set(SegmentTable.slot(file.number), view, salt: file.header.salt)
      engine.catalog.withLock { catalog in
        catalog.segments.append(
          SegmentCatalog.Segment(
            number: file.number, firstSequence: file.firstSequence, salt: file.header.salt, end: file.end,
            memory: file.memory, file: nil, isMapped: true, isDurable: file.isDurable,
            dictionaryBytes: DictionaryRecord.recordByteCount(in: view)))
      }
    }
    for file in files where file.number > found.last.number {
      engine.segments.clear(SegmentTable.slot(file.number))
    }
    engine.catalog.withLock { $0.gone = gone }
    engine.log.segment = found.last.number
    engine.log.position = found.last.end
    engine.log.lastSequence = cursor.sequence
    (engine.log.lastChecksum, engine.log.lastOffset) = (found.last.checksum, found.last.lastOffset)
    engine.log.bytesSinceCheckpoint = replayedBytes
    engine.damage = damage
    engine.published.store(LogAddress.make(found.last.number, found.last.end), ordering: .releasing)
    engine.counters.store(cursor.sequence, at: Counter.lastSequence.rawValue)
    engine.count(.replayedRecords, replay.records)
    engine.count(.replayedBytes, replayedBytes)
    engine.count(.tornBytes, tornBytes)
  }
}
