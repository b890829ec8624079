public import Cairn
internal import CairnIndex

/// By hand.
extension Cache {
  /// What the cache holds.
  public struct Size: Sendable, Equatable {
    public let entries: Int
    /// Of their records in the log.
    public let bytes: Int
    public let cost: Double
  }

  /// What the cache holds; of a store that is read-only, nothing is known.
  ///
  /// - Complexity: what has expired since the last put; all entries of the store after an invalidation by prefix.
  public var size: Size {
    core.caches.maintain(store)
    let held = core.caches.state.withLock { $0.book(core.shared.number).held }
    return Size(entries: held.entries, bytes: held.bytes, cost: held.cost)
  }

  /// Makes the first ones go, in the order of the cache's policy, until it holds no more than that. Returns how many
  /// went.
  ///
  /// - Throws: as ``Cairn/Store/write(durability:_:)``; what has gone before stays away.
  /// - Complexity: a remove for each, some hundreds in one commit.
  @discardableResult
  public func trim(entries: Int = .max, bytes: Int = .max, cost: Double = .infinity) throws(StoreError) -> Int {
    core.caches.maintain(store)
    return try evict(nil, to: CacheLimits(entries: entries, bytes: bytes, cost: cost))
  }

  /// The same in the order of another policy, such as ``EvictionPolicy/largestFirst``, which is told of all entries for
  /// that.
  @discardableResult
  public func evict(
    _ policy: any EvictionPolicy, toEntries entries: Int = .max, bytes: Int = .max, cost: Double = .infinity
  ) throws(StoreError) -> Int {
    core.caches.maintain(store)
    let order = core.caches.state.withLock { $0.slots(of: core.shared.number, by: policy) }
    return try evict(order, to: CacheLimits(entries: entries, bytes: bytes, cost: cost))
  }

  /// Makes those go that were put longer ago than that, but for pinned ones. Returns how many went.
  ///
  /// - Throws: as ``Cairn/Store/forEach(_:)``.
  /// - Complexity: all of the store, without values.
  @discardableResult
  public func trim(olderThan age: Duration) throws -> Int {
    let limit = store.now - max(0, age.wholeMilliseconds)
    var old: [UInt64] = []
    try store.forEachWithoutValue { entry in
      if entry.key.begins(with: prefix), EntryFields(entry.attributes).written ?? 0 < limit {
        old.append(store.hash(of: entry.key))
      }
      return true
    }
    let order = core.caches.state.withLock { $0.slots(of: old) }
    return try evict(order, to: CacheLimits(entries: 0))
  }

  /// - Parameter order: of slots and hashes, the first to go last; `nil`: as the cache's policy has it.
  private func evict(_ order: [(slot: UInt32, hash: UInt64)]?, to limits: CacheLimits) throws(StoreError) -> Int {
    var (order, count) = (order, 0)
    while true {
      let victims = core.caches.state.withLock { state in
        state.giveUp(of: core.shared.number, to: limits, &order, atMost: Caches.victimsAtOnce)
      }
      if victims.isEmpty { return count }
      var gone: [Caches.Gone] = []
      defer { core.caches.hook(gone) }
      do throws(StoreError) { try core.caches.remove(victims, store, &gone) } catch {
        core.caches.giveBack(victims)
        throw error
      }
      count += gone.count
    }
  }
}
