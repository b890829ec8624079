public import Cairn

extension Store {
  /// Visits the live entries whose attributes satisfy a query, in no order, by looking at every entry there is: see
  /// ``forEach(_:)``, of which it is a part. An index of attributes answers without that (`CairnAttributes`).
  ///
  /// - Parameter body: returns whether to go on.
  /// - Complexity: the whole index and the log; a value is decompressed before its attributes are asked.
  public func scan(where query: Query, _ body: (_ entry: EntryView) throws -> Bool) throws {
    try forEach { entry in try query.matches(entry.attributes) ? body(entry) : true }
  }

  /// What happens to the entries whose attributes satisfy a query, commit by commit; as ``observe(prefix:since:)`` has
  /// it. Who applies these changes to a copy of such entries keeps it right.
  ///
  /// A put of an entry that does not satisfy the query is passed on as a remove: what its key had before may have. For
  /// the same reason removes and invalidations are passed on, whatever they concern.
  ///
  /// - Complexity: as that; the query is asked of each put.
  public func observe<Key: ByteLending>(
    where query: Query, prefix: Key = "", since sequence: UInt64? = nil
  ) -> ChangeStream {
    observe(prefix: prefix, since: sequence) { query.matches($0) }
  }
}
