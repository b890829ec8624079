/// Why an entry was removed, as the log has it: for who follows the changes of a store. Nothing else depends on it.
public enum RemovalCause: Sendable, Equatable {
  /// Somebody has removed it.
  case removed
  /// Its time was up, and its space is given back; it was not there for any read before.
  case expired
  /// It had to make room for others.
  case evicted
  /// It was not right any more; by what is known of that: a pattern, say, or the key that it was made from. As text, of
  /// which the log keeps the first 255 bytes.
  case invalidated(by: String)

  static func invalidated(prefix: MemoryView) -> RemovalCause {
    .invalidated(by: String(decoding: prefix.array(), as: UTF8.self) + "*")
  }
}

extension Store {
  /// Removes a key, and says why. Returns whether it was there: as ``remove(_:durability:)``.
  @discardableResult
  public func remove<Key: ByteLending & ~Copyable & ~Escapable>(
    _ key: borrowing Key, cause: RemovalCause, durability: Durability? = nil
  ) throws(StoreError) -> Bool {
    try key.withBytes { (key: RawSpan) throws(StoreError) in
      try _commitRemove(key, .none, durability, items: CauseItem.encode(cause))
    }
  }

  /// Removes a key if it still has the version that the caller has seen, and says why. Returns whether it had.
  @discardableResult
  public func remove<Key: ByteLending & ~Copyable & ~Escapable>(
    _ key: borrowing Key, ifVersion version: UInt64, cause: RemovalCause, durability: Durability? = nil
  ) throws(StoreError) -> Bool {
    try key.withBytes { (key: RawSpan) throws(StoreError) in
      try _commitRemove(key, .version(version), durability, items: CauseItem.encode(cause))
    }
  }
}

extension Store {
  /// Removes the entries that have expired. No read finds them anyway, and compaction removes them when it comes by;
  /// but who follows the changes of the store is told now, and their space can be given back.
  ///
  /// - Returns: how many there were.
  /// - Throws: as ``put(_:for:expires:durability:)``; of what was removed before, nothing is lost.
  /// - Complexity: the whole index, and a record of the log for each; some hundreds at a time, in `.relaxed` writes.
  @discardableResult
  public func removeExpired() throws(StoreError) -> Int { try engine.removeExpired() }
}

extension WriteBatch {
  /// Adds a remove, and says why: as ``remove(_:)``.
  public mutating func remove<Key: ByteLending & ~Copyable & ~Escapable>(
    _ key: borrowing Key, cause: RemovalCause
  ) throws(StoreError) {
    try key.withBytes { (key: RawSpan) throws(StoreError) in try _remove(key, items: CauseItem.encode(cause)) }
  }
}
