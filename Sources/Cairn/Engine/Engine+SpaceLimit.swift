internal import Synchronization

/// A limit for the size of the store's directory.
extension Engine {
  /// Bytes that the files of the store take, or will when the next checkpoint is written beside the last one.
  private func spaceUsed() -> Int {
    let log = catalog.withLock { catalog in
      catalog.segments.reduce(catalog.prepared?.reserved ?? 0) {
        $0 + ($1.end ?? max(self.log.reserved, self.log.position))
      }
    }
    let checkpoint = max(total(.checkpointBytes), 12 * total(.liveEntries) + CheckpointHeader.bucketsStart)
    // Each is there twice while it is written anew.
    return log + 2 * (checkpoint + viewBytes.load(ordering: .relaxed)) + Self.otherFilesBytes
  }

  /// `STORE`, `LOCK`, the list of segments that are gone.
  private static let otherFilesBytes = 64 << 10

  /// How much compaction is to give back so that there is room for some more: it begins long before there is none.
  func spaceExcess() -> Int {
    guard let limit = options.spaceLimit else { return 0 }
    queue.take()
    defer { queue.giveBack() }
    return spaceUsed() - limit + limit / 8 + 2 * options.segmentBytes
  }

  /// With the turn: whether an operation's records may take the space that they need, and what goes with it.
  func checkSpace(for operation: Operation) throws(StoreError) {
    var byteCount: Int
    switch operation.kind {
    case .sync: return
    case .batch: byteCount = operation.batch.count
    case .put, .remove, .invalidate: byteCount = operation.key.count + operation.value.count + 64
    }
    for removal in alongside { byteCount += removal.byteCount }
    let end = log.position + byteCount + Self.sealBytes
    guard let limit = options.spaceLimit, end > log.reserved || end > log.memory.count else { return }
    // Two segments are left for what compaction moves, one of them for removes too.
    let kept = (operation.kind == .remove || operation.kind == .invalidate ? 1 : 2) * options.segmentBytes
    let needed = spaceUsed() + max(byteCount, Self.spaceStep) + kept
    guard needed > limit else { return }
    gainedAtRefusal.store(gained, ordering: .relaxed)
    throw StoreError(
      .spaceLimit, "the store has reached its limit of \(limit) bytes; remove entries or raise the limit",
      file: directory.path)
  }

  /// What is reserved at once where there is a limit.
  static let spaceStep = 64 << 10

  /// What has found no space is tried again when compaction has made some.
  @inline(never)
  func commitAgain(_ operation: Operation, after error: StoreError) throws(StoreError) -> Outcome {
    guard error.code == .spaceLimit else { throw error }
    // A round of the background that was under way then may have made room, and have left nothing to be gained.
    if try !makeSpace() && gained <= gainedAtRefusal.load(ordering: .relaxed) { throw error }
    return try commit(operation)
  }

  /// Bytes that compaction has given back for good.
  var gained: Int { total(.reclaimedBytes) &- total(.bytesMoved) }
}
