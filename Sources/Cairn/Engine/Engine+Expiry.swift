internal import Synchronization

/// Entries that have expired and that nothing has replaced: they are not there for any read, and in the index all the
/// same until compaction comes by.
extension Engine {
  /// What is removed in one turn.
  private static let expiredInTurn = 256

  /// Removes them all. Returns how many there were.
  func removeExpired() throws(StoreError) -> Int {
    try checkWritable()
    var count = 0
    for shard in 0..<HashIndex.shards {
      try verify(shard)
      let (expired, now) = try expired(in: shard)
      for start in stride(from: 0, to: expired.count, by: Self.expiredInTurn) {
        let some = expired[start..<min(start + Self.expiredInTurn, expired.count)]
        while true {
          do throws(StoreError) {
            try inTurnOfOpenStore { () throws(StoreError) in try removeExpired(some, at: now, &count) }
            break
          } catch {
            guard error.code == .spaceLimit, try makeSpace() else { throw error }
          }
        }
      }
    }
    return count
  }

  private struct ExpiredEntry {
    let entry: UInt64
    let hash: UInt64
  }

  private func expired(in shard: Int) throws(StoreError) -> (entries: [ExpiredEntry], now: Int64) {
    let slot = gate.enter()
    defer { slot.leave() }
    if !alive.isSet { throw deadError() }
    let barriers = barriers.list
    var entries: [UInt64] = []
    index.entries(of: shard, into: &entries)
    let now = clock.now()
    var expired: [ExpiredEntry] = []
    for (number, entry) in entries.enumerated() {
      if number + 8 < entries.count { index.prefetchRecord(entries[number + 8]) }
      // A damaged one stays what it is: who asks for it is told so. Only what is to go is verified.
      guard let found = index.record(entry, verifying: false),
        let end = found.deadline, end <= now,
        let record = index.record(entry, verifying: true), let deadline = record.deadline, deadline <= now,
        !keepsExpired(deadline), !barriers.hides(record.key, version: record.version)
      else { continue }
      expired.append(ExpiredEntry(entry: entry, hash: index.hash(record.key)))
    }
    return (expired, now)
  }

  /// With the turn: removes those that are still there. Time does not go back, so what has expired has.
  private func removeExpired(
    _ entries: ArraySlice<ExpiredEntry>, at now: Int64, _ count: inout Int
  ) throws(StoreError) {
    let slot = gate.enter()
    defer { slot.leave() }
    staged.removeAll()
    do throws(StoreError) {
      for one in entries where index.locate(entry: one.entry, hash: one.hash) != nil {
        try stageRemoval(ofExpired: one.entry, now)
      }
      try write(.relaxed)
    } catch {
      // What is staged already is whole, where there was no room for more.
      if error.code == .spaceLimit { log.hasNoRoom = true }
      if log.hasNoRoom {
        publish()
        count += staged.count
      }
      throw error
    }
    publish()
    flushLater()
    count += staged.count
  }

  private func stageRemoval(ofExpired entry: UInt64, _ now: Int64) throws(StoreError) {
    guard let record = index.record(entry, verifying: true), let deadline = record.deadline, deadline <= now
    else { return }
    try CauseItem.expired.withBytes { (items: RawSpan) throws(StoreError) in
      let operation = Operation(
        kind: .remove, key: record.key, value: .empty, deadline: nil, items: MemoryView(items), condition: .none,
        batch: .empty, batchCount: 0, durability: .relaxed)
      if options.spaceLimit != nil { try checkSpace(for: operation) }
      try stageSingle(operation)
    }
  }
}
