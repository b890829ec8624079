import Cairn
import CairnIndex
import CairnTestSupport

/// Queries, attributes and texts, of few values, so that many are met, or of all kinds.
struct RandomQueries {
  private(set) var random: SeededRandom
  /// Whether names, strings and numbers are of all kinds.
  let isWild: Bool

  init(seed: UInt64, isWild: Bool = false) {
    random = SeededRandom(seed: seed)
    self.isWild = isWild
  }

  mutating func below(_ bound: Int) -> Int { random.below(bound) }

  mutating func one<Element>(of elements: [Element]) -> Element { elements[random.below(elements.count)] }

  // MARK: Values

  static let integers: [Int64] = [
    0, 1, -1, 5, .max, .max - 1, .min, .min + 1, 1 << 53, 1 << 53 + 1, 1 << 53 - 1, -(1 << 53) - 1, 1 << 62,
  ]
  static let reals: [Double] = [
    0, -0.0, 1, 0.5, -1.5, 5, 0x1p53, 0x1p53 + 2, 0x1p63, -0x1p63, 0x1p62, -0x1.0000000000001p63, 0x1.fffffffffffffp62,
    .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1e16, 1e-7,
  ]

  mutating func scalar() -> Unicode.Scalar {
    switch below(6) {
    case 0: return one(of: ["\"", "'", "`", "\\", "\n", "\t", "\r", "\0", "{", "}", "(", " "])
    case 1:
      return one(of: ["\u{301}", "\u{200B}", "\u{202E}", "\u{FEFF}", "\u{85}", "\u{10FFFF}", "\u{E9}", "\u{1F600}"])
    case 2: return Unicode.Scalar(UInt32(below(0x11_0000))) ?? "?"
    default: return Unicode.Scalar(UInt8(0x20 + below(0x5F)))
    }
  }

  mutating func text() -> String {
    if isWild, random.percent(70) {
      var text = ""
      for _ in 0..<below(9) { text.unicodeScalars.append(scalar()) }
      return text
    }
    return one(of: ["", "a", "ab", "abc", "b", "\u{E9}", "e\u{301}", "z", "Z"])
  }

  mutating func name() -> String {
    if isWild, random.percent(50) {
      return random.percent(50) ? text() : one(of: ["all", "and", "in", "inf", "date", "-x"])
    }
    return one(of: ["a", "b", "c.d", "e-f", "_g1"])
  }

  mutating func tags() -> Attributes.Tags {
    var tags: [String] = []
    for _ in 0..<below(4) { tags.append(isWild ? text() : one(of: ["x", "y", "z", "\u{E9}"])) }
    return Attributes.Tags(tags)
  }

  mutating func value() -> Attributes.Value {
    switch below(5) {
    case 0: return .string(text())
    case 1: return .integer(isWild && random.percent(50) ? Int64(bitPattern: random.next()) : one(of: Self.integers))
    case 2:
      let real = isWild && random.percent(50) ? Double(bitPattern: random.next()) : one(of: Self.reals)
      return .real(real)
    case 3:
      let some: [Int64] = [
        0, -1, 999, 1_795_131_296_789, -62_167_219_200_000, -62_167_219_200_001, 253_402_300_799_999,
      ]
      if isWild, random.percent(50) { return .date(milliseconds: Int64(bitPattern: random.next()) >> Int64(below(30))) }
      return .date(milliseconds: one(of: some + Self.integers))
    default: return .tags(tags())
    }
  }

  mutating func attributes() -> Attributes {
    var attributes = Attributes()
    for _ in 0..<below(5) {
      var value = value()
      if case .real(let number) = value, number.isNaN { value = .real(0) }
      attributes[name()] = value
    }
    return attributes
  }

  // MARK: Queries

  mutating func term() -> Query {
    let attribute = Attribute(name())
    switch below(12) {
    case 0: return attribute == value()
    case 1: return attribute != value()
    case 2: return attribute < value()
    case 3: return attribute <= value()
    case 4: return attribute > value()
    case 5: return attribute >= value()
    case 6: return attribute.isBetween(value(), value())
    case 7: return attribute.isIn((0..<below(5)).map { _ in value() })
    case 8: return attribute.hasPrefix(text())
    case 9: return attribute.hasTag(one(of: ["x", "y", "\u{E9}", "e\u{301}", text()]))
    case 10: return attribute.exists
    default: return random.percent(20) ? .all : attribute == one(of: ["a", "ab", "b"])
    }
  }

  mutating func query(depth: Int = 4) -> Query {
    switch below(depth > 0 ? 5 : 2) {
    case 2: return query(depth: depth - 1) && query(depth: depth - 1)
    case 3: return query(depth: depth - 1) || query(depth: depth - 1)
    case 4: return !query(depth: depth - 1)
    default: return term()
    }
  }
}
