internal import Cairn

extension Copy {
  package var json: String {
    let value = JSON.object([("bytes", .integer(bytes)), ("lastSequence", .unsigned(lastSequence))])
    return value.text(indentation: 0) + "\n"
  }
}

extension Difference.Kind {
  private var name: String {
    switch self {
    case .onlyInFirst: "onlyInFirst"
    case .onlyInSecond: "onlyInSecond"
    case .value: "value"
    case .deadline: "deadline"
    case .attributes: "attributes"
    case .damaged: "damaged"
    }
  }

  /// A difference as an object in a line.
  package func json(_ key: [UInt8]) -> [UInt8] {
    var line = Array("{\"difference\": \"\(name)\", ".utf8)
    // SAFETY: the view is used while the array lives.
    JSONText.appendMember("key", unsafe MemoryView(key.span.bytes), to: &line)
    return line + "}\n".utf8
  }

  fileprivate static let all: [Self] = [.onlyInFirst, .onlyInSecond, .value, .deadline, .attributes, .damaged]

  fileprivate func count(_ counts: [Self: Int]) -> (String, JSON) { (name, .integer(counts[self] ?? 0)) }
}

extension Difference {
  /// How many keys there are of each kind, as an object in a line.
  package var json: String {
    JSON.object([("same", .integer(same))] + Kind.all.map { $0.count(counts) }).text() + "\n"
  }
}
