import CairnTestSupport
import Foundation
import Testing

@testable import CairnMessagePack

/// Goal: what others write is understood, and they understand what is written.
/// Method: Python's module, in both directions.
@Suite(.enabled(if: Python.isPossible, "\(Python.reason)")) struct ExchangeTests {
  struct Record: Codable, Equatable {
    var id = 7
    var name = "Zoë"
    var score = 0.5
    var small = Float(0.25)
    var data: [UInt8] = [0, 128, 255]
    var tags = ["a", "b"]
    var counts = [1: 10, -2: 20]
    var parent: Int?
    var flags = [true, false]
    var big = UInt64.max
    var negative = Int64.min
    var nested = ["x": [1, nil]]
  }

  private static let literal = """
    {'id': 7, 'name': 'Zoë', 'score': 0.5, 'small': 0.25, 'data': bytes([0, 128, 255]), 'tags': ['a', 'b'],
     'counts': {1: 10, -2: 20}, 'flags': [True, False], 'big': 2**64 - 1, 'negative': -2**63,
     'nested': {'x': [1, None]}}
    """

  @Test func pythonReads() throws {
    let answer = try Python.run(
      "import sys, msgpack\n"
        + "value = msgpack.unpackb(sys.stdin.buffer.read(), strict_map_key=False)\n"
        + "expected = \(Self.literal)\n"
        + "print('equal' if value == expected and type(value['data']) is bytes else value)",
      input: try encoded(Record()))
    #expect(String(decoding: answer, as: UTF8.self) == "equal\n")
  }

  @Test func pythonWrites() throws {
    let bytes = try Python.run(
      "import sys, msgpack\nsys.stdout.buffer.write(msgpack.packb(\(Self.literal)))", input: [])
    #expect(try decoded(bytes) == Record())
  }

  /// Python writes again what it has read: the same bytes, as both take the shortest.
  @Test(arguments: SeededRandom.seeds(3)) func randomValues(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let values = (0..<200).map { _ in AnyValue.random(&random).withoutFloats }
    let bytes = try encoded(values)
    let answer = try Python.run(
      "import sys, msgpack\nsys.stdout.buffer.write(msgpack.packb(msgpack.unpackb(sys.stdin.buffer.read())))",
      input: bytes)
    #expect(answer == bytes, "seed \(seed)")
  }

  /// The other way round: Python makes them up, and says what they are in JSON.
  @Test(arguments: SeededRandom.seeds(3)) func randomValuesOfPython(seed: UInt64) throws {
    let script = """
      import sys, json, random, msgpack
      random.seed(int(sys.stdin.read()))
      def text(): return ''.join(random.choice('abZ0 \\u00df\\u20ac\\U0001d11e') for _ in range(random.randrange(40)))
      def value(depth):
        kind = random.randrange(6 if depth == 0 else 8)
        if kind == 0: return random.choice([None, True, False])
        if kind == 1: return random.getrandbits(random.randrange(1, 65))
        if kind == 2: return -random.getrandbits(random.randrange(1, 64))
        if kind == 3: return random.uniform(-1e6, 1e6)
        if kind < 6: return text()
        if kind == 6: return [value(depth - 1) for _ in range(random.randrange(20))]
        return {text(): value(depth - 1) for _ in range(random.randrange(20))}
      values = [value(3) for _ in range(100)]
      packed = msgpack.packb(values)
      sys.stdout.buffer.write(len(packed).to_bytes(8, 'little') + packed + json.dumps(values).encode())
      """
    let answer = try Python.run(script, input: Array("\(seed)".utf8))
    let count = answer.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let packed = Array(answer.dropFirst(8).prefix(count))
    let values = try decoded(packed, as: [AnyValue].self)
    let expected = try JSONDecoder().decode([AnyValue].self, from: Data(answer.dropFirst(8 + count)))
    #expect(values.map(\.plain) == expected.map(\.plain), "seed \(seed)")
    #expect(try encoded(values) == packed, "seed \(seed)")
  }

  @Test func otherSettings() throws {
    let bytes = try Python.run(
      "import sys, msgpack\n"
        + "sys.stdout.buffer.write(msgpack.packb([0.25, b'ab', 'cd', {3: 4}], use_single_float=True))", input: [])
    #expect(
      try decoded(bytes)
        == AnyValue.array([
          .float(0.25), .bytes([0x61, 0x62]), .text("cd"),
          .map([.init(key: .init(stringValue: "3"), value: .integer(4))]),
        ]))
  }
}

extension AnyValue {
  /// Python has one type of them, which is the other one.
  fileprivate var withoutFloats: AnyValue {
    switch self {
    case .float(let value): .double(Double(value))
    case .array(let elements): .array(elements.map(\.withoutFloats))
    case .map(let pairs): .map(pairs.map { Pair(key: $0.key, value: $0.value.withoutFloats) })
    default: self
    }
  }
}

/// A Python that has the module.
private enum Python {
  static let reason = "needs Python's msgpack (.ci/prerequisites installs it)"
  static var isPossible: Bool { command != nil }

  /// Debian's own first: only that finds what its packages install.
  private static let command: [String]? = [["/usr/bin/python3"], ["/usr/bin/env", "python3"]].first { command in
    (try? run("import msgpack; print(msgpack.packb(1))", input: [], command)) == Array("b'\\x01'\n".utf8)
  }

  struct Failure: Error {
    var status: Int32
  }

  static func run(_ script: String, input: [UInt8]) throws -> [UInt8] { try run(script, input: input, command ?? []) }

  private static func run(_ script: String, input: [UInt8], _ command: [String]) throws -> [UInt8] {
    let directory = TemporaryDirectory()
    let path = directory.path("input")
    try Data(input).write(to: URL(fileURLWithPath: path))
    let (process, output) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: command.first ?? "/usr/bin/python3")
    process.arguments = command.dropFirst() + ["-c", script]
    process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let answer = [UInt8](output.fileHandleForReading.readDataToEndOfFile())
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failure(status: process.terminationStatus) }
    return answer
  }
}
