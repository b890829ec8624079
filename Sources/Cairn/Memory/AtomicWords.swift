internal import Synchronization

/// A fixed table of 64-bit words that threads share, each access checked against its length.
///
/// `Atomic` cannot be an array's element, so the words lie in memory of their own: zero at first, pages of it
/// untouched until used.
@safe
final class AtomicWords: @unchecked Sendable {  // Words are only accessed atomically.
  private let words: UnsafeMutablePointer<Atomic<UInt64>>
  private let memory: Mapping
  let count: Int

  init(count: Int) throws(StoreError) {
    memory = try System.allocate(byteCount: count * 8)
    // SAFETY: `Atomic<UInt64>` has the layout of its value, zero is a valid one, and pages are aligned.
    unsafe words = memory.pointer.bindMemory(to: Atomic<UInt64>.self, capacity: count)
    self.count = count
  }

  @inline(__always)
  private func word(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    precondition(index >= 0 && index < count, "word outside of table")
    return unsafe words + index
  }

  /// Reads with acquire ordering.
  @inline(__always)
  func load(_ index: Int) -> UInt64 { unsafe word(index).pointee.load(ordering: .acquiring) }

  /// Writes with release ordering.
  @inline(__always)
  func store(_ value: UInt64, at index: Int) { unsafe word(index).pointee.store(value, ordering: .releasing) }

  /// Adds where only one thread at a time writes.
  @inline(__always)
  func add(_ difference: Int64, at index: Int) {
    let target = unsafe word(index)
    let before = unsafe target.pointee.load(ordering: .relaxed)
    unsafe target.pointee.store(before &+ UInt64(bitPattern: difference), ordering: .relaxed)
  }
}
