/// Text as bytes, looked at eight at a time where that is possible.
extension Span where Element == UInt8 {
  /// Eight bytes, the first one lowest. Checked against the bounds as every access is.
  @inline(__always)
  func word(at offset: Int) -> UInt64 {
    // SAFETY: the bounds are checked, and any bits are an integer.
    UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// Appends the bytes to an array.
  @inline(__always)
  func append(to output: inout [UInt8]) {
    // SAFETY: the span's own bytes.
    unsafe withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
  }

  var isUTF8: Bool {
    var at = 0
    while at < count {
      if count - at >= 8, word(at: at) & ByteMask.high == 0 {
        at += 8
      } else if self[at] < 0x80 {
        at += 1
      } else if let (_, length) = character(at: at) {
        at += length
      } else {
        return false
      }
    }
    return true
  }

  /// The character at a place and how many bytes it has; `nil` if there is no UTF-8 (RFC 3629).
  func character(at offset: Int) -> (scalar: UInt32, byteCount: Int)? {
    let first = UInt32(self[offset])
    let (byteCount, least): (Int, UInt32)
    switch first {
    case 0..<0x80: return (first, 1)
    case 0xC2..<0xE0: (byteCount, least) = (2, 0x80)
    case 0xE0..<0xF0: (byteCount, least) = (3, 0x800)
    case 0xF0..<0xF5: (byteCount, least) = (4, 0x1_0000)
    default: return nil
    }
    guard byteCount <= count - offset else { return nil }
    var scalar = first & 0x7F >> UInt32(byteCount)
    for place in 1..<byteCount {
      let byte = UInt32(self[offset + place])
      guard byte & 0xC0 == 0x80 else { return nil }
      scalar = scalar << 6 | byte & 0x3F
    }
    // Each character has one form only, and half of a surrogate pair is none.
    guard scalar >= least, scalar <= 0x10_FFFF, !(0xD800..<0xE000).contains(scalar) else { return nil }
    return (scalar, byteCount)
  }

  /// Where a piece that begins at `start` ends: after at most `byteCount` bytes, and not within a character.
  func pieceEnd(from start: Int, atMost byteCount: Int) -> Int {
    guard byteCount < count - start else { return count }
    let end = start + byteCount
    for back in 0..<Swift.min(4, byteCount) where self[end - back] & 0xC0 != 0x80 { return end - back }
    // So many bytes that go on with a character are in none.
    return end
  }
}

/// Which of eight bytes are special: in the result the highest bit of a byte is set. The lowest that is set is right;
/// others may be wrong, as a subtraction borrows from the byte above.
enum ByteMask {
  static let high: UInt64 = 0x8080_8080_8080_8080
  private static let low: UInt64 = 0x0101_0101_0101_0101

  /// What cannot stand for itself in a string of JSON, or ends it; and all that is not ASCII.
  @inline(__always)
  static func specialInString(_ word: UInt64) -> UInt64 {
    // With this bit turned, the quote (0x22) and the control characters (up to 0x1F) are what is less than 0x21.
    let turned = word ^ low &* 0x02
    let isLess = (turned &- low &* 0x21) & ~turned
    let backslash = word ^ low &* 0x5C
    let isBackslash = (backslash &- low) & ~backslash
    return (word | isLess | isBackslash) & high
  }

  /// The same, and 0x7F.
  @inline(__always)
  static func specialInPrintable(_ word: UInt64) -> UInt64 {
    specialInString(word) | ((word & ~high) &+ low) & high
  }
}

/// A few bytes on their way to an array, which takes many at once faster than one by one.
struct ByteChunk: ~Copyable {
  private var bytes = InlineArray<256, UInt8>(repeating: 0)
  private(set) var count = 0

  /// How many bytes have room after `isFull` was false: a word, and a pair of escapes of six characters behind it.
  private static var room: Int { 8 + 12 }
  @inline(__always)
  var isFull: Bool { count > 256 - Self.room }
  @inline(__always)
  mutating func append(_ byte: UInt8) {
    bytes[count] = byte
    count += 1
  }

  /// Appends the lowest `length` bytes of a word, all of which needs room.
  @inline(__always)
  mutating func append(_ word: UInt64, _ length: Int) {
    var span = bytes.mutableSpan
    var target = unsafe span.mutableBytes
    target.storeBytes(of: word.littleEndian, toByteOffset: count, as: UInt64.self)
    count += length
  }

  @inline(__always)
  mutating func move(to output: inout [UInt8]) {
    bytes.span.extracting(first: count).append(to: &output)
    count = 0
  }
}
