/// Bytes as text that a terminal shows and does not obey.
package enum Escaping {
  /// Printable text as it is, `\\` for a backslash, `\n`, `\t`, `\r`, and `\xHH` for each other byte: of control
  /// characters, of what changes the direction of text, and of what is no UTF-8. So it can be read back exactly.
  package static func text(_ bytes: [UInt8]) -> String {
    if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) {
      return String(decoding: bytes, as: UTF8.self)
    }
    var result = ""
    forEachScalar(bytes) { scalar, raw in
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      case let scalar? where isPrintable(scalar): result.unicodeScalars.append(scalar)
      default: for byte in raw { result += "\\x" + hex(byte) }
      }
    }
    return result
  }

  package static func text(_ string: String) -> String { text(Array(string.utf8)) }

  package static func hex(_ bytes: [UInt8]) -> String {
    var digits: [UInt8] = []
    digits.reserveCapacity(bytes.count * 2)
    for byte in bytes { digits += hex(byte).utf8 }
    return String(decoding: digits, as: UTF8.self)
  }

  static func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

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

  /// Calls `body` with each scalar and its bytes, or with `nil` and bytes that are no UTF-8.
  private static func forEachScalar(_ bytes: [UInt8], _ body: (Unicode.Scalar?, ArraySlice<UInt8>) -> Void) {
    var parser = Unicode.UTF8.ForwardParser()
    var input = bytes.makeIterator()
    var at = 0
    while true {
      switch parser.parseScalar(from: &input) {
      case .valid(let encoded):
        body(Unicode.UTF8.decode(encoded), bytes[at..<at + encoded.count])
        at += encoded.count
      case .error(let length):
        body(nil, bytes[at..<at + length])
        at += length
      case .emptyInput:
        return
      }
    }
  }
}
