/// Makes checksums fit, so that what is behind them is reached.
public enum Checksums {
  private static let identifier = [UInt8](0x10..<0x20)

  /// Bytes behind a header of a segment and its link.
  public static func segment(of bytes: [UInt8]) -> [UInt8] {
    var segment = ForgedSegment(number: 1, of: identifier)
    segment.add(ForgedSegment.link)
    return segment.bytes + bytes
  }

  /// A segment with a dictionary, and a value that says that it needs it.
  public static func segment(withDictionary bytes: [UInt8]) -> [UInt8] {
    let length = bytes.prefix(2).reversed().reduce(0) { $0 << 8 | Int($1) }
    let byteCount = length & 0x7FFF
    let (dictionary, frame) = (bytes.dropFirst(2).prefix(byteCount), bytes.dropFirst(2 + byteCount))
    var segment = ForgedSegment(number: 1, of: identifier)
    segment.add(
      ForgedSegment.link, FormatCase.dictionary(Array(dictionary), codec: UInt8(length >> 15 & 1)),
      FormatCase.framed("a", 1, Array(frame)),
      ForgedSegment.seal(1, reason: 1))
    return segment.bytes
  }

  private static func store(_ value: UInt64, _ bytes: inout [UInt8], _ at: Int) {
    bytes.replaceSubrange(at..<at + 8, with: ForgedSegment.little(value, 8))
  }

  private static func hash(_ bytes: [UInt8], _ range: Range<Int>, seed: UInt64 = 0) -> UInt64 {
    ForgedSegment.hash(Array(bytes[range]), seed: seed)
  }

  /// Each record up to the first that cannot be one.
  public static func repaired(segment original: [UInt8]) -> [UInt8] {
    var bytes = original
    guard bytes.count >= 256 else { return bytes }
    store(hash(bytes, 0..<248), &bytes, 248)
    let salt = ForgedSegment.word(bytes, 56)
    var at = 256
    while at + 32 <= bytes.count, bytes[at + 22] != 0 {
      let count = ForgedSegment.byteCount(bytes, at)
      guard count <= bytes.count - at else { break }
      // Wrapping multiplication is how the seed is made.
      let seed = salt ^ (UInt64(at) &* 0x9E37_79B9_7F4A_7C15)
      store(hash(bytes, at + 8..<at + count, seed: seed), &bytes, at)
      at += count
    }
    return bytes
  }

  /// Shards, directory, table and header.
  public static func repaired(checkpoint original: [UInt8]) -> [UInt8] {
    var bytes = original
    let start = 4096 + 1024 * 32
    guard bytes.count >= start else { return bytes }
    for shard in 0..<1024 {
      let place = 4096 + shard * 32
      let offset = ForgedSegment.word(bytes, place)
      let buckets = Int(ForgedSegment.word(bytes, place + 8) & 0xFFFF_FFFF)
      guard buckets > 0, offset <= UInt64(bytes.count), buckets * 64 <= bytes.count - Int(offset) else { continue }
      store(hash(bytes, Int(offset)..<Int(offset) + buckets * 64), &bytes, place + 16)
    }
    store(hash(bytes, 4096..<start), &bytes, 136)
    // The tables stand behind each other: of segments, of deadlines, of barriers.
    var table = Int(clamping: ForgedSegment.word(bytes, 144))
    let segments = Int(ForgedSegment.word(bytes, 132) & 0xFFFF_FFFF)
    let deadlines = Int(clamping: ForgedSegment.word(bytes, 168))
    for (byteCount, at) in [(segments * 56, 152), (deadlines.multipliedReportingOverflow(by: 24).partialValue, 176)] {
      guard byteCount >= 0, table <= bytes.count, byteCount <= bytes.count - table else { break }
      store(hash(bytes, table..<table + byteCount), &bytes, at)
      table += byteCount
    }
    if bytes[160] & 2 != 0, table <= bytes.count { store(hash(bytes, table..<bytes.count), &bytes, 200) }
    store(hash(bytes, 0..<4088), &bytes, 4088)
    return bytes
  }

  /// Ranges, and header.
  public static func repaired(gone original: [UInt8]) -> [UInt8] {
    var bytes = original
    guard bytes.count >= 128 else { return bytes }
    store(hash(bytes, 128..<bytes.count), &bytes, 56)
    store(hash(bytes, 0..<120), &bytes, 120)
    return bytes
  }

  public static func repaired(header original: [UInt8]) -> [UInt8] {
    var bytes = original
    guard bytes.count >= 4096 else { return bytes }
    store(hash(bytes, 0..<4088), &bytes, 4088)
    return bytes
  }
}
