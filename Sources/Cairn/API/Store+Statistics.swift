internal import Synchronization

extension Store {
  /// What a store holds and has done, at some moment.
  public struct Statistics: Equatable, Sendable {
    /// Keys with a value, expired ones included as long as nothing has replaced them.
    public var liveEntries = 0
    /// Bytes of the records that these have, headers and padding included.
    public var liveBytes = 0
    /// All other bytes of the log: records that were replaced or removed, removals, headers of files.
    public var deadBytes = 0
    /// Files of the log.
    public var segments = 0
    /// Memory that the index takes, in bytes, and how full its buckets are (0 to 1).
    public var indexBytes = 0
    public var indexLoad = 0.0
    /// The newest operation.
    public var lastSequence: UInt64 = 0
    /// Since the store was opened: commits, syncs of the log, commits that shared a sync, and how many shared most.
    public var commits = 0
    public var syncs = 0
    public var groups = 0
    public var groupedCommits = 0
    public var largestGroup = 0
    /// Since the store was opened: bytes written to the log.
    public var bytesAppended = 0
    /// Since the store was opened: checkpoints written, those that the disk refused, and the bytes of the last one.
    public var checkpointsWritten = 0
    public var checkpointsFailed = 0
    public var checkpointBytes = 0
    /// Of the open: operations and bytes of log that were replayed, how long it took, and how many bytes of a write
    /// that a crash had interrupted were cut off.
    public var replayedRecords = 0
    public var replayedBytes = 0
    public var recoveryTime = Duration.zero
    public var tornBytes = 0
    /// Parts of a checkpoint that were found damaged and built anew from the log.
    public var rebuiltShards = 0
  }

  /// Figures of the store. Each is right by itself; while others write, they need not fit each other. Of a store that
  /// has been closed, only the counts of what it did are left.
  ///
  /// - Complexity: O(segments).
  public var statistics: Statistics {
    var result = Statistics()
    let segments = engine.catalog.withLock { catalog in catalog.segments.map { ($0.number, $0.end) } }
    let position = LogAddress.offset(engine.published.load(ordering: .acquiring))
    for (number, end) in segments {
      let live = Int(truncatingIfNeeded: engine.liveBytes.load(SegmentTable.slot(number)))
      result.liveBytes += live
      result.deadBytes += (end ?? position) - live
    }
    let slot = engine.gate.enter()
    defer { slot.leave() }
    result.segments = segments.count
    result.liveEntries = engine.alive.isSet ? engine.total(.liveEntries) : 0
    result.indexBytes = engine.index.byteCount
    let capacity = engine.index.capacity
    result.indexLoad = capacity == 0 ? 0 : Double(result.liveEntries) / Double(capacity)
    result.lastSequence = lastSequence
    result.commits = engine.total(.commits)
    result.syncs = engine.total(.syncs)
    result.groups = engine.total(.groups)
    result.groupedCommits = engine.total(.groupedCommits)
    result.largestGroup = engine.total(.largestGroup)
    result.bytesAppended = engine.total(.bytesAppended)
    result.checkpointsWritten = engine.total(.checkpointsWritten)
    result.checkpointsFailed = engine.total(.checkpointsFailed)
    result.checkpointBytes = engine.total(.checkpointBytes)
    result.replayedRecords = engine.total(.replayedRecords)
    result.replayedBytes = engine.total(.replayedBytes)
    result.recoveryTime = .nanoseconds(engine.total(.recoveryNanoseconds))
    result.tornBytes = engine.total(.tornBytes)
    result.rebuiltShards = engine.total(.rebuilt)
    return result
  }
}
