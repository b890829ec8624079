/// Closing: what is in memory goes to the disk, the log is marked as closed, memory is given back.
extension Engine {
  /// Does nothing the second time, and nothing in a forked child: the store is the parent's.
  func close() throws(StoreError) {
    guard alive.isOwnProcess, alive.clear() else { return }
    defer { releaseAll() }
    closing.set(1)
    wakeWatchers()
    background?.stop()
    if isReadOnly { return }
    // Whoever has the turn finishes; who comes after finds the store closed.
    let finish = Result { () throws(StoreError) in try inTurn { () throws(StoreError) in try flush() } }
    flusher?.stop()
    compactor?.stop()
    // Nor does one go on that was asked for.
    compacting.withLock { _ in }
    training.withLock { _ in }
    keeping.withLock { _ in }
    try finish.get()
    let isLong = log.bytesSinceCheckpoint > min(checkpointInterval, 1 << 20)
    // One that was found damaged is not left to be found damaged again.
    if isLong || total(.rebuilt) > 0 { try writeCheckpoint() }
    try inTurn { () throws(StoreError) in
      try syncSealed()
      try markClosed()
    }
    if let prepared = catalog.withLock({ $0.prepared }) {
      try directory.unlink(SegmentHeader.name(prepared.header.segment))
      try directory.sync()
    }
  }

  /// After everything else is on the disk, so that the mark is true.
  private func markClosed() throws(StoreError) {
    guard let file = log.file else { return }
    if log.position != log.closedAt {
      try sync(file)
      log.durable = log.position
      appendSeal(SealValue(reason: SealValue.Reason.closed, epoch: log.epoch, next: 0), log.memory)
      try flush()
    } else if log.reserved == log.position {
      return
    }
    // What was reserved and not needed.
    try file.truncate(to: log.position)
    try sync(file)
    try file.close()
  }

  /// Memory goes when no reader is in it any more; the lock at once.
  ///
  /// Readers that began before the close still go by the index and the segments, so these go on leading to the memory:
  /// a table emptied under a reader would tell it that a key is not there. Those that come later see that the store is
  /// closed before they look at anything.
  private func releaseAll() {
    queue.take()
    isReleased = true
    for shard in 0..<HashIndex.shards {
      if let memory = index.memory[shard] { Reclaimer.shared.retire(memory, isLarge: false) }
      index.memory[shard] = nil
    }
    if let checkpoint = index.loaded.withLock({ $0.take() }) { Reclaimer.shared.retire(checkpoint) }
    catalog.withLock { catalog in
      for segment in catalog.segments { Reclaimer.shared.retire(segment.memory) }
      for segment in pins.withLock({ $0.removeAll() }) { Reclaimer.shared.retire(segment) }
      catalog = SegmentCatalog(store: header.identifier)
    }
    dictionaries.releaseAll()
    log.dictionary = nil
    learning.withLock { $0.current = nil }
    log.memory = .empty
    log.file = nil
    news.forget()
    heard.withLock { $0 = Heard() }
    queue.giveBack()
    codec.releaseIdle()
    lock = nil
    directory.close()
  }
}
