internal import Synchronization

extension Store {
  /// What a store holds and has done, at some moment.
  public struct Statistics: Equatable, Sendable {
    /// Keys with a value, expired ones included as long as nothing has replaced them.
    public var liveEntries = 0
    /// Bytes of the records that these have, headers and padding included. Once the store has been opened again, a
    /// little too few may be counted where records were replaced while the last checkpoint was written, until
    /// compaction comes by.
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
    /// Since the store was opened: segments that compaction has taken away, their bytes, bytes that were written again
    /// for that, and how often it has failed (as where the disk is full; it is tried again).
    public var compactedSegments = 0
    public var reclaimedBytes = 0
    public var bytesMoved = 0
    public var compactionsFailed = 0
    /// Segments that cannot be compacted: with damage, or records of a newer version.
    public var unmovableSegments = 0
    /// Invalidations whose entries have not all been found yet. These still count as live until they are.
    public var barriers = 0
    /// Since the store was opened: entries that have been found to be invalidated, and the bytes of their records,
    /// which wait for compaction as all dead ones do.
    public var invalidatedEntries = 0
    public var invalidatedBytes = 0
    /// Earlier versions that are kept, and their bytes of log, which ``deadBytes`` counts too. Known from the first
    /// compaction of a session on.
    public var keptVersions = 0
    public var keptBytes = 0
    /// Snapshots that are there, and bytes on the disk that are kept only for them.
    public var snapshots = 0
    public var pinnedBytes = 0
    /// Segments that have a dictionary for small values, and the bytes that these take, which count among the dead
    /// ones.
    public var dictionaries = 0
    public var dictionaryBytes = 0
    /// Since the store was opened: dictionaries that were taken into use, and trainings that have failed.
    public var dictionariesTrained = 0
    public var trainingsFailed = 0
    /// Since the store was opened: of values up to 16 KiB that could be compressed, their bytes, and what was stored.
    /// Only where dictionaries are asked for.
    public var smallValueBytes = 0
    public var smallValueBytesStored = 0
    /// Since the store was opened: how often the wall clock was seen to have been set forward, and back, by a second or
    /// more; and how far it is behind the time that deadlines are compared with, which never goes back.
    public var clockSetForward = 0
    public var clockSetBack = 0
    public var clockBehind = Duration.zero
    /// Parts of a checkpoint that were found damaged and built anew from the log.
    public var rebuiltShards = 0

    /// Bytes of log for each byte of live records: 1 if nothing is dead; 0 if nothing is live.
    public var amplification: Double { liveBytes == 0 ? 0 : Double(liveBytes + deadBytes) / Double(liveBytes) }
  }

  /// Figures of the store. Each is right by itself; while others write, they need not fit each other. Of a store that
  /// has been closed, only the counts of what it did are left.
  ///
  /// - Complexity: O(segments).
  public var statistics: Statistics {
    var result = Statistics()
    let segments = engine.catalog.withLock { $0.segments }
    let position = LogAddress.offset(engine.published.load(ordering: .acquiring))
    for segment in segments {
      let live = max(0, Int(truncatingIfNeeded: engine.liveBytes.load(SegmentTable.slot(segment.number))))
      result.liveBytes += live
      result.deadBytes += (segment.end ?? position) - live
      result.dictionaryBytes += segment.dictionaryBytes
      result.dictionaries += segment.dictionaryBytes > 0 ? 1 : 0
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
    result.compactedSegments = engine.total(.compactedSegments)
    result.reclaimedBytes = engine.total(.reclaimedBytes)
    result.bytesMoved = engine.total(.bytesMoved)
    result.compactionsFailed = engine.total(.compactionsFailed)
    result.unmovableSegments = engine.total(.unmovableSegments)
    result.barriers = engine.barriers.count
    result.invalidatedEntries = engine.total(.hiddenEntries)
    result.invalidatedBytes = engine.total(.hiddenBytes)
    result.keptVersions = engine.total(.keptVersions)
    result.keptBytes = engine.total(.keptBytes)
    (result.snapshots, result.pinnedBytes) = engine.pins.withLock { ($0.count, $0.byteCount) }
    result.dictionariesTrained = engine.total(.dictionariesTrained)
    result.trainingsFailed = engine.total(.trainingsFailed)
    (result.smallValueBytes, result.smallValueBytesStored) = engine.learning.withLock { ($0.rawBytes, $0.storedBytes) }
    result.rebuiltShards = engine.total(.rebuilt)
    let clock = engine.clock.report
    (result.clockSetForward, result.clockSetBack) = (clock.timesForward, clock.timesBack)
    result.clockBehind = .milliseconds(clock.behind)
    return result
  }
}
