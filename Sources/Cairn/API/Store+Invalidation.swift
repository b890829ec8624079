extension Store {
  /// Makes all entries whose keys begin with a prefix vanish, at once, however many there are.
  ///
  /// One record in the log, a *barrier*, hides all entries that are older; what is put later is not concerned. It
  /// survives crashes and compaction as a remove does. Their space comes back as compaction passes, which first has to
  /// find them: until then ``Statistics/liveEntries`` counts them, and ``Statistics/barriers`` is not 0.
  ///
  /// A store that keeps earlier versions (``Options/keepVersions``) removes each of the keys that it finds by itself,
  /// some thousands in a batch.
  ///
  /// - Parameters:
  ///   - prefix: 0 to ``Limits/keyBytes`` bytes; none: all entries.
  ///   - durability: as of a put.
  /// - Returns: its sequence (of a store that keeps earlier versions, the newest one before): no entry with the prefix
  ///   has a version up to it any more.
  /// - Throws: `.keyTooLong`; as ``put(_:for:expires:durability:)``.
  /// - Complexity: one record. Reads take some ns more as long as there are barriers. Where there are 256, the next one
  ///   waits until all entries that they hide have been found: a walk through all of the index that looks at the key of
  ///   each record, as the background does a while after each invalidation.
  @discardableResult
  public func invalidate<Key: ByteLending & ~Copyable & ~Escapable>(
    prefix: borrowing Key, durability: Durability? = nil
  ) throws(StoreError) -> UInt64 {
    try prefix.withBytes { (prefix: RawSpan) throws(StoreError) in
      try invalidate(MemoryView(prefix), durability ?? engine.options.durability)
    }
  }

  /// The same for all entries.
  @discardableResult
  public func invalidateAll(durability: Durability? = nil) throws(StoreError) -> UInt64 {
    try invalidate(.empty, durability ?? engine.options.durability)
  }

  /// How much of what has been invalidated still counts as live, in bytes of records, as it has not been found yet
  /// (``Statistics/liveBytes`` has it until then). What has been found counts as dead, and waits for compaction with
  /// all else that does.
  ///
  /// - Throws: `.closed`, `.usedAfterFork`; `.damaged`.
  /// - Complexity: O(1) where ``Statistics/barriers`` is 0; otherwise all of the index, and a look at each record's
  ///   key.
  public func pendingInvalidBytes() throws(StoreError) -> Int { try engine.pendingInvalidBytes() }

  private func invalidate(_ prefix: MemoryView, _ durability: Durability) throws(StoreError) -> UInt64 {
    if prefix.count > Limits.keyBytes {
      throw StoreError(
        .keyTooLong, "a prefix is at most \(Limits.keyBytes) bytes long, and this one has \(prefix.count)",
        keyPrefix: prefix.prefix())
    }
    if engine.keepsVersions { return try removeAll(prefix, durability) }
    try engine.limitBarriers()
    let outcome = try engine.commit(
      Operation(
        kind: .invalidate, key: prefix, value: .empty, deadline: nil, condition: .none, batch: .empty, batchCount: 0,
        durability: durability))
    guard case .committed(let sequence) = outcome else { preconditionFailure("an invalidation has no condition") }
    return sequence
  }

  private static let removedAtOnce = 4096

  private func removeAll(_ prefix: MemoryView, _ durability: Durability) throws(StoreError) -> UInt64 {
    try engine.checkWritable()
    let sequence = lastSequence
    var keys: [[UInt8]] = []
    var failure: StoreError?
    do {
      try forEachKey { entry in
        if MemoryView(entry.key).starts(with: prefix) { keys.append(MemoryView(entry.key).array()) }
        return true
      }
    } catch { failure = error as? StoreError ?? StoreError(.system, "the keys cannot be read") }
    // What is damaged is told, and keeps nobody from removing the rest.
    let cause = RemovalCause.invalidated(prefix: prefix)
    for start in stride(from: 0, to: keys.count, by: Self.removedAtOnce) {
      try write(durability: durability) { (batch) throws(StoreError) in
        for key in keys[start..<min(start + Self.removedAtOnce, keys.count)] {
          try batch.remove(key, cause: cause)
        }
      }
    }
    if let failure { throw failure }
    return sequence
  }
}
