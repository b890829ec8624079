internal import Synchronization

/// Two words for each shard of the index, which readers load on every lookup: its buckets (``BucketTable``), and a
/// counter of moved entries, odd while one is moved.
///
/// A plain value in the index, of a length that the compiler knows: a lookup is one load away from the words, and their
/// bounds checks fold into how a shard is computed from a hash.
@safe
struct ShardWords: @unchecked Sendable {  // Words are only accessed atomically.
  static let shards = 1024

  private let base: UnsafeMutablePointer<Atomic<UInt64>>
  private let memory: Mapping

  init() throws(StoreError) {
    memory = try System.allocate(byteCount: Self.shards * 16)
    // SAFETY: `Atomic<UInt64>` has the layout of its value, zero is a valid one, and pages are aligned.
    unsafe base = memory.pointer.bindMemory(to: Atomic<UInt64>.self, capacity: Self.shards * 2)
  }

  @inline(__always)
  func table(_ shard: Int) -> BucketTable {
    precondition(shard >= 0 && shard < Self.shards, "shard")
    return BucketTable(word: unsafe base[shard * 2].load(ordering: .acquiring))
  }

  @inline(__always)
  func moves(_ shard: Int) -> UInt64 {
    precondition(shard >= 0 && shard < Self.shards, "shard")
    return unsafe base[shard * 2 + 1].load(ordering: .acquiring)
  }

  func setTable(_ table: BucketTable, _ shard: Int) {
    precondition(shard >= 0 && shard < Self.shards, "shard")
    unsafe base[shard * 2].store(table.word, ordering: .releasing)
  }

  func setMoves(_ moves: UInt64, _ shard: Int) {
    precondition(shard >= 0 && shard < Self.shards, "shard")
    unsafe base[shard * 2 + 1].store(moves, ordering: .releasing)
  }

  /// Replaces the table if it is still `old`. Returns whether it was.
  func exchange(_ old: BucketTable, with new: BucketTable, _ shard: Int) -> Bool {
    precondition(shard >= 0 && shard < Self.shards, "shard")
    return unsafe base[shard * 2].compareExchange(
      expected: old.word, desired: new.word, ordering: .acquiringAndReleasing
    ).exchanged
  }
}
