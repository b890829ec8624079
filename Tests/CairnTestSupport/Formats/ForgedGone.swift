/// A list of segments that are gone, written byte by byte as SPEC 3.2 says, with checksums that fit.
public struct ForgedGone: Sendable {
  /// Of each range: first, last, previous end, previous checksum.
  public var ranges: [[UInt64]]
  public var history: UInt64 = 0
  /// What the header says of the number of ranges, if that is not how many there are.
  public var count: UInt64?
  /// Written over the header before its checksum is made.
  public var changes: [(offset: Int, bytes: [UInt8])] = []

  public init(ranges: [[UInt64]]) { self.ranges = ranges }

  public var bytes: [UInt8] {
    let body = ranges.flatMap { $0.flatMap { ForgedSegment.little($0, 8) } }
    var header = "\u{89}CAIRN\r\n\u{1A}\nGONE  ".unicodeScalars.map { UInt8($0.value) }
    header += ForgedSegment.little(1, 2) + ForgedSegment.little(0, 2) + ForgedSegment.little(128, 4)
    header += ForgedStore.identifier + ForgedSegment.little(history, 8)
    header += ForgedSegment.little(count ?? UInt64(ranges.count), 8)
    header += ForgedSegment.little(ForgedSegment.hash(body, seed: 0), 8)
    header += [UInt8](repeating: 0, count: 120 - header.count)
    for change in changes {
      header.replaceSubrange(change.offset..<change.offset + change.bytes.count, with: change.bytes)
    }
    return header + ForgedSegment.little(ForgedSegment.hash(header, seed: 0), 8) + body
  }
}

extension ForgedStore {
  /// Takes segments away as compaction does, once what counts in them stands at the end of the log.
  mutating func takeAway(_ victims: Set<UInt64>, history: UInt64 = 0) {
    let taken = segments.filter { victims.contains($0.number) }
    segments.removeAll { victims.contains($0.number) }
    var ranges: [[UInt64]] = []
    var before: UInt64 = 0
    for segment in segments {
      if let first = taken.first(where: { $0.number > before && $0.number < segment.number }) {
        // What its link says of the segment before.
        let link = (288..<328).map { first.bytes[$0] }
        ranges.append([
          before + 1, segment.number - 1, ForgedSegment.word(link, 8), ForgedSegment.word(link, 16),
        ])
      }
      before = segment.number
    }
    var gone = ForgedGone(ranges: ranges)
    gone.history = history
    self.gone = gone
  }
}
