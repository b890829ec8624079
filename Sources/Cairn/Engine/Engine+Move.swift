internal import Synchronization

/// Compaction: writes what still counts in a segment once more at the end of the log.
extension Engine {
  /// A record that may count.
  private struct Candidate {
    let header: RecordHeader
    let offset: Int
    let hash: UInt64
    /// What is stored instead of the value as it stands there.
    var recoded: Recoded?

    /// What the index has for the record, in the segment of that slot.
    func entry(_ slot: Int) -> UInt64 {
      HashIndex.Entry.make(HashIndex.fingerprint(hash), slot: slot, offset: offset)
    }
  }

  /// What may be left of what removes and barriers hide.
  struct Hiding {
    /// Those of versions up to this one hide nothing.
    let start: UInt64
    /// Versions of barriers whose entries may have counted as live when that was found.
    let live: Set<UInt64>
  }

  /// What is looked at, or moved, in one turn: so long a commit may have to wait (measured: 256 records, 60 µs).
  private static let recordsInTurn = 256
  private static let bytesInTurn = 128 << 10
  /// Of values that are not moved as they stand there.
  private static let recodedBytesInTurn = 1 << 20

  /// - Parameters:
  ///   - anew: how all values are to be stored; `nil`: those that need not be changed stay as they are.
  ///   - hiding: what removes and barriers may hide.
  ///   - history: raised to the version of the last remove that is dropped.
  /// - Throws: `.damaged` if a record is; `.noSpace`, after which the writer can go on.
  func move(
    _ segment: SegmentCatalog.Segment, _ anew: Anew?, _ hiding: Hiding, history: inout UInt64,
    _ state: inout CompactionState
  ) throws(StoreError) {
    guard let end = segment.end else { return }
    let memory = segment.memory.view
    var scan = LogScan(memory, salt: segment.salt, to: end)
    var candidates: [Candidate] = []
    candidates.reserveCapacity(Self.recordsInTurn)
    while scan.offset < end {
      let before = scan
      let encoding = encoding(anew)
      try gather(&scan, &candidates, segment.number, encoding)
      guard let moved = try moveInTurn(candidates, segment, encoding, hiding, history: &history)
      else {
        // Another dictionary has been taken into use meanwhile.
        scan = before
        continue
      }
      try flushMoved()
      try pace(scan.offset - before.offset + moved, &state)
    }
  }

  /// The next operations that may count, each verified.
  private func gather(
    _ scan: inout LogScan, _ candidates: inout [Candidate], _ number: UInt64, _ encoding: Encoding
  ) throws(StoreError) {
    candidates.removeAll(keepingCapacity: true)
    let start = scan.offset
    let slot = gate.enter()
    defer { slot.leave() }
    if !alive.isSet { throw deadError() }
    while scan.offset < scan.end && candidates.count < Self.recordsInTurn && scan.offset - start < Self.bytesInTurn {
      guard let record = scan.next() else {
        throw StoreError.damaged(
          "a record is not what was written: its segment cannot be compacted",
          file: directory.path + "/" + SegmentHeader.name(number), at: scan.offset)
      }
      guard record.header.isOperation || record.header.isEarlier else { continue }
      // A checksum can be forged.
      guard record.header.hasItsParts else {
        throw StoreError.damaged(
          "a record has no key, or not its fields: its segment cannot be compacted",
          file: directory.path + "/" + SegmentHeader.name(number), at: record.offset)
      }
      let key = scan.memory.slice(record.offset + record.header.keyOffset, record.header.keyByteCount)
      let hash = index.hash(key)
      index.prefetchBucket(hash)
      candidates.append(Candidate(header: record.header, offset: record.offset, hash: hash))
    }
    // Most of them, as a rule: writers need not wait for that.
    let place = SegmentTable.slot(number)
    if !keepsVersions {
      candidates.removeAll { candidate in
        candidate.header.kind == RecordHeader.Kind.put && index.isGone(candidate.entry(place), hash: candidate.hash)
      }
    }
    try recode(&candidates, &scan, place, encoding)
  }

  /// Under a read guard. What would be too much for one turn is left to the next one.
  private func recode(
    _ candidates: inout [Candidate], _ scan: inout LogScan, _ slot: Int, _ encoding: Encoding
  ) throws(StoreError) {
    let source = try dictionaries.dictionary(slot, segments)
    var byteCount = 0
    for index in candidates.indices {
      let (header, offset) = (candidates[index].header, candidates[index].offset)
      guard header.kind != RecordHeader.Kind.delete && encoding.concerns(header) else { continue }
      if byteCount >= Self.recodedBytesInTurn {
        candidates.removeLast(candidates.count - index)
        scan = LogScan(scan.memory, salt: scan.salt, from: offset, to: scan.end)
        return
      }
      let bytes = scan.memory.slice(offset, header.recordByteCount)
      let recoded = try recoded(
        FoundRecord(bytes: bytes, header: header, entry: candidates[index].entry(slot)), from: source, encoding)
      candidates[index].recoded = recoded
      byteCount += recoded?.bytes.count ?? 0
    }
  }

  /// Returns how many bytes have been written; `nil`, and nothing has been, if the log has another dictionary now.
  private func moveInTurn(
    _ candidates: [Candidate], _ segment: SegmentCatalog.Segment, _ encoding: Encoding, _ hiding: Hiding,
    history: inout UInt64
  ) throws(StoreError) -> Int? {
    if candidates.isEmpty { return 0 }
    queue.take()
    defer { queue.giveBack() }
    if !alive.isSet { throw deadError() }
    if let failure = log.failure { throw failure.asWriterFailure() }
    if encoding.dictionary?.number != log.dictionary?.number { return nil }
    let slot = gate.enter()
    defer { slot.leave() }
    staged.removeAll()
    let memory = segment.memory.view
    let start = log.bytesAppended
    var movedBytes: Int { Int(truncatingIfNeeded: log.bytesAppended &- start) }
    defer { count(.bytesMoved, movedBytes) }
    for candidate in candidates {
      do throws(StoreError) {
        switch candidate.header.kind {
        case RecordHeader.Kind.put: try movePut(candidate, memory, SegmentTable.slot(segment.number))
        case RecordHeader.Kind.earlier: try moveEarlier(candidate, memory, SegmentTable.slot(segment.number))
        case RecordHeader.Kind.barrier: try moveBarrier(candidate, memory, hiding, history: &history)
        default: try moveRemove(candidate, memory, hiding, history: &history)
        }
      } catch {
        // What is staged already is whole.
        if takeHasNoRoom() || error.code == .unsupportedFormat || error.code == .damaged {
          publish()
        } else {
          log.failure = error
        }
        throw error
      }
    }
    publish()
    if !log.isCheckpointDue && log.bytesSinceCheckpoint >= checkpointInterval {
      log.isCheckpointDue = true
      background?.wake(.checkpoint)
    }
    return movedBytes
  }

  /// An entry that the index has: written again with its version, or, if its time is up, removed.
  private func movePut(_ candidate: Candidate, _ memory: MemoryView, _ slot: Int) throws(StoreError) {
    try verifyInTurn(HashIndex.shard(candidate.hash))
    let (header, offset) = (candidate.header, candidate.offset)
    guard let position = index.locate(entry: candidate.entry(slot), hash: candidate.hash) else {
      return try moveEarlier(candidate, memory, slot)
    }
    let key = memory.slice(offset + header.keyOffset, header.keyByteCount)
    if barriers.list.hides(key, version: header.version(memory, at: offset)) {
      // It goes with its segment. The barrier says so in the log.
      let bytes = memory.slice(offset, header.recordByteCount)
      return drop(FoundRecord(bytes: bytes, header: header, entry: position.raw), at: position, hash: candidate.hash)
    }
    if let deadline = header.deadline(memory, at: offset), clock.isExpired(deadline), !keepsExpired(deadline) {
      // Like any remove, so that the log alone says what the index holds.
      try stageMoved(candidate, memory, kind: RecordHeader.Kind.delete, flags: 0, version: nil)
      return
    }
    try checkUnderstood(candidate, memory, adding: 0)
    try stageMoved(
      candidate, memory, kind: RecordHeader.Kind.put, flags: header.flags & RecordHeader.Flags.expiry,
      version: header.version(memory, at: offset))
  }

  /// A version that has been replaced, if it is to be kept.
  private func moveEarlier(_ candidate: Candidate, _ memory: MemoryView, _ slot: Int) throws(StoreError) {
    let (header, offset) = (candidate.header, candidate.offset)
    let version = header.version(memory, at: offset)
    guard keepsVersions, let known = book.version(version, hash: candidate.hash, slot: slot) else { return }
    let isPut = header.kind == RecordHeader.Kind.put
    try checkUnderstood(candidate, memory, adding: isPut ? RecordHeader.replacementItemBytes : 0)
    let byteCount = try stageMoved(
      candidate, memory, kind: RecordHeader.Kind.earlier, flags: header.flags & RecordHeader.Flags.expiry,
      version: version, replacement: known)
    book.move(
      version, hash: candidate.hash, from: slot, to: SegmentTable.slot(log.segment), byteCount: byteCount)
  }

  /// What is written once more must say all that it says now.
  private func checkUnderstood(
    _ candidate: Candidate, _ memory: MemoryView, adding byteCount: Int
  ) throws(StoreError) {
    let (header, offset) = (candidate.header, candidate.offset)
    guard header.flags & 0xFF & ~RecordHeader.Flags.known == 0, header.dictionary == 0 || header.isUnderstood,
      header.extensionByteCount - header.fieldsByteCount + 16 + byteCount <= RecordHeader.extensionBytesMax
    else {
      throw StoreError(
        .unsupportedFormat, "an entry uses a feature of a newer version: its segment cannot be compacted",
        file: directory.path, byteOffset: offset,
        keyPrefix: memory.slice(offset + header.keyOffset, header.keyByteCount).prefix())
    }
  }

  /// A remove is kept as long as it may hide something and nothing newer does.
  private func moveRemove(
    _ candidate: Candidate, _ memory: MemoryView, _ hiding: Hiding, history: inout UInt64
  ) throws(StoreError) {
    try verifyInTurn(HashIndex.shard(candidate.hash))
    let (header, offset) = (candidate.header, candidate.offset)
    let key = memory.slice(offset + header.keyOffset, header.keyByteCount)
    if let position = index.locate(key, hash: candidate.hash) {
      // What it is, nobody can tell: a newer put of this key perhaps, which this remove must not follow.
      if position.record == nil { throw damage(position.raw, key) }
      return
    }
    let version = header.version(memory, at: offset)
    if hidesNothing(version, hiding, &history) { return }
    try stageMoved(candidate, memory, kind: RecordHeader.Kind.delete, flags: 0, version: version)
  }

  /// Whether nothing is left that a remove or a barrier of that version could hide. Then that counts as history.
  private func hidesNothing(_ version: UInt64, _ hiding: Hiding, _ history: inout UInt64) -> Bool {
    guard version <= min(hiding.start, log.checkpointSequence) else { return false }
    history = max(history, version)
    return true
  }

  /// A barrier is kept as long as there may be something that it hides, and no later one hides it too.
  private func moveBarrier(
    _ candidate: Candidate, _ memory: MemoryView, _ hiding: Hiding, history: inout UInt64
  ) throws(StoreError) {
    let (header, offset) = (candidate.header, candidate.offset)
    guard header.isUnderstoodBarrier else {
      throw StoreError(
        .unsupportedFormat, "an invalidation of a newer version: its segment cannot be compacted",
        file: directory.path, byteOffset: offset)
    }
    let prefix = memory.slice(offset + header.keyOffset, header.keyByteCount)
    let version = header.version(memory, at: offset)
    // As a later one with the same prefix, or a live one with one that this begins with.
    let isNeeded =
      !barriers.hasLater(Barrier(prefix: prefix.array(), version: version))
      && !barriers.list.hides(prefix, version: version)
    guard isNeeded, hiding.live.contains(version) || !hidesNothing(version, hiding, &history) else { return }
    try stageMoved(candidate, memory, kind: RecordHeader.Kind.barrier, flags: 0, version: version)
  }

  /// Stages a record like that one, with the version of that if it is to be kept; also what else it says, of a remove
  /// why it was made: that of a put which is staged as a remove is that it has expired.
  @discardableResult
  private func stageMoved(
    _ candidate: Candidate, _ memory: MemoryView, kind: UInt8, flags: UInt16, version: UInt64?,
    replacement: VersionBook.Version? = nil
  ) throws(StoreError) -> Int {
    let (old, from) = (candidate.header, candidate.offset)
    let isDelete = kind == RecordHeader.Kind.delete || kind == RecordHeader.Kind.barrier
    let hasDeadline = flags & RecordHeader.Flags.expiry != 0
    let fields = (hasDeadline ? 8 : 0) + (version == nil ? 0 : 8)
    let isEarlier = kind == RecordHeader.Kind.earlier
    // Of an earlier version the item stands there already, the first one.
    let newItem = isEarlier && old.kind != kind ? RecordHeader.replacementItemBytes : 0
    let cause = isDelete ? cause(of: candidate, memory) : []
    let items = isDelete ? cause.count : max(0, old.extensionByteCount - old.fieldsByteCount)
    let recoded = isDelete ? nil : candidate.recoded
    let valueByteCount = isDelete ? 0 : recoded?.bytes.count ?? old.valueByteCount
    var header = RecordHeader(
      sequence: isEarlier ? log.lastSequence : log.lastSequence + 1, kind: kind,
      flags: version == nil ? flags : flags | RecordHeader.Flags.version,
      key: old.keyByteCount,
      value: valueByteCount, extension: fields + newItem + items)
    if !isDelete { header.encoding = old.encoding }
    if let recoded { (header.codec, header.dictionary) = (recoded.codec, recoded.hasDictionary ? 1 : 0) }
    let byteCount = header.recordByteCount
    let target = try makeRoom(byteCount)
    let at = log.position
    target.store(UInt64(0), at: at + byteCount - 8)
    if hasDeadline, let deadline = old.deadline(memory, at: from) {
      target.store(deadline, at: at + RecordHeader.byteCount)
    }
    if let version { target.store(version, at: at + RecordHeader.byteCount + fields - 8) }
    if newItem > 0, let replacement {
      let item = at + RecordHeader.byteCount + fields
      target.store(UInt64(RecordHeader.replacementItem), at: item)
      target.store(replacement.replacement, at: item + 8)
      target.store(replacement.time, at: item + 16)
    }
    // The rest as it stands there.
    let rest = at + RecordHeader.byteCount + fields + newItem
    if isDelete {
      target.copy(cause, at: rest)
      target.copy(memory.slice(from + old.keyOffset, old.keyByteCount), at: rest + items)
    } else {
      let count = items + old.keyByteCount + (recoded == nil ? valueByteCount : 0)
      target.copy(memory.slice(from + RecordHeader.byteCount + old.fieldsByteCount, count), at: rest)
    }
    if let recoded { target.copy(recoded.bytes, at: at + header.valueOffset) }
    append(header, target, byteCount)
    if isEarlier { return byteCount }
    staged.append(
      StagedOperation(
        hash: candidate.hash,
        entry: HashIndex.Entry.make(
          HashIndex.fingerprint(candidate.hash), slot: SegmentTable.slot(log.segment), offset: at),
        key: target.slice(at + header.keyOffset, header.keyByteCount), byteCount: byteCount, kind: kind,
        deadline: header.deadline(target, at: at) ?? .max, batchCount: 1))
    return byteCount
  }

  /// The item that says why something is removed.
  private func cause(of candidate: Candidate, _ memory: MemoryView) -> [UInt8] {
    switch candidate.header.kind {
    case RecordHeader.Kind.put: CauseItem.expired
    case RecordHeader.Kind.delete: CauseItem.encode(candidate.header.cause(memory, at: candidate.offset))
    default: []
    }
  }

  /// Hands what has been moved to the file, without holding writers up.
  private func flushMoved() throws(StoreError) {
    do throws(StoreError) { try flushRelaxed() } catch {
      try inTurn { () throws(StoreError) in throw error }
    }
  }

  /// Waits as long as the rate asks for after so many bytes; until the store is closed, at most.
  private func pace(_ byteCount: Int, _ state: inout CompactionState) throws(StoreError) {
    guard let rate = options.compaction.bytesPerSecond else { return }
    let now = System.nanoseconds()
    let due = state.paceStart &+ UInt64(state.paceBytes) &* 1_000_000_000 / UInt64(rate)
    if now > due &+ 100_000_000 {
      // Nothing was done for a while: that is not made up for.
      (state.paceStart, state.paceBytes) = (now, 0)
    }
    state.paceBytes += byteCount
    var left = now < due ? due - now : 0
    while left > 0, alive.isSet, spaceWaiters.load(ordering: .relaxed) == 0 {
      let piece = min(left, 20_000_000)
      closing.wait(while: 0, nanoseconds: Int64(piece))
      left -= piece
    }
    if !alive.isSet { throw deadError() }
  }
}
