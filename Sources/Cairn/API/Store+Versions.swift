extension Store {
  /// The puts and removes of a key that the log still has, the oldest first. Empty if there is no trace of it.
  ///
  /// Without ``Options/keepVersions`` and ``Options/keepVersionsFor``, what has been replaced is there until compaction
  /// gives its space back. What these keep is there in any case; removes may be gone before the values they have
  /// removed, so ask the store whether the last put is what the key has now. An entry that has expired is listed like
  /// any other.
  ///
  /// - Returns: changes whose ``Change/sequence`` is the version. An array for each value is allocated.
  /// - Throws: `.damaged` if a record of the log is, wherever it stands; `.unsupportedFormat` if a newer version has
  ///   written one of the key in a way that this one does not know; `.closed`, `.usedAfterFork`.
  /// - Complexity: reads the log from its beginning to its end.
  @inlinable
  public func history<Key: ByteLending & ~Copyable & ~Escapable>(
    of key: borrowing Key
  ) throws(StoreError) -> [Change] {
    try key.withBytes { (key: RawSpan) throws(StoreError) in try _history(key) }
  }

  /// Gives a key the value and the attributes once more that it had at a version (as ``history(of:)`` tells them). That
  /// is a put like any other: the entry gets a new version, and what the key has now becomes an earlier one.
  ///
  /// - Parameter expires: of the new entry; the deadline that the value had then is not looked at.
  /// - Returns: the new version; `nil`, and nothing is written, if there is no such version any more, or it is a
  ///   remove.
  /// - Throws: as ``history(of:)`` and ``put(_:for:expires:durability:)``.
  /// - Complexity: as ``history(of:)``.
  @discardableResult
  public func restore<Key: ByteLending & ~Copyable & ~Escapable>(
    _ key: borrowing Key, toVersion version: UInt64, expires: Expiry = .never, durability: Durability? = nil
  ) throws(StoreError) -> UInt64? {
    let earlier = try history(of: key).first { $0.sequence == version && $0.kind == .put }
    guard let earlier else { return nil }
    // They have been there before: no view is asked whether it takes them.
    let items = try AttributeItem.encode(earlier.attributes)
    return try put(earlier.value, key, items: items, .none, expires, nil, durability)
  }

  @usableFromInline
  func _history(_ key: RawSpan) throws(StoreError) -> [Change] {
    try Store.checkLimits(key: key, valueByteCount: 0)
    return try engine.history(of: MemoryView(key))
  }
}
