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

  /// Words at the start of memory that is shared.
  init(_ memory: Mapping, count: Int) {
    precondition(memory.byteCount >= count * 8, "words outside of memory")
    self.memory = memory
    // SAFETY: as above; mappings begin with a page.
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

/// Words that are there, or not: a constant of its owner, which a variable would not be (measured: 70 instructions for
/// each put).
@safe
final class OptionalWords: Sendable {
  private let address = Atomic<UInt>(0)
  private let memory = Locked<Mapping?>(nil)

  /// From now on, as long as this object lives, words are the first of that memory.
  func use(_ mapping: Mapping) {
    memory.withLock { $0 = $0 ?? mapping }
    guard let used = memory.withLock({ $0 }) else { return }
    unsafe address.store(UInt(bitPattern: used.pointer), ordering: .releasing)
  }

  /// From now on there are none; who is writing to them has ended.
  func forget() {
    address.store(0, ordering: .releasing)
    memory.withLock { $0 = nil }
  }

  @inline(__always)
  func store(_ value: UInt64, at index: Int) {
    guard let words = unsafe words else { return }
    unsafe words[index].store(value, ordering: .releasing)
  }

  func increment(at index: Int) {
    guard let words = unsafe words else { return }
    _ = unsafe words[index].wrappingAdd(1, ordering: .releasing)
  }

  @inline(__always)
  private var words: UnsafeMutablePointer<Atomic<UInt64>>? {
    // SAFETY: null, or a page that `memory` keeps.
    unsafe UnsafeMutablePointer(bitPattern: address.load(ordering: .acquiring))
  }
}
