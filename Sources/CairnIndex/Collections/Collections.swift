public import Cairn

/// The collections of a store: parts of it with names, options of their own, and counts.
///
/// ```swift
/// var options = Store.Options()
/// options.views = [
///   try Collections([
///     "profiles": .init(isOrdered: true), "sessions": .init(expires: .after(.seconds(3600))),
///   ])
/// ]
/// let store = try Store.open(at: "users", options: options)
/// let profiles = try store.collection("profiles")
/// try profiles.put("Ada", for: "42")           // in the store its key is profiles:42
/// ```
///
/// The entries of a collection are those whose keys begin with its name and a colon, whoever has put them; so all that
/// a store can do is there for them, too.
///
/// Counts and bytes change with each commit. They are kept in a file when the store is closed; otherwise, as after a
/// crash, they are read from the store, in the background if it is large. They take some 60 bytes of memory for each
/// millisecond in which entries are to end, and, while they are read, as much for each change that comes meanwhile.
///
/// One belongs to one open store at a time, and a store has one at most.
public final class Collections: StoreView {
  struct State: Sendable {
    var totals: [CollectionTotals]
    var making = ViewMaking()
    /// Up to this one everything is in it.
    var sequence: UInt64 = 0
    var savedSequence: UInt64?
    /// While it is made: what happens meanwhile, of which some is in what is read.
    fileprivate var meanwhile = Meanwhile()
  }

  fileprivate struct Meanwhile: Sendable {
    var events: [Event] = []
    /// So many of them are of commits that are whole.
    var committed = 0
  }

  fileprivate struct Event: Sendable {
    enum Kind { case add, remove, removeAll }

    let kind: Kind
    let collection: Int
    var one = EntryTotal()
    var deadline: Int64?
    /// Of its commit.
    var sequence: UInt64 = 0
  }

  private let parts: NamedPrefixes
  private let options: [Store.Collection.Options]
  /// The keys of those that are to be in order, if any are.
  let ordered: OrderedKeys?
  let state: Guarded<State>
  private let maker = ViewMaker("Collections")

  /// - Parameter declared: the names, of 1 to ``nameBytes`` bytes without a colon, and what each is to be.
  /// - Throws: `.invalidOption`.
  public init(_ declared: [String: Store.Collection.Options]) throws(StoreError) {
    parts = try NamedPrefixes(declared.keys, of: "collection")
    for (name, options) in declared { try options.validate(name) }
    let options = parts.names.compactMap { declared[$0] }
    self.options = options
    let inOrder = zip(parts.prefixes, options).filter { $1.isOrdered }.map { $0.0 }
    ordered = inOrder.isEmpty ? nil : OrderedKeys(prefixes: inOrder, fileName: "collection-keys")
    state = Guarded(State(totals: options.map { _ in CollectionTotals() }))
  }

  /// The longest name, in bytes of its UTF-8.
  public static let nameBytes = NamedPrefixes.nameBytes

  /// What part of the store has been read; 1 when it is ready. Counts throw `.notReady` before that. Less again after
  /// some keys of a collection have been invalidated by a prefix, until somebody asks for counts.
  public var progress: Double {
    let own = state.withLock { $0.making.isReady } ? 1 : maker.progress
    return min(own, ordered?.progress ?? 1)
  }

  /// Waits until it can be asked, or could not be made.
  public func ready() async {
    await maker.ready()
    await ordered?.ready()
  }

  /// `nil`: there is none of that name.
  func options(of name: String) -> (prefix: [UInt8], options: Store.Collection.Options, number: Int)? {
    parts.index(of: name).map { (parts.prefixes[$0], options[$0], $0) }
  }

  func total(of collection: Int, at now: Int64) throws(StoreError) -> EntryTotal {
    for _ in 0..<Self.attemptsMax {
      try refresh()
      let total = try state.withLock { (state) throws(StoreError) -> EntryTotal? in
        if state.making.isStale { return nil }
        try state.making.checkReady("the collections")
        state.totals[collection].expire(at: now)
        return state.totals[collection].total
      }
      if let total { return total }
    }
    throw StoreError(
      .notReady, "keys of collections are invalidated by prefix faster than they can be counted: ask again later")
  }

  private static let attemptsMax = 3

  // MARK: As a view

  /// - Throws: `.invalidOption` if it belongs to another store that is still open, or the store has two of them.
  public func attach(to store: Store) throws(StoreError) {
    if store.views.count(where: { $0 is Collections }) > 1 {
      throw StoreError(.invalidOption, "a store has one Collections at most: declare all of them in it")
    }
    try maker.attach(to: store)
    try ordered?.attach(to: store)
    if load(from: store) { return }
    begin()
    maker.make(of: store, store.statistics.liveEntries) { () throws(StoreError) in try self.read(store) }
  }

  private func begin() {
    state.withLock { state in
      state = State(totals: state.totals.map { _ in CollectionTotals() }, making: state.making)
      state.making.begin()
    }
  }

  /// Makes it anew if that is asked for.
  private func refresh() throws(StoreError) {
    guard state.withLock({ $0.making.isStale }), let store = maker.store else { return }
    try maker.alone(with: store) { () throws(StoreError) in
      if state.withLock({ $0.making.isStale }) {
        begin()
        try read(store)
      }
    }
  }

  /// What there was at one moment, and what happened after it.
  private func read(_ store: Store) throws(StoreError) {
    var totals = options.map { _ in CollectionTotals() }
    let sequence: UInt64
    do throws(StoreError) {
      let snapshot = try store.snapshot()
      sequence = snapshot.sequence
      try maker.read(store, .snapshot(snapshot)) { entry in
        guard let collection = parts.index(of: entry.key) else { return }
        let byteCount = entry.key.byteCount + entry.valueByteCount
        totals[collection].add(EntryTotal(count: 1, byteCount: byteCount), deadline: entry.deadline)
      }
    } catch {
      state.withLock { state in
        state.making.fail(error)
        state.meanwhile = Meanwhile()
      }
      throw error
    }
    // What has expired meanwhile was left out in part.
    let now = store.now
    for collection in totals.indices { totals[collection].expire(at: now) }
    state.withLock { state in
      for event in state.meanwhile.events where event.sequence > sequence { event.apply(to: &totals) }
      (state.totals, state.meanwhile) = (totals, Meanwhile())
      state.sequence = max(state.sequence, sequence)
      state.making.finish()
    }
  }

  public func beginCommit(oldestSnapshot: UInt64?) {
    ordered?.beginCommit(oldestSnapshot: oldestSnapshot)
    state.lock()
  }

  public func apply(_ change: borrowing EntryChange) {
    ordered?.apply(change)
    switch change.kind {
    case .put, .remove:
      guard let collection = parts.index(of: change.key) else { return }
      if change.isReplacing {
        let one = EntryTotal(count: 1, byteCount: change.replacedByteCount)
        state.value.note(Event(kind: .remove, collection: collection, one: one, deadline: change.replacedDeadline))
      }
      if change.kind == .remove { return }
      let one = EntryTotal(count: 1, byteCount: change.byteCount)
      state.value.note(Event(kind: .add, collection: collection, one: one, deadline: change.deadline))
    case .invalidate:
      let prefix = [UInt8](copying: change.key)
      for (collection, own) in parts.prefixes.enumerated() {
        if own.starts(with: prefix) {
          state.value.note(Event(kind: .removeAll, collection: collection))
        } else if prefix.starts(with: own) {
          // How many of its entries that were, nobody knows.
          state.value.making.ask()
        }
      }
    }
  }

  public func endCommit(_ sequence: UInt64) {
    state.value.endCommit(sequence)
    state.unlock()
    ordered?.endCommit(sequence)
  }

  public func reset() {
    state.withLock { $0.making.ask() }
    ordered?.reset()
  }

  // MARK: From one session to the next

  public func save(to files: ViewFiles) {
    ordered?.save(to: files)
    // Of no use if anything comes after it.
    if !files.isClosing { return }
    let now = files.now
    let kept = state.withLock { state -> (totals: [CollectionTotals], sequence: UInt64)? in
      if !state.making.isReady || state.savedSequence == state.sequence { return nil }
      return (state.totals, state.sequence)
    }
    guard let kept else { return }
    var totals = kept.totals
    let time = totals.reduce(now) { max($0, $1.time) }
    for collection in totals.indices { totals[collection].expire(at: time) }
    let bytes = CollectionsFile.encode(parts.names, totals, sequence: kept.sequence)
    _ = try? files.save(CollectionsFile.name, version: CollectionsFile.version) { (output) throws(StoreError) in
      try output.add(bytes)
    }
  }

  /// Returns whether there is a file that says all.
  private func load(from store: Store) -> Bool {
    // Set back, the clock lets entries live again that do not count in the file.
    guard let content = try? store.viewFiles.load(CollectionsFile.name, version: CollectionsFile.version),
      let file = content.withBytes({ CollectionsFile.decode($0, parts.names) }),
      file.sequence == store.lastSequence, file.time <= store.now
    else { return false }
    state.withLock { state in
      state = State(totals: file.totals, sequence: file.sequence, savedSequence: file.sequence)
      state.making.beginWithFile(isWhole: true)
    }
    return true
  }
}

extension Collections.State {
  fileprivate mutating func note(_ event: Collections.Event) {
    if making.isUnderWay {
      // What is to be counted once more is no use.
      if !making.isInVain { meanwhile.events.append(event) }
    } else if making.isReady {
      event.apply(to: &totals)
    }
  }

  fileprivate mutating func endCommit(_ sequence: UInt64) {
    self.sequence = max(self.sequence, sequence)
    for number in meanwhile.committed..<meanwhile.events.count { meanwhile.events[number].sequence = sequence }
    meanwhile.committed = meanwhile.events.count
  }
}

extension Collections.Event {
  fileprivate func apply(to totals: inout [CollectionTotals]) {
    switch kind {
    case .add: totals[collection].add(one, deadline: deadline)
    case .remove: totals[collection].remove(one, deadline: deadline)
    case .removeAll: totals[collection].removeAll()
    }
  }
}
