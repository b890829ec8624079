extension Store {
  // MARK: Put

  /// Gives a key a value, whether it has one or not.
  ///
  /// - Parameters:
  ///   - value: 0 bytes to ``Limits/valueBytes``.
  ///   - key: 1 to ``Limits/keyBytes`` bytes.
  ///   - expires: when the entry ends, if ever.
  ///   - durability: what the write has survived when this returns; `nil`: as the store's options say.
  /// - Returns: the version of the entry.
  /// - Throws: `.emptyKey`, `.keyTooLong`, `.valueTooLarge`; `.readOnly`, `.closed`, `.usedAfterFork`; what the disk
  ///   refuses (`.noSpace`, `.notFound` where the directory has gone, `.system`), and `.writerFailed` from then on. A
  ///   write that failed has not happened for this process; whether the disk has it is decided when the store is opened
  ///   again.
  /// - Complexity: copies key and value once, and compresses the value before, where the store's options ask for that;
  ///   with `.process` one system call, with `.disk` a share of a sync.
  @inlinable
  @discardableResult
  public func put<Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending & ~Copyable & ~Escapable>(
    _ value: borrowing Value, for key: borrowing Key, expires: Expiry = .never, durability: Durability? = nil
  ) throws(StoreError) -> UInt64 {
    try _put(value, key, .none, expires, durability)!
  }

  /// Gives a key a value if it has none (or an expired one).
  ///
  /// - Returns: the version of the entry; `nil`, and nothing is written, if the key is there.
  /// - Throws: as ``put(_:for:expires:durability:)``; `.damaged` if the present record is.
  @inlinable
  @discardableResult
  public func putIfAbsent<Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending & ~Copyable & ~Escapable>(
    _ value: borrowing Value, for key: borrowing Key, expires: Expiry = .never, durability: Durability? = nil
  ) throws(StoreError) -> UInt64? {
    try _put(value, key, .absent, expires, durability)
  }

  /// Gives a key another value if it still has the version that the caller has seen (compare and set).
  ///
  /// - Returns: the new version; `nil`, and nothing is written, if the key has another version or is not there.
  /// - Throws: as ``putIfAbsent(_:for:expires:durability:)``.
  @inlinable
  @discardableResult
  public func put<Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending & ~Copyable & ~Escapable>(
    _ value: borrowing Value, for key: borrowing Key, ifVersion version: UInt64, expires: Expiry = .never,
    durability: Durability? = nil
  ) throws(StoreError) -> UInt64? {
    try _put(value, key, .version(version), expires, durability)
  }

  // MARK: Remove

  /// Removes a key. Returns whether it was there. If there was no trace of it, nothing is written; an entry that has
  /// expired takes a record to remove, as the clock may be set back.
  ///
  /// - Throws: as ``put(_:for:expires:durability:)``.
  @inlinable
  @discardableResult
  public func remove<Key: ByteLending & ~Copyable & ~Escapable>(
    _ key: borrowing Key, durability: Durability? = nil
  ) throws(StoreError) -> Bool {
    try key.withBytes { (key: RawSpan) throws(StoreError) in try _commitRemove(key, .none, durability) }
  }

  /// Removes a key if it still has the version that the caller has seen. Returns whether it had.
  ///
  /// - Throws: as ``putIfAbsent(_:for:expires:durability:)``.
  @inlinable
  @discardableResult
  public func remove<Key: ByteLending & ~Copyable & ~Escapable>(
    _ key: borrowing Key, ifVersion version: UInt64, durability: Durability? = nil
  ) throws(StoreError) -> Bool {
    try key.withBytes { (key: RawSpan) throws(StoreError) in
      try _commitRemove(key, .version(version), durability)
    }
  }

  // MARK: Update

  /// Replaces a value by what `change` makes of it, atomically. The entry keeps its attributes.
  ///
  /// `change` gets the present value (`nil`: none) and returns the new one (`nil`: remove the key). It is called again
  /// if the key was changed meanwhile, so it should do nothing else.
  ///
  /// - Parameter expires: when the new entry ends; `nil`: when the old one would have, or never if there was none.
  /// - Returns: the version of the new entry; `nil` if the key is not there any more.
  /// - Throws: as ``put(_:for:expires:durability:)``; `.damaged` if the present record is.
  /// - Complexity: a lookup that copies the value, and a write.
  @discardableResult
  public func update<Key: ByteLending & ~Copyable & ~Escapable>(
    _ key: borrowing Key, expires: Expiry? = nil, durability: Durability? = nil,
    _ change: ([UInt8]?) -> [UInt8]?
  ) throws(StoreError) -> UInt64? {
    while true {
      let old = try entryToUpdate(key)
      if let done = try replace(key, old, change(old?.value), expires, durability) { return done.version }
    }
  }

  /// The same for a change that throws: then nothing is written.
  @_disfavoredOverload
  @discardableResult
  public func update<Key: ByteLending & ~Copyable & ~Escapable>(
    _ key: borrowing Key, expires: Expiry? = nil, durability: Durability? = nil,
    _ change: ([UInt8]?) throws -> [UInt8]?
  ) throws -> UInt64? {
    while true {
      let old = try entryToUpdate(key)
      if let done = try replace(key, old, change(old?.value), expires, durability) { return done.version }
    }
  }

  private func entryToUpdate<Key: ByteLending & ~Copyable & ~Escapable>(
    _ key: borrowing Key
  ) throws(StoreError) -> Entry? {
    try engine.checkWritable()
    return try entry(for: key)
  }

  /// Returns `nil` if the key has been changed meanwhile.
  private func replace<Key: ByteLending & ~Copyable & ~Escapable>(
    _ key: borrowing Key, _ old: Entry?, _ new: [UInt8]?, _ expires: Expiry?, _ durability: Durability?
  ) throws(StoreError) -> (version: UInt64?, Void)? {
    let expires = expires ?? old?.deadline.map { .at(milliseconds: $0) } ?? .never
    switch (old, new) {
    case (nil, nil): return (nil, ())
    case (let old?, nil): return try remove(key, ifVersion: old.version, durability: durability) ? (nil, ()) : nil
    case (nil, let new?):
      return try putIfAbsent(new, for: key, expires: expires, durability: durability).map { ($0, ()) }
    case (let old?, let new?):
      // They have been there before: no view is asked whether it takes them.
      let items = try AttributeItem.encode(old.attributes)
      return try put(new, key, items: items, .version(old.version), expires, nil, durability).map { ($0, ()) }
    }
  }

  // MARK: Batches

  /// Writes what `body` adds to the batch, all or nothing: also across a crash, and for readers at one moment.
  ///
  /// ```swift
  /// try store.write { batch in
  ///   try batch.put("2", for: "to")
  ///   try batch.remove("from")
  /// }
  /// ```
  ///
  /// The compiler takes a closure with `try` in it to throw any error: write `{ batch throws(StoreError) in … }` to
  /// get the typed one.
  ///
  /// - Returns: what `body` returns.
  /// - Throws: what `body` throws, and nothing is written; otherwise as ``put(_:for:expires:durability:)``.
  /// - Complexity: what is written, copied twice; with `.process` one system call, with `.disk` a share of a sync.
  @discardableResult
  public func write<Result>(
    durability: Durability? = nil, _ body: (inout WriteBatch) throws(StoreError) -> Result
  ) throws(StoreError) -> Result {
    var batch = WriteBatch(engine)
    let result = try body(&batch)
    try commit(batch, durability)
    return result
  }

  /// The same for a body that throws errors of its own.
  @discardableResult
  public func write<Result>(
    durability: Durability? = nil, _ body: (inout WriteBatch) throws -> Result
  ) throws -> Result {
    var batch = WriteBatch(engine)
    let result = try body(&batch)
    try commit(batch, durability)
    return result
  }

  /// Makes all writes that have returned before durable, whatever class they were of.
  ///
  /// - Throws: as ``put(_:for:expires:durability:)``.
  /// - Complexity: a sync of the disk; shared with others who wait for one.
  public func sync() throws(StoreError) {
    _ = try engine.commit(.sync)
  }

  // MARK: Inside

  static func checkLimits(key: RawSpan, valueByteCount: Int) throws(StoreError) {
    let isValid = key.byteCount > 0 && key.byteCount <= Limits.keyBytes && valueByteCount <= Limits.valueBytes
    if !isValid { throw limitError(key, valueByteCount) }
  }

  @inline(never)
  private static func limitError(_ key: RawSpan, _ valueByteCount: Int) -> StoreError {
    let prefix = MemoryView(key).prefix()
    if key.byteCount == 0 { return StoreError(.emptyKey, "a key must have at least one byte") }
    if key.byteCount > Limits.keyBytes {
      return StoreError(
        .keyTooLong, "a key is at most \(Limits.keyBytes) bytes long, and this one has \(key.byteCount)",
        keyPrefix: prefix)
    }
    return StoreError(
      .valueTooLarge, "a value is at most \(Limits.valueBytes) bytes long, and this one has \(valueByteCount)",
      keyPrefix: prefix)
  }

  private func operation(_ kind: Operation.Kind, durability: Durability?) -> Operation {
    let none = MemoryView.empty
    return Operation(
      kind: kind, key: none, value: none, deadline: nil, condition: .none, batch: none, batchCount: 0,
      durability: durability ?? engine.options.durability)
  }

  @inlinable
  func _put<Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending & ~Copyable & ~Escapable>(
    _ value: borrowing Value, _ key: borrowing Key, _ condition: Condition, _ expires: Expiry,
    _ durability: Durability?
  ) throws(StoreError) -> UInt64? {
    try key.withBytes { (key: RawSpan) throws(StoreError) -> UInt64? in
      try value.withBytes { (value: RawSpan) throws(StoreError) -> UInt64? in
        try _commitPut(value, key, condition, expires, durability)
      }
    }
  }

  @usableFromInline
  func _commitPut(
    _ value: RawSpan, _ key: RawSpan, _ condition: Condition, _ expires: Expiry, _ durability: Durability?
  ) throws(StoreError) -> UInt64? {
    var operation = operation(.put, durability: durability)
    operation.condition = condition
    if expires != .never { operation.deadline = engine.clock.deadline(expires) }
    return try commit(operation, key, value)
  }

  @usableFromInline
  func _commitRemove(_ key: RawSpan, _ condition: Condition, _ durability: Durability?) throws(StoreError) -> Bool {
    var operation = operation(.remove, durability: durability)
    operation.condition = condition
    return try commit(operation, key, RawSpan()) != nil
  }

  func _commitRemove(
    _ key: RawSpan, _ condition: Condition, _ durability: Durability?, items: [UInt8]
  ) throws(StoreError) -> Bool {
    try items.withBytes { (items: RawSpan) throws(StoreError) in
      var operation = operation(.remove, durability: durability)
      operation.condition = condition
      operation.items = MemoryView(items)
      return try commit(operation, key, RawSpan()) != nil
    }
  }

  func _commitPut(
    _ value: RawSpan, _ key: RawSpan, _ condition: Condition, _ expires: Expiry, _ compression: Compression?,
    _ durability: Durability?, items: [UInt8]
  ) throws(StoreError) -> UInt64? {
    if items.isEmpty && compression == nil { return try _commitPut(value, key, condition, expires, durability) }
    return try items.withBytes { (items: RawSpan) throws(StoreError) in
      var operation = operation(.put, durability: durability)
      operation.condition = condition
      operation.items = MemoryView(items)
      if expires != .never { operation.deadline = engine.clock.deadline(expires) }
      return try commit(operation, key, value, compression ?? engine.options.compression)
    }
  }

  private func commit(_ operation: Operation, _ key: RawSpan, _ value: RawSpan) throws(StoreError) -> UInt64? {
    try commit(operation, key, value, engine.options.compression)
  }

  @inline(__always)
  private func commit(
    _ operation: Operation, _ key: RawSpan, _ value: RawSpan, _ compression: Compression
  ) throws(StoreError) -> UInt64? {
    try Store.checkLimits(key: key, valueByteCount: value.byteCount)
    var operation = operation
    operation.key = MemoryView(key)
    operation.value = MemoryView(value)
    let outcome: Outcome
    if let level = compression.level(forValueOf: value.byteCount) {
      outcome = try engine.commit(operation, compressedAt: level)
    } else {
      outcome = try engine.commit(operation)
    }
    switch outcome {
    case .committed(let sequence): return sequence
    case .committedOnExpired, .unchanged: return nil
    case .stale: preconditionFailure("a stale frame is made anew")
    }
  }

  /// Returns the sequence of the last operation; where there is none, of the last one of the store.
  @discardableResult
  package func commit(_ batch: borrowing WriteBatch, _ durability: Durability?) throws(StoreError) -> UInt64 {
    var operation = operation(.batch, durability: durability)
    operation.batchCount = batch.count
    operation.dictionary = batch.dictionaryNumber
    operation.batch = unsafe MemoryView(batch.bytes.span.bytes)
    // Rare: another dictionary has been taken into use since the batch was begun.
    switch try engine.commit(operation) {
    case .committed(let sequence): return sequence
    case .stale: return try commit(batch.recompressed(), durability)
    case .committedOnExpired, .unchanged: return lastSequence
    }
  }
}
