public import Cairn
internal import CairnIndex

/// Indexes of attributes that the entries of a store have: counts, entries and totals by what is asked of them.
///
/// ```swift
/// var options = Store.Options()
/// options.views = [
///   try IndexedAttributes(
///     [.equality("model"), .range("tokens", of: .integer), .tags("labels")],
///     aggregates: [.sum("tokens", by: "model")])
/// ]
/// let store = try Store.open(at: "answers", options: options)
/// try store.put(answer, for: key, attributes: ["model": "small", "tokens": 1200, "labels": ["draft"]])
/// let count = try store.count(where: "model" == "small" && "tokens" > 1000)
/// ```
///
/// What it shows is the store as of some commit, batches whole, and never an entry that has expired. Entries without
/// attributes are not in it. It lives in memory (``statistics`` tells how much) and is read from the store when that is
/// opened, in the background if it is large. Queries wait for a commit that is becoming visible, and commits for
/// queries. An invalidation by prefix (``Cairn/Store/invalidate(prefix:durability:)``) looks at every key here, and
/// takes some µs for each that goes: commits wait for that.
///
/// After a follower has been overtaken by compaction, the next query reads the store anew, and the others wait for it.
/// Keys of all entries take 16 GiB at most, and the first comparison with `<` or by a prefix on an index of equality,
/// or in its order, sorts its values.
///
/// Attributes that are put must be of the types that are declared here; entries that the store has already with others
/// are as if they had none of that name, and are counted (``AttributeStatistics/Index/mistypedCount``).
///
/// One belongs to one open store at a time. While it reads the store in the background, it keeps it open.
public final class IndexedAttributes: StoreView {
  struct State: ~Copyable {
    let table: AttributeTable
    var making = ViewMaking()
  }

  public let indexes: AttributeIndexes
  let state: Guarded<State>
  let maker = ViewMaker("IndexedAttributes")

  /// - Throws: as ``AttributeIndexes/init(_:aggregates:)``.
  public init(_ indexes: [AttributeIndex], aggregates: [AttributeAggregate] = []) throws(StoreError) {
    self.indexes = try AttributeIndexes(indexes, aggregates: aggregates)
    state = Guarded(State(table: AttributeTable(self.indexes)))
  }

  /// What part of the store has been read; 1 when it is ready. Queries throw `.notReady` before that.
  public var progress: Double { state.withLock { $0.making.isReady } ? 1 : maker.progress }

  /// Waits until it can be asked, or could not be made.
  public func ready() async { await maker.ready() }

  /// What is in it. Goes through all of it.
  public var statistics: AttributeStatistics { state.withLock { $0.table.statistics } }

  // MARK: As a view

  /// - Throws: `.invalidOption` if it belongs to another store that is still open, or the store has two of them.
  public func attach(to store: Store) throws(StoreError) {
    if store.views.count(where: { $0 is IndexedAttributes }) > 1 {
      throw StoreError(.invalidOption, "a store has one IndexedAttributes at most: declare all indexes in it")
    }
    try maker.attach(to: store)
    begin()
    maker.make(of: store, store.statistics.liveEntries) { () throws(StoreError) in try self.read(store) }
  }

  private func begin() {
    state.withLock { state in
      state.table.beginLife()
      state.making.begin()
    }
  }

  private func read(_ store: Store) throws(StoreError) {
    do throws(StoreError) {
      try maker.read(store, .attributes) { entry in
        if !entry.attributes.isEmpty { state.withLock { $0.add(entry) } }
      }
    } catch {
      state.withLock { $0.making.fail(error) }
      throw error
    }
    state.withLock { $0.making.finish() }
  }

  /// Makes it anew if that is asked for.
  func refresh() throws(StoreError) {
    guard state.withLock({ $0.making.isStale }), let store = maker.store else { return }
    try maker.alone(with: store) { () throws(StoreError) in
      while state.withLock({ $0.making.isStale }) {
        begin()
        try read(store)
      }
    }
  }

  public func check(_ attributes: borrowing EncodedAttributes) throws(StoreError) { try indexes.check(attributes) }

  public func beginCommit(oldestSnapshot: UInt64?) { state.lock() }

  public func apply(_ change: borrowing EntryChange) { state.value.apply(change) }

  public func endCommit(_ sequence: UInt64) { state.unlock() }

  public func reset() { state.withLock { $0.making.ask() } }

  /// Nothing is kept; but it is a good moment to let go of what has expired, if nobody asks.
  public func save(to files: ViewFiles) {
    expire(at: files.now)
  }

  /// A little at a time: a commit may have to wait for each.
  func expire(at now: Int64) {
    // While it is being made, what goes might come again as it was before.
    while !state.withLock({ $0.making.isUnderWay || $0.table.expire(at: now, atMost: Self.expiredAtOnce) }) {}
  }

  private static let expiredAtOnce = 64
}

extension IndexedAttributes.State {
  /// What was found in the store.
  fileprivate mutating func add(_ entry: EntryView) {
    // What a commit has put meanwhile is newer.
    if table.contains(key: entry.key) || !making.isMissing(entry.key) { return }
    table.put(
      key: entry.key, attributes: entry.attributes, deadline: entry.deadline,
      byteCount: entry.key.byteCount + entry.valueByteCount)
  }

  fileprivate mutating func apply(_ change: borrowing EntryChange) {
    switch change.kind {
    case .put:
      // Without attributes it is not in the table, where what is read meanwhile would be looked for.
      if change.attributes.isEmpty { making.noteRemoved(change.key) } else { making.notePut(change.key) }
      table.put(
        key: change.key, attributes: change.attributes, deadline: change.deadline, byteCount: change.byteCount)
    case .remove:
      making.noteRemoved(change.key)
      table.remove(key: change.key)
    case .invalidate:
      making.noteInvalidated(change.key)
      table.removeAll(prefix: change.key)
    }
  }
}

extension AttributeIndexes {
  /// - Throws: `.invalidAttribute` if one is of another type than its index is of.
  func check(_ attributes: borrowing EncodedAttributes) throws(StoreError) {
    try attributes.forEach { (name, kind, _) throws(StoreError) in
      for index in indexes where index.name.withBytes({ EncodedAttributes.isEqual($0, name) }) {
        if index.takes(kind) { return }
        throw StoreError(
          .invalidAttribute, "the attribute \(index.name) is declared as \(index), and was to be of type \(kind)")
      }
    }
  }
}
