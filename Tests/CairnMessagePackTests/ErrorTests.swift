import Testing

@testable import CairnMessagePack

/// Goal: errors say what is wrong, and where.
@Suite struct ErrorTests {
  private struct Page: Codable {
    var title: String
    var rows: [[String: Row]]
  }

  private struct Row: Codable {
    var cells: [UInt8]
    var weight: Float?
  }

  private func path(_ error: DecodingError?) -> String {
    let context: DecodingError.Context? =
      switch error {
      case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
        .dataCorrupted(let context):
        context
      default: nil
      }
    return context.map { context in context.codingPath.map(\.stringValue).joined(separator: ".") } ?? "no error"
  }

  private func failure<Value: Decodable>(_ value: AnyValue, as type: Value.Type) throws -> DecodingError? {
    let bytes = try encoded(value)
    return #expect(throws: DecodingError.self) { try decoded(bytes, as: type) }
  }

  private func map(_ pairs: KeyValuePairs<String, AnyValue>) -> AnyValue {
    .map(pairs.map { .init(key: .init(stringValue: $0.key), value: $0.value) })
  }

  @Test func paths() throws {
    let missing = try failure(map(["title": .text("a")]), as: Page.self)
    guard case .keyNotFound(let key, _) = missing else { throw try #require(missing) }
    #expect(key.stringValue == "rows" && path(missing) == "")

    let rows = map(["title": .text(""), "rows": .array([.array([]), .null])])
    #expect(path(try failure(rows, as: Page.self)) == "rows.Index 0")
    let row = map(["title": .text(""), "rows": .array([map([:]), map(["x": map(["cells": .bool(true)])])])])
    #expect(path(try failure(row, as: Page.self)) == "rows.Index 1.x.cells")
    let cell = map(["title": .text(""), "rows": .array([map(["x": map(["cells": .array([.integer(256)])])])])])
    #expect(path(try failure(cell, as: Page.self)) == "rows.Index 0.x.cells.Index 0")
    let weight = map([
      "title": .text(""), "rows": .array([map(["x": map(["cells": .bytes([]), "weight": .double(0.1)])])]),
    ])
    let tooExact = try failure(weight, as: Page.self)
    #expect(path(tooExact) == "rows.Index 0.x.weight")
    #expect(tooExact.map { "\($0)" }?.contains("Float cannot hold 0.1") == true)
  }

  @Test func pathsInContainersByHand() throws {
    #expect(path(try failure(map(["outer": .null]), as: Shapes.Manual.self)) == "outer")
    let list = map(["outer": map(["a": .integer(1), "e": .null]), "list": .array([.integer(1)])])
    let ended = try failure(list, as: Shapes.Manual.self)
    guard case .valueNotFound = ended else { throw try #require(ended) }
    #expect(path(ended) == "list.Index 1")
    let dog = map(["tricks": .array([]), "super": map(["name": .integer(1)])])
    #expect(path(try failure(dog, as: Shapes.Dog.self)) == "super.name")
    #expect(path(try failure(map(["tricks": .array([])]), as: Shapes.Dog.self)) == "")
  }

  /// Where an element could not be decoded, another type may be tried.
  @Test func anElementIsTriedTwice() throws {
    struct Either: Decodable {
      init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        #expect(throws: DecodingError.self) { try container.decode(String.self) }
        #expect(throws: DecodingError.self) { try container.decode([Int].self) }
        #expect(throws: DecodingError.self) { try container.nestedUnkeyedContainer() }
        #expect(try !container.decodeNil() && container.currentIndex == 0)
        #expect(try container.decode(Int.self) == 1 && container.currentIndex == 1)
        #expect(container.codingPath.isEmpty && container.isAtEnd)
        #expect(throws: DecodingError.self) { try container.decodeNil() }
        #expect(throws: DecodingError.self) { try container.superDecoder() }
      }
    }
    _ = try decoded([0x91, 1], as: Either.self)
  }

  @Test func bytesThatAreNoValue() throws {
    for (bytes, text) in [
      ([], "goes on behind the last of 0 bytes"), ([0x92, 1], "goes on behind the last of 2 bytes"),
      ([1, 2], "bytes behind the value, from offset 1"), ([0x91, 0xC1], "no value begins with this byte, at offset 1"),
    ] as [([UInt8], String)] {
      let error = #expect(throws: DecodingError.self) { try decoded(bytes, as: AnyValue.self) }
      #expect(error.map { "\($0)" }?.contains(text) == true, "\(String(describing: error))")
    }
  }

  @Test func keysThatAreNone() throws {
    for key in [
      [0xC0], [0xC4, 1, 0x61], [0x90], [0xCB, 0, 0, 0, 0, 0, 0, 0, 0], [0xCF] + [UInt8](repeating: 255, count: 8),
    ]
      as [[UInt8]]
    {
      let error = #expect(throws: DecodingError.self) {
        try decoded([0x91, 0x81] + key + [1], as: [[String: Int]].self)
      }
      #expect(path(error) == "Index 0")
    }
    #expect(throws: DecodingError.self) { try decoded([0x81, 0xA1, 0xFF, 1], as: [String: Int].self) }
  }

  @Test(
    arguments: [
      [0xC1], [0x80], [0xFF], [0xED, 0xA0, 0x80], [0xC0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82],
    ] as [[UInt8]])
  func textsThatAreNotUTF8(bytes: [UInt8]) throws {
    let error = #expect(throws: DecodingError.self) {
      try decoded([0x91, 0xA0 + UInt8(bytes.count)] + bytes, as: [String].self)
    }
    #expect(path(error) == "Index 0" && error.map { "\($0)" }?.contains("not UTF-8") == true)
  }

  @Test func extensions() throws {
    let timestamp: [UInt8] = [0xD6, 0xFF, 0, 0, 0, 1]
    for bytes in [
      timestamp, [0xC7, 0, 5], [0xC7, 3, 5, 1, 2, 3], [0xD4, 1, 1], [0xC8, 0, 1, 0, 0], [0xC9, 0, 0, 0, 1, 0, 0],
    ] {
      let error = #expect(throws: DecodingError.self) { try decoded(bytes, as: AnyValue.self) }
      #expect(error.map { "\($0)" }?.contains("an extension of type") == true)
    }
    // Nobody asks for it.
    struct Title: Codable, Equatable { var title: Int }
    #expect(try decoded([0x82, 0xA1, 0x61] + timestamp + [0xA5] + Array("title".utf8) + [1]) == Title(title: 1))
  }

  @Test func theirOwnErrorsCome() throws {
    struct Mine: Error, Equatable {}
    struct Thrower: Codable {
      init() {}
      init(from decoder: any Decoder) throws { throw Mine() }
      func encode(to encoder: any Encoder) throws { throw Mine() }
    }
    #expect(throws: Mine()) { try encoded(["a": [Thrower()]]) }
    #expect(throws: Mine()) { try decoded([0x91, 1], as: [Thrower].self) }
  }
}
