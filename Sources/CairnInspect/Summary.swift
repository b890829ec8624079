package import Cairn

/// What a store is and holds, in so far as that can be told without reading all of it.
package struct Summary {
  /// How much of the log is still needed.
  struct Live: Equatable {
    var entries: Int
    var bytes: Int
    var deadBytes: Int
    /// Entries whose time is up count until they are replaced or removed.
    var asOfSequence: UInt64
    var isFromCheckpoint: Bool
  }

  let store: StoreDirectory
  let log: LogReport
  let checkpoint: CheckpointFile.State
  let live: Live?
  let lockHolder: String?
  let byteCountOnDisk: Int

  /// Reads the last segment, and all of them if there is no checkpoint to tell what is live.
  package init(_ store: StoreDirectory) throws(StoreError) {
    self.store = store
    lockHolder = try store.lockHolder()
    checkpoint = try CheckpointFile.load(store)
    if let file = checkpoint.file {
      var walk = LogWalk(store, depth: .ends, covered: file.covered, visitor: NoVisitor())
      try walk.run()
      log = walk.report
      let liveBytes = file.segments.reduce(0) { $0 &+ Int($1.liveBytes) }
      // Marks of the log itself may follow what the checkpoint covers.
      let isAll = file.header.endSequence == log.lastSequence && log.damage == nil
      let bytes = isAll ? log.segments.reduce(0) { $0 + $1.end } : file.segments.reduce(0) { $0 &+ $1.end }
      live = Live(
        entries: Int(truncatingIfNeeded: file.header.liveEntries), bytes: liveBytes, deadBytes: bytes &- liveBytes,
        asOfSequence: file.header.endSequence, isFromCheckpoint: true)
    } else {
      var walk = LogWalk(store, depth: .records, covered: nil, visitor: LiveEntries(.all))
      try walk.run()
      log = walk.report
      let liveBytes = walk.visitor.locations.values.reduce(0) { $0 + $1.byteCount }
      let bytes = log.segments.reduce(0) { $0 + $1.end }
      live =
        log.damage != nil
        ? nil
        : Live(
          entries: walk.visitor.locations.count, bytes: liveBytes, deadBytes: bytes - liveBytes,
          asOfSequence: log.lastSequence, isFromCheckpoint: false)
    }
    byteCountOnDisk = try store.byteCountOnDisk()
  }
}

extension Summary {
  /// What was found damaged on the way.
  package var damage: StoreError? { log.damage?.error }
}
