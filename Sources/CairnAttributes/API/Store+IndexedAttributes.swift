public import Cairn
public import CairnIndex

extension Store {
  /// How many entries satisfy a query.
  ///
  /// - Parameter scanning: conditions on attributes that have no index are answered by reading the records of all that
  ///   satisfy the others, each as it is at some moment during the call.
  /// - Throws: `.notIndexed` where such a condition is met otherwise, `.historyGone` if the entries had to be read anew
  ///   while records were read; `.invalidOption` if the store has no
  ///   ``IndexedAttributes``, `.notReady` while they are being read; `.closed`; `.damaged` for records that are read.
  /// - Complexity: bitmaps of the conditions; no record is touched.
  public func count(where query: Query, scanning: Bool = false) throws(StoreError) -> Int {
    let (count, isExact) = try withIndexedAttributes { (table) throws(StoreError) in
      try table.count(query, allowingScan: scanning)
    }
    if isExact { return count }
    let indexes = try indexedAttributes().indexes
    var found = 0
    var pages = AttributePages(query, nil, scanning: true)
    while let keys = try pages.next(in: self, atMost: .max) {
      for key in keys where try indexes.match(attributes(of: key) ?? [:], query) { found += 1 }
    }
    return found
  }

  /// The keys of some entries that satisfy a query, and where to go on. All of a page are as of one commit.
  ///
  /// - Parameters:
  ///   - order: `nil`: in any order, which is the same for all pages.
  ///   - cursor: of the page before, with the same query and order.
  ///   - limit: how many at most, 1 or more.
  /// - Throws: as ``count(where:scanning:)``, but that nothing is scanned; `.historyGone` if the cursor is of an
  ///   earlier session, or the entries had to be read anew since: begin again.
  public func page(
    where query: Query, orderedBy order: AttributeOrder? = nil, after cursor: AttributeCursor? = nil, limit: Int
  ) throws(StoreError) -> AttributePage {
    try withIndexedAttributes { (table) throws(StoreError) in
      try table.page(query, order: order, after: cursor, limit: limit)
    }
  }

  /// The keys of entries that satisfy a query. They come in pages: a commit that comes in between is seen in what comes
  /// after it.
  ///
  /// - Throws: as ``page(where:orderedBy:after:limit:)``.
  public func keys(
    where query: Query, orderedBy order: AttributeOrder? = nil, limit: Int = .max
  ) throws(StoreError) -> [[UInt8]] {
    var keys: [[UInt8]] = []
    var pages = AttributePages(query, order, scanning: false)
    while keys.count < limit, let some = try pages.next(in: self, atMost: limit - keys.count) { keys += some }
    return keys
  }

  /// Calls `body` with each entry that satisfies a query, as it is at some moment during the call; entries that go
  /// meanwhile, or satisfy it no more, are left out. One that is removed and put again meanwhile may come twice.
  ///
  /// - Parameters:
  ///   - scanning: see ``count(where:scanning:)``.
  ///   - body: returns whether to go on.
  /// - Throws: what `body` throws; as ``count(where:scanning:)`` and ``page(where:orderedBy:after:limit:)``.
  public func forEachEntry(
    where query: Query, orderedBy order: AttributeOrder? = nil, limit: Int = .max, scanning: Bool = false,
    _ body: (_ key: [UInt8], _ entry: Entry) throws -> Bool
  ) throws {
    let indexes = try indexedAttributes().indexes
    var left = limit
    var pages = AttributePages(query, order, scanning: scanning)
    while left > 0, let keys = try pages.next(in: self, atMost: scanning ? .max : left) {
      for key in keys where left > 0 {
        guard let entry = try entry(for: key), indexes.match(entry.attributes, query) else { continue }
        left -= 1
        if try !body(key, entry) { return }
      }
    }
  }

  /// Removes all entries that satisfy a query, each by itself. One that is changed meanwhile goes only if it satisfies
  /// it still.
  ///
  /// - Returns: how many have been removed.
  /// - Throws: as ``forEachEntry(where:orderedBy:limit:scanning:_:)`` and ``remove(_:durability:)``. What has been
  ///   removed until then stays so.
  /// - Complexity: a lookup and a remove for each.
  @discardableResult
  public func invalidate(
    where query: Query, scanning: Bool = false, durability: Durability? = nil
  ) throws -> Int {
    var removed = 0
    let cause = RemovalCause.invalidated(by: query.description)
    try forEachEntry(where: query, scanning: scanning) { key, entry in
      let isGone = try remove(key, ifVersion: entry.version, cause: cause, durability: durability)
      removed += isGone ? 1 : 0
      return true
    }
    return removed
  }

  /// Count, bytes, sum, minimum and maximum of each group, in the order of the groups' values.
  ///
  /// - Throws: `.notIndexed` if these totals are not declared; as ``count(where:scanning:)``.
  /// - Complexity: O(groups); after the least or greatest number of a group has gone, it is looked for in its index.
  public func totals(_ aggregate: AttributeAggregate) throws(StoreError) -> [AttributeTotal] {
    try withIndexedAttributes { (table) throws(StoreError) in try table.totals(aggregate) }
  }

  /// The same of one group; `nil` if no entry is in it.
  public func total(
    _ aggregate: AttributeAggregate, of group: Attributes.Value
  ) throws(StoreError) -> AttributeTotal? {
    try withIndexedAttributes { (table) throws(StoreError) in try table.total(aggregate, group: group) }
  }

  /// How a query is answered: by which index, and how many entries it touches.
  ///
  /// - Throws: as ``count(where:scanning:)``.
  public func explain(_ query: Query, scanning: Bool = false) throws(StoreError) -> QueryExplanation {
    try withIndexedAttributes { (table) throws(StoreError) in try table.explain(query, allowingScan: scanning) }
  }

  private func indexedAttributes() throws(StoreError) -> IndexedAttributes {
    if let indexed = views.lazy.compactMap({ $0 as? IndexedAttributes }).first { return indexed }
    throw StoreError(.invalidOption, "the store has no indexes of attributes: add IndexedAttributes to its views")
  }

  fileprivate func withIndexedAttributes<Result>(
    _ body: (AttributeTable) throws(StoreError) -> Result
  ) throws(StoreError) -> Result {
    let indexed = try indexedAttributes()
    try checkOpen()
    while true {
      try indexed.refresh()
      indexed.expire(at: now)
      let result = try indexed.state.withLock { (state) throws(StoreError) -> Result? in
        if state.making.isStale { return nil }
        try state.making.checkReady("the attributes")
        // What has expired since, or while it was being made.
        state.table.expire(at: now)
        return try body(state.table)
      }
      if let result { return result }
    }
  }
}

/// The keys that satisfy a query, some at a time; each time more.
private struct AttributePages {
  private let query: Query
  private let order: AttributeOrder?
  private let scanning: Bool
  private var cursor: AttributeCursor?
  private var isAtEnd = false
  private var size = 32
  private static let sizeMax = 1024

  init(_ query: Query, _ order: AttributeOrder?, scanning: Bool) {
    (self.query, self.order, self.scanning) = (query, order, scanning)
  }

  /// `nil`: there are no more.
  mutating func next(in store: Store, atMost limit: Int) throws(StoreError) -> [[UInt8]]? {
    if isAtEnd { return nil }
    let page = try store.withIndexedAttributes { (table) throws(StoreError) in
      try table.page(query, order: order, after: cursor, limit: min(size, limit), allowingScan: scanning)
    }
    (cursor, isAtEnd) = (page.next, page.next == nil)
    size = min(size * 4, Self.sizeMax)
    return page.keys.isEmpty ? nil : page.keys
  }
}
