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
  /// The first of each kind, also if it is not among those that were kept.
  private var firsts: [Finding] = []
  /// Further ones, which were not kept.
  private(set) var omitted = 0
  private(set) var checkpoint: CheckpointFile.State
  /// Entries of the checkpoint that were compared with the log.
  private(set) var checkpointEntries = 0

  package var verdict: Verdict {
    let all = findings + firsts
    if all.contains(where: { $0.severity == .damaged }) { return .damaged }
    return all.contains { $0.severity == .notUnderstood } ? .notUnderstood : .clean
  }

  /// - Parameter isDeep: whether each entry of the checkpoint is compared with the log; otherwise their checksums are
  ///   all that is looked at.
  package init(
    _ store: StoreDirectory, isDeep: Bool = true, progress: (any ProgressListener)? = nil
  ) throws(StoreError) {
    self.store = store
    checkpoint = try CheckpointFile.load(store)
    switch checkpoint {
    case .absent: try readLog(NoVisitor(), checkpoint: nil, progress)
    case .ignored(let finding), .damaged(let finding):
      try readLog(NoVisitor(), checkpoint: nil, progress)
      findings.append(finding)
    case .usable(let file): try readLog(with: file, isDeep: isDeep, progress)
    }
    noteTail()
    if store.header.readOnlyCompatible != 0 {
      findings.append(
        Finding(.note, "the store has features that older versions may only read", file: store.path))
    }
    for number in log.leftOver {
      let file = store.filePath(SegmentHeader.name(number))
      findings.append(Finding(.note, "left over of a segment that compaction has taken away", file: file))
    }
    let others = try store.otherNames()
    for name in others.temporary {
      findings.append(Finding(.note, "left over by an interrupted write", file: store.filePath(name)))
    }
    for name in others.foreign {
      findings.append(Finding(.note, "no file of a store", file: store.filePath(name)))
    }
  }

  @discardableResult
  private mutating func readLog<Visitor: LogVisitor>(
    _ visitor: Visitor, checkpoint: CheckpointFile?, _ progress: (any ProgressListener)?
  ) throws(StoreError) -> Visitor {
    var walk = try LogWalk(store, depth: .everything, checkpoint: checkpoint, visitor: visitor)
    walk.progress = progress
    try walk.runReporting()
    log = walk.report
    take(log.findings)
    return walk.visitor
  }

  private mutating func readLog(
    with file: CheckpointFile, isDeep: Bool, _ progress: (any ProgressListener)?
  ) throws(StoreError) {
    var check = CheckpointCheck(file, try store.segments(), keepsEntries: isDeep)
    // The smallest record has a header and a key of one byte, and is padded.
    try check.load(recordsMax: try store.byteCountOfSegments() / (RecordHeader.byteCount + 8))
    if isDeep {
      check = try readLog(check, checkpoint: file, progress)
    } else {
      try readLog(NoVisitor(), checkpoint: file, progress)
    }
    let isLogWhole = log.findings.all.allSatisfy { $0.severity == .note }
    if isDeep { try check.finish(store, isLogWhole: isLogWhole) }
    take(check.findings)
    checkpointEntries = check.entryCount
    if isLogWhole { compareSegments(file) }
  }

  private mutating func take(_ more: Findings) {
    findings += more.all
    firsts += [more.first(.damaged), more.first(.notUnderstood)].compactMap { $0 }
    omitted += more.omitted
  }

  /// What the checkpoint says about the log as a whole.
  private mutating func compareSegments(_ file: CheckpointFile) {
    for (index, covered) in file.segments.enumerated() {
      if log.gone?.range(of: covered.number) != nil { continue }
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
  mutating func runReporting() throws(StoreError) {
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
  /// Findings that are listed as text: most come from a few causes.
  private static let findingsShown = 25

  /// A line for each finding, and one for the whole.
  package func text(isColoured: Bool = false) -> String {
    func coloured(_ text: String, _ isBad: Bool) -> String {
      isColoured ? "\u{1B}[\(isBad ? 31 : 32)m\(text)\u{1B}[0m" : text
    }
    var lines = findings.prefix(Self.findingsShown).map { coloured($0.line, $0.severity != .note) }
    let more = findings.count - lines.count + omitted
    if more > 0 { lines.append("and \(counted(more, "finding")) more") }
    let what: String
    switch verdict {
    case .clean: what = "clean"
    case .damaged: what = "damaged"
    case .notUnderstood: what = "not understood"
    }
    lines.append(
      coloured(what, verdict != .clean) + ": \(counted(log.segments.count, "segment")), "
        + "\(counted(log.records, "record")) of \(log.recordBytes) bytes, \(checkpointText)")
    return lines.joined(separator: "\n") + "\n"
  }

  private var checkpointText: String {
    switch checkpoint {
    case .absent: "no checkpoint"
    case .ignored: "a checkpoint that is not used"
    case .damaged: "a checkpoint that cannot be used (the log has all that it has)"
    case .usable: "a checkpoint of \(counted(checkpointEntries, "entry", "entries"))"
    }
  }

  package var json: String {
    let value = JSON.object([
      ("path", .string(store.path)), ("verdict", .string(verdict.rawValue)),
      ("segments", .integer(log.segments.count)), ("goneRanges", .integer(log.gone?.ranges.count ?? 0)),
      ("records", .integer(log.records)),
      ("recordBytes", .integer(log.recordBytes)), ("lastSequence", .unsigned(log.lastSequence)),
      ("checkpointEntries", checkpoint.file == nil ? .null : .integer(checkpointEntries)),
      ("findings", .array(findings.map(\.json))), ("omittedFindings", .integer(omitted)),
    ])
    return value.text(indentation: 0) + "\n"
  }
}
