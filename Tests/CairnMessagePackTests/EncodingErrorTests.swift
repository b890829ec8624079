import Testing

@testable import CairnMessagePack

/// Goal: what cannot be encoded is an error that says where, and traps nothing.
@Suite struct EncodingErrorTests {
  private enum Keys: CodingKey { case a, b }

  /// What it is told.
  private struct Custom: Encodable {
    var body: @Sendable (any Encoder) throws -> Void
    func encode(to encoder: any Encoder) throws { try body(encoder) }
  }

  private func failure(_ value: some Encodable) -> (text: String, path: String) {
    let error = #expect(throws: EncodingError.self) { try encoded(value) }
    guard case .invalidValue(_, let context) = error else { return ("", "") }
    return (context.debugDescription, context.codingPath.map(\.stringValue).joined(separator: "."))
  }

  @Test func containersThatContradictEachOther() throws {
    let keyedThenNot = failure([
      "x": Custom {
        var container = $0.container(keyedBy: Keys.self)
        try container.encode(1, forKey: .a)
        var other = $0.unkeyedContainer()
        try other.encode(2)
        try other.encode([2])
      }
    ])
    #expect(keyedThenNot.text.contains("An unkeyed container is asked for") && keyedThenNot.path == "x")
    let singleThenKeyed = failure(
      Custom {
        var container = $0.singleValueContainer()
        try container.encode(1)
        _ = $0.container(keyedBy: Keys.self)
      })
    #expect(singleThenKeyed.text.contains("A keyed container is asked for") && singleThenKeyed.path == "")
    let nested = failure(
      Custom {
        var container = $0.container(keyedBy: Keys.self)
        _ = container.nestedContainer(keyedBy: Keys.self, forKey: .b)
        _ = container.nestedUnkeyedContainer(forKey: .b)
      })
    #expect(nested.path == "b")
    let arrayThenSingle = failure([
      Custom {
        _ = $0.unkeyedContainer()
        var container = $0.singleValueContainer()
        try container.encode("")
      }
    ])
    #expect(arrayThenSingle.text.contains("A single value") && arrayThenSingle.path == "Index 0")
  }

  @Test func twoSingleValues() throws {
    for second in [
      { try $0.encode(2) }, { try $0.encodeNil() }, { try $0.encode([2]) },
    ] as [@Sendable (inout any SingleValueEncodingContainer) throws -> Void] {
      let failure = failure(
        Custom {
          var container = $0.singleValueContainer()
          try container.encode(1)
          try second(&container)
        })
      #expect(failure.text.contains("A single value"))
    }
  }

  @Test func aValueWithoutParts() throws {
    #expect(try encoded(Custom { _ in }) == [0x80])
    #expect(try encoded([Custom { _ in }]) == [0x91, 0x80])
    let above = Custom {
      var container = $0.container(keyedBy: Keys.self)
      _ = container.superEncoder()
    }
    #expect(try encoded(above) == [0x81, 0xA5] + Array("super".utf8) + [0x80])
  }

  @Test func depth() throws {
    let failure = failure(Shapes.Chain.ofLength(129))
    #expect(failure.text.contains("More than 128"))
    #expect(failure.path == Array(repeating: "next", count: 128).joined(separator: "."))
    // Without an end.
    let loop = Shapes.Chain(nil)
    loop.next = loop
    defer { loop.next = nil }
    #expect(throws: EncodingError.self) { try encoded(loop) }
    // Scalars are no level.
    #expect(
      try decoded(encoded(nested(127, around: .array([.text("a")])))) == nested(127, around: .array([.text("a")])))
    #expect(throws: EncodingError.self) { try encoded(nested(128, around: .array([]))) }
    #expect(throws: EncodingError.self) { try encoded(nested(128, around: .map([]))) }
  }

  private func nested(_ count: Int, around value: AnyValue) -> AnyValue {
    (0..<count).reduce(value) { inner, level in
      level % 2 == 0 ? .array([inner]) : .map([.init(key: .init(stringValue: "a"), value: inner)])
    }
  }

  /// The encoder cannot throw where these are made.
  @Test func depthOfContainersByHand() throws {
    struct Nest: Encodable {
      var count: Int

      func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        for _ in 1..<count { container = container.nestedUnkeyedContainer() }
        try container.encode(1)
      }
    }
    #expect(try encoded(Nest(count: 128)) == [UInt8](repeating: 0x91, count: 128) + [1])
    #expect(throws: EncodingError.self) { try encoded(Nest(count: 129)) }
    #expect(throws: EncodingError.self) { try encoded(Nest(count: 1000)) }
  }

  @Test func widerThan64Bits() throws {
    #expect(throws: EncodingError.self) { try encoded([Int128(1)]) }
    #expect(throws: DecodingError.self) { try decoded([1], as: UInt128.self) }
  }
}
