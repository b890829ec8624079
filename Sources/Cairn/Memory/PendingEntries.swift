/// What makes a batch visible at once, without readers waiting and without cost for those who meet no batch.
///
/// While a batch is published, the index entries that it changes are replaced by *pending* ones, which lead here: to
/// the entry as it was, the entry as it will be, and to the batch's mark. Setting the mark is the commit: from then on
/// every reader resolves to the new entries. After that the pending entries are replaced by the new ones.
///
/// Places are given out in order, never twice from one block; a used-up block is released through the reclaimer. So a
/// reader whose entry and block are both unchanged after it resolved has resolved rightly. No bucket keeps a pending
/// entry beyond its batch: not even one that a shard has grown out of, in which a reader may still be (see `revert`).
@safe
final class PendingEntries: @unchecked Sendable {  // The block is published atomically; the rest is the writer's.
  /// Words per place: before, after, and the place of the batch's mark × 2, plus 1 if `after` leads to the record of a
  /// removal. Of a mark, the first word: 1 when committed.
  private static let stride = 3

  private let current: AtomicWords
  private var block: AtomicWords
  private var next = 1
  /// Between the beginning of a batch and its commit.
  private(set) var isStaging = false

  init() throws(StoreError) {
    current = try AtomicWords(count: 1)
    block = try AtomicWords(count: 1)
  }

  // MARK: The writer

  /// Begins a batch of at most `count` entries; the result names its mark. No batch may be under way.
  func beginBatch(count: Int) throws(StoreError) -> Int {
    if (next + count + 1) * Self.stride > block.count {
      let retired = block
      block = try AtomicWords(count: max(1 << 14, count + 2) * Self.stride)
      next = 1
      current.store(unsafe UInt64(UInt(bitPattern: Unmanaged.passUnretained(block).toOpaque())), at: 0)
      Reclaimer.shared.retire(retired)
    }
    isStaging = true
    return take(before: 0, after: 0, third: 0)
  }

  private func take(before: UInt64, after: UInt64, third: UInt64) -> Int {
    let place = next
    next += 1
    block.store(before, at: place * Self.stride)
    block.store(after, at: place * Self.stride + 1)
    block.store(third, at: place * Self.stride + 2)
    return place
  }

  /// A pending entry with this fingerprint, to stand in the index instead of `before`. Of a removal, `after` leads to
  /// its record, so that the writer can still tell whose it is.
  func stage(_ fingerprint: UInt32, before: UInt64, after: UInt64, isRemoval: Bool, mark: Int) -> UInt64 {
    let place = take(before: before, after: after, third: UInt64(mark) * 2 + (isRemoval ? 1 : 0))
    return UInt64(fingerprint) << 40 | UInt64(place)
  }

  /// Changes what a pending entry will be: the batch has the same key again. One key never has two entries, of which a
  /// reader might resolve one before the commit and the other after it.
  func restage(_ pending: UInt64, after: UInt64, isRemoval: Bool) {
    let place = Int(pending & 0xFF_FFFF) * Self.stride
    block.store(after, at: place + 1)
    block.store(block.load(place + 2) & ~1 | (isRemoval ? 1 : 0), at: place + 2)
  }

  /// What a pending entry will be.
  func staged(_ pending: UInt64) -> (after: UInt64, isRemoval: Bool) {
    let place = Int(pending & 0xFF_FFFF) * Self.stride
    return (block.load(place + 1), block.load(place + 2) & 1 == 1)
  }

  /// Makes the batch visible.
  func commit(_ mark: Int) {
    block.store(1, at: mark * Self.stride)
    isStaging = false
  }

  /// Gives buckets that a shard has grown out of while a batch was staged their entries back: whoever is still in them
  /// came before the commit, so what was before the batch is a right answer for as long as they stay.
  func revert(_ table: BucketTable) {
    for index in 0..<table.capacity {
      let entry = table.load(index)
      if entry == 0 || HashIndex.Entry.slot(entry) != 0 { continue }
      table.store(block.load(Int(entry & 0xFF_FFFF) * Self.stride), at: index)
    }
  }

  // MARK: Readers

  /// What the entry at `index` stands for: itself, or what it was or will be in a batch that is being published.
  @inline(never)
  func resolve(_ table: BucketTable, _ index: Int) -> UInt64 {
    while true {
      let entry = table.load(index)
      if entry == 0 || HashIndex.Entry.slot(entry) != 0 { return entry }
      let address = current.load(0)
      guard let opaque = unsafe UnsafeRawPointer(bitPattern: UInt(truncatingIfNeeded: address)) else { continue }
      // SAFETY: a block that has been replaced is kept until this reader's guard ends.
      let block = unsafe Unmanaged<AtomicWords>.fromOpaque(opaque).takeUnretainedValue()
      let place = Int(entry & 0xFF_FFFF) * Self.stride
      guard place + Self.stride <= block.count else { continue }
      let isCommitted = block.load(Int(truncatingIfNeeded: block.load(place + 2) >> 1) * Self.stride) == 1
      let isRemoval = block.load(place + 2) & 1 == 1
      let resolved = isCommitted ? (isRemoval ? 0 : block.load(place + 1)) : block.load(place)
      if table.load(index) == entry && current.load(0) == address { return resolved }
    }
  }
}
