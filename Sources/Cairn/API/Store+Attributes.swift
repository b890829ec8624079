extension Store {
  /// Gives a key a value and attributes, whether it has some or not.
  ///
  /// - Parameters:
  ///   - attributes: all that the entry has then.
  ///   - compression: how this value is stored; `nil`: as the store's options say. There is a dictionary for it only
  ///     where these ask for one.
  /// - Returns: the version of the entry.
  /// - Throws: as ``put(_:for:expires:durability:)``; `.invalidAttribute` if they are over a limit, or a view of the
  ///   store has another type declared for one.
  /// - Complexity: as that, and some 100 ns for each attribute.
  @discardableResult
  public func put<Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending & ~Copyable & ~Escapable>(
    _ value: borrowing Value, for key: borrowing Key, attributes: Attributes, expires: Expiry = .never,
    compression: Compression? = nil, durability: Durability? = nil
  ) throws(StoreError) -> UInt64 {
    try put(value, key, items: engine.items(attributes), .none, expires, compression, durability)!
  }

  /// Gives a key a value and attributes if it has none (or an expired one).
  ///
  /// - Returns: the version of the entry; `nil`, and nothing is written, if the key is there.
  /// - Throws: as ``put(_:for:attributes:expires:compression:durability:)``; `.damaged` if the present record is.
  @discardableResult
  public func putIfAbsent<Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending & ~Copyable & ~Escapable>(
    _ value: borrowing Value, for key: borrowing Key, attributes: Attributes, expires: Expiry = .never,
    compression: Compression? = nil, durability: Durability? = nil
  ) throws(StoreError) -> UInt64? {
    try put(value, key, items: engine.items(attributes), .absent, expires, compression, durability)
  }

  /// Gives a key another value and other attributes if it still has the version that the caller has seen.
  ///
  /// - Returns: the new version; `nil`, and nothing is written, if the key has another version or is not there.
  /// - Throws: as ``putIfAbsent(_:for:attributes:expires:compression:durability:)``.
  @discardableResult
  public func put<Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending & ~Copyable & ~Escapable>(
    _ value: borrowing Value, for key: borrowing Key, attributes: Attributes, ifVersion version: UInt64,
    expires: Expiry = .never, compression: Compression? = nil, durability: Durability? = nil
  ) throws(StoreError) -> UInt64? {
    try put(value, key, items: engine.items(attributes), .version(version), expires, compression, durability)
  }

  func put<Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending & ~Copyable & ~Escapable>(
    _ value: borrowing Value, _ key: borrowing Key, items: [UInt8], _ condition: Condition, _ expires: Expiry,
    _ compression: Compression?, _ durability: Durability?
  ) throws(StoreError) -> UInt64? {
    if let compression { try compression.validate() }
    return try key.withBytes { (key: RawSpan) throws(StoreError) -> UInt64? in
      try value.withBytes { (value: RawSpan) throws(StoreError) -> UInt64? in
        try _commitPut(value, key, condition, expires, compression, durability, items: items)
      }
    }
  }

  /// The attributes of a key: none if its entry has none; `nil` if there is no such key. The value is not touched.
  ///
  /// - Throws: as ``withValue(for:_:)``.
  public func attributes<Key: ByteLending & ~Copyable & ~Escapable>(
    of key: borrowing Key
  ) throws(StoreError) -> Attributes? {
    try key.withBytes { (key: RawSpan) throws(StoreError) in
      let slot = engine.gate.enter()
      defer { slot.leave() }
      guard let found = try engine.find(MemoryView(key)) else { return nil }
      return Attributes(found.attributes)
    }
  }
}

extension Engine {
  /// What a record says of attributes, once they have been checked.
  func items(_ attributes: Attributes) throws(StoreError) -> [UInt8] {
    if attributes.isEmpty { return [] }
    let item = try AttributeItem.encode(attributes)
    if views.isEmpty { return item }
    try item.withBytes { (item: RawSpan) throws(StoreError) in
      let encoded = AttributeItem.content(MemoryView(item))
      try encoded.lend { (encoded) throws(StoreError) in
        for view in views { try view.check(EncodedAttributes(unchecked: encoded)) }
      }
    }
    return item
  }
}
