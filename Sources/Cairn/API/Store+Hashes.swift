/// Entries by the hashes of their keys: for views that do not keep keys.
extension Store {
  /// What the store finds a key by: the same as long as the store is, and another one in another store. Two keys have
  /// the same one by a chance of 1 in 2⁶⁴.
  package func hash(of key: RawSpan) -> UInt64 { engine.index.hash(MemoryView(key)) }

  /// Calls `body` with the entry whose key has this hash, without its value. Of an entry that has expired it is called
  /// if that is asked for, and the entry has not been taken away yet.
  ///
  /// - Returns: `nil` if there is none, or none that can be read: which key that would be, nobody knows.
  /// - Throws: `.closed`, `.usedAfterFork`; `.damaged` if that part of the index is.
  package func withEntry<Result>(
    hash: UInt64, evenExpired: Bool = false, _ body: (EntryView) -> Result
  ) throws(StoreError) -> Result? {
    let slot = engine.gate.enter()
    defer { slot.leave() }
    guard let found = try engine.find(hash: hash, evenExpired: evenExpired) else { return nil }
    return found.lendEntry(.empty, valueByteCount: found.valueByteCount, body)
  }
}

extension Store {
  /// An empty batch, for ``commit(_:_:)``.
  package func makeBatch() -> WriteBatch { WriteBatch(engine) }

  /// What the record of a put would take in the log at most, uncompressed.
  package static func recordByteCount(
    keyByteCount: Int, valueByteCount: Int, _ attributes: Attributes, hasDeadline: Bool
  ) -> Int {
    let items = attributes.isEmpty ? 0 : (AttributeItem.headBytes + attributes.encodedByteCount + 7) / 8 * 8
    return RecordHeader.byteCount(
      key: keyByteCount, value: valueByteCount, extension: items + (hasDeadline ? 8 : 0))
  }
}

extension Attributes {
  /// Of all of them, without what is before and behind them.
  fileprivate var encodedByteCount: Int {
    reduce(0) { sum, attribute in
      let value =
        switch attribute.value {
        case .string(let text): text.utf8.count
        case .integer, .real, .date: 8
        case .tags(let tags): tags.reduce(0) { $0 + 1 + $1.utf8.count }
        }
      return sum + EncodedAttributes.headBytes + attribute.name.utf8.count + value
    }
  }
}
