package import Cairn

extension Attributes.Value {
  /// −1, 0 or 1: how it stands to another value. `nil` if they are of different types, if they are sets of tags, or if
  /// one is NaN.
  ///
  /// Integers and reals are numbers, and none is rounded; strings are ordered by their bytes.
  package func order(to other: Attributes.Value) -> Int? {
    switch (self, other) {
    case (.string(let a), .string(let b)):
      a.withBytes { a in b.withBytes { b in EncodedAttributes.order(a, b) } }
    case (.integer(let a), .integer(let b)), (.date(let a), .date(let b)): a < b ? -1 : a == b ? 0 : 1
    case (.real(let a), .real(let b)): a < b ? -1 : a == b ? 0 : a > b ? 1 : nil
    case (.integer(let a), .real(let b)): Self.order(a, b)
    case (.real(let a), .integer(let b)): Self.order(b, a).map { -$0 }
    default: nil
    }
  }

  /// Whether they are the same number, string, date or set; `nil` if they are of different types.
  package func isEqual(to other: Attributes.Value) -> Bool? {
    if case .tags = self, case .tags = other { return self == other }
    return order(to: other).map { $0 == 0 }
  }

  /// The integer stays one: as a real, it might be another number.
  private static func order(_ integer: Int64, _ real: Double) -> Int? {
    if real.isNaN { return nil }
    // Of 64 bits, there is no integer from here on, and none below the negative.
    let end = 0x1p63
    if real >= end { return -1 }
    if real < -end { return 1 }
    let whole = real.rounded(.towardZero)
    if integer != Int64(whole) { return integer < Int64(whole) ? -1 : 1 }
    return whole < real ? -1 : whole == real ? 0 : 1
  }
}

extension Query.Comparison {
  /// Whether it is satisfied by what stands so to the value of the query.
  func isSatisfied(by order: Int) -> Bool {
    switch self {
    case .equal: order == 0
    case .notEqual: order != 0
    case .less: order < 0
    case .atMost: order <= 0
    case .greater: order > 0
    case .atLeast: order >= 0
    }
  }
}
