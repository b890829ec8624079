public import Cairn

extension SeededRandom {
  /// Attributes as programs have them: a few names, few values of each, and now and then an odd one.
  public mutating func attributes() -> Attributes {
    var attributes = Attributes()
    if percent(70) { attributes["model"] = .string(["small", "large", "", "größte", "a\u{0}b"][below(5)]) }
    if percent(60) { attributes["tokens"] = .integer(percent(90) ? Int64(below(1000)) : [.min, .max, -1][below(3)]) }
    if percent(40) {
      attributes["cost"] = .real(percent(80) ? Double(below(1000)) / 8 : [-0.0, .infinity, 1e300, -1e-300][below(4)])
    }
    if percent(30) { attributes["made"] = .date(milliseconds: Int64(below(100)) * 86_400_000) }
    if percent(40) {
      attributes["labels"] = .tags(
        Attributes.Tags((0..<below(5)).map { _ in ["draft", "en", "é", "e\u{301}", "long" + name()][below(5)] }))
    }
    if percent(10) { attributes[name()] = .string(String(repeating: "x", count: below(300))) }
    return attributes
  }

  private mutating func name() -> String { String(repeating: ["n", "ñ", "z"][below(3)], count: 1 + below(20)) }
}

extension Attributes {
  /// Attributes of every other value, by which it is recognised.
  public init(telling value: [UInt8]) {
    self.init()
    let sum = value.reduce(0) { $0 &+ Int64($1) }
    if sum % 2 == 0 { return }
    self["sum"] = .integer(sum)
    if sum % 3 == 0 { self["tags"] = .tags(["third", String(sum % 10)]) }
  }

  /// What they add to a record, counted as the specification has it (SPEC 4.9).
  public var itemBytes: Int {
    if isEmpty { return 0 }
    let content = names.reduce(2) { sum, name in
      let value =
        switch self[name] {
        case .string(let text): text.utf8.count
        case .tags(let tags): tags.reduce(0) { $0 + 1 + $1.utf8.count }
        default: 8
        }
      return sum + 4 + name.utf8.count + value
    }
    return (content + 7) & ~7
  }
}
