internal import Cairn

extension SegmentReport.Ending {
  var text: String {
    switch self {
    case .continued: "continued"
    case .cut: "cut at the last record after a crash"
    case .closed: "closed"
    case .open(let tornBytes): tornBytes == 0 ? "open" : "open, then \(tornBytes) bytes of an unfinished write"
    case .unused: "unused, made in advance"
    case .void: "void, after the end of the log"
    case .damaged: "damaged"
    }
  }
}

extension CheckpointFile.State {
  /// Whether it is valid or why not, as far as its header, directory and table tell.
  var text: String {
    switch self {
    case .absent: "none"
    case .ignored(let finding): "not used: \(finding.message)"
    case .damaged(let finding): "damaged: \(finding.message) (at byte \(finding.offset ?? 0))"
    case .usable(let file):
      "valid, \(file.header.liveEntries) entries, covers the log up to sequence \(file.header.endSequence) "
        + "(segment \(file.header.endSegment), byte \(file.header.endOffset)), \(file.window.byteCount) bytes"
    }
  }
}

extension Summary {
  private var closing: String {
    if let damage = log.damage { return "damaged: " + damage.message }
    if log.isClosed { return "clean" }
    switch lock {
    case .free: return "not closed: the process that wrote it crashed or was killed"
    case .held: return "not closed: in use"
    case .unknown: return "not closed: in use, or the process that wrote it crashed or was killed"
    }
  }

  private var lockText: String {
    switch lock {
    case .free: "free"
    case .held(let holder): "held by \(Escaping.text(holder))"
    case .unknown: "unknown, as its file may not be opened"
    }
  }

  private var lockJSON: (state: String, holder: String?) {
    switch lock {
    case .free: ("free", nil)
    case .held(let holder): ("held", holder)
    case .unknown: ("unknown", nil)
    }
  }

  private var liveText: String {
    guard let live else { return "unknown, as the log cannot be read" }
    let source = live.isFromCheckpoint ? "as the checkpoint tells" : "by a scan of the log"
    return "\(counted(live.entries, "entry", "entries")) in \(live.bytes) bytes, \(live.deadBytes) bytes dead "
      + "(as of sequence \(live.asOfSequence), \(source))"
  }

  private func liveText(_ segment: SegmentReport) -> String {
    guard let live else { return "" }
    let bytes = live.bytesBySegment[segment.number] ?? 0
    return ", \(bytes) live, \(max(0, segment.end &- bytes)) dead"
  }

  private var amplificationText: String {
    guard let amplification else { return live == nil ? "unknown" : "nothing is live" }
    return "the log takes \(hundredths(amplification.log)) times the live bytes, all files "
      + hundredths(amplification.disk)
  }

  private var segmentsText: String {
    var text = String(log.segments.count)
    if let gone = log.gone, !gone.ranges.isEmpty {
      text += ", and \(counted(gone.ranges.count, "range")) of others that compaction has taken away"
    }
    if !log.leftOver.isEmpty { text += " (\(counted(log.leftOver.count, "file")) left over)" }
    return text
  }

  package var text: String {
    let header = store.header
    var rows: [(String, String)] = [
      ("path", Escaping.text(store.path)),
      ("format", "\(FormatVersion.major).\(FormatVersion.minor)"),
      ("uuid", header.identifier.description),
      ("created", Timestamp.text(milliseconds: header.created)),
      ("features", features.map { "\($0) 0x\(String(hex: $1))" }.joined(separator: ", ")),
      ("last sequence", String(log.lastSequence)),
      ("epoch", String(log.epoch)),
      ("closed", closing),
      ("lock", lockText),
      ("live", liveText),
      ("checkpoint", checkpoint.text),
      ("bytes on disk", String(byteCountOnDisk)),
      ("amplification", amplificationText),
      ("segments", segmentsText),
    ]
    for segment in log.segments {
      let sequences =
        segment.lastSequence < segment.firstSequence
        ? "no operations" : "sequences \(segment.firstSequence) to \(segment.lastSequence)"
      rows.append(
        (
          "  \(segment.number)",
          "epoch \(segment.epoch), \(segment.byteCount) bytes, \(segment.end) used\(liveText(segment)), "
            + "\(counted(segment.operations, "operation")), \(sequences), \(segment.ending.text)"
        ))
    }
    let width = rows.map(\.0.count).max() ?? 0
    return rows.map { $0 + String(repeating: " ", count: width - $0.count + 2) + $1 + "\n" }.joined()
  }

  private var features: [(String, UInt64)] {
    [
      ("incompatible", store.header.incompatible), ("read-only compatible", store.header.readOnlyCompatible),
      ("compatible", store.header.compatible),
    ]
  }

  package var json: String {
    let header = store.header
    let value = JSON.object([
      ("path", .string(store.path)), ("formatMajor", .integer(Int(FormatVersion.major))),
      ("formatMinor", .integer(Int(FormatVersion.minor))), ("uuid", .string(header.identifier.description)),
      ("created", .integer(Int(header.created))),
      ("incompatible", .string(String(hex: header.incompatible))),
      ("readOnlyCompatible", .string(String(hex: header.readOnlyCompatible))),
      ("compatible", .string(String(hex: header.compatible))), ("lastSequence", .unsigned(log.lastSequence)),
      ("epoch", .unsigned(log.epoch)), ("closed", .bool(log.isClosed)), ("lock", .string(lockJSON.state)),
      ("lockHolder", .optional(lockJSON.holder)), ("damage", log.damage?.json ?? .null), ("live", liveJSON),
      ("checkpoint", checkpointJSON),
      ("bytesOnDisk", .integer(byteCountOnDisk)),
      ("logAmplification", amplification.map { .decimal(hundredths($0.log)) } ?? .null),
      ("diskAmplification", amplification.map { .decimal(hundredths($0.disk)) } ?? .null),
      ("goneRanges", .integer(log.gone?.ranges.count ?? 0)), ("leftOverFiles", .integer(log.leftOver.count)),
      (
        "segments",
        .array(
          log.segments.map { segment in segment.json(live: live.map { $0.bytesBySegment[segment.number, default: 0] }) }
        )
      ),
    ])
    return value.text(indentation: 0) + "\n"
  }

  private var liveJSON: JSON {
    guard let live else { return .null }
    return .object([
      ("entries", .integer(live.entries)), ("liveBytes", .integer(live.bytes)),
      ("deadBytes", .integer(live.deadBytes)), ("asOfSequence", .unsigned(live.asOfSequence)),
      ("source", .string(live.isFromCheckpoint ? "checkpoint" : "scan")),
    ])
  }

  private var checkpointJSON: JSON {
    switch checkpoint {
    case .absent: .null
    case .ignored(let finding), .damaged(let finding):
      .object([("valid", .bool(false)), ("reason", .string(finding.message)), ("offset", .optional(finding.offset))])
    case .usable(let file):
      .object([
        ("valid", .bool(true)), ("bytes", .integer(file.window.byteCount)),
        ("entries", .unsigned(file.header.liveEntries)), ("endSequence", .unsigned(file.header.endSequence)),
        ("endSegment", .unsigned(file.header.endSegment)), ("endOffset", .integer(file.header.endOffset)),
      ])
    }
  }
}

extension SegmentReport {
  fileprivate func json(live: Int?) -> JSON {
    .object([
      ("number", .unsigned(number)), ("epoch", .unsigned(epoch)), ("created", .integer(Int(created))),
      ("bytes", .integer(byteCount)), ("end", .integer(end)), ("firstSequence", .unsigned(firstSequence)),
      ("lastSequence", .unsigned(lastSequence)), ("operations", .integer(operations)),
      ("liveBytes", .optional(live)), ("deadBytes", .optional(live.map { max(0, end &- $0) })),
      ("ending", .string(ending.text)),
    ])
  }
}
