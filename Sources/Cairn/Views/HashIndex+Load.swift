internal import Synchronization

/// Shards that come from a checkpoint.
extension HashIndex {
  /// Takes the shards of a checkpoint over, unverified. Before any reader or writer.
  func load(_ checkpoint: CheckpointShards) {
    loaded.withLock { $0 = checkpoint }
    for (shard, stored) in checkpoint.shards.enumerated() where stored.buckets > 0 {
      let table = BucketTable(checkpoint.memory, offset: stored.offset, buckets: stored.buckets, isVerified: false)
      words.setTable(table, shard)
      counts.store(UInt64(stored.entries), at: shard)
      unverified.add(1, ordering: .relaxed)
    }
  }

  /// Whether the shard may be used: it did not come from a checkpoint, or is as it was written there. By any thread,
  /// any number of times. `false`: it must be built anew.
  func verify(_ shard: Int) -> Bool {
    let table = table(shard)
    if table.isEmpty || table.isVerified { return true }
    let isIntact = isAsStored(shard, table)
    // While this thread looked, another may have verified the shard, and the writer changed it.
    if self.table(shard).isVerified { return true }
    if isIntact && words.exchange(table, with: table.verified, shard) {
      unverified.subtract(1, ordering: .relaxed)
    }
    return isIntact
  }

  private static let readAtOnce = 64 << 10

  private func isAsStored(_ shard: Int, _ table: BucketTable) -> Bool {
    guard let checkpoint = loaded.withLock({ $0 }) else { return false }
    let stored = checkpoint.shards[shard]
    // Where a mapping is read by the page.
    if table.byteCount >= Self.readAtOnce { table.view.adviseNeeded() }
    guard table.view.hash(seed: 0) == stored.checksum else { return false }
    // The checksum says that it is what somebody wrote; this, that it can be used at all.
    var entries = 0
    for index in 0..<table.capacity {
      let entry = table.load(index)
      if entry == 0 { continue }
      if !checkpoint.hasSlot(Entry.slot(entry)) || Entry.offset(entry) == 0 { return false }
      entries += 1
    }
    return entries == stored.entries
  }

  /// Takes a shard over from an index that was built for it.
  func replace(_ shard: Int, from other: HashIndex) {
    if !table(shard).isVerified { unverified.subtract(1, ordering: .relaxed) }
    memory[shard] = other.memory[shard]
    counts.store(other.counts.load(shard), at: shard)
    words.setTable(other.table(shard), shard)
  }
}
