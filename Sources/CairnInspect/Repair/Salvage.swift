package import Cairn
internal import Glibc

/// Every record of a damaged store that verifies, wherever it stands; of those of one key, the newest.
///
/// A record behind damage counts, also one of a batch that has lost others, and so does one behind what seems to be the
/// end of the log: salvage is for those who would rather have too much. What a link calls void was never part of it.
/// Of a store that is not damaged, what it holds is saved, and not what a crash has left behind its end. What is left
/// over of segments that compaction has taken away does not count, unless the list of them is damaged.
package struct Salvage {
  /// Bytes that are not part of any record; none, where a file is missing or what is damaged holds no records.
  package struct Skipped: Equatable, Sendable {
    package let file: String
    package let range: Range<Int>
    package let reason: String
  }

  let store: StoreDirectory
  private(set) var table: KeyTable<LiveEntries.Location>
  private var barriers: [Barrier] = []
  /// Of segments whose headers may be damaged.
  private(set) var salts: [UInt64: UInt64] = [:]
  package private(set) var skipped: [Skipped] = []
  /// Further ones, which were not kept.
  package private(set) var skippedMore = 0
  package private(set) var records = 0
  package private(set) var recordBytes = 0
  /// Records that only a newer version knows, and that others may do without.
  package private(set) var skippable = 0
  /// Earlier versions of entries, which are not saved.
  package private(set) var earlier = 0

  static let skippedListed = 100_000

  package init(_ store: StoreDirectory, progress: (any ProgressListener)? = nil) throws(StoreError) {
    self.store = store
    table = try KeyTable()
    // Where the disk fails, nothing is known.
    var verification: Verification?
    do throws(StoreError) {
      verification = try Verification(store, isDeep: false, progress: progress)
    } catch {
      guard error.systemError == EIO else { throw error }
    }
    let ends = Dictionary((verification?.log.segments ?? []).map { ($0.number, $0.end) }) { first, _ in first }
    let known = (try? CheckpointFile.load(store).file?.segments) ?? []
    let covered = Dictionary(known.map { ($0.number, $0) }) { first, _ in first }
    let isWhole = verification?.log.isWhole ?? false
    let all = try store.byteCountOfSegments()
    var read = 0
    let list = try store.segments()
    for number in list.numbers {
      let name = SegmentHeader.name(number)
      do throws(StoreError) {
        var salt = covered[number]?.salt
        if salt == nil { salt = try SegmentReader.salt(of: number, in: store) }
        salts[number] = salt
        guard let reader = try SegmentReader(number, in: store, salt: salt) else { continue }
        let end = isWhole ? ends[number] ?? 0 : nil
        try take(reader, extent(reader, list, end, covered[number]), progress, (read, all))
        read &+= reader.fileByteCount
      } catch {
        guard let finding = Finding(error) else { throw error }
        let byteCount = (try? store.directory.open(name, forWriting: false)?.byteCount()) ?? 0
        note(store.filePath(name), 0..<byteCount, finding.message)
      }
    }
    // Those that only the checkpoint still tells of: what they hide may be there.
    try table.hide(behind: barriers + ((try? CheckpointFile.load(store).file?.barriers) ?? []))
    for number in covered.keys.sorted() where !list.numbers.contains(number) && !list.isGone(number) {
      let what = list.finding == nil ? "a segment is missing" : "a segment is missing, or has been compacted"
      note(store.filePath(SegmentHeader.name(number)), 0..<0, what)
    }
    // What has no bytes to be skipped: a missing segment, a header, the word of another file. In a log that is whole,
    // values that are not understood are counted when they are left out.
    let files = Set(skipped.map(\.file))
    for finding in verification?.findings ?? [] where !files.contains(finding.file ?? "") {
      if finding.severity == .damaged || finding.severity == .notUnderstood && !isWhole { note(finding) }
    }
    if let finding = store.headerFinding { note(finding) }
  }

  /// How far records of a segment count, and how far there must have been some.
  ///
  /// - Parameter end: where it ends in a log that is whole.
  private func extent(
    _ reader: SegmentReader, _ list: SegmentList, _ end: Int?, _ covered: CheckpointSegment?
  ) -> (limit: Int, expected: Int) {
    if let end { return (end, end) }
    var limit = reader.byteCount
    var expected = covered?.end ?? SegmentHeader.recordsStart
    guard let next = list.next(after: reader.number) else { return (limit, expected) }
    // A next segment that cannot be read says nothing.
    let link = try? SegmentReader(next, in: store)?.link()?.value
    var told: UInt64?
    if let range = list.gone.range(between: reader.number, next) {
      told = range.previousEnd
    } else if let link, link.follows(reader.number) {
      told = link.previousEnd
    }
    if let told {
      expected = Int(min(told, UInt64(SegmentReader.byteCountMax)))
      limit = min(expected, limit)
    }
    return (limit, expected)
  }

  private mutating func note(_ finding: Finding) { note(finding.file ?? store.path, 0..<0, finding.message) }

  private mutating func note(_ file: String, _ range: Range<Int>, _ reason: String) {
    if skipped.count < Self.skippedListed {
      skipped.append(Skipped(file: file, range: range, reason: reason))
    } else {
      skippedMore += 1
    }
  }

  private mutating func take(
    _ reader: SegmentReader, _ extent: (limit: Int, expected: Int), _ progress: (any ProgressListener)?,
    _ bytes: (read: Int, all: Int)
  ) throws(StoreError) {
    let (limit, expected) = extent
    var at = SegmentHeader.recordsStart
    // Any sequence counts, but hostile bytes could claim a long record at every place.
    var reach = SegmentReader.Reach(after: 0, byteCount: .max)
    reach.budget = ProofSearch.budgetFactor * reader.byteCount
    while at < limit {
      if let record = try reader.record(at: at, upTo: limit) {
        try add(record, reader.number, reader.path)
        at = record.end
        if records & 0xFFF == 0 { try progress?.advance(to: bytes.read &+ at, of: bytes.all) }
        continue
      }
      let found = try reader.look(from: at, behind: at, &reach, isProof: nil)
      let end = min(found.next ?? max(found.usedEnd, at), limit)
      if found.isUndecided {
        note(reader.path, at..<max(limit, expected), "what follows resembles records too much to look at all of it")
        return
      }
      guard found.next != nil else {
        if at < max(end, expected) { note(reader.path, at..<max(end, expected), "no valid record") }
        return
      }
      note(reader.path, at..<end, "no valid record")
      at = end
    }
    if at < expected { note(reader.path, at..<expected, "the file has been cut short") }
  }

  private mutating func add(_ record: LogRecord, _ segment: UInt64, _ path: String) throws(StoreError) {
    records += 1
    recordBytes += record.bytes.count
    let header = record.header
    let range = record.offset..<record.end
    guard header.isOperation else {
      // Dictionaries stay behind: values that need one are decompressed.
      if header.isKnownKind || header.kind == RecordHeader.Kind.dictionary { return }
      if header.isSkippable {
        if header.isEarlier { earlier += 1 } else { skippable += 1 }
        return
      }
      return note(path, range, "a record of the kind \(header.kind), of a newer version")
    }
    guard header.hasItsParts, record.hasPossibleVersion else {
      return note(path, range, "a record has no key, not its fields, or a version that it cannot have")
    }
    if header.isBarrier {
      guard header.isUnderstoodBarrier else { return note(path, range, "an invalidation of a newer version") }
      return barriers.append(Barrier(prefix: record.key.array(), version: record.version))
    }
    if let known = table.number(of: record.key), table.values[known].sequence > header.sequence { return }
    try table.set(LiveEntries.Location(record, segment: segment), for: record.key)
  }
}
