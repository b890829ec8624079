extension Store {
  /// Makes all entries whose keys begin with a prefix vanish, at once, however many there are.
  ///
  /// One record in the log, a *barrier*, hides all entries that are older; what is put later is not concerned. It
  /// survives crashes and compaction as a remove does. Their space comes back as compaction passes, which first has to
  /// find them: until then ``Statistics/liveEntries`` counts them, and ``Statistics/barriers`` is not 0.
  ///
  /// A store that keeps earlier versions (``Options/keepVersions``) removes the keys one by one, in several commits.
  ///
  /// - Parameters:
  ///   - prefix: 0 to ``Limits/keyBytes`` bytes; none: all entries.
  ///   - durability: as of a put.
  /// - Returns: the sequence of the newest operation then: no entry with the prefix has a version up to it any more.
  /// - Throws: `.keyTooLong`; as ``put(_:for:expires:durability:)``.
  /// - Complexity: one record. Reads take some ns more as long as there are barriers. Of 256 barriers, the next one
  ///   waits until all entries that they hide have been found: a walk through all of the index.
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

  private func invalidate(_ prefix: MemoryView, _ durability: Durability) throws(StoreError) -> UInt64 {
    if prefix.count > Limits.keyBytes {
      throw StoreError(
        .keyTooLong, "a prefix is at most \(Limits.keyBytes) bytes long, and this one has \(prefix.count)",
        keyPrefix: prefix.prefix())
    }
    try engine.limitBarriers()
    if engine.keepsVersions { return try removeAll(prefix, durability) }
    let outcome = try engine.commit(
      Operation(
        kind: .invalidate, key: prefix, value: .empty, deadline: nil, condition: .none, batch: .empty, batchCount: 0,
        durability: durability))
    guard case .committed(let sequence) = outcome else { preconditionFailure("an invalidation has no condition") }
    return sequence
  }

  private static let removedAtOnce = 4096

  private func removeAll(_ prefix: MemoryView, _ durability: Durability) throws(StoreError) -> UInt64 {
    var keys: [[UInt8]] = []
    do {
      try forEachKey { entry in
        if MemoryView(entry.key).starts(with: prefix) { keys.append(MemoryView(entry.key).array()) }
        return true
      }
    } catch { throw error as? StoreError ?? StoreError(.system, "the keys cannot be read") }
    for start in stride(from: 0, to: keys.count, by: Self.removedAtOnce) {
      try write(durability: durability) { (batch) throws(StoreError) in
        for key in keys[start..<min(start + Self.removedAtOnce, keys.count)] { try batch.remove(key) }
      }
    }
    return lastSequence
  }
}
