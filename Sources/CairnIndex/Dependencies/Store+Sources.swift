public import Cairn

extension Store {
  /// The keys that something is to be made from, with the versions that they have. To be asked before they are read:
  /// what changes in between makes the result stale, as it should.
  ///
  /// - Parameter keys: texts of 1 to ``Sources/keyBytes`` bytes; of some that are not there it is noted that they are
  ///   not. Some 60 short ones fit into an entry.
  /// - Throws: `.invalidAttribute` for other keys; as ``Store/version(of:)``.
  /// - Complexity: a lookup for each.
  public func sources<Key: ByteLending>(of keys: [Key]) throws(StoreError) -> Sources {
    var sources = Sources()
    for key in keys { try sources.add(key.bytes, try version(of: key) ?? 0) }
    return sources
  }

  /// Tags that something is to have: what is put with them is stale as soon as one of them is invalidated. They are of
  /// the whole store, all of its collections. To be asked before anything is read, as ``sources(of:)``, and to be put
  /// together with these by ``Sources/merging(_:)``.
  ///
  /// A tag that nobody has asked for before is put. So each has a version, and no version comes twice: whatever removes
  /// the key of a tag, such as an invalidation of everything, makes stale what had it.
  ///
  /// - Parameter tags: of 1 to 229 bytes, which tell them apart.
  /// - Throws: as ``sources(of:)``, and as ``Store/putIfAbsent(_:for:expires:durability:)`` for the new ones.
  /// - Complexity: as the first; each read of such an entry looks its tags up, too.
  public func sources(tags: [String]) throws(StoreError) -> Sources {
    try sources(tags: tags, unlessInvalidatedSince: .max) ?? Sources()
  }

  /// The same for what has been read before: `nil` if one of them has been invalidated after that.
  package func sources(tags: [String], unlessInvalidatedSince sequence: UInt64) throws(StoreError) -> Sources? {
    var sources = Sources()
    for tag in tags {
      let key = try Sources.key(tag: tag)
      var found: (version: UInt64, isInvalidated: Bool)?
      while found == nil {
        found = try withEntry(for: key) { ($0.version, !$0.value.isEmpty) }
        if found == nil { found = try putIfAbsent("", for: key).map { ($0, false) } }
      }
      guard let found, !found.isInvalidated || found.version <= sequence else { return nil }
      try sources.add(key, found.version)
    }
    return sources
  }

  /// Makes all entries stale that have been put with a tag, however many: none of them is there any more for
  /// ``freshValue(for:)``, nor for the reads of collections, nor what was made from them. What is read already and put
  /// later, with what ``sources(tags:)`` told before this, is stale as well.
  ///
  /// It is a put of a short value, with the tag as its key behind ``Sources/tagPrefix``. The space of the entries
  /// comes back when they are replaced, expire or are removed (``removeStale(prefix:)``).
  ///
  /// - Returns: the version of the tag.
  /// - Throws: as ``sources(tags:)`` and ``Store/put(_:for:expires:durability:)``.
  @discardableResult
  public func invalidate(tag: String, durability: Durability? = nil) throws(StoreError) -> UInt64 {
    try put("invalidated", for: Sources.key(tag: tag), durability: durability)
  }

  /// Gives a key a value that was made from others: see ``Sources``.
  ///
  /// - Throws: `.dependencyCycle` if the key is among its sources, or among theirs; `.invalidAttribute` if there are
  ///   too many, or the attributes have one of that name; as
  ///   ``Store/put(_:for:attributes:expires:compression:durability:)``.
  /// - Complexity: as that, and a lookup for each source and theirs.
  @discardableResult
  public func put<Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending>(
    _ value: borrowing Value, for key: Key, attributes: Attributes = [:], derivedFrom sources: Sources,
    expires: Expiry = .never, durability: Durability? = nil
  ) throws(StoreError) -> UInt64 {
    let attributes = try attributes.adding(sources, for: key.bytes, in: self)
    return try put(value, for: key, attributes: attributes, expires: expires, durability: durability)
  }

  /// The value of a key, if it is as its sources are now; `nil` if it is stale, or not there. What was made from
  /// nothing is always fresh.
  ///
  /// - Throws: as ``Store/value(for:)``.
  /// - Complexity: as that, and a lookup for each source and theirs.
  public func freshValue<Key: ByteLending>(for key: Key) throws(StoreError) -> [UInt8]? {
    try withEntry(for: key) { entry in
      var freshness = Freshness(self)
      return freshness.isFresh(entry.attributes) ? [UInt8](copying: entry.value) : nil
    } ?? nil
  }

  /// Whether a key's value is not as its sources are now; `nil` if there is none.
  ///
  /// - Throws: as ``Store/value(for:)``.
  public func isStale<Key: ByteLending>(_ key: Key) throws(StoreError) -> Bool? {
    try withEntry(for: key, withValue: false) { entry in
      var freshness = Freshness(self)
      return !freshness.isFresh(entry.attributes)
    }
  }

  /// Removes the entries that are stale. Returns how many there were.
  ///
  /// - Parameter prefix: of the keys that are looked at.
  /// - Throws: as ``Store/forEach(_:)`` and ``Store/remove(_:ifVersion:durability:)``.
  /// - Complexity: the whole index, and the sources of each entry that has some; a write for each that goes.
  @discardableResult
  public func removeStale<Prefix: ByteLending>(prefix: Prefix) throws -> Int {
    let prefix = prefix.bytes
    return try removeAll { entry in
      if !entry.key.begins(with: prefix) { return nil }
      var freshness = Freshness(self)
      return freshness.isFresh(entry.attributes) ? nil : .invalidated(by: Sources.attributeName)
    }
  }

  /// The same of all entries.
  @discardableResult
  public func removeStale() throws -> Int { try removeStale(prefix: "") }

  /// Removes the entries that are to go, unless they are changed meanwhile. Returns how many these were.
  ///
  /// - Parameter cause: why an entry is to go; `nil`: it is not.
  func removeAll(_ cause: (EntryView) throws -> RemovalCause?) throws -> Int {
    var going: [(key: [UInt8], version: UInt64, cause: RemovalCause)] = []
    try forEachWithoutValue { entry in
      if let cause = try cause(entry) { going.append(([UInt8](copying: entry.key), entry.version, cause)) }
      return true
    }
    var removed = 0
    for (key, version, cause) in going where try remove(key, ifVersion: version, cause: cause) { removed += 1 }
    return removed
  }

  /// Gives a key a value unless it has that already: for sources that are not of the store, such as the version of a
  /// model. An entry that stays keeps its version, and with it all that was made from it.
  ///
  /// - Returns: its version.
  /// - Throws: as ``Store/update(_:expires:durability:_:)``.
  @discardableResult
  public func putIfChanged<Value: ByteLending, Key: ByteLending>(
    _ value: Value, for key: Key, durability: Durability? = nil
  ) throws(StoreError) -> UInt64 {
    let value = value.bytes
    while true {
      guard let old = try entry(for: key) else {
        if let version = try putIfAbsent(value, for: key, durability: durability) { return version }
        continue
      }
      if old.value == value { return old.version }
      if let version = try put(value, for: key, ifVersion: old.version, durability: durability) { return version }
    }
  }
}

extension Attributes {
  /// - Throws: as ``Store/put(_:for:attributes:derivedFrom:expires:durability:)``.
  package func adding(_ sources: Sources, for key: [UInt8], in store: Store) throws(StoreError) -> Attributes {
    if self[Sources.attributeName] != nil { throw Self.reserved(Sources.attributeName) }
    if sources.isEmpty { return self }
    try sources.checkCycle(key, in: store)
    var attributes = self
    attributes[Sources.attributeName] = sources.tags
    return attributes
  }

  static func reserved(_ name: String) -> StoreError {
    StoreError(.invalidAttribute, "the attribute \(name) is set by the store: leave it out")
  }
}

extension Sources {
  /// - Throws: `.dependencyCycle` if a key is among them, or among theirs.
  fileprivate func checkCycle(_ key: [UInt8], in store: Store) throws(StoreError) {
    var seen: Set<[UInt8]> = []
    var next = Array(versions.keys)
    while let source = next.popLast() {
      if source == key {
        throw StoreError(
          .dependencyCycle, "an entry cannot be made from itself, by way of others either",
          keyPrefix: Array(key.prefix(32)))
      }
      guard seen.insert(source).inserted else { continue }
      _ = try store.withEntry(for: source, withValue: false) { entry in
        guard let found = Sources.attributeName.withBytes({ entry.attributes.find($0) }), found.kind == .tags else {
          return
        }
        EncodedAttributes.forEachTag(in: entry.attributes.bytes.extracting(found.place)) { tag in
          if let tag = Sources.Tag(tag) { next.append(tag.key) }
        }
      }
    }
  }
}

extension Store.Collection {
  /// The keys of this collection that something is to be made from, with the versions that they have: as
  /// ``Store/sources(of:)`` for keys of the store, which the two can be put together with (``Sources/merging(_:)``).
  ///
  /// - Throws: as that, where the limit is of the key with the collection's name; `.emptyKey`.
  public func sources<Key: ByteLending>(of keys: [Key]) throws(StoreError) -> Sources {
    var all: [[UInt8]] = []
    for key in keys { all.append(try storeKey(key)) }
    return try store.sources(of: all)
  }
}
