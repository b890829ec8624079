internal import CCairn

/// A range of memory that somebody else keeps alive, with every access checked against its length.
///
/// `@safe` because each method checks its bounds; that the memory lives is upheld by the owner: a ``Mapping`` held by
/// the caller, a read guard (``ReaderSlot``), or a closure's argument. Kept in one small type so that nothing else in
/// the engine does arithmetic on pointers.
@safe
package struct MemoryView {
  private let base: UnsafeMutableRawPointer
  package let count: Int

  @inline(__always)
  init(_ base: UnsafeMutableRawPointer, count: Int) {
    unsafe self.base = base
    self.count = count
  }

  @inline(__always)
  init(_ base: UnsafeRawPointer, count: Int) {
    unsafe self.base = UnsafeMutableRawPointer(mutating: base)
    self.count = count
  }

  @inline(__always)
  init(_ buffer: UnsafeMutableRawBufferPointer) {
    unsafe self.base = buffer.baseAddress ?? UnsafeMutableRawPointer(bitPattern: 1)!
    self.count = buffer.count
  }

  /// The bytes of a span: valid as long as the span is, which the caller's parameter is.
  @inline(__always)
  package init(_ span: borrowing RawSpan) {
    // An empty span may have no address; no byte of it is ever read.
    self = unsafe span.withUnsafeBytes { buffer in
      unsafe MemoryView(
        buffer.baseAddress ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped, count: buffer.count)
    }
  }

  /// No bytes.
  package static var empty: MemoryView {
    unsafe MemoryView(UnsafeMutableRawPointer(bitPattern: 1).unsafelyUnwrapped, count: 0)
  }

  @inline(__always)
  package func contains(_ offset: Int, _ length: Int) -> Bool {
    offset >= 0 && length >= 0 && offset <= count && length <= count - offset
  }

  @inline(__always)
  package func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as _: T.Type) -> T {
    precondition(contains(offset, MemoryLayout<T>.size), "load outside of memory view")
    // SAFETY: checked above; any bit pattern is an integer.
    return T(littleEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  @inline(__always)
  func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    precondition(contains(offset, MemoryLayout<T>.size), "store outside of memory view")
    // SAFETY: checked above.
    unsafe base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
  }

  @inline(__always)
  package func copy(_ source: MemoryView, at offset: Int) {
    precondition(contains(offset, source.count), "copy outside of memory view")
    // SAFETY: checked above; views of one region never overlap where the engine copies.
    unsafe base.advanced(by: offset).copyMemory(from: source.base, byteCount: source.count)
  }

  func copy(_ source: [UInt8], at offset: Int) { copy(unsafe MemoryView(source.span.bytes), at: offset) }

  @inline(__always)
  package func loadFourWords(_ offset: Int) -> (UInt64, UInt64, UInt64, UInt64) {
    precondition(contains(offset, 32), "load outside of memory view")
    // SAFETY: checked above; any bit pattern is an integer. One vector load would be taken apart through the stack.
    let first = unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    let second = unsafe base.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
    let third = unsafe base.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self)
    let fourth = unsafe base.loadUnaligned(fromByteOffset: offset + 24, as: UInt64.self)
    return (
      UInt64(littleEndian: first), UInt64(littleEndian: second), UInt64(littleEndian: third),
      UInt64(littleEndian: fourth)
    )
  }

  package func zero(_ offset: Int, _ length: Int) {
    precondition(contains(offset, length), "zeroing outside of memory view")
    // SAFETY: checked above.
    unsafe base.advanced(by: offset).initializeMemory(as: UInt8.self, repeating: 0, count: length)
  }

  @inline(__always)
  package func slice(_ offset: Int, _ length: Int) -> MemoryView {
    precondition(contains(offset, length), "slice outside of memory view")
    return unsafe MemoryView(base + offset, count: length)
  }

  @inline(__always)
  package func isEqual(to other: MemoryView) -> Bool {
    // SAFETY: both lengths are the same, and each is its view's own.
    unsafe count == other.count && cairn_equal(base, other.base, count) != 0
  }

  /// Whether it comes before the other one in the order of bytes, a prefix first.
  package func precedes(_ other: MemoryView) -> Bool {
    // SAFETY: no more is compared than both have.
    let order = unsafe cairn_compare(base, other.base, min(count, other.count))
    return order < 0 || order == 0 && count < other.count
  }

  /// How many bytes both begin with.
  func commonPrefix(_ other: MemoryView) -> Int {
    let most = min(count, other.count)
    var same = 0
    while same + 8 <= most, load(same, as: UInt64.self) == other.load(same, as: UInt64.self) { same += 8 }
    while same < most, load(same, as: UInt8.self) == other.load(same, as: UInt8.self) { same += 1 }
    return same
  }

  package func starts(with prefix: MemoryView) -> Bool { prefix.count <= count && isEqual(to: prefix, at: 0) }

  /// Whether the bytes from `offset` on, as many as `other` has, are the same.
  @inline(__always)
  package func isEqual(to other: MemoryView, at offset: Int) -> Bool {
    precondition(contains(offset, other.count), "comparison outside of memory view")
    // SAFETY: checked above.
    return unsafe cairn_equal(base + offset, other.base, other.count) != 0
  }

  @inline(__always)
  package func hash(seed: UInt64) -> UInt64 { unsafe cairn_hash(base, count, seed) }

  /// The same function, without a call where the view is a short key.
  @inline(__always)
  package func keyHash(seed: UInt64) -> UInt64 { unsafe cairn_hash_key(base, count, seed) }

  @inline(__always)
  func prefetch(_ offset: Int) {
    // SAFETY: a prefetch of any address is allowed.
    unsafe cairn_prefetch(base + offset)
  }

  /// Lets the kernel read pages of a file one by one, and not their neighbours with them. Only a hint.
  func adviseScattered() { unsafe cairn_advise_scattered(base, count) }

  /// Lets the kernel begin to read all of it, if it stands in a file and not in memory. Only a hint.
  func adviseNeeded() { unsafe cairn_advise_needed(base, count) }

  package func isZero(_ offset: Int, _ length: Int) -> Bool {
    if length == 0 { return true }
    let part = slice(offset, length)
    // Each byte is the one before it, and the first is zero.
    return part.load(0, as: UInt8.self) == 0 && part.slice(1, length - 1).isEqual(to: part.slice(0, length - 1))
  }

  /// A copy of the bytes on the heap.
  package func array() -> [UInt8] {
    // Their count would be written to the storage that all empty arrays share.
    if count == 0 { return [] }
    // SAFETY: exactly `count` bytes are initialized from as many.
    return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let target = buffer.baseAddress {
        unsafe UnsafeMutableRawPointer(target).copyMemory(from: base, byteCount: count)
      }
      initialized = count
    }
  }

  /// At most the first 32 bytes, for errors.
  func prefix() -> [UInt8] { slice(0, min(count, 32)).array() }

  /// Calls `body` with the bytes as a span that cannot leave it.
  @inline(__always)
  package func lend<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    // SAFETY: the owner keeps the memory while this is called.
    try body(unsafe RawSpan(_unsafeStart: base, byteCount: count))
  }

  /// The bytes for a system call or a public span.
  @unsafe var pointer: UnsafeMutableRawPointer { unsafe base }
}

extension Array where Element == UInt8 {
  package mutating func append(_ view: MemoryView) {
    // SAFETY: the view's own bytes.
    unsafe append(contentsOf: UnsafeRawBufferPointer(start: view.pointer, count: view.count))
  }

  /// Appends `byteCount` bytes that `body` must initialize, all of them.
  mutating func append(addingCapacity byteCount: Int, _ body: (MemoryView) -> Void) {
    // 6.3 has no append of uninitialized elements; zeroing first costs 3 ns for a small record.
    let start = count
    append(contentsOf: repeatElement(0, count: byteCount))
    // SAFETY: the slice's bytes, for the length of the call.
    unsafe withUnsafeMutableBytes { unsafe body(MemoryView($0).slice(start, byteCount)) }
  }
}
