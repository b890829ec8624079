public import Cairn

/// A pattern for keys: `*` any bytes, `?` one character, `[a-z]` one of some, `[!a-z]` none of them, `{one,two}` one of
/// these, a backslash before what stands for itself.
///
/// With a separator, `*` ends before it, and `?` and `[…]` are never it; `**` goes beyond. So with `/`, `a/*.txt` is a
/// file in `a`, and `a/**.txt` one anywhere below it.
///
/// However many stars there are, matching takes at most pattern × key steps (× the separators of the key, if there is
/// one): only the last star of each kind is ever tried again.
public struct Glob: Sendable {
  /// One for each combination of what stands in braces.
  private let alternatives: [[Element]]
  private let separator: UInt8?
  private let pattern: [UInt8]

  private enum Element: Sendable {
    case star
    case deepStar
    case any
    case byte(UInt8)
    case set([ClosedRange<UInt8>], isNegated: Bool)
  }

  /// - Throws: `.invalidPattern` if a bracket or brace is not closed (tells where it is), or if braces make more than
  ///   1,000 patterns.
  public init<Pattern: ByteLending>(_ pattern: Pattern, separator: UInt8? = nil) throws(StoreError) {
    let pattern = pattern.bytes
    var alternatives: [[Element]] = []
    for expanded in try Self.expand(pattern) {
      guard let elements = Self.parse(expanded, isDeep: separator != nil) else {
        throw StoreError.invalidPattern(
          "a bracket is not closed", pattern, at: pattern.lastIndex(of: UInt8(ascii: "[")) ?? 0)
      }
      alternatives.append(elements)
    }
    self.alternatives = alternatives
    self.separator = separator
    self.pattern = pattern
  }

  private static func checkBraces(_ pattern: [UInt8]) throws(StoreError) {
    var start = 0
    while let braces = firstBraces(Array(pattern[start...])) {
      if braces.parts == nil {
        throw StoreError.invalidPattern("a brace is not closed", pattern, at: start + braces.range.lowerBound)
      }
      start += braces.range.upperBound
    }
  }

  /// Whether all keys match that begin with ``prefix``: after what stands for itself comes one star that passes all.
  var isPrefix: Bool {
    guard alternatives.count == 1, let elements = alternatives.first, elements.count == prefix.count + 1 else {
      return false
    }
    switch elements.last {
    case .deepStar: return true
    case .star: return separator == nil
    default: return false
    }
  }

  /// What all keys begin with that match.
  public var prefix: [UInt8] {
    let literals = alternatives.map { elements in
      var bytes: [UInt8] = []
      for element in elements {
        guard case .byte(let byte) = element else { break }
        bytes.append(byte)
      }
      return bytes
    }
    guard var common = literals.first else { return [] }
    for other in literals.dropFirst() { common = Array(zip(common, other).prefix { $0 == $1 }.map(\.0)) }
    return common
  }

  private static let limit = 1000

  /// Takes the first braces apart, until there are none.
  private static func expand(_ pattern: [UInt8]) throws(StoreError) -> [[UInt8]] {
    try checkBraces(pattern)
    var work = [pattern]
    var done: [[UInt8]] = []
    while let next = work.popLast() {
      guard let braces = firstBraces(next) else {
        done.append(next)
        continue
      }
      guard let parts = braces.parts else { throw StoreError.invalidPattern("a brace is not closed", pattern, at: 0) }
      guard parts.count + work.count + done.count <= limit else {
        throw StoreError.invalidPattern("the braces make more than \(limit) patterns", pattern, at: 0)
      }
      for part in parts.reversed() {
        work.append(Array(next[..<braces.range.lowerBound]) + part + Array(next[braces.range.upperBound...]))
      }
    }
    return done
  }

  /// The first braces and the parts between them; no parts if they are not closed.
  private static func firstBraces(_ pattern: [UInt8]) -> (range: Range<Int>, parts: [[UInt8]]?)? {
    var (at, depth, start) = (0, 0, 0)
    var parts: [[UInt8]] = [[]]
    while at < pattern.count {
      let byte = pattern[at]
      if byte == UInt8(ascii: "\\"), at + 1 < pattern.count {
        if depth > 0 { parts[parts.count - 1] += pattern[at...at + 1] }
        at += 2
        continue
      }
      // In a set, they stand for themselves.
      if byte == UInt8(ascii: "["), let (_, end) = parseSet(pattern, at + 1) {
        if depth > 0 { parts[parts.count - 1] += pattern[at...end] }
        at = end + 1
        continue
      }
      if byte == UInt8(ascii: "{") {
        depth += 1
        if depth == 1 { start = at } else { parts[parts.count - 1].append(byte) }
      } else if byte == UInt8(ascii: "}") && depth > 0 {
        depth -= 1
        if depth == 0 { return (start..<at + 1, parts) }
        parts[parts.count - 1].append(byte)
      } else if byte == UInt8(ascii: ",") && depth == 1 {
        parts.append([])
      } else if depth > 0 {
        parts[parts.count - 1].append(byte)
      }
      at += 1
    }
    return depth > 0 ? (start..<pattern.count, nil) : nil
  }

  private static func parse(_ pattern: [UInt8], isDeep: Bool) -> [Element]? {
    var elements: [Element] = []
    var at = 0
    while at < pattern.count {
      switch pattern[at] {
      case UInt8(ascii: "*"):
        switch elements.last {
        case .star where isDeep: elements[elements.count - 1] = .deepStar
        case .star, .deepStar: break
        default: elements.append(.star)
        }
      case UInt8(ascii: "?"): elements.append(.any)
      case UInt8(ascii: "["):
        guard let (set, end) = parseSet(pattern, at + 1) else { return nil }
        elements.append(set)
        at = end
      case UInt8(ascii: "\\"):
        at = min(at + 1, pattern.count - 1)
        elements.append(.byte(pattern[at]))
      case let byte: elements.append(.byte(byte))
      }
      at += 1
    }
    return elements
  }

  /// Returns the set and where its closing bracket stands. A bracket that comes first stands for itself.
  private static func parseSet(_ pattern: [UInt8], _ start: Int) -> (Element, Int)? {
    var at = start
    let isNegated = at < pattern.count && (pattern[at] == UInt8(ascii: "!") || pattern[at] == UInt8(ascii: "^"))
    if isNegated { at += 1 }
    let first = at
    var ranges: [ClosedRange<UInt8>] = []
    while at < pattern.count {
      if pattern[at] == UInt8(ascii: "]") && at > first { return (.set(ranges, isNegated: isNegated), at) }
      let low = pattern[at]
      if at + 2 < pattern.count, pattern[at + 1] == UInt8(ascii: "-"), pattern[at + 2] != UInt8(ascii: "]") {
        let high = pattern[at + 2]
        if low <= high { ranges.append(low...high) }
        at += 3
      } else {
        ranges.append(low...low)
        at += 1
      }
    }
    return nil
  }

  public func matches<Key: ByteLending>(_ key: Key) -> Bool { matches(key.bytes) }

  func matches(_ key: [UInt8]) -> Bool { alternatives.contains { matches(key, $0) } }

  private func matches(_ key: [UInt8], _ elements: [Element]) -> Bool {
    var (at, element) = (0, 0)
    /// After the last star of each kind: the element behind it, and how far it reaches.
    var (star, deepStar): ((element: Int, at: Int)?, (element: Int, at: Int)?)
    while at < key.count {
      if element < elements.count, case .deepStar = elements[element] {
        element += 1
        (star, deepStar) = (nil, (element, at))
      } else if element < elements.count, case .star = elements[element] {
        element += 1
        star = (element, at)
      } else if element < elements.count, let length = length(elements[element], key, at) {
        at += length
        element += 1
      } else if let last = star, key[last.at] != separator {
        star = (last.element, last.at + 1)
        (at, element) = (last.at + 1, last.element)
      } else if let last = deepStar {
        (star, deepStar) = (nil, (last.element, last.at + 1))
        (at, element) = (last.at + 1, last.element)
      } else {
        return false
      }
    }
    return elements[element...].allSatisfy { element in
      switch element {
      case .star, .deepStar: true
      default: false
      }
    }
  }

  /// How many bytes of the key the element takes here; `nil` if it does not fit.
  private func length(_ element: Element, _ key: [UInt8], _ at: Int) -> Int? {
    switch element {
    case .star, .deepStar: return nil
    case .byte(let byte): return key[at] == byte ? 1 : nil
    case .set(let ranges, let isNegated):
      guard ranges.contains(where: { $0.contains(key[at]) }) != isNegated else { return nil }
      if key[at] == separator { return nil }
      return isNegated ? Self.characterLength(key, at) : 1
    case .any: return key[at] == separator ? nil : Self.characterLength(key, at)
    }
  }

  /// Of a character of UTF-8, or of a byte that is none.
  private static func characterLength(_ key: [UInt8], _ at: Int) -> Int {
    var end = at + 1
    if key[at] >= 0xC0 { while end < min(at + 4, key.count), key[end] & 0xC0 == 0x80 { end += 1 } }
    return end - at
  }
}

extension StoreError {
  static func invalidPattern(_ message: String, _ pattern: [UInt8], at place: Int) -> StoreError {
    StoreError(.invalidPattern, message + " of the pattern", byteOffset: place, keyPrefix: Array(pattern.prefix(32)))
  }
}

extension Glob: CustomStringConvertible {
  /// The pattern.
  public var description: String { String(decoding: pattern, as: UTF8.self) }
}
