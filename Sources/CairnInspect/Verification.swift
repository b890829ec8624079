package import Cairn

/// Everything about a store that can be checked without changing anything.
package struct Verification {
  package enum Verdict: String, Sendable {
    case clean
    case damaged
    /// Something in it is of a newer version.
    case notUnderstood
  }

  let store: StoreDirectory
  private(set) var log = LogReport()
  package private(set) var findings: [Finding] = []
  /// Further ones, which were not kept.
  private(set) var omitted = 0
  private(set) var checkpoint: CheckpointFile.State
  /// Entries of the checkpoint that were compared with the log.
  private(set) var checkpointEntries = 0

  package var verdict: Verdict {
    if omitted > 0 || findings.contains(where: { $0.severity == .damaged }) { return .damaged }
    return findings.contains { $0.severity == .notUnderstood } ? .notUnderstood : .clean
  }

  package init(_ store: StoreDirectory) throws(StoreError) {
    self.store = store
    checkpoint = try CheckpointFile.load(store)
    switch checkpoint {
    case .absent: try readLog()
    case .ignored(let finding), .damaged(let finding):
      try readLog()
      findings.append(finding)
    case .usable(let file): try readLog(with: file)
    }
    noteTail()
    if store.header.readOnlyCompatible != 0 {
      findings.append(
        Finding(.note, "the store has features that older versions may only read", file: store.path))
    }
    let others = try store.otherNames()
    for name in others.temporary {
      findings.append(Finding(.note, "left over by an interrupted write", file: store.filePath(name)))
    }
    for name in others.foreign {
      findings.append(Finding(.note, "no file of a store", file: store.filePath(name)))
    }
  }

  private mutating func readLog() throws(StoreError) {
    var walk = LogWalk(store, depth: .everything, covered: nil, visitor: NoVisitor())
    try walk.runReporting()
    log = walk.report
    take(log.findings)
  }

  private mutating func readLog(with file: CheckpointFile) throws(StoreError) {
    var check = CheckpointCheck(file)
    // The smallest record has a header and a key of one byte, and is padded.
    try check.load(recordsMax: try store.byteCountOfSegments() / (RecordHeader.byteCount + 8))
    var walk = LogWalk(store, depth: .everything, covered: file.covered, visitor: check)
    try walk.runReporting()
    log = walk.report
    take(log.findings)
    let isLogWhole = log.findings.all.allSatisfy { $0.severity == .note }
    check = walk.visitor
    check.finish(store, isLogWhole: isLogWhole)
    take(check.findings)
    checkpointEntries = check.entryCount
    if isLogWhole { try compareSegments(file) }
  }

  private mutating func take(_ more: Findings) {
    findings += more.all
    omitted += more.omitted
  }

  /// What the checkpoint says about the log as a whole.
  private mutating func compareSegments(_ file: CheckpointFile) throws(StoreError) {
    for (index, covered) in file.segments.enumerated() {
      let offset = file.header.segmentsOffset + index * CheckpointHeader.segmentBytes
      guard let segment = log.segments.first(where: { $0.number == covered.number }) else {
        findings.append(
          Finding(
            .damaged, "the checkpoint covers the segment \(covered.number), which is not there",
            file: file.path, at: offset))
        continue
      }
      let isEndRight = covered.number == file.header.endSegment || covered.end == segment.end
      if covered.salt != segment.salt || !isEndRight || covered.firstSequence != segment.firstSequence {
        findings.append(
          Finding(
            .damaged, "the checkpoint does not have the segment \(covered.number) as it is",
            file: file.path, at: offset))
      }
    }
    guard let reader = try SegmentReader(file.header.endSegment, in: store),
      let record = try reader.record(at: file.header.lastOffset, upTo: file.header.endOffset),
      record.header.checksum == file.header.lastChecksum, record.end == file.header.endOffset
    else {
      return findings.append(
        Finding(
          .damaged,
          "the log is not the one that the checkpoint covers: it is older, and the checkpoint must be removed",
          file: file.path, at: 104))
    }
  }

  private mutating func noteTail() {
    for segment in log.segments {
      let file = store.filePath(SegmentHeader.name(segment.number))
      switch segment.ending {
      case .open(let tornBytes) where tornBytes > 0:
        findings.append(
          Finding(
            .note, "\(tornBytes) bytes of an unfinished write follow the last record; the next open cuts them off",
            file: file, at: segment.end))
      case .void:
        findings.append(
          Finding(.note, "the segment comes after the end of the log and is void, as after a power failure", file: file)
        )
      default: break
      }
    }
  }
}

extension LogWalk {
  /// What is of a newer version ends the reading, and is a finding.
  fileprivate mutating func runReporting() throws(StoreError) {
    do throws(StoreError) {
      try run()
    } catch {
      guard let finding = Finding(error) else { throw error }
      report.findings.add(finding)
    }
  }
}

// MARK: - As text

extension Finding {
  /// One line.
  package var line: String {
    let word: String
    switch severity {
    case .note: word = "note"
    case .notUnderstood: word = "not understood"
    case .damaged: word = "damaged"
    }
    let place = (file.map { ": " + Escaping.text($0) } ?? "") + (offset.map { " at byte \($0)" } ?? "")
    return "\(word)\(place): \(Escaping.text(message))"
  }

  var json: JSON {
    .object([
      ("severity", .string(severity.rawValue)), ("file", .optional(file)), ("offset", .optional(offset)),
      ("message", .string(message)),
    ])
  }
}

extension Verification {
  /// A line for each finding, and one for the whole.
  package var text: String {
    var lines = findings.map(\.line)
    if omitted > 0 { lines.append("damaged: and \(omitted) findings more") }
    let what: String
    switch verdict {
    case .clean: what = "clean"
    case .damaged: what = "damaged"
    case .notUnderstood: what = "not understood"
    }
    lines.append(
      "\(what): \(log.segments.count) segments, \(log.records) records of \(log.recordBytes) bytes, \(checkpointText)")
    return lines.joined(separator: "\n") + "\n"
  }

  private var checkpointText: String {
    switch checkpoint {
    case .absent: "no checkpoint"
    case .ignored: "a checkpoint that is not used"
    case .damaged: "a checkpoint that cannot be used (the log has all that it has)"
    case .usable: "a checkpoint of \(checkpointEntries) entries"
    }
  }

  package var json: String {
    let value = JSON.object([
      ("path", .string(store.path)), ("verdict", .string(verdict.rawValue)),
      ("segments", .integer(log.segments.count)), ("records", .integer(log.records)),
      ("recordBytes", .integer(log.recordBytes)), ("lastSequence", .unsigned(log.lastSequence)),
      ("checkpointEntries", checkpoint.file == nil ? .null : .integer(checkpointEntries)),
      ("findings", .array(findings.map(\.json))), ("omittedFindings", .integer(omitted)),
    ])
    return value.text(indentation: 0) + "\n"
  }
}
