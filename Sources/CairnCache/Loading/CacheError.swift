public import Cairn

/// Why a cache could not do what it was asked for.
public enum CacheError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A load wants, by way of others or not, the very value that it is to bring.
  case recursiveLoad
  /// A load has taken longer than ``CacheOptions/loadTimeout``.
  case timedOut
  /// The value is not a key: see ``CacheKeyError``.
  case key(CacheKeyError)
  /// A load has said that nothing has changed, and there was nothing.
  case nothingToKeep

  public var description: String {
    switch self {
    case .recursiveLoad: "a load asks for the value that it is to bring, and would wait for itself for ever"
    case .timedOut: "the load has taken too long; set CacheOptions.loadTimeout to let it take longer"
    case .key(let error): error.description
    case .nothingToKeep: "a load says that the value has not changed, but there is none: load it whole"
    }
  }
}

/// What has become of a value that was to be put into a cache.
public enum CachePut: Sendable, Equatable {
  /// It is there, with this version.
  case stored(version: UInt64)
  /// It is not, and what was there of the key has been removed: nothing else would have been right.
  case refused(Refusal)

  public enum Refusal: Sendable, Equatable {
    /// Its record would have so many bytes, and may have only so many: ``CacheLimits/valueShare``.
    case tooLarge(bytes: Int, limit: Int)
    /// Nothing else may go for it: the rest is pinned, say.
    case noRoom
    /// It would have ended already.
    case expired
    /// The policy takes it for one that is not worth its place.
    case notAdmitted
    /// It cannot be encoded; why.
    case notEncoded(String)
    /// It is no key.
    case noKey(CacheKeyError)
    /// The store does not take it: it is read-only, full or closed, or its writer has failed.
    case store(StoreError)
  }

  public var isStored: Bool {
    if case .stored = self { return true }
    return false
  }
}
