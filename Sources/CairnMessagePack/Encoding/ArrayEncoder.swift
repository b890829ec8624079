/// An unkeyed container: an array.
struct ArrayEncoder: UnkeyedEncodingContainer {
  let draft: Draft
  let path: CodingPath?

  var codingPath: [any CodingKey] { path.keys }
  var count: Int { draft.items.count }

  func encodeNil() { draft.append(.null) }

  func encode<Value: Scalar>(_ value: Value) { draft.append(value.item) }

  func encode<Value: Encodable>(_ value: Value) throws {
    draft.append(try draft.item(for: value, at: path.adding(PlainKey.index(count))))
  }

  func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
    inner().container(keyedBy: type)
  }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { inner().unkeyedContainer() }
  func superEncoder() -> any Encoder { inner() }

  private func inner() -> ValueEncoder {
    let encoder = ValueEncoder(draft: draft.inner(), path: path.adding(PlainKey.index(count)))
    draft.append(.draft(encoder.draft))
    return encoder
  }
}
