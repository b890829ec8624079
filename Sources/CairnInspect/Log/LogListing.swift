package import Cairn

/// The records of a log, a line for each.
package struct LogListing {
  package enum Format: String, CaseIterable, Sendable {
    case text, json
  }

  private let store: StoreDirectory
  private var tail: LogTail
  private var lines: RecordLines
  /// Where the log could not be read on, or else the first value that should be shown and is damaged.
  package private(set) var damage: StoreError?

  /// Writes the records that are there.
  ///
  /// - Parameters:
  ///   - sequence: the first one that is listed.
  ///   - values: whether values are shown, and not only their sizes.
  package init(
    _ store: StoreDirectory, filter: KeyFilter = .all, from sequence: UInt64 = 0, format: Format = .text,
    values: Bool = false, to sink: any OutputSink, progress: (any ProgressListener)? = nil
  ) throws(StoreError) {
    self.store = store
    let checkpoint = try CheckpointFile.load(store).file
    let lines = RecordLines(store, filter: filter, first: sequence, format: format, values: values, sink: sink)
    var walk = try LogWalk(store, depth: .records, checkpoint: checkpoint, visitor: lines)
    walk.progress = progress
    try walk.run()
    damage = walk.report.findings.first(.notUnderstood)?.error ?? walk.report.damage?.error ?? walk.visitor.damage
    tail = LogTail(after: walk)
    // What comes may have other files: one that was made in advance is removed by a close, and made again.
    store.held.hold([], in: store.directory)
    self.lines = walk.visitor
  }

  /// Writes what has been added since.
  package mutating func listMore() throws(StoreError) { try tail.read(store, &lines) }
}

/// Reads on where the log ended when it was read last, while a writer adds to it.
struct LogTail {
  private static let readAhead = 64 << 10

  private var segment: UInt64
  private var offset: Int
  /// Of the last operation that was read.
  private var sequence: UInt64

  init<Visitor: LogVisitor>(after walk: LogWalk<Visitor>) {
    // Segments behind the end come last in the report.
    let last = walk.report.segments.last { $0.end > 0 }
    segment = last?.number ?? 1
    offset = last?.end ?? SegmentHeader.recordsStart
    sequence = walk.report.lastSequence
  }

  /// - Throws: `.historyGone` if compaction has taken away what was not read yet.
  mutating func read(_ store: StoreDirectory, _ visitor: inout some LogVisitor) throws(StoreError) {
    while true {
      // The next one first: its link is written after everything in this one.
      let next = try following(store)
      guard let reader = try SegmentReader(segment, in: store) else {
        try goOn(in: store)
        continue
      }
      var limit = reader.byteCount
      if let next { limit = Int(min(next.end, UInt64(limit))) }
      try read(reader, upTo: limit, &visitor)
      // Read from a file that has been taken away meanwhile.
      if next == nil, try store.segments().isGone(segment) {
        try goOn(in: store)
        continue
      }
      guard let next, UInt64(offset) == next.end else { return }
      try enter(next.number, sequence: next.sequence, store)
    }
  }

  /// The segment that follows the one at hand, if it has a link; where the one at hand ends, and the last sequence
  /// before the other.
  private func following(
    _ store: StoreDirectory
  ) throws(StoreError) -> (number: UInt64, end: UInt64, sequence: UInt64)? {
    var number = segment &+ 1
    var reader = try SegmentReader(number, in: store)
    if reader == nil {
      guard let later = try store.segments().next(after: segment) else { return nil }
      number = later
      reader = try SegmentReader(number, in: store)
    }
    guard let link = try reader?.link() else { return nil }
    if link.value.follows(segment) { return (number, link.value.previousEnd, link.sequence) }
    // Those between them may be gone.
    guard let range = try store.segments().gone.range(between: segment, number) else { return nil }
    return (number, range.previousEnd, link.sequence)
  }

  private mutating func enter(_ next: UInt64, sequence: UInt64, _ store: StoreDirectory) throws(StoreError) {
    guard sequence == self.sequence else {
      throw StoreError(
        .historyGone,
        "the operations from \(self.sequence &+ 1) to \(sequence) have been compacted before they were "
          + "listed", file: store.path)
    }
    (segment, offset) = (next, SegmentHeader.recordsStart)
  }

  /// Behind segments that have been taken away, the one at hand among them.
  private mutating func goOn(in store: StoreDirectory) throws(StoreError) {
    let list = try store.segments()
    if let finding = list.finding { throw finding.error }
    guard list.isGone(segment), let next = list.next(after: segment),
      let link = try SegmentReader(next, in: store)?.link()
    else { throw try store.missing(segment) }
    try enter(next, sequence: link.sequence, store)
  }

  private mutating func read(
    _ reader: SegmentReader, upTo limit: Int, _ visitor: inout some LogVisitor
  ) throws(StoreError) {
    var at = offset
    var isWithinBatch = false
    // What is being written has no valid checksum yet; it will when this is called again. Little is read ahead: there
    // is mostly reserved space.
    while let record = try reader.record(at: at, upTo: limit, readAhead: Self.readAhead) {
      at = record.end
      if record.header.isOperation {
        try visitor.add(record, segment: segment)
        isWithinBatch = record.header.flags & RecordHeader.Flags.moreFollows != 0
        if !isWithinBatch { try visitor.commit() }
      } else {
        try visitor.mark(record, segment: segment)
      }
      if isWithinBatch { continue }
      offset = at
      if record.header.isKnownKind { sequence = record.header.sequence }
    }
    visitor.drop()
  }
}

/// Writes a line for each record that concerns it.
private struct RecordLines: LogVisitor {
  let store: StoreDirectory
  let filter: KeyFilter
  var first: UInt64
  let format: LogListing.Format
  let values: Bool
  let sink: any OutputSink
  /// Of a batch that has no end yet.
  var pending: [UInt8] = []
  /// Of the first value that could not be decompressed.
  private(set) var damage: StoreError?
  private let decompressing = CodecWork()
  /// The newest operation that was listed.
  var last: UInt64 = 0

  init(
    _ store: StoreDirectory, filter: KeyFilter, first: UInt64, format: LogListing.Format, values: Bool,
    sink: any OutputSink
  ) {
    self.store = store
    self.filter = filter
    self.first = first
    self.format = format
    self.values = values
    self.sink = sink
  }

  private static let valueCharacters = 60

  mutating func add(_ record: LogRecord, segment: UInt64) throws(StoreError) {
    guard record.header.sequence >= first, filter.concerns(record) else { return }
    pending += line(try decompressed(record, segment), segment).utf8
    last = max(last, record.header.sequence)
  }

  private mutating func decompressed(_ record: LogRecord, _ segment: UInt64) throws(StoreError) -> LogRecord {
    var record = record
    if values && record.isCompressed && record.header.isUnderstood {
      record.decompressed = try decompressing.decompress(record)
      if record.decompressed == nil && damage == nil {
        let file = store.filePath(SegmentHeader.name(segment))
        damage = .damaged("the value cannot be decompressed", file: file, at: record.offset)
      }
    }
    return record
  }

  /// What has been written stays.
  mutating func restart() { (first, pending) = (max(first, last &+ 1), []) }

  mutating func commit() throws(StoreError) {
    try sink.write(pending)
    pending.removeAll(keepingCapacity: true)
  }

  mutating func drop() { pending.removeAll(keepingCapacity: true) }

  mutating func mark(_ record: LogRecord, segment: UInt64) throws(StoreError) {
    guard record.header.sequence >= first else { return }
    if record.isEarlier {
      guard filter.matches(record.key) else { return }
    } else {
      guard case .all = filter else { return }
    }
    let line = Array(line(try decompressed(record, segment), segment).utf8)
    if pending.isEmpty { try sink.write(line) } else { pending += line }
  }

  private func line(_ record: LogRecord, _ segment: UInt64) -> String {
    let header = record.header
    let file = SegmentHeader.name(segment)
    let isBatched = header.flags & RecordHeader.Flags.moreFollows != 0
    switch format {
    case .json:
      var bytes: [UInt8] = []
      bytes += "{\"file\": \"\(file)\", \"offset\": \(record.offset), \"kind\": \"\(kind(record))\"".utf8
      if let reason = reason(record) { bytes += ", \"reason\": \"\(reason)\"".utf8 }
      bytes += ", \"sequence\": \(header.sequence), \"bytes\": \(record.bytes.count)".utf8
      if record.hasKey {
        bytes += ", ".utf8
        JSONText.appendMember("key", record.key, to: &bytes)
        bytes += ", \"valueBytes\": \(record.valueByteCount)".utf8
        if let deadline = record.deadline { bytes += ", \"deadline\": \(deadline)".utf8 }
        if let cause = record.cause {
          bytes += ", \"cause\": \"\(cause.name)\"".utf8
          if case .invalidated(let by) = cause {
            bytes += ", ".utf8
            by.withBytes { JSONText.appendMember("by", MemoryView($0), to: &bytes) }
          }
        }
        if record.hasValue { DumpAttributes.append(record.attributes, to: &bytes) }
        if record.isMoved || record.isEarlier { bytes += ", \"version\": \(record.version)".utf8 }
        if let replacement = record.replacement {
          bytes += ", \"replacedBy\": \(replacement.version), \"replaced\": \(replacement.time)".utf8
        }
        if isBatched { bytes += ", \"moreFollows\": true".utf8 }
        if values && record.hasValue && header.isUnderstood {
          // Without it where it is damaged.
          if let value = value(of: record) {
            bytes += ", ".utf8
            JSONText.appendMember("value", value, to: &bytes)
          }
        }
      }
      return String(decoding: bytes, as: UTF8.self) + "}\n"
    case .text:
      func right(_ number: some BinaryInteger, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: " ", count: max(0, width - digits.count)) + digits
      }
      var text = "\(file) \(right(record.offset, 10)) \(right(header.sequence, 12))  "
      text += (kind(record) + (reason(record).map { ", " + $0 } ?? "")).padded(to: 13)
      guard record.hasKey else { return text.trimmingEnd() + "\n" }
      text += " \(right(header.keyByteCount, 5)) \(right(record.valueByteCount, 9))  "
      text += header.isBarrier ? Escaping.text(record.key.array()) + "*" : Escaping.text(record.key.array())
      if let deadline = record.deadline { text += "  until \(Timestamp.text(milliseconds: deadline))" }
      if let cause = record.cause { text += "  (\(cause.text))" }
      if record.hasValue && !record.attributes.isEmpty {
        var bytes: [UInt8] = []
        DumpAttributes.append(record.attributes, to: &bytes)
        // Without the name of the member.
        text += "  " + String(decoding: bytes.dropFirst(", \"attributes\": ".utf8.count), as: UTF8.self)
      }
      if record.isMoved { text += "  (moved, version \(record.version))" }
      if record.isEarlier { text += "  (version \(record.version)" }
      if let replacement = record.replacement {
        text += ", replaced by \(replacement.version) at \(Timestamp.text(milliseconds: replacement.time))"
      }
      if record.isEarlier { text += ")" }
      if isBatched { text += "  (the batch goes on)" }
      if values && record.hasValue { text += "  " + shortValue(record) }
      return text + "\n"
    }
  }

  private func shortValue(_ record: LogRecord) -> String {
    guard record.header.isUnderstood else { return "(of a newer version)" }
    guard let value = value(of: record) else { return "(damaged)" }
    let shown = Escaping.text(value.slice(0, min(value.count, Self.valueCharacters)).array())
    return value.count > Self.valueCharacters ? shown + "…" : shown
  }

  /// `nil` if it could not be decompressed.
  private func value(of record: LogRecord) -> MemoryView? {
    record.isCompressed ? record.decompressed : record.storedValue
  }

  /// Of a seal.
  private func reason(_ record: LogRecord) -> String? {
    guard record.header.kind == RecordHeader.Kind.seal, let seal = SealValue(decoding: record.value) else { return nil }
    return seal.reason == SealValue.Reason.closed ? "closed" : "continued"
  }

  private func kind(_ record: LogRecord) -> String {
    switch record.header.kind {
    case RecordHeader.Kind.put: return "put"
    case RecordHeader.Kind.delete: return "remove"
    case RecordHeader.Kind.barrier: return "invalidate"
    case RecordHeader.Kind.link: return "link"
    case RecordHeader.Kind.seal: return "seal"
    case RecordHeader.Kind.dictionary: return "dictionary"
    case RecordHeader.Kind.earlier where record.isEarlier: return "earlier"
    case let kind: return "kind \(kind)"
    }
  }
}

extension String {
  func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

  fileprivate func trimmingEnd() -> String { String(reversed().drop { $0 == " " }.reversed()) }
}
