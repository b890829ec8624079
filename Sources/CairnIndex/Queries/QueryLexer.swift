import Cairn

/// Takes the text of a query apart.
struct QueryLexer {
  enum Token: Equatable {
    /// As it stands: a name, or a word of the language.
    case word(String)
    /// In backquotes.
    case name(String)
    case string(String)
    case integer(Int64)
    case real(Double)
    case date(milliseconds: Int64)
    /// A parenthesis, a bracket, a comma, or an operator.
    case mark(String)
    case end
  }

  private let bytes: [UInt8]
  private var at = 0
  /// Where the last token begins.
  private(set) var place = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  /// - Throws: `.invalidQuery`.
  mutating func next() throws(StoreError) -> Token {
    while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
    place = at
    guard at < bytes.count else { return .end }
    let byte = bytes[at]
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try quoted())
    case UInt8(ascii: "`"): return .name(try quoted())
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    case UInt8(ascii: "-"):
      at += 1
      if at < bytes.count, Self.isDigit(bytes[at]) { return try number() }
      guard word() == QueryWords.infinity else {
        throw StoreError.invalidQuery("expected a number behind the minus", at: place + 1)
      }
      return .real(-.infinity)
    case _ where Self.beginsName(byte): return .word(word())
    default: break
    }
    for mark in Self.marks where bytes[at...].starts(with: mark.utf8) {
      at += mark.utf8.count
      return .mark(mark)
    }
    throw StoreError.invalidQuery("expected a name, a value, or an operator", at: at)
  }

  /// No mark behind one that it begins with.
  private static let marks = [
    "&&", "||", "==", "!=", "<>", "<=", ">=", "=", "<", ">", "!", "(", ")", "[", "]", ",",
  ]

  // MARK: Names and numbers

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  private static func beginsName(_ byte: UInt8) -> Bool {
    let lowercase = byte | 0x20
    return lowercase >= UInt8(ascii: "a") && lowercase <= UInt8(ascii: "z") || byte == UInt8(ascii: "_")
  }

  private static func isInName(_ byte: UInt8) -> Bool {
    beginsName(byte) || isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
  }

  /// Whether it can stand without quotes.
  static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, beginsName(first) else { return false }
    return text.utf8.allSatisfy(isInName)
  }

  private mutating func word() -> String {
    let start = at
    while at < bytes.count, Self.isInName(bytes[at]) { at += 1 }
    return String(decoding: bytes[start..<at], as: UTF8.self)
  }

  private mutating func digits() {
    while at < bytes.count, Self.isDigit(bytes[at]) { at += 1 }
  }

  /// At its first digit.
  private mutating func number() throws(StoreError) -> Token {
    let start = at
    digits()
    let token: Token
    if place == start, at == start + 4, at < bytes.count, bytes[at] == UInt8(ascii: "-") {
      guard let date = CivilDate.parse(bytes, at: start) else {
        throw StoreError.invalidQuery(
          "expected a date that there is, as 2026-11-20, 2026-11-20T10:00:00Z or 2026-11-20T10:00:00.123Z", at: place)
      }
      at = date.end
      token = .date(milliseconds: date.milliseconds)
    } else {
      let isReal = try skipFraction()
      let text = String(decoding: bytes[place..<at], as: UTF8.self)
      if isReal {
        guard let real = Double(text), real.isFinite else {
          throw StoreError.invalidQuery("expected a number that 64 bits can hold", at: place)
        }
        token = .real(real)
      } else {
        guard let integer = Int64(text) else {
          throw StoreError.invalidQuery("expected an integer of 64 bits", at: place)
        }
        token = .integer(integer)
      }
    }
    if at < bytes.count, Self.isInName(bytes[at]) {
      throw StoreError.invalidQuery("expected the end of the number or date", at: at)
    }
    return token
  }

  /// Whether there is one, or an exponent.
  private mutating func skipFraction() throws(StoreError) -> Bool {
    var isReal = false
    if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
      isReal = true
      at += 1
      try requireDigits()
    }
    if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
      isReal = true
      at += 1
      if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
      try requireDigits()
    }
    return isReal
  }

  private mutating func requireDigits() throws(StoreError) {
    guard at < bytes.count, Self.isDigit(bytes[at]) else { throw StoreError.invalidQuery("expected a digit", at: at) }
    digits()
  }

  // MARK: In quotes

  /// At the opening quote.
  private mutating func quoted() throws(StoreError) -> String {
    let quote = bytes[at]
    at += 1
    var content: [UInt8] = []
    while at < bytes.count {
      let byte = bytes[at]
      if byte == quote {
        at += 1
        return String(decoding: content, as: UTF8.self)
      }
      if byte == UInt8(ascii: "\\") {
        content += String(try escaped()).utf8
      } else {
        content.append(byte)
        at += 1
      }
    }
    throw StoreError.invalidQuery("expected a closing quote for this one", at: place)
  }

  /// At the backslash.
  private mutating func escaped() throws(StoreError) -> Unicode.Scalar {
    let start = at
    at += 2
    switch at <= bytes.count ? bytes[at - 1] : 0 {
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "'"): return "'"
    case UInt8(ascii: "`"): return "`"
    case UInt8(ascii: "u"):
      if let close = bytes[at...].prefix(10).firstIndex(of: UInt8(ascii: "}")), bytes[at] == UInt8(ascii: "{"),
        // A sign would be taken for part of the number.
        bytes[(at + 1)..<close].allSatisfy({ Self.isDigit($0) || Self.beginsName($0) }),
        let number = UInt32(String(decoding: bytes[(at + 1)..<close], as: UTF8.self), radix: 16),
        let scalar = Unicode.Scalar(number)
      {
        at = close + 1
        return scalar
      }
      throw StoreError.invalidQuery("expected the number of a Unicode scalar, as \\u{E9}", at: start)
    default:
      throw StoreError.invalidQuery(
        "expected a quote, a backslash, n, t, or u{…} behind the backslash", at: start + 1)
    }
  }
}

/// Words of the language.
enum QueryWords {
  /// Of these, a name that is one stands in backquotes.
  static let reserved: Set<String> = ["all", "and", "or", "not", "in", "between", "prefix", "has", "exists"]
  /// Where a value is wanted: what is more than every other number.
  static let infinity = "inf"
  /// Where a value is wanted: milliseconds since 1970 in parentheses.
  static let date = "date"
}

extension StoreError {
  static func invalidQuery(_ message: String, at place: Int) -> StoreError {
    StoreError(.invalidQuery, "the query cannot be read: " + message, byteOffset: place)
  }
}
