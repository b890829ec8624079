internal import Synchronization

/// Segments: going on from one to the next, and what becomes of those that are full.
extension Engine {
  static let sealBytes = RecordHeader.byteCount + SealValue.byteCount
  static let linkBytes = RecordHeader.byteCount + LinkValue.byteCount

  /// Seals the active segment and goes on in the next one.
  func roll(atLeast byteCount: Int) throws(StoreError) {
    let prepared = try orNoRoom { () throws(StoreError) in try takePrepared() }
    let next = prepared.header.segment
    try orNoRoom { () throws(StoreError) in try reserve(log.position + Self.sealBytes) }
    appendSeal(SealValue(reason: SealValue.Reason.continued, epoch: log.epoch, next: next), log.memory)
    try flush()
    let link = LinkValue(
      previous: log.segment, previousEnd: UInt64(log.position), previousChecksum: log.lastChecksum,
      previousDurable: UInt64(log.durable), epoch: log.epoch)
    catalog.withLock { catalog in
      if let index = catalog.index(of: log.segment) { catalog.segments[index].end = log.position }
    }
    try begin(prepared, link, atLeast: byteCount)
    background?.wake(.seal)
  }

  /// Makes a new segment the active one and writes its first record.
  func begin(_ prepared: PreparedSegment, _ link: LinkValue, atLeast byteCount: Int) throws(StoreError) {
    let needed = SegmentHeader.byteCount + Self.linkBytes + dictionaryBytes + byteCount + Self.sealBytes
    let memory = try buffers.take(atLeast: needed)
    let header = prepared.header
    header.encode(into: memory.view)
    log.segment = header.segment
    log.salt = header.salt
    log.file = prepared.file
    log.memory = memory.view
    log.position = SegmentHeader.recordsStart
    noteFlushed(SegmentHeader.recordsStart)
    log.durable = SegmentHeader.recordsStart
    log.reserved = prepared.reserved
    log.populated = 0
    log.ready = 0
    log.isPreparationDue = false
    log.closedAt = nil
    segments.set(SegmentTable.slot(header.segment), memory.view, salt: header.salt)
    liveBytes.store(0, at: SegmentTable.slot(header.segment))
    removeBytes.store(0, at: SegmentTable.slot(header.segment))
    deadlines.forget(slot: SegmentTable.slot(header.segment))
    catalog.withLock { catalog in
      catalog.prepared = nil
      catalog.segments.append(
        SegmentCatalog.Segment(
          number: header.segment, firstSequence: log.lastSequence + 1, salt: header.salt, end: nil, memory: memory,
          file: prepared.file, dictionaryBytes: dictionaryBytes))
    }
    noteDurable()
    let at = log.position
    try reserve(at + Self.linkBytes + dictionaryBytes + Self.sealBytes)
    link.encode(into: memory.view.slice(at + RecordHeader.byteCount, LinkValue.byteCount))
    append(mark(RecordHeader.Kind.link, LinkValue.byteCount), memory.view, Self.linkBytes)
    appendDictionary(memory.view)
  }

  /// What the dictionary takes that new segments begin with.
  var dictionaryBytes: Int { log.dictionary.map { DictionaryRecord.recordByteCount($0.stored.count) } ?? 0 }

  /// Each segment has a copy of its own: so it is there exactly as long as records that need it.
  private func appendDictionary(_ memory: MemoryView) {
    dictionaries.set(SegmentTable.slot(log.segment), salt: log.salt, log.dictionary)
    guard let dictionary = log.dictionary else { return }
    let (at, byteCount) = (log.position, dictionaryBytes)
    memory.store(UInt64(0), at: at + byteCount - 8)
    memory.copy(dictionary.stored, at: at + RecordHeader.byteCount)
    var header = mark(RecordHeader.Kind.dictionary, dictionary.stored.count)
    header.codec = dictionary.codec
    append(header, memory, byteCount)
  }

  func appendSeal(_ value: SealValue, _ memory: MemoryView) {
    value.encode(into: memory.slice(log.position + RecordHeader.byteCount, SealValue.byteCount))
    append(mark(RecordHeader.Kind.seal, SealValue.byteCount), memory, Self.sealBytes)
  }

  /// Records of the log itself have the sequence of the operation before them.
  private func mark(_ kind: UInt8, _ valueBytes: Int) -> RecordHeader {
    RecordHeader(sequence: log.lastSequence, kind: kind, flags: 0, key: 0, value: valueBytes, extension: 0)
  }

  // MARK: The next segment

  /// The segment made in advance, or one made now. It stays the prepared one until the log goes on in it (``begin``),
  /// so that nobody makes it again meanwhile.
  private func takePrepared() throws(StoreError) -> PreparedSegment {
    try preparation.withLock { _ throws(StoreError) in
      if let ready = catalog.withLock({ $0.prepared }) { return ready }
      let made = try create(after: log.segment)
      catalog.withLock { $0.prepared = made }
      return made
    }
  }

  /// In the background: makes the next segment before it is needed.
  func prepareNext() throws(StoreError) {
    try preparation.withLock { _ throws(StoreError) in
      guard let last = catalog.withLock({ $0.prepared == nil ? $0.segments.last?.number : nil }) else { return }
      let prepared = try create(after: last)
      catalog.withLock { $0.prepared = prepared }
    }
  }

  /// Makes a segment's file. Its header is on the disk before the file has its name, and its name before the first
  /// record: so a segment whose header cannot be read is always damaged.
  ///
  /// - Parameter replaced: the number of a segment behind the last one that counts for nothing, if there is one.
  func create(after last: UInt64, replacing replaced: UInt64? = nil) throws(StoreError) -> PreparedSegment {
    guard let number = replaced ?? nextNumber(after: last) else {
      throw StoreError(.storeFull, "the store has used up its segment numbers", file: directory.path)
    }
    let header = SegmentHeader(
      store: self.header.identifier, segment: number, epoch: log.epoch, salt: try random(),
      created: options.clock.wallMilliseconds())
    let name = SegmentHeader.name(number)
    let temporary = name + temporarySuffix
    try directory.unlink(temporary)
    let file = try directory.create(temporary, permissions: options.filePermissions)
    let buffer = try System.allocate(byteCount: 4096)
    header.encode(into: buffer.view)
    let least = leastReserved(number)
    let reserved = try reserve(file, 0, upTo: max(least, reservedAtFirst(number)), atLeast: least)
    try file.write(buffer.view.slice(0, SegmentHeader.byteCount), at: 0)
    try file.sync()
    try directory.rename(temporary, to: name)
    try directory.sync()
    return PreparedSegment(header: header, file: file, reserved: reserved)
  }

  private func nextNumber(after last: UInt64) -> UInt64? {
    let pinned = pins.withLock { $0.slots }
    return catalog.withLock { $0.number(after: last, besides: pinned) }
  }

  // MARK: Sealed segments

  /// In the background: lets readers have sealed segments from their files, and gives staging buffers back.
  func mapSealed() throws(StoreError) { try sealing.withLock { _ throws(StoreError) in try mapAllSealed() } }

  private func mapAllSealed() throws(StoreError) {
    let sealed = catalog.withLock { $0.segments.filter { $0.end != nil && !$0.isMapped } }
    for segment in sealed {
      guard let end = segment.end, let file = segment.file else { continue }
      let memory = try file.map(byteCount: end, writable: false)
      segments.set(SegmentTable.slot(segment.number), memory.view, salt: segment.salt)
      catalog.withLock { catalog in
        guard let index = catalog.index(of: segment.number) else { return }
        catalog.segments[index].memory = memory
        catalog.segments[index].isMapped = true
      }
      // A buffer that has pages of a file in it cannot be written again.
      buffers.giveBack(segment.memory, reusable: !segment.isResumed)
      // Reserved space that was not needed; nothing stands there.
      try file.truncate(to: end)
    }
    if !sealed.isEmpty { adviseReading(sealed.map(\.number)) }
    // As a rule a checkpoint does this. Until they are synced their files stay open, of which a process has few.
    let unsynced = catalog.withLock { $0.segments.count { $0.end != nil && $0.file != nil } }
    if unsynced >= Self.unsyncedFilesMax { try syncSealed() }
  }

  private static let unsyncedFilesMax = 16

  /// Syncs a file of the log. The kernel tells a failure once, to whoever syncs first, and calls the lost pages clean
  /// from then on: so syncs go one after the other, and after the first that failed none is tried any more.
  func sync(_ file: any File) throws(StoreError) {
    try syncing.withLock { failure throws(StoreError) in
      if let failure { throw failure }
      do throws(StoreError) {
        try file.sync()
      } catch {
        failure = error
        throw error
      }
    }
  }

  /// Makes sealed segments durable and lets go of their files. By the background thread and by who syncs.
  func syncSealed() throws(StoreError) {
    let unsynced = catalog.withLock { $0.segments.filter { $0.end != nil && !$0.isDurable } }
    for segment in unsynced {
      // Segments that were there before the open have no descriptor; any one of the file syncs all of it.
      if let file = segment.file {
        try sync(file)
      } else if let file = try directory.open(SegmentHeader.name(segment.number), forWriting: true) {
        try rewrite(segment, file)
        try sync(file)
      }
      catalog.withLock { catalog in
        if let index = catalog.index(of: segment.number) { catalog.segments[index].isDurable = true }
      }
    }
    catalog.withLock { catalog in
      for index in catalog.segments.indices where catalog.segments[index].isDurable && catalog.segments[index].isMapped
      {
        catalog.segments[index].file = nil
      }
    }
    noteDurable()
  }

  /// Writes the bytes of an earlier session's segment once more, where they are. A sync may have failed there: then the
  /// kernel shows what was written, calls it clean, and leaves it out of every sync that follows.
  private func rewrite(_ segment: SegmentCatalog.Segment, _ file: any File) throws(StoreError) {
    let end = segment.end ?? 0
    let view = segment.memory.view
    // The kernel may have forgotten such a page since it was read, and show what the disk has.
    var scan = LogScan(view, salt: segment.salt, to: end)
    while scan.next() != nil {}
    guard scan.offset == end else {
      throw .damaged("a record is not what was written any more", file: file.path, at: scan.offset)
    }
    // Where the process may not write so much to a file, not even what is there, an attempt would end it.
    try file.reserve(0, upTo: end)
    for offset in stride(from: 0, to: end, by: Self.relaxedPieceBytes) {
      try file.write(view.slice(offset, min(Self.relaxedPieceBytes, end - offset)), at: offset)
    }
  }

  /// Finds out which segments are durable, for the records to come.
  func noteDurable() {
    let first = catalog.withLock { catalog in
      catalog.segments.first { !$0.isDurable }?.number ?? catalog.segments.last.map { $0.number + 1 } ?? 0
    }
    firstUnsynced.store(first, ordering: .releasing)
  }
}
