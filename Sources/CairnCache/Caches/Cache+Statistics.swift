extension Cache {
  /// What has happened since the store was opened.
  ///
  /// - Complexity: some hundred words.
  public var statistics: CacheStatistics { core.shared.counters.statistics }

  /// What happens to entries from now on, for each who asks. Events come after what they tell of, those of one key in
  /// their order; they end when the store is closed. Who does not fetch them for long misses the oldest
  /// (``CacheStatistics/droppedEvents``); for all changes, whole and in order, there is
  /// ``Cairn/Store/observe(prefix:since:)`` with ``prefix``.
  public func events() -> AsyncStream<CacheEvent> { core.shared.events.stream() }
}
