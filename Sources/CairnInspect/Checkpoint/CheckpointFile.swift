internal import Cairn

/// The checkpoint of the index (SPEC 5), read but for its buckets.
struct CheckpointFile {
  let path: String
  let header: CheckpointHeader
  let shards: [CheckpointShard]
  let segments: [CheckpointSegment]
  let barriers: [Barrier]
  let window: FileWindow

  /// SPEC 5.2, 5.4.
  static let bucketBytes = 64
  static let bucketEntries = 8

  /// The log was on the disk up to here when the checkpoint was written.
  var covered: LogPlace { LogPlace(segment: header.endSegment, offset: header.endOffset) }

  enum State {
    case absent
    /// Nothing is wrong with it, but the engine does not use it.
    case ignored(Finding)
    case damaged(Finding)
    case usable(CheckpointFile)

    var file: CheckpointFile? {
      if case .usable(let file) = self { return file }
      return nil
    }
  }

  /// To be called before the log is looked at: what a checkpoint covers is in the log before it gets its name.
  static func load(_ store: StoreDirectory) throws(StoreError) -> State {
    do throws(StoreError) {
      guard let file = try store.directory.open(CheckpointHeader.name, forWriting: false) else { return .absent }
      return try load(FileWindow(file, byteCount: try file.byteCount()), file.path, store)
    } catch {
      guard let finding = Finding(error) else { throw error }
      return .damaged(finding)
    }
  }

  private static func load(_ window: FileWindow, _ path: String, _ store: StoreDirectory) throws(StoreError) -> State {
    func damaged(_ message: String, at offset: Int) -> StoreError { .damaged(message, file: path, at: offset) }
    guard let first = try window.bytes(at: 0, CheckpointHeader.byteCount) else {
      throw damaged("the checkpoint is cut short", at: window.byteCount)
    }
    if first.loadFourWords(0).0 == Magic.checkpoint.0, first.loadFourWords(0).1 == Magic.checkpoint.1 {
      let major = UInt16(truncatingIfNeeded: first.loadFourWords(0).2)
      if major != FormatVersion.major {
        return .ignored(Finding(.note, "the checkpoint has the format version \(major) and is not used", file: path))
      }
    }
    guard let header = CheckpointHeader(decoding: first) else {
      throw damaged("the header of the checkpoint is damaged", at: 0)
    }
    guard header.store == store.header.identifier, header.hashSeed == store.header.hashSeed else {
      return .ignored(Finding(.note, "the checkpoint belongs to another store and is not used", file: path))
    }
    guard header.features & ~CheckpointHeader.Features.barriers == 0 else {
      return .ignored(Finding(.note, "the checkpoint has features of a newer version and is not used", file: path))
    }
    guard header.fileByteCount == window.byteCount, header.segmentsOffset >= CheckpointHeader.bucketsStart else {
      throw damaged("the checkpoint is cut short, or longer than it should be", at: window.byteCount)
    }
    guard let directory = try window.bytes(at: CheckpointHeader.directoryStart, CheckpointHeader.directoryBytes),
      directory.hash(seed: 0) == header.directoryChecksum
    else { throw damaged("the directory of the shards fails its checksum", at: CheckpointHeader.directoryStart) }
    let shardBytes = CheckpointHeader.shardBytes
    let shards = (0..<CheckpointHeader.directoryBytes / shardBytes).map {
      CheckpointShard(decoding: directory.slice($0 * shardBytes, shardBytes))
    }
    if let number = CheckpointShard.firstImpossible(of: shards, in: header) {
      let at = CheckpointHeader.directoryStart + number * shardBytes
      throw damaged("the directory of the shards has an impossible entry", at: at)
    }
    let segments = try loadSegments(window, header, path)
    let isInOrder = zip(segments, segments.dropFirst()).allSatisfy { $0.number < $1.number }
    guard segments.allSatisfy(\.isPlausible), isInOrder, Set(segments.map(\.slot)).count == segments.count else {
      throw damaged("the table of segments has an impossible entry", at: header.segmentsOffset)
    }
    guard segments.last?.number == header.endSegment else {
      throw damaged("the table of segments does not end where the checkpoint does", at: header.segmentsOffset)
    }
    let checkpoint = CheckpointFile(
      path: path, header: header, shards: shards, segments: segments, barriers: try loadBarriers(window, header, path),
      window: window)
    return checkpoint.fitted(to: store, try store.segments())
  }

  private static func loadSegments(
    _ window: FileWindow, _ header: CheckpointHeader, _ path: String
  ) throws(StoreError) -> [CheckpointSegment] {
    let entryBytes = CheckpointHeader.segmentBytes
    guard let table = try window.bytes(at: header.segmentsOffset, header.segmentCount * entryBytes),
      table.hash(seed: 0) == header.segmentsChecksum
    else {
      throw StoreError.damaged("the table of segments fails its checksum", file: path, at: header.segmentsOffset)
    }
    let deadlineBytes = header.deadlineCount * CheckpointHeader.deadlineBytes
    guard let deadlines = try window.bytes(at: header.deadlinesOffset, deadlineBytes),
      deadlines.hash(seed: 0) == header.deadlinesChecksum
    else {
      throw StoreError.damaged("the table of deadlines fails its checksum", file: path, at: header.deadlinesOffset)
    }
    return (0..<header.segmentCount).map {
      CheckpointSegment(decoding: table.slice($0 * entryBytes, entryBytes))
    }
  }

  private static func loadBarriers(
    _ window: FileWindow, _ header: CheckpointHeader, _ path: String
  ) throws(StoreError) -> [Barrier] {
    if header.features & CheckpointHeader.Features.barriers == 0 { return [] }
    guard let table = try window.bytes(at: header.barriersOffset, header.barriersByteCount),
      table.hash(seed: 0) == header.barriersChecksum
    else {
      throw StoreError.damaged("the table of barriers fails its checksum", file: path, at: header.barriersOffset)
    }
    guard
      let barriers = CheckpointBarriers.decode(table, count: header.barrierCount, versionsTo: header.startSequence)
    else {
      throw StoreError.damaged("the table of barriers has an impossible entry", file: path, at: header.barriersOffset)
    }
    return barriers
  }

  /// Whether it was written for the log that is there.
  private func fitted(to store: StoreDirectory, _ list: SegmentList) -> State {
    guard list.gone.history <= header.startSequence else {
      return .ignored(
        Finding(.note, "the checkpoint is older than removes that are gone, and is not used", file: path))
    }
    let slots = Set(list.numbers.map { $0 % UInt64(Store.Limits.segments + 1) })
    guard !segments.contains(where: { list.isGone($0.number) && slots.contains($0.slot) }) else {
      return .ignored(Finding(.note, "the checkpoint is older than a segment's slot, and is not used", file: path))
    }
    let known = Set(segments.map(\.number))
    guard list.numbers.allSatisfy({ $0 > header.endSegment || known.contains($0) }) else {
      return .ignored(Finding(.note, "the checkpoint does not know all segments and is not used", file: path))
    }
    for segment in segments where !list.isGone(segment.number) {
      // A segment that is not there, or cannot be read, is found when the log is.
      guard let reader = try? SegmentReader(segment.number, in: store), reader.header.salt != segment.salt else {
        continue
      }
      return .ignored(Finding(.note, "the checkpoint belongs to another log and is not used", file: path))
    }
    return .usable(self)
  }

  /// Whether the record before its end is in the log. If not, the log is another one, or an older copy of it.
  func isLastRecordThere(in store: StoreDirectory) throws(StoreError) -> Bool {
    guard let reader = try SegmentReader(header.endSegment, in: store),
      let record = try reader.record(at: header.lastOffset, upTo: header.endOffset)
    else { return false }
    return record.header.checksum == header.lastChecksum && record.end == header.endOffset
  }
}
