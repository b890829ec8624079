/// A store as it was after some commit, whatever is written later.
///
/// ```swift
/// let snapshot = try store.snapshot()
/// try store.put("new", for: "key")
/// let old = try snapshot.value(for: "key")    // what it was before
/// ```
///
/// All reads of a snapshot see the same state: everything up to ``sequence``, and nothing after it, batches whole. Only
/// time goes on: entries that expire are not there any more. It ends when its last reference goes; when its store is
/// closed, its reads throw `.closed`. Safe from any thread; reads never wait for writers, nor writers for them.
///
/// Taking one copies nothing. While there is one, each entry that is changed for the first time takes some 50 bytes of
/// memory, and segments that compaction takes away keep their space on the disk: ``Store/Statistics/pinnedBytes``.
public final class Snapshot: Sendable {
  /// The last operation that it sees.
  public let sequence: UInt64
  let engine: Engine
  private let pin: UInt64

  init(_ engine: Engine) throws(StoreError) {
    self.engine = engine
    (sequence, pin) = try engine.beginSnapshot()
  }

  deinit { engine.endSnapshot(sequence, pin) }

  /// The value of a key, or `nil` if there was none. Allocates an array for it.
  ///
  /// - Throws: as ``Store/withValue(for:_:)``.
  public func value<Key: ByteLending & ~Copyable & ~Escapable>(for key: borrowing Key) throws(StoreError) -> [UInt8]? {
    try entry(for: key)?.value
  }

  /// The value of a key together with its version, its deadline and its attributes.
  ///
  /// - Throws: as ``Store/withValue(for:_:)``.
  public func entry<Key: ByteLending & ~Copyable & ~Escapable>(
    for key: borrowing Key
  ) throws(StoreError) -> Store.Entry? {
    try key.withBytes { (key: RawSpan) throws(StoreError) in
      let slot = engine.gate.enter()
      defer { slot.leave() }
      guard let record = try engine.find(MemoryView(key), at: sequence) else { return nil }
      return Store.Entry(try engine.value(of: record), record)
    }
  }

  /// Whether there was such a key.
  ///
  /// - Throws: as ``Store/withValue(for:_:)``.
  public func contains<Key: ByteLending & ~Copyable & ~Escapable>(_ key: borrowing Key) throws(StoreError) -> Bool {
    try key.withBytes { (key: RawSpan) throws(StoreError) in
      let slot = engine.gate.enter()
      defer { slot.leave() }
      return try engine.find(MemoryView(key), at: sequence) != nil
    }
  }

  /// Visits all entries, each once, in an order that is the same every time.
  ///
  /// - Parameter body: returns whether to go on.
  /// - Throws: what `body` throws; otherwise a ``StoreError``: `.closed`, `.damaged` or `.unsupportedFormat` for the
  ///   first entry that cannot be read.
  /// - Complexity: the whole index, and the log in the order of the index.
  public func forEach(_ body: (_ entry: EntryView) throws -> Bool) throws { try visit(withValues: true, body) }

  /// The same without values, which are empty (``EntryView/valueByteCount`` tells their length).
  package func forEachWithoutValue(_ body: (_ entry: EntryView) throws -> Bool) throws {
    try visit(withValues: false, body)
  }

  private func visit(withValues: Bool, _ body: (_ entry: EntryView) throws -> Bool) throws {
    for shard in 0..<HashIndex.shards {
      let slot = engine.gate.enter()
      defer { slot.leave() }
      for entry in try engine.entries(of: shard, at: sequence) {
        guard let record = engine.index.record(entry, verifying: true) else { throw engine.damage(entry, .empty) }
        if engine.isExpired(record) { continue }
        var failure: (any Error)?
        var isGoingOn = true
        func pass(_ value: MemoryView, _ valueByteCount: Int) {
          record.lendEntry(value, valueByteCount: valueByteCount) { entry in
            do { isGoingOn = try body(entry) } catch { failure = error }
          }
        }
        if withValues {
          guard record.header.isUnderstood else { throw engine.notUnderstood(record) }
          try engine.withValue(of: record) { value in pass(value, 0) }
        } else {
          pass(.empty, record.valueByteCount)
        }
        if let failure { throw failure }
        if !isGoingOn { return }
      }
    }
  }
}

extension Store {
  /// The store as it is at this moment, between two commits. See ``Snapshot``.
  ///
  /// - Throws: `.closed`, `.usedAfterFork`.
  /// - Complexity: O(1).
  public func snapshot() throws(StoreError) -> Snapshot { try Snapshot(engine) }
}
