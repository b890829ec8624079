/// A key, or all keys that begin with a prefix.
public enum KeySet: Sendable, Hashable {
  case key([UInt8])
  case prefix([UInt8])

  /// The key, or the prefix.
  public var bytes: [UInt8] {
    switch self {
    case .key(let bytes), .prefix(let bytes): bytes
    }
  }
}

/// What has to go when something changes: see ``StoreView/consequences(of:)``.
public struct Consequence: Sendable, Equatable {
  public let keys: KeySet
  /// Why, for who follows the changes of the store; of a prefix nothing is said.
  public let cause: RemovalCause

  public init(_ keys: KeySet, cause: RemovalCause = .removed) { (self.keys, self.cause) = (keys, cause) }
}
