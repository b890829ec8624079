/// Where the bytes of each segment are in memory: one entry per slot, read on every lookup without a lock.
///
/// A segment's memory moves once, from the staging buffer to the mapped file, when it is sealed. The bytes are the same
/// and offsets stay, so a reader may meet either.
@safe
final class SegmentTable: Sendable {
  private static let stride = 4
  private let words: AtomicWords

  init() throws(StoreError) {
    words = try AtomicWords(count: (Store.Limits.segments + 1) * Self.stride)
  }

  /// The slot of a segment: what an entry of the index has room for. Slot 0 is never a segment's.
  static func slot(_ segment: UInt64) -> Int { Int(segment % 65_536) }

  /// Publishes memory that the caller keeps alive until no reader can be in it.
  func set(_ slot: Int, _ view: MemoryView, salt: UInt64) {
    // The smaller length first, the address last: whatever mixture a reader loads lies within the memory.
    words.store(UInt64(view.count), at: slot * Self.stride + 1)
    words.store(salt, at: slot * Self.stride + 2)
    words.store(UInt64(UInt(bitPattern: unsafe view.pointer)), at: slot * Self.stride)
  }

  func clear(_ slot: Int) {
    words.store(0, at: slot * Self.stride + 1)
    words.store(0, at: slot * Self.stride)
  }

  /// The memory of a segment, empty if there is none in that slot. Valid under a read guard or the writer's turn.
  @inline(__always)
  func memory(_ slot: Int) -> (view: MemoryView, salt: UInt64) {
    let address = words.load(slot * Self.stride)
    let count = words.load(slot * Self.stride + 1)
    let salt = words.load(slot * Self.stride + 2)
    guard let base = unsafe UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: address)) else {
      return (.empty, 0)
    }
    // SAFETY: published by `set` with at most as many bytes as lie there.
    return unsafe (MemoryView(base, count: Int(truncatingIfNeeded: count)), salt)
  }
}
