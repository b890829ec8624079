public import Cairn

extension Store.Collection {
  /// Gives a key a value, whether it has one or not.
  ///
  /// - Parameters:
  ///   - attributes: all that the entry has then, but for those that the store sets itself.
  ///   - sources: what the value was made from, if anything.
  ///   - expires: when the entry ends; `nil`: as the collection's options say.
  /// - Returns: the version of the entry.
  /// - Throws: as ``Store/put(_:for:attributes:expires:compression:durability:)``; `.dependencyCycle`; `.emptyKey`.
  @discardableResult
  public func put<Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending>(
    _ value: borrowing Value, for key: Key, attributes: Attributes = [:], derivedFrom sources: Sources = Sources(),
    expires: Store.Expiry? = nil, durability: Store.Durability? = nil
  ) throws(StoreError) -> UInt64 {
    let key = try storeKey(key)
    return try store.put(
      value, for: key, attributes: self.attributes(attributes, sources, key), expires: expires ?? options.expires,
      compression: options.compression, durability: durability)
  }

  /// Gives a key a value if it has none that can be used.
  ///
  /// - Returns: the version of the entry; `nil`, and nothing is written, if there is one.
  /// - Throws: as ``put(_:for:attributes:derivedFrom:expires:durability:)``.
  @discardableResult
  public func putIfAbsent<Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending>(
    _ value: borrowing Value, for key: Key, attributes: Attributes = [:], derivedFrom sources: Sources = Sources(),
    expires: Store.Expiry? = nil, durability: Store.Durability? = nil
  ) throws(StoreError) -> UInt64? {
    let storeKey = try storeKey(key)
    let all = try self.attributes(attributes, sources, storeKey)
    while true {
      let put = try store.putIfAbsent(
        value, for: storeKey, attributes: all, expires: expires ?? options.expires, compression: options.compression,
        durability: durability)
      if put != nil { return put }
      // One that is of no use to anybody is replaced, as long as it is that.
      guard let useless = try store.version(of: storeKey) else { continue }
      if try contains(key) { return nil }
      let replaced = try store.put(
        value, for: storeKey, attributes: all, ifVersion: useless, expires: expires ?? options.expires,
        compression: options.compression, durability: durability)
      if replaced != nil { return replaced }
    }
  }

  /// Gives a key another value if it still has the version that the caller has seen.
  ///
  /// - Returns: the new version; `nil`, and nothing is written, if the key has another version or is not there.
  /// - Throws: as ``put(_:for:attributes:derivedFrom:expires:durability:)``.
  @discardableResult
  public func put<Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending>(
    _ value: borrowing Value, for key: Key, attributes: Attributes = [:], derivedFrom sources: Sources = Sources(),
    ifVersion version: UInt64, expires: Store.Expiry? = nil, durability: Store.Durability? = nil
  ) throws(StoreError) -> UInt64? {
    let key = try storeKey(key)
    return try store.put(
      value, for: key, attributes: self.attributes(attributes, sources, key), ifVersion: version,
      expires: expires ?? options.expires, compression: options.compression, durability: durability)
  }

  /// Removes a key. Returns whether it was there.
  ///
  /// - Throws: as ``Store/remove(_:durability:)``; `.emptyKey`.
  @discardableResult
  public func remove<Key: ByteLending>(
    _ key: Key, cause: RemovalCause = .removed, durability: Store.Durability? = nil
  ) throws(StoreError) -> Bool {
    try store.remove(storeKey(key), cause: cause, durability: durability)
  }

  fileprivate func attributes(
    _ attributes: Attributes, _ sources: Sources, _ key: [UInt8]
  ) throws(StoreError) -> Attributes {
    var all = try attributes.adding(sources, for: key, in: store)
    guard let schema = options.schema else { return all }
    if all[SchemaVersion.attributeName] != nil { throw Attributes.reserved(SchemaVersion.attributeName) }
    all[SchemaVersion.attributeName] = .string("\(schema)")
    return all
  }
}

extension WriteBatch {
  /// Adds a put into a collection of the store, as its options say.
  ///
  /// ```swift
  /// try store.write { batch in
  ///   try batch.put("Ada", for: "42", in: profiles)
  ///   try batch.remove("42", in: drafts)
  /// }
  /// ```
  ///
  /// - Throws: as ``put(_:for:attributes:expires:compression:)``; `.dependencyCycle`; `.emptyKey`.
  public mutating func put<Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending>(
    _ value: borrowing Value, for key: Key, in collection: Store.Collection, attributes: Attributes = [:],
    derivedFrom sources: Sources = Sources(), expires: Store.Expiry? = nil
  ) throws(StoreError) {
    let key = try collection.storeKey(key)
    try put(
      value, for: key, attributes: collection.attributes(attributes, sources, key),
      expires: expires ?? collection.options.expires, compression: collection.options.compression)
  }

  /// Adds a remove from a collection.
  public mutating func remove<Key: ByteLending>(
    _ key: Key, in collection: Store.Collection, cause: RemovalCause = .removed
  ) throws(StoreError) {
    try remove(collection.storeKey(key), cause: cause)
  }
}
