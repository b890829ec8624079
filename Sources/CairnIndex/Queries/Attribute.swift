public import Cairn

/// An attribute by its name, to make queries of.
///
/// ```swift
/// let limit = 1000
/// let tokens: Attribute = "tokens"
/// let query = tokens > limit && Attribute("tags").hasTag("draft")
/// ```
///
/// Where a ``Query`` is wanted, a literal will do: `"tokens" > limit`. Elsewhere, `"a" == "b"` compares two strings, as
/// ever. What the comparisons of a query mean is said there.
public struct Attribute: Sendable, ExpressibleByStringLiteral {
  /// No entry has one of no bytes, or of more than ``Cairn/Store/Limits/attributeNameBytes``.
  public let name: String

  public init(_ name: String) { self.name = name }
  public init(stringLiteral name: String) { self.name = name }

  /// Whether there is such an attribute, whatever its type.
  public var exists: Query { Query(.exists(name)) }

  /// Whether it is a string that begins with these bytes, or is no longer.
  public func hasPrefix(_ prefix: String) -> Query { Query(.prefix(name, prefix)) }

  /// Whether it is a set that has this tag.
  public func hasTag(_ tag: String) -> Query { Query(.tag(name, tag)) }

  /// Whether it is from one to the other, both included: two numbers, strings, or dates.
  public func isBetween(_ lower: Attributes.Value, _ upper: Attributes.Value) -> Query {
    lower.isComparable && upper.isComparable ? Query(.between(name, lower, upper)) : Query(.nothing)
  }

  /// Whether it is from one to the other, both included.
  public func isBetween(
    _ lower: some AttributeValueConvertible, _ upper: some AttributeValueConvertible
  ) -> Query {
    isBetween(lower.attributeValue, upper.attributeValue)
  }

  /// Whether it is one of these, which may be of several types. Of none, it never is.
  public func isIn(_ values: [Attributes.Value]) -> Query {
    Query(.among(name, values.filter { $0.isComparable }))
  }

  /// Whether it is one of these.
  public func isIn(_ values: [some AttributeValueConvertible]) -> Query { isIn(values.map { $0.attributeValue }) }

  func compared(_ comparison: Query.Comparison, _ value: Attributes.Value) -> Query {
    value.isComparable ? Query(.compare(name, comparison, value)) : Query(.nothing)
  }
}

extension Attributes.Value {
  /// All but NaN.
  fileprivate var isComparable: Bool {
    if case .real(let number) = self { return !number.isNaN }
    return true
  }
}

// MARK: Operators

extension Attribute {
  public static func == (a: Attribute, b: Attributes.Value) -> Query { a.compared(.equal, b) }
  public static func != (a: Attribute, b: Attributes.Value) -> Query { a.compared(.notEqual, b) }
  public static func < (a: Attribute, b: Attributes.Value) -> Query { a.compared(.less, b) }
  public static func <= (a: Attribute, b: Attributes.Value) -> Query { a.compared(.atMost, b) }
  public static func > (a: Attribute, b: Attributes.Value) -> Query { a.compared(.greater, b) }
  public static func >= (a: Attribute, b: Attributes.Value) -> Query { a.compared(.atLeast, b) }

  public static func == (a: Attribute, b: some AttributeValueConvertible) -> Query { a == b.attributeValue }
  public static func != (a: Attribute, b: some AttributeValueConvertible) -> Query { a != b.attributeValue }
  public static func < (a: Attribute, b: some AttributeValueConvertible) -> Query { a < b.attributeValue }
  public static func <= (a: Attribute, b: some AttributeValueConvertible) -> Query { a <= b.attributeValue }
  public static func > (a: Attribute, b: some AttributeValueConvertible) -> Query { a > b.attributeValue }
  public static func >= (a: Attribute, b: some AttributeValueConvertible) -> Query { a >= b.attributeValue }
}

/// What an attribute can be compared with as it is. Conform your own types, of names or of dates, say.
public protocol AttributeValueConvertible {
  var attributeValue: Attributes.Value { get }
}

extension String: AttributeValueConvertible {
  public var attributeValue: Attributes.Value { .string(self) }
}

extension Int: AttributeValueConvertible {
  public var attributeValue: Attributes.Value { .integer(Int64(self)) }
}

extension Int64: AttributeValueConvertible {
  public var attributeValue: Attributes.Value { .integer(self) }
}

extension Double: AttributeValueConvertible {
  public var attributeValue: Attributes.Value { .real(self) }
}
