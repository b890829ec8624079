/// The keys of a map, and where their values are.
struct MapFields {
  let document: Document
  private var keys: [MapKey] = []
  private var places: [Document.Place] = []
  private var hasIntegers = false
  /// Of maps that are too long for a look at each.
  private var positions: [MapKey: Int] = [:]

  private static let longestSearch = 16

  /// - Throws: `DecodingError` if it is no map, or has keys that are neither texts nor integers.
  init(_ document: Document, _ place: Document.Place, _ path: CodingPath?) throws {
    self.document = document
    let map = document.value(at: place)
    guard case .map(let count) = map else { throw map.isNot([String: any Decodable].self, at: path.keys) }
    keys.reserveCapacity(count)
    places.reserveCapacity(count)
    var next = document.first(in: place)
    for _ in 0..<count {
      let key = try Self.key(document, next, path)
      if case .integer = key { hasIntegers = true }
      keys.append(key)
      let value = document.following(next)
      places.append(value)
      next = document.following(value)
    }
    if count > Self.longestSearch {
      positions.reserveCapacity(count)
      // The last one of equal keys wins.
      for (position, key) in keys.enumerated() { positions[key] = position }
    }
  }

  private static func key(_ document: Document, _ place: Document.Place, _ path: CodingPath?) throws -> MapKey {
    let key = document.value(at: place)
    switch key {
    case .text: return .text(try String(from: key, of: document, at: path.keys))
    case .unsigned, .negative: return .integer(try Int(from: key, of: document, at: path.keys))
    default:
      throw DecodingError.dataCorrupted(
        .init(codingPath: path.keys, debugDescription: "A key of a map is neither a text nor an integer."))
    }
  }

  private func place(of key: MapKey) -> Document.Place? {
    let position = positions.isEmpty ? keys.lastIndex(of: key) : positions[key]
    return position.map { places[$0] }
  }

  /// By its text; otherwise by its number, or by the number that its text reads as.
  func place(of key: some CodingKey) -> Document.Place? {
    let text = key.stringValue
    if let place = place(of: .text(text)) { return place }
    guard hasIntegers, let number = key.intValue ?? Int(text) else { return nil }
    return place(of: .integer(number))
  }

  /// Each key once.
  var distinctKeys: [MapKey] {
    if positions.count == keys.count { return keys }
    var seen = Set<MapKey>(minimumCapacity: keys.count)
    return keys.filter { seen.insert($0).inserted }
  }
}
