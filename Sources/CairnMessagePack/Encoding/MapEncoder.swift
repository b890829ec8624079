/// A keyed container: a map.
struct MapEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let draft: Draft
  let path: CodingPath?

  var codingPath: [any CodingKey] { path.keys }

  func encodeNil(forKey key: Key) { draft.put(.null, for: .text(key.stringValue)) }

  func encode<Value: Scalar>(_ value: Value, forKey key: Key) { draft.put(value.item, for: .text(key.stringValue)) }

  func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
    draft.put(try draft.item(for: value, at: path.adding(key)), for: .text(key.stringValue))
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    inner(for: key).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    inner(for: key).unkeyedContainer()
  }

  func superEncoder() -> any Encoder { inner(for: PlainKey.super) }
  func superEncoder(forKey key: Key) -> any Encoder { inner(for: key) }

  private func inner(for key: some CodingKey) -> ValueEncoder {
    ValueEncoder(draft: draft.inner(for: .text(key.stringValue)), path: path.adding(key))
  }
}
