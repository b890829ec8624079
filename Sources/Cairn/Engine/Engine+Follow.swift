internal import Synchronization

/// A store that another process writes to, read as it grows.
///
/// A follower opens the store as any reader does (`Recovery`), and then reads on where that ended: the active segment
/// by ordinary reads into a buffer of its own, as the writer has one, so that nothing is touched that the writer may
/// cut off; segments that are over from their mapped files. What is whole it applies to its index as a commit is.
extension Engine {
  /// What a follower knows of news.
  struct Heard {
    var isFollower = false
    /// Where the writer tells that there are some; `nil` as long as there is no such place.
    var news: News?
    /// What it said when it was looked at last: how far the log has come, and how often segments have gone.
    var log: UInt64 = 0
    var gone: UInt64 = 0
    /// How often the background has looked.
    var looks = 0

    var isNew: Bool { isFollower && (news.map { $0.word(0) != log || $0.word(1) != gone } ?? true) }
  }

  static func follow(
    _ path: String, _ options: Store.Options, _ fileSystem: some FileSystem
  ) throws(StoreError) -> Engine {
    var options = options
    options.access = .readOnly
    for _ in 0..<openingsMax {
      let engine = try open(path, options, fileSystem)
      if let damage = engine.damage { throw damage }
      // Compaction may have been faster.
      guard let file = try engine.directory.open(SegmentHeader.name(engine.log.segment), forWriting: false) else {
        continue
      }
      try engine.beginFollowing(in: file)
      return engine
    }
    throw overtakenError(path)
  }

  private func beginFollowing(in file: any File) throws(StoreError) {
    guard let segment = segmentOfLog(log.segment) else { throw removedError() }
    log.salt = segment.salt
    log.file = file
    heard.withLock { heard in
      if heard.news == nil { heard = Heard(isFollower: true, news: News.open(in: directory)) }
      // As if nothing had been heard: what it said was before the store was opened, or after.
      (heard.log, heard.gone) = (0, .max)
    }
    try makeGrowable(segment)
  }

  private func removedError() -> StoreError {
    StoreError(.notFound, "the store has been removed while it was followed", file: directory.path)
  }

  /// Whether the writer has written since the last look. Without what tells it, always.
  var hasNews: Bool { heard.withLock { $0.isNew } }

  /// Applies what has been written since the last call. Returns whether there was anything.
  func refresh() throws(StoreError) -> Bool {
    if !alive.isSet { throw deadError() }
    queue.take()
    defer { queue.giveBack() }
    if !alive.isSet { throw deadError() }
    guard heard.withLock({ $0.isFollower }) else { return false }
    do throws(StoreError) { return try readNews() } catch {
      // What is there no more, or is not what it was: everything is looked for again, once.
      guard error.code == .historyGone || error.code == .damaged else { throw error }
      try beginAgain()
      return true
    }
  }

  private func readNews() throws(StoreError) -> Bool {
    var now = heard.withLock { $0 }
    if now.news == nil { now.news = News.open(in: directory) }
    // Before reading: what comes after this is news again.
    let gone = now.gone
    if let news = now.news { (now.log, now.gone) = (news.word(0), news.word(1)) }
    // What counts in segments that are gone by now stands in what is read next.
    let list =
      now.news == nil || now.gone != gone ? try GoneSegments.read(in: directory, of: header.identifier) : nil
    let first = log.lastSequence
    repeat { try readOn() } while try advance()
    // The writer does not tell when it has.
    if barriers.count >= Self.barriersMax { try carryOutBarriersInTurn() }
    if let list { try forget(list) }
    heard.withLock { $0 = now }
    return log.lastSequence != first
  }

  // MARK: The active segment

  private static let readAtOnce = 64 << 10

  /// Reads the active segment as far as it is whole.
  private func readOn() throws(StoreError) {
    guard let file = log.file else { return }
    var window = Self.readAtOnce
    while true {
      let byteCount = min(try file.byteCount(), SegmentHeader.fileBytesMax)
      let end = min(byteCount, log.position + window)
      guard end > log.position else { return }
      guard end <= log.memory.count else {
        throw StoreError(.historyGone, "the segment has become larger than segments are", file: file.path)
      }
      let got = try file.read(into: log.memory.slice(log.position, end - log.position), at: log.position)
      let before = log.position
      let isBegun = !log.memory.isZero(before, min(got, RecordHeader.byteCount))
      try apply(upTo: before + got)
      if log.position > before {
        window = Self.readAtOnce
      } else {
        // A record, or a batch, that is larger than what was read; or one that is being written.
        guard isBegun, end < byteCount else { return }
        window *= 4
      }
    }
  }

  /// Applies what is whole of the bytes that have been read.
  private func apply(upTo end: Int) throws(StoreError) {
    let slot = gate.enter()
    defer { slot.leave() }
    var scan = LogScan(log.memory, salt: log.salt, from: log.position, to: end)
    var batch: [StagedOperation] = []
    var sequence = log.lastSequence
    staged.removeAll()
    // What has been passed is seen, also if what comes next cannot be read.
    defer { publish() }
    while let record = scan.next() {
      let header = record.header
      if header.isOperation {
        sequence += 1
        guard header.sequence == sequence, header.hasItsParts else {
          throw .damaged("a record is not where it belongs", file: log.file?.path, at: record.offset)
        }
        guard !header.isBarrier || header.isUnderstoodBarrier else {
          throw StoreError(
            .unsupportedFormat, "the log holds an invalidation of another form, of a newer version",
            file: log.file?.path, byteOffset: record.offset)
        }
        let operation = self.operation(record)
        if !operation.isBarrier { try verifyInTurn(HashIndex.shard(operation.hash)) }
        batch.append(operation)
        if header.flags & RecordHeader.Flags.moreFollows != 0 { continue }
        for (number, operation) in batch.enumerated() {
          staged.append(number == 0 ? operation.counted(batch.count) : operation)
        }
        batch.removeAll(keepingCapacity: true)
      } else if !header.isKnownKind && !header.isSkippable {
        throw StoreError(
          .unsupportedFormat, "the log holds records of the kind \(header.kind), of a newer version",
          file: log.file?.path, byteOffset: record.offset)
      }
      if batch.isEmpty {
        (log.position, log.lastSequence) = (record.end, sequence)
        (log.lastChecksum, log.lastOffset) = (header.checksum, record.offset)
      }
    }
  }

  private func operation(_ record: LogScan.Record) -> StagedOperation {
    let (header, at) = (record.header, record.offset)
    let key = log.memory.slice(at + header.keyOffset, header.keyByteCount)
    let hash = index.hash(key)
    index.prefetchBucket(hash)
    return StagedOperation(
      hash: hash,
      entry: HashIndex.Entry.make(
        HashIndex.fingerprint(hash), slot: SegmentTable.slot(log.segment), offset: at),
      key: key, byteCount: header.recordByteCount, kind: header.kind,
      deadline: header.deadline(log.memory, at: at) ?? .max, batchCount: 0)
  }

  /// Gives the active segment a buffer in which it can grow. Pages take memory when they are read.
  private func makeGrowable(_ segment: SegmentCatalog.Segment) throws(StoreError) {
    let byteCount = try log.file?.byteCount() ?? 0
    let buffer = try System.allocate(
      byteCount: (max(SegmentHeader.operationsEnd + Self.readAtOnce, byteCount) + 4095) & ~4095)
    buffer.view.copy(segment.memory.view.slice(0, log.position), at: 0)
    log.memory = buffer.view
    segments.set(SegmentTable.slot(segment.number), buffer.view, salt: segment.salt)
    catalog.withLock { catalog in
      guard let index = catalog.index(of: segment.number) else { return }
      catalog.segments[index].memory = buffer
      catalog.segments[index].end = nil
      catalog.segments[index].isMapped = false
    }
    Reclaimer.shared.retire(segment.memory)
  }

  // MARK: The next segment

  /// Goes on in the next segment, if the active one is over. Returns whether it is.
  ///
  /// - Throws: `.historyGone` if segments that have not been read are gone.
  private func advance() throws(StoreError) -> Bool {
    let names = try directory.names()
    guard names.contains(StoreHeader.name) else { throw removedError() }
    let later = names.compactMap(SegmentHeader.number).filter { $0 > log.segment }
    guard let number = later.min(), let active = segmentOfLog(log.segment), let old = log.file else { return false }
    let name = SegmentHeader.name(number)
    guard let file = try directory.open(name, forWriting: false) else {
      // It has gone since the names were read: compacted, or prepared by a session that has ended. Or it leads nowhere.
      return try !directory.names().contains(name)
    }
    let start = try System.allocate(byteCount: 4096)
    let got = try file.read(into: start.view.slice(0, 4096), at: 0)
    let header = try SegmentHeader(decoding: start.view.slice(0, got), file: file.path)
    guard let link = LogScan.link(start.view.slice(0, got), salt: header.salt) else { return false }
    guard header.store == self.header.identifier, link.value.previous == log.segment else {
      throw StoreError(.historyGone, "segments that were not read are gone", file: directory.path)
    }
    if link.value.previousEnd > UInt64(log.position) {
      // The end was written before the link was; it was only not read yet.
      let before = log.position
      try readOn()
      if log.position > before { return try advance() }
    }
    guard link.value.previousEnd == UInt64(log.position), link.value.previousChecksum == log.lastChecksum,
      link.sequence == log.lastSequence
    else {
      throw .damaged("the segment does not end where the next one says", file: old.path, at: log.position)
    }
    let memory = try old.map(byteCount: log.position, writable: false)
    segments.set(SegmentTable.slot(active.number), memory.view, salt: active.salt)
    catalog.withLock { catalog in
      guard let index = catalog.index(of: active.number) else { return }
      catalog.segments[index].memory = memory
      catalog.segments[index].end = log.position
      // It may be longer than what was read first.
      catalog.segments[index].dictionaryBytes = DictionaryRecord.recordByteCount(in: memory.view)
      catalog.segments[index].isMapped = true
    }
    Reclaimer.shared.retire(active.memory)
    log.file = file
    (log.segment, log.salt, log.position) = (number, header.salt, SegmentHeader.recordsStart)
    let first = SegmentCatalog.Segment(
      number: number, firstSequence: log.lastSequence + 1, salt: header.salt, end: nil, memory: start, file: nil,
      dictionaryBytes: DictionaryRecord.recordByteCount(in: start.view))
    catalog.withLock { $0.segments.append(first) }
    dictionaries.set(SegmentTable.slot(number), salt: header.salt, nil)
    liveBytes.store(0, at: SegmentTable.slot(number))
    removeBytes.store(0, at: SegmentTable.slot(number))
    try makeGrowable(first)
    return true
  }

  /// Lets go of segments that compaction had taken away before the log was read: what counts in them has been read.
  private func forget(_ gone: GoneSegments) throws(StoreError) {
    // What barriers hide is not moved when its segment goes, so nothing that was read has taken it out of the index.
    try carryOutBarriersInTurn()
    let taken = catalog.withLock { catalog in
      let taken = catalog.segments.filter { gone.range(of: $0.number) != nil && $0.number < log.segment }
      catalog.segments.removeAll { segment in taken.contains { $0.number == segment.number } }
      catalog.gone = gone
      return taken
    }
    for segment in taken {
      retire(
        GoneSegment(
          memory: segment.memory, segments, dictionaries, slot: SegmentTable.slot(segment.number), salt: segment.salt))
    }
  }

  /// When nobody needs it any more.
  func retire(_ segment: GoneSegment) {
    if !pins.withLock({ $0.keep(segment) }) { Reclaimer.shared.retire(segment) }
  }

  // MARK: From the beginning

  /// Takes the place over of a store that was opened anew, shard by shard: readers meet each key as it was or as it is.
  private func beginAgain() throws(StoreError) {
    let (fresh, file) = try openAnew()
    let (old, new) = (catalog.withLock { $0.segments }, fresh.catalog.withLock { $0.segments })
    for segment in new {
      let slot = SegmentTable.slot(segment.number)
      guard !old.contains(where: { SegmentTable.slot($0.number) == slot && $0.salt != segment.salt }) else {
        throw replacedError()
      }
      segments.set(slot, segment.memory.view, salt: segment.salt)
      dictionaries.set(slot, salt: segment.salt, nil)
      liveBytes.store(fresh.liveBytes.load(slot), at: slot)
      removeBytes.store(fresh.removeBytes.load(slot), at: slot)
    }
    // What snapshots saw has not been kept.
    snapshotsStart.store(fresh.counters.load(Counter.lastSequence.rawValue), ordering: .releasing)
    let before = index.loaded.withLock { $0 }
    // All of them as long as readers may meet entries of the one or of the other.
    try barriers.add(fresh.barriers.all, keepingAll: true)
    for shard in 0..<HashIndex.shards {
      let memory = index.memory[shard]
      index.replace(shard, from: fresh.index)
      if let memory { Reclaimer.shared.retire(memory, isLarge: false) }
    }
    try barriers.set(fresh.barriers.all)
    index.loaded.withLock { $0 = fresh.index.loaded.withLock { $0 } }
    if let before { Reclaimer.shared.retire(before) }
    for counter in [Counter.liveEntries, .lastSequence] {
      counters.store(fresh.counters.load(counter.rawValue), at: counter.rawValue)
    }
    let lost = old.filter { segment in !new.contains { $0.number == segment.number } }
    for segment in old { Reclaimer.shared.retire(segment.memory) }
    catalog.withLock { $0 = fresh.catalog.withLock { $0 } }
    for segment in lost {
      retire(
        GoneSegment(
          memory: segment.memory, segments, dictionaries, slot: SegmentTable.slot(segment.number), salt: segment.salt))
    }
    deadlines = fresh.deadlines
    log = fresh.log
    published.store(fresh.published.load(ordering: .acquiring), ordering: .releasing)
    for view in views { view.reset() }
    wakeWatchers()
    try beginFollowing(in: file)
  }

  /// The store as it is now, with nothing left to verify, and the file that it goes on in.
  private func openAnew() throws(StoreError) -> (Engine, any File) {
    var options = options
    options.views = []
    for _ in 0..<Self.openingsMax {
      let fresh = try Self.open(directory.path, options, PosixFileSystem())
      if let damage = fresh.damage { throw damage }
      guard fresh.header == header else {
        throw StoreError(.notFound, "the store has been replaced by another one", file: directory.path)
      }
      for shard in 0..<HashIndex.shards { try fresh.verify(shard) }
      // Compaction may have been faster.
      if let file = try directory.open(SegmentHeader.name(fresh.log.segment), forWriting: false) {
        // The path may lead elsewhere by now; the directory is the one that was there first.
        guard try salt(of: file) == fresh.segmentOfLog(fresh.log.segment)?.salt else { throw replacedError() }
        return (fresh, file)
      }
    }
    throw Self.overtakenError(directory.path)
  }

  private func salt(of file: any File) throws(StoreError) -> UInt64 {
    let start = try System.allocate(byteCount: SegmentHeader.byteCount)
    let view = start.view.slice(0, SegmentHeader.byteCount)
    return try SegmentHeader(decoding: view.slice(0, file.read(into: view, at: 0)), file: file.path).salt
  }

  private func replacedError() -> StoreError {
    StoreError(.historyGone, "the store has been replaced, or too much of it; open it again", file: path)
  }

  private static func overtakenError(_ path: String) -> StoreError {
    StoreError(.historyGone, "the store is compacted faster than it can be read", file: path)
  }

  private static let openingsMax = 10

  private var path: String { directory.path }

  // MARK: By itself

  /// About a second.
  private static let looksUntold = 500

  /// In the background of a follower.
  func refreshInBackground() {
    heard.withLock { heard in
      heard.looks += 1
      // Now and then without having been told: a writer may tell it elsewhere by now, or nowhere.
      if heard.looks % Self.looksUntold == 0 { heard.news = nil }
    }
    guard hasNews else { return }
    // What fails is tried again; who wants to know calls it.
    _ = try? refresh()
  }
}
