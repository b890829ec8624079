import Testing

@testable import CairnMessagePack

/// Goal: a value is decoded as each type that can hold it, and as no other.
@Suite struct ConversionTests {
  /// The same value of another type, or `nil` if that is corrupted data.
  private func convert<Value: Decodable>(_ value: some Encodable, to type: Value.Type) throws -> Value? {
    do {
      return try decoded(encoded(value), as: type)
    } catch DecodingError.dataCorrupted(let context) {
      #expect(context.debugDescription.contains("cannot hold"))
      return nil
    }
  }

  @Test func integers() throws {
    #expect(try convert(127, to: Int8.self) == 127 && convert(128, to: Int8.self) == nil)
    #expect(try convert(-128, to: Int8.self) == -128 && convert(-129, to: Int8.self) == nil)
    #expect(try convert(255, to: UInt8.self) == 255 && convert(256, to: UInt8.self) == nil)
    #expect(try convert(-1, to: UInt8.self) == nil && convert(-1, to: UInt64.self) == nil)
    #expect(try convert(UInt64.max, to: Int64.self) == nil && convert(UInt64.max, to: UInt64.self) == .max)
    #expect(try convert(Int64.min, to: Int.self) == .min && convert(Int64.min, to: Int32.self) == nil)
    for value in [1.0, 1.5, .nan] {
      #expect(throws: DecodingError.self) { try decoded(encoded(value), as: Int.self) }
      #expect(throws: DecodingError.self) { try decoded(encoded(Float(value)), as: UInt8.self) }
    }
  }

  @Test func doubles() throws {
    #expect(try convert(5, to: Double.self) == 5 && convert(-5, to: Double.self) == -5)
    #expect(try convert(UInt64.max, to: Double.self) == 0x1p64 && convert(Int64.min, to: Double.self) == -0x1p63)
    #expect(try convert((1 << 53) + 1, to: Double.self) == 0x1p53)
    #expect(try convert(Float(0.1), to: Double.self) == Double(Float(0.1)))
    #expect(try convert(Float.nan, to: Double.self)?.isNaN == true)
    #expect(try convert(-Float.infinity, to: Double.self) == -.infinity)
  }

  @Test func floats() throws {
    #expect(try convert(0.5, to: Float.self) == 0.5 && convert(0.1, to: Float.self) == nil)
    #expect(try convert(1e300, to: Float.self) == nil && convert(1e-300, to: Float.self) == nil)
    #expect(try convert(Double.infinity, to: Float.self) == .infinity)
    #expect(try convert(Double.nan, to: Float.self)?.isNaN == true)
    #expect(try convert(1 << 24, to: Float.self) == 0x1p24 && convert((1 << 24) + 1, to: Float.self) == nil)
    #expect(try convert(-(1 << 24) - 1, to: Float.self) == nil && convert(UInt64.max, to: Float.self) == nil)
  }

  @Test func bytesAndArrays() throws {
    let array: [UInt8] = [0x93, 1, 0xCC, 200, 3]
    #expect(try decoded(array) == [1, 200, 3] as [UInt8])
    #expect(try decoded([0xC4, 3, 1, 200, 3]) == [1, 200, 3] as [UInt8])
    #expect(try decoded([0xC4, 3, 1, 200, 3]) == [1, 200, 3] as [Int])
    #expect(try decoded([0xC4, 3, 1, 200, 3]) == [1, 200, 3] as Set<UInt16>)
    #expect(try decoded([0xC4, 2, 1, 1]) == [Shapes.Level.low, .low])
    #expect(try decoded([0xC4, 0]) == [String]())
    #expect(throws: DecodingError.self) { try decoded([0xC4, 3, 1, 200, 3], as: [Int8].self) }
    #expect(throws: DecodingError.self) { try decoded([0xC4, 1, 1], as: String.self) }
    #expect(throws: DecodingError.self) { try decoded([0xA1, 0x61], as: [UInt8].self) }
    #expect(throws: DecodingError.self) { try decoded([0x92, 1, 0xCD, 1, 0], as: [UInt8].self) }
  }

  @Test func everyTypeIsRefusedAsOthers() throws {
    func refused<Value: Decodable>(_ bytes: [UInt8], as type: Value.Type) {
      let error = #expect(throws: DecodingError.self) { try decoded(bytes, as: type) }
      switch (error, bytes) {
      case (.valueNotFound, [0xC0]): break
      case (.typeMismatch, _): #expect(bytes != [0xC0])
      default: Issue.record("\(bytes) as \(type): \(String(describing: error))")
      }
    }
    let values: [[UInt8]] = [
      [0xC0], [0xC2], [7], [0xFF], [0xCA, 0x3F, 0, 0, 0], [0xA1, 0x61], [0xC4, 0], [0x90], [0x80],
    ]
    for bytes in values {
      if bytes != [0xC2] { refused(bytes, as: Bool.self) }
      if bytes != [0xA1, 0x61] { refused(bytes, as: String.self) }
      if ![7, 0xFF].contains(bytes[0]) { refused(bytes, as: Int.self) }
      if ![7, 0xFF, 0xCA].contains(bytes[0]) { refused(bytes, as: Double.self) }
      if ![7, 0xFF, 0xCA].contains(bytes[0]) { refused(bytes, as: Float.self) }
      if ![0x90, 0xC4].contains(bytes[0]) { refused(bytes, as: [Int].self) }
      if ![0x90, 0xC4].contains(bytes[0]) { refused(bytes, as: [UInt8].self) }
      if bytes != [0x80] { refused(bytes, as: [String: Int].self) }
    }
  }

  @Test func keysThatAreThereTwice() throws {
    let short: [UInt8] = [0x83, 0xA1, 0x61, 1, 0xA1, 0x62, 2, 0xA1, 0x61, 3]
    #expect(try decoded(short) == ["a": 3, "b": 2])
    // As many as are looked up by their hashes.
    let long: [UInt8] = [0xDE, 0, 40] + (0..<40).flatMap { [0xA1, 0x61 + $0 % 2, $0] }
    #expect(try decoded(long) == ["a": 38, "b": 39])
    let numbers: [UInt8] = [0x83, 1, 1, 1, 2, 0xA1, 0x31, 3]
    #expect(try decoded(numbers) == [1: 3] && decoded(Array([0x82] + numbers[1..<5])) == [1: 2])
  }

  /// Keys of types that are numbers elsewhere.
  @Test func keysWithNumbers() throws {
    struct Numbered: Codable, Equatable {
      enum CodingKeys: Int, CodingKey { case first = 1, second }
      var first: String
      var second: Int?
    }
    let bytes = try encoded(Numbered(first: "a", second: 2))
    #expect(bytes == [0x82, 0xA5] + Array("first".utf8) + [0xA1, 0x61, 0xA6] + Array("second".utf8) + [2])
    #expect(try decoded(bytes) == Numbered(first: "a", second: 2))
    #expect(try decoded([0x82, 1, 0xA1, 0x61, 2, 2]) == Numbered(first: "a", second: 2))
    #expect(try decoded([0x81, 1, 0xA1, 0x61]) == Numbered(first: "a"))
  }
}
