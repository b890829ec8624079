package import Cairn

/// The live entries of a store as its log tells them, independently of its index.
package struct EntryReader {
  private let store: StoreDirectory
  private let live: LiveEntries
  /// Where the log could not be read on; what is here is the store as it was before that.
  package let damage: StoreError?
  /// The newest operation that was read.
  package let lastSequence: UInt64
  /// The first live entry that was left out because its value cannot be read by this version.
  package private(set) var notUnderstood: StoreError?
  private var readers: [UInt64: SegmentReader] = [:]

  /// Reads the whole log.
  package init(_ store: StoreDirectory, filter: KeyFilter) throws(StoreError) {
    let checkpoint = try CheckpointFile.load(store).file
    var walk = LogWalk(store, depth: .records, covered: checkpoint?.covered, visitor: LiveEntries(filter))
    try walk.run()
    self.store = store
    live = walk.visitor
    damage = walk.report.findings.first(.notUnderstood)?.error ?? walk.report.damage?.error
    lastSequence = walk.report.lastSequence
  }

  /// A record of a live entry. Its bytes are valid until the call returns that was given it.
  package struct Entry {
    let record: LogRecord
    package var key: [UInt8] { record.key.array() }
    package var value: [UInt8] { record.value.array() }
    package var sequence: UInt64 { record.header.sequence }
    package var deadline: Int64? { record.deadline }

    /// Without a copy.
    package func lendValue(_ body: (RawSpan) throws(StoreError) -> Void) throws(StoreError) {
      try record.value.lend(body)
    }
  }

  /// Calls `body` with the entries that are not expired, in the order of their keys' bytes, until it returns `false`.
  ///
  /// - Parameter keysOnly: `body` does not look at values, so that those that are not understood do not matter.
  package mutating func forEach(
    keysOnly: Bool = false, _ body: (Entry) throws(StoreError) -> Bool
  ) throws(StoreError) {
    let now = SystemClock().wallMilliseconds()
    let all = live.locations.filter { $0.value.deadline.map { $0 > now } ?? true }
    for (_, location) in all.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      let entry = try entry(at: location)
      guard keysOnly || entry.record.header.isUnderstood else {
        if notUnderstood == nil { notUnderstood = notUnderstood(location) }
        continue
      }
      if try !body(entry) { return }
    }
  }

  private mutating func entry(at location: LiveEntries.Location) throws(StoreError) -> Entry {
    let reader = try reader(location.segment)
    let end = location.offset + location.byteCount
    guard let record = try reader.record(at: location.offset, upTo: end, readAhead: location.byteCount) else {
      throw StoreError.damaged("the record has changed since it was read", file: reader.path, at: location.offset)
    }
    return Entry(record: record)
  }

  private func notUnderstood(_ location: LiveEntries.Location) -> StoreError {
    StoreError(
      .unsupportedFormat, "the entry uses a feature of a newer version",
      file: store.filePath(SegmentHeader.name(location.segment)), byteOffset: location.offset)
  }

  private mutating func reader(_ segment: UInt64) throws(StoreError) -> SegmentReader {
    if let reader = readers[segment] { return reader }
    guard let reader = try SegmentReader(segment, in: store) else {
      throw StoreError.damaged("a segment is missing", file: store.filePath(SegmentHeader.name(segment)))
    }
    // Each has a descriptor.
    if readers.count >= 128 { readers = [:] }
    readers[segment] = reader
    return reader
  }
}

/// How entries are listed.
package enum ListFormat: String, CaseIterable, Sendable {
  /// Key, tab, value, escaped.
  case text
  /// An object in a line.
  case json
  /// The same as text, both in hexadecimal digits.
  case hex
}

extension EntryReader.Entry {
  package func line(_ format: ListFormat, keysOnly: Bool) -> String {
    switch format {
    case .text: return Escaping.text(key) + (keysOnly ? "" : "\t" + Escaping.text(value))
    case .hex: return Escaping.hex(key) + (keysOnly ? "" : "\t" + Escaping.hex(value))
    case .json:
      var members = [JSON.member("key", key)]
      if !keysOnly { members.append(JSON.member("value", value)) }
      members.append(("sequence", .unsigned(sequence)))
      if let deadline { members.append(("deadline", .integer(Int(deadline)))) }
      return JSON.object(members).text()
    }
  }
}
