/// An encoder of one value, and its container of a single one.
struct ValueEncoder: Encoder, SingleValueEncodingContainer {
  let draft: Draft
  let path: CodingPath?

  var codingPath: [any CodingKey] { path.keys }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    KeyedEncodingContainer(MapEncoder(draft: draft.beginMap(at: path), path: path))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    ArrayEncoder(draft: draft.beginArray(at: path), path: path)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer { self }

  // MARK: A single value

  func encodeNil() throws { try draft.set(.null, from: String?.none, at: path) }

  func encode<Value: Scalar>(_ value: Value) throws { try draft.set(value.item, from: value, at: path) }

  func encode<Value: Encodable>(_ value: Value) throws {
    try draft.set(draft.item(for: value, at: path), from: value, at: path)
  }
}
