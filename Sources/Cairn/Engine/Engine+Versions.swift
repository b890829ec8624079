internal import Synchronization

/// Earlier versions of entries: what compaction keeps of them, and how they are found.
///
/// A version that has been replaced is a put like any other as long as its segment is there. Compaction writes those
/// that are to be kept once more as records of a kind of their own, which nobody but the history of a key looks at; in
/// each stands what has replaced it, and when, so that nothing else need be left for it.
extension Engine {
  /// With the turn: a put that an operation replaces or removes.
  @inline(never)
  func noteReplaced(_ record: FoundRecord, by operation: StagedOperation) {
    // What is only moved has the same version.
    guard let replacement = index.record(operation.entry, verifying: false)?.version, replacement != record.version
    else { return }
    book.add(
      VersionBook.Version(
        version: record.version, replacement: replacement, time: clock.now(),
        slot: HashIndex.Entry.slot(record.entry), byteCount: record.header.recordByteCount, isPut: true),
      hash: operation.hash)
  }

  /// Lets go of what need not be kept any more.
  func sweepBook() {
    guard keepsVersions else { return }
    var isDone = false
    while !isDone {
      queue.take()
      isDone = book.sweep(now: clock.now(), atMost: Self.versionsInTurn)
      counters.store(UInt64(book.versionCount), at: Counter.keptVersions.rawValue)
      counters.store(UInt64(book.byteCount), at: Counter.keptBytes.rawValue)
      queue.giveBack()
    }
  }

  private static let versionsInTurn = 1024

  /// Whether the version of an entry that has expired then is to be kept.
  func keepsExpired(_ deadline: Int64) -> Bool {
    keepsVersions && keepRule.keeps(later: 0, time: deadline, now: clock.now())
  }

  // MARK: What was there before

  /// A put or remove as the log has it.
  fileprivate struct Found {
    let version: UInt64
    /// It was written before that.
    let time: Int64
    /// Of a put that is not live.
    var earlier: VersionBook.Version?
  }

  /// What the log has of a key.
  fileprivate struct FoundLine {
    var found: [Found] = []
    /// When it is as long, it is looked at which of them are needed.
    var limit = 16

    /// By version; of what was moved the last record counts.
    private func ordered() -> [Found] {
      var byVersion: [UInt64: Found] = [:]
      for one in found { byVersion[one.version] = one }
      return byVersion.values.sorted { $0.version < $1.version }
    }

    /// Forgets what is not needed. Returns the versions that are kept, with what has replaced them.
    @discardableResult
    mutating func trim(_ rule: VersionBook.Rule, _ now: Int64) -> [VersionBook.Version] {
      let all = ordered()
      var kept: [VersionBook.Version] = []
      var needed: [Found] = []
      var later = 0
      for index in all.indices.reversed() {
        let next = index + 1 < all.count ? all[index + 1] : nil
        guard var version = all[index].earlier else {
          // The last one may have replaced something.
          if next == nil { needed.append(all[index]) }
          continue
        }
        // A record of an earlier version tells it itself.
        if let next, version.replacement == 0 || version.replacement > next.version {
          (version.replacement, version.time) = (next.version, next.time)
        }
        if rule.keeps(later: later, time: version.time, now: now) {
          kept.append(version)
          if let next, next.earlier == nil, needed.last?.version != next.version { needed.append(next) }
          needed.append(all[index])
        }
        later += 1
      }
      found = needed
      limit = max(16, 2 * found.count)
      return kept.reversed()
    }

    mutating func add(_ one: Found, _ rule: VersionBook.Rule, _ now: Int64) {
      found.append(one)
      if found.count >= limit { trim(rule, now) }
    }
  }

  /// Reads the log, so that it is known which versions there are. Once; by who holds `compacting`, so that nothing is
  /// moved meanwhile.
  func completeBook() throws(StoreError) {
    guard keepsVersions else { return }
    let (isComplete, end, segments) = try inTurnOfOpenStore { () throws(StoreError) in
      (book.isComplete, log.address, catalog.withLock { $0.segments })
    }
    if isComplete { return }
    let now = clock.now()
    let times = times(of: segments, now)
    var lines: [UInt64: FoundLine] = [:]
    for segment in segments {
      let limit = segment.end ?? (LogAddress.segment(end) == segment.number ? LogAddress.offset(end) : 0)
      try find(in: segment, upTo: limit, times, now, &lines)
    }
    var ends: [(time: Int64, hash: UInt64)] = []
    var found: [(hash: UInt64, versions: [VersionBook.Version])] = []
    for (hash, line) in lines {
      var line = line
      let versions = line.trim(keepRule, now)
      if versions.isEmpty { continue }
      found.append((hash, versions))
      guard let milliseconds = keepRule.milliseconds else { continue }
      for version in versions { ends.append((version.time.saturatingAdd(milliseconds), hash)) }
    }
    lines = [:]
    ends.sort { $0.time < $1.time }
    for start in stride(from: 0, to: found.count, by: Self.versionsInTurn) {
      try inTurnOfOpenStore { () throws(StoreError) in
        for (hash, versions) in found[start..<min(start + Self.versionsInTurn, found.count)] {
          book.add(found: versions, hash: hash, now: now)
        }
      }
    }
    try inTurnOfOpenStore { () throws(StoreError) in book.complete(ends) }
  }

  /// By slot: when all records of a segment had been written. A segment is made, ahead of its time, when the one before
  /// it has been begun; clocks may have been set back since.
  private func times(of segments: [SegmentCatalog.Segment], _ now: Int64) -> [Int: Int64] {
    var latest = Int64.min
    let made = segments.map { segment in
      let header = try? SegmentHeader(decoding: segment.memory.view.slice(0, SegmentHeader.byteCount), file: "")
      latest = max(latest, header?.created ?? now)
      return latest
    }
    var times: [Int: Int64] = [:]
    for (index, segment) in segments.enumerated() {
      times[SegmentTable.slot(segment.number)] = index + 2 < made.count ? made[index + 2] : now
    }
    return times
  }

  /// So many records are looked at before a close may come in between.
  private static let recordsAtOnce = 4096

  private func find(
    in segment: SegmentCatalog.Segment, upTo limit: Int, _ times: [Int: Int64], _ now: Int64,
    _ lines: inout [UInt64: FoundLine]
  ) throws(StoreError) {
    let slot = SegmentTable.slot(segment.number)
    var offset = SegmentHeader.recordsStart
    while offset < limit {
      let reader = gate.enter()
      defer { reader.leave() }
      if !alive.isSet { throw deadError() }
      let (memory, salt) = segments.memory(slot)
      guard salt == segment.salt, limit <= memory.count else { return }
      var scan = LogScan(memory, salt: salt, from: offset, to: limit)
      var count = 0
      // A segment that is damaged is not taken, so nothing of it need be known.
      while count < Self.recordsAtOnce, let record = scan.next() {
        count += 1
        let header = record.header
        guard header.isOperation && !header.isBarrier && header.hasItsFields || header.isEarlier else { continue }
        let key = memory.slice(record.offset + header.keyOffset, header.keyByteCount)
        let hash = index.hash(key)
        let version = header.version(memory, at: record.offset)
        var one = Found(version: version, time: times[slot] ?? now)
        if header.kind != RecordHeader.Kind.delete {
          let current = try current(key, hash)
          if current?.version == version { continue }
          // Until something is found that has replaced it earlier.
          var (replacement, time) = (UInt64(0), now)
          if let known = header.replacement(memory, at: record.offset) {
            (replacement, time) = known
          } else if let current {
            (replacement, time) = (current.version, times[HashIndex.Entry.slot(current.entry)] ?? now)
          }
          one.earlier = VersionBook.Version(
            version: version, replacement: replacement, time: time, slot: slot, byteCount: header.recordByteCount,
            isPut: header.kind == RecordHeader.Kind.put)
        }
        lines[hash, default: FoundLine()].add(one, keepRule, now)
      }
      if count == 0 { return }
      offset = scan.offset
    }
  }

  /// The record that a key has, whatever is in it; none if it is damaged.
  private func current(_ key: MemoryView, _ hash: UInt64) throws(StoreError) -> FoundRecord? {
    while true {
      switch index.find(key, hash: hash, verifying: false) {
      case .absent, .damaged: return nil
      case .found(let record): return record
      case .unverified: try verify(HashIndex.shard(hash))
      }
    }
  }

  // MARK: The history of a key

  /// The puts and removes of a key that the log has, and the invalidations that concern it, the oldest first.
  func history(of key: MemoryView) throws(StoreError) -> [Change] {
    if !alive.isSet { throw deadError() }
    queue.take()
    let (segments, end) = (catalog.withLock { $0.segments }, published.load(ordering: .acquiring))
    // What compaction takes away meanwhile can be read all the same.
    let pin = addPin()
    queue.giveBack()
    defer { removePin(pin) }
    var found: [UInt64: Change] = [:]
    for segment in segments where segment.number <= LogAddress.segment(end) {
      let isLast = segment.number == LogAddress.segment(end)
      try find(key, in: segment, upTo: isLast ? LogAddress.offset(end) : segment.end ?? 0, &found)
    }
    return found.values.sorted { $0.sequence < $1.sequence }
  }

  private func find(
    _ key: MemoryView, in segment: SegmentCatalog.Segment, upTo limit: Int, _ found: inout [UInt64: Change]
  ) throws(StoreError) {
    let slot = gate.enter()
    defer { slot.leave() }
    if !alive.isSet { throw deadError() }
    let (memory, salt) = segments.memory(SegmentTable.slot(segment.number))
    guard salt == segment.salt, limit <= memory.count else { throw deadError() }
    var scan = LogScan(memory, salt: salt, to: limit)
    while let record = scan.next() {
      let header = record.header
      guard header.isOperation || header.isEarlier else { continue }
      let own = memory.slice(record.offset + header.keyOffset, header.keyByteCount)
      guard header.isBarrier ? key.starts(with: own) : own.isEqual(to: key) else { continue }
      guard header.kind == RecordHeader.Kind.delete || header.isUnderstood else {
        let entry = HashIndex.Entry.make(0, slot: SegmentTable.slot(segment.number), offset: record.offset)
        throw notUnderstood(
          FoundRecord(bytes: memory.slice(record.offset, header.recordByteCount), header: header, entry: entry))
      }
      let change = try change(header, memory, record.offset, segment.number)
      found[change.sequence] = change
    }
    if scan.offset < limit {
      throw StoreError.damaged(
        "the record is not what was written", file: directory.path + "/" + SegmentHeader.name(segment.number),
        at: scan.offset)
    }
  }
}
