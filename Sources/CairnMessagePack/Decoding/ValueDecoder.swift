/// A decoder of one value, and its container of a single one.
struct ValueDecoder: Decoder, SingleValueDecodingContainer {
  let document: Document
  let place: Document.Place
  let path: CodingPath?

  var codingPath: [any CodingKey] { path.keys }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    KeyedDecodingContainer(MapDecoder(fields: try MapFields(document, place, path), path: path))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer { try ArrayDecoder(document, place, path) }

  func singleValueContainer() -> any SingleValueDecodingContainer { self }

  // MARK: A single value

  func decodeNil() -> Bool { document.value(at: place).isNull }

  func decode<Value: Scalar>(_ type: Value.Type) throws -> Value {
    try Value(from: document.value(at: place), of: document, at: codingPath)
  }

  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try document.decode(type, at: place, path: path)
  }
}
