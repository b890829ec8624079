internal import Synchronization

/// A put, a remove or an invalidation, as it stands in the log.
public struct Change: Equatable, Sendable {
  public enum Kind: Sendable {
    case put, remove
    /// All older entries whose keys begin with ``Change/key`` are gone (``Store/invalidate(prefix:durability:)``).
    case invalidate
  }

  public let kind: Kind
  public let sequence: UInt64
  /// The prefix of an invalidation, which may be empty.
  public let key: [UInt8]
  /// Empty but for a put.
  public let value: [UInt8]
  /// When the entry ends, in milliseconds since 1970; `nil`: never. Whether it has, is not looked at.
  public let deadline: Int64?
  public let attributes: Attributes
  /// Why an entry was removed. An invalidation tells its prefix, with a `*` behind it; a put has none.
  public let cause: RemovalCause?
  /// Whether the batch that this belongs to goes on with the next change.
  public let isContinued: Bool
}

/// Reads the changes of a store one after the other; see ``Store/changes(since:)``.
public struct ChangeCursor: ~Copyable {
  private let engine: Engine
  /// Where reading goes on: the segment, and the sequence of the last operation before that place.
  private var segment: UInt64
  private var salt: UInt64
  private var offset = SegmentHeader.recordsStart
  private var passed: UInt64
  /// Sequences of segments that are gone, which come next, if there are such.
  private var gap: ClosedRange<UInt64>?
  /// What has been moved of them and comes next: the last one first.
  private var moved: [MovedChange] = []
  /// The kernel has been asked for the segment up to here.
  private var readAhead = 0
  /// Of the last change that was returned.
  public private(set) var sequence: UInt64

  init(_ engine: Engine, since sequence: UInt64) throws(StoreError) {
    let last = engine.counters.load(Counter.lastSequence.rawValue)
    let start = engine.catalog.withLock { catalog in
      catalog.segments.last { $0.firstSequence == 0 || $0.firstSequence - 1 <= sequence } ?? catalog.segments.first
    }
    // Only now: a close takes the segments away after it has cleared the mark.
    if !engine.alive.isSet { throw engine.deadError() }
    guard sequence <= last, let start else {
      throw StoreError(
        .historyGone, "the store has not come to the sequence \(sequence); its last one is \(last)",
        file: engine.directory.path)
    }
    let passed = start.firstSequence &- 1
    let gap = passed > sequence ? sequence + 1...passed : nil
    try engine.checkHistory(gap)
    self.engine = engine
    self.sequence = sequence
    self.passed = passed
    self.gap = gap
    (segment, salt) = (start.number, start.salt)
  }

  /// The next change; `nil` when there is none yet: ask again later.
  ///
  /// - Throws: `.damaged` if its record fails its checksum, `.unsupportedFormat` if it uses a feature of a newer
  ///   version (both again at every further call); `.historyGone` if compaction has overtaken the cursor and dropped
  ///   removes that it has not seen; `.closed`.
  /// - Complexity: the size of the record; the first call also looks through (on average half of) a segment. Where
  ///   segments have been compacted, once for each place all of the log behind it.
  public mutating func next() throws(StoreError) -> Change? {
    while true {
      if !engine.alive.isSet { throw engine.deadError() }
      if let gap {
        moved = try engine.moved(from: gap, behind: segment)
        self.gap = nil
      }
      if let next = moved.last {
        guard let change = try engine.change(at: next) else {
          // It has been moved again.
          gap = sequence + 1...passed
          continue
        }
        moved.removeLast()
        sequence = next.version
        return change
      }
      switch try step() {
      case .change(let change): return change
      case .nothing: return nil
      case .segmentEnd: if try !advance() { return nil }
      }
    }
  }

  private enum Step {
    case change(Change)
    case segmentEnd
    case nothing
  }

  private mutating func step() throws(StoreError) -> Step {
    let slot = engine.gate.enter()
    defer { slot.leave() }
    let published = engine.published.load(ordering: .acquiring)
    while LogAddress.make(segment, offset) < published {
      let (memory, salt) = engine.segments.memory(SegmentTable.slot(segment))
      if salt != self.salt || offset >= memory.count { return .segmentEnd }
      let path = engine.directory.path + "/" + SegmentHeader.name(segment)
      if offset >= readAhead {
        // Where a mapping is read by the page.
        readAhead = min(offset + Self.readAtOnce, memory.count)
        memory.slice(offset, readAhead - offset).adviseNeeded()
      }
      guard let record = LogScan.record(memory, salt: salt, at: offset) else {
        throw StoreError.damaged("the record is not what was written", file: path, at: offset)
      }
      let header = record.header
      let isNew = header.isOperation && header.sequence > sequence && header.flags & RecordHeader.Flags.version == 0
      if isNew && header.kind != RecordHeader.Kind.delete && !header.isUnderstood {
        throw StoreError(
          .unsupportedFormat, "the change uses a feature of a newer version", file: path, byteOffset: record.offset)
      }
      // What it throws it throws again at the next call.
      let change = isNew ? try engine.change(header, memory, record.offset, segment) : nil
      offset = record.end
      if header.isOperation { passed = header.sequence }
      if header.kind == RecordHeader.Kind.seal {
        let value = memory.slice(record.offset + header.valueOffset, header.valueByteCount)
        if SealValue(decoding: value)?.reason == SealValue.Reason.continued { return .segmentEnd }
      } else if let change {
        sequence = header.sequence
        return .change(change)
      }
    }
    return .nothing
  }

  private static let readAtOnce = 1 << 20

  /// Goes on in the next segment that is there. Returns whether there is one.
  private mutating func advance() throws(StoreError) -> Bool {
    let next = engine.catalog.withLock { catalog in
      let index = catalog.index(notBefore: segment + 1)
      return index < catalog.segments.count ? catalog.segments[index] : nil
    }
    guard let next else { return false }
    let first = max(passed, sequence) + 1
    (segment, salt, offset, readAhead) = (next.number, next.salt, SegmentHeader.recordsStart, 0)
    passed = next.firstSequence - 1
    if first <= passed { gap = first...passed }
    return true
  }
}

/// An operation that compaction has moved, and where to.
struct MovedChange {
  let version: UInt64
  let segment: UInt64
  let offset: Int
}

extension Engine {
  fileprivate func checkHistory(_ gap: ClosedRange<UInt64>?) throws(StoreError) {
    let history = catalog.withLock { $0.gone.history }
    guard let gap, history >= gap.lowerBound else { return }
    throw StoreError(
      .historyGone,
      "removes or invalidations up to the sequence \(history) are no longer in the log; changes from "
        + "\(gap.lowerBound) on were asked for", file: directory.path)
  }

  /// What has been moved of the operations in `gap`, the last one first: in segments from that one on.
  fileprivate func moved(
    from gap: ClosedRange<UInt64>, behind segment: UInt64
  ) throws(StoreError) -> [MovedChange] {
    while true {
      let before = catalog.withLock { $0.gone }
      let found = try lookForMoved(from: gap, behind: segment)
      // What was taken away meanwhile has been written once more behind what was looked at.
      if catalog.withLock({ $0.gone }) == before { return found }
    }
  }

  private func lookForMoved(
    from gap: ClosedRange<UInt64>, behind segment: UInt64
  ) throws(StoreError) -> [MovedChange] {
    try checkHistory(gap)
    var found: [UInt64: MovedChange] = [:]
    let end = published.load(ordering: .acquiring)
    // Of those that have been begun since, nothing is published yet.
    let segments = catalog.withLock { catalog in
      catalog.segments.filter { $0.number >= segment && $0.number <= LogAddress.segment(end) }
    }
    for segment in segments {
      let slot = gate.enter()
      defer { slot.leave() }
      if !alive.isSet { throw deadError() }
      let (memory, salt) = self.segments.memory(SegmentTable.slot(segment.number))
      // Taken away meanwhile: what it had stands further behind.
      if salt != segment.salt { continue }
      let limit = LogAddress.segment(end) == segment.number ? LogAddress.offset(end) : memory.count
      var scan = LogScan(memory, salt: salt, to: min(limit, memory.count))
      while let record = scan.next() {
        guard record.header.isOperation, record.header.flags & RecordHeader.Flags.version != 0 else { continue }
        let version = record.header.version(memory, at: record.offset)
        guard gap.contains(version) else { continue }
        found[version] = MovedChange(version: version, segment: segment.number, offset: record.offset)
      }
    }
    return found.values.sorted { $0.version > $1.version }
  }

  /// `nil` if it is there no more.
  fileprivate func change(at place: MovedChange) throws(StoreError) -> Change? {
    let slot = gate.enter()
    defer { slot.leave() }
    guard let segment = segmentOfLog(place.segment) else { return nil }
    let (memory, salt) = segments.memory(SegmentTable.slot(place.segment))
    guard salt == segment.salt else { return nil }
    let path = directory.path + "/" + SegmentHeader.name(place.segment)
    guard let record = LogScan.record(memory, salt: salt, at: place.offset) else {
      throw StoreError.damaged("the record is not what was written", file: path, at: place.offset)
    }
    if record.header.kind != RecordHeader.Kind.delete && !record.header.isUnderstood {
      throw StoreError(
        .unsupportedFormat, "the change uses a feature of a newer version", file: path, byteOffset: record.offset)
    }
    return try change(record.header, memory, place.offset, place.segment)
  }

  /// A put or remove, or an earlier version, as it stands in the log.
  func change(
    _ header: RecordHeader, _ memory: MemoryView, _ at: Int, _ segment: UInt64
  ) throws(StoreError) -> Change {
    let record = FoundRecord(
      bytes: memory.slice(at, header.recordByteCount), header: header,
      entry: HashIndex.Entry.make(0, slot: SegmentTable.slot(segment), offset: at))
    let kind: Change.Kind =
      switch header.kind {
      case RecordHeader.Kind.delete: .remove
      case RecordHeader.Kind.barrier: .invalidate
      default: .put
      }
    return Change(
      kind: kind, sequence: record.version, key: record.key.array(),
      value: kind == .put ? try value(of: record) : [], deadline: record.deadline,
      attributes: kind == .put ? Attributes(record.attributes) : Attributes(), cause: cause(of: record),
      isContinued: header.flags & RecordHeader.Flags.moreFollows != 0)
  }

  private func cause(of record: FoundRecord) -> RemovalCause? {
    switch record.header.kind {
    case RecordHeader.Kind.delete: record.header.cause(record.bytes, at: 0)
    case RecordHeader.Kind.barrier: .invalidated(prefix: record.key)
    default: nil
    }
  }
}

extension Store {
  /// The puts, removes and invalidations after a sequence, in order: all there are, and later those that follow.
  ///
  /// Where the log has been compacted, puts and removes are left out whose key was changed again later, and what is
  /// left of a batch comes as single changes. Who has applied all has the entries of the store all the same.
  ///
  /// ```swift
  /// var changes = try store.changes(since: lastSeen)
  /// while let change = try changes.next() { … }
  /// ```
  ///
  /// A power failure may take back changes that were not on the disk yet, and their sequences are then given again: who
  /// keeps a sequence outside of the store should call ``Store/sync()`` before, or write with `.disk`.
  ///
  /// A cursor does not keep the store open: when the last reference to the store goes, or it is closed, `next()` throws
  /// `.closed`.
  ///
  /// - Parameter sequence: the last one that is known already; 0 for everything.
  /// - Throws: `.historyGone` if removes after that sequence have been dropped by compaction (begin anew with
  ///   ``Store/forEach(_:)`` then), or if the store has not come to it yet (as when it has been replaced by an older
  ///   copy).
  public func changes(since sequence: UInt64) throws(StoreError) -> ChangeCursor {
    try ChangeCursor(engine, since: sequence)
  }

  /// The sequence of the newest operation; 0 in a new store.
  public var lastSequence: UInt64 { engine.counters.load(Counter.lastSequence.rawValue) }
}
