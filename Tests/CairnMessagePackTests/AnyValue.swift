import CairnTestSupport

@testable import CairnMessagePack

/// Every value that there is in MessagePack, without extensions.
indirect enum AnyValue: Codable, Hashable {
  case null
  case bool(Bool)
  case integer(Int64)
  /// Above those.
  case unsigned(UInt64)
  case float(Float)
  case double(Double)
  case text(String)
  case bytes([UInt8])
  case array([AnyValue])
  case map([Pair])

  struct Pair: Hashable {
    var key: Key
    var value: AnyValue
  }

  struct Key: CodingKey, Hashable {
    var stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { stringValue = String(intValue) }
  }

  func encode(to encoder: any Encoder) throws {
    // Only asked for where it is used: it excludes the others.
    func single(_ body: (inout any SingleValueEncodingContainer) throws -> Void) throws {
      var container = encoder.singleValueContainer()
      try body(&container)
    }
    switch self {
    case .null: try single { try $0.encodeNil() }
    case .bool(let value): try single { try $0.encode(value) }
    case .integer(let value): try single { try $0.encode(value) }
    case .unsigned(let value): try single { try $0.encode(value) }
    case .float(let value): try single { try $0.encode(value) }
    case .double(let value): try single { try $0.encode(value) }
    case .text(let value): try single { try $0.encode(value) }
    case .bytes(let value): try single { try $0.encode(value) }
    case .array(let elements):
      var container = encoder.unkeyedContainer()
      for element in elements { try container.encode(element) }
    case .map(let pairs):
      var container = encoder.container(keyedBy: Key.self)
      for pair in pairs { try container.encode(pair.value, forKey: pair.key) }
    }
  }

  init(from decoder: any Decoder) throws {
    let single = try decoder.singleValueContainer()
    if let decoder = decoder as? ValueDecoder {
      switch decoder.document.value(at: decoder.place) {
      case .float:
        self = .float(try single.decode(Float.self))
        return
      case .bytes:
        self = .bytes(try single.decode([UInt8].self))
        return
      default: break
      }
    }
    if single.decodeNil() {
      self = .null
    } else if let value = try? single.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? single.decode(Int64.self) {
      self = .integer(value)
    } else if let value = try? single.decode(UInt64.self) {
      self = .unsigned(value)
    } else if let value = try? single.decode(Double.self) {
      self = .double(value)
    } else if let value = try? single.decode(String.self) {
      self = .text(value)
    } else if var elements = try? decoder.unkeyedContainer() {
      var array: [AnyValue] = []
      while !elements.isAtEnd { array.append(try elements.decode(AnyValue.self)) }
      self = .array(array)
    } else {
      let fields = try decoder.container(keyedBy: Key.self)
      self = .map(try fields.allKeys.map { Pair(key: $0, value: try fields.decode(AnyValue.self, forKey: $0)) })
    }
  }

  // MARK: As other formats see it

  /// Bytes are numbers, and numbers without a fraction are integers; keys have no order.
  var plain: AnyValue {
    switch self {
    case .float(let value): AnyValue.double(Double(value)).plain
    case .double(let value): Int64(exactly: value).map { .integer($0) } ?? self
    case .bytes(let bytes): .array(bytes.map { .integer(Int64($0)) })
    case .array(let elements): .array(elements.map(\.plain))
    case .map(let pairs):
      .map(
        pairs.map { Pair(key: $0.key, value: $0.value.plain) }.sorted { $0.key.stringValue < $1.key.stringValue })
    default: self
    }
  }

  // MARK: Random ones

  static func random(_ random: inout SeededRandom, depth: Int = 4) -> AnyValue {
    switch random.below(depth == 0 ? 9 : 13) {
    case 0: return .null
    case 1: return .bool(random.percent(50))
    // Of all lengths.
    case 2, 3: return .integer(Int64(bitPattern: random.next()) >> random.below(64))
    case 4: return .unsigned(random.next() | 1 << 63)
    case 5: return .float(Float(bitPattern: UInt32(truncatingIfNeeded: random.next())).quiet)
    case 6: return .double(Double(bitPattern: random.next()).quiet)
    case 7: return .text(text(&random))
    case 8: return .bytes(random.bytes(length(&random)))
    case 9, 10: return .array((0..<length(&random)).map { _ in .random(&random, depth: depth - 1) })
    default:
      let keys = Set((0..<length(&random)).map { _ in text(&random) }).sorted()
      return .map(
        keys.map { Pair(key: Key(stringValue: $0), value: .random(&random, depth: depth - 1)) })
    }
  }

  private static func length(_ random: inout SeededRandom) -> Int {
    random.percent(3) ? random.below(300) : random.below(18)
  }

  private static func text(_ random: inout SeededRandom) -> String {
    let scalars: [Unicode.Scalar] = ["a", "b", "Z", "0", " ", "\0", "ß", "€", "𝄞", "\u{FFFF}"]
    return String(String.UnicodeScalarView((0..<length(&random)).map { _ in scalars[random.below(scalars.count)] }))
  }
}

extension BinaryFloatingPoint {
  /// One of all those that are no number: others need not keep their bits.
  fileprivate var quiet: Self { isNaN ? .nan : self }
}
