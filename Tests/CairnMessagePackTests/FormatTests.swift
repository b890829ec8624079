import Testing

@testable import CairnMessagePack

func encoded(_ value: some Encodable) throws -> [UInt8] { try MessagePackEncoder().encode(value) }

func decoded<Value: Decodable>(_ bytes: [UInt8], as type: Value.Type = Value.self) throws -> Value {
  try MessagePackDecoder().decode(type, from: bytes)
}

/// Goal: bytes are those of the format's specification, at each bound between two formats.
@Suite struct FormatTests {
  /// `head`, and zeros behind it.
  private func bytes(_ head: [UInt8], zeros: Int = 0) -> [UInt8] { head + [UInt8](repeating: 0, count: zeros) }

  private func check<Value: Codable & Equatable>(
    _ value: Value, is bytes: [UInt8], place: SourceLocation = #_sourceLocation
  ) throws {
    #expect(try encoded(value) == bytes, sourceLocation: place)
    #expect(try decoded(bytes) == value, sourceLocation: place)
  }

  @Test func nilAndTruth() throws {
    try check(Int?.none, is: [0xC0])
    try check(false, is: [0xC2])
    try check(true, is: [0xC3])
  }

  @Test func positiveIntegers() throws {
    try check(0, is: [0x00])
    try check(127, is: [0x7F])
    try check(128, is: [0xCC, 0x80])
    try check(255, is: [0xCC, 0xFF])
    try check(256, is: [0xCD, 0x01, 0x00])
    try check(65535, is: [0xCD, 0xFF, 0xFF])
    try check(65536, is: [0xCE, 0x00, 0x01, 0x00, 0x00])
    try check(4_294_967_295, is: [0xCE, 0xFF, 0xFF, 0xFF, 0xFF])
    try check(4_294_967_296, is: [0xCF, 0, 0, 0, 1, 0, 0, 0, 0])
    try check(Int64.max, is: [0xCF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
    try check(UInt64.max, is: [0xCF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
  }

  @Test func negativeIntegers() throws {
    try check(-1, is: [0xFF])
    try check(-32, is: [0xE0])
    try check(-33, is: [0xD0, 0xDF])
    try check(-128, is: [0xD0, 0x80])
    try check(-129, is: [0xD1, 0xFF, 0x7F])
    try check(-32768, is: [0xD1, 0x80, 0x00])
    try check(-32769, is: [0xD2, 0xFF, 0xFF, 0x7F, 0xFF])
    try check(-2_147_483_648, is: [0xD2, 0x80, 0x00, 0x00, 0x00])
    try check(-2_147_483_649, is: [0xD3, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF])
    try check(Int64.min, is: [0xD3, 0x80, 0, 0, 0, 0, 0, 0, 0])
  }

  /// The type has no say in the bytes of a number.
  @Test func everyTypeOfIntegers() throws {
    func bounds<Value: FixedWidthInteger & Codable>(_ type: Value.Type) throws {
      for value in [Value.min, .max, 0, 1, Value.max / 2] {
        let wide = value < 0 ? try encoded(Int64(value)) : try encoded(UInt64(value))
        #expect(try encoded(value) == wide)
        #expect(try decoded(wide) == value)
      }
    }
    try bounds(Int.self)
    try bounds(Int8.self)
    try bounds(Int16.self)
    try bounds(Int32.self)
    try bounds(Int64.self)
    try bounds(UInt.self)
    try bounds(UInt8.self)
    try bounds(UInt16.self)
    try bounds(UInt32.self)
    try bounds(UInt64.self)
  }

  /// Others may take more bytes than they need.
  @Test func longerThanNeeded() throws {
    for bytes in [
      [0xCC, 5], [0xCD, 0, 5], [0xCE, 0, 0, 0, 5], [0xCF, 0, 0, 0, 0, 0, 0, 0, 5], [0xD0, 5], [0xD1, 0, 5],
      [0xD2, 0, 0, 0, 5], [0xD3, 0, 0, 0, 0, 0, 0, 0, 5],
    ] as [[UInt8]] {
      #expect(try decoded(bytes) == 5 && decoded(bytes) == UInt8(5) && decoded(bytes) == 5.0)
    }
    #expect(try decoded([0xDB, 0, 0, 0, 1, 0x61]) == "a")
    #expect(try decoded([0xC6, 0, 0, 0, 1, 0x61]) == [UInt8(0x61)])
    #expect(try decoded([0xDD, 0, 0, 0, 1, 0x61]) == [0x61])
    #expect(try decoded([0xDF, 0, 0, 0, 1, 0xD9, 1, 0x61, 2]) == ["a": 2])
  }

  @Test func numbersWithAPoint() throws {
    try check(Float(1.5), is: [0xCA, 0x3F, 0xC0, 0x00, 0x00])
    try check(1.5, is: [0xCB, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0])
    try check(0.0, is: bytes([0xCB], zeros: 8))
    try check(-Double.infinity, is: [0xCB, 0xFF, 0xF0, 0, 0, 0, 0, 0, 0])
    try check(Float.infinity, is: [0xCA, 0x7F, 0x80, 0, 0])
    try check(Double.leastNonzeroMagnitude, is: bytes([0xCB], zeros: 7) + [1])
    #expect(try encoded(-0.0) == bytes([0xCB, 0x80], zeros: 7))
    #expect(try decoded(bytes([0xCB, 0x80], zeros: 7), as: Double.self).sign == .minus)
    #expect(try encoded(Double.nan) == bytes([0xCB, 0x7F, 0xF8], zeros: 6))
    #expect(try decoded(encoded(Double.nan), as: Double.self).isNaN)
    #expect(try decoded(encoded(Float.signalingNaN), as: Float.self).isNaN)
  }

  @Test(
    arguments: [
      (0, [0xA0]), (1, [0xA1]), (31, [0xBF]), (32, [0xD9, 32]), (255, [0xD9, 0xFF]), (256, [0xDA, 0x01, 0x00]),
      (65535, [0xDA, 0xFF, 0xFF]), (65536, [0xDB, 0x00, 0x01, 0x00, 0x00]),
    ] as [(Int, [UInt8])])
  func texts(count: Int, head: [UInt8]) throws {
    try check(String(repeating: "\0", count: count), is: bytes(head, zeros: count))
  }

  @Test func textsAreUTF8() throws {
    try check("aß€𝄞", is: [0xAA, 0x61, 0xC3, 0x9F, 0xE2, 0x82, 0xAC, 0xF0, 0x9D, 0x84, 0x9E])
  }

  @Test(
    arguments: [
      (0, [0xC4, 0]), (1, [0xC4, 1]), (255, [0xC4, 0xFF]), (256, [0xC5, 0x01, 0x00]), (65535, [0xC5, 0xFF, 0xFF]),
      (65536, [0xC6, 0x00, 0x01, 0x00, 0x00]),
    ] as [(Int, [UInt8])])
  func bytesAreBytes(count: Int, head: [UInt8]) throws {
    try check([UInt8](repeating: 0, count: count), is: bytes(head, zeros: count))
  }

  @Test(
    arguments: [
      (0, [0x90]), (15, [0x9F]), (16, [0xDC, 0x00, 0x10]), (65535, [0xDC, 0xFF, 0xFF]),
      (65536, [0xDD, 0x00, 0x01, 0x00, 0x00]),
    ] as [(Int, [UInt8])])
  func arrays(count: Int, head: [UInt8]) throws {
    try check([Int](repeating: 0, count: count), is: bytes(head, zeros: count))
  }

  @Test(
    arguments: [
      (0, [0x80]), (15, [0x8F]), (16, [0xDE, 0x00, 0x10]), (65535, [0xDE, 0xFF, 0xFF]),
      (65536, [0xDF, 0x00, 0x01, 0x00, 0x00]),
    ] as [(Int, [UInt8])])
  func maps(count: Int, head: [UInt8]) throws {
    let numbers = Dictionary(uniqueKeysWithValues: (0..<count).map { ($0, $0) })
    let texts = Dictionary(uniqueKeysWithValues: (0..<count).map { ("\($0)", $0) })
    #expect(try encoded(numbers).starts(with: head) && encoded(texts).starts(with: head))
    #expect(try decoded(encoded(numbers)) == numbers && decoded(encoded(texts)) == texts)
  }

  @Test func keys() throws {
    try check(["a": 1], is: [0x81, 0xA1, 0x61, 1])
    try check(["5": 1], is: [0x81, 0xA1, 0x35, 1])
    try check([5: 1], is: [0x81, 5, 1])
    try check([Int.min: 1], is: [0x81, 0xD3, 0x80, 0, 0, 0, 0, 0, 0, 0, 1])
    try check([[-1: ["a": [2: true]]]], is: [0x91, 0x81, 0xFF, 0x81, 0xA1, 0x61, 0x81, 2, 0xC3])
    // Neither is lost as the other.
    try check(["05": 1], is: [0x81, 0xA2, 0x30, 0x35, 1])
    #expect(try decoded([0x81, 0xA1, 0x35, 1]) == [5: 1] && decoded([0x81, 5, 1]) == ["5": 1])
    #expect(throws: DecodingError.self) { try decoded([0x81, 0xA1, 0x61, 1], as: [Int: Int].self) }
  }

  /// The specification's first example.
  @Test func anObject() throws {
    struct Example: Codable, Equatable {
      var compact: Bool
      var schema: Int
    }
    try check(
      Example(compact: true, schema: 0),
      is: [0x82, 0xA7] + Array("compact".utf8) + [0xC3, 0xA6] + Array("schema".utf8) + [0x00])
  }

  @Test func limitsOfCounts() throws {
    try Packer.checkCount(Int(UInt32.max), of: "An array")
    let error = #expect(throws: EncodingError.self) { try Packer.checkCount(1 << 32, of: "An array") }
    guard case .invalidValue(_, let context) = error else { return }
    #expect(context.debugDescription.contains("An array of 4294967296"))
  }
}
