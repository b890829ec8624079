import CairnTestSupport
import Testing

@testable import CairnMessagePack

/// Goal: whatever the bytes are, they are decoded or refused; they take no more memory than they are worth.
@Suite struct HostileTests {
  /// As each kind of type. Never anything but an error of decoding.
  private func decodeAsAll(_ bytes: [UInt8]) throws {
    func attempt<Value: Decodable>(_ type: Value.Type) throws {
      do {
        _ = try decoded(bytes, as: type)
      } catch is DecodingError {
      } catch is Shapes.Manual.Wrong {}
    }
    try attempt(AnyValue.self)
    try attempt(Shapes.Everything.self)
    try attempt(Shapes.Manual.self)
    try attempt(Shapes.Expression.self)
    try attempt(Shapes.Chain.self)
    try attempt(Shapes.Dog.self)
    try attempt([Int: [UInt8]].self)
    try attempt([String: Double].self)
    try attempt([[Float?]].self)
    if let nodes = try? Parser.nodes(bytes) { #expect(nodes.count <= bytes.count) }
  }

  private static let samples: [[UInt8]] = [
    try! encoded(Shapes.Everything()), try! encoded(Shapes.Manual()), try! encoded(Shapes.Wide()),
    try! encoded(Shapes.Dog(name: "a", tricks: ["b"])), try! encoded([1: [UInt8](0..<100)]),
    try! encoded(Shapes.Expression.sum(.named(name: "x", of: .nothing), .number(2))),
    [0x93, 0xD6, 0xFF, 0, 0, 0, 1, 0xC7, 3, 5, 1, 2, 3, 0xDF, 0, 0, 0, 1, 1, 0xC0],
  ]

  /// Each value knows its length: no beginning of it is one.
  @Test(arguments: samples) func everyPrefix(bytes: [UInt8]) throws {
    for count in bytes.indices {
      let prefix = Array(bytes.prefix(count))
      #expect(throws: ParserError(cause: .truncated, offset: count)) { try Parser.nodes(prefix) }
      #expect(throws: DecodingError.self) { try decoded(prefix, as: AnyValue.self) }
    }
    #expect(throws: ParserError(cause: .trailingBytes, offset: bytes.count)) { try Parser.nodes(bytes + [0]) }
    try decodeAsAll(bytes)
  }

  @Test(arguments: samples) func everyChangedByte(bytes: [UInt8]) throws {
    var changed = bytes
    for index in bytes.indices.prefix(100) {
      for byte in [0, 0x81, 0x92, 0xA5, 0xC0, 0xC4, 0xC7, 0xCF, 0xDD, 0xFF] as [UInt8] {
        changed[index] = byte
        try decodeAsAll(changed)
      }
      changed[index] = bytes[index]
    }
  }

  @Test(arguments: SeededRandom.seeds(10)) func changedBytes(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    for _ in 0..<100 {
      var bytes =
        random.percent(50) ? Self.samples[random.below(Self.samples.count)] : try encoded(AnyValue.random(&random))
      for _ in 0...random.below(4) where !bytes.isEmpty {
        let index = random.below(bytes.count)
        switch random.below(4) {
        case 0: bytes[index] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes[index] ^= 1 << random.below(8)
        case 2: bytes.remove(at: index)
        default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: index)
        }
      }
      try decodeAsAll(bytes)
    }
  }

  @Test(arguments: SeededRandom.seeds(10)) func randomBytes(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    for _ in 0..<300 {
      var bytes = random.bytes(random.below(64))
      // Containers, so that what follows is looked at.
      if random.percent(50) { bytes.insert([0x82, 0x9F, 0xDC, 0xDE][random.below(4)], at: 0) }
      try decodeAsAll(bytes)
    }
  }

  /// All of two bytes, with zeros behind them.
  @Test func everyBeginning() throws {
    for first in UInt8.min...UInt8.max {
      for second in UInt8.min...UInt8.max {
        let bytes = [first, second, 0, 0, 0, 0, 0, 0, 0]
        _ = try? Parser.nodes([first, second])
        guard let nodes = try? Parser.nodes(bytes) else { continue }
        if nodes.count > bytes.count { Issue.record("\(first), \(second): \(nodes.count) values") }
        _ = try? decoded(bytes, as: AnyValue.self)
      }
    }
  }

  /// Each would take gigabytes if it were believed.
  @Test(
    arguments: [
      [0xDD, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4, 5], [0xDF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4, 5],
      [0xDB, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4, 5], [0xC6, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4, 5],
      [0xC9, 0xFF, 0xFF, 0xFF, 0xFE, 1, 2, 3, 4, 5],
      [0x91, 0xDD, 0x7F, 0xFF, 0xFF, 0xFF, 0xDD, 0x7F, 0xFF, 0xFF, 0xFF],
    ] as [[UInt8]])
  func claims(bytes: [UInt8]) throws {
    #expect(throws: ParserError(cause: .truncated, offset: bytes.count)) { try Parser.nodes(bytes) }
    try decodeAsAll(bytes)
  }

  /// A length that is one too long for the parser's own arithmetic.
  @Test func theLongestExtension() throws {
    for bytes in [[0xC9, 0xFF, 0xFF, 0xFF, 0xFF], [0x92, 0xC9, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0]] as [[UInt8]] {
      #expect { try Parser.nodes(bytes) } throws: { ($0 as? ParserError)?.cause == .unknownFormat }
    }
  }

  @Test(arguments: [[0x91], [0x81, 0xA0], [0xDC, 0, 1], [0xDF, 0, 0, 0, 1, 1]] as [[UInt8]])
  func depth(level: [UInt8]) throws {
    func levels(_ count: Int) -> [UInt8] { (0..<count).flatMap { _ in level } }
    #expect(try Parser.nodes(levels(128) + [0]).count == 128 * (level[0] == 0x91 || level[0] == 0xDC ? 1 : 2) + 1)
    _ = try decoded(levels(128) + [0], as: AnyValue.self)
    for bytes in [
      levels(129) + [0], levels(128) + [0x90], levels(128) + [0x80], levels(100_000) + [0], levels(100_000),
    ] {
      #expect { try Parser.nodes(bytes) } throws: { ($0 as? ParserError)?.cause == .tooDeep }
      let error = #expect(throws: DecodingError.self) { try decoded(bytes, as: AnyValue.self) }
      #expect(error.map { "\($0)" }?.contains("more than 128 arrays and maps") == true)
    }
    // In a key.
    #expect { try Parser.nodes(levels(127) + [0x81, 0x91]) } throws: { ($0 as? ParserError)?.cause == .tooDeep }
  }

  /// The costs of keys do not multiply.
  @Test func manyKeys() throws {
    let count = 100_000
    var bytes: [UInt8] = [0xDF, 0, UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255)]
    for key in 0..<count { bytes += try encoded("key \(key % (count / 2))") + [1] }
    #expect(try decoded(bytes, as: [String: Int].self).count == count / 2)
  }
}
