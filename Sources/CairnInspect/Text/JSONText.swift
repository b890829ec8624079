internal import Cairn

/// Strings of JSON in ASCII alone: a terminal obeys none of it, and every program writes it the same way. What is not
/// between space and tilde is `\uHHHH` (in UTF-16), but for the short forms `\"`, `\\`, `\b`, `\f`, `\n`, `\r`, `\t`.
enum JSONText {
  private static let quote = UInt8(ascii: "\"")

  /// A member of an object: a string under the name if the bytes are UTF-8, otherwise Base64 under the name with
  /// `Base64` behind it.
  static func appendMember(_ name: StaticString, _ bytes: MemoryView, to output: inout [UInt8]) {
    var member = Member(name, bytes)
    while member.appendPiece(to: &output) {}
  }

  /// A member that is appended in pieces of bounded size, as its value may be large.
  struct Member {
    private let name: StaticString
    private let bytes: MemoryView
    private let isText: Bool
    private var at = 0

    /// Of the value. A multiple of 3, for Base64; each byte becomes at most six.
    private static let pieceBytes = 24 << 10

    init(_ name: StaticString, _ bytes: MemoryView) {
      self.name = name
      self.bytes = bytes
      isText = bytes.isUTF8
    }

    /// Returns whether there is more.
    mutating func appendPiece(to output: inout [UInt8]) -> Bool {
      if at == 0 {
        output.append(JSONText.quote)
        output.append(name)
        output.append(isText ? "\": \"" : "Base64\": \"")
      }
      let start = at
      at = bytes.lend { (bytes: RawSpan) -> Int in
        let bytes = Span<UInt8>(_bytes: bytes)
        let end =
          isText ? bytes.pieceEnd(from: start, atMost: Self.pieceBytes) : min(bytes.count, start + Self.pieceBytes)
        let piece = bytes.extracting(start..<end)
        if isText { JSONText.append(piece, to: &output) } else { Base64.append(piece, to: &output) }
        return end
      }
      if at == bytes.count { output.append(JSONText.quote) }
      return at < bytes.count
    }
  }

  static func append(_ string: String, to output: inout [UInt8]) {
    output.append(quote)
    let string = string
    append(string.utf8Span.span, to: &output)
    output.append(quote)
  }

  /// What stands between the quotes.
  ///
  /// - Parameter text: UTF-8.
  private static func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    var chunk = ByteChunk()
    var at = 0
    while at < text.count {
      if chunk.isFull { chunk.move(to: &output) }
      if text.count - at >= 8 {
        let word = text.word(at: at)
        let length = ByteMask.specialInPrintable(word).trailingZeroBitCount / 8
        chunk.append(word, length)
        at += length
        if length == 8 { continue }
      } else if isPlain(text[at]) {
        chunk.append(text[at])
        at += 1
        continue
      }
      let byte = text[at]
      if byte < 0x80 {
        append(special: byte, to: &chunk)
        at += 1
        continue
      }
      guard let (scalar, byteCount) = text.character(at: at) else { preconditionFailure("this has been UTF-8 before") }
      for unit in String(Character(Unicode.Scalar(scalar)!)).utf16 { append(unit: unit, to: &chunk) }
      at += byteCount
    }
    chunk.move(to: &output)
  }

  /// Whether the byte stands for itself.
  @inline(__always)
  private static func isPlain(_ byte: UInt8) -> Bool { byte >= 0x20 && byte < 0x7F && byte != 0x22 && byte != 0x5C }

  @inline(__always)
  private static func append(special byte: UInt8, to chunk: inout ByteChunk) {
    let letter: UInt8
    switch byte {
    case 0x22, 0x5C: letter = byte
    case 0x08: letter = UInt8(ascii: "b")
    case 0x0C: letter = UInt8(ascii: "f")
    case 0x0A: letter = UInt8(ascii: "n")
    case 0x0D: letter = UInt8(ascii: "r")
    case 0x09: letter = UInt8(ascii: "t")
    default: return append(unit: UInt16(byte), to: &chunk)
    }
    chunk.append(UInt8(ascii: "\\"))
    chunk.append(letter)
  }

  private static func append(unit: UInt16, to chunk: inout ByteChunk) {
    chunk.append(UInt8(ascii: "\\"))
    chunk.append(UInt8(ascii: "u"))
    for place in 1...4 {
      let digit = UInt8(unit >> UInt16(16 - 4 * place) & 15)
      chunk.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
  }
}

extension MemoryView {
  var isUTF8: Bool { lend { (bytes: RawSpan) -> Bool in Span<UInt8>(_bytes: bytes).isUTF8 } }
}

extension Array where Element == UInt8 {
  mutating func append(_ text: StaticString) { text.withUTF8Buffer { unsafe append(contentsOf: $0) } }
}
