/// SPEC 5: the index as a file. It is a cache: whatever does not fit the log exactly is ignored.
package struct CheckpointHeader: Equatable {
  package static let byteCount = 4096
  package static let name = "index.checkpoint"
  package static let shardBytes = 32
  package static let segmentBytes = 56
  package static let deadlineBytes = 24
  /// Where the shards' directory stands, and the first buckets after it.
  package static let directoryStart = byteCount
  package static let directoryBytes = HashIndex.shards * shardBytes
  package static let bucketsStart = directoryStart + directoryBytes

  package var store: StoreIdentifier
  package var hashSeed: UInt64
  package var epoch: UInt64
  /// Replay begins here: nothing before this place is missing in any shard.
  package var startSegment: UInt64
  package var startOffset: Int
  package var startSequence: UInt64
  /// Everything before this place is durable, and counted in the segments' live bytes.
  package var endSegment: UInt64
  package var endOffset: Int
  package var endSequence: UInt64
  /// The last record before that place, which proves that the log is the one that was covered.
  package var lastOffset: Int
  package var lastChecksum: UInt64
  package var liveEntries: UInt64
  package var directoryChecksum: UInt64 = 0
  /// The table of segments, after the last buckets.
  package var segmentsOffset = 0
  package var segmentCount = 0
  package var segmentsChecksum: UInt64 = 0
  /// The table of deadlines, behind that of segments.
  package var deadlineCount = 0
  package var deadlinesChecksum: UInt64 = 0
  /// What must be understood to use it. Who meets a set bit that it does not know ignores the checkpoint.
  package var features: UInt64 = 0
  /// The barriers, behind the table of deadlines.
  package var barrierCount = 0
  package var barriersByteCount = 0
  package var barriersChecksum: UInt64 = 0

  package enum Features {
    /// There are barriers.
    package static let barriers: UInt64 = 1 << 1
  }

  package var deadlinesOffset: Int { segmentsOffset + segmentCount * Self.segmentBytes }
  package var barriersOffset: Int { deadlinesOffset + deadlineCount * Self.deadlineBytes }
  package var fileByteCount: Int { barriersOffset + barriersByteCount }

  func encode(into view: MemoryView) {
    view.zero(0, Self.byteCount)
    FormatVersion.begin(view, magic: Magic.checkpoint, byteCount: Self.byteCount)
    view.store(store.low, at: 24)
    view.store(store.high, at: 32)
    view.store(hashSeed, at: 40)
    view.store(epoch, at: 48)
    view.store(startSegment, at: 56)
    view.store(UInt64(startOffset), at: 64)
    view.store(startSequence, at: 72)
    view.store(endSegment, at: 80)
    view.store(UInt64(endOffset), at: 88)
    view.store(endSequence, at: 96)
    view.store(UInt64(lastOffset), at: 104)
    view.store(lastChecksum, at: 112)
    view.store(liveEntries, at: 120)
    view.store(UInt32(HashIndex.shards), at: 128)
    view.store(UInt32(segmentCount), at: 132)
    view.store(directoryChecksum, at: 136)
    view.store(UInt64(segmentsOffset), at: 144)
    view.store(segmentsChecksum, at: 152)
    view.store(features, at: 160)
    view.store(UInt64(deadlineCount), at: 168)
    view.store(deadlinesChecksum, at: 176)
    view.store(UInt64(barrierCount), at: 184)
    view.store(UInt64(barriersByteCount), at: 192)
    view.store(barriersChecksum, at: 200)
    view.store(view.slice(0, Self.byteCount - 8).hash(seed: 0), at: Self.byteCount - 8)
  }

  /// `nil` if it is not a whole header of this version.
  package init?(decoding view: MemoryView) {
    guard FormatVersion.isWhole(view, magic: Magic.checkpoint, byteCount: Self.byteCount),
      view.load(128, as: UInt32.self) == UInt32(HashIndex.shards),
      let startOffset = Int(exactly: view.load(64, as: UInt64.self)),
      let endOffset = Int(exactly: view.load(88, as: UInt64.self)),
      let lastOffset = Int(exactly: view.load(104, as: UInt64.self)),
      let segmentsOffset = Int(exactly: view.load(144, as: UInt64.self)), segmentsOffset < Int.max / 2,
      let deadlineCount = Int(exactly: view.load(168, as: UInt64.self)),
      deadlineCount <= Store.Limits.segments * DeadlineBook.batchesMax
    else { return nil }
    store = StoreIdentifier(low: view.load(24, as: UInt64.self), high: view.load(32, as: UInt64.self))
    hashSeed = view.load(40, as: UInt64.self)
    epoch = view.load(48, as: UInt64.self)
    startSegment = view.load(56, as: UInt64.self)
    self.startOffset = startOffset
    startSequence = view.load(72, as: UInt64.self)
    endSegment = view.load(80, as: UInt64.self)
    self.endOffset = endOffset
    endSequence = view.load(96, as: UInt64.self)
    self.lastOffset = lastOffset
    lastChecksum = view.load(112, as: UInt64.self)
    liveEntries = view.load(120, as: UInt64.self)
    segmentCount = Int(view.load(132, as: UInt32.self))
    directoryChecksum = view.load(136, as: UInt64.self)
    self.segmentsOffset = segmentsOffset
    segmentsChecksum = view.load(152, as: UInt64.self)
    features = view.load(160, as: UInt64.self)
    self.deadlineCount = deadlineCount
    deadlinesChecksum = view.load(176, as: UInt64.self)
    if features & Features.barriers != 0 {
      guard let count = Int(exactly: view.load(184, as: UInt64.self)),
        let byteCount = Int(exactly: view.load(192, as: UInt64.self)), count > 0, byteCount < Int.max / 4
      else { return nil }
      (barrierCount, barriersByteCount) = (count, byteCount)
      barriersChecksum = view.load(200, as: UInt64.self)
    }
    // Checksums can be forged; numbers that no log has must not be calculated with.
    guard segmentCount <= Store.Limits.segments, startSequence <= endSequence, endSequence < 1 << 62,
      (startSegment, startOffset) <= (endSegment, endOffset), startOffset >= SegmentHeader.recordsStart,
      endOffset < 1 << 40, lastOffset < endOffset, liveEntries < 1 << 40
    else { return nil }
  }

  init(
    store: StoreIdentifier, hashSeed: UInt64, epoch: UInt64, startSegment: UInt64, startOffset: Int,
    startSequence: UInt64
  ) {
    self.store = store
    self.hashSeed = hashSeed
    self.epoch = epoch
    self.startSegment = startSegment
    self.startOffset = startOffset
    self.startSequence = startSequence
    (endSegment, endOffset, endSequence) = (startSegment, startOffset, startSequence)
    (lastOffset, lastChecksum, liveEntries) = (0, 0, 0)
  }
}

/// SPEC 5.2: one shard in a checkpoint.
package struct CheckpointShard: Equatable {
  package var offset: Int
  package var buckets: Int
  package var entries: Int
  package var checksum: UInt64
  /// The shard has every operation up to this one, and none after it.
  package var sequence: UInt64

  func encode(into view: MemoryView) {
    view.store(UInt64(offset), at: 0)
    view.store(UInt32(buckets), at: 8)
    // Entries are at most eight to a bucket, of which there are at most 2²¹.
    view.store(UInt32(entries), at: 12)
    view.store(checksum, at: 16)
    view.store(sequence, at: 24)
  }

  init(offset: Int, buckets: Int, entries: Int, checksum: UInt64, sequence: UInt64) {
    self.offset = offset
    self.buckets = buckets
    self.entries = entries
    self.checksum = checksum
    self.sequence = sequence
  }

  package init(decoding view: MemoryView) {
    offset = Int(truncatingIfNeeded: view.load(0, as: UInt64.self))
    buckets = Int(view.load(8, as: UInt32.self))
    entries = Int(view.load(12, as: UInt32.self))
    checksum = view.load(16, as: UInt64.self)
    sequence = view.load(24, as: UInt64.self)
  }

  /// The first one that no checkpoint with this header can have. Buckets are in the shards' order, so that no two
  /// shards have the same.
  package static func firstImpossible(of shards: [CheckpointShard], in header: CheckpointHeader) -> Int? {
    let sequences = header.startSequence...header.endSequence
    var start = CheckpointHeader.bucketsStart
    for (number, shard) in shards.enumerated() {
      guard shard.isPlausible(from: start, to: header.segmentsOffset), sequences.contains(shard.sequence) else {
        return number
      }
      if shard.buckets > 0 { start = shard.offset + shard.buckets * BucketTable.bucketBytes }
    }
    return nil
  }

  /// Whether the buckets lie in the file and can hold the entries.
  private func isPlausible(from start: Int, to end: Int) -> Bool {
    if buckets == 0 { return entries == 0 }
    return buckets <= BucketTable.bucketsMax && entries < buckets * BucketTable.entries && offset >= start
      && offset <= end && offset % BucketTable.bucketBytes == 0
      && buckets * BucketTable.bucketBytes <= end - offset
  }
}

/// SPEC 5.3: one segment in a checkpoint.
package struct CheckpointSegment: Equatable {
  package var number: UInt64
  package var salt: UInt64
  /// Where its last record ends; of the last one, as far as it is covered.
  package var end: Int
  package var liveBytes: Int64
  package var firstSequence: UInt64
  /// What entries of the index call it.
  package var slot: UInt64
  /// Of records that remove something.
  package var removeBytes: Int64

  package var isPlausible: Bool {
    liveBytes >= 0 && removeBytes >= 0 && end < 1 << 40 && liveBytes <= end && removeBytes <= Int64(end) - liveBytes
      && slot == UInt64(SegmentTable.slot(number))
  }

  func encode(into view: MemoryView) {
    view.store(number, at: 0)
    view.store(salt, at: 8)
    view.store(UInt64(end), at: 16)
    view.store(liveBytes, at: 24)
    view.store(firstSequence, at: 32)
    view.store(slot, at: 40)
    view.store(removeBytes, at: 48)
  }

  init(number: UInt64, salt: UInt64, end: Int, liveBytes: Int64, removeBytes: Int64, firstSequence: UInt64) {
    self.number = number
    self.salt = salt
    self.end = end
    self.liveBytes = liveBytes
    self.removeBytes = removeBytes
    self.firstSequence = firstSequence
    slot = UInt64(SegmentTable.slot(number))
  }

  package init(decoding view: MemoryView) {
    number = view.load(0, as: UInt64.self)
    salt = view.load(8, as: UInt64.self)
    end = Int(truncatingIfNeeded: view.load(16, as: UInt64.self))
    liveBytes = view.load(24, as: Int64.self)
    firstSequence = view.load(32, as: UInt64.self)
    slot = view.load(40, as: UInt64.self)
    removeBytes = view.load(48, as: Int64.self)
  }
}

/// SPEC 5.3: live records of a segment that end.
package struct CheckpointDeadline: Equatable {
  package var segment: UInt64
  /// Seconds since 1970: by then all of them have.
  package var end: Int64
  package var byteCount: Int64

  func encode(into view: MemoryView) {
    view.store(segment, at: 0)
    view.store(end, at: 8)
    view.store(byteCount, at: 16)
  }

  init(segment: UInt64, end: Int64, byteCount: Int64) {
    self.segment = segment
    self.end = end
    self.byteCount = byteCount
  }

  package init(decoding view: MemoryView) {
    segment = view.load(0, as: UInt64.self)
    end = view.load(8, as: Int64.self)
    byteCount = view.load(16, as: Int64.self)
  }
}

/// SPEC 5.3: barriers whose entries are still in the index: of each its version, the length of its prefix, and this.
package enum CheckpointBarriers {
  private static let headBytes = 16

  private static func byteCount(_ prefixByteCount: Int) -> Int { headBytes + (prefixByteCount + 7) & ~7 }

  static func byteCount(_ barriers: [Barrier]) -> Int { barriers.reduce(0) { $0 + byteCount($1.prefix.count) } }

  static func encode(_ barriers: [Barrier], into view: MemoryView) {
    var offset = 0
    for barrier in barriers {
      view.store(barrier.version, at: offset)
      view.store(UInt64(barrier.prefix.count), at: offset + 8)
      view.copy(barrier.prefix, at: offset + headBytes)
      offset += byteCount(barrier.prefix.count)
    }
  }

  /// `nil` if these are not so many, each of which can be one.
  package static func decode(_ view: MemoryView, count: Int, versionsTo last: UInt64) -> [Barrier]? {
    var barriers: [Barrier] = []
    var offset = 0
    while offset < view.count {
      guard view.contains(offset, headBytes), barriers.count < count else { return nil }
      let (version, length) = (view.load(offset, as: UInt64.self), view.load(offset + 8, as: UInt64.self))
      guard version > 0, version <= last, length <= Store.Limits.keyBytes,
        view.contains(offset, byteCount(Int(length)))
      else { return nil }
      barriers.append(Barrier(prefix: view.slice(offset + headBytes, Int(length)).array(), version: version))
      offset += byteCount(Int(length))
    }
    return barriers.count == count ? barriers : nil
  }
}

/// A checkpoint that has been mapped: shards whose checksums are verified when they are first used.
final class CheckpointShards: Sendable {
  let memory: Mapping
  let header: CheckpointHeader
  let shards: [CheckpointShard]
  let segments: [CheckpointSegment]
  let deadlines: [CheckpointDeadline]
  let barriers: [Barrier]
  /// A bit per slot that a segment of the table has.
  private let slots: [UInt64]

  /// Whether a segment of the table has the slot.
  func hasSlot(_ slot: Int) -> Bool { slots[slot >> 6] & 1 << UInt64(slot & 63) != 0 }

  /// Takes a file's mapping if header, directory and table are whole; the shards' content is not looked at.
  init?(_ memory: Mapping, header: CheckpointHeader) {
    let view = memory.view
    let segmentsBytes = header.segmentCount * CheckpointHeader.segmentBytes
    let deadlinesBytes = header.deadlineCount * CheckpointHeader.deadlineBytes
    guard header.features & ~CheckpointHeader.Features.barriers == 0, header.fileByteCount == view.count,
      header.segmentsOffset >= CheckpointHeader.bucketsStart,
      view.slice(CheckpointHeader.directoryStart, CheckpointHeader.directoryBytes).hash(seed: 0)
        == header.directoryChecksum,
      view.slice(header.segmentsOffset, segmentsBytes).hash(seed: 0) == header.segmentsChecksum,
      view.slice(header.deadlinesOffset, deadlinesBytes).hash(seed: 0) == header.deadlinesChecksum
    else { return nil }
    if header.features & CheckpointHeader.Features.barriers == 0 {
      barriers = []
    } else {
      let table = view.slice(header.barriersOffset, header.barriersByteCount)
      guard table.hash(seed: 0) == header.barriersChecksum,
        let found = CheckpointBarriers.decode(table, count: header.barrierCount, versionsTo: header.startSequence)
      else { return nil }
      barriers = found
    }
    shards = (0..<HashIndex.shards).map {
      CheckpointShard(
        decoding: view.slice(
          CheckpointHeader.directoryStart + $0 * CheckpointHeader.shardBytes, CheckpointHeader.shardBytes))
    }
    segments = (0..<header.segmentCount).map {
      CheckpointSegment(
        decoding: view.slice(
          header.segmentsOffset + $0 * CheckpointHeader.segmentBytes, CheckpointHeader.segmentBytes))
    }
    deadlines = (0..<header.deadlineCount).map {
      CheckpointDeadline(
        decoding: view.slice(
          header.deadlinesOffset + $0 * CheckpointHeader.deadlineBytes, CheckpointHeader.deadlineBytes))
    }
    guard deadlines.allSatisfy({ $0.byteCount >= 0 && $0.byteCount < 1 << 40 }) else { return nil }
    guard CheckpointShard.firstImpossible(of: shards, in: header) == nil, segments.allSatisfy(\.isPlausible),
      zip(segments, segments.dropFirst()).allSatisfy({
        $0.number < $1.number && $0.firstSequence <= $1.firstSequence
      }), segments.allSatisfy({ $0.firstSequence >= 1 && $0.firstSequence <= header.endSequence + 1 })
    else { return nil }
    var slots = [UInt64](repeating: 0, count: (Store.Limits.segments + 1) / 64)
    for segment in segments {
      let (word, bit) = (Int(segment.slot >> 6), UInt64(1) << (segment.slot & 63))
      if slots[word] & bit != 0 { return nil }
      slots[word] |= bit
    }
    self.slots = slots
    self.memory = memory
    self.header = header
  }
}
