public import Cairn
internal import CairnIndex

/// A cache of a store: values by keys, of which some go when others need the room, and which are good for a time.
///
/// ```swift
/// let pages: Cache<String, String> = try store.cache("pages", codec: .text)
/// pages.put("<p>Hello</p>", for: "/index")
/// let page = pages.value(for: "/index")
/// let other = try await pages.value(for: "/other") { context in
///   context.tags = ["layout"]
///   return try await render("/other")                                // once, however many ask
/// }
/// try pages.invalidate(tag: "layout")
/// ```
///
/// Cheap to make, to keep and to pass around; it keeps its store open. How it is was declared when the store was opened
/// (``Caches``). Reads take no lock and do not wait for writers. What goes wrong in the store is a miss, which is
/// counted and told (``events()``), and never an error of a read: the application goes on without its cache.
public struct Cache<Key: CacheKey, Value: Sendable>: Sendable {
  public let store: Store
  let caches: Caches
  let shared: CacheShared
  public let codec: CacheCodec<Value>

  public var name: String { shared.name }
  public var options: CacheOptions { shared.options }
  /// What its keys begin with in the store.
  public var prefix: [UInt8] { shared.prefix }

  /// A key as the store has it.
  ///
  /// - Throws: ``CacheKeyError``.
  public func storeKey(_ key: Key) throws(CacheKeyError) -> [UInt8] { try key.encoded(behind: shared.prefix) }
}

extension Store {
  /// The cache of that name, as it was declared when the store was opened: see ``Caches``.
  ///
  /// - Parameter codec: how values are written. All who use the cache should have the same one: what another has
  ///   written is a miss.
  /// - Throws: `.invalidOption` if there is none.
  /// - Complexity: the number of caches; keep it where it is needed often.
  public func cache<Key: CacheKey, Value: Sendable>(
    _ name: String, _ key: Key.Type = Key.self, codec: CacheCodec<Value>
  ) throws(StoreError) -> Cache<Key, Value> {
    guard let caches = views.lazy.compactMap({ $0 as? Caches }).first else {
      throw StoreError(.invalidOption, "the store has no caches: add Caches to its views")
    }
    guard let number = caches.parts.index(of: name) else {
      throw StoreError(.invalidOption, "the store has no cache \"\(name)\": declare it in Caches")
    }
    return Cache(store: self, caches: caches, shared: caches.shared[number], codec: codec)
  }
}
