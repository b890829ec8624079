internal import Synchronization

/// What reads leave for the policy, without a lock: hashes of the keys that were found. Rings, one for each of some
/// threads; whoever holds the lock of the caches takes out what is in them. Where nobody does for long, older ones are
/// overwritten; where two threads share a ring, one of two that come at the same moment may be lost. Of one thread,
/// none are, as long as it can have the lock when it asks for it.
final class AccessNotes: Sendable {
  private static let capacity = 128
  /// So many wait before a reader tries to have them taken out, and again after so many more.
  private static let (wanted, again) = (64, 8)

  // Words of a ring: how many notes it has been given, how many have been taken out, the notes.
  private static let (written, taken, first) = (0, 1, 2)
  private let rings = Stripes(words: first + capacity)
  /// There may be some. (One that comes while they are taken out may wait until the next one comes.)
  private let areThere = Atomic(false)

  /// Returns whether they should be taken out.
  @inline(__always)
  func add(_ hash: UInt64) -> Bool {
    let ring = Stripes.ofThread
    let count = rings.load(ring, Self.written)
    rings.store(hash, ring, Self.first + Int(count % UInt64(Self.capacity)))
    rings.store(count &+ 1, ring, Self.written)
    if !areThere.load(ordering: .relaxed) { areThere.store(true, ordering: .relaxed) }
    let waiting = Int(truncatingIfNeeded: count &+ 1 &- rings.load(ring, Self.taken))
    return waiting >= Self.wanted && waiting % Self.again == 0
  }

  /// Adds them to an array. With the lock.
  func takeOut(into hashes: inout [UInt64]) {
    if !areThere.load(ordering: .relaxed) { return }
    areThere.store(false, ordering: .sequentiallyConsistent)
    for ring in 0..<Stripes.count {
      let (end, taken) = (rings.load(ring, Self.written), rings.load(ring, Self.taken))
      if end == taken { continue }
      var count = min(Int(truncatingIfNeeded: end &- taken), Self.capacity)
      // Whoever was held up between two steps may have set it back.
      if count < 0 { count = 0 }
      for number in 0..<count {
        let place = (end &- UInt64(count) &+ UInt64(number)) % UInt64(Self.capacity)
        hashes.append(rings.load(ring, Self.first + Int(place)))
      }
      rings.store(end, ring, Self.taken)
    }
  }
}
