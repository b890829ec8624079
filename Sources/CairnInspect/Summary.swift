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
    /// Of each segment, by its number.
    var bytesBySegment: [UInt64: Int]
  }

  let store: StoreDirectory
  let log: LogReport
  let checkpoint: CheckpointFile.State
  let live: Live?
  let lock: StoreDirectory.Lock
  let byteCountOnDisk: Int
  /// How many times the live bytes the log takes, and all files of the store; `nil` if nothing is live, or that is not
  /// known.
  var amplification: (log: Double, disk: Double)? {
    guard let live, live.bytes > 0 else { return nil }
    return (
      Double(live.bytes &+ live.deadBytes) / Double(live.bytes), Double(byteCountOnDisk) / Double(live.bytes)
    )
  }

  /// Reads the last segment, and all of them if there is no checkpoint to tell what is live.
  package init(_ store: StoreDirectory, progress: (any ProgressListener)? = nil) throws(StoreError) {
    self.store = store
    lock = try store.lock()
    checkpoint = try CheckpointFile.load(store)
    if let file = checkpoint.file {
      var walk = try LogWalk(store, depth: .ends, checkpoint: file, visitor: NoVisitor())
      walk.progress = progress
      try walk.run()
      log = walk.report
      let gone = log.gone
      let segments = file.segments.filter { gone?.range(of: $0.number) == nil }
      let liveBytes = segments.reduce(0) { $0 &+ Int($1.liveBytes) }
      // Marks of the log itself may follow what the checkpoint covers.
      let isAll = file.header.endSequence == log.lastSequence && log.damage == nil
      let bytes = isAll ? log.segments.reduce(0) { $0 + $1.end } : segments.reduce(0) { $0 &+ $1.end }
      live = Live(
        entries: Int(truncatingIfNeeded: file.header.liveEntries), bytes: liveBytes, deadBytes: bytes &- liveBytes,
        asOfSequence: file.header.endSequence, isFromCheckpoint: true,
        bytesBySegment: Dictionary(segments.map { ($0.number, Int($0.liveBytes)) }) { first, _ in first })
    } else {
      var walk = try LogWalk(store, depth: .records, checkpoint: nil, visitor: try LiveEntries(.all))
      walk.progress = progress
      try walk.run()
      log = walk.report
      live = log.obstacle == nil ? Self.count(walk.visitor, log) : nil
    }
    byteCountOnDisk = try store.byteCountOnDisk()
  }
}

extension Summary {
  private static func count(_ entries: LiveEntries, _ log: LogReport) -> Live {
    var live = Live(
      entries: 0, bytes: 0, deadBytes: 0, asOfSequence: log.lastSequence, isFromCheckpoint: false, bytesBySegment: [:])
    for location in entries.table.values where location.isPut {
      live.entries += 1
      live.bytes += location.byteCount
      live.bytesBySegment[location.segment, default: 0] += location.byteCount
    }
    live.deadBytes = log.segments.reduce(0) { $0 + $1.end } - live.bytes
    return live
  }

  /// What was found damaged on the way, or is of a newer version.
  package var damage: StoreError? { log.obstacle?.error }
}
