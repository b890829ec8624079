package import Cairn

/// How entries are listed.
package enum ListFormat: String, CaseIterable, Sendable {
  /// Key, tab, value, escaped.
  case text
  /// An object in a line, as in a dump.
  case json
  /// The same as text, both in hexadecimal digits.
  case hex
}

/// Writes entries, a line for each. A large one goes to the sink in pieces: it is never there as a whole.
package struct EntryWriter {
  private let format: ListFormat
  private let keysOnly: Bool
  private let sink: any OutputSink
  /// Of a line, what the sink has not got yet.
  private var pending: [UInt8] = []

  private static let pieceBytes = 64 << 10
  /// Of values: each byte becomes at most four.
  private static let valuePieceBytes = 16 << 10

  package init(_ format: ListFormat, keysOnly: Bool = false, to sink: any OutputSink) {
    self.format = format
    self.keysOnly = keysOnly
    self.sink = sink
  }

  package mutating func write(_ entry: EntryReader.Entry) throws(StoreError) {
    let record = entry.record
    try write(record.key, record.value, record.version, record.deadline, record.attributes)
  }

  package mutating func write(
    _ key: MemoryView, _ value: MemoryView, _ version: UInt64, _ deadline: Int64?, _ attributes: Attributes = [:]
  ) throws(StoreError) {
    switch format {
    case .text: try write(key, value) { Escaping.text($0) }
    case .hex: try write(key, value) { Escaping.hex($0) }
    case .json:
      DumpLine.appendStart(key, to: &pending)
      if !keysOnly {
        pending.append(", ")
        var value = JSONText.Member("value", value)
        while value.appendPiece(to: &pending) { try handOver() }
      }
      DumpLine.appendEnd(version, deadline, attributes, to: &pending)
    }
    pending.append(UInt8(ascii: "\n"))
    try sink.write(pending)
    pending.removeAll(keepingCapacity: true)
  }

  private mutating func write(
    _ key: MemoryView, _ value: MemoryView, _ text: ([UInt8]) -> String
  ) throws(StoreError) {
    pending += text(key.array()).utf8
    if keysOnly { return }
    pending.append(UInt8(ascii: "\t"))
    var at = 0
    while at < value.count {
      let end = value.lend { (bytes: RawSpan) -> Int in
        Span<UInt8>(_bytes: bytes).pieceEnd(from: at, atMost: Self.valuePieceBytes)
      }
      pending += text(value.slice(at, end - at).array()).utf8
      at = end
      try handOver()
    }
  }

  private mutating func handOver() throws(StoreError) {
    guard pending.count >= Self.pieceBytes else { return }
    try sink.write(pending)
    pending.removeAll(keepingCapacity: true)
  }
}
