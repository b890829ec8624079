public import Cairn

extension Store {
  /// The keys of a range, in the order of their bytes.
  ///
  /// - Parameters:
  ///   - limit: how many at most. To go on behind the last one of them: ``keyPage(in:limit:reversed:)``.
  ///   - reversed: from the last one to the first.
  /// - Throws: `.invalidOption` if the store does not keep its keys in order, `.notIndexed` if only collections do that
  ///   and the range is not in one of these, `.notReady` while they are being read; `.closed`.
  /// - Complexity: a descent of the tree, and the keys. All of them are as of one commit.
  public func keys(
    in range: KeyRange = .all, limit: Int = .max, reversed: Bool = false
  ) throws(StoreError) -> [[UInt8]] {
    try list(range, atMost: limit, reversed: reversed).arrays
  }

  /// Calls `body` with each key of a range, in their order, without a copy of its own for each. They come in steps:
  /// a commit that comes in between is seen in what comes after it.
  ///
  /// - Parameters:
  ///   - limit: how many at most.
  ///   - body: returns whether to go on. The span is valid until it returns.
  /// - Throws: what `body` throws; as ``keys(in:limit:reversed:)``.
  public func forEachKey(
    in range: KeyRange, limit: Int = .max, reversed: Bool = false, _ body: (_ key: RawSpan) throws -> Bool
  ) throws {
    var (pages, left) = (KeyPages(range, reversed: reversed), limit)
    while left > 0, let keys = try pages.next(in: self, atMost: left) {
      for key in keys {
        let isGoingOn = try key.withBytes { (key: RawSpan) in try body(key) }
        if !isGoingOn { return }
      }
      left -= keys.count
    }
  }

  fileprivate func list(_ range: KeyRange, atMost limit: Int, reversed: Bool) throws(StoreError) -> KeyList {
    try withOrderedKeys(range) { state, now in
      var list = KeyList()
      state.expire(at: now)
      state.tree.addKeys(in: range, atMost: limit, reversed: reversed, to: &list)
      return list
    }
  }

  /// How many keys there are in a range. Nothing is listed for that: two descents of the tree.
  ///
  /// - Throws: as ``keys(in:limit:reversed:)``.
  public func count(in range: KeyRange) throws(StoreError) -> Int {
    try withOrderedKeys(range) { state, now in
      state.expire(at: now)
      return state.tree.count(in: range)
    }
  }

  /// The first key of a range; `nil` if it is empty. The first one at or behind a key (its *ceiling*): of
  /// ``KeyRange/from(_:)``.
  public func firstKey(in range: KeyRange = .all) throws(StoreError) -> [UInt8]? {
    try keys(in: range, limit: 1).first
  }

  /// The last key of a range; `nil` if it is empty. The last one at or before a key (its *floor*): of
  /// ``KeyRange/through(_:)``.
  public func lastKey(in range: KeyRange = .all) throws(StoreError) -> [UInt8]? {
    try keys(in: range, limit: 1, reversed: true).first
  }

  /// Some keys of a range, and what is left of it.
  public func keyPage(
    in range: KeyRange = .all, limit: Int, reversed: Bool = false
  ) throws(StoreError) -> (keys: [[UInt8]], rest: KeyRange?) {
    if limit < 1 { return ([], range) }
    let keys = try keys(in: range, limit: limit, reversed: reversed)
    guard keys.count == limit, let last = keys.last else { return (keys, nil) }
    return (keys, range.rest(behind: last, reversed: reversed))
  }

  private func withOrderedKeys<Result>(
    _ range: KeyRange, _ body: (inout OrderedKeys.State, _ now: Int64) -> Result
  ) throws(StoreError) -> Result {
    let ordered = try OrderedKeys.found(among: views, with: range)
    try checkOpen()
    let now = now
    while true {
      try ordered.refresh()
      let result = try ordered.state.withLock { (state) throws(StoreError) -> Result? in
        if state.isStale { return nil }
        try state.checkReady()
        let result = body(&state, now)
        // The file may not be what had been written.
        return state.tree.isDamaged ? nil : result
      }
      if let result { return result }
    }
  }
}

/// The keys of a range, some at a time; where nobody says how many, each time more.
struct KeyPages {
  private var rest: KeyRange?
  private let reversed: Bool
  private var size = 32
  private static let sizeMax = 1024

  init(_ range: KeyRange, reversed: Bool) {
    rest = range
    self.reversed = reversed
  }

  /// `nil`: there are no more.
  mutating func next(in store: Store, atMost limit: Int = .max) throws(StoreError) -> KeyList? {
    guard let range = rest else { return nil }
    let count = limit < .max ? min(Self.sizeMax, limit) : size
    let list = try store.list(range, atMost: count, reversed: reversed)
    rest = list.count == count ? list.last.map { range.rest(behind: Array($0), reversed: reversed) } : nil
    size = min(size * 4, Self.sizeMax)
    return list.isEmpty ? nil : list
  }
}

extension OrderedKeys {
  /// - Throws: `.invalidOption`; `.notIndexed` if there are some, but not with all keys of the range.
  static func found(among views: [any StoreView], with range: KeyRange) throws(StoreError) -> OrderedKeys {
    let all = views.compactMap { $0 as? OrderedKeys ?? ($0 as? Collections)?.ordered }
    if let ordered = all.first(where: { $0.covers(range) }) { return ordered }
    if all.isEmpty {
      throw StoreError(.invalidOption, "the store does not keep its keys in order: add OrderedKeys to its views")
    }
    throw StoreError(
      .notIndexed, "only keys of some collections are kept in order: ask for those of one, or add OrderedKeys")
  }
}

extension OrderedKeys.State {
  func checkReady() throws(StoreError) {
    try making.checkReady("the keys", isDamaged: tree.isDamaged)
  }
}

extension Snapshot {
  /// The keys of a range as they were, in the order of their bytes.
  ///
  /// - Throws: as ``Store/keys(in:limit:reversed:)``, and as a lookup in the snapshot; `.historyGone` if the keys had
  ///   to be read anew since (a follower that was overtaken by compaction, a damaged file), or if some were invalidated
  ///   while they were being read.
  /// - Complexity: as there, and a lookup for each key.
  public func keys(
    in range: KeyRange = .all, limit: Int = .max, reversed: Bool = false
  ) throws(StoreError) -> [[UInt8]] {
    let ordered = try OrderedKeys.found(among: views, with: range)
    try checkOpen()
    try ordered.refresh()
    var (keys, rest): ([[UInt8]], KeyRange) = ([], range)
    while keys.count < limit {
      let candidates = try ordered.state.withLock { (state) throws(StoreError) in
        let keys = state.candidates(in: rest, atMost: Self.candidatesAtOnce, reversed: reversed)
        try state.checkReady()
        if sequence >= state.oldestSnapshot { return keys }
        throw StoreError(.historyGone, "the keys were read anew after the snapshot had been taken: take another one")
      }
      for key in candidates where keys.count < limit {
        if try contains(key) { keys.append(key) }
      }
      guard candidates.count == Self.candidatesAtOnce, let last = candidates.last else { break }
      rest = rest.rest(behind: last, reversed: reversed)
    }
    return keys
  }

  private static let candidatesAtOnce = 256
}
