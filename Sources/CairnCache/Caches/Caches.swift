public import Cairn
internal import CairnIndex
internal import Synchronization

/// The caches of a store: parts of it with names, whose entries go when others need the room.
///
/// ```swift
/// var pages = CacheOptions(limits: CacheLimits(entries: 10_000))
/// pages.lives.afterWrite = .seconds(600)
/// var options = Store.Options()
/// options.views = [try Caches(["pages": pages])]
/// let store = try Store.open(at: "site", options: options)
/// let cache: Cache<String, String> = try store.cache("pages", codec: .text)
/// ```
///
/// The entries of a cache are those whose keys begin with its name and a colon, whoever has put them; so all that a
/// store can do is there for them, too: keys in order, attributes, invalidation by prefix.
///
/// What goes first is decided in memory (60 to 110 bytes an entry, by policy), by what has been read and put; a read
/// writes nothing to the log. Every minute, beside the store's checkpoints, and when it is closed, that is kept in a
/// file: after a crash, at most the last minute of it is lost, and of what was put in that minute only the order of
/// reads. Without such a file, the order is that in which entries were put, and opening reads all of them.
///
/// One belongs to one open store at a time, and a store has one at most. In a store that is read-only there is nothing
/// to be decided: reads find what is there.
public final class Caches: StoreView {
  let parts: NamedPrefixes
  let shared: [CacheShared]
  /// Bytes that they share, as declared.
  let bytes: Int?
  let state: Guarded<CacheState>
  let notes = AccessNotes()
  /// One stores what a load has brought, or invalidates, at a time: see ``CacheShared/flights``.
  let storing = Guarded(())
  let opened = Mutex(Opened())
  /// By cache, what of its statistics is in its history.
  let written: Guarded<[CacheStatistics]>
  private let tracking = Atomic(false)
  /// The store's time. Set before there are commits.
  private let clock = Guarded<(@Sendable () -> Int64)?>(nil)
  /// Bytes that they may hold together; `max`: as many as there are.
  let sharedBytes = Atomic(Int.max)
  /// What has happened in the commit that is becoming visible.
  private let told = Guarded([(cache: Int, event: CacheEvents.Event)]())

  struct Opened {
    /// It is not kept open.
    weak var store: Store?
    var keeper: Task<Void, Never>?
  }

  /// - Parameters:
  ///   - declared: the names, of 1 to 64 bytes without a colon, and how each is.
  ///   - bytes: that the records of all of them may take together, where the cache with most gives something up first;
  ///     `nil`: as many as the store's limit allows (half of ``Cairn/Store/Options/spaceLimit``: the rest is for what
  ///     is dead and has not been given back yet), or as there are.
  /// - Throws: `.invalidOption`.
  public init(_ declared: [String: CacheOptions], bytes: Int? = nil) throws(StoreError) {
    parts = try NamedPrefixes(declared.keys, of: "cache")
    if bytes ?? 1 < 1 { throw StoreError(.invalidOption, "caches must be allowed at least 1 byte") }
    for (name, options) in declared { try options.validate(name) }
    let options = parts.names.compactMap { declared[$0] }
    shared = zip(parts.names, options).enumerated().map { number, declared in
      CacheShared(declared.0, number, declared.1)
    }
    self.bytes = bytes
    state = Guarded(CacheState(options, budget: bytes))
    written = Guarded(options.map { _ in .nothing })
  }

  var store: Store? { opened.withLock { $0.store } }
  /// Whether it follows what happens: not in a store that is read-only.
  var isTracking: Bool { tracking.load(ordering: .relaxed) }

  // MARK: As a view

  /// - Throws: `.invalidOption` if it belongs to another store that is still open, or the store has two of them, or a
  ///   collection with the name of a cache.
  public func attach(to store: Store) throws(StoreError) {
    if store.views.count(where: { $0 is Caches }) > 1 {
      throw StoreError(.invalidOption, "a store has one Caches at most: declare all of them in it")
    }
    for name in parts.names where (try? store.collection(name)) != nil {
      throw StoreError(.invalidOption, "\"\(name)\" is a collection of the store: give the cache another name")
    }
    let isTaken = opened.withLock { opened in
      if let other = opened.store, (try? other.checkOpen()) != nil { return true }
      opened.keeper?.cancel()
      opened = Opened(store: store)
      return false
    }
    if isTaken {
      throw StoreError(.invalidOption, "these caches belong to another store, which is open: make new ones")
    }
    tracking.store(!store.isReadOnly, ordering: .relaxed)
    if !isTracking { return }
    clock.value = store.timeSource
    sharedBytes.store(budget(store) ?? .max, ordering: .relaxed)
    try restore(from: store)
    startKeeping()
  }

  /// Keeps what has changed, now and then, until the store is closed.
  private func startKeeping() {
    let keeper = Task.detached(priority: .utility) { [weak self] in
      while !Task.isCancelled {
        do { try await Task.sleep(for: Self.keptEvery) } catch { return }
        guard let self, let store = self.store, (try? store.checkOpen()) != nil else { return }
        self.maintain(store)
        self.writeHistory(store)
        self.save(to: store.viewFiles)
      }
    }
    opened.withLock { $0.keeper = keeper }
  }

  private static let keptEvery = Duration.seconds(60)

  deinit { opened.withLock { $0.keeper?.cancel() } }

  public func beginCommit(oldestSnapshot: UInt64?) { state.lock() }

  public func apply(_ change: borrowing EntryChange) {
    if !isTracking { return }
    switch change.kind {
    case .put:
      guard let cache = parts.index(of: change.key) else { return }
      if change.isMoved {
        return state.value.move(hash: change.hash, byteCount: UInt32(clamping: change.recordByteCount))
      }
      let (entry, isPinned) = TrackedEntry.of(change, in: cache)
      let isReplacing = state.value.put(entry, isPinned: isPinned)
      tellLater(cache) { .init(isReplacing ? .updated : .inserted, change.key) }
    case .remove:
      guard let cache = parts.index(of: change.key) else { return }
      let entry = state.value.remove(hash: change.hash)
      // It was not there for anybody any more; perhaps that has been told already.
      // The store itself must not be held here: to let go of it last would be to close it.
      if let deadline = change.replacedDeadline, let now = clock.value?(), deadline <= now {
        if entry == nil { return }
        shared[cache].counters.add(.expirations)
        return tellLater(cache) { .init(.expired, change.key) }
      }
      let isEvicted = entry?.state == .leaving
      // What has been put meanwhile, and had to go, was newer than what a load brings.
      shared[cache].flights.invalidate(key: change.key)
      shared[cache].counters.add(isEvicted ? .evictions : .removals)
      tellLater(cache) { .init(isEvicted ? .evicted : .removed, change.key) }
    case .invalidate:
      let prefix = [UInt8](copying: change.key)
      for (cache, own) in parts.prefixes.enumerated() where own.starts(with: prefix) || prefix.starts(with: own) {
        shared[cache].flights.invalidate(prefix: prefix)
        tellLater(cache) { .init(.invalidated, change.key) }
        // Of a part of a cache, which entries that were is found out when they are to go.
        if own.starts(with: prefix) { state.value.removeAll(of: cache) } else { state.value.doubt() }
      }
    }
  }

  /// When it is visible.
  private func tellLater(_ cache: Int, _ event: () -> CacheEvents.Event) {
    if shared[cache].events.isWanted { told.withLock { $0.append((cache, event())) } }
  }

  public func endCommit(_ sequence: UInt64) {
    state.unlock()
    if !CacheEvents.areWanted { return }
    // In their order: who commits next waits for this one.
    let events = told.withLock { told in
      defer { told = [] }
      return told
    }
    for (cache, event) in events { shared[cache].events.send { event } }
  }

  /// Only of stores that are read-only.
  public func reset() {}
}

extension TrackedEntry {
  /// As it has just been put.
  fileprivate static func of(_ change: borrowing EntryChange, in cache: Int) -> (entry: TrackedEntry, isPinned: Bool) {
    let fields = EntryFields(change.attributes)
    let entry = TrackedEntry(
      hash: change.hash, deadline: change.deadline ?? .max, cost: fields.cost,
      byteCount: UInt32(clamping: change.recordByteCount), cache: UInt16(cache))
    return (entry, fields.isPinned)
  }
}
