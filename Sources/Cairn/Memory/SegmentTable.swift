internal import Synchronization

/// Where the bytes of each segment are in memory: one entry per slot, read on every lookup without a lock.
///
/// A segment's memory moves once, from the staging buffer to the mapped file, when it is sealed. The bytes are the same
/// and offsets stay, so a reader may meet either.
@safe
struct SegmentTable: @unchecked Sendable {  // Words are only accessed atomically.
  private static let slots = Store.Limits.segments + 1
  /// Words per slot: address, length, salt, and one to make it half a cache line.
  private static let stride = 4

  private let base: UnsafeMutablePointer<Atomic<UInt64>>
  private let memory: Mapping

  init() throws(StoreError) {
    memory = try System.allocate(byteCount: Self.slots * Self.stride * 8)
    // SAFETY: `Atomic<UInt64>` has the layout of its value, zero is a valid one, and pages are aligned.
    unsafe base = memory.pointer.bindMemory(to: Atomic<UInt64>.self, capacity: Self.slots * Self.stride)
  }

  /// The slot of a segment: what an entry of the index has room for. Slot 0 is never a segment's.
  static func slot(_ segment: UInt64) -> Int { Int(segment % UInt64(slots)) }

  @inline(__always)
  private func words(_ slot: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    precondition(slot >= 0 && slot < Self.slots, "segment slot")
    return unsafe base + slot * Self.stride
  }

  /// Publishes memory that the caller keeps alive until no reader can be in it.
  func set(_ slot: Int, _ view: MemoryView, salt: UInt64) {
    let words = unsafe words(slot)
    // The smaller length first, the address last: whatever mixture a reader loads lies within the memory.
    unsafe words[1].store(UInt64(view.count), ordering: .releasing)
    unsafe words[2].store(salt, ordering: .releasing)
    unsafe words[0].store(UInt64(UInt(bitPattern: view.pointer) &- UInt(bitPattern: base)), ordering: .releasing)
  }

  /// Only if the segment there is still that one.
  func clear(_ slot: Int, salt: UInt64) {
    if unsafe words(slot)[2].load(ordering: .acquiring) == salt { clear(slot) }
  }

  func clear(_ slot: Int) {
    unsafe words(slot)[1].store(0, ordering: .releasing)
    unsafe words(slot)[0].store(0, ordering: .releasing)
  }

  /// The memory of a segment, empty if there is none in that slot. Valid under a read guard or the writer's turn.
  @inline(__always)
  func memory(_ slot: Int) -> (view: MemoryView, salt: UInt64) {
    let words = unsafe words(slot)
    let address = unsafe words[0].load(ordering: .acquiring)
    let count = unsafe words[1].load(ordering: .acquiring)
    let salt = unsafe words[2].load(ordering: .acquiring)
    // SAFETY: published by `set` with at most as many bytes as lie there; an empty slot has none. Addresses are stored
    // relative to the table, so that an empty slot's is one too.
    let pointer = unsafe UInt(truncatingIfNeeded: address) &+ UInt(bitPattern: base)
    let start = unsafe UnsafeMutableRawPointer(bitPattern: pointer).unsafelyUnwrapped
    return unsafe (MemoryView(start, count: Int(truncatingIfNeeded: count)), salt)
  }
}
