internal import Cairn
public import CairnCache
public import Foundation

/// A dictionary on the disk that stays below a size: a store with one cache, in the user's folder for caches.
///
/// ```swift
/// let thumbnails = try PersistentCache<String, Data>("thumbnails", limit: .megabytes(200))
/// thumbnails["cat.jpg"] = image
/// let again = thumbnails["cat.jpg"]                       // also after a restart, unless others had to have the room
/// ```
///
/// All of it may go at any time: to make room, or because somebody empties that folder. What the disk refuses is not
/// there; nothing is thrown, and ``Cache/statistics`` counts it. One process has it open at a time.
public final class PersistentCache<Key: CacheKey, Value: Sendable>: Sendable {
  /// With lives, loads, tags, events and all else.
  public let cache: Cache<Key, Value>

  /// Opens it, and makes it if there is none.
  ///
  /// - Parameters:
  ///   - name: of its folder: of letters, digits, `-`, `_` and `.`.
  ///   - limit: that the folder stays below: at least ``ByteLimit/least``. About half of it holds entries, the rest
  ///     what has been replaced and is not given back yet.
  ///   - folder: in which its own is; `nil`: the user's for caches (`$XDG_CACHE_HOME`, or `~/.cache`).
  ///   - options: of the cache: its policy, lives, and further limits.
  ///   - codec: how values are written.
  /// - Throws: ``StoreError``: `.locked` if another process has it; `.invalidOption`.
  public init(
    _ name: String, limit: ByteLimit = .megabytes(100), in folder: URL? = nil, options: CacheOptions = CacheOptions(),
    codec: CacheCodec<Value>
  ) throws {
    guard !name.isEmpty, name.first != ".",
      name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) })
    else { throw CocoaError(.fileWriteInvalidFileName) }
    let parent =
      try folder
      ?? FileManager.default.url(for: .cachesDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
    var storeOptions = Store.Options()
    storeOptions.spaceLimit = limit.bytes
    storeOptions.views = [try Caches(["cache": options])]
    let store = try Store.open(at: parent.appendingPathComponent(name, isDirectory: true).path, options: storeOptions)
    cache = try store.cache("cache", codec: codec)
  }

  /// The value of a key. Set to `nil`: removes it.
  public subscript(key: Key) -> Value? {
    get { cache.value(for: key) }
    set {
      if let newValue { cache.put(newValue, for: key) } else { _ = try? cache.remove(key) }
    }
  }

  /// Keeps everything and closes it; else the last minute's order of use may be lost, and nothing more.
  ///
  /// - Throws: what could not be written.
  public func close() throws { try cache.store.close() }
}

extension PersistentCache where Value: Codable {
  /// The same, with values as JSON.
  public convenience init(
    _ name: String, limit: ByteLimit = .megabytes(100), in folder: URL? = nil, options: CacheOptions = CacheOptions()
  ) throws {
    try self.init(name, limit: limit, in: folder, options: options, codec: .json())
  }
}

extension PersistentCache where Value == [UInt8] {
  /// The same, with values as they are.
  public convenience init(
    _ name: String, limit: ByteLimit = .megabytes(100), in folder: URL? = nil, options: CacheOptions = CacheOptions()
  ) throws {
    try self.init(name, limit: limit, in: folder, options: options, codec: .bytes)
  }
}

extension PersistentCache where Value == Data {
  /// The same, with values as they are.
  public convenience init(
    _ name: String, limit: ByteLimit = .megabytes(100), in folder: URL? = nil, options: CacheOptions = CacheOptions()
  ) throws {
    try self.init(name, limit: limit, in: folder, options: options, codec: .data)
  }
}

/// A number of bytes.
public struct ByteLimit: Sendable, Comparable {
  public let bytes: Int

  public static func bytes(_ count: Int) -> ByteLimit { ByteLimit(bytes: count) }
  /// Of 1,000,000 bytes.
  public static func megabytes(_ count: Int) -> ByteLimit { ByteLimit(bytes: count.multipliedClamping(by: 1_000_000)) }
  /// Of 1,000,000,000 bytes.
  public static func gigabytes(_ count: Int) -> ByteLimit {
    ByteLimit(bytes: count.multipliedClamping(by: 1_000_000_000))
  }

  /// What a store needs to work with.
  public static let least = ByteLimit(bytes: Store.Limits.spaceLimitLeast)

  public static func < (a: ByteLimit, b: ByteLimit) -> Bool { a.bytes < b.bytes }
}

extension Int {
  fileprivate func multipliedClamping(by factor: Int) -> Int {
    let (product, isTooMuch) = multipliedReportingOverflow(by: factor)
    return isTooMuch ? (self < 0 ? .min : .max) : product
  }
}
