/// A pattern for keys: `*` any bytes, `?` one character, `[a-z]` one of some, `[!a-z]` none of them, `{one,two}` one of
/// these, a backslash before what stands for itself.
///
/// Without a limit to how many stars there are, matching takes at most pattern × key steps: only the last star is ever
/// tried again.
package struct Glob: Sendable {
  /// One for each combination of what stands in braces.
  private let alternatives: [[Element]]

  private enum Element: Sendable {
    case star
    case any
    case byte(UInt8)
    case set([ClosedRange<UInt8>], isNegated: Bool)
  }

  /// - Returns: `nil` if a bracket or brace is not closed, or if braces make more than 1,000 patterns.
  package init?(_ pattern: [UInt8]) {
    guard let expanded = Self.expand(pattern) else { return nil }
    var alternatives: [[Element]] = []
    for pattern in expanded {
      guard let elements = Self.parse(pattern) else { return nil }
      alternatives.append(elements)
    }
    self.alternatives = alternatives
  }

  private static let limit = 1000

  /// Takes the first braces apart, until there are none.
  private static func expand(_ pattern: [UInt8]) -> [[UInt8]]? {
    var work = [pattern]
    var done: [[UInt8]] = []
    while let next = work.popLast() {
      guard let braces = firstBraces(next) else {
        done.append(next)
        continue
      }
      guard let parts = braces.parts, parts.count + work.count + done.count <= limit else { return nil }
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

  private static func parse(_ pattern: [UInt8]) -> [Element]? {
    var elements: [Element] = []
    var at = 0
    while at < pattern.count {
      switch pattern[at] {
      case UInt8(ascii: "*"):
        if case .star? = elements.last { break }
        elements.append(.star)
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

  package func matches(_ key: [UInt8]) -> Bool { alternatives.contains { Self.matches(key, $0) } }

  private static func matches(_ key: [UInt8], _ elements: [Element]) -> Bool {
    var (at, element) = (0, 0)
    /// After the last star: the element behind it, and how far it reaches.
    var star: (element: Int, at: Int)?
    while at < key.count {
      if element < elements.count, case .star = elements[element] {
        star = (element + 1, at)
        element += 1
      } else if element < elements.count, let length = length(elements[element], key, at) {
        at += length
        element += 1
      } else if let last = star {
        star = (last.element, last.at + 1)
        (at, element) = (last.at + 1, last.element)
      } else {
        return false
      }
    }
    while element < elements.count, case .star = elements[element] { element += 1 }
    return element == elements.count
  }

  /// How many bytes of the key the element takes here; `nil` if it does not fit.
  private static func length(_ element: Element, _ key: [UInt8], _ at: Int) -> Int? {
    switch element {
    case .star: return nil
    case .byte(let byte): return key[at] == byte ? 1 : nil
    case .set(let ranges, let isNegated):
      guard ranges.contains(where: { $0.contains(key[at]) }) != isNegated else { return nil }
      return isNegated ? characterLength(key, at) : 1
    case .any: return characterLength(key, at)
    }
  }

  /// Of a character of UTF-8, or of a byte that is none.
  private static func characterLength(_ key: [UInt8], _ at: Int) -> Int {
    var end = at + 1
    if key[at] >= 0xC0 { while end < min(at + 4, key.count), key[end] & 0xC0 == 0x80 { end += 1 } }
    return end - at
  }
}
