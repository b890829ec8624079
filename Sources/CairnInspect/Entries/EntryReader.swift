package import Cairn

/// The live entries of a store as its log tells them, independently of its index.
package struct EntryReader {
  package enum Order: Sendable {
    /// Of the keys' bytes.
    case key
    /// In which they were put: the order of the log, but for what compaction has moved.
    case version
  }

  private let store: StoreDirectory
  private let live: LiveEntries
  /// Where the log could not be read on; what is here is the store as it was before that.
  package let damage: StoreError?
  /// The newest operation that was read.
  package let lastSequence: UInt64
  /// Of the first live entry that was left out: its value is damaged, or cannot be read by this version.
  package private(set) var leftOut: StoreError?
  private var records: LocatedRecords

  /// Reads the whole log.
  package init(
    _ store: StoreDirectory, filter: KeyFilter, progress: (any ProgressListener)? = nil
  ) throws(StoreError) {
    let checkpoint = try CheckpointFile.load(store).file
    var walk = try LogWalk(store, depth: .records, checkpoint: checkpoint, visitor: try LiveEntries(filter))
    walk.progress = progress
    try walk.run()
    self.store = store
    records = LocatedRecords(store)
    live = walk.visitor
    damage = walk.report.findings.first(.notUnderstood)?.error ?? walk.report.damage?.error
    lastSequence = walk.report.lastSequence
  }

  /// A record of a live entry. Its bytes are valid until the call returns that was given it.
  package struct Entry {
    let record: LogRecord
    package var key: [UInt8] { record.key.array() }
    package var value: [UInt8] { record.value.array() }
    package var version: UInt64 { record.version }
    package var deadline: Int64? { record.deadline }
    package var attributes: Attributes { record.attributes }

    /// Without a copy.
    package func lendValue(_ body: (RawSpan) throws(StoreError) -> Void) throws(StoreError) {
      try record.value.lend(body)
    }
  }

  /// How many entries are there at this moment.
  package var count: Int {
    let now = SystemClock().wallMilliseconds()
    return live.table.values.count { $0.isLive(at: now) }
  }

  /// Bytes of the values of all entries that are there, as they were put.
  var valueBytes: Int {
    let now = SystemClock().wallMilliseconds()
    return live.table.values.reduce(0) { $0 &+ ($1.isLive(at: now) ? $1.valueByteCount : 0) }
  }

  /// Calls `body` with the entries that are not expired until it returns `false`.
  ///
  /// - Parameters:
  ///   - keysOnly: `body` does not look at values, so that those that are not understood do not matter.
  ///   - step: every so many entries, one; the others are not read.
  package mutating func forEach(
    _ order: Order = .key, keysOnly: Bool = false, step: Int = 1, progress: (any ProgressListener)? = nil,
    _ body: (Entry) throws(StoreError) -> Bool
  ) throws(StoreError) {
    let now = SystemClock().wallMilliseconds()
    var locations: [LiveEntries.Location]
    switch order {
    case .key:
      locations = live.table.sorted { $0.isLive(at: now) }.map { live.table.values[$0] }
    case .version:
      locations = live.table.values.filter { $0.isLive(at: now) }
      locations.sort { ($0.version, $0.place) < ($1.version, $1.place) }
    }
    for done in stride(from: 0, to: locations.count, by: step) {
      let location = locations[done]
      if done / step % 1024 == 0 { try progress?.advance(to: done, of: locations.count) }
      let found: Entry
      do throws(StoreError) {
        found = try entry(at: location, isNextNear: order == .version && step == 1, keysOnly: keysOnly)
        if !keysOnly && !found.record.header.isUnderstood { throw notUnderstood(location) }
      } catch {
        guard error.code == .damaged || error.code == .unsupportedFormat else { throw error }
        // Damage is worse than what is new.
        if leftOut?.code != .damaged && (leftOut == nil || error.code == .damaged) { leftOut = error }
        continue
      }
      if try !body(found) { return }
    }
  }

  /// The entry of a key, if it is there.
  package mutating func withEntry(
    for key: [UInt8], _ body: (Entry) throws(StoreError) -> Void
  ) throws(StoreError) -> Bool {
    guard let number = live.table.number(of: unsafe MemoryView(key.span.bytes)) else { return false }
    let location = live.table.values[number]
    guard location.isLive(at: SystemClock().wallMilliseconds()) else { return false }
    let entry = try entry(at: location, isNextNear: false)
    guard entry.record.header.isUnderstood else { throw notUnderstood(location) }
    try body(entry)
    return true
  }

  private mutating func entry(
    at location: LiveEntries.Location, isNextNear: Bool, keysOnly: Bool = false
  ) throws(StoreError) -> Entry {
    Entry(record: try records.record(at: location, isNextNear: isNextNear, keysOnly: keysOnly))
  }

  private func notUnderstood(_ location: LiveEntries.Location) -> StoreError {
    StoreError(
      .unsupportedFormat, "the entry uses a feature of a newer version",
      file: store.filePath(SegmentHeader.name(location.segment)), byteOffset: location.offset)
  }
}
