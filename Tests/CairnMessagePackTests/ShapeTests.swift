import CairnTestSupport
import Foundation
import Testing

@testable import CairnMessagePack

/// Goal: what can be encoded as JSON can be encoded in MessagePack, and means the same.
/// Method: both are decoded as trees, which are compared; and the value comes back.
@Suite struct ShapeTests {
  @discardableResult
  private func roundTrip<Value: Codable>(_ value: Value, place: SourceLocation = #_sourceLocation) throws -> Value {
    let bytes = try encoded(value)
    let json = try JSONEncoder().encode(value)
    let expected = try JSONDecoder().decode(AnyValue.self, from: json)
    #expect(try decoded(bytes, as: AnyValue.self).plain == expected.plain, sourceLocation: place)
    return try decoded(bytes)
  }

  private func check<Value: Codable & Equatable>(_ value: Value, place: SourceLocation = #_sourceLocation) throws {
    #expect(try roundTrip(value, place: place) == value, sourceLocation: place)
  }

  @Test func structs() throws {
    try check(Shapes.Everything())
    try check([Shapes.Everything(), Shapes.Everything(bool: false, some: nil, set: [], choice: nil)])
    try check(Shapes.Empty())
    try check(Shapes.Wide())
    try check(Shapes.Wide(u: -1, v: nil))
  }

  @Test func optionals() throws {
    try check(Int?.none)
    try check(Int?.some(5))
    try check([nil, "", nil])
    try check([String: Int?](dictionaryLiteral: ("a", 1), ("b", nil)))
  }

  @Test func enumerations() throws {
    try check(Shapes.Suit.allCases)
    try check([Shapes.Level.low, .high])
    try check(["a": Shapes.Level.high])
    try check([
      Shapes.Expression.nothing, .number(1.5), .sum(.number(1), .sum(.number(2), .nothing)),
      .named(name: "x", of: .number(3)), .named(name: "", of: nil),
    ])
  }

  @Test func dictionaries() throws {
    try check(["a": 1, "b": 2])
    try check([1: "a", -2: "b"])
    try check([1: [2: [3: true]]])
    try check([1.5: "a"])
    try check([UInt8(1): "a"])
    try check(["": ["": [0: [UInt8]()]]])
  }

  @Test func collections() throws {
    try check(Set(0..<100))
    try check(ContiguousArray<UInt8>([1, 2, 3]))
    try check(0..<5)
    try check([[UInt8]](repeating: [9], count: 3))
    try check(Optional([UInt8](0...255)))
  }

  @Test func classes() throws {
    let dog = try roundTrip(Shapes.Dog(name: "Rex", tricks: ["sit", "roll"]))
    #expect(dog.name == "Rex" && dog.tricks == ["sit", "roll"])
    let cat = try roundTrip(Shapes.Cat(name: "Tom", lives: 9))
    #expect(cat.name == "Tom!" && cat.lives == 9)
  }

  @Test func containersByHand() throws { try check(Shapes.Manual()) }

  @Test func oneLevelAfterAnother() throws {
    for count in [1, 2, 50, 127, 128] { #expect(try roundTrip(Shapes.Chain.ofLength(count)).count == count) }
  }

  /// JSON treats these in its own way.
  @Test func typesOfFoundation() throws {
    struct Foreign: Codable, Equatable {
      var date = Date(timeIntervalSinceReferenceDate: 0.5)
      var data = Data([0, 128, 255])
      var address = URL(string: "https://example.org/a?b=c")
      var identifier = UUID()
      var amount = Decimal(string: "12345678901234567890.12")
    }
    let value = Foreign()
    #expect(try decoded(encoded(value)) == value)
    #expect(try encoded(value.date) == encoded(0.5))
    // Of others, who have bytes.
    #expect(try decoded([0xC4, 3, 0, 128, 255]) == value.data)
  }

  @Test(arguments: SeededRandom.seeds(200)) func randomTrees(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let value = AnyValue.random(&random)
    let bytes = try encoded(value)
    let again = try decoded(bytes, as: AnyValue.self)
    // As bytes: what is not a number equals nothing.
    #expect(try encoded(again) == bytes, "seed \(seed)")
    #expect(try encoded(again.plain) == encoded(value.plain), "seed \(seed)")
  }

  /// Each key that a dictionary can have, at each length around those where lookups change.
  @Test(arguments: SeededRandom.seeds(40)) func randomDictionaries(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    for count in 0..<40 {
      let texts = Dictionary((0..<count).map { _ in ("\(random.below(30))", random.next()) }) { $1 }
      #expect(try decoded(encoded(texts)) == texts, "seed \(seed)")
      let numbers = Dictionary((0..<count).map { _ in (Int(truncatingIfNeeded: random.next()), random.next()) }) { $1 }
      #expect(try decoded(encoded(numbers)) == numbers, "seed \(seed)")
    }
  }

  @Test func fromASpan() throws {
    let bytes = Data(try encoded(Shapes.Everything()))
    let value = try MessagePackDecoder().decode(Shapes.Everything.self, from: bytes.bytes)
    #expect(value == Shapes.Everything())
    let nothing = Data()
    #expect(throws: DecodingError.self) { try MessagePackDecoder().decode(Int.self, from: nothing.bytes) }
  }
}
