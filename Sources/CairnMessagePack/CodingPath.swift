/// The way from the top to a value. What lies deeper shares what lies above.
final class CodingPath {
  private let parent: CodingPath?
  private let key: any CodingKey

  init(_ parent: CodingPath?, _ key: any CodingKey) {
    self.parent = parent
    self.key = key
  }

  var keys: [any CodingKey] {
    var keys: [any CodingKey] = []
    var step: CodingPath? = self
    while let here = step {
      keys.append(here.key)
      step = here.parent
    }
    return keys.reversed()
  }
}

extension Optional<CodingPath> {
  var keys: [any CodingKey] { self?.keys ?? [] }

  func adding(_ key: any CodingKey) -> CodingPath { CodingPath(self, key) }
}

/// A key of which no type of the program knows.
enum PlainKey: CodingKey {
  case text(String)
  case integer(Int)
  /// Of an array. Its text is made only if someone reads it.
  case index(Int)

  /// Under which the part of a superclass lies.
  static let `super` = PlainKey.text("super")

  init(stringValue: String) { self = .text(stringValue) }
  init(intValue: Int) { self = .integer(intValue) }

  var stringValue: String {
    switch self {
    case .text(let text): text
    case .integer(let number): String(number)
    case .index(let index): "Index \(index)"
    }
  }

  var intValue: Int? {
    switch self {
    case .text: nil
    case .integer(let number), .index(let number): number
    }
  }
}

/// A key of a map.
enum MapKey: Hashable {
  case text(String)
  case integer(Int)
}
