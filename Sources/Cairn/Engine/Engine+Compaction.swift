internal import Synchronization

/// Compaction: gives the space of records back that do not count any more.
///
/// A round takes some segments. What still counts in them is written once more at the end of the log, a little at a
/// time, as ordinary records that replay needs no rule for (`Engine+Move`). When that is on the disk, the segments are
/// named in the list of those that are gone, and then their files are removed. Whatever interrupts a round, the log is
/// whole at every moment; what has been moved is moved, and the next round finds the segments emptier.
extension Engine {
  /// Counts what has been done. Changed by who holds `compacting`.
  struct CompactionState {
    /// Segments with damage, or with records of a newer version: they stay as they are.
    var unmovable: [UInt64: StoreError] = [:]
    /// When the rate was last looked at, and what had been moved since the time before.
    var paceStart: UInt64 = 0
    var paceBytes = 0
  }

  func compactionPlan(_ state: CompactionState) -> CompactionPlan {
    let segments = catalog.withLock { $0.segments }
    let position = LogAddress.offset(published.load(ordering: .acquiring))
    sweepBook()
    // After the look at the segments: what stands in those that are sealed has been published by then, or never will
    // be, so that an entry which the index does not have then is gone. So have the barriers that stand there, and what
    // they hide has been taken off what counts as live if they are not among these any more.
    queue.take()
    let (deadlines, checkpointSequence, kept) = (deadlines, log.checkpointSequence, book.uses)
    let barriers = barriers.versions
    queue.giveBack()
    let now = clock.now()
    // What has expired may have to be kept for a while.
    let over = keepsVersions ? keepRule.endOfKept(now) : now
    return CompactionPlan(
      uses: segments.map { segment in
        let slot = SegmentTable.slot(segment.number)
        // Taken off twice, in the worst case: see ``Replay/countedSequence``.
        let live = max(0, Int(truncatingIfNeeded: liveBytes.load(slot)))
        return CompactionPlan.Use(
          number: segment.number, firstSequence: segment.firstSequence, byteCount: segment.end ?? position,
          liveBytes: live, expiredBytes: min(deadlines.expiredBytes(slot: slot, at: over), live),
          keptBytes: kept[slot]?.byteCount ?? 0, keptPutBytes: kept[slot]?.putBytes ?? 0,
          growth: (kept[slot]?.puts ?? 0) * (8 + RecordHeader.replacementItemBytes),
          removeBytes: Int(truncatingIfNeeded: removeBytes.load(slot)),
          frameBytes: SegmentHeader.byteCount + Self.linkBytes + (isSealed(segment) ? Self.sealBytes : 0)
            + segment.dictionaryBytes,
          isMovable: segment.end != nil && segment.isMapped && state.unmovable[segment.number] == nil)
      }, deadBytesMin: deadBytesMin, segmentBytes: options.segmentBytes, checkpointSequence: checkpointSequence,
      barriers: barriers)
  }

  private func isSealed(_ segment: SegmentCatalog.Segment) -> Bool {
    guard let end = segment.end, segment.isMapped else { return false }
    let last = LogScan.record(segment.memory.view, salt: segment.salt, at: end - Self.sealBytes)
    return last?.header.kind == RecordHeader.Kind.seal && last?.end == end
  }

  // MARK: In the background

  /// So many bytes of log are written between two looks; fewer while compaction is behind.
  private static let lookBytes = 1 << 20
  /// The longest that a thread is held up after a look.
  private static let waitNanosecondsMax: Int64 = 4_000_000

  /// With the turn: lets the compactor know if there is something to do. If it is behind, the thread is held up a
  /// little when it has given the turn back, the longer the more there is to do.
  @inline(never)
  func lookForCompaction() {
    guard options.compaction.isAutomatic else { return log.nextLook = .max }
    var (bytes, live) = logBytes()
    if keepsVersions { live += book.byteCount }
    let target = options.compaction.targetAmplification
    let excess = bytes - max(Int(target * Double(live)), live + deadBytesMin)
    let isBehind = excess > 0 && isCompacting.load(ordering: .relaxed) && (!keepsVersions || book.isComplete)
    log.nextLook =
      log.bytesAppended &+ UInt64(min(isBehind ? Self.lookBytes / 4 : Self.lookBytes, options.segmentBytes))
    if isBehind {
      log.wait = min(
        Self.waitNanosecondsMax, Self.waitNanosecondsMax * Int64(min(excess, 1 << 40)) / Int64(max(live / 16, 1)))
    }
    if excess > -live / 4 || options.spaceLimit != nil || !deadlines.batches.isEmpty { wakeCompactor() }
  }

  /// See ``lookForCompaction()``.
  @inline(never)
  func giveBackAndWait() {
    let wait = log.wait
    log.wait = 0
    queue.giveBack()
    if wait > 0 { closing.wait(while: 0, nanoseconds: wait) }
  }

  /// With the turn.
  func wakeCompactor() {
    // What cannot be started is tried again at the next look.
    startCompactor()?.wake(.compact)
  }

  /// With the turn of an open store: the thread for work that takes long.
  func startCompactor() -> BackgroundThread? {
    if compactor == nil {
      // What expires does so without a write.
      let routine = options.compaction.isAutomatic ? (BackgroundThread.Task.compact, Self.routineNanoseconds) : nil
      let thread = BackgroundThread(routine: routine)
      guard !options.hasThreads || (try? thread.start(self)) != nil else { return nil }
      compactor = thread
    }
    return compactor
  }

  private static let routineNanoseconds: Int64 = 30_000_000_000

  /// Bytes of the log, and of what is live in it.
  func logBytes() -> (all: Int, live: Int) {
    let end = LogAddress.offset(published.load(ordering: .relaxed))
    return catalog.withLock { catalog in
      catalog.segments.reduce((0, 0)) { sum, segment in
        (
          sum.0 + (segment.end ?? end),
          sum.1 + Int(truncatingIfNeeded: liveBytes.load(SegmentTable.slot(segment.number)))
        )
      }
    }
  }

  /// Less than this is not worth anybody's while.
  private var deadBytesMin: Int { min(8 << 20, 4 * options.segmentBytes) }

  /// What fails here is counted, and tried again when more has been written.
  func compactInBackground() {
    isCompacting.store(true, ordering: .relaxed)
    defer { isCompacting.store(false, ordering: .relaxed) }
    while alive.isSet {
      do throws(StoreError) {
        try carryOutBarriersIfDue()
        guard try compactRound({ $0.victims(freeing: excess($0)) }) else {
          guard try rollForCompaction() else { return }
          continue
        }
      } catch {
        count(.compactionsFailed)
        return
      }
    }
  }

  /// Bytes that the background is to give back.
  private func excess(_ plan: CompactionPlan) -> Int {
    max(plan.excessToCome(over: options.compaction.targetAmplification), spaceExcess())
  }

  /// Where the active segment itself is what takes too much space: seals it. Returns whether there is something to do
  /// then.
  private func rollForCompaction() throws(StoreError) -> Bool {
    let plan = compacting.withLock { compactionPlan($0) }
    guard let active = plan.uses.last, excess(plan) > 0,
      active.uselessBytes >= max(plan.deadBytesMin / 2, active.byteCount / 2)
    else { return false }
    try sealActive(active.number)
    return true
  }

  /// Goes on in a new segment, if that one is still the active one, and lets readers have the old one from its file.
  func sealActive(_ number: UInt64) throws(StoreError) {
    try inTurnOfOpenStore { () throws(StoreError) in
      if log.segment == number { try roll(atLeast: 0) }
    }
    try mapSealedOrFail()
  }

  /// For a put that finds no space. Returns whether some was given back.
  func makeSpace() throws(StoreError) -> Bool {
    spaceWaiters.add(1, ordering: .relaxed)
    defer { spaceWaiters.subtract(1, ordering: .relaxed) }
    try carryOutBarriers()
    let uncovered = compacting.withLock { compactionPlan($0).uncoveredRemoveBytes }
    if uncovered > options.segmentBytes / 8 { try writeCheckpoint() }
    // Not only that a round was made: one that gives nothing back would be made for ever.
    let before = gained
    if try compactRound({ $0.victims(freeing: 2 * options.segmentBytes, leastGain: 0.01) }) { return gained > before }
    let plan = compacting.withLock { compactionPlan($0) }
    guard let active = plan.uses.last, active.uselessBytes >= active.byteCount / 16, active.uselessBytes >= 4096 else {
      return false
    }
    try sealActive(active.number)
    return try compactRound { $0.victims(freeing: options.segmentBytes, leastGain: 0.01) } && gained > before
  }

  // MARK: On demand

  /// Gives everything back that can be.
  func compact(_ progress: (Store.CompactionProgress) -> Bool) throws(StoreError) {
    try checkWritable()
    var done = Store.CompactionProgress()
    // What has been moved may hold removes that hide nothing any more; what has expired was removed by such. So more
    // than once, and an end in any case: others may be writing.
    for _ in 0..<Self.passesMax {
      try carryOutBarriers()
      // Removes that come after the checkpoint would have to be kept.
      if try inTurnOfOpenStore({ log.checkpointSequence < log.lastSequence }) { try writeCheckpoint() }
      let start = compacting.withLock { compactionPlan($0) }
      guard let last = start.uses.last else { return }
      if last.uselessBytes + last.removeBytes > 0 { try sealActive(last.number) } else { try mapSealedOrFail() }
      done.bytes = start.byteCount
      let before = total(.reclaimedBytes)
      while try compactRound({ $0.victims(upTo: last.number) }) {
        done.bytesReclaimed = total(.reclaimedBytes) &- before
        if !progress(done) { return }
      }
      let plan = compacting.withLock { compactionPlan($0) }
      if plan.victims(upTo: .max).isEmpty && (plan.uses.last?.removeBytes ?? 0) == 0 { break }
    }
    if let damage = compacting.withLock({ $0.unmovable.min { $0.key < $1.key }?.value }) { throw damage }
  }

  private static let passesMax = 3

  func mapSealedOrFail() throws(StoreError) {
    do throws(StoreError) { try mapSealed() } catch {
      try inTurn { () throws(StoreError) in throw error }
    }
  }

  // MARK: A round

  /// Takes the segments that `choose` names. Returns whether there were any.
  ///
  /// - Parameter anew: how all values are to be stored; `nil`: those that need not be changed stay as they are.
  func compactRound(
    anew: Anew? = nil, _ choose: (CompactionPlan) -> [UInt64]
  ) throws(StoreError) -> Bool {
    // A close waits for the round, which ends at the next look.
    try compacting.withLock { state throws(StoreError) in
      if !alive.isSet { throw deadError() }
      try completeBook()
      let plan = compactionPlan(state)
      let victims = choose(plan)
      if victims.isEmpty { return false }
      let hiding = Hiding(start: plan.hidingStart(without: Set(victims)), live: plan.barriers)
      var moved: Set<UInt64> = []
      var history: UInt64 = 0
      for number in victims {
        guard let segment = segmentOfLog(number) else { continue }
        do throws(StoreError) {
          try move(segment, anew, hiding, history: &history, &state)
          moved.insert(number)
        } catch {
          guard error.code == .damaged || error.code == .unsupportedFormat, log.failure == nil else { throw error }
          // It stays. What was moved from those before it does not depend on it; those after it may.
          state.unmovable[number] = error
          count(.unmovableSegments)
          break
        }
      }
      if !moved.isEmpty { try remove(moved, history: history) }
      return true
    }
  }

  /// Removes segments of which nothing counts any more.
  private func remove(_ numbers: Set<UInt64>, history: UInt64) throws(StoreError) {
    try makeDurable()
    if !alive.isSet { throw deadError() }
    var (all, gone) = catalog.withLock { ($0.segments, $0.gone) }
    gone.history = max(gone.history, history)
    gone.ranges = ranges(of: all, without: numbers, gone)
    all.removeAll { !numbers.contains($0.number) }
    try write(gone)
    try inTurnOfOpenStore { () throws(StoreError) in
      catalog.withLock { catalog in
        catalog.gone = gone
        catalog.segments.removeAll { numbers.contains($0.number) }
      }
      for segment in all {
        deadlines.forget(slot: SegmentTable.slot(segment.number))
        if keepsVersions { book.forget(slot: SegmentTable.slot(segment.number)) }
      }
      noteDurable()
    }
    news.increment(at: 1)
    for segment in all {
      // What stays is removed by the next open.
      try? directory.unlink(SegmentHeader.name(segment.number))
      count(.reclaimedBytes, segment.end ?? 0)
      count(.compactedSegments)
      let gone = GoneSegment(
        memory: segment.memory, segments, dictionaries, slot: SegmentTable.slot(segment.number), salt: segment.salt)
      retire(gone)
    }
  }

  /// The numbers between segments that stay, where there are, or will be, such that are gone.
  private func ranges(
    of segments: [SegmentCatalog.Segment], without numbers: Set<UInt64>, _ gone: GoneSegments
  ) -> [GoneSegments.Range] {
    var ranges: [GoneSegments.Range] = []
    var before: UInt64 = 0
    var firstTaken: SegmentCatalog.Segment?
    for segment in segments {
      if numbers.contains(segment.number) {
        firstTaken = firstTaken ?? segment
        continue
      }
      let known = gone.range(of: before + 1)
      if firstTaken != nil || known != nil {
        var range = GoneSegments.Range(
          first: before + 1, last: segment.number - 1, previousEnd: 0, previousChecksum: 0)
        if let known {
          (range.previousEnd, range.previousChecksum) = (known.previousEnd, known.previousChecksum)
        } else if before > 0, let taken = firstTaken,
          let link = LogScan.link(taken.memory.view, salt: taken.salt)
        {
          (range.previousEnd, range.previousChecksum) = (link.value.previousEnd, link.value.previousChecksum)
        }
        ranges.append(range)
      }
      before = segment.number
      firstTaken = nil
    }
    return ranges
  }

  private func write(_ gone: GoneSegments) throws(StoreError) {
    let temporary = GoneSegments.name + temporarySuffix
    let buffer = try System.allocate(byteCount: gone.byteCount)
    gone.encode(into: buffer.view)
    try directory.unlink(temporary)
    do throws(StoreError) {
      let file = try directory.create(temporary, permissions: options.filePermissions)
      try file.reserve(0, upTo: gone.byteCount)
      try file.write(buffer.view.slice(0, gone.byteCount), at: 0)
      try file.sync()
      try directory.rename(temporary, to: GoneSegments.name)
      try directory.sync()
    } catch {
      try? directory.unlink(temporary)
      throw error
    }
  }
}
