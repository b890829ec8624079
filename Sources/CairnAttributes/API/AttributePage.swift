internal import Cairn

/// The order of the entries that a query finds: by an attribute with an index of equality or of a range. Entries
/// without it, or with one of a type that the index is not of, come last, in either direction. Those that are equal
/// come in no order that means anything, and always in the same.
public struct AttributeOrder: Sendable, Hashable {
  public let name: String
  public let isDescending: Bool

  /// Numbers come before dates, and these before strings, which are in the order of their bytes.
  public static func ascending(_ name: String) -> AttributeOrder { AttributeOrder(name: name, isDescending: false) }
  public static func descending(_ name: String) -> AttributeOrder { AttributeOrder(name: name, isDescending: true) }
}

/// Where a page ended, to go on from there. Entries that are there all the while come exactly once; those that come or
/// change meanwhile may.
public struct AttributeCursor: Sendable, Equatable {
  let life: UInt64
  let order: AttributeOrder?
  let document: UInt32
  /// What is ordered by; `nil` among those that do not have it.
  let value: Attributes.Value?
}

/// Some of the entries that a query finds.
public struct AttributePage: Sendable, Equatable {
  public let keys: [[UInt8]]
  /// Where to go on; `nil` if there are no more.
  public let next: AttributeCursor?
  /// `false`: there is a condition that no index answers. All entries that match are among these, and others, perhaps.
  public let isExact: Bool
}
