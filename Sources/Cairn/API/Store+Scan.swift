/// An entry that is being visited; valid until the call returns that was given it.
public struct EntryView: ~Escapable {
  public let key: RawSpan
  /// The value; empty where only keys are visited.
  public let value: RawSpan
  /// The sequence of the put.
  public let version: UInt64
  /// When the entry ends, in milliseconds since 1970; `nil`: never.
  public let deadline: Int64?
  /// Empty where only keys are visited, and in a frozen store.
  public let attributes: EncodedAttributes
  /// The length of the value as it was put, where an entry's attributes are visited without it; otherwise 0.
  package let valueByteCount: Int
  /// What its record takes in the log of a store.
  package let recordByteCount: Int

  @_lifetime(copy key, copy value, copy attributes)
  init(
    key: RawSpan, value: RawSpan, valueByteCount: Int, recordByteCount: Int = 0, attributes: RawSpan, version: UInt64,
    deadline: Int64?
  ) {
    self.key = key
    self.value = value
    self.valueByteCount = valueByteCount
    self.recordByteCount = recordByteCount
    self.attributes = EncodedAttributes(unchecked: attributes)
    self.version = version
    self.deadline = deadline
  }
}

extension FoundRecord {
  /// Calls `body` with the entry.
  @inline(__always)
  func lendEntry<Result>(
    _ value: MemoryView, valueByteCount: Int = 0, withAttributes: Bool = true, _ body: (EntryView) -> Result
  ) -> Result {
    lendEntry(value, valueByteCount: valueByteCount, withAttributes ? attributes : .empty, body)
  }

  @inline(__always)
  func lendEntry<Result>(
    _ value: MemoryView, valueByteCount: Int, _ attributes: MemoryView, _ body: (EntryView) -> Result
  ) -> Result {
    key.lend { key in
      value.lend { value in
        attributes.lend { attributes in
          body(
            EntryView(
              key: key, value: value, valueByteCount: valueByteCount, recordByteCount: header.recordByteCount,
              attributes: attributes, version: version, deadline: deadline))
        }
      }
    }
  }
}

extension Store {
  /// Visits all live entries, in no order.
  ///
  /// Entries that are there all the while are visited exactly once. Of those that are put, changed or removed
  /// meanwhile, some version or none is visited. Writers are not held up.
  ///
  /// - Parameter body: returns whether to go on.
  /// - Throws: what `body` throws; otherwise a ``StoreError``: `.closed`, `.usedAfterFork`. If records are damaged, or
  ///   use features of a newer version, everything else is visited all the same, and `.damaged` or `.unsupportedFormat`
  ///   is thrown at the end.
  /// - Complexity: the whole index, and the log in the order of the index; values that are stored compressed are
  ///   decompressed.
  // Not typed: the compiler of Swift 6.3 crashes on `catch … where` around a call with typed throws whose closure
  // changes a variable, and closures of visits do.
  public func forEach(_ body: (_ entry: EntryView) throws -> Bool) throws {
    try visit(.values, body)
  }

  /// Visits the keys of all live entries, as ``forEach(_:)`` does, without touching values and attributes: these are
  /// empty. A key is checked against its hash, its record's checksum is not.
  public func forEachKey(_ body: (_ entry: EntryView) throws -> Bool) throws { try visit(.keys, body) }

  /// Visits the keys and the attributes of all live entries, as ``forEach(_:)`` does; values are empty. The record of
  /// an entry with attributes is verified, whatever the store's options say.
  package func forEachWithoutValue(_ body: (_ entry: EntryView) throws -> Bool) throws { try visit(.attributes, body) }

  private enum Visited { case keys, attributes, values }

  private func visit(_ visited: Visited, _ body: (EntryView) throws -> Bool) throws {
    var failure: (any Error)?
    try scan(visited) { entry in
      do { return try body(entry) } catch {
        failure = error
        return false
      }
    }
    if let failure { throw failure }
  }

  private func scan(_ visited: Visited, _ body: (EntryView) -> Bool) throws(StoreError) {
    var entries: [UInt64] = []
    var failure: StoreError?
    let index = engine.index
    for shard in 0..<HashIndex.shards {
      let slot = engine.gate.enter()
      defer { slot.leave() }
      if !engine.alive.isSet { throw engine.deadError() }
      try engine.verify(shard)
      let barriers = engine.barriers.list
      index.entries(of: shard, into: &entries)
      for (number, entry) in entries.enumerated() {
        if number + 8 < entries.count { index.prefetchRecord(entries[number + 8]) }
        let record = index.record(entry, verifying: visited == .values && engine.options.verification == .always)
        guard let record, isPlausible(record, shard), visited != .attributes || isIntact(record) else {
          if failure == nil { failure = engine.damage(entry, .empty) }
          continue
        }
        if barriers.hides(record.key, version: record.version) { continue }
        if record.header.flags & RecordHeader.Flags.expiry != 0 && engine.isExpired(record) { continue }
        if visited == .values && !record.header.isUnderstood {
          if failure == nil { failure = engine.notUnderstood(record) }
          continue
        }
        var isGoingOn = true
        func pass(_ value: MemoryView) {
          isGoingOn = record.lendEntry(value, body)
        }
        switch visited {
        case .keys: isGoingOn = record.lendEntry(.empty, withAttributes: false, body)
        case .attributes:
          let valueByteCount = record.header.saysMore ? record.valueByteCount : 0
          isGoingOn = record.lendEntry(.empty, valueByteCount: valueByteCount, body)
        case .values:
          do throws(StoreError) { try engine.withValue(of: record, pass) } catch {
            if failure == nil { failure = error }
          }
        }
        if !isGoingOn { return }
      }
    }
    if let failure { throw failure }
  }

  /// Whether what a record says beside key and value can be believed.
  private func isIntact(_ record: FoundRecord) -> Bool {
    !record.header.saysMore || engine.index.record(record.entry, verifying: true) != nil
  }

  /// Whether the record is one that the entry can lead to.
  private func isPlausible(_ record: FoundRecord, _ shard: Int) -> Bool {
    let hash = engine.index.hash(record.key)
    return record.header.kind == RecordHeader.Kind.put && HashIndex.shard(hash) == shard
      && HashIndex.fingerprint(hash) == HashIndex.Entry.fingerprint(record.entry)
  }
}
