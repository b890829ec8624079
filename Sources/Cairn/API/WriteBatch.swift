/// Puts and removes that happen together or not at all, also across a crash. See `Store.write`.
///
/// Within a batch, later operations on a key win over earlier ones.
public struct WriteBatch: ~Copyable {
  /// The records as the log will have them, but for sequence and checksum.
  private(set) var bytes: [UInt8] = []
  private let clock: ExpiryClock
  private let engine: Engine
  /// What its small values are compressed with; all with the same, whatever the log has meanwhile.
  private let dictionary: ValueDictionary?
  /// Its number, if a value was compressed with it; otherwise 0.
  private(set) var dictionaryNumber = 0
  /// Operations so far.
  public private(set) var count = 0

  init(_ engine: Engine) {
    clock = engine.clock
    self.engine = engine
    dictionary = engine.dictionary(forValueOf: Store.Compression.leastBytes)
  }

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

  /// The same with attributes, and with a compression of its own. Throws `.invalidAttribute`, too, and what a view of
  /// the store has against them.
  public mutating func put<
    Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending & ~Copyable & ~Escapable
  >(
    _ value: borrowing Value, for key: borrowing Key, attributes: Attributes, expires: Store.Expiry = .never,
    compression: Store.Compression? = nil
  ) throws(StoreError) {
    let items = try engine.items(attributes)
    if let compression { try compression.validate() }
    try key.withBytes { (key: RawSpan) throws(StoreError) in
      try value.withBytes { (value: RawSpan) throws(StoreError) in try _put(value, key, expires, items, compression) }
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
    try _put(value, key, expires, [], nil)
  }

  mutating func _put(
    _ value: RawSpan, _ key: RawSpan, _ expires: Store.Expiry, _ items: [UInt8], _ compression: Store.Compression?
  ) throws(StoreError) {
    let deadline = clock.deadline(expires)
    try Store.checkLimits(key: key, valueByteCount: value.byteCount)
    guard let level = (compression ?? engine.options.compression).level(forValueOf: value.byteCount) else {
      return try append(RecordHeader.Kind.put, MemoryView(key), MemoryView(value), deadline, items)
    }
    try put(MemoryView(value), MemoryView(key), deadline, items, level)
  }

  private mutating func put(
    _ valueView: MemoryView, _ keyView: MemoryView, _ deadline: Int64?, _ items: [UInt8], _ level: Int32
  ) throws(StoreError) {
    try engine.checkWritable()
    let dictionary = valueView.count <= Engine.smallValueBytes ? dictionary : nil
    try engine.codec.withCompressed(valueView, level: level, dictionary) { (compressed) throws(StoreError) in
      try append(
        RecordHeader.Kind.put, keyView, compressed ?? valueView, deadline, items,
        codec: compressed == nil ? RecordHeader.Codec.none : RecordHeader.Codec.zstd,
        dictionary: compressed == nil || dictionary == nil ? 0 : 1)
      if compressed != nil, let dictionary { dictionaryNumber = dictionary.number }
      engine.learn(raw: valueView.count, stored: (compressed ?? valueView).count)
    }
  }

  /// The same operations, compressed with the dictionary that the log has now.
  ///
  /// - Throws: `.batchTooLarge` if it was nearly so, and that one saves less.
  borrowing func recompressed() throws(StoreError) -> WriteBatch {
    var result = WriteBatch(engine)
    let records = unsafe MemoryView(bytes.span.bytes)
    let work = engine.codec.take()
    defer { engine.codec.giveBack(work) }
    var offset = 0
    while let header = RecordHeader(decoding: records, at: offset) {
      let key = records.slice(offset + header.keyOffset, header.keyByteCount)
      let value = records.slice(offset + header.valueOffset, header.valueByteCount)
      let deadline = header.deadline(records, at: offset)
      let fields = header.fieldsByteCount
      let items = records.slice(
        offset + RecordHeader.byteCount + fields, header.extensionByteCount - fields
      ).array()
      if header.dictionary == 0 {
        try result.append(header.kind, key, value, deadline, items, codec: header.codec)
      } else {
        guard let raw = try work.decompress(value, dictionary?.prepared) else {
          preconditionFailure("a batch can be decompressed with what it was compressed with")
        }
        // Values that are compressed with a dictionary are not too short to be compressed.
        guard let level = engine.options.compression.level(forValueOf: raw.count) else {
          preconditionFailure("a batch compresses what it should")
        }
        try result.put(raw, key, deadline, items, level)
      }
      offset += header.recordByteCount
    }
    return result
  }

  /// Adds a put of a value that comes from another store, as it is stored there; the caller has verified it.
  package mutating func put(
    stored value: [UInt8], codec: UInt8, for key: [UInt8], attributes: Attributes, expires: Store.Expiry
  ) throws(StoreError) {
    let items = try engine.items(attributes)
    try key.withBytes { (key: RawSpan) throws(StoreError) in
      try value.withBytes { (value: RawSpan) throws(StoreError) in
        try Store.checkLimits(key: key, valueByteCount: value.byteCount)
        let deadline = clock.deadline(expires)
        try append(RecordHeader.Kind.put, MemoryView(key), MemoryView(value), deadline, items, codec: codec)
      }
    }
  }

  mutating func reserveCapacity(_ byteCount: Int) { bytes.reserveCapacity(byteCount) }

  @usableFromInline
  mutating func _remove(_ key: RawSpan) throws(StoreError) { try _remove(key, items: []) }

  mutating func _remove(_ key: RawSpan, items: [UInt8]) throws(StoreError) {
    try Store.checkLimits(key: key, valueByteCount: 0)
    try append(RecordHeader.Kind.delete, MemoryView(key), .empty, nil, items)
  }

  private mutating func append(
    _ kind: UInt8, _ key: MemoryView, _ value: MemoryView, _ deadline: Int64?, _ items: [UInt8],
    codec: UInt8 = RecordHeader.Codec.none, dictionary: UInt8 = 0
  ) throws(StoreError) {
    let fields = deadline == nil ? 0 : 8
    var header = RecordHeader(
      sequence: 0, kind: kind, flags: deadline == nil ? 0 : RecordHeader.Flags.expiry, key: key.count,
      value: value.count, extension: fields + items.count)
    header.codec = codec
    header.dictionary = dictionary
    let byteCount = header.recordByteCount
    if count > 0 && bytes.count + byteCount > Store.Limits.batchBytes {
      throw StoreError(
        .batchTooLarge, "a batch is at most \(Store.Limits.batchBytes) bytes long; commit what there is and go on")
    }
    let start = bytes.count
    bytes.append(addingCapacity: byteCount) { (record: MemoryView) in
      record.store(UInt64(0), at: 0)
      record.store(UInt64(0), at: byteCount - 8)
      header.encode(into: record, at: 0)
      if let deadline { record.store(deadline, at: RecordHeader.byteCount) }
      if !items.isEmpty { record.copy(items, at: RecordHeader.byteCount + fields) }
      record.copy(key, at: header.keyOffset)
      record.copy(value, at: header.valueOffset)
    }
    precondition(bytes.count == start + byteCount, "a record was appended")
    count += 1
  }
}
