internal import Cairn

/// Attributes as a member of a dump's line (SPEC 8): strings, whole numbers, numbers with a point or an exponent,
/// arrays of tags, and for what JSON has no form `{"date": …}` in milliseconds since 1970 and `{"real": "inf"}`.
enum DumpAttributes {
  /// With the comma in front; nothing if there are none.
  static func append(_ attributes: Attributes, to output: inout [UInt8]) {
    if attributes.isEmpty { return }
    output.append(", \"attributes\": {")
    var isFirst = true
    for (name, value) in attributes {
      if !isFirst { output.append(", ") }
      isFirst = false
      JSONText.append(name, to: &output)
      output.append(": ")
      append(value, to: &output)
    }
    output.append("}")
  }

  private static func append(_ value: Attributes.Value, to output: inout [UInt8]) {
    switch value {
    case .string(let text): JSONText.append(text, to: &output)
    case .integer(let number): output += String(number).utf8
    case .date(let milliseconds): output += "{\"date\": \(milliseconds)}".utf8
    case .real(let number) where number.isInfinite: output += "{\"real\": \"\(number)\"}".utf8
    // The shortest one that is read as the same number.
    case .real(let number): output += "\(number)".utf8
    case .tags(let tags):
      output.append("[")
      for (index, tag) in tags.enumerated() {
        if index > 0 { output.append(", ") }
        JSONText.append(tag, to: &output)
      }
      output.append("]")
    }
  }
}

extension DumpParser {
  mutating func attributes() throws(DumpError) -> Attributes {
    var attributes = Attributes()
    try expect("{")
    while !take(UInt8(ascii: "}")) {
      if !attributes.isEmpty { try expect(",") }
      let name = try text()
      try expect(":")
      if attributes[name] != nil { throw error("the attribute \(Escaping.text(name)) is there twice") }
      attributes[name] = try attributeValue()
    }
    return attributes
  }

  private mutating func text() throws(DumpError) -> String { String(decoding: try string(), as: UTF8.self) }

  private mutating func attributeValue() throws(DumpError) -> Attributes.Value {
    switch next {
    case UInt8(ascii: "\""): return .string(try text())
    case UInt8(ascii: "["):
      try expect("[")
      var tags: [String] = []
      while !take(UInt8(ascii: "]")) {
        if !tags.isEmpty { try expect(",") }
        tags.append(try text())
      }
      let set = Attributes.Tags(tags)
      guard set.count == tags.count else { throw error("a tag is there twice") }
      return .tags(set)
    case UInt8(ascii: "{"):
      try expect("{")
      let name = try text()
      try expect(":")
      let value: Attributes.Value
      switch name {
      case "date": value = .date(milliseconds: try number(Int64.self))
      case "real":
        guard let number = ["inf": Double.infinity, "-inf": -Double.infinity][try text()] else {
          throw error("inf or -inf is expected here")
        }
        value = .real(number)
      default: throw error("a date or a real is expected here")
      }
      try expect("}")
      return value
    default: return try numericValue()
    }
  }

  /// Whether it is a number as JSON has them (RFC 8259, 6).
  private static func isNumber(_ text: [UInt8]) -> Bool {
    var rest = text[...]
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    func takeDigits() -> Bool {
      let count = rest.prefix(while: isDigit).count
      rest = rest.dropFirst(count)
      return count > 0
    }
    if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
    let whole = rest.prefix(while: isDigit)
    guard takeDigits(), whole.count == 1 || whole.first != UInt8(ascii: "0") else { return false }
    if rest.first == UInt8(ascii: ".") {
      rest.removeFirst()
      if !takeDigits() { return false }
    }
    if let letter = rest.first, letter | 0x20 == UInt8(ascii: "e") {
      rest.removeFirst()
      if let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { rest.removeFirst() }
      if !takeDigits() { return false }
    }
    return rest.isEmpty
  }

  private mutating func numericValue() throws(DumpError) -> Attributes.Value {
    let digits = takeNumber()
    if digits.utf8.contains(where: { $0 == 0x2E || $0 == 0x65 || $0 == 0x45 }) {
      guard Self.isNumber(Array(digits.utf8)), let number = Double(digits), number.isFinite else {
        throw error("a number is expected here")
      }
      return .real(number)
    }
    guard let number = Int64(digits), String(number) == digits else {
      throw error("a string, a number, an array of tags or a date is expected here")
    }
    return .integer(number)
  }
}
