internal import CMsgpack

/// Bytes, and where in them the values are.
final class Document {
  private let bytes: [UInt8]
  private let nodes: [cairn_msgpack_node]

  init(_ bytes: [UInt8]) throws(ParserError) {
    nodes = try Parser.nodes(bytes)
    self.bytes = bytes
  }

  /// Of a value: a node, or one of bytes that are read as an array of numbers.
  struct Place {
    /// The index of a node, or what `~` makes of the offset of a byte, which is negative.
    fileprivate let code: Int

    static let top = Place(code: 0)
  }

  enum Value {
    case null
    case bool(Bool)
    case unsigned(UInt64)
    /// Below 0.
    case negative(Int64)
    case float(Float)
    case double(Double)
    case text(Range<Int>)
    case bytes(Range<Int>)
    case array(count: Int)
    case map(count: Int)
    /// One of those that applications define.
    case custom(type: Int8)
  }

  func value(at place: Place) -> Value {
    if place.code < 0 { return .unsigned(UInt64(bytes[~place.code])) }
    let node = nodes[place.code]
    switch Int(node.kind) {
    case cairn_msgpack_nil: return .null
    case cairn_msgpack_bool: return .bool(node.payload != 0)
    case cairn_msgpack_unsigned: return .unsigned(node.payload)
    case cairn_msgpack_negative: return .negative(Int64(bitPattern: node.payload))
    case cairn_msgpack_float: return .float(Float(bitPattern: UInt32(truncatingIfNeeded: node.payload)))
    case cairn_msgpack_double: return .double(Double(bitPattern: node.payload))
    case cairn_msgpack_text: return .text(range(node))
    case cairn_msgpack_bytes: return .bytes(range(node))
    case cairn_msgpack_array: return .array(count: Int(node.count))
    case cairn_msgpack_map: return .map(count: Int(node.count))
    default: return .custom(type: Int8(truncatingIfNeeded: node.count))
    }
  }

  private func range(_ node: cairn_msgpack_node) -> Range<Int> {
    Int(node.payload)..<Int(node.payload) + Int(node.count)
  }

  // MARK: What lies in a value

  /// `nil` if it is not UTF-8.
  func text(_ range: Range<Int>) -> String? {
    // A span cannot be of what a class holds.
    let bytes = bytes
    guard let text = try? UTF8Span(validating: bytes.span.extracting(range)) else { return nil }
    return String(copying: text)
  }

  func content(_ range: Range<Int>) -> [UInt8] { [UInt8](bytes[range]) }

  /// Where the first element of an array is, or the first key of a map, if there is any.
  func first(in container: Place) -> Place { Place(code: container.code + 1) }

  func first(of bytes: Range<Int>) -> Place { Place(code: ~bytes.lowerBound) }

  /// Where what follows a value is, if anything does.
  func following(_ place: Place) -> Place {
    if place.code < 0 { return Place(code: place.code - 1) }
    switch value(at: place) {
    case .array, .map: return Place(code: Int(nodes[place.code].payload))
    default: return Place(code: place.code + 1)
    }
  }

  // MARK: Decoding

  /// To look it up for each value takes longer than to decode most.
  private let bytesType: Any.Type = [UInt8].self

  /// - Throws: `DecodingError`, or what the type throws.
  func decode<Value: Decodable>(
    _ type: Value.Type, at place: Place, path: @autoclosure () -> CodingPath?
  ) throws -> Value {
    if let scalar = type as? any Scalar.Type,
      let value = try scalar.init(from: value(at: place), of: self, at: path().keys) as? Value
    {
      return value
    }
    if type == bytesType, case .bytes(let range) = value(at: place), let value = content(range) as? Value {
      return value
    }
    return try Value(from: ValueDecoder(document: self, place: place, path: path()))
  }
}

extension Document.Value {
  var isNull: Bool {
    if case .null = self { true } else { false }
  }

  private var name: String {
    switch self {
    case .null: "nil"
    case .bool: "a truth value"
    case .unsigned, .negative: "an integer"
    case .float, .double: "a number with a point"
    case .text: "a text"
    case .bytes: "bytes"
    case .array: "an array"
    case .map: "a map"
    case .custom(let type): "an extension of type \(type), which is not supported"
    }
  }

  func isNot(_ wanted: Any.Type, at path: [any CodingKey]) -> DecodingError {
    let context = DecodingError.Context(codingPath: path, debugDescription: "Expected \(wanted), found \(name).")
    return isNull ? .valueNotFound(wanted, context) : .typeMismatch(wanted, context)
  }

  func doesNotFit(_ wanted: Any.Type, at path: [any CodingKey]) -> DecodingError {
    let number =
      switch self {
      case .unsigned(let number): String(number)
      case .negative(let number): String(number)
      case .double(let number): String(number)
      default: name
      }
    return .dataCorrupted(.init(codingPath: path, debugDescription: "\(wanted) cannot hold \(number)."))
  }
}
