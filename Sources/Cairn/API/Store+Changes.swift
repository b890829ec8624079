internal import Synchronization

/// A put or a remove, as it stands in the log.
public struct Change: Equatable, Sendable {
  public enum Kind: Sendable { case put, remove }

  public let kind: Kind
  public let sequence: UInt64
  public let key: [UInt8]
  /// Empty for a remove.
  public let value: [UInt8]
  /// When the entry ends, in milliseconds since 1970; `nil`: never. Whether it has, is not looked at.
  public let deadline: Int64?
  /// Whether the batch that this belongs to goes on with the next change.
  public let isContinued: Bool
}

/// Reads the changes of a store one after the other; see ``Store/changes(since:)``.
public struct ChangeCursor: ~Copyable {
  private let engine: Engine
  private var segment: UInt64
  private var offset = SegmentHeader.recordsStart
  /// The kernel has been asked for the segment up to here.
  private var readAhead = 0
  /// Of the last change that was returned.
  public private(set) var sequence: UInt64

  init(_ engine: Engine, since sequence: UInt64) throws(StoreError) {
    let last = engine.counters.load(Counter.lastSequence.rawValue)
    let (first, start) = engine.catalog.withLock { catalog in
      (
        catalog.segments.first?.firstSequence ?? 1,
        catalog.segments.last { $0.firstSequence == 0 || $0.firstSequence - 1 <= sequence }?.number
      )
    }
    // Only now: a close takes the segments away after it has cleared the mark.
    if !engine.alive.isSet { throw engine.deadError() }
    guard sequence <= last, let start else {
      throw StoreError(
        .historyGone,
        sequence > last
          ? "the store has not come to the sequence \(sequence); its last one is \(last)"
          : "changes before the sequence \(first) are no longer in the log", file: engine.directory.path)
    }
    self.engine = engine
    self.sequence = sequence
    segment = start
  }

  /// The next change; `nil` when there is none yet: ask again later.
  ///
  /// - Throws: `.damaged` if its record fails its checksum, `.unsupportedFormat` if it uses a feature of a newer
  ///   version (both again at every further call); `.closed`.
  /// - Complexity: the size of the record; the first call also looks through (on average half of) a segment.
  public mutating func next() throws(StoreError) -> Change? {
    let slot = engine.gate.enter()
    defer { slot.leave() }
    if !engine.alive.isSet { throw engine.deadError() }
    let published = engine.published.load(ordering: .acquiring)
    while LogAddress.make(segment, offset) < published {
      let (memory, salt) = engine.segments.memory(SegmentTable.slot(segment))
      if offset >= memory.count {
        advance()
        continue
      }
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
      if header.kind == RecordHeader.Kind.put && header.sequence > sequence && !header.isUnderstood {
        throw StoreError(
          .unsupportedFormat, "the change uses a feature of a newer version", file: path, byteOffset: record.offset)
      }
      offset = record.end
      if header.kind == RecordHeader.Kind.seal {
        let value = memory.slice(record.offset + header.valueOffset, header.valueByteCount)
        if SealValue(decoding: value)?.reason == SealValue.Reason.continued { advance() }
      } else if header.isOperation && header.sequence > sequence {
        sequence = header.sequence
        return change(header, memory, record.offset)
      }
    }
    return nil
  }

  private static let readAtOnce = 1 << 20

  private mutating func advance() {
    segment += 1
    offset = SegmentHeader.recordsStart
    readAhead = 0
  }

  private func change(_ header: RecordHeader, _ memory: MemoryView, _ at: Int) -> Change {
    Change(
      kind: header.kind == RecordHeader.Kind.put ? .put : .remove, sequence: header.sequence,
      key: memory.slice(at + header.keyOffset, header.keyByteCount).array(),
      value: memory.slice(at + header.valueOffset, header.valueByteCount).array(),
      deadline: header.deadline(memory, at: at),
      isContinued: header.flags & RecordHeader.Flags.moreFollows != 0)
  }
}

extension Store {
  /// The puts and removes after a sequence, in order: all there are, and later those that follow.
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
  /// - Throws: `.historyGone` if the log no longer reaches back that far, or is not there yet (as when a store has been
  ///   replaced by an older copy).
  public func changes(since sequence: UInt64) throws(StoreError) -> ChangeCursor {
    try ChangeCursor(engine, since: sequence)
  }

  /// The sequence of the newest operation; 0 in a new store.
  public var lastSequence: UInt64 { engine.counters.load(Counter.lastSequence.rawValue) }
}
