/// Bytes as text that a terminal shows and does not obey.
package enum Escaping {
  /// Printable text as it is, `\\` for a backslash, `\n`, `\t`, `\r`, and `\xHH` for each other byte: of control
  /// characters, of what changes the direction of text, and of what is no UTF-8. So it can be read back exactly.
  package static func text(_ bytes: [UInt8]) -> String {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + bytes.count / 4)
    forEachScalar(bytes) { scalar, range in
      switch scalar {
      case "\\": append(backslash, to: &result)
      case "\n": append(UInt8(ascii: "n"), to: &result)
      case "\t": append(UInt8(ascii: "t"), to: &result)
      case "\r": append(UInt8(ascii: "r"), to: &result)
      case let scalar? where isPrintable(scalar):
        for index in range { result.append(bytes[index]) }
      default:
        for index in range {
          append(UInt8(ascii: "x"), to: &result)
          append(digitsOf: bytes[index], to: &result)
        }
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  package static func text(_ string: String) -> String { text(Array(string.utf8)) }

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

  static func isUTF8(_ bytes: [UInt8]) -> Bool {
    var isValid = true
    forEachScalar(bytes) { scalar, _ in isValid = isValid && scalar != nil }
    return isValid
  }

  /// Calls `body` with each scalar and where its bytes are, or with `nil` and where there is no UTF-8.
  private static func forEachScalar(_ bytes: [UInt8], _ body: (Unicode.Scalar?, Range<Int>) -> Void) {
    var at = 0
    while at < bytes.count {
      // Most of it.
      if bytes[at] < 0x80 {
        body(Unicode.Scalar(bytes[at]), at..<at + 1)
        at += 1
        continue
      }
      var parser = Unicode.UTF8.ForwardParser()
      var input = bytes[at..<min(at + 4, bytes.count)].makeIterator()
      switch parser.parseScalar(from: &input) {
      case .valid(let encoded):
        body(Unicode.UTF8.decode(encoded), at..<at + encoded.count)
        at += encoded.count
      case .error(let length):
        body(nil, at..<at + length)
        at += length
      case .emptyInput:
        return
      }
    }
  }
}
