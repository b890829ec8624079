public import Cairn

extension Store.Collection {
  /// The value of a key, or `nil` if there is none that can be used.
  ///
  /// - Throws: as ``Store/value(for:)``; `.emptyKey`.
  /// - Complexity: as that, and a lookup for each source and theirs.
  public func value<Key: ByteLending>(for key: Key) throws(StoreError) -> [UInt8]? {
    try read(key, { [UInt8](copying: $0.value) }, migrated: { $0.value })
  }

  /// Calls `body` with the value of a key, in place.
  ///
  /// - Returns: what `body` returns, or `nil` if there is no such value.
  /// - Throws: as ``value(for:)``.
  public func withValue<Key: ByteLending, Result>(
    for key: Key, _ body: (RawSpan) -> Result
  ) throws(StoreError) -> Result? {
    try read(key, { body($0.value) }, migrated: { $0.value.withBytes { body($0) } })
  }

  /// A value with its version, its deadline and the attributes that it was put with.
  ///
  /// - Throws: as ``value(for:)``.
  public func entry<Key: ByteLending>(for key: Key) throws(StoreError) -> Store.Entry? {
    try read(key, { Store.Entry($0) }, migrated: { $0 })?.withoutOwnAttributes
  }

  /// Whether there is a value that can be used.
  ///
  /// - Throws: as ``value(for:)``.
  /// - Complexity: as that, but nothing is decompressed that need not be migrated.
  public func contains<Key: ByteLending>(_ key: Key) throws(StoreError) -> Bool { try version(of: key) != nil }

  /// The version of a key, for ``put(_:for:attributes:derivedFrom:ifVersion:expires:durability:)``.
  ///
  /// - Throws: as ``value(for:)``.
  /// - Complexity: as ``contains(_:)``.
  public func version<Key: ByteLending>(of key: Key) throws(StoreError) -> UInt64? {
    let found = try store.withEntry(for: storeKey(key), withValue: false) { ($0.version, judge($0.attributes)) }
    switch found {
    case (let version, .useful)?: return version
    case (_, .migrated)?: return try entry(for: key)?.version
    default: return nil
    }
  }

  /// Visits the entries that can be used, in no order. See ``Store/forEach(_:)``.
  ///
  /// - Complexity: all of the store, whatever is in other collections.
  public func forEach(_ body: (_ key: [UInt8], _ entry: Store.Entry) throws -> Bool) throws {
    try store.forEach { entry in
      if !entry.key.begins(with: prefix) { return true }
      switch judge(entry.attributes) {
      case .earlier, .later, .stale: return true
      case .useful: return try body(key([UInt8](copying: entry.key)), Store.Entry(entry).withoutOwnAttributes)
      case .migrated(let version):
        guard let migrated = migrated(Store.Entry(entry), [UInt8](copying: entry.key), from: version) else {
          return true
        }
        return try body(key([UInt8](copying: entry.key)), migrated.withoutOwnAttributes)
      }
    }
  }

  private enum Found<Result> {
    case result(Result)
    case useless
    case old(Store.Entry, SchemaVersion?)
  }

  private func read<Key: ByteLending, Result>(
    _ key: Key, _ body: (EntryView) -> Result, migrated: (Store.Entry) -> Result
  ) throws(StoreError) -> Result? {
    let key = try storeKey(key)
    let found = try store.withEntry(for: key) { entry -> Found<Result> in
      switch judge(entry.attributes) {
      case .useful: .result(body(entry))
      case .earlier, .later, .stale: .useless
      case .migrated(let version): .old(Store.Entry(entry), version)
      }
    }
    switch found {
    case nil, .useless?: return nil
    case .result(let result)?: return result
    case .old(let entry, let version)?: return self.migrated(entry, key, from: version).map(migrated)
    }
  }

  /// An entry as it is in the schema of now, which is kept; `nil` if it cannot be.
  private func migrated(_ old: Store.Entry, _ key: [UInt8], from version: SchemaVersion?) -> Store.Entry? {
    guard let schema = options.schema, let value = options.migrate?(old.value, version) else { return nil }
    var attributes = old.attributes
    attributes[SchemaVersion.attributeName] = .string("\(schema)")
    let expires = old.deadline.map { Store.Expiry.at(milliseconds: $0) } ?? .never
    // Who cannot keep it has it all the same.
    let kept = try? store.put(
      value, for: key, attributes: attributes, ifVersion: old.version, expires: expires,
      compression: options.compression)
    return Store.Entry(
      value: value, version: kept.flatMap { $0 } ?? old.version, deadline: old.deadline, attributes: attributes)
  }
}

extension Store.Entry {
  /// As it was put into a collection.
  fileprivate var withoutOwnAttributes: Store.Entry {
    var attributes = attributes
    (attributes[SchemaVersion.attributeName], attributes[Sources.attributeName]) = (nil, nil)
    return Store.Entry(value: value, version: version, deadline: deadline, attributes: attributes)
  }
}
