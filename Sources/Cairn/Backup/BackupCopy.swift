/// Makes a backup: segments as they are, the last one up to the end of the log at one moment and closed there.
///
/// A backup is a store that was closed cleanly: so it can be opened, and the seal at its end tells where it ends: what
/// is cut off or damaged there later does not look like something that was never finished. It has no checkpoint of
/// the index, which is made anew from the log.
struct BackupCopy {
  /// What is copied, as it was at one moment.
  struct Source {
    struct Segment {
      let number: UInt64
      let salt: UInt64
      let end: Int
    }
    var segments: [Segment] = []
    var gone: GoneSegments
    /// The file `STORE`.
    var header: Mapping
    var lastSequence: UInt64 = 0
  }

  let engine: Engine
  let source: Source
  let target: BackupTarget
  let earlier: EarlierBackup?
  /// Whether what is kept is read, too.
  let verifiesKept: Bool
  /// Whether the source must be closed at its end, as a backup is: then a store is made from it.
  let mustBeClosed: Bool
  private(set) var progress = Store.BackupProgress()

  init(
    _ engine: Engine, _ source: Source, _ target: BackupTarget, since earlier: EarlierBackup?, _ purpose: BackupPurpose
  ) {
    self.engine = engine
    self.source = source
    self.target = target
    self.earlier = earlier
    switch purpose {
    case .backup(_, let verifyingKept): (verifiesKept, mustBeClosed) = (verifyingKept, false)
    case .store: (verifiesKept, mustBeClosed) = (true, true)
    }
    progress.bytes = source.segments.reduce(0) { $0 + $1.end }
    progress.lastSequence = source.lastSequence
  }

  private static let pieceBytes = 1 << 20

  mutating func run(_ listener: (Store.BackupProgress) throws(StoreError) -> Void) throws(StoreError) {
    if let replaced = target.replaced, !mustBeClosed { try checkHistory(of: replaced) }
    for (index, segment) in source.segments.enumerated() {
      try listener(progress)
      let isLast = index + 1 == source.segments.count
      if try keep(segment, isLast: isLast) {
        progress.bytesKept += segment.end
      } else {
        try copy(segment, isLast: isLast, listener)
      }
    }
    if !source.gone.ranges.isEmpty {
      let memory = try System.allocate(byteCount: source.gone.byteCount)
      let view = memory.view.slice(0, source.gone.byteCount)
      source.gone.encode(into: view)
      try write(view, GoneSegments.name)
    }
    try write(source.header.view.slice(0, StoreHeader.byteCount), StoreHeader.name)
    try listener(progress)
  }

  private func write(_ view: MemoryView, _ name: String) throws(StoreError) {
    let file = try target.directory.create(name, permissions: engine.options.filePermissions)
    try file.reserve(0, upTo: view.count)
    try file.write(view, at: 0)
    try file.sync()
    try file.close()
  }

  // MARK: The source

  private func path(of segment: Source.Segment) -> String {
    engine.directory.path + "/" + SegmentHeader.name(segment.number)
  }

  /// Calls `body` with bytes of a segment, wherever in memory they are at this moment: they move from the staging
  /// buffer to the mapped file when the segment is full.
  private func withBytes<R>(
    of segment: Source.Segment, _ offset: Int, _ count: Int, _ body: (MemoryView) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    let slot = engine.gate.enter()
    defer { slot.leave() }
    if !engine.alive.isSet { throw engine.deadError() }
    let (view, salt) = engine.segments.memory(SegmentTable.slot(segment.number))
    guard salt == segment.salt, view.contains(offset, count) else {
      throw StoreError(.historyGone, "the follower was overtaken, and began anew", file: path(of: segment))
    }
    return try body(view.slice(offset, count))
  }

  /// Whether these bytes of the segment are those of the other one.
  private func agrees(
    _ segment: Source.Segment, with other: EarlierBackup.Content, from start: Int = 0, upTo end: Int
  ) throws(StoreError) -> Bool {
    if end > min(segment.end, other.byteCount) { return false }
    for at in stride(from: start, to: end, by: Self.pieceBytes) {
      let count = min(Self.pieceBytes, end - at)
      let isSame = try other.withBytes(at, count) { (piece) throws(StoreError) in
        try withBytes(of: segment, at, count) { (bytes) throws(StoreError) in bytes.isEqual(to: piece) }
      }
      if isSame != true { return false }
    }
    return true
  }

  // MARK: What is there already

  /// What is replaced must have nothing that the store does not have, or had: not what was written to it when it was
  /// opened as a store, nor what came after the backup that this store was restored from.
  private func checkHistory(of replaced: EarlierBackup) throws(StoreError) {
    guard let last = replaced.lastSegment else { return }
    let isPast: Bool
    if let segment = source.segments.first(where: { $0.number == last }) {
      guard let content = try replaced.content(of: last) else { throw notPast(replaced) }
      let end = try content.closingSeal(salt: segment.salt)?.offset ?? content.byteCount
      isPast = try agrees(segment, with: content, upTo: end)
    } else if source.gone.range(of: last) != nil {
      isPast = try isPastOfCompacted(replaced)
    } else {
      isPast = false
    }
    if !isPast { throw notPast(replaced) }
  }

  /// Where the last segment of a backup has been compacted, what the two still have in common must tell.
  private func isPastOfCompacted(_ replaced: EarlierBackup) throws(StoreError) -> Bool {
    guard let sequence = try replaced.lastSequence(), sequence <= source.lastSequence else { return false }
    for segment in source.segments {
      guard let content = try replaced.content(of: segment.number) else { continue }
      // Segments that were made apart have other salts.
      if try !agrees(segment, with: content, upTo: SegmentHeader.byteCount) { return false }
    }
    return true
  }

  private func notPast(_ replaced: EarlierBackup) -> StoreError {
    replaced.refusal(
      "the backup holds what the store does not, or is damaged: it is not replaced; remove it, or choose another place")
  }

  /// Takes a segment over from the earlier backup, if that has it. Returns whether.
  private func keep(_ segment: Source.Segment, isLast: Bool) throws(StoreError) -> Bool {
    // Whoever opens a backup for writing goes on in the file of the last segment: that is in no other backup.
    guard let earlier, earlier.isReplaced || !isLast && segment.number != earlier.lastSegment,
      // What cannot be read there is copied.
      let content = try? earlier.content(of: segment.number), (try? isSame(segment, content, isLast: isLast)) == true
    else { return false }
    do throws(StoreError) {
      // It may have been copied from elsewhere.
      try content.file.sync()
      let name = SegmentHeader.name(segment.number)
      try target.link(earlier.location + "/" + name, as: name)
      return true
    } catch {
      // Another file system, or one without links, or with too many for this file.
      return false
    }
  }

  private func isSame(
    _ segment: Source.Segment, _ content: EarlierBackup.Content, isLast: Bool
  ) throws(StoreError) -> Bool {
    let end = segment.end
    if isLast {
      guard let seal = try content.closingSeal(salt: segment.salt), end == seal.offset || end == content.byteCount
      else { return false }
      return try agrees(segment, with: content, upTo: end)
    }
    // Immutable: where the beginning, the length and the end are the same, the rest has been.
    guard content.byteCount == end, try agrees(segment, with: content, upTo: SegmentHeader.byteCount),
      try agrees(segment, with: content, from: max(0, end - 4096), upTo: end)
    else { return false }
    if !verifiesKept { return true }
    var scan = try LogFileScan(content.file, salt: segment.salt, to: end)
    while try scan.next() != nil {}
    return scan.offset == end
  }

  // MARK: What is new

  private mutating func copy(
    _ segment: Source.Segment, isLast: Bool, _ listener: (Store.BackupProgress) throws(StoreError) -> Void
  ) throws(StoreError) {
    let file = try target.directory.create(
      SegmentHeader.name(segment.number), permissions: engine.options.filePermissions)
    try file.reserve(0, upTo: segment.end + (isLast ? Engine.sealBytes : 0))
    var at = 0
    while at < segment.end {
      let count = min(Self.pieceBytes, segment.end - at)
      // The memory is the file's: a page that the disk cannot read fails the write, where to touch it would end the
      // process.
      try withBytes(of: segment, at, count) { (bytes) throws(StoreError) in try file.write(bytes, at: at) }
      at += count
      progress.bytesCopied += count
      try listener(progress)
    }
    let end = try verify(segment, file)
    if isLast { try close(segment, file, end) }
    try file.sync()
    try file.close()
  }

  /// What the records of a segment tell of its end.
  private struct End {
    var offset = SegmentHeader.recordsStart
    var sequence: UInt64 = 0
    var epoch: UInt64 = 0
    /// The last record, if it is a seal.
    var seal: (offset: Int, value: SealValue)?
  }

  /// Reads what has arrived: whatever has gone wrong on the way shows.
  private func verify(_ segment: Source.Segment, _ file: any File) throws(StoreError) -> End {
    let content = EarlierBackup.Content(file: file, byteCount: segment.end)
    let found = try content.withBytes(0, SegmentHeader.byteCount) { (bytes) throws(StoreError) in
      try SegmentHeader(decoding: bytes, file: path(of: segment))
    }
    guard let header = found, header.store == engine.header.identifier, header.segment == segment.number,
      header.salt == segment.salt
    else {
      throw StoreError.damaged("the segment belongs to another store or place", file: path(of: segment), at: 24)
    }
    var end = End()
    end.epoch = header.epoch
    var scan = try LogFileScan(file, salt: segment.salt, to: segment.end)
    while let (header, offset, bytes) = try scan.next() {
      // After a close, the next session has written there.
      if header.isOperation, end.seal?.value.reason == SealValue.Reason.closed { end.epoch &+= 1 }
      end.offset = scan.offset
      if header.isKnownKind { end.sequence = header.sequence }
      if !header.isSkippable { end.seal = bytes.flatMap { header.seal($0) }.map { (offset, $0) } }
      if let seal = end.seal?.value { end.epoch = max(end.epoch, seal.epoch) }
      if header.kind == RecordHeader.Kind.link, let bytes,
        let link = LinkValue(decoding: bytes.slice(header.valueOffset, header.valueByteCount))
      {
        end.epoch = max(end.epoch, link.epoch)
      }
    }
    guard end.offset == segment.end else {
      let isSource = try withBytes(of: segment, 0, segment.end) { (bytes) throws(StoreError) in
        LogScan.record(bytes, salt: segment.salt, at: end.offset) == nil
      }
      throw StoreError.damaged(
        isSource ? "a record of the log is damaged" : "a record was damaged while it was copied",
        file: isSource ? path(of: segment) : file.path, at: end.offset)
    }
    return end
  }

  /// Ends the log as a clean close does (F1-WRT-003).
  private func close(_ segment: Source.Segment, _ file: any File, _ end: End) throws(StoreError) {
    if let seal = end.seal, seal.value.reason == SealValue.Reason.closed, end.offset == seal.offset + Engine.sealBytes {
      return try file.truncate(to: end.offset)
    }
    if mustBeClosed {
      throw StoreError.damaged("the end of the backup is cut off", file: path(of: segment), at: end.offset)
    }
    // Another segment follows in the store, without records yet: not here.
    let isContinued = end.seal?.value.reason == SealValue.Reason.continued
    let start = isContinued ? end.seal?.offset ?? end.offset : end.offset
    try file.truncate(to: start)
    try file.sync()
    let memory = try System.allocate(byteCount: Engine.sealBytes)
    let view = memory.view.slice(0, Engine.sealBytes)
    SealValue(reason: SealValue.Reason.closed, epoch: end.epoch, next: 0)
      .encode(into: view.slice(RecordHeader.byteCount, SealValue.byteCount))
    var header = RecordHeader(
      sequence: end.sequence, kind: RecordHeader.Kind.seal, flags: RecordHeader.Flags.earlierDurable, key: 0,
      value: SealValue.byteCount, extension: 0)
    header.durableByteCount = start
    header.encode(into: view, at: 0)
    view.store(view.slice(8, view.count - 8).hash(seed: RecordHeader.seed(salt: segment.salt, offset: start)), at: 0)
    try file.write(view, at: start)
  }
}
