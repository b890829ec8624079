internal import Synchronization

/// What has been staged becomes visible: in the index, and to the views. All with the turn.
extension Engine {
  /// Points the index to the staged records, and tells the views.
  func publish() {
    if !views.isEmpty && staged.count > 0 { publishWithViews() } else { publishStaged() }
    wakeWatchers()
  }

  @inline(never)
  private func publishWithViews() {
    let oldestSnapshot = snapshots.min()
    for view in views { view.beginCommit(oldestSnapshot: oldestSnapshot) }
    publishStaged()
    for view in views { view.endCommit(log.lastSequence) }
  }

  private func publishStaged() {
    var next = 0
    while next < staged.count {
      let count = staged[next].batchCount
      if count == 1 { publish(staged[next]) } else { publishBatch(next..<next + count) }
      next += count
    }
    counters.store(log.lastSequence, at: Counter.lastSequence.rawValue)
    counters.store(log.bytesAppended, at: Counter.bytesAppended.rawValue)
    published.store(log.address, ordering: .releasing)
  }

  private func publish(_ operation: StagedOperation) {
    if operation.isBarrier { return publishBarrier(operation) }
    var vacancy: Int?
    let position = index.locate(operation.key, hash: operation.hash, vacancy: &vacancy)
    countEntries(operation, replaces: position)
    countBytes(operation, replaces: position)
    if !views.isEmpty { tellViews(operation, replaces: position) }
    keep(position, before: operation)
    if operation.isDelete {
      if let position { index.remove(position) }
    } else if let position {
      index.replace(position, with: operation.entry)
    } else {
      index.insert(operation.entry, hash: operation.hash, at: vacancy)
    }
  }

  /// All at once: see ``PendingEntries``.
  private func publishBatch(_ range: Range<Int>) {
    // Memory for a few bytes per entry; without it the process cannot go on.
    guard let mark = try? index.pending.beginBatch(count: range.count) else { preconditionFailure("out of memory") }
    var pending: [(entry: UInt64, hash: UInt64)] = []
    pending.reserveCapacity(range.count)
    for number in range {
      let operation = staged[number]
      if operation.isBarrier {
        publishBarrier(operation)
        continue
      }
      var vacancy: Int?
      let position = index.locate(operation.key, hash: operation.hash, vacancy: &vacancy)
      countEntries(operation, replaces: position)
      countBytes(operation, replaces: position)
      if !views.isEmpty { tellViews(operation, replaces: position) }
      keep(position, before: operation)
      let fingerprint = HashIndex.fingerprint(operation.hash)
      let isRemoval = operation.isDelete
      if let position, HashIndex.Entry.slot(position.raw) == 0 {
        index.pending.restage(position.raw, after: operation.entry, isRemoval: isRemoval)
      } else if position != nil || !isRemoval {
        let entry = index.pending.stage(
          fingerprint, before: position?.raw ?? 0, after: operation.entry, isRemoval: isRemoval, mark: mark)
        pending.append((entry, operation.hash))
        if let position {
          index.replace(position, with: entry)
        } else {
          index.insert(entry, hash: operation.hash, at: vacancy)
        }
      }
    }
    index.pending.commit(mark)
    for (entry, hash) in pending {
      guard let position = index.locate(entry: entry, hash: hash) else {
        preconditionFailure("a pending entry stays in the index")
      }
      let (after, isRemoval) = index.pending.staged(entry)
      if isRemoval { index.takeOut(position) } else { index.replace(position, with: after) }
    }
    for number in range where staged[number].isDelete { index.shrink(HashIndex.shard(staged[number].hash)) }
  }

  /// Keeps the count of entries.
  @inline(__always)
  func countEntries(_ operation: StagedOperation, replaces position: HashIndex.Position?) {
    if let position, !position.isRemoved {
      if operation.isDelete { count(.liveEntries, -1) }
    } else if !operation.isDelete {
      count(.liveEntries)
    }
  }

  /// Keeps the live bytes of segments, what of them has a deadline, and what is kept of earlier versions.
  @inline(__always)
  func countBytes(_ operation: StagedOperation, replaces position: HashIndex.Position?) {
    if let position, !position.isRemoved, let record = position.record {
      let byteCount = record.header.recordByteCount
      liveBytes.add(-Int64(byteCount), at: HashIndex.Entry.slot(record.entry))
      if record.header.flags & RecordHeader.Flags.expiry != 0 { removeDeadline(of: record) }
      if keepsVersions { noteReplaced(record, by: operation) }
    }
    if operation.isDelete {
      removeBytes.add(Int64(operation.byteCount), at: HashIndex.Entry.slot(operation.entry))
    } else {
      liveBytes.add(Int64(operation.byteCount), at: HashIndex.Entry.slot(operation.entry))
      if operation.deadline != .max { addDeadline(of: operation) }
    }
  }

  @inline(never)
  private func tellViews(_ operation: StagedOperation, replaces position: HashIndex.Position?) {
    let isThere = position.map { !$0.isRemoved && !isHidden($0) } ?? false
    if operation.isDelete && !isThere { return }
    // One that is damaged is nothing to go by.
    let replaced = isThere ? position?.record : nil
    // Its checksum has just been made, or, by a follower, verified.
    let record = operation.isDelete ? nil : index.record(operation.entry, verifying: false)
    operation.key.lend { key in
      (record?.attributes ?? .empty).lend { attributes in
        let change = EntryChange(operation, key: key, attributes: attributes, record: record, replacing: replaced)
        for view in views { view.apply(change) }
      }
    }
  }

  @inline(never)
  private func addDeadline(of operation: StagedOperation) {
    deadlines.add(
      operation.byteCount, deadline: operation.deadline, slot: HashIndex.Entry.slot(operation.entry))
  }

  @inline(never)
  func removeDeadline(of record: FoundRecord) {
    guard let deadline = record.deadline else { return }
    deadlines.remove(
      record.header.recordByteCount, deadline: deadline, slot: HashIndex.Entry.slot(record.entry))
  }
}
