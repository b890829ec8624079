extension Packer {
  /// Writes a value, and all that lies in it.
  /// - Throws: `EncodingError` if something is too long for the format.
  mutating func add(_ item: Item) throws(EncodingError) {
    switch item {
    case .null: addNil()
    case .bool(let value): add(value)
    case .signed(let value): add(value)
    case .unsigned(let value): add(value)
    case .float(let value): add(value)
    case .double(let value): add(value)
    case .text(let text):
      try Self.checkCount(text.utf8.count, of: "A text")
      add(text)
    case .bytes(let bytes):
      try Self.checkCount(bytes.count, of: "Bytes")
      add(bytes)
    case .draft(let draft): try add(draft)
    }
  }

  private mutating func add(_ draft: Draft) throws(EncodingError) {
    let items = draft.items
    switch draft.shape {
    // Of a value without parts nothing is encoded.
    case .empty: beginMap(count: 0)
    case .single: try add(items[0])
    case .array:
      try Self.checkCount(items.count, of: "An array")
      beginArray(count: items.count)
      for item in items { try add(item) }
    case .map:
      try Self.checkCount(items.count, of: "A map")
      beginMap(count: items.count)
      for (key, item) in zip(draft.keys, items) {
        switch key {
        case .text(let text): try add(.text(text))
        case .integer(let number): add(Int64(number))
        }
        try add(item)
      }
    }
  }

  /// Headers have 32 bits for it.
  static func checkCount(_ count: Int, of what: String) throws(EncodingError) {
    guard UInt32(exactly: count) == nil else { return }
    throw .invalidValue(
      count, .init(codingPath: [], debugDescription: "\(what) of \(count): MessagePack counts up to \(UInt32.max)"))
  }
}
