/// RFC 4648, section 4.
enum Base64 {
  private static let digits: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  /// The value of each digit; 255 for what is none.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 255, count: 256)
    for value in 0..<64 { values[Int(digit(UInt32(value)))] = UInt8(value) }
    return values
  }()

  @inline(__always)
  private static func digit(_ value: UInt32) -> UInt8 {
    // SAFETY: there are 64 of them, in memory that is always there.
    unsafe digits.utf8Start[Int(value & 63)]
  }

  static func append(_ bytes: Span<UInt8>, to output: inout [UInt8]) {
    var chunk = ByteChunk()
    var at = 0
    while at + 3 <= bytes.count {
      if chunk.isFull { chunk.move(to: &output) }
      let group = UInt32(bytes[at]) << 16 | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2])
      let (a, b) = (UInt32(digit(group >> 18)), UInt32(digit(group >> 12)))
      let (c, d) = (UInt32(digit(group >> 6)), UInt32(digit(group)))
      chunk.append(UInt64(a | b << 8 | c << 16 | d << 24), 4)
      at += 3
    }
    chunk.move(to: &output)
    guard at < bytes.count else { return }
    let isOne = at + 1 == bytes.count
    let group = UInt32(bytes[at]) << 16 | (isOne ? 0 : UInt32(bytes[at + 1]) << 8)
    output.append(digit(group >> 18))
    output.append(digit(group >> 12))
    output.append(isOne ? UInt8(ascii: "=") : digit(group >> 6))
    output.append(UInt8(ascii: "="))
  }

  /// - Returns: `nil` for what no encoder writes: another length than a multiple of 4, digits that are none, bits that
  ///   are left over and not zero.
  static func decode(_ text: Span<UInt8>) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    var result: [UInt8] = []
    guard text.count > 0 else { return result }
    result.reserveCapacity(text.count / 4 * 3)
    let values = Self.values.span
    var chunk = ByteChunk()
    var at = 0
    // The last four may have padding.
    while at < text.count - 4 {
      if chunk.isFull { chunk.move(to: &result) }
      let (a, b) = (values[Int(text[at])], values[Int(text[at + 1])])
      let (c, d) = (values[Int(text[at + 2])], values[Int(text[at + 3])])
      if (a | b | c | d) > 63 { return nil }
      let group = UInt32(a) << 18 | UInt32(b) << 12 | UInt32(c) << 6 | UInt32(d)
      chunk.append(UInt64(group.byteSwapped >> 8), 3)
      at += 4
    }
    chunk.move(to: &result)
    var padding = 0
    if text[at + 3] == UInt8(ascii: "=") { padding = text[at + 2] == UInt8(ascii: "=") ? 2 : 1 }
    var group: UInt32 = 0
    for place in 0..<4 {
      let value = place < 4 - padding ? values[Int(text[at + place])] : 0
      if value > 63 { return nil }
      group = group << 6 | UInt32(value)
    }
    if group & (1 << (8 * UInt32(padding)) - 1) != 0 { return nil }
    for place in 0..<3 - padding { result.append(UInt8(group >> UInt32(16 - 8 * place) & 0xFF)) }
    return result
  }
}
