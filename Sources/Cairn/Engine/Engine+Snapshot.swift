internal import Synchronization

/// Snapshots: the state after some commit, from the index as it is and what has been changed since.
///
/// An entry whose version is not newer than the snapshot has not been changed since: the index leads to it. For others
/// ``Overwritten`` tells what the entry was; the record stands where it stood, as long as there is a pin.
extension Engine {
  func beginSnapshot() throws(StoreError) -> (sequence: UInt64, pin: UInt64) {
    if !alive.isSet { throw deadError() }
    queue.take()
    defer { queue.giveBack() }
    if !alive.isSet { throw deadError() }
    let sequence = counters.load(Counter.lastSequence.rawValue)
    snapshots.append(sequence)
    hasSnapshots.store(true, ordering: .relaxed)
    return (sequence, addPin())
  }

  func endSnapshot(_ sequence: UInt64, _ pin: UInt64) {
    // A forked child has a copy of it, and nobody who could be waiting for it.
    guard alive.isOwnProcess else { return }
    queue.take()
    if let index = snapshots.firstIndex(of: sequence) { snapshots.remove(at: index) }
    let oldest = snapshots.min()
    hasSnapshots.store(oldest != nil, ordering: .relaxed)
    // Not more: the next snapshot may be taken at once.
    let last = counters.load(Counter.lastSequence.rawValue)
    queue.giveBack()
    if let oldest {
      if oldest > sequence { overwritten.removeAll(upTo: oldest) }
    } else {
      overwritten.removeAll(upTo: last)
    }
    removePin(pin)
  }

  /// With the turn, before an entry is changed.
  @inline(__always)
  func keep(_ position: HashIndex.Position?, before operation: StagedOperation) {
    if let position, hasSnapshots.load(ordering: .relaxed) { keepOverwritten(position, operation) }
  }

  @inline(never)
  private func keepOverwritten(_ position: HashIndex.Position, _ operation: StagedOperation) {
    // A batch that changes an entry twice changes it once.
    guard HashIndex.Entry.slot(position.raw) != 0 else { return }
    if let record = position.record {
      if let barrier = barriers.list.first(hiding: record.key, version: record.version) {
        return keepHidden(record, hash: operation.hash, since: barrier)
      }
      // Nobody can have seen it.
      guard record.version <= snapshots.max() ?? 0 else { return }
      // What is only moved is found by its version.
      if !operation.isDelete, index.record(operation.entry, verifying: false)?.version == record.version { return }
    }
    overwritten.add(position.raw, hash: operation.hash, sequence: log.lastSequence)
  }

  /// With the turn, before an entry that a barrier hides is changed, or taken out.
  func keepHidden(_ record: FoundRecord, hash: UInt64, since barrier: UInt64) {
    guard hasSnapshots.load(ordering: .relaxed), record.version <= snapshots.max() ?? 0 else { return }
    overwritten.add(record.entry, hash: hash, sequence: barrier)
  }

  private func checkSnapshot(_ sequence: UInt64) throws(StoreError) {
    if !alive.isSet { throw deadError() }
    if sequence < snapshotsStart.load(ordering: .acquiring) {
      throw StoreError(.historyGone, "the follower was overtaken, and began anew", file: directory.path)
    }
  }

  /// The record of a key as of a sequence that a snapshot was taken at. Under a read guard.
  func find(_ key: MemoryView, at sequence: UInt64) throws(StoreError) -> FoundRecord? {
    try checkSnapshot(sequence)
    let hash = index.hash(key)
    let barriers = barriers.list
    if let record = try current(key, hash), record.version <= sequence {
      return barriers.hides(key, version: record.version, at: sequence) ? nil : try usable(record)
    }
    for entry in overwritten.entries(hash: hash, after: sequence) {
      switch index.check(entry, key, verifying: true) {
      case .same(let record): if record.version <= sequence { return try usable(record) }
      case .other: break
      case .damaged: throw damage(entry, key)
      }
    }
    // What was looked at may have been exchanged meanwhile.
    try checkSnapshot(sequence)
    return nil
  }

  private func current(_ key: MemoryView, _ hash: UInt64) throws(StoreError) -> FoundRecord? {
    while true {
      switch index.find(key, hash: hash, verifying: true) {
      case .absent: return nil
      case .found(let record): return record
      case .damaged(let entry): throw damage(entry, key)
      case .unverified: try verify(HashIndex.shard(hash))
      }
    }
  }

  private func usable(_ record: FoundRecord) throws(StoreError) -> FoundRecord? {
    guard record.header.kind == RecordHeader.Kind.put else { throw damage(record.entry, record.key) }
    if isExpired(record) { return nil }
    guard record.header.isUnderstood else { throw notUnderstood(record) }
    return record
  }

  /// The entries of a shard as of a sequence, in the order of their versions. Under a read guard.
  func entries(of shard: Int, at sequence: UInt64) throws(StoreError) -> [UInt64] {
    try checkSnapshot(sequence)
    try verify(shard)
    let barriers = barriers.list
    var entries: [UInt64] = []
    index.entries(of: shard, into: &entries)
    let currentCount = entries.count
    // Afterwards: what is changed meanwhile may be seen twice, and is taken once.
    let older = overwritten.entries(shard: shard, after: sequence)
    var versions: [(version: UInt64, entry: UInt64)] = []
    for (number, entry) in (entries + older).enumerated() {
      guard let record = index.record(entry, verifying: false) else { throw damage(entry, .empty) }
      guard record.version <= sequence else { continue }
      if number < currentCount && barriers.hides(record.key, version: record.version, at: sequence) { continue }
      versions.append((record.version, entry))
    }
    versions.sort { $0.version < $1.version }
    var result: [UInt64] = []
    for (number, (version, entry)) in versions.enumerated() where number == 0 || versions[number - 1].version != version
    {
      result.append(entry)
    }
    try checkSnapshot(sequence)
    return result
  }
}
