public import Cairn

/// Keys from one to another, in the order of their bytes.
public struct KeyRange: Sendable, Equatable {
  /// The first key that can be in it.
  public let lower: [UInt8]
  /// The first key that is behind it; `nil`: there is no end.
  public let upper: [UInt8]?

  init(lower: [UInt8], upper: [UInt8]?) {
    self.lower = lower
    self.upper = upper
  }

  public static let all = KeyRange(lower: [], upper: nil)

  /// Keys that begin with these bytes, and these bytes themselves.
  public static func prefix<Key: ByteLending>(_ key: Key) -> KeyRange {
    let lower = key.bytes
    // The next key of no more bytes: what ends with the highest byte has none at that place.
    var upper = lower
    while upper.last == 0xFF { upper.removeLast() }
    if upper.isEmpty { return KeyRange(lower: lower, upper: nil) }
    upper[upper.count - 1] += 1
    return KeyRange(lower: lower, upper: upper)
  }

  /// From a key, with it, to another one, without it.
  public static func between<Key: ByteLending>(_ lower: Key, _ upper: Key) -> KeyRange {
    KeyRange(lower: lower.bytes, upper: upper.bytes)
  }

  /// A key and all behind it.
  public static func from<Key: ByteLending>(_ key: Key) -> KeyRange { KeyRange(lower: key.bytes, upper: nil) }

  /// All keys before this one.
  public static func before<Key: ByteLending>(_ key: Key) -> KeyRange { KeyRange(lower: [], upper: key.bytes) }

  /// All keys before this one, and it.
  public static func through<Key: ByteLending>(_ key: Key) -> KeyRange { KeyRange(lower: [], upper: key.bytes + [0]) }

  /// What is left of it behind a key, which was the last one of a page.
  func rest(behind key: [UInt8], reversed: Bool) -> KeyRange {
    reversed ? KeyRange(lower: lower, upper: key) : KeyRange(lower: key + [0], upper: upper)
  }

  public func contains<Key: ByteLending>(_ key: Key) -> Bool {
    let key = key.bytes
    return !key.lexicographicallyPrecedes(lower) && upper.map { key.lexicographicallyPrecedes($0) } ?? true
  }
}

extension ByteLending {
  var bytes: [UInt8] { withBytes { [UInt8](copying: $0) } }
}

extension Array where Element == UInt8 {
  package init(copying bytes: RawSpan) { self = unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) } }

  /// One behind the other.
  package init(copying first: [UInt8], _ second: RawSpan) {
    self.init()
    reserveCapacity(first.count + second.byteCount)
    append(contentsOf: first)
    unsafe second.withUnsafeBytes { unsafe append(contentsOf: $0) }
  }
}
