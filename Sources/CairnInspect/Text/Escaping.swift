/// Bytes as text that a terminal shows and does not obey.
package enum Escaping {
  /// As a word of a command line that somebody may copy.
  package static func word(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { (byte: UInt8) in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || "/._-".utf8.contains(byte)
    }
    if isPlain && !text.isEmpty { return text }
    return "'" + Self.text(text).split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
      + "'"
  }

  /// Printable text as it is, `\\` for a backslash, `\n`, `\t`, `\r`, and `\xHH` for each other byte: of control
  /// characters, of what changes the direction of text, and of what is no UTF-8. So it can be read back exactly.
  package static func text(_ bytes: [UInt8]) -> String {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + bytes.count / 4)
    var at = 0
    while at < bytes.count {
      var end = at
      while end < bytes.count, isPlain(bytes[end]) { end += 1 }
      result += bytes[at..<end]
      at = end < bytes.count ? appendScalar(at: end, of: bytes, to: &result) : end
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// Whether the byte is a character that stands for itself.
  private static func isPlain(_ byte: UInt8) -> Bool { byte >= 0x20 && byte < 0x7F && byte != backslash }

  /// - Returns: where the next one begins.
  private static func appendScalar(at start: Int, of bytes: [UInt8], to result: inout [UInt8]) -> Int {
    let (scalar, count) = scalar(at: start, of: bytes)
    let range = start..<start + count
    switch scalar {
    case "\\": append(backslash, to: &result)
    case "\n": append(UInt8(ascii: "n"), to: &result)
    case "\t": append(UInt8(ascii: "t"), to: &result)
    case "\r": append(UInt8(ascii: "r"), to: &result)
    case let scalar? where isPrintable(scalar): result += bytes[range]
    default:
      for byte in bytes[range] {
        append(UInt8(ascii: "x"), to: &result)
        append(digitsOf: byte, to: &result)
      }
    }
    return range.upperBound
  }

  package static func text(_ string: String) -> String { text(Array(string.utf8)) }

  /// The inverse of `text`. Upper-case digits do as well, and bytes that need no escape may have one.
  ///
  /// - Returns: `nil` if something else follows a backslash than `text` writes.
  package static func bytes(_ text: [UInt8]) -> [UInt8]? {
    var result: [UInt8] = []
    var rest = text[...]
    while let byte = rest.popFirst() {
      guard byte == backslash else {
        result.append(byte)
        continue
      }
      switch rest.popFirst() {
      case backslash: result.append(backslash)
      case UInt8(ascii: "n"): result.append(UInt8(ascii: "\n"))
      case UInt8(ascii: "t"): result.append(UInt8(ascii: "\t"))
      case UInt8(ascii: "r"): result.append(UInt8(ascii: "\r"))
      case UInt8(ascii: "x"):
        guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else { return nil }
        result.append(high << 4 | low)
      default: return nil
      }
    }
    return result
  }

  private static func digit(_ character: UInt8) -> UInt8? {
    Character(Unicode.Scalar(character)).hexDigitValue.map { UInt8($0) }
  }

  package static func hex(_ bytes: [UInt8]) -> String {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count * 2)
    for byte in bytes { append(digitsOf: byte, to: &result) }
    return String(decoding: result, as: UTF8.self)
  }

  private static let backslash = UInt8(ascii: "\\")
  private static let digits = Array("0123456789abcdef".utf8)

  /// Appends an escape.
  private static func append(_ letter: UInt8, to result: inout [UInt8]) {
    result.append(backslash)
    result.append(letter)
  }

  private static func append(digitsOf byte: UInt8, to result: inout [UInt8]) {
    result.append(digits[Int(byte >> 4)])
    result.append(digits[Int(byte & 15)])
  }

  /// Whether a terminal shows it where it stands, and does nothing else.
  static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return scalar.value >= 0x20 && scalar.value != 0x7F }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return false
    default: return true
    }
  }

  /// A scalar and how many bytes it has, or `nil` and how many bytes are no UTF-8.
  private static func scalar(at start: Int, of bytes: [UInt8]) -> (Unicode.Scalar?, Int) {
    if bytes[start] < 0x80 { return (Unicode.Scalar(bytes[start]), 1) }
    var parser = Unicode.UTF8.ForwardParser()
    var input = bytes[start..<min(start + 4, bytes.count)].makeIterator()
    return switch parser.parseScalar(from: &input) {
    case .valid(let encoded): (Unicode.UTF8.decode(encoded), encoded.count)
    case .error(let length): (nil, length)
    case .emptyInput: (nil, 1)
    }
  }
}
