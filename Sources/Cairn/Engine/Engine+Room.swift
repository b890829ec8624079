internal import Synchronization

/// Room for records in the active segment: space of its file, and pages of its memory.
///
/// The writer makes a little when it needs some. For a busy writer the background thread makes as much ahead as has
/// been used already, so that a commit waits neither for the file system nor for the kernel to zero memory (measured:
/// 4 MiB at once took up to 13 ms).
extension Engine {
  /// Smaller segments are not extended in the background.
  private static let extensionBytes = 1 << 20

  /// Sees to it that `byteCount` bytes of records, and a seal, fit at the log's position of the active segment.
  @inline(__always)
  func makeRoom(_ byteCount: Int) throws(StoreError) -> MemoryView {
    let end = log.position + byteCount + Self.sealBytes
    if end <= log.ready { return log.memory }
    return try makeMoreRoom(byteCount)
  }

  @inline(never)
  private func makeMoreRoom(_ byteCount: Int) throws(StoreError) -> MemoryView {
    if log.position + byteCount + Self.sealBytes > log.memory.count {
      try roll(atLeast: byteCount)
    }
    let end = log.position + byteCount + Self.sealBytes
    takeExtension()
    if end > log.available { try orNoRoom { () throws(StoreError) in try reserve(end) } }
    log.ready = log.available
    if options.spaceLimit == nil && log.available < log.memory.count
      && max(log.reserved, 2 * log.position) >= Self.extensionBytes
    {
      // Asked for when half of what there is has been used up; again, at the latest, when all of it has.
      let half = log.position + (log.available - log.position) / 2
      if end <= half && half - log.position >= Self.extensionBytes / 4 { log.ready = half }
      // The other one may be syncing, for as long as the disk takes.
      (flusher ?? background)?.wake(.extend)
    }
    // Long before the end, so that a new file can be synced on a busy disk; but a small store has one segment.
    if !log.isPreparationDue && (log.segment > 1 || log.position > options.segmentBytes / 8) {
      log.isPreparationDue = true
      background?.wake(.prepare)
    }
    return log.memory
  }

  /// Carries out what comes before anything of an operation is written: a full disk harms nothing there, and the next
  /// operation may find room.
  @discardableResult
  func orNoRoom<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
    do throws(StoreError) { return try body() } catch {
      log.hasNoRoom = error.code == .noSpace
      throw error
    }
  }

  /// After an error: whether it was only that.
  func takeHasNoRoom() -> Bool {
    defer { log.hasNoRoom = false }
    return log.hasNoRoom
  }

  /// Sees to it that space is reserved, and memory present, up to `end`.
  ///
  /// Space in steps that double from 64 KiB, so that a small store is a small directory and a large one is not asked
  /// for space at every commit. Memory in steps of 256 KiB: faults page by page cost 100 ns a record, these 35.
  func reserve(_ end: Int) throws(StoreError) {
    guard let file = log.file else { return }
    if end > log.reserved {
      let most = options.spaceLimit == nil ? log.reserved * 2 : log.reserved + Self.spaceStep
      let step = max(end, min(max(64 << 10, most), log.memory.count))
      log.reserved = try reserve(
        file, log.reserved, upTo: log.wholePages(min(step, log.memory.count)), atLeast: log.wholePages(end))
    }
    if end > log.populated {
      let step = 256 << 10
      let populated = min(log.memory.count, max(end, (log.position & ~(step - 1)) + step))
      let start = max(log.populated, log.position) & ~4095
      System.populate(log.memory.slice(start, populated - start))
      log.populated = populated
    }
    log.ready = log.available
  }

  /// Reserves as much as is wanted, or, on a disk that is nearly full, as is needed. Returns how far.
  func reserve(_ file: any File, _ start: Int, upTo wanted: Int, atLeast needed: Int) throws(StoreError) -> Int {
    do throws(StoreError) {
      try file.reserve(start, upTo: wanted)
      return wanted
    } catch {
      guard error.code == .noSpace, needed < wanted else { throw error }
      try file.reserve(start, upTo: needed)
      return needed
    }
  }

  /// With the turn: takes over what the background has made ready.
  private func takeExtension() {
    let extended = extended.load(ordering: .acquiring)
    guard LogAddress.segment(extended) == log.segment else { return }
    log.reserved = max(log.reserved, LogAddress.offset(extended))
    log.populated = max(log.populated, LogAddress.offset(extended))
  }

  /// In the background, without the turn: makes room ahead of the writer, half as much again as it has used and more.
  ///
  /// - Throws: what the file system refuses; the writer comes to it again when it needs the space.
  func extend() throws(StoreError) {
    // The buffer may be sealed meanwhile, but not given back.
    let slot = gate.enter()
    defer { slot.leave() }
    let end = published.load(ordering: .acquiring)
    let (segment, position) = (LogAddress.segment(end), LogAddress.offset(end))
    guard let active = segmentOfLog(segment), active.end == nil, let file = active.file else { return }
    let memory = active.memory.view
    let before = extended.load(ordering: .acquiring)
    var start = LogAddress.segment(before) == segment ? max(LogAddress.offset(before), position) : position
    // A whole number of pages, as memory is.
    let wanted = min(memory.count, max(position * 5 / 2, reservedAtFirst(segment), Self.extensionBytes)) & ~4095
    start &= ~4095
    if start >= wanted { return }
    try file.reserve(start, upTo: wanted)
    if let end = segmentOfLog(segment)?.end {
      // Sealed meanwhile, and perhaps cut off already.
      return try file.truncate(to: end)
    }
    while start < wanted {
      let end = min(wanted, start + 4 << 20)
      System.populate(memory.slice(start, end - start))
      extended.store(LogAddress.make(segment, end), ordering: .releasing)
      start = end
    }
  }

  /// What is reserved for a new segment: little for the first one, which may stay small.
  func reservedAtFirst(_ segment: UInt64) -> Int {
    max(64 << 10, segment == 1 || options.spaceLimit != nil ? 0 : options.segmentBytes / 8)
  }

  /// What a segment needs to be begun, so that a disk that is full by then does not matter.
  func leastReserved(_ segment: UInt64) -> Int {
    guard options.compression.isTrained && segment > 1 else { return 4096 }
    let dictionaryBytes = learning.withLock { $0.dictionaryBytes }
    let end = SegmentHeader.byteCount + Self.linkBytes + DictionaryRecord.recordByteCount(dictionaryBytes)
    return (end + Self.sealBytes + 4095) & ~4095
  }

  func segmentOfLog(_ number: UInt64) -> SegmentCatalog.Segment? {
    catalog.withLock { catalog in catalog.index(of: number).map { catalog.segments[$0] } }
  }
}
