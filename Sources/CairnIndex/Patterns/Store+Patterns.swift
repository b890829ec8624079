public import Cairn

extension Store {
  /// The keys that a pattern matches, in the order of their bytes. Only those are looked at that begin as all that
  /// match do (``Glob/prefix``).
  ///
  /// - Throws: as ``keys(in:limit:reversed:)``.
  /// - Complexity: the keys with that prefix. They are taken in steps: a commit that comes in between is seen in what
  ///   is taken after it. For all as of one moment, ask a snapshot.
  public func keys(
    matching glob: Glob, limit: Int = .max, reversed: Bool = false
  ) throws(StoreError) -> [[UInt8]] {
    try keys(in: .prefix(glob.prefix), limit: limit, reversed: reversed) { glob.matches($0) }
  }

  /// The keys of a range that are text and that a regular expression matches as a whole.
  public func keys(
    in range: KeyRange = .all, matching expression: Regex<some Any>, limit: Int = .max, reversed: Bool = false
  ) throws(StoreError) -> [[UInt8]] {
    try keys(in: range, limit: limit, reversed: reversed) { key in
      guard let text = String(validating: key, as: UTF8.self) else { return false }
      return (try? expression.wholeMatch(in: text)) != nil
    }
  }

  /// The keys of a range that fit.
  public func keys(
    in range: KeyRange, limit: Int = .max, reversed: Bool = false, where isWanted: ([UInt8]) -> Bool
  ) throws(StoreError) -> [[UInt8]] {
    var found: [[UInt8]] = []
    var pages = KeyPages(range, reversed: reversed)
    while found.count < limit, let keys = try pages.next(in: self) {
      for key in keys.lazy.map({ Array($0) }) where found.count < limit && isWanted(key) { found.append(key) }
    }
    return found
  }

  /// Invalidates the entries whose keys a pattern matches: with one record if that is a prefix and a star, otherwise by
  /// removing them, some thousands in each commit.
  ///
  /// - Throws: as ``keys(matching:limit:reversed:)`` and ``Store/invalidate(prefix:durability:)``.
  public func invalidate(matching glob: Glob, durability: Durability? = nil) throws(StoreError) {
    if glob.isPrefix {
      try invalidate(prefix: glob.prefix, durability: durability)
      return
    }
    var rest: KeyRange? = .prefix(glob.prefix)
    while let range = rest {
      let page = try keyPage(in: range, limit: Self.removedAtOnce)
      rest = page.rest
      let keys = page.keys.filter { glob.matches($0) }
      if keys.isEmpty { continue }
      try write(durability: durability) { (batch) throws(StoreError) in
        for key in keys { try batch.remove(key, cause: .invalidated(by: glob.description)) }
      }
    }
  }

  private static let removedAtOnce = 4096

  /// Entries of a range, in the order of their keys, each as it is at some moment during the call; entries that go
  /// meanwhile are left out. The values are looked up many at a time.
  ///
  /// - Parameters:
  ///   - limit: how many at most.
  ///   - body: returns whether to go on. The spans are valid until it returns.
  /// - Throws: what `body` throws; as ``keys(in:limit:reversed:)``, and as ``withValues(for:_:)``.
  public func forEachEntry(
    in range: KeyRange = .all, limit: Int = .max, reversed: Bool = false,
    _ body: (_ key: RawSpan, _ value: RawSpan) throws -> Bool
  ) throws {
    var left = limit
    var pages = KeyPages(range, reversed: reversed)
    while left > 0, let keys = try pages.next(in: self, atMost: left) {
      for start in stride(from: 0, to: keys.count, by: Self.valuesAtOnce) where left > 0 {
        let some = keys[start..<min(start + Self.valuesAtOnce, keys.count)]
        var failure: (any Error)?
        let looked = Result { () throws(StoreError) in
          try withValues(for: some) { position, value in
            guard left > 0, let value else { return }
            do {
              let isGoingOn = try some[start + position].withBytes { (key: RawSpan) in try body(key, value) }
              left = isGoingOn ? left - 1 : 0
            } catch {
              (failure, left) = (error, 0)
            }
          }
        }
        if let failure { throw failure }
        if left > 0 { try looked.get() }
      }
    }
  }

  /// Who stops does not wait for many more.
  private static let valuesAtOnce = 32

  /// Some entries of a range, in the order of their keys, with copies of their values.
  public func entries(
    in range: KeyRange = .all, limit: Int = .max, reversed: Bool = false
  ) throws -> [(key: [UInt8], value: [UInt8])] {
    var entries: [(key: [UInt8], value: [UInt8])] = []
    try forEachEntry(in: range, limit: limit, reversed: reversed) { key, value in
      entries.append(([UInt8](copying: key), [UInt8](copying: value)))
      return true
    }
    return entries
  }
}
