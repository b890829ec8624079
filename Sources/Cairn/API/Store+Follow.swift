extension Store {
  /// How a follower learns of news.
  public enum Refreshing: Sendable, Equatable {
    /// By itself, every two milliseconds if there is any.
    case automatic
    /// When ``Store/refresh()`` is called.
    case manual
  }

  /// Opens a store for reading that another process, or this one, writes to, and goes along with what is written.
  ///
  /// Reads, iteration, snapshots and the feed of changes are those of any store; writes throw `.readOnly`. Commits
  /// become visible in their order, batches whole, as soon as they have been handed to the operating system (those of
  /// `.relaxed` a little later) and the follower has looked: a few milliseconds, or at ``refresh()``. Any number of
  /// followers cost the writer nothing. Compaction, a writer that dies, and the next one are followed as well.
  ///
  /// A follower that has been overtaken by compaction reads the store anew, by itself. Meanwhile readers may meet
  /// some keys as they were and others as they are; snapshots taken before throw `.historyGone`. Segments that it still
  /// uses keep their space on the disk until it has looked.
  ///
  /// - Throws: as ``open(at:options:)``; `.damaged` if the log is.
  public static func follow(
    _ path: String, options: Options = Options(.readOnly), refreshing: Refreshing = .automatic
  ) throws(StoreError) -> Store {
    let engine = try Engine.follow(path, options, PosixFileSystem())
    let store = try with(engine)
    if refreshing == .automatic {
      let thread = BackgroundThread(routine: (.refresh, 2_000_000))
      try thread.start(engine)
      engine.background = thread
    }
    return store
  }

  /// Makes visible what has been written to a followed store up to now. Of any other store, everything is already.
  ///
  /// - Returns: whether there was anything new.
  /// - Throws: `.notFound` if the store has been removed; `.historyGone` if another one is in its place, or it is
  ///   compacted faster than it can be read; `.damaged`, `.unsupportedFormat`; `.closed`. Reads go on with what was
  ///   there before.
  /// - Complexity: one load and a few system calls; what is new is read and verified once.
  @discardableResult
  public func refresh() throws(StoreError) -> Bool { try engine.refresh() }

  /// Whether there is something that ``refresh()`` would make visible: one load.
  public var hasNews: Bool { engine.hasNews }
}
