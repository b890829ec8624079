/// Room for records in the active segment: space of its file, and pages of its memory.
///
/// The writer makes a little when it needs some. For a busy writer the background thread makes as much ahead as has
/// been used already, so that a commit waits neither for the file system nor for the kernel to zero memory (measured:
/// 4 MiB at once took up to 13 ms).
extension Engine {
  /// Smaller segments are not extended in the background.
  private static let extensionBytes = 1 << 20

  /// Sees to it that `byteCount` bytes of records, and a seal, fit at the log's position of the active segment.
  @inline(__always)
  func makeRoom(_ byteCount: Int) throws(StoreError) -> MemoryView {
    let end = log.position + byteCount + Self.sealBytes
    if end <= log.ready { return log.memory }
    return try makeMoreRoom(byteCount)
  }

  @inline(never)
  private func makeMoreRoom(_ byteCount: Int) throws(StoreError) -> MemoryView {
    if log.position + byteCount + Self.sealBytes > log.memory.count {
      try roll(atLeast: byteCount)
    }
    try reserve(log.position + byteCount + Self.sealBytes)
    if log.available < log.memory.count && max(log.reserved, 2 * log.position) >= Self.extensionBytes {
      // The other one may be syncing, for as long as the disk takes.
      (flusher ?? background)?.wake(.extend)
    }
    // Long before the end, so that a new file can be synced on a busy disk; but a small store has one segment.
    if !log.isPreparationDue && (log.segment > 1 || log.position > options.segmentBytes / 8) {
      log.isPreparationDue = true
      background?.wake(.prepare)
    }
    return log.memory
  }

  /// Sees to it that space is reserved, and memory present, up to `end`.
  ///
  /// Space in steps that double from 64 KiB, so that a small store is a small directory and a large one is not asked
  /// for space at every commit. Memory in steps of 256 KiB: faults page by page cost 100 ns a record, these 35.
  func reserve(_ end: Int) throws(StoreError) {
    guard let file = log.file else { return }
    if end > log.reserved {
      let step = max(end, min(max(64 << 10, log.reserved * 2), log.memory.count))
      let reserved = log.wholePages(min(step, log.memory.count))
      try file.reserve(log.reserved, upTo: reserved)
      log.reserved = reserved
    }
    if end > log.populated {
      let step = 256 << 10
      let populated = min(log.memory.count, max(end, (log.position & ~(step - 1)) + step))
      let start = max(log.populated, log.position) & ~4095
      System.populate(log.memory.slice(start, populated - start))
      log.populated = populated
    }
    log.ready = log.available
  }

  /// In the background: makes room ahead of the writer, as much as it has used.
  ///
  /// - Throws: what the file system refuses; the writer comes to it again when it needs the space.
  func extend() throws(StoreError) {
    // The buffer may be sealed meanwhile, but not given back.
    let slot = gate.enter()
    defer { slot.leave() }
    let before = try inTurn { log }
    guard let file = before.file else { return }
    let wanted = min(before.memory.count, max(before.reserved, before.position * 5 / 2))
    let reserved = max(before.reserved, before.wholePages(wanted))
    if reserved > before.reserved { try file.reserve(before.reserved, upTo: reserved) }
    var start = max(before.populated, before.position) & ~4095
    while start < wanted {
      let end = min(wanted, start + 4 << 20)
      System.populate(before.memory.slice(start, end - start))
      start = end
      let isOver = try inTurn {
        if log.segment != before.segment { return true }
        log.reserved = max(log.reserved, reserved)
        log.populated = max(log.populated, end)
        // Half of it used up, the writer asks for more.
        log.ready = log.position + (log.available - log.position) / 2
        return false
      }
      if isOver { return }
    }
  }
}
