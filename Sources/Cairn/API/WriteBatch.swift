/// Puts and removes that happen together or not at all, also across a crash. See `Store.write`.
///
/// Within a batch, later operations on a key win over earlier ones.
public struct WriteBatch: ~Copyable {
  /// The records as the log will have them, but for sequence and checksum.
  private(set) var bytes: [UInt8] = []
  private let clock: ExpiryClock
  /// Operations so far.
  public private(set) var count = 0

  init(clock: ExpiryClock) { self.clock = clock }

  /// What the batch will take in the log, in bytes; at most ``Store/Limits/batchBytes`` for more than one operation.
  public var byteCount: Int { bytes.count }

  /// Adds a put. Throws `.emptyKey`, `.keyTooLong`, `.valueTooLarge` or `.batchTooLarge`, and the batch is as before.
  @inlinable
  public mutating func put<
    Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending & ~Copyable & ~Escapable
  >(_ value: borrowing Value, for key: borrowing Key, expires: Store.Expiry = .never) throws(StoreError) {
    try key.withBytes { (key: RawSpan) throws(StoreError) in
      try value.withBytes { (value: RawSpan) throws(StoreError) in try _put(value, key, expires) }
    }
  }

  /// Adds a remove. Of a key that is not there it changes nothing, but takes a record and a sequence all the same.
  @inlinable
  public mutating func remove<Key: ByteLending & ~Copyable & ~Escapable>(_ key: borrowing Key) throws(StoreError) {
    try key.withBytes { (key: RawSpan) throws(StoreError) in try _remove(key) }
  }

  // What is generic is inlined where it is called: calls through the protocol took a quarter of the time of a batch.
  @usableFromInline
  mutating func _put(_ value: RawSpan, _ key: RawSpan, _ expires: Store.Expiry) throws(StoreError) {
    try append(RecordHeader.Kind.put, key, value, clock.deadline(expires))
  }

  @usableFromInline
  mutating func _remove(_ key: RawSpan) throws(StoreError) {
    try append(RecordHeader.Kind.delete, key, RawSpan(), nil)
  }

  private mutating func append(
    _ kind: UInt8, _ key: RawSpan, _ value: RawSpan, _ deadline: Int64?
  ) throws(StoreError) {
    try Store.checkLimits(key: key, valueByteCount: value.byteCount)
    let header = RecordHeader(
      sequence: 0, kind: kind, flags: deadline == nil ? 0 : RecordHeader.Flags.expiry, key: key.byteCount,
      value: value.byteCount, extension: deadline == nil ? 0 : 8)
    let byteCount = header.recordByteCount
    if count > 0 && bytes.count + byteCount > Store.Limits.batchBytes {
      throw StoreError(
        .batchTooLarge, "a batch is at most \(Store.Limits.batchBytes) bytes long; commit what there is and go on")
    }
    let (keyView, valueView) = (MemoryView(key), MemoryView(value))
    let start = bytes.count
    bytes.append(addingCapacity: byteCount) { (record: MemoryView) in
      record.store(UInt64(0), at: 0)
      record.store(UInt64(0), at: byteCount - 8)
      header.encode(into: record, at: 0)
      if let deadline { record.store(deadline, at: RecordHeader.byteCount) }
      record.copy(keyView, at: header.keyOffset)
      record.copy(valueView, at: header.valueOffset)
    }
    precondition(bytes.count == start + byteCount, "a record was appended")
    count += 1
  }
}
