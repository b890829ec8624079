package import Cairn

/// The records of a log, a line for each.
package struct LogListing {
  package enum Format: String, CaseIterable, Sendable {
    case text, json
  }

  private let store: StoreDirectory
  private var tail: LogTail
  private var lines: RecordLines
  /// Where the log could not be read on.
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
    let lines = RecordLines(filter: filter, first: sequence, format: format, values: values, sink: sink)
    var walk = LogWalk(store, depth: .records, checkpoint: checkpoint, visitor: lines)
    walk.progress = progress
    try walk.run()
    damage = walk.report.findings.first(.notUnderstood)?.error ?? walk.report.damage?.error
    tail = LogTail(after: walk)
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

  init<Visitor: LogVisitor>(after walk: LogWalk<Visitor>) {
    // Segments behind the end come last in the report.
    let last = walk.report.segments.last { $0.end > 0 }
    segment = last?.number ?? 1
    offset = last?.end ?? SegmentHeader.recordsStart
  }

  mutating func read(_ store: StoreDirectory, _ visitor: inout some LogVisitor) throws(StoreError) {
    while true {
      // The next one first: its link is written after everything in this one.
      let following = try SegmentReader(segment + 1, in: store)?.link()?.value
      let next = following.flatMap { $0.follows(segment) ? $0 : nil }
      guard let reader = try SegmentReader(segment, in: store) else {
        throw StoreError.damaged("a segment is missing", file: store.filePath(SegmentHeader.name(segment)))
      }
      var limit = reader.byteCount
      if let next { limit = Int(min(next.previousEnd, UInt64(limit))) }
      try read(reader, upTo: limit, &visitor)
      guard let next, UInt64(offset) == next.previousEnd else { return }
      segment += 1
      offset = SegmentHeader.recordsStart
    }
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
      if !isWithinBatch { offset = at }
    }
    visitor.drop()
  }
}

/// Writes a line for each record that concerns it.
private struct RecordLines: LogVisitor {
  let filter: KeyFilter
  let first: UInt64
  let format: LogListing.Format
  let values: Bool
  let sink: any OutputSink
  /// Of a batch that has no end yet.
  var pending: [UInt8] = []

  private static let valueCharacters = 60

  mutating func add(_ record: LogRecord, segment: UInt64) {
    guard record.header.sequence >= first, filter.matches(record.key) else { return }
    pending += line(record, segment).utf8
  }

  mutating func commit() throws(StoreError) {
    try sink.write(pending)
    pending.removeAll(keepingCapacity: true)
  }

  mutating func drop() { pending.removeAll(keepingCapacity: true) }

  mutating func mark(_ record: LogRecord, segment: UInt64) throws(StoreError) {
    guard case .all = filter, record.header.sequence >= first else { return }
    let line = Array(line(record, segment).utf8)
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
      if header.isOperation {
        bytes += ", ".utf8
        JSONText.appendMember("key", record.key, to: &bytes)
        bytes += ", \"valueBytes\": \(header.valueByteCount)".utf8
        if let deadline = record.deadline { bytes += ", \"deadline\": \(deadline)".utf8 }
        if isBatched { bytes += ", \"moreFollows\": true".utf8 }
        if values && header.kind == RecordHeader.Kind.put && header.isUnderstood {
          bytes += ", ".utf8
          JSONText.appendMember("value", record.value, to: &bytes)
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
      guard header.isOperation else { return text.trimmingEnd() + "\n" }
      text += " \(right(header.keyByteCount, 5)) \(right(header.valueByteCount, 9))  "
      text += Escaping.text(record.key.array())
      if let deadline = record.deadline { text += "  until \(Timestamp.text(milliseconds: deadline))" }
      if isBatched { text += "  (the batch goes on)" }
      if values && header.kind == RecordHeader.Kind.put { text += "  " + shortValue(record) }
      return text + "\n"
    }
  }

  private func shortValue(_ record: LogRecord) -> String {
    guard record.header.isUnderstood else { return "(of a newer version)" }
    let shown = Escaping.text(record.value.slice(0, min(record.value.count, Self.valueCharacters)).array())
    return record.value.count > Self.valueCharacters ? shown + "…" : shown
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
    case RecordHeader.Kind.link: return "link"
    case RecordHeader.Kind.seal: return "seal"
    case let kind: return "kind \(kind)"
    }
  }
}

extension String {
  func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

  fileprivate func trimmingEnd() -> String { String(reversed().drop { $0 == " " }.reversed()) }
}
