extension FrozenStore {
  // MARK: One key

  /// Calls `body` with the value of a key, in place: nothing is copied, nothing allocated, unless it is compressed.
  ///
  /// - Returns: what `body` returns, or `nil` if there is no such key.
  /// - Throws: `.damaged` if the index or the record fails its checksum; `.unsupportedFormat` if a newer version stored
  ///   the value in a way that this one does not know.
  /// - Complexity: one cache line of the index and the record itself.
  @inlinable
  public func withValue<Key: ByteLending & ~Copyable & ~Escapable, Result>(
    for key: borrowing Key, _ body: (RawSpan) -> Result
  ) throws(StoreError) -> Result? {
    defer { withExtendedLifetime(self) {} }
    return try key.withBytes { (key: RawSpan) throws(StoreError) -> Result? in
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
    defer { withExtendedLifetime(self) {} }
    return try key.withBytes { (key: RawSpan) throws -> Result? in
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

  /// Copies the value of a key to the beginning of `buffer`.
  ///
  /// - Returns: the length of the value in bytes, or `nil` if there is no such key. If it is greater than the buffer,
  ///   nothing was copied.
  /// - Throws: as ``withValue(for:_:)``.
  @inlinable
  public func copyValue<Key: ByteLending & ~Copyable & ~Escapable>(
    for key: borrowing Key, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StoreError) -> Int? {
    try key.withBytes { (key: RawSpan) throws(StoreError) in try unsafe _copyValue(key, buffer) }
  }

  /// Whether there is such a key. Verifies the record as any read does.
  ///
  /// - Throws: as ``withValue(for:_:)``.
  @inlinable
  public func contains<Key: ByteLending & ~Copyable & ~Escapable>(_ key: borrowing Key) throws(StoreError) -> Bool {
    try key.withBytes { (key: RawSpan) throws(StoreError) in try _contains(key) }
  }

  /// The value of a key together with its version (0: none was given) and its deadline.
  ///
  /// - Throws: as ``withValue(for:_:)``.
  @inlinable
  public func entry<Key: ByteLending & ~Copyable & ~Escapable>(
    for key: borrowing Key
  ) throws(StoreError) -> Store.Entry? {
    try key.withBytes { (key: RawSpan) throws(StoreError) in try _entry(key) }
  }
}

extension FrozenStore {
  @usableFromInline
  func _value(_ key: RawSpan) throws(StoreError) -> [UInt8]? {
    guard let found = try find(MemoryView(key)) else { return nil }
    return try withValue(of: found) { (value) throws(StoreError) in value.array() }
  }

  @usableFromInline
  func _copyValue(_ key: RawSpan, _ buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int? {
    guard let found = try find(MemoryView(key)) else { return nil }
    if found.isCompressed { return try copyDecompressed(found, to: unsafe MemoryView(buffer)) }
    let value = found.stored(view)
    if value.count <= buffer.count { unsafe MemoryView(buffer).copy(value, at: 0) }
    return value.count
  }

  @inline(never)
  private func copyDecompressed(_ record: FrozenRecord, to buffer: MemoryView) throws(StoreError) -> Int {
    let count = try byteCount(of: record)
    guard count <= buffer.count else { return count }
    let work = try codec.take()
    defer { codec.giveBack(work) }
    try decompress(record, work, into: buffer.slice(0, count))
    return count
  }

  @usableFromInline
  func _contains(_ key: RawSpan) throws(StoreError) -> Bool { try find(MemoryView(key)) != nil }

  @usableFromInline
  func _entry(_ key: RawSpan) throws(StoreError) -> Store.Entry? {
    guard let found = try find(MemoryView(key)) else { return nil }
    let value = try withValue(of: found) { (value) throws(StoreError) in value.array() }
    return Store.Entry(value: value, version: found.version(view), deadline: found.deadline(view))
  }

  @usableFromInline
  func _beginRead(_ key: RawSpan) throws(StoreError) -> _FrozenValue? {
    guard let found = try find(MemoryView(key)) else { return nil }
    if !found.isCompressed { return unsafe _FrozenValue(found.stored(view), nil) }
    let work = BorrowedFrozenWork(try codec.take(), codec)
    return unsafe _FrozenValue(try decompress(found, work.work), Unmanaged.passRetained(work))
  }
}

/// A value that is being read: valid until `end()`, and while its store is there.
@safe
public struct _FrozenValue {
  @usableFromInline let base: UnsafeRawPointer
  @usableFromInline let count: Int
  /// What holds a value that was compressed. Not counted, so that the others are copied without a look at it.
  private let borrowed: Unmanaged<BorrowedFrozenWork>?

  @inline(__always)
  init(_ view: MemoryView, _ borrowed: Unmanaged<BorrowedFrozenWork>?) {
    unsafe self.borrowed = borrowed
    unsafe base = UnsafeRawPointer(view.pointer)
    count = view.count
  }

  @inlinable
  var value: RawSpan {
    @_lifetime(borrow self)
    get {
      // SAFETY: the caller keeps the store, and with it the mapping; `borrowed` keeps what was decompressed.
      let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  @usableFromInline
  func end() {
    // SAFETY: retained once, when it was begun, and ended once.
    unsafe borrowed?.release()
  }
}

/// Gives the work back when the reader is done with it.
final class BorrowedFrozenWork {
  let work: FrozenWork
  private let codec: FrozenCodec

  init(_ work: FrozenWork, _ codec: FrozenCodec) {
    self.work = work
    self.codec = codec
  }

  deinit { codec.giveBack(work) }
}
