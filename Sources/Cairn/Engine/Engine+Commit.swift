internal import Synchronization

/// The write path: a commit is encoded into the staging buffer, handed to the file as its durability asks, and
/// published to the index, in sequence order.
extension Engine {
  /// Carries out one operation; returns when it is visible and as durable as asked.
  func commit(_ operation: Operation) throws(StoreError) -> Outcome {
    if !alive.isSet || isReadOnly { try checkWritable() }
    if !consequential.isEmpty { try limitBarriers() }
    // A sync takes longer than that, and is shared by who waits in the queue.
    if !queue.tryTake() && (operation.durability == .disk || !queue.tryTakeSoon()) {
      return try commitInQueue(operation)
    }
    let outcome: Outcome
    do throws(StoreError) { outcome = try lead(operation) } catch {
      queue.giveBack()
      return try commitAgain(operation, after: error)
    }
    if log.wait > 0 { giveBackAndWait() } else { queue.giveBack() }
    return outcome
  }

  @inline(never)
  private func commitInQueue(_ operation: Operation) throws(StoreError) -> Outcome {
    let request = CommitRequest(operation)
    do throws(StoreError) {
      if !queue.wait(request) { return try request.outcome!.get() }
    } catch { return try commitAgain(operation, after: error) }
    let outcome: Outcome
    do throws(StoreError) { outcome = try lead(operation) } catch {
      queue.giveBack()
      return try commitAgain(operation, after: error)
    }
    giveBackAndWait()
    return outcome
  }

  func checkWritable() throws(StoreError) {
    if !alive.isSet { throw deadError() }
    if isReadOnly {
      throw StoreError(.readOnly, "the store was opened read-only", file: directory.path)
    }
  }

  func deadError() -> StoreError {
    if alive.isOwnProcess { return StoreError(.closed, "the store has been closed", file: directory.path) }
    return StoreError(
      .usedAfterFork, "the process was forked after the store was opened; open it again in the child",
      file: directory.path)
  }

  /// With the turn: carries out the operation and, in the same write and the same sync, what waits and fits.
  private func lead(_ operation: Operation) throws(StoreError) -> Outcome {
    // The store may have been closed, or failed, while this thread waited.
    if !alive.isSet { throw deadError() }
    if let failure = log.failure { throw failure.asWriterFailure() }
    let slot = gate.enter()
    defer { slot.leave() }
    staged.removeAll()
    let decision = try decide(operation)
    if decision == .skip { return .unchanged }
    if decision == .repeat { return .stale }
    let outcome = try stageFirst(operation, decision)
    var followers: [(request: CommitRequest, outcome: Outcome)] = []
    do throws(StoreError) {
      var durability = operation.durability
      if queue.isAwaited { try stageFollowers(&followers, &durability) }
      try write(durability)
      publish()
      if durability == .relaxed { flushLater() }
      count(.commits, 1 + followers.count)
      if durability == .disk { countGroup(1 + followers.count) }
      for (request, outcome) in followers { request.finish(.success(outcome)) }
      return outcome
    } catch {
      // Nothing of the group is published, and nothing is written any more: what is on disk of it is decided when
      // the store is opened again.
      log.failure = error
      for (request, _) in followers { request.finish(.failure(error)) }
      throw error
    }
  }

  @inline(__always)
  private func stageFirst(_ operation: Operation, _ decision: Decision) throws(StoreError) -> Outcome {
    do throws(StoreError) { return try stage(operation, decision) } catch {
      if !takeHasNoRoom() { log.failure = error }
      throw error
    }
  }

  private func stageFollowers(
    _ followers: inout [(request: CommitRequest, outcome: Outcome)], _ durability: inout Store.Durability
  ) throws(StoreError) {
    // Bounded, so that who leads does not work for others for ever.
    // What goes with each may be many barriers.
    let most = consequential.isEmpty ? 256 : 16
    while followers.count < most && log.position - flushedOffset < 1 << 20 {
      let next = queue.next { request in
        // A condition is decided by what is published: it waits for its key's commit in this group.
        let operation = request.operation!
        return !operation.readsState || !isStaged(operation.key)
      }
      guard let next, let operation = next.operation else { return }
      let decision: Decision
      do throws(StoreError) {
        decision = try decide(operation)
      } catch {
        next.finish(.failure(error))
        continue
      }
      if decision == .skip || decision == .repeat {
        next.finish(.success(decision == .skip ? .unchanged : .stale))
        continue
      }
      // In the list first: what fails while it is staged fails for it too.
      followers.append((next, .unchanged))
      do throws(StoreError) {
        followers[followers.count - 1].outcome = try stage(operation, decision)
        durability = max(durability, operation.durability)
      } catch {
        guard takeHasNoRoom() else { throw error }
        followers.removeLast()
        next.finish(.failure(error))
      }
    }
  }

  func isStaged(_ key: MemoryView) -> Bool {
    if staged.count > 1024 { return true }
    let hash = index.hash(key)
    return (0..<staged.count).contains { staged[$0].hash == hash || staged[$0].isBarrier }
  }

  private func countGroup(_ size: Int) {
    count(.groups)
    count(.groupedCommits, size)
    if size > total(.largestGroup) { counters.store(UInt64(size), at: Counter.largestGroup.rawValue) }
  }

  // MARK: Staging

  private enum Decision {
    case skip
    case `repeat`
    case proceed
    case proceedOnExpired
  }

  /// Whether the operation's condition holds. What it throws concerns this operation alone.
  private func decide(_ operation: Operation) throws(StoreError) -> Decision {
    guard log.lastSequence < UInt64.max - UInt64(UInt32.max) else {
      throw StoreError(.storeFull, "the store has used up its sequence numbers", file: directory.path)
    }
    // A frame must never stand in a segment that has another dictionary than it was made with. The dictionary of the
    // log changes in a turn of its own, so what fits now fits until this turn ends, also if the log goes on in a new
    // segment.
    if operation.dictionary != 0 && operation.dictionary != log.dictionary?.number { return .repeat }
    if index.unverified.load(ordering: .relaxed) > 0 { try verifyShards(of: operation) }
    let decision = operation.readsState ? try decideByState(operation, index.hash(operation.key)) : .proceed
    if !consequential.isEmpty { try lookForConsequences(of: operation, decision != .skip) }
    if options.spaceLimit != nil { try checkSpace(for: operation) }
    return decision
  }

  /// Before anything is written: what is committed must be publishable.
  private func verifyShards(of operation: Operation) throws(StoreError) {
    switch operation.kind {
    case .sync, .invalidate: return
    case .put, .remove: try verifyInTurn(HashIndex.shard(index.hash(operation.key)))
    case .batch:
      var offset = 0
      while let header = RecordHeader(decoding: operation.batch, at: offset) {
        let key = operation.batch.slice(offset + header.keyOffset, header.keyByteCount)
        try verifyInTurn(HashIndex.shard(index.hash(key)))
        offset += header.recordByteCount
      }
    }
  }

  /// Encodes what the operation does.
  @inline(__always)
  private func stage(_ operation: Operation, _ decision: Decision) throws(StoreError) -> Outcome {
    if !consequential.isEmpty { try stageWithConsequences(operation) } else { try stage(operation, isFirst: true) }
    return decision == .proceedOnExpired ? .committedOnExpired : .committed(log.lastSequence)
  }

  @inline(never)
  private func stageWithConsequences(_ operation: Operation) throws(StoreError) {
    // The first operation of a batch says how many there are.
    let isFirst = alongside.isEmpty
    if !isFirst { try stageAlongside(of: operation) }
    try stage(operation, isFirst: isFirst)
  }

  @inline(__always)
  private func stage(_ operation: Operation, isFirst: Bool) throws(StoreError) {
    switch operation.kind {
    case .sync: break
    case .batch: try stageBatch(operation, isFirst: isFirst)
    case .put, .remove, .invalidate: try stageSingle(operation, batchCount: isFirst ? 1 : 0)
    }
  }

  /// - Parameters:
  ///   - batchCount: as ``StagedOperation/batchCount``.
  ///   - flags: beside those that it has by itself.
  @inline(__always)
  func stageSingle(_ operation: Operation, batchCount: Int = 1, flags: UInt16 = 0) throws(StoreError) {
    // While the record is encoded and written, the bucket arrives.
    let hash = index.hash(operation.key)
    index.prefetchBucket(hash)
    let kind = operation.recordKind
    let fields = operation.deadline == nil ? 0 : 8
    var header = RecordHeader(
      sequence: log.lastSequence + 1, kind: kind,
      flags: operation.deadline == nil ? flags : flags | RecordHeader.Flags.expiry, key: operation.key.count,
      value: operation.value.count, extension: fields + operation.items.count)
    header.codec = operation.codec
    if operation.dictionary != 0 { header.dictionary = 1 }
    let byteCount = header.recordByteCount
    let memory = try makeRoom(byteCount)
    let at = log.position
    // Padding first: the last word, parts of which the value may cover.
    memory.store(UInt64(0), at: at + byteCount - 8)
    if let deadline = operation.deadline { memory.store(deadline, at: at + RecordHeader.byteCount) }
    if operation.items.count > 0 { memory.copy(operation.items, at: at + RecordHeader.byteCount + fields) }
    memory.copy(operation.key, at: at + header.keyOffset)
    memory.copy(operation.value, at: at + header.valueOffset)
    append(header, memory, byteCount)
    staged.append(
      StagedOperation(
        hash: hash, entry: entry(hash, at), key: memory.slice(at + header.keyOffset, operation.key.count),
        byteCount: byteCount, kind: kind, deadline: operation.deadline ?? .max, batchCount: batchCount))
  }

  private func decideByState(_ operation: Operation, _ hash: UInt64) throws(StoreError) -> Decision {
    let position = index.locate(operation.key, hash: hash).flatMap { isHidden($0) ? nil : $0 }
    if let position, position.record == nil, operation.condition != .none {
      throw damage(position.raw, operation.key)
    }
    let isLive = position.map { $0.record.map { !isExpired($0) } ?? true } ?? false
    switch operation.condition {
    case .none:
      // To remove what has expired still takes a record: the clock may be set back before the next open.
      if position == nil { return .skip }
      return isLive ? .proceed : .proceedOnExpired
    case .absent: return isLive ? .skip : .proceed
    case .version(let version): return isLive && position?.record?.version == version ? .proceed : .skip
    }
  }

  /// - Parameter isFirst: nothing of its commit has been staged before.
  private func stageBatch(_ operation: Operation, isFirst: Bool) throws(StoreError) {
    let memory = try makeRoom(operation.batch.count)
    let start = log.position
    memory.copy(operation.batch, at: start)
    for number in 0..<operation.batchCount {
      guard var header = RecordHeader(decoding: memory, at: log.position) else {
        preconditionFailure("a batch encodes whole records")
      }
      let key = memory.slice(log.position + header.keyOffset, header.keyByteCount)
      let hash = index.hash(key)
      index.prefetchBucket(hash)
      header.sequence = log.lastSequence + 1
      if number + 1 < operation.batchCount { header.flags |= RecordHeader.Flags.moreFollows }
      let at = log.position
      append(header, memory, header.recordByteCount)
      staged.append(
        StagedOperation(
          hash: hash, entry: entry(hash, at), key: key, byteCount: header.recordByteCount,
          kind: header.kind, deadline: header.deadline(memory, at: at) ?? .max,
          batchCount: number == 0 && isFirst ? operation.batchCount : 0))
    }
    precondition(log.position == start + operation.batch.count, "a batch's records fill it")
  }

  @inline(__always)
  private func entry(_ hash: UInt64, _ offset: Int) -> UInt64 {
    HashIndex.Entry.make(HashIndex.fingerprint(hash), slot: SegmentTable.slot(log.segment), offset: offset)
  }

  /// Completes the record at the log's position, whose body is there already, and moves on.
  @inline(__always)
  func append(_ header: RecordHeader, _ memory: MemoryView, _ byteCount: Int) {
    var header = header
    header.durableByteCount = log.durable
    if firstUnsynced.load(ordering: .relaxed) >= log.segment { header.flags |= RecordHeader.Flags.earlierDurable }
    header.encode(into: memory, at: log.position)
    log.lastChecksum = RecordHeader.finish(memory, at: log.position, byteCount: byteCount, salt: log.salt)
    log.lastOffset = log.position
    log.lastSequence = header.sequence
    log.position += byteCount
    log.bytesSinceCheckpoint += byteCount
    log.bytesAppended &+= UInt64(byteCount)
  }

  // MARK: Writing

  /// Hands what is staged to the file, as durable as asked.
  func write(_ durability: Store.Durability) throws(StoreError) {
    if durability == .relaxed {
      let waiting = log.position - flushedOffset
      // Beyond that the disk is slower than the writer, who now helps, a little at a time. Less and less may wait
      // towards the end of a segment, where all of it must be written.
      let room = log.memory.count - log.position
      if waiting >= min(max(room, Self.relaxedPieceBytes), Self.relaxedBytesMax) {
        try flush(atMost: Self.relaxedPieceBytes)
      }
      if flusher == nil {
        // Without a thread for it, the writer does it.
        do throws(StoreError) { try startFlusher() } catch { try flush() }
      }
    } else {
      try flush()
      if durability == .disk { try sync() }
    }
    if !log.isCheckpointDue && log.bytesSinceCheckpoint >= checkpointInterval {
      log.isCheckpointDue = true
      background?.wake(.checkpoint)
    }
    if log.bytesAppended >= log.nextLook { lookForCompaction() }
  }

  /// Measured: chunks of 64 KiB to 1 MiB make little difference.
  static let relaxedChunkBytes = 256 << 10
  static let relaxedBytesMax = 8 << 20
  static let relaxedPieceBytes = 1 << 20

  /// With the turn: what the active segment's file has.
  private var flushedOffset: Int { LogAddress.offset(flushed.load(ordering: .acquiring)) }

  /// With the turn, or by who has written as much of the active segment.
  func noteFlushed(_ offset: Int, of segment: UInt64? = nil) {
    // The flusher may be late, and the writer further.
    let address = flushed.max(LogAddress.make(segment ?? log.segment, offset), ordering: .acquiringAndReleasing)
    news.store(address.newValue, at: 0)
  }

  /// Writes the staged bytes to the file, the first ones first.
  func flush(atMost most: Int = .max) throws(StoreError) {
    let start = flushedOffset
    // What a clean close has left stays as it is until there is more.
    guard let file = log.file, log.position > start, log.position != log.closedAt else { return }
    let byteCount = min(log.position - start, most)
    try file.write(log.memory.slice(start, byteCount), at: start)
    noteFlushed(start + byteCount)
  }

  /// Makes all that is flushed durable, segments before the active one first.
  func sync() throws(StoreError) {
    try syncSealed()
    let end = flushedOffset
    guard let file = log.file, log.durable < end else { return }
    try sync(file)
    count(.syncs)
    log.durable = end
  }
}
