public import Cairn

extension Store {
  /// The collection of that name, as it was declared when the store was opened: see ``Collections``.
  ///
  /// - Throws: `.invalidOption` if there is none.
  /// - Complexity: the number of collections; keep it where it is needed often.
  public func collection(_ name: String) throws(StoreError) -> Collection {
    guard let collections = views.lazy.compactMap({ $0 as? Collections }).first else {
      throw StoreError(.invalidOption, "the store has no collections: add Collections to its views")
    }
    guard let found = collections.options(of: name) else {
      throw StoreError(.invalidOption, "the store has no collection \"\(name)\": declare it in Collections")
    }
    return Collection(name, found.prefix, found.options, self, collections, found.number)
  }

  /// A part of a store: the entries whose keys begin with its name and a colon. Cheap to make, to keep and to pass
  /// around; it keeps its store open.
  ///
  /// Keys are given and come without the name. An entry of another schema than is declared, or one that is stale
  /// (``Sources``), is not there for any read; keys, counts and bytes have it until it is replaced or removed.
  public struct Collection: Sendable {
    /// How a collection is: the same for all who use it.
    public struct Options: Sendable {
      /// When entries end that are put without saying so.
      public var expires: Expiry
      /// How values are stored; `nil`: as the store's options say.
      public var compression: Compression?
      /// Whether its keys are kept in their order, in memory: for ``Collection/keys(in:limit:reversed:)``.
      public var isOrdered: Bool
      /// What its values look like; `nil`: nobody asks.
      public var schema: SchemaVersion?
      /// Makes a value of an earlier minor version of the schema, or one that was put without any, into one of this;
      /// `nil`: it cannot be used, and is not there. The result is put in the value's place, whatever reads it, so each
      /// is asked for once, as a put like any other: the entry has a new version then. Where that fails, as in a store
      /// that is read-only or full, again.
      public var migrate: (@Sendable (_ value: [UInt8], _ from: SchemaVersion?) -> [UInt8]?)?

      public init(
        expires: Expiry = .never, compression: Compression? = nil, isOrdered: Bool = false,
        schema: SchemaVersion? = nil,
        migrate: (@Sendable (_ value: [UInt8], _ from: SchemaVersion?) -> [UInt8]?)? = nil
      ) {
        self.expires = expires
        self.compression = compression
        self.isOrdered = isOrdered
        self.schema = schema
        self.migrate = migrate
      }

      func validate(_ name: String) throws(StoreError) {
        if schema == nil && migrate != nil {
          throw StoreError(.invalidOption, "the collection \"\(name)\" migrates values, but declares no schema")
        }
        try compression?.validate()
      }
    }

    /// What a collection holds.
    public struct Statistics: Sendable, Equatable {
      /// Entries that have not expired.
      public let entries: Int
      /// Bytes of their keys, with the collection's name, and of their values as they were put.
      public let bytes: Int
    }

    public let name: String
    /// What its keys begin with in the store: for ``Store/observe(prefix:since:)``, say.
    public let prefix: [UInt8]
    public let options: Options
    public let store: Store
    private let collections: Collections
    private let number: Int

    init(
      _ name: String, _ prefix: [UInt8], _ options: Options, _ store: Store, _ collections: Collections, _ number: Int
    ) {
      (self.name, self.prefix, self.options, self.store) = (name, prefix, options, store)
      (self.collections, self.number) = (collections, number)
    }

    /// Entries and bytes.
    ///
    /// - Throws: `.notReady` while they are being counted, as after a crash; `.closed`; `.damaged` if they cannot be.
    /// - Complexity: O(1), and what has expired since. After some of its keys have been invalidated by a prefix, all of
    ///   the store is read.
    public func statistics() throws(StoreError) -> Statistics {
      try store.checkOpen()
      let total = try collections.total(of: number, at: store.now)
      return Statistics(entries: total.count, bytes: total.byteCount)
    }

    /// Makes all of it vanish, at once, however much it is: ``Store/invalidate(prefix:durability:)``. What is put
    /// afterwards is there.
    public func drop(durability: Durability? = nil) throws(StoreError) {
      try store.invalidate(prefix: prefix, durability: durability)
    }

    /// The same for entries whose keys begin with a prefix.
    public func invalidate<Prefix: ByteLending>(
      prefix: Prefix, durability: Durability? = nil
    ) throws(StoreError) {
      try store.invalidate(prefix: self.prefix + prefix.bytes, durability: durability)
    }

    /// Removes the entries that are not there for reads: of an earlier schema, or stale. Those of a later schema stay,
    /// for programs that know it. Returns how many there were.
    ///
    /// - Throws: as ``Store/removeStale(prefix:)``.
    /// - Complexity: as that; what can be migrated is.
    @discardableResult
    public func removeStale() throws -> Int {
      var old: [[UInt8]] = []
      var removed = try store.removeAll { entry in
        if !entry.key.begins(with: prefix) { return nil }
        switch judge(entry.attributes) {
        case .useful, .later: return nil
        case .earlier: return .invalidated(by: SchemaVersion.attributeName)
        case .stale: return .invalidated(by: Sources.attributeName)
        case .migrated:
          old.append(key([UInt8](copying: entry.key)))
          return nil
        }
      }
      for key in old {
        guard let version = try store.version(of: storeKey(key)), try !contains(key) else { continue }
        let cause = RemovalCause.invalidated(by: SchemaVersion.attributeName)
        if try store.remove(storeKey(key), ifVersion: version, cause: cause) { removed += 1 }
      }
      return removed
    }

    // MARK: Keys

    /// A key as the store has it.
    ///
    /// - Throws: `.emptyKey`.
    public func storeKey<Key: ByteLending>(_ key: Key) throws(StoreError) -> [UInt8] {
      try key.withBytes { (key: RawSpan) throws(StoreError) in
        if key.isEmpty { throw StoreError(.emptyKey, "a key must have at least one byte") }
        return [UInt8](copying: prefix, key)
      }
    }

    func key(_ storeKey: [UInt8]) -> [UInt8] { Array(storeKey.dropFirst(prefix.count)) }

    // MARK: What can be used

    enum Judgement: Equatable {
      case useful
      /// Of another schema, which is no earlier minor version of this one.
      case earlier, later
      case stale
      /// From an earlier version; `nil`: from none.
      case migrated(SchemaVersion?)
    }

    /// What reads make of an entry with these attributes.
    func judge(_ attributes: borrowing EncodedAttributes) -> Judgement {
      var judgement = Judgement.useful
      if let schema = options.schema {
        let version = SchemaVersion(attributes)
        if version == nil && SchemaVersion.isThere(attributes) { return .earlier }
        if let version, version > schema { return .later }
        if version != schema {
          guard options.migrate != nil, version.map({ $0.major == schema.major }) ?? true else { return .earlier }
          judgement = .migrated(version)
        }
      }
      if attributes.isEmpty { return judgement }
      var freshness = Freshness(store)
      return freshness.isFresh(attributes) ? judgement : .stale
    }
  }
}
