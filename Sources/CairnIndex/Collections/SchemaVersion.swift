public import Cairn

/// What the values of a collection look like, as a number that changes when they do: `2.1`.
///
/// It travels with each entry, as the attribute ``attributeName``, a string. Another major version cannot be read: such
/// entries are not there. A lower minor version, and none, is read by way of
/// ``Cairn/Store/Collection/Options/migrate``. What has a higher one was written by a later program, and is not there
/// for this one.
public struct SchemaVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
  public let major: UInt16
  public let minor: UInt16

  public init(_ major: UInt16, _ minor: UInt16 = 0) { (self.major, self.minor) = (major, minor) }

  public static let attributeName = "@schema"

  public var description: String { "\(major).\(minor)" }

  public static func < (a: SchemaVersion, b: SchemaVersion) -> Bool { (a.major, a.minor) < (b.major, b.minor) }

  /// Whether an entry has one, or something else in its place.
  static func isThere(_ attributes: borrowing EncodedAttributes) -> Bool {
    attributeName.withBytes { attributes.find($0) } != nil
  }

  /// That of an entry; `nil` if it has none, or something else in its place.
  public init?(_ attributes: borrowing EncodedAttributes) {
    guard let found = Self.attributeName.withBytes({ attributes.find($0) }), found.kind == .string else { return nil }
    self.init(bytes: [UInt8](copying: attributes.bytes.extracting(found.place)))
  }

  /// Two numbers as ``description`` has them: nothing else is one.
  public init?(_ text: String) { self.init(bytes: Array(text.utf8)) }

  private init?(bytes text: [UInt8]) {
    let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 2, let major = UInt16(String(decoding: parts[0], as: UTF8.self)),
      let minor = UInt16(String(decoding: parts[1], as: UTF8.self)), "\(major).\(minor)".utf8.elementsEqual(text)
    else { return nil }
    self.init(major, minor)
  }
}
