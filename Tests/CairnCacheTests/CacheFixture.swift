import Cairn
import CairnCache
import CairnIndex
import CairnTestSupport

/// A store with caches, which can be opened again.
final class CacheFixture {
  private let directory = TemporaryDirectory()
  let clock = ManualClock()
  private let declared: [String: CacheOptions]
  private let bytes: Int?
  var options = Store.Options()
  private(set) var store: Store

  var path: String { directory.path("store") }

  init(_ declared: [String: CacheOptions], bytes: Int? = nil, _ change: (inout Store.Options) -> Void = { _ in }) throws
  {
    (self.declared, self.bytes) = (declared, bytes)
    options.clock = clock
    change(&options)
    options.views = [try Caches(declared, bytes: bytes)]
    store = try Store.open(at: directory.path("store"), options: options)
  }

  convenience init(
    limits: CacheLimits = CacheLimits(), policy: any EvictionPolicy = .lru, lives: CacheLives = CacheLives(),
    _ change: (inout CacheOptions) -> Void = { _ in }
  ) throws {
    var options = CacheOptions(limits: limits, policy: policy, lives: lives)
    change(&options)
    try self.init(["c": options])
  }

  /// - Parameter declared: as before if nothing else is said.
  func reopen(_ declared: [String: CacheOptions]? = nil) throws {
    try store.close()
    try open(at: path, declared)
  }

  /// A copy of the files as they are now: what a process that dies leaves.
  func reopenAfterKill() throws {
    let copy = directory.path("copy-\(UInt64.random(in: 0...(.max)))")
    try Files.copyStore(path, to: copy)
    try store.close()
    try open(at: copy, nil)
  }

  private func open(at path: String, _ declared: [String: CacheOptions]?) throws {
    options.views = [try Caches(declared ?? self.declared, bytes: bytes)]
    store = try Store.open(at: path, options: options)
  }

  func cache(_ name: String = "c") throws -> Cache<String, String> { try store.cache(name, codec: .text) }

  var caches: Caches {
    guard let caches = store.views.compactMap({ $0 as? Caches }).first else { preconditionFailure("it has caches") }
    return caches
  }
}

/// The keys of a cache that are in its store, in order.
func keys<Key, Value>(of cache: Cache<Key, Value>) throws -> [String] {
  var keys: [String] = []
  try cache.store.forEachKey { entry in
    let key = String(decoding: [UInt8](copying: entry.key), as: UTF8.self)
    let prefix = cache.name + ":"
    if key.hasPrefix(prefix) { keys.append(String(key.dropFirst(prefix.count))) }
    return true
  }
  return keys.sorted()
}
