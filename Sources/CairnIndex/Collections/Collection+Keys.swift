public import Cairn

/// Of a collection whose keys are in order: as the same functions of the store.
extension Store.Collection {
  /// The keys of a range, in the order of their bytes.
  ///
  /// - Throws: as ``Store/keys(in:limit:reversed:)``.
  public func keys(
    in range: KeyRange = .all, limit: Int = .max, reversed: Bool = false
  ) throws(StoreError) -> [[UInt8]] {
    try store.keys(in: inStore(range), limit: limit, reversed: reversed).map(key)
  }

  /// Some keys of a range, and what is left of it.
  public func keyPage(
    in range: KeyRange = .all, limit: Int, reversed: Bool = false
  ) throws(StoreError) -> (keys: [[UInt8]], rest: KeyRange?) {
    let page = try store.keyPage(in: inStore(range), limit: limit, reversed: reversed)
    return (page.keys.map(key), page.rest.map(inCollection))
  }

  /// How many keys there are in a range.
  public func count(in range: KeyRange) throws(StoreError) -> Int { try store.count(in: inStore(range)) }

  /// The first key of a range; `nil` if it is empty.
  public func firstKey(in range: KeyRange = .all) throws(StoreError) -> [UInt8]? {
    try store.firstKey(in: inStore(range)).map(key)
  }

  /// The last key of a range; `nil` if it is empty.
  public func lastKey(in range: KeyRange = .all) throws(StoreError) -> [UInt8]? {
    try store.lastKey(in: inStore(range)).map(key)
  }

  /// The range of its keys in the store. Those of no key, which there cannot be, is before all others.
  private func inStore(_ range: KeyRange) -> KeyRange {
    KeyRange(lower: prefix + range.lower, upper: range.upper.map { prefix + $0 } ?? KeyRange.prefix(prefix).upper)
  }

  private func inCollection(_ range: KeyRange) -> KeyRange {
    let isBehindAll = range.upper == KeyRange.prefix(prefix).upper
    return KeyRange(lower: key(range.lower), upper: isBehindAll ? nil : range.upper.map(key))
  }
}
