public import Cairn
internal import Synchronization

/// The keys of a store in the order of their bytes: prefixes, ranges, neighbours, counts.
///
/// ```swift
/// var options = Store.Options()
/// options.views = [OrderedKeys()]
/// let store = try Store.open(at: "cache", options: options)
/// try store.put("Ada", for: "user:42:name")
/// let keys = try store.keys(in: .prefix("user:42:"))
/// ```
///
/// What it shows is the store as of some commit, batches whole, and never an entry that has expired. It lives in
/// memory, and takes up to 12 bytes for each key besides the key, and 8 more where keys have deadlines; what neighbours
/// begin with is kept once. Queries wait for a commit that is becoming visible, and commits for queries: who lists
/// millions of keys does so in steps (``Store/forEachKey(in:limit:reversed:_:)``). An invalidation lets go of the keys
/// of its prefix at once; as long as there are snapshots, which may see them, it takes as long as removing each.
///
/// One belongs to one open store at a time. While it reads the store in the background, it keeps it open.
public final class OrderedKeys: StoreView {
  struct State: ~Copyable {
    var tree = KeyTree()
    /// Other keys are not in it; `nil`: all are.
    let prefixes: [[UInt8]]?
    /// Keys that have been removed, as long as a snapshot may see them. What the tree calls a deadline is here the
    /// sequence of the commit that has removed them.
    var removed = KeyTree()
    var hasSnapshots = false
    /// What was removed before this one is not among them.
    var oldestSnapshot: UInt64 = 0
    /// Of the commit that is under way; and whether keys have gone of which snapshots cannot be told any more.
    var removing: [[UInt8]] = []
    var isForgetting = false
    var making = ViewMaking()
    /// Up to this one everything is in it.
    var sequence: UInt64 = 0
    /// The same of the file; `nil`: there is none that is worth something.
    var savedSequence: UInt64?
    /// What has expired up to then is not in it.
    var dropped = Int64.min
  }

  let state: Guarded<State>
  let maker = ViewMaker("OrderedKeys")
  let prefixes: [[UInt8]]?
  let fileName: String

  private let savedAfter: UInt64

  /// All keys of the store.
  public convenience init() { self.init(savedAfter: 10_000) }

  /// - Parameters:
  ///   - savedAfter: fewer changes than these are not kept, but made again.
  ///   - prefixes: of the keys; `nil`: all. None begins with another.
  ///   - fileName: of what is kept.
  package init(savedAfter: Int = 10_000, prefixes: [[UInt8]]? = nil, fileName: String = "keys") {
    self.fileName = fileName
    self.savedAfter = UInt64(savedAfter)
    self.prefixes = prefixes?.sorted { $0.lexicographicallyPrecedes($1) }
    state = Guarded(State(prefixes: self.prefixes))
  }

  /// Whether all keys of a range are in it, that are in the store.
  func covers(_ range: KeyRange) -> Bool {
    guard let prefixes else { return true }
    return prefixes.contains { prefix in
      let all = KeyRange.prefix(prefix)
      guard range.lower.starts(with: prefix), let upper = range.upper else { return false }
      return all.upper.map { !$0.lexicographicallyPrecedes(upper) } ?? true
    }
  }

  /// What part of the store has been read; 1 when it is ready. Queries throw `.notReady` before that.
  public var progress: Double { state.withLock { $0.isReady } ? 1 : maker.progress }

  /// Waits until it can be asked.
  public func ready() async { await maker.ready() }

  /// What it takes in memory, in bytes.
  public var memoryByteCount: Int { state.withLock { $0.tree.memoryByteCount + $0.removed.memoryByteCount } }

  var store: Store? { maker.store }

  // MARK: As a view

  /// - Throws: `.invalidOption` if it belongs to another store that is still open.
  public func attach(to store: Store) throws(StoreError) {
    try maker.attach(to: store)
    state.withLock { $0 = State(prefixes: prefixes) }
    let missed = load(from: store)
    if missed == 0 { return }
    if missed == nil { begin() }
    maker.make(of: store, missed ?? store.statistics.liveEntries) { () throws(StoreError) in
      try self.make(from: store)
    }
  }

  private func begin() {
    state.withLock { state in
      if state.tree.isDamaged { state.making.ask() }
      state.tree = KeyTree()
      state.removed = KeyTree()
      state.making.begin()
      state.savedSequence = nil
    }
  }

  /// Makes it anew if that is asked for.
  func refresh() throws(StoreError) {
    guard state.withLock({ $0.isStale }), let store else { return }
    try maker.alone(with: store) { () throws(StoreError) in
      while state.withLock({ $0.isStale }) {
        begin()
        let sequence = store.lastSequence
        state.withLock { $0.oldestSnapshot = sequence }
        try read(store)
      }
    }
  }

  private func make(from store: Store) throws(StoreError) {
    if state.withLock({ $0.making.isMadeOfFile }) {
      if (try? catchUp(store)) != nil { return }
      // The log has no longer all of it.
      begin()
    }
    try read(store)
  }

  private func read(_ store: Store) throws(StoreError) {
    // Before it is read: what comes later comes by commits.
    let (sequence, now) = (store.lastSequence, store.now)
    var keys: [(key: [UInt8], deadline: Int64)] = []
    do throws(StoreError) {
      try maker.read(store, .keys) { entry in
        guard entry.key.begins(withAnyOf: prefixes) else { return }
        keys.append(([UInt8](copying: entry.key), entry.deadline ?? .max))
        if keys.count == Self.keysAtOnce { take(&keys) }
      }
    } catch {
      state.withLock { $0.making.fail(error) }
      throw error
    }
    take(&keys)
    // What has expired meanwhile was left out as well.
    let end = max(now, store.now)
    state.withLock { state in
      state.making.finish()
      state.sequence = max(state.sequence, sequence)
      state.dropped = max(state.dropped, end)
    }
  }

  private static let keysAtOnce = 1000

  private func take(_ keys: inout [(key: [UInt8], deadline: Int64)]) {
    state.withLock { state in
      for (key, deadline) in keys where state.making.isMissing(key) {
        key.withBytes { key in
          // What a commit has put meanwhile is newer.
          if !state.tree.contains(key) { state.tree.insert(key, deadline: deadline) }
        }
      }
    }
    keys.removeAll(keepingCapacity: true)
  }

  public func beginCommit(oldestSnapshot: UInt64?) {
    state.lock()
    state.value.beginCommit(oldestSnapshot)
  }

  public func apply(_ change: borrowing EntryChange) { state.value.apply(change) }

  public func endCommit(_ sequence: UInt64) {
    state.value.endCommit(sequence)
    state.unlock()
  }

  public func reset() { state.withLock { $0.making.ask() } }

  public func save(to files: ViewFiles) {
    let isDue = state.withLock { state in
      if !state.isReady { return false }
      guard let saved = state.savedSequence else { return state.tree.count > savedAfter }
      // Less is read again faster than all is written.
      return state.sequence > saved && state.sequence - saved > max(savedAfter, UInt64(state.tree.count / 4))
    }
    if isDue { try? keep(in: files) }
  }
}

extension OrderedKeys.State {
  /// Everything is to be read anew: also where a file was not what had been written.
  var isStale: Bool { making.isStale || tree.isDamaged }
  var isReady: Bool { making.isReady && !tree.isDamaged }

  /// Whether a key is to be in it.
  func keeps(_ key: [UInt8]) -> Bool { prefixes == nil || key.withBytes { $0.begins(withAnyOf: prefixes) } }

  mutating func beginCommit(_ oldestSnapshot: UInt64?) {
    hasSnapshots = oldestSnapshot != nil
    if removed.count > 0 { removed.expire(at: Int64(clamping: oldestSnapshot ?? .max)) }
  }

  mutating func apply(_ change: borrowing EntryChange) {
    if change.kind != .invalidate && !change.key.begins(withAnyOf: prefixes) { return }
    switch change.kind {
    case .put:
      making.notePut(change.key)
      // What has expired is in the store still, and not here.
      let isThere = change.isReplacing && change.deadline == nil && change.replacedDeadline == nil
      if isThere && !making.isMadeOfFile { return }
      tree.insert(change.key, deadline: change.deadline ?? .max)
    case .remove:
      making.noteRemoved(change.key)
      tree.remove(change.key)
      if hasSnapshots { removing.append([UInt8](copying: change.key)) }
    case .invalidate:
      making.noteInvalidated(change.key)
      let prefix = [UInt8](copying: change.key)
      if hasSnapshots { removing += tree.keys(in: .prefix(prefix), atMost: .max, reversed: false) }
      tree.removeAll(in: .prefix(prefix))
      // Keys that have not been read yet are gone too, and nobody knows which.
      if making.isUnderWay { isForgetting = true }
    }
  }

  /// While it is made from a file and the changes since: keys were invalidated, before what commits have told.
  mutating func invalidate(_ prefix: [UInt8]) {
    for key in tree.keys(in: .prefix(prefix), atMost: .max, reversed: false) where making.isMissing(key) {
      key.withBytes { _ = tree.remove($0) }
    }
  }

  mutating func endCommit(_ sequence: UInt64) {
    self.sequence = max(self.sequence, sequence)
    if isForgetting { (oldestSnapshot, isForgetting) = (max(oldestSnapshot, sequence), false) }
    if removing.isEmpty { return }
    for key in removing { key.withBytes { _ = removed.insert($0, deadline: Int64(clamping: sequence)) } }
    removing.removeAll()
  }

  /// Takes out what has expired. A snapshot may still see what there was before: it is put there with another deadline.
  mutating func expire(at now: Int64) {
    if tree.earliest > now { return }
    let expired = tree.expire(at: now)
    if expired.isEmpty { return }
    dropped = max(dropped, now)
    if !hasSnapshots { return }
    for key in expired { key.withBytes { _ = removed.insert($0, deadline: Int64(clamping: sequence)) } }
  }

  /// Some keys of a range, from its beginning or from its end, and those that snapshots may still see.
  mutating func candidates(in range: KeyRange, atMost limit: Int, reversed: Bool) -> [[UInt8]] {
    let keys = tree.keys(in: range, atMost: limit, reversed: reversed)
    if removed.count == 0 { return keys }
    let others = removed.keys(in: range, atMost: limit, reversed: reversed)
    return Self.merged(keys, others, atMost: limit, reversed: reversed)
  }

  private static func merged(_ a: [[UInt8]], _ b: [[UInt8]], atMost limit: Int, reversed: Bool) -> [[UInt8]] {
    var (i, j, result): (Int, Int, [[UInt8]]) = (0, 0, [])
    while result.count < limit && (i < a.count || j < b.count) {
      if i < a.count && j < b.count && a[i] == b[j] { j += 1 }
      if j == b.count || i < a.count && a[i].lexicographicallyPrecedes(b[j]) != reversed {
        result.append(a[i])
        i += 1
      } else {
        result.append(b[j])
        j += 1
      }
    }
    return result
  }
}

extension RawSpan {
  package func begins(with prefix: [UInt8]) -> Bool { prefix.withBytes { EncodedAttributes.hasPrefix(self, $0) } }

  /// - Parameter prefixes: `nil`: it does.
  func begins(withAnyOf prefixes: [[UInt8]]?) -> Bool {
    guard let prefixes else { return true }
    for prefix in prefixes {
      if begins(with: prefix) { return true }
    }
    return false
  }
}
