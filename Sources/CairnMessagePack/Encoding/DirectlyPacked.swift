/// What is packed without being asked to encode itself.
protocol DirectlyPacked {
  func item(in container: Draft, at path: @autoclosure () -> CodingPath?) throws -> Item
}

extension Scalar {
  func item(in container: Draft, at path: @autoclosure () -> CodingPath?) -> Item { item }
}

extension [UInt8]: DirectlyPacked {
  func item(in container: Draft, at path: @autoclosure () -> CodingPath?) -> Item { .bytes(self) }
}

/// Keys stay integers. By their keys alone, which are texts that read as integers, they could not be told from
/// dictionaries of texts.
extension Dictionary: DirectlyPacked where Key == Int, Value: Encodable {
  func item(in container: Draft, at path: @autoclosure () -> CodingPath?) throws -> Item {
    let path = path()
    let map = container.inner().beginMap(at: path)
    for (key, value) in self {
      map.put(try map.item(for: value, at: path.adding(PlainKey.integer(key))), for: .integer(key))
    }
    return .draft(map)
  }
}
