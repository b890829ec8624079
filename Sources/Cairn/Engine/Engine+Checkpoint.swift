/// Writes the index to a file while commits go on.
///
/// Shards are copied a few at a time, under the turn, each as of its own sequence; replay later gives each what came
/// after. A commit waits for one such copy at most (``Store/Options/copiedAtOnce``).
extension Engine {
  /// Bytes of log after which the index is written.
  @inline(__always)
  var checkpointInterval: Int { options.checkpointInterval ?? max(128 << 20, 4 * indexBytes) }

  /// About: what the entries take at 65 % load.
  private var indexBytes: Int { total(.liveEntries) * 12 }

  /// Writes a checkpoint that takes the last one's place. What the disk refuses to it (space, as a rule) costs time at
  /// the next open and nothing else, so it is only counted; a failure of the log itself is thrown.
  func writeCheckpoint() throws(StoreError) {
    try checkpointing.withLock { _ throws(StoreError) in
      // A close has stopped all others that could come here when it writes its own.
      if isReleased { throw deadError() }
      try replaceCheckpoint()
    }
  }

  private func replaceCheckpoint() throws(StoreError) {
    var (header, barriers) = try inTurn { () throws(StoreError) in
      log.bytesSinceCheckpoint = 0
      let header = CheckpointHeader(
        store: self.header.identifier, hashSeed: self.header.hashSeed, epoch: log.epoch, startSegment: log.segment,
        startOffset: log.position, startSequence: log.lastSequence)
      // Those that are carried out meanwhile too: shards that are copied before have what they hide.
      return (header, self.barriers.all)
    }
    let temporary = CheckpointHeader.name + temporarySuffix
    let first = catalog.withLock { $0.segments }
    do throws(StoreError) {
      try directory.unlink(temporary)
      let file = try directory.create(temporary, permissions: options.filePermissions)
      // A damaged shard must not be given a checksum that fits.
      for shard in 0..<HashIndex.shards { try verify(shard) }
      let shards = try writeShards(to: file)
      let (table, ending) = try cover(&header, first)
      try syncLog(upTo: header)
      try finish(file, &header, shards, table, ending, barriers)
      try directory.rename(temporary, to: CheckpointHeader.name)
      try directory.sync()
      try inTurn { log.checkpointSequence = header.startSequence }
      catalog.withLock { $0.checkpointSlots = Set(table.map { Int($0.slot) }) }
      count(.checkpointsWritten)
      counters.store(UInt64(header.fileByteCount), at: Counter.checkpointBytes.rawValue)
    } catch {
      if let failure = queueFailure() { throw failure }
      count(.checkpointsFailed)
      try? directory.unlink(temporary)
    }
  }

  private func queueFailure() -> StoreError? {
    queue.take()
    defer { queue.giveBack() }
    return log.failure
  }

  private func writeShards(to file: any File) throws(StoreError) -> [CheckpointShard] {
    var shards: [CheckpointShard] = []
    var offset = CheckpointHeader.bucketsStart
    while shards.count < HashIndex.shards {
      // The writer goes on meanwhile: its full buffers must not pile up.
      try mapSealed()
      try prepareIfDue()
      let (copies, buffer) = try inTurn { () throws(StoreError) in try copyShards(from: shards.count, at: offset) }
      for var shard in copies {
        shard.checksum = buffer.view.slice(shard.offset - offset, shard.buckets * BucketTable.bucketBytes).hash(seed: 0)
        shards.append(shard)
      }
      let byteCount = copies.reduce(0) { $0 + $1.buckets * BucketTable.bucketBytes }
      if byteCount > 0 { try add(buffer.view.slice(0, byteCount), to: file, at: offset) }
      offset += byteCount
    }
    return shards
  }

  /// With the turn, so that no batch is half published.
  private func copyShards(
    from first: Int, at offset: Int
  ) throws(StoreError) -> (shards: [CheckpointShard], buffer: Mapping) {
    var last = first
    var byteCount = 0
    repeat {
      byteCount += index.table(last).byteCount
      last += 1
    } while last < HashIndex.shards && byteCount < options.copiedAtOnce
    let buffer = try System.allocate(byteCount: max(byteCount, 1))
    var shards: [CheckpointShard] = []
    var copied = 0
    for shard in first..<last {
      let table = index.table(shard)
      shards.append(
        CheckpointShard(
          offset: offset + copied, buckets: table.buckets, entries: index.count(of: shard), checksum: 0,
          sequence: log.lastSequence))
      if !table.isEmpty { buffer.view.copy(table.view, at: copied) }
      copied += table.byteCount
    }
    return (shards, buffer)
  }

  /// Notes what the checkpoint covers. Returns the table of segments.
  ///
  /// - Parameter first: the segments before the first shard was copied. What has been taken away since is in the table
  ///   too: entries that were copied early lead there (F1-CHK-006).
  private func cover(
    _ header: inout CheckpointHeader, _ first: [SegmentCatalog.Segment]
  ) throws(StoreError) -> (segments: [CheckpointSegment], deadlines: [CheckpointDeadline]) {
    try inTurn { () throws(StoreError) in
      try flush()
      header.endSegment = log.segment
      header.endOffset = log.position
      header.endSequence = log.lastSequence
      header.lastOffset = log.lastOffset
      header.lastChecksum = log.lastChecksum
      header.liveEntries = counters.load(Counter.liveEntries.rawValue)
      let there = catalog.withLock { $0.segments }
      let numbers = Set(there.map(\.number))
      let gone = first.filter { !numbers.contains($0.number) }
      let segments = (gone + there).sorted { $0.number < $1.number }.map { segment in
        let slot = SegmentTable.slot(segment.number)
        let isGone = !numbers.contains(segment.number)
        return CheckpointSegment(
          number: segment.number, salt: segment.salt,
          end: segment.end ?? (isGone ? SegmentHeader.recordsStart : log.position),
          liveBytes: isGone ? 0 : max(0, Int64(bitPattern: liveBytes.load(slot))),
          removeBytes: isGone ? 0 : max(0, Int64(bitPattern: removeBytes.load(slot))),
          firstSequence: segment.firstSequence)
      }
      let ending = segments.flatMap { segment in
        (deadlines.batches[Int(segment.slot)] ?? []).filter { $0.byteCount > 0 }.map {
          CheckpointDeadline(segment: segment.number, end: $0.end, byteCount: Int64($0.byteCount))
        }
      }
      return (segments, ending)
    }
  }

  /// A checkpoint must not cover what a power failure could still take away.
  private func syncLog(upTo header: CheckpointHeader) throws(StoreError) {
    try syncLog(upTo: header.endSegment, header.endOffset)
  }

  /// Without the turn: makes everything durable that has been published by now.
  func makeDurable() throws(StoreError) {
    let (segment, offset) = try inTurn { () throws(StoreError) in
      try flush()
      return (log.segment, log.position)
    }
    try syncLog(upTo: segment, offset)
  }

  private func syncLog(upTo segment: UInt64, _ offset: Int) throws(StoreError) {
    do throws(StoreError) {
      let active = try inTurn { log.segment == segment ? log.file : nil }
      try syncSealed()
      guard let active else { return }
      try sync(active)
      try inTurn { if log.segment == segment { log.durable = max(log.durable, offset) } }
    } catch {
      try inTurn { () throws(StoreError) in throw error }
    }
  }

  private func finish(
    _ file: any File, _ header: inout CheckpointHeader, _ shards: [CheckpointShard], _ table: [CheckpointSegment],
    _ ending: [CheckpointDeadline], _ barriers: [Barrier]
  ) throws(StoreError) {
    let directory = try System.allocate(byteCount: CheckpointHeader.directoryBytes)
    for (number, shard) in shards.enumerated() {
      shard.encode(
        into: directory.view.slice(number * CheckpointHeader.shardBytes, CheckpointHeader.shardBytes))
    }
    header.directoryChecksum = directory.view.hash(seed: 0)
    header.segmentsOffset = shards.reduce(CheckpointHeader.bucketsStart) {
      $0 + $1.buckets * BucketTable.bucketBytes
    }
    header.segmentCount = table.count
    header.deadlineCount = ending.count
    let tableBytes = table.count * CheckpointHeader.segmentBytes
    let endingBytes = ending.count * CheckpointHeader.deadlineBytes
    header.barrierCount = barriers.count
    header.barriersByteCount = CheckpointBarriers.byteCount(barriers)
    header.features = barriers.isEmpty ? 0 : CheckpointHeader.Features.barriers
    let tablesBytes = tableBytes + endingBytes + header.barriersByteCount
    let segments = try System.allocate(byteCount: tablesBytes)
    for (number, segment) in table.enumerated() {
      segment.encode(
        into: segments.view.slice(number * CheckpointHeader.segmentBytes, CheckpointHeader.segmentBytes))
    }
    for (number, deadline) in ending.enumerated() {
      let at = tableBytes + number * CheckpointHeader.deadlineBytes
      deadline.encode(into: segments.view.slice(at, CheckpointHeader.deadlineBytes))
    }
    header.segmentsChecksum = segments.view.slice(0, tableBytes).hash(seed: 0)
    header.deadlinesChecksum = segments.view.slice(tableBytes, endingBytes).hash(seed: 0)
    let barrierTable = segments.view.slice(tableBytes + endingBytes, header.barriersByteCount)
    CheckpointBarriers.encode(barriers, into: barrierTable)
    header.barriersChecksum = barriers.isEmpty ? 0 : barrierTable.hash(seed: 0)
    let first = try System.allocate(byteCount: CheckpointHeader.byteCount)
    header.encode(into: first.view)
    try add(directory.view, to: file, at: CheckpointHeader.directoryStart)
    try add(segments.view.slice(0, tablesBytes), to: file, at: header.segmentsOffset)
    try add(first.view, to: file, at: 0)
    try file.sync()
  }

  /// Reserved first, as everything is that makes a file longer: see ``File/reserve(_:upTo:)``.
  private func add(_ bytes: MemoryView, to file: any File, at offset: Int) throws(StoreError) {
    try file.reserve(offset, upTo: offset + bytes.count)
    try file.write(bytes, at: offset)
  }

  // MARK: Using one

  /// Sees to it that a shard may be used. By readers: a shard that is damaged is rebuilt from the log, under the turn.
  func verify(_ shard: Int) throws(StoreError) {
    if index.verify(shard) { return }
    queue.take()
    defer { queue.giveBack() }
    // Closed while this reader waited: there is nothing left to build from.
    if isReleased { throw deadError() }
    try verifyInTurn(shard)
  }

  /// The same for who has the turn.
  func verifyInTurn(_ shard: Int) throws(StoreError) {
    if index.verify(shard) { return }
    try rebuild(shard)
  }

  /// Builds one shard anew from the whole log.
  private func rebuild(_ shard: Int) throws(StoreError) {
    let slot = gate.enter()
    defer { slot.leave() }
    let fresh = try HashIndex(seed: index.seed, segments: segments)
    var replay = Replay(self, index: fresh)
    replay.onlyShard = shard
    let all = catalog.withLock { $0.segments.map { ($0.number, $0.salt, $0.end) } }
    for (number, salt, end) in all {
      let memory = segments.memory(SegmentTable.slot(number)).view
      let end = end ?? log.position
      var scan = LogScan(memory, salt: salt, to: end)
      while scan.offset < end {
        guard let record = scan.next() else {
          throw StoreError.damaged(
            "a part of the checkpoint is damaged, and so is the log that it could be rebuilt from",
            file: directory.path + "/" + SegmentHeader.name(number), at: scan.offset)
        }
        if record.header.isOperation { try replay.add(record, memory, segment: number) }
      }
    }
    try replay.finish()
    try dropCarriedOut(replay.barriers, shard, from: fresh)
    // As a rule the same: a checksum that fits can be forged, and so can what the directory says.
    count(.liveEntries, fresh.count(of: shard) - index.count(of: shard))
    index.replace(shard, from: fresh)
    count(.rebuilt)
  }
}
