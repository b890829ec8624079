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
  @usableFromInline let core: CacheCore
  public let codec: CacheCodec<Value>

  public var store: Store { core.store }
  public var name: String { core.shared.name }
  public var options: CacheOptions { core.shared.options }
  /// What its keys begin with in the store.
  public var prefix: [UInt8] { core.prefix }

  /// A key as the store has it.
  ///
  /// - Throws: ``CacheKeyError``.
  public func storeKey(_ key: Key) throws(CacheKeyError) -> [UInt8] { try key.encoded(behind: core.prefix) }
}

/// What is done for all types of keys and values alike: code that is generic is slow where it is called from another
/// module (measured: a hit took 12,000 instructions), so what is inlined there is short and leads here.
@usableFromInline
final class CacheCore: Sendable {
  let store: Store
  let caches: Caches
  let shared: CacheShared
  /// What its keys begin with in the store.
  @usableFromInline let prefix: [UInt8]
  let stamp: CodecStamp
  let plainFields: PlainFields

  /// - Throws: `.invalidAttribute` if the codec's name is too long.
  init(_ store: Store, _ caches: Caches, _ shared: CacheShared, _ stamp: CodecStamp) throws(StoreError) {
    (self.store, self.caches, self.shared, self.stamp) = (store, caches, shared, stamp)
    prefix = shared.prefix
    plainFields = try PlainFields(stamp, store)
  }
}

extension Store {
  /// The cache of that name, as it was declared when the store was opened: see ``Caches``.
  ///
  /// - Parameter codec: how values are written. All who use the cache should have the same one: what another has
  ///   written is a miss.
  /// - Throws: `.invalidOption` if there is none; `.invalidAttribute` if the codec has too long a name.
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
    return Cache(core: try CacheCore(self, caches, caches.shared[number], codec.stamp), codec: codec)
  }
}
