import Cairn
import CairnIndex
import CairnTestSupport

@testable import CairnAttributes

/// What an ``AttributeTable`` is to know, without any index: a dictionary, and a filter that looks at each entry.
struct AttributeModel {
  struct Entry {
    var attributes: Attributes
    var deadline: Int64?
    var byteCount: Int
  }

  let indexes: AttributeIndexes
  var entries: [[UInt8]: Entry] = [:]

  private func kind(_ name: String) -> AttributeIndex.Kind? { indexes.indexes.first { $0.name == name }?.kind }

  /// The attribute, if its index has it.
  func indexed(_ name: String, _ entry: Entry) -> Attributes.Value? {
    guard let value = entry.attributes[name] else { return nil }
    switch (kind(name), value) {
    case (.equality, .tags), (nil, _): return nil
    case (.equality, _), (.range(.integer), .integer), (.range(.real), .real), (.range(.date), .date), (.tags, .tags):
      return value
    default: return nil
    }
  }

  static func order(_ a: Attributes.Value, _ b: Attributes.Value) -> Int? {
    func order<T: Comparable>(_ a: T, _ b: T) -> Int { a < b ? -1 : a == b ? 0 : 1 }
    switch (a, b) {
    case (.string(let a), .string(let b)):
      return a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : a.utf8.elementsEqual(b.utf8) ? 0 : 1
    case (.integer(let a), .integer(let b)), (.date(let a), .date(let b)): return order(a, b)
    case (.real(let a), .real(let b)): return a.isNaN || b.isNaN ? nil : order(a, b)
    // The standard library compares integers and reals exactly if it has to do with both as they are.
    case (.integer(let a), .real(let b)): return b.isNaN ? nil : b > 0x1p65 ? -1 : b < -0x1p65 ? 1 : exact(a, b)
    case (.real, .integer): return Self.order(b, a).map { -$0 }
    default: return nil
    }
  }

  /// In 128 bits, by eighths; smaller fractions have to do with small integers only.
  private static func exact(_ a: Int64, _ b: Double) -> Int {
    let floor = b.rounded(.down)
    let (whole, part) = (Int128(floor), b - floor)
    return Int128(a) < whole ? -1 : Int128(a) > whole ? 1 : part > 0 ? -1 : 0
  }

  func matches(_ node: Query.Node, _ entry: Entry) -> Bool {
    switch node {
    case .all: return true
    case .and(let nodes): return nodes.allSatisfy { matches($0, entry) }
    case .or(let nodes): return nodes.contains { matches($0, entry) }
    case .not(let node): return !matches(node, entry)
    case .exists(let name): return indexed(name, entry) != nil
    case .tag(let name, let tag):
      if case .tags(let tags)? = indexed(name, entry) { return tags.contains(tag) }
      return false
    case .prefix(let name, let prefix):
      if case .string(let text)? = indexed(name, entry) { return text.utf8.starts(with: prefix.utf8) }
      return false
    case .among(let name, let values):
      return values.contains { matches(.compare(name, .equal, $0), entry) }
    case .between(let name, let low, let high):
      return matches(.compare(name, .atLeast, low), entry) && matches(.compare(name, .atMost, high), entry)
    case .compare(let name, let comparison, let operand):
      guard let value = indexed(name, entry) else { return false }
      if case .tags(let a) = value, case .tags(let b) = operand {
        return comparison == .equal ? a == b : comparison == .notEqual ? a != b : false
      }
      guard let order = Self.order(value, operand) else { return false }
      switch comparison {
      case .equal: return order == 0
      case .notEqual: return order != 0
      case .less: return order < 0
      case .atMost: return order <= 0
      case .greater: return order > 0
      case .atLeast: return order >= 0
      }
    }
  }

  func keys(_ query: Query) -> Set<[UInt8]> {
    Set(entries.filter { matches(query.node, $0.value) }.map(\.key))
  }

  /// Of the values of one index.
  static func sortOrder(_ a: Attributes.Value, _ b: Attributes.Value) -> Int {
    func place(_ value: Attributes.Value) -> Int {
      switch value {
      case .integer, .real: 0
      case .date: 1
      case .string, .tags: 2
      }
    }
    if place(a) != place(b) { return place(a) - place(b) }
    let order = order(a, b) ?? 0
    if order != 0 { return order }
    switch (a, b) {
    case (.integer, .real): return -1
    case (.real, .integer): return 1
    default: return 0
    }
  }
}

/// Random entries and queries for a few fields.
struct AttributeRandom {
  static let indexes = [
    AttributeIndex.equality("domain"), .range("tokens", of: .integer), .range("cost", of: .real),
    .range("seen", of: .date), .tags("labels"), .equality("number"),
  ]
  static let aggregates = [AttributeAggregate.sum("tokens", by: "domain"), .sum("cost", by: "number")]

  var random: SeededRandom
  var distinct = 8
  static let reals = [
    0, 1, -1, 1e300, -1e300, 1e-300, 1e16, -1e16, 0.5, 0x1p-1074, -0x1p-1074, 0x1p-1022, 0x1p63, -0x1p63, 0x1p53,
    0x1p53 + 2, 3.25, .infinity, -.infinity, .greatestFiniteMagnitude,
  ]
  static let integers: [Int64] = [
    0, 1, -1, 2, 3, .max, .min, .max - 1, .min + 1, 1 << 53, 1 << 53 + 1, 1 << 53 + 2, 1 << 62, 1 << 62 + 1,
  ]

  mutating func integer() -> Int64 {
    switch random.below(10) {
    case 0: Self.integers[random.below(Self.integers.count)]
    case 1...4: Int64(random.below(3))
    default: Int64(random.below(distinct * 50)) - 20
    }
  }

  mutating func real() -> Double {
    random.percent(30) ? Self.reals[random.below(Self.reals.count)] : Double(random.below(400)) / 8 - 10
  }

  mutating func text() -> String { ["", "a", "ab", "abc", "ä", "b", "\u{65}\u{301}"][random.below(7)] }

  mutating func string() -> String {
    random.percent(20) ? text() : "d\(random.below(distinct))"
  }

  mutating func tags() -> Attributes.Tags { Attributes.Tags((0..<random.below(4)).map { _ in "t\(random.below(6))" }) }

  mutating func anyValue() -> Attributes.Value {
    switch random.below(5) {
    case 0: .string(string())
    case 1: .integer(integer())
    case 2: .real(real())
    case 3: .date(milliseconds: integer())
    default: .tags(tags())
    }
  }

  /// Mostly what the index of the name is of.
  mutating func value(_ name: String) -> Attributes.Value {
    if random.percent(6) { return anyValue() }
    switch name {
    case "domain": return .string(string())
    case "tokens": return .integer(integer())
    case "cost": return .real(real())
    case "seen": return .date(milliseconds: integer())
    case "labels": return .tags(tags())
    default: return random.percent(50) ? .integer(integer()) : .real(real())
    }
  }

  static let names = ["domain", "tokens", "cost", "seen", "labels", "number"]

  mutating func attributes() -> Attributes {
    var attributes = Attributes()
    for name in Self.names where random.percent(75) { attributes[name] = value(name) }
    if random.percent(20) { attributes["other"] = 1 }
    return attributes
  }

  /// What a value of the name is compared with: numbers of either type.
  mutating func operand(_ name: String) -> Attributes.Value {
    if !["tokens", "cost", "number"].contains(name) || random.percent(60) { return value(name) }
    return random.percent(50) ? .integer(integer()) : .real(real())
  }

  /// Often two or three conditions that all have to be met.
  mutating func query() -> Query {
    Query(random.percent(50) ? node() : .and((0..<2 + random.below(2)).map { _ in node(0) }))
  }

  mutating func node(_ depth: Int = 3) -> Query.Node {
    let name = Self.names[random.below(Self.names.count)]
    let comparisons: [Query.Comparison] = [.equal, .notEqual, .less, .atMost, .greater, .atLeast]
    switch random.below(depth > 0 ? 16 : 10) {
    case 0...4: return .compare(name, comparisons[random.below(6)], operand(name))
    case 5: return .between(name, operand(name), operand(name))
    case 6: return .among(name, (0..<random.below(5)).map { _ in operand(name) })
    case 7: return .prefix(random.percent(80) ? "domain" : name, random.percent(30) ? "" : text())
    case 8: return .tag(random.percent(80) ? "labels" : name, "t\(random.below(7))")
    case 9: return random.percent(20) ? .all : .exists(name)
    case 10, 11, 12: return .and((0..<random.below(5)).map { _ in node(depth - 1) })
    case 13, 14: return .or((0..<random.below(4)).map { _ in node(depth - 1) })
    default: return .not(node(depth - 1))
    }
  }
}
