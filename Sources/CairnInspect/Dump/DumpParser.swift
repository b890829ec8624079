internal import Cairn

/// A line that is none of a dump: what is wrong with it.
package struct DumpError: Error, Equatable {
  package let message: String
  /// In bytes from the line's start.
  package let offset: Int
}

/// Reads one line of a dump. Members may come in any order; one that is not known would be lost, and is refused.
package struct DumpParser: ~Escapable {
  private let text: Span<UInt8>
  private var at = 0

  package static func parse(_ text: [UInt8]) throws(DumpError) -> DumpLine { try parse(text.span) }

  static func parse(_ text: Span<UInt8>) throws(DumpError) -> DumpLine {
    var parser = DumpParser(text)
    return try parser.line()
  }

  @_lifetime(copy text)
  private init(_ text: Span<UInt8>) { self.text = text }

  func error(_ message: String) -> DumpError { DumpError(message: message, offset: at) }

  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }

  private mutating func skipSpace() {
    while at < text.count, Self.isSpace(text[at]) { at += 1 }
  }

  mutating func take(_ character: UInt8) -> Bool {
    skipSpace()
    guard at < text.count, text[at] == character else { return false }
    at += 1
    return true
  }

  mutating func expect(_ character: Unicode.Scalar) throws(DumpError) {
    guard take(UInt8(ascii: character)) else { throw error("\(character) is expected here") }
  }

  private mutating func line() throws(DumpError) -> DumpLine {
    var members = Members()
    try expect("{")
    var isFirst = true
    while !take(UInt8(ascii: "}")) {
      if !isFirst { try expect(",") }
      isFirst = false
      try member(&members)
    }
    skipSpace()
    guard at == text.count else { throw error("something follows the object") }
    guard let key = members.key, let value = members.value else { throw error("an entry has a key and a value") }
    return DumpLine(
      key: key, value: value, version: members.version ?? 0, deadline: members.deadline,
      attributes: members.attributes ?? [:])
  }

  /// Those of a line that have been read.
  private struct Members {
    var key: [UInt8]?
    var value: [UInt8]?
    var version: UInt64?
    var deadline: Int64?
    var attributes: Attributes?
  }

  private mutating func member(_ members: inout Members) throws(DumpError) {
    let start = at
    let bytes = try string()
    let name = String(decoding: bytes, as: UTF8.self)
    try expect(":")
    let isAgain: Bool
    switch name {
    case "key", "keyBase64":
      isAgain = members.key != nil
      members.key = try name == "key" ? string() : base64()
    case "value", "valueBase64":
      isAgain = members.value != nil
      members.value = try name == "value" ? string() : base64()
    case "version":
      isAgain = members.version != nil
      members.version = try number(UInt64.self)
    case "deadline":
      isAgain = members.deadline != nil
      members.deadline = try number(Int64.self)
    case "attributes":
      isAgain = members.attributes != nil
      members.attributes = try attributes()
    default:
      at = start
      let shown = Escaping.text(String(name.prefix(40))) + (name.count > 40 ? "…" : "")
      throw error("there is no member \(shown) in a dump")
    }
    if isAgain { throw error("the member \(name) is there twice") }
  }

  private mutating func base64() throws(DumpError) -> [UInt8] {
    let digits = try string()
    guard let bytes = Base64.decode(digits.span) else { throw error("this is not Base64") }
    return bytes
  }

  mutating func number<T: FixedWidthInteger>(_: T.Type) throws(DumpError) -> T {
    skipSpace()
    var digits: [UInt8] = []
    while at < text.count, digits.count < 25, text[at] == UInt8(ascii: "-") || (0x30...0x39).contains(text[at]) {
      digits.append(text[at])
      at += 1
    }
    // As it would be written: without zeros in front.
    guard let number = T(String(decoding: digits, as: UTF8.self)), String(number).utf8.elementsEqual(digits) else {
      throw error("a whole number of at most 64 bits is expected here")
    }
    return number
  }

  /// What comes next; `nil` at the end.
  var next: UInt8? {
    mutating get {
      skipSpace()
      return at < text.count ? text[at] : nil
    }
  }

  /// What may be a number, and ends where none goes on.
  mutating func takeNumber() -> String {
    skipSpace()
    var digits: [UInt8] = []
    while at < text.count, digits.count < 400, !Self.isSpace(text[at]), ![0x2C, 0x5D, 0x7D].contains(text[at]) {
      digits.append(text[at])
      at += 1
    }
    return String(decoding: digits, as: UTF8.self)
  }

  // MARK: Strings

  mutating func string() throws(DumpError) -> [UInt8] {
    try expect("\"")
    var result: [UInt8] = []
    var chunk = ByteChunk()
    while true {
      if chunk.isFull {
        // The line has most of what is to come, but a very long one may be mostly escapes.
        if result.isEmpty { result.reserveCapacity(min(text.count - at + chunk.count, 64 << 10)) }
        chunk.move(to: &result)
      }
      if text.count - at >= 8 {
        let word = text.word(at: at)
        let length = ByteMask.specialInString(word).trailingZeroBitCount / 8
        chunk.append(word, length)
        at += length
        if length == 8 { continue }
      }
      guard at < text.count, text[at] >= 0x20 else { throw error("the string has no end") }
      let byte = text[at]
      switch byte {
      case UInt8(ascii: "\""):
        at += 1
        chunk.move(to: &result)
        return result
      case UInt8(ascii: "\\"):
        at += 1
        try escape(&chunk)
      case 0..<0x80:
        chunk.append(byte)
        at += 1
      default:
        guard let (_, byteCount) = text.character(at: at) else { throw error("this is not UTF-8") }
        for place in at..<at + byteCount { chunk.append(text[place]) }
        at += byteCount
      }
    }
  }

  private mutating func escape(_ result: inout ByteChunk) throws(DumpError) {
    guard at < text.count else { throw error("the string has no end") }
    at += 1
    switch text[at - 1] {
    case UInt8(ascii: "n"): result.append(0x0A)
    case UInt8(ascii: "t"): result.append(0x09)
    case UInt8(ascii: "r"): result.append(0x0D)
    case UInt8(ascii: "b"): result.append(0x08)
    case UInt8(ascii: "f"): result.append(0x0C)
    case UInt8(ascii: "u"):
      let scalar = try scalar()
      if scalar.isASCII { return result.append(UInt8(scalar.value)) }
      for byte in UTF8.encode(scalar)! { result.append(byte) }
    case let byte where byte == 0x22 || byte == 0x5C || byte == 0x2F: result.append(byte)
    default: throw error("there is no such escape")
    }
  }

  /// What stands behind `\u`: four digits, or a pair of such escapes.
  private mutating func scalar() throws(DumpError) -> Unicode.Scalar {
    let first = try unit()
    if let scalar = Unicode.Scalar(first) { return scalar }
    if first < 0xDC00, at + 1 < text.count, text[at] == UInt8(ascii: "\\"), text[at + 1] == UInt8(ascii: "u") {
      at += 2
      let second = try unit()
      if (0xDC00..<0xE000).contains(second),
        let scalar = Unicode.Scalar(0x1_0000 + (first - 0xD800) << 10 + (second - 0xDC00))
      {
        return scalar
      }
    }
    throw error("half of a surrogate pair is no character")
  }

  private mutating func unit() throws(DumpError) -> UInt32 {
    guard text.count - at >= 4 else { throw error("four hexadecimal digits are expected here") }
    var unit: UInt32 = 0
    for place in at..<at + 4 {
      let byte = text[place]
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x41...0x46: digit = byte - 0x41 + 10
      case 0x61...0x66: digit = byte - 0x61 + 10
      default: throw error("four hexadecimal digits are expected here")
      }
      unit = unit << 4 | UInt32(digit)
    }
    at += 4
    return unit
  }
}
