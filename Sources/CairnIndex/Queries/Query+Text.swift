import Cairn

extension Query: CustomStringConvertible {
  /// Its text, of which ``init(_:)`` makes the same query, if it is within the limits there.
  public var description: String { node.text(inside: .disjunction) }
}

extension Query.Node {
  /// What binds less than what is around it stands in parentheses.
  fileprivate enum Level: Int { case disjunction, conjunction, negation }

  fileprivate func text(inside level: Level) -> String {
    switch self {
    case .all: return "all"
    case .compare(let name, let comparison, let value): return "\(name.asName) \(comparison.text) \(value.text)"
    case .between(let name, let lower, let upper): return "\(name.asName) between \(lower.text) and \(upper.text)"
    case .among(let name, let values): return "\(name.asName) in (\(values.map(\.text).joined(separator: ", ")))"
    case .prefix(let name, let prefix): return "\(name.asName) prefix \(prefix.quoted())"
    case .tag(let name, let tag): return "\(name.asName) has \(tag.quoted())"
    case .exists(let name): return "\(name.asName) exists"
    case .not(let node): return "not " + node.text(inside: .negation)
    case .and(let nodes):
      let text = nodes.map { $0.text(inside: .conjunction) }.joined(separator: " and ")
      return level.rawValue > Level.conjunction.rawValue ? "(\(text))" : text
    case .or(let nodes):
      let text = nodes.map { $0.text(inside: .disjunction) }.joined(separator: " or ")
      return level.rawValue > Level.disjunction.rawValue ? "(\(text))" : text
    }
  }
}

extension Query.Comparison {
  fileprivate var text: String {
    switch self {
    case .equal: "=="
    case .notEqual: "!="
    case .less: "<"
    case .atMost: "<="
    case .greater: ">"
    case .atLeast: ">="
    }
  }
}

extension Attributes.Value {
  fileprivate var text: String {
    switch self {
    case .string(let text): return text.quoted()
    case .integer(let number): return String(number)
    // The shortest digits of which the same number is read.
    case .real(let number): return number.description
    case .date(let milliseconds):
      return CivilDate.text(milliseconds: milliseconds) ?? "\(QueryWords.date)(\(milliseconds))"
    case .tags(let tags):
      return "[\(tags.map { $0.quoted() }.joined(separator: ", "))]"
    }
  }
}

extension String {
  fileprivate var asName: String {
    QueryLexer.isName(self) && !QueryWords.reserved.contains(self) ? self : quoted(by: "`")
  }

  /// What cannot be seen, and what a terminal might obey, stands as its number.
  fileprivate func quoted(by quote: Unicode.Scalar = "\"") -> String {
    var text = String(quote)
    for scalar in unicodeScalars {
      switch scalar {
      case quote, "\\": text += "\\\(scalar)"
      case "\n": text += "\\n"
      case "\t": text += "\\t"
      case _
      where scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
        || scalar.properties.isDefaultIgnorableCodePoint:
        text += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      default: text.unicodeScalars.append(scalar)
      }
    }
    text.unicodeScalars.append(quote)
    return text
  }
}
