/// What layers of this package have beside what everybody has: entries by the hashes of their keys, for views that do
/// not keep keys; and what is not generic, which is faster from another module.
extension Store {
  /// What the store finds a key by: the same as long as the store is, and another one in another store. Two keys have
  /// the same one by a chance of 1 in 2⁶⁴.
  package func hash(of key: RawSpan) -> UInt64 { engine.index.hash(MemoryView(key)) }

  /// Calls `body` with the entry of a key, if there is one: as ``withEntry(for:_:)``, for layers whose reads have to be
  /// fast. (That one is generic: called from another module, it takes 2,000 instructions more.) Attributes are
  /// unchecked: see ``AttributeItem/uncheckedContent(_:)``.
  ///
  /// - Returns: the hash of the key, if there is such an entry.
  package func readEntry(_ key: RawSpan, _ body: (EntryView) -> Void) throws(StoreError) -> UInt64? {
    let slot = engine.gate.enter()
    defer { slot.leave() }
    if !engine.alive.isSet { throw engine.deadError() }
    let key = MemoryView(key)
    let hash = engine.index.hash(key)
    guard let found = try engine.find(key, hash: hash) else { return nil }
    let attributes = found.header.saysMore ? found.uncheckedAttributes : .empty
    if !found.isCompressed {
      found.lendEntry(found.value, valueByteCount: 0, attributes, body)
    } else {
      try engine.withValue(of: found) { (value) throws(StoreError) in
        found.lendEntry(value, valueByteCount: 0, attributes, body)
      }
    }
    return hash
  }

  /// The key that has this hash, if it has an entry. Also if that has expired, where that is asked for, and it has not
  /// been taken away yet.
  ///
  /// - Returns: `nil` if there is none, or none that can be read: which key that would be, nobody knows.
  /// - Throws: `.closed`, `.usedAfterFork`; `.damaged` if that part of the index is.
  package func key(hash: UInt64, evenExpired: Bool = false) throws(StoreError) -> [UInt8]? {
    let slot = engine.gate.enter()
    defer { slot.leave() }
    return try engine.find(hash: hash, evenExpired: evenExpired)?.key.array()
  }

  /// Whether a key that has this hash has an entry. Waits for nobody: where the index has not been verified yet, it may
  /// have one.
  package func mayHaveKey(hash: UInt64) -> Bool {
    let slot = engine.gate.enter()
    defer { slot.leave() }
    return !engine.alive.isSet || engine.mayHaveEntry(hash: hash)
  }

  /// The same of several: what is not in the processor's caches is waited for together.
  package func keys(hashes: [UInt64]) throws(StoreError) -> [[UInt8]?] {
    let slot = engine.gate.enter()
    defer { slot.leave() }
    // Those of a closed store are not there to be asked for.
    if !engine.alive.isSet { throw engine.deadError() }
    if hashes.count > 1 {
      for hash in hashes { engine.index.prefetchBucket(hash) }
      for hash in hashes { engine.index.prefetchRecord(hash: hash) }
    }
    var keys: [[UInt8]?] = []
    keys.reserveCapacity(hashes.count)
    for hash in hashes { keys.append(try engine.find(hash: hash, evenExpired: false)?.key.array()) }
    return keys
  }
}

extension Store {
  /// An empty batch, for ``commit(_:_:)``.
  package func makeBatch() -> WriteBatch { WriteBatch(engine) }

  /// Attributes as a record has them, checked by the store's views.
  package func encoded(_ attributes: Attributes) throws(StoreError) -> [UInt8] { try engine.items(attributes) }

  /// - Parameters:
  ///   - items: as ``encoded(_:)`` makes them.
  ///   - version: that the key is to have; 0: none; `nil`: any.
  /// - Returns: `nil` if it has another one.
  package func put(
    _ value: [UInt8], for key: [UInt8], items: [UInt8], ifVersion version: UInt64?, deadline: Int64?,
    compression: Compression?, durability: Durability?
  ) throws(StoreError) -> UInt64? {
    let condition: Condition = version.map { $0 == 0 ? .absent : .version($0) } ?? .none
    return try put(
      value, key, items: items, condition, deadline.map { .at(milliseconds: $0) } ?? .never, compression, durability)
  }

  /// What the record of a put takes in the log, uncompressed.
  package static func recordByteCount(keyByteCount: Int, valueByteCount: Int, items: [UInt8], hasDeadline: Bool) -> Int
  {
    RecordHeader.byteCount(key: keyByteCount, value: valueByteCount, extension: items.count + (hasDeadline ? 8 : 0))
  }
}

extension WriteBatch {
  /// - Parameter items: as ``Store/encoded(_:)`` makes them.
  package mutating func put(
    _ value: [UInt8], for key: [UInt8], items: [UInt8], deadline: Int64?, compression: Store.Compression?
  ) throws(StoreError) {
    try key.withBytes { (key: RawSpan) throws(StoreError) in
      try value.withBytes { (value: RawSpan) throws(StoreError) in
        try _put(value, key, deadline.map { .at(milliseconds: $0) } ?? .never, items, compression)
      }
    }
  }

  package mutating func removeEvicted(_ key: [UInt8]) throws(StoreError) {
    try key.withBytes { (key: RawSpan) throws(StoreError) in try _remove(key, items: CauseItem.encode(.evicted)) }
  }

  package mutating func reserve(_ byteCount: Int) { reserveCapacity(byteCount) }
}
