/// A value on its way into bytes.
enum Item {
  case null
  case bool(Bool)
  case signed(Int64)
  case unsigned(UInt64)
  case float(Float)
  case double(Double)
  case text(String)
  case bytes([UInt8])
  case draft(Draft)
}

/// What one encoder has been given so far. A header says how many values follow, and containers may be filled in any
/// order: so nothing is written before all is there.
final class Draft {
  enum Shape {
    case empty, single, array, map
  }

  private(set) var shape = Shape.empty
  private(set) var items: [Item] = []
  /// Of a map, as many as there are items.
  private(set) var keys: [MapKey] = []
  /// Where a key is, of maps that are too long for a look at each.
  private var positions: [MapKey: Int] = [:]
  private let run: EncodingRun
  /// How many containers this lies in.
  private let depth: Int

  init(_ run: EncodingRun, depth: Int = 0) {
    self.run = run
    self.depth = depth
  }

  private static let longestSearch = 16

  private var depthInside: Int { shape == .array || shape == .map ? depth + 1 : depth }

  /// Makes it a container, unless it is one already. If it cannot be, encoding fails once it can throw.
  private func begin(_ wanted: Shape, _ name: String, at path: CodingPath?) -> Draft {
    if shape == wanted { return self }
    if shape != .empty {
      run.fail(path, "\(name) is asked for, where something else has been encoded")
    } else if depth >= Parser.depthLimit {
      run.fail(path, Self.tooDeep)
    } else {
      shape = wanted
      return self
    }
    let nowhere = Draft(run, depth: depth)
    nowhere.shape = wanted
    return nowhere
  }

  func beginMap(at path: CodingPath?) -> Draft { begin(.map, "A keyed container", at: path) }
  func beginArray(at path: CodingPath?) -> Draft { begin(.array, "An unkeyed container", at: path) }

  private static let tooDeep = "More than \(Parser.depthLimit) containers lie in each other"

  /// A draft of what lies in this one.
  func inner() -> Draft { Draft(run, depth: depthInside) }

  // MARK: Contents

  /// - Throws: `EncodingError` if there is a value already.
  func set(_ item: Item, from value: some Encodable, at path: CodingPath?) throws {
    guard shape == .empty else {
      throw EncodingError.invalidValue(
        value, .init(codingPath: path.keys, debugDescription: "A single value, where something else has been encoded"))
    }
    shape = .single
    items.append(item)
  }

  func append(_ item: Item) { items.append(item) }

  /// What is encoded later takes the place of what was, as in other encoders.
  func put(_ item: Item, for key: MapKey) {
    if let position = position(of: key) {
      items[position] = item
      return
    }
    if items.count == Self.longestSearch {
      for (position, key) in keys.enumerated() { positions[key] = position }
    }
    if items.count >= Self.longestSearch { positions[key] = items.count }
    items.append(item)
    keys.append(key)
  }

  private func position(of key: MapKey) -> Int? {
    items.count > Self.longestSearch ? positions[key] : keys.firstIndex(of: key)
  }

  /// What lies there, to go on with; otherwise a new one.
  func inner(for key: MapKey) -> Draft {
    if let position = position(of: key), case .draft(let draft) = items[position] { return draft }
    let draft = inner()
    put(.draft(draft), for: key)
    return draft
  }

  /// - Throws: `EncodingError`, or what the value throws.
  func item<Value: Encodable>(for value: Value, at path: @autoclosure () -> CodingPath?) throws -> Item {
    if let direct = value as? any DirectlyPacked { return try direct.item(in: self, at: path()) }
    let path = path()
    let draft = inner()
    // Values that contain themselves, too.
    guard draft.depth <= Parser.depthLimit else {
      throw EncodingError.invalidValue(value, .init(codingPath: path.keys, debugDescription: Self.tooDeep))
    }
    try value.encode(to: ValueEncoder(draft: draft, path: path))
    if let failure = run.failure { throw EncodingError.invalidValue(value, failure) }
    return draft.shape == .single ? draft.items[0] : .draft(draft)
  }
}

/// One call of an encoder.
final class EncodingRun {
  /// The first one, of functions that cannot throw.
  private(set) var failure: EncodingError.Context?

  func fail(_ path: CodingPath?, _ description: String) {
    if failure == nil { failure = .init(codingPath: path.keys, debugDescription: description) }
  }
}
