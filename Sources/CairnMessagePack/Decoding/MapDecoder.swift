/// A keyed container: a map.
struct MapDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let fields: MapFields
  let path: CodingPath?

  var codingPath: [any CodingKey] { path.keys }

  var allKeys: [Key] {
    fields.distinctKeys.compactMap { key in
      switch key {
      case .text(let text): Key(stringValue: text)
      case .integer(let number): Key(intValue: number) ?? Key(stringValue: String(number))
      }
    }
  }

  func contains(_ key: Key) -> Bool { fields.place(of: key) != nil }

  private func place(of key: some CodingKey) throws -> Document.Place {
    guard let place = fields.place(of: key) else {
      throw DecodingError.keyNotFound(
        key, .init(codingPath: codingPath, debugDescription: "The map has no key \"\(key.stringValue)\"."))
    }
    return place
  }

  private func decoder(of key: some CodingKey) throws -> ValueDecoder {
    ValueDecoder(document: fields.document, place: try place(of: key), path: path.adding(key))
  }

  func decodeNil(forKey key: Key) throws -> Bool { fields.document.value(at: try place(of: key)).isNull }

  func decode<Value: Scalar>(_ type: Value.Type, forKey key: Key) throws -> Value {
    let document = fields.document
    return try Value(from: document.value(at: try place(of: key)), of: document, at: path.adding(key).keys)
  }

  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    try fields.document.decode(type, at: try place(of: key), path: path.adding(key))
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> {
    try decoder(of: key).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try decoder(of: key).unkeyedContainer()
  }

  func superDecoder() throws -> any Decoder { try decoder(of: PlainKey.super) }
  func superDecoder(forKey key: Key) throws -> any Decoder { try decoder(of: key) }
}
