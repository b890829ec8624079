internal import CCairn
internal import Synchronization

/// Keeps alive what readers may still be in: mappings of sealed or closed segments, grown-out buckets, staging buffers.
///
/// Epoch-based, one for the process. A read announces itself in its thread's slot with two plain stores and no fence;
/// the reclaimer pays for both with `membarrier` (measured: a fence per read costs 5–8 ns, a reclaim with
/// `membarrier` a few µs, some times a second at most). Where the kernel lacks it, reads fence.
package final class Reclaimer: Sendable {
  package static let shared = Reclaimer()

  private struct Retired {
    let epoch: UInt64
    let object: any AnyObject & Sendable
  }

  /// Where readers begin.
  let gate: ReaderGate
  private let retired = Locked<[Retired]>([])

  /// So many objects are gathered before anybody looks for readers: that interrupts the other processors, and costs as
  /// much as several commits (an index that grows retires its old buckets one shard at a time).
  private static let gatheredMax = 64

  private init() { gate = ReaderGate(hasMembarrier: cairn_membarrier_register() == 0) }

  /// Releases `object` when no read that may have seen it is still going on, and some more have been gathered. What
  /// made it reachable must be gone already.
  ///
  /// - Parameter isLarge: it is worth to look for readers at once.
  func retire(_ object: some AnyObject & Sendable, isLarge: Bool = true) {
    let now = gate.advance()
    let count = retired.withLock { list in
      list.append(Retired(epoch: now, object: object))
      return list.count
    }
    if isLarge || count % Self.gatheredMax == 0 { reclaim() }
  }

  /// Releases what can be; never waits for a reader.
  package func reclaim() {
    var released: [Retired] = []
    retired.withLock { list in
      if list.isEmpty { return }
      if gate.hasMembarrier { _ = cairn_membarrier() } else { atomicMemoryFence(ordering: .sequentiallyConsistent) }
      let oldest = ReaderSlot.oldestEpoch()
      released = list.filter { $0.epoch < oldest }
      list.removeAll { $0.epoch < oldest }
    }
    // Released outside of the lock: unmapping takes long.
    released.removeAll()
  }

  /// Objects that still wait for a reader.
  package var pendingCount: Int { retired.withLock { $0.count } }
}

/// Lets reads begin. A plain value, copied into each engine: to go through an object would cost a retain and a release,
/// atomic operations that keep the processor from working ahead on the next lookup.
@safe
struct ReaderGate: @unchecked Sendable {  // The epoch is atomic, and never released.
  private let epoch: UnsafeMutablePointer<Atomic<UInt64>>
  let hasMembarrier: Bool

  init(hasMembarrier: Bool) {
    unsafe epoch = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: 1)
    unsafe epoch.initialize(to: Atomic(1))
    self.hasMembarrier = hasMembarrier
  }

  /// Marks this thread as inside of a read, until `leave`. May be nested.
  @inline(__always)
  func enter() -> ReaderSlot {
    let slot = unsafe ReaderSlot(cairn_reader_current())
    // Acquired, so that what is loaded afterwards is not older than the epoch.
    slot.enter(unsafe epoch.pointee.load(ordering: .acquiring))
    if !hasMembarrier { atomicMemoryFence(ordering: .sequentiallyConsistent) }
    return slot
  }

  /// Begins a new epoch and returns the one before.
  func advance() -> UInt64 {
    unsafe epoch.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue
  }
}

/// A thread's announcement that it reads.
@safe
struct ReaderSlot {
  private let slot: UnsafeMutablePointer<cairn_reader>

  @inline(__always)
  init(_ slot: UnsafeMutablePointer<cairn_reader>) { unsafe self.slot = slot }

  /// The epoch, shared with the reclaimer; slots are never freed.
  @inline(__always)
  private static func epoch(_ slot: UnsafeMutablePointer<cairn_reader>) -> UnsafeMutablePointer<Atomic<UInt64>> {
    // SAFETY: the epoch is the first member, and only accessed as an atomic.
    unsafe UnsafeMutableRawPointer(slot).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  /// How many reads the thread is inside of. A pointer of its own: a change through `pointee` counts as one of the
  /// whole slot.
  @inline(__always)
  private var depth: UnsafeMutablePointer<UInt64> {
    // SAFETY: the second member.
    unsafe (UnsafeMutableRawPointer(slot) + 8).assumingMemoryBound(to: UInt64.self)
  }

  @inline(__always)
  func enter(_ now: UInt64) {
    if unsafe depth.pointee == 0 {
      unsafe ReaderSlot.epoch(slot).pointee.store(now, ordering: .relaxed)
      cairn_compiler_barrier()
    }
    unsafe depth.pointee &+= 1
  }

  @inline(__always)
  func leave() {
    unsafe depth.pointee &-= 1
    if unsafe depth.pointee == 0 {
      unsafe ReaderSlot.epoch(slot).pointee.store(0, ordering: .releasing)
    }
  }

  static func oldestEpoch() -> UInt64 {
    var oldest = UInt64.max
    var next = unsafe cairn_reader_first()
    while let slot = unsafe next {
      let epoch = unsafe epoch(slot).pointee.load(ordering: .acquiring)
      if epoch != 0 { oldest = min(oldest, epoch) }
      unsafe next = slot.pointee.next
    }
    return oldest
  }
}
