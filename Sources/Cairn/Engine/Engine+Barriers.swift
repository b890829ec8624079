internal import Synchronization

/// Barriers: one record of the log hides all older entries whose keys begin with its prefix.
///
/// Reads compare versions (`BarrierList`) as long as the index may lead to such entries. They are taken out of it some
/// time later, when compaction looks for something to do: of that the log says nothing, as the barrier has said it
/// already. A checkpoint tells of the barriers of which that has not been done.
///
/// - A record that a barrier hides stands before that barrier: compaction moves none.
/// - The record of a barrier stays in the log as long as what it hides does, as that of a remove.
/// - A checkpoint that was written before may lead to entries whose segments have been compacted away, with nothing in
///   the log to replace them: opening takes these out (`Recovery.dropEntriesOfGone`).
extension Engine {
  struct Sweep {
    /// When the next one is due, by the clock of ``System/nanoseconds()``.
    var next: UInt64 = 0
  }

  /// More barriers than these are not put off: who adds one waits until those before it have been carried out.
  static let barriersMax = 256
  /// Sweeps of the background take one part of so many of the time.
  private static let sweepShare: UInt64 = 10
  /// What is taken out in one turn.
  private static let hiddenInTurn = 256

  /// With the turn: whether what stands there is hidden.
  func isHidden(_ position: HashIndex.Position) -> Bool {
    let list = barriers.list
    guard !list.isEmpty, let record = position.record else { return false }
    return list.hides(record.key, version: record.version)
  }

  /// With the turn: from now on readers do not see what it hides. Within a batch, a moment before the rest of
  /// that: what has to go is never seen with what has made it wrong.
  func publishBarrier(_ operation: StagedOperation) {
    removeBytes.add(Int64(operation.byteCount), at: HashIndex.Entry.slot(operation.entry))
    // A follower meets what was moved too, and has met it before.
    guard let record = index.record(operation.entry, verifying: false), record.version == record.header.sequence
    else { return }
    let barrier = Barrier(prefix: operation.key.array(), version: record.version)
    change { () throws(StoreError) in
      try barriers.add([barrier], keepingAll: hasSnapshots.load(ordering: .relaxed))
    }
    operation.key.lend { prefix in
      let change = EntryChange(operation, key: prefix, attributes: RawSpan(), record: nil, replacing: nil)
      for view in views { view.apply(change) }
    }
    if !isReadOnly && options.compaction.isAutomatic { wakeCompactor() }
  }

  /// Memory for a few bytes each; without it the process cannot go on.
  private func change(_ body: () throws(StoreError) -> Void) {
    do throws(StoreError) { try body() } catch { preconditionFailure("out of memory") }
  }

  // MARK: Carrying them out

  /// Without the turn, by who is about to add one.
  func limitBarriers() throws(StoreError) {
    try checkWritable()
    if barriers.count >= Self.barriersMax { try carryOutBarriers(beyond: Self.barriersMax - 1) }
  }

  /// In the background: if it is due.
  func carryOutBarriersIfDue() throws(StoreError) {
    if barriers.count == 0 { return }
    let start = System.nanoseconds()
    // Who has no threads of the store's wants the same to happen every time.
    let isEarly = options.hasThreads && start < sweeping.withLock { $0.next }
    if isEarly && barriers.count < Self.barriersMax / 2 { return }
    try carryOutBarriers()
    let end = System.nanoseconds()
    sweeping.withLock { $0.next = end + (end - start) * Self.sweepShare }
  }

  /// Takes all that barriers hide out of the index, a little in each turn.
  ///
  /// - Parameter most: nothing is done if there are no more, by the time that others have done it.
  func carryOutBarriers(beyond most: Int = 0) throws(StoreError) {
    if barriers.count <= most { return }
    try sweeping.withLock { _ throws(StoreError) in
      if barriers.count <= most { return }
      // What comes meanwhile waits for the next time.
      let due = barriers.versions
      for shard in 0..<HashIndex.shards {
        try verify(shard)
        let hidden = try hidden(in: shard)
        for start in stride(from: 0, to: hidden.count, by: Self.hiddenInTurn) {
          try inTurnOfOpenStore { drop(hidden[start..<min(start + Self.hiddenInTurn, hidden.count)]) }
        }
      }
      try inTurnOfOpenStore { change { () throws(StoreError) in try barriers.remove(due) } }
    }
  }

  /// The same for who has the turn.
  func carryOutBarriersInTurn() throws(StoreError) {
    if barriers.count == 0 { return }
    let due = barriers.versions
    for shard in 0..<HashIndex.shards {
      try verifyInTurn(shard)
      drop(try hidden(in: shard)[...])
    }
    change { () throws(StoreError) in try barriers.remove(due) }
  }

  /// Bytes of the records that barriers hide and that still count as live.
  func pendingInvalidBytes() throws(StoreError) -> Int {
    if !alive.isSet { throw deadError() }
    var byteCount = 0
    for shard in 0..<HashIndex.shards where barriers.count > 0 {
      try verify(shard)
      byteCount += try hidden(in: shard).reduce(0) { $0 + $1.byteCount }
    }
    return byteCount
  }

  private struct HiddenEntry {
    let entry: UInt64
    let hash: UInt64
    /// Of the record.
    let byteCount: Int
  }

  private func hidden(in shard: Int) throws(StoreError) -> [HiddenEntry] {
    let slot = gate.enter()
    defer { slot.leave() }
    if !alive.isSet { throw deadError() }
    let list = barriers.list
    var entries: [UInt64] = []
    index.entries(of: shard, into: &entries)
    var hidden: [HiddenEntry] = []
    for (number, entry) in entries.enumerated() {
      if number + 8 < entries.count { index.prefetchRecord(entries[number + 8]) }
      // A damaged one stays what it is: who asks for it is told so. Only what is to go is verified.
      guard let found = index.record(entry, verifying: false), list.hides(found.key, version: found.version),
        let record = index.record(entry, verifying: true)
      else { continue }
      hidden.append(
        HiddenEntry(entry: entry, hash: index.hash(record.key), byteCount: record.header.recordByteCount))
    }
    return hidden
  }

  /// With the turn: takes entries out that a barrier hides, as far as they are still there.
  private func drop(_ hidden: ArraySlice<HiddenEntry>) {
    let slot = gate.enter()
    defer { slot.leave() }
    for one in hidden {
      guard let position = index.locate(entry: one.entry, hash: one.hash),
        let record = index.record(one.entry, verifying: true)
      else { continue }
      drop(record, at: position, hash: one.hash)
    }
  }

  /// With the turn: one that a barrier hides.
  func drop(_ record: FoundRecord, at position: HashIndex.Position, hash: UInt64) {
    if hasSnapshots.load(ordering: .relaxed),
      let barrier = barriers.list.first(hiding: record.key, version: record.version)
    {
      keepHidden(record, hash: hash, since: barrier)
    }
    let byteCount = record.header.recordByteCount
    count(.liveEntries, -1)
    count(.hiddenEntries)
    count(.hiddenBytes, byteCount)
    liveBytes.add(-Int64(byteCount), at: HashIndex.Entry.slot(record.entry))
    removeDeadline(of: record)
    index.remove(position)
  }

  /// Takes out of a shard that was built from all of the log what barriers hide that have been carried out before. What
  /// live ones hide stays until they are: it counts until then.
  func dropCarriedOut(_ all: [Barrier], _ shard: Int, from fresh: HashIndex) throws(StoreError) {
    let others = Barriers()
    try others.add(all, keepingAll: false)
    let live = barriers.list
    if others.count == 0 { return }
    var entries: [UInt64] = []
    fresh.entries(of: shard, into: &entries)
    for entry in entries {
      guard let record = fresh.record(entry, verifying: false),
        others.hide(record.key, version: record.version), !live.hides(record.key, version: record.version),
        let position = fresh.locate(entry: entry, hash: fresh.hash(record.key))
      else { continue }
      fresh.remove(position)
    }
  }
}

extension Recovery {
  /// Takes entries out that lead to segments which compaction has taken away. All that counts in these has been
  /// written once more, and was met in the log; what is left was hidden by a barrier. Looks at all of the index, but
  /// only where there are barriers, and compaction came after the checkpoint.
  func dropEntriesOfGone(_ checkpoint: CheckpointShards, _ engine: Engine) {
    let slots = Set(checkpoint.segments.filter { gone.range(of: $0.number) != nil }.map { Int($0.slot) })
    if slots.isEmpty || engine.barriers.count == 0 { return }
    let index = engine.index
    var entries: [UInt64] = []
    for shard in 0..<HashIndex.shards {
      // One that is damaged is built anew from the log when it is used, and has none of these then.
      guard index.verify(shard) else { continue }
      index.entries(of: shard, into: &entries)
      for entry in entries where slots.contains(HashIndex.Entry.slot(entry)) {
        let hash = HashIndex.hash(shard: shard, fingerprint: HashIndex.Entry.fingerprint(entry))
        guard let position = index.locate(entry: entry, hash: hash) else { continue }
        index.remove(position)
        engine.count(.liveEntries, -1)
      }
    }
  }
}
