public import Cairn

/// A value with what is known about it.
public struct CacheEntry<Value: Sendable>: Sendable {
  public let value: Value
  /// The sequence of its put.
  public let version: UInt64
  /// When it was put, in milliseconds since 1970.
  public let written: Int64
  /// When its life ends; `nil`: never.
  public let end: Int64?
  /// When it is not there any more, not even for loads that fail; `nil`: never.
  public let deadline: Int64?
  /// At the moment at which it was read.
  public let age: Duration
  /// Its life has ended, or something that it was made from has changed.
  public let isStale: Bool
  public let cost: Double
  /// Names of ``CairnIndex/Cairn/Store/sources(tags:)``, in order.
  public let tags: [String]
  /// Those that it was put with.
  public let attributes: Attributes
  /// How often it has been read, about, since it came into the cache.
  public let hits: Int
  public let isPinned: Bool
}

extension CacheEntry: Equatable where Value: Equatable {}
