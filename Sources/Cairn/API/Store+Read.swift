extension Store {
  /// A value with what is known about it.
  public struct Entry: Sendable, Equatable {
    public let value: [UInt8]
    /// The sequence of the put.
    public let version: UInt64
    /// When the entry ends, in milliseconds since 1970; `nil`: never.
    public let deadline: Int64?
    public let attributes: Attributes

    package init(value: [UInt8], version: UInt64, deadline: Int64?, attributes: Attributes = [:]) {
      self.value = value
      self.version = version
      self.deadline = deadline
      self.attributes = attributes
    }

    package init(_ entry: EntryView) {
      self.init(
        value: MemoryView(entry.value).array(), version: entry.version, deadline: entry.deadline,
        attributes: Attributes(entry.attributes))
    }

    init(_ value: [UInt8], _ record: FoundRecord) {
      self.init(
        value: value, version: record.version, deadline: record.deadline,
        attributes: record.header.saysMore ? Attributes(record.attributes) : [:])
    }
  }

  // MARK: One key

  /// Calls `body` with the value of a key, in place: nothing is copied, nothing allocated. A value that is stored
  /// compressed is decompressed into a buffer that the store keeps for that, and `body` borrows it.
  ///
  /// The span is valid until `body` returns. What `body` reads does not change, even if the key is overwritten
  /// meanwhile; but the store cannot give back memory while it runs, so keep it short.
  ///
  /// - Returns: what `body` returns, or `nil` if there is no such key.
  /// - Throws: `.damaged` if the record fails its checksum, or its value cannot be decompressed; `.unsupportedFormat`
  ///   if a newer version wrote it in a way that this one does not know; `.closed`, `.usedAfterFork`.
  /// - Complexity: one cache line of the index and the record itself; some 2 µs to decompress 1 KiB.
  @inlinable
  public func withValue<Key: ByteLending & ~Copyable & ~Escapable, Result>(
    for key: borrowing Key, _ body: (RawSpan) -> Result
  ) throws(StoreError) -> Result? {
    try key.withBytes { (key: RawSpan) throws(StoreError) -> Result? in
      guard let found = try _beginRead(key) else { return nil }
      defer { found.end() }
      return body(found.value)
    }
  }

  /// The same for a body that throws.
  @inlinable
  public func withValue<Key: ByteLending & ~Copyable & ~Escapable, Result>(
    for key: borrowing Key, _ body: (RawSpan) throws -> Result
  ) throws -> Result? {
    try key.withBytes { (key: RawSpan) throws -> Result? in
      guard let found = try _beginRead(key) else { return nil }
      defer { found.end() }
      return try body(found.value)
    }
  }

  /// The value of a key, or `nil` if there is none. Allocates an array for it.
  ///
  /// - Throws: as ``withValue(for:_:)``.
  @inlinable
  public func value<Key: ByteLending & ~Copyable & ~Escapable>(for key: borrowing Key) throws(StoreError) -> [UInt8]? {
    try key.withBytes { (key: RawSpan) throws(StoreError) in try _value(key) }
  }

  /// Calls `body` with the entry of a key, in place: its value, version, deadline and attributes.
  ///
  /// - Returns: what `body` returns, or `nil` if there is no such key.
  /// - Throws: as ``withValue(for:_:)``.
  public func withEntry<Key: ByteLending & ~Copyable & ~Escapable, Result>(
    for key: borrowing Key, _ body: (EntryView) -> Result
  ) throws(StoreError) -> Result? {
    try withEntry(for: key, withValue: true, body)
  }

  /// The same; without its value, which is empty then, nothing is decompressed.
  package func withEntry<Key: ByteLending & ~Copyable & ~Escapable, Result>(
    for key: borrowing Key, withValue: Bool, _ body: (EntryView) -> Result
  ) throws(StoreError) -> Result? {
    try key.withBytes { (key: RawSpan) throws(StoreError) in
      let slot = engine.gate.enter()
      defer { slot.leave() }
      guard let found = try engine.find(MemoryView(key)) else { return nil }
      if !withValue { return found.lendEntry(.empty, valueByteCount: found.valueByteCount, body) }
      return try engine.withValue(of: found) { (value) throws(StoreError) in found.lendEntry(value, body) }
    }
  }

  /// Copies the value of a key to the beginning of `buffer`, or decompresses it there.
  ///
  /// - Returns: the length of the value in bytes, or `nil` if there is no such key. If it is greater than the buffer,
  ///   nothing was copied; the length of a compressed value is then what the record says, whose checksum fits, but not
  ///   yet proven by decompressing it.
  /// - Throws: as ``withValue(for:_:)``.
  @inlinable
  public func copyValue<Key: ByteLending & ~Copyable & ~Escapable>(
    for key: borrowing Key, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StoreError) -> Int? {
    try key.withBytes { (key: RawSpan) throws(StoreError) in try unsafe _copyValue(key, buffer) }
  }

  /// Appends the value of a key to an array. Returns whether there was one.
  ///
  /// - Throws: as ``withValue(for:_:)``.
  @inlinable
  public func appendValue<Key: ByteLending & ~Copyable & ~Escapable>(
    for key: borrowing Key, to array: inout [UInt8]
  ) throws(StoreError) -> Bool {
    try key.withBytes { (key: RawSpan) throws(StoreError) in try _appendValue(key, &array) }
  }

  /// Whether there is such a key. Verifies the record as any read does, but decompresses nothing.
  ///
  /// - Throws: as ``withValue(for:_:)``.
  @inlinable
  public func contains<Key: ByteLending & ~Copyable & ~Escapable>(_ key: borrowing Key) throws(StoreError) -> Bool {
    try key.withBytes { (key: RawSpan) throws(StoreError) in try _contains(key) }
  }

  /// The version of a key: the sequence of the put that gave it its value; `nil` if there is no such key.
  ///
  /// - Throws: as ``withValue(for:_:)``.
  @inlinable
  public func version<Key: ByteLending & ~Copyable & ~Escapable>(of key: borrowing Key) throws(StoreError) -> UInt64? {
    try key.withBytes { (key: RawSpan) throws(StoreError) in try _version(key) }
  }

  /// The value of a key together with its version, for ``put(_:for:ifVersion:expires:durability:)``, its deadline and
  /// its attributes.
  ///
  /// - Throws: as ``withValue(for:_:)``.
  @inlinable
  public func entry<Key: ByteLending & ~Copyable & ~Escapable>(for key: borrowing Key) throws(StoreError) -> Entry? {
    try key.withBytes { (key: RawSpan) throws(StoreError) in try _entry(key) }
  }
}

// The halves of the calls above that are compiled here. What is generic is inlined where it is called: as a call
// through the protocol it would cost a hundred instructions, as many as the lookup itself.
extension Store {
  @usableFromInline
  func _value(_ key: RawSpan) throws(StoreError) -> [UInt8]? {
    let slot = engine.gate.enter()
    defer { slot.leave() }
    guard let found = try engine.find(MemoryView(key)) else { return nil }
    return try engine.value(of: found)
  }

  @usableFromInline
  func _copyValue(_ key: RawSpan, _ buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int? {
    let slot = engine.gate.enter()
    defer { slot.leave() }
    guard let found = try engine.find(MemoryView(key)) else { return nil }
    if found.isCompressed { return try engine.decompress(found.bytes, found.entry, into: unsafe MemoryView(buffer)) }
    let value = found.value
    if value.count <= buffer.count { unsafe MemoryView(buffer).copy(value, at: 0) }
    return value.count
  }

  @usableFromInline
  func _appendValue(_ key: RawSpan, _ array: inout [UInt8]) throws(StoreError) -> Bool {
    let slot = engine.gate.enter()
    defer { slot.leave() }
    guard let found = try engine.find(MemoryView(key)) else { return false }
    if found.isCompressed {
      try engine.appendDecompressed(found, to: &array)
    } else {
      let value = found.value
      unsafe array.append(contentsOf: UnsafeRawBufferPointer(start: value.pointer, count: value.count))
    }
    return true
  }

  @usableFromInline
  func _contains(_ key: RawSpan) throws(StoreError) -> Bool { try _version(key) != nil }

  @usableFromInline
  func _version(_ key: RawSpan) throws(StoreError) -> UInt64? {
    let slot = engine.gate.enter()
    defer { slot.leave() }
    return try engine.find(MemoryView(key))?.version
  }

  @usableFromInline
  func _entry(_ key: RawSpan) throws(StoreError) -> Entry? {
    let slot = engine.gate.enter()
    defer { slot.leave() }
    guard let found = try engine.find(MemoryView(key)) else { return nil }
    return Entry(try engine.value(of: found), found)
  }

  @usableFromInline
  func _beginRead(_ key: RawSpan) throws(StoreError) -> _FoundValue? {
    let slot = engine.gate.enter()
    do throws(StoreError) {
      if let found = try engine.find(MemoryView(key)) {
        if !found.isCompressed { return unsafe _FoundValue(found.value, slot, nil) }
        let (work, value) = try engine.decompress(found)
        return unsafe _FoundValue(value, slot, Unmanaged.passRetained(BorrowedWork(work, engine.codec)))
      }
    } catch {
      slot.leave()
      throw error
    }
    slot.leave()
    return nil
  }
}

/// A value that is being read: valid until `end()`.
@safe
public struct _FoundValue {
  @usableFromInline let base: UnsafeRawPointer
  @usableFromInline let count: Int
  let slot: ReaderSlot
  /// What holds a value that was compressed. Not counted, so that the others are copied without a look at it.
  private let borrowed: Unmanaged<BorrowedWork>?

  @inline(__always)
  init(_ view: MemoryView, _ slot: ReaderSlot, _ borrowed: Unmanaged<BorrowedWork>?) {
    unsafe self.borrowed = borrowed
    unsafe base = UnsafeRawPointer(view.pointer)
    count = view.count
    self.slot = slot
  }

  @inlinable
  var value: RawSpan {
    @_lifetime(borrow self)
    get {
      // SAFETY: the read guard that `slot` stands for keeps the bytes until `end()`, after the last use.
      let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  @usableFromInline
  func end() {
    slot.leave()
    // SAFETY: retained once, when it was begun, and ended once.
    unsafe borrowed?.release()
  }
}

/// Gives the work back when the reader is done with it.
final class BorrowedWork {
  private let work: CodecWork
  private let codec: ValueCodec

  init(_ work: CodecWork, _ codec: ValueCodec) {
    self.work = work
    self.codec = codec
  }

  deinit { codec.giveBack(work) }
}
