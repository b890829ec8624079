public import Cairn

/// Totals over the entries of a group: those whose attribute has the same value.
public struct AttributeTotal: Sendable, Equatable {
  /// A sum without any rounding but that to a `Double`, at the end.
  public enum Sum: Sendable, Equatable {
    case integer(Int128)
    /// Not a number if both infinities are in it.
    case real(Double)
  }

  public let group: Attributes.Value
  /// How many entries are in it.
  public let count: Int
  /// Keys and values of all of them.
  public let byteCount: Int
  /// How many of them have the number that is summed.
  public let numberCount: Int
  public let sum: Sum
  /// The least of the numbers; `nil` if no entry has one.
  public let minimum: Attributes.Value?
  public let maximum: Attributes.Value?
}

extension AttributeTotal.Sum: CustomStringConvertible {
  public var description: String {
    switch self {
    case .integer(let sum): "\(sum)"
    case .real(let sum): "\(sum)"
    }
  }
}
