public import Cairn
internal import CairnIndex

/// What is not right any more. Each of these holds up the results of loads for its length; those of loads that were
/// under way are not kept, as far as they are concerned.
extension Cache {
  /// Removes all entries: one record, however many there are, as ``Cairn/Store/invalidate(prefix:durability:)``.
  ///
  /// - Throws: as that.
  public func removeAll() throws(StoreError) { try invalidate(prefix: core.shared.prefix) }

  /// Removes the entries whose keys begin with a text: one record, however many there are. Which they were, is found
  /// out as puts need room; until then they count for limits.
  ///
  /// - Parameter prefix: of keys as they are on the disk; see ``CacheKey/text``.
  /// - Throws: as ``Cairn/Store/invalidate(prefix:durability:)``.
  public func invalidate(prefix: String) throws(StoreError) {
    try invalidate(prefix: core.shared.prefix + CacheKeyEncoder.canonical(prefix))
  }

  private func invalidate(prefix: [UInt8]) throws(StoreError) {
    try core.caches.storing.withLock { _ throws(StoreError) in
      core.shared.flights.invalidate(prefix: prefix)
      try store.invalidate(prefix: prefix, durability: core.shared.options.durability)
    }
  }

  /// Makes all entries stale that have a tag, of all caches and collections of the store: one put, however many there
  /// are. They are not there for reads any more, nor for loads that fail; their room comes back when they are replaced,
  /// or go.
  ///
  /// - Throws: as ``CairnIndex/Cairn/Store/invalidate(tag:durability:)``.
  public func invalidate(tag: String) throws(StoreError) {
    try core.caches.storing.withLock { _ throws(StoreError) in
      for cache in core.caches.shared { cache.flights.close() }
      _ = try store.invalidate(tag: tag, durability: core.shared.options.durability)
      // Those that have begun meanwhile.
      for cache in core.caches.shared { cache.flights.close() }
    }
  }
}
