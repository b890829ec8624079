/// An unkeyed container: an array, or bytes, which are read as numbers.
struct ArrayDecoder: UnkeyedDecodingContainer {
  private let document: Document
  private let path: CodingPath?
  private let elements: Int
  private(set) var currentIndex = 0
  private var next: Document.Place

  /// - Throws: `DecodingError` if it is neither.
  init(_ document: Document, _ place: Document.Place, _ path: CodingPath?) throws {
    let value = document.value(at: place)
    switch value {
    case .array(let count): (elements, next) = (count, document.first(in: place))
    case .bytes(let range): (elements, next) = (range.count, document.first(of: range))
    default: throw value.isNot([any Decodable].self, at: path.keys)
    }
    self.document = document
    self.path = path
  }

  var codingPath: [any CodingKey] { path.keys }
  var count: Int? { elements }
  var isAtEnd: Bool { currentIndex == elements }

  private var elementPath: CodingPath { path.adding(PlainKey.index(currentIndex)) }

  private func checkHasNext(_ type: Any.Type) throws {
    guard !isAtEnd else {
      throw DecodingError.valueNotFound(
        type, .init(codingPath: elementPath.keys, debugDescription: "The array has no more than \(elements) elements."))
    }
  }

  /// Only behind what could be decoded: otherwise it may be tried as another type.
  private mutating func advance() {
    next = document.following(next)
    currentIndex += 1
  }

  mutating func decodeNil() throws -> Bool {
    try checkHasNext(Never?.self)
    guard document.value(at: next).isNull else { return false }
    advance()
    return true
  }

  mutating func decode<Value: Scalar>(_ type: Value.Type) throws -> Value {
    try checkHasNext(type)
    let value = try Value(from: document.value(at: next), of: document, at: elementPath.keys)
    advance()
    return value
  }

  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try checkHasNext(type)
    let value = try document.decode(type, at: next, path: elementPath)
    advance()
    return value
  }

  private mutating func inner<Container>(_ make: (ValueDecoder) throws -> Container) throws -> Container {
    try checkHasNext(Container.self)
    let container = try make(ValueDecoder(document: document, place: next, path: elementPath))
    advance()
    return container
  }

  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) throws -> KeyedDecodingContainer<Nested> {
    try inner { try $0.container(keyedBy: type) }
  }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try inner { try $0.unkeyedContainer() }
  }

  mutating func superDecoder() throws -> any Decoder { try inner { $0 } }
}
