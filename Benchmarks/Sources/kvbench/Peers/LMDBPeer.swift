#if PEER_LMDB
  import BenchmarkSupport
  import CLMDB

  class LMDBPeer: Peer {
    class var name: String { "LMDB" }
    static let version = "\(MDB_VERSION_MAJOR).\(MDB_VERSION_MINOR).\(MDB_VERSION_PATCH)"
    class var durabilities: Set<Durability> { [.process, .disk] }
    static let abilities: Abilities = [.batches, .scan, .order]
    class var settings: String {
      """
      MDB_NOTLS, MDB_NORDAHEAD; .process: MDB_NOSYNC; a reader's transaction is renewed for each get or range, and \
      serves all keys of it; MDB_APPEND for keys in their order
      """
    }
    class var isWritingToTheMap: Bool { false }

    let environment: OpaquePointer
    private(set) var database: MDB_dbi = 0

    required init(_ options: PeerOptions) throws {
      var opened: OpaquePointer?
      try check(mdb_env_create(&opened))
      environment = opened!
      // An address range, not space on the disk.
      try check(mdb_env_set_mapsize(environment, max(1 << 30, options.dataBytes * 6)))
      try check(mdb_env_set_maxreaders(environment, 256))
      var flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD
      if options.durability == .process { flags |= MDB_NOSYNC }
      if Self.isWritingToTheMap { flags |= MDB_WRITEMAP }
      try check(mdb_env_open(environment, options.path, UInt32(flags), 0o600))
      var transaction: OpaquePointer?
      try check(mdb_txn_begin(environment, nil, 0, &transaction))
      try check(mdb_dbi_open(transaction, nil, 0, &database))
      try check(mdb_txn_commit(transaction))
    }

    func session() throws -> any Session { try LMDBSession(self) }

    func settle() throws { try check(mdb_env_sync(environment, 1)) }

    func close() throws { mdb_env_close(environment) }
  }

  /// Faster at writing, and without protection: a stray pointer of the program writes into the store.
  final class LMDBMapPeer: LMDBPeer {
    override static var name: String { "LMDB-map" }
    override static var settings: String { "as LMDB, with MDB_WRITEMAP" }
    override static var durabilities: Set<Durability> { [.process] }
    override static var isWritingToTheMap: Bool { true }
  }

  private final class LMDBSession: Session {
    let peer: LMDBPeer
    let reading: OpaquePointer
    /// Made when it is used first.
    private var ranging: OpaquePointer?

    init(_ peer: LMDBPeer) throws {
      self.peer = peer
      var transaction: OpaquePointer?
      try check(mdb_txn_begin(peer.environment, nil, UInt32(MDB_RDONLY), &transaction))
      reading = transaction!
      mdb_txn_reset(reading)
    }

    func get(_ key: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) throws -> Int? {
      try check(mdb_txn_renew(reading))
      defer { mdb_txn_reset(reading) }
      var name = entry(key)
      var value = MDB_val()
      let result = mdb_get(reading, peer.database, &name, &value)
      if result == MDB_NOTFOUND { return nil }
      try check(result)
      target.baseAddress!.copyMemory(from: value.mv_data, byteCount: value.mv_size)
      return value.mv_size
    }

    func put(_ value: UnsafeRawBufferPointer, for key: UnsafeRawBufferPointer) throws {
      try write { transaction in
        var (name, content) = (entry(key), entry(value))
        try check(mdb_put(transaction, peer.database, &name, &content, 0))
      }
    }

    func put(_ values: Values, for keys: Keys, _ range: Range<Int>, version: Int) throws {
      // Sorted keys come in sorted batches, and only to a store that has none yet.
      let flags = keys.isSorted ? UInt32(MDB_APPEND) : 0
      try write { transaction in
        for number in range {
          var (name, content) = (entry(keys[number]), entry(values.value(for: keys[number], version: version)))
          try check(mdb_put(transaction, peer.database, &name, &content, flags))
        }
      }
    }

    func remove(_ key: UnsafeRawBufferPointer) throws {
      try write { transaction in
        var name = entry(key)
        let result = mdb_del(transaction, peer.database, &name, nil)
        if result != MDB_NOTFOUND { try check(result) }
      }
    }

    func scan(into target: UnsafeMutableRawBufferPointer) throws -> Int {
      try check(mdb_txn_renew(reading))
      defer { mdb_txn_reset(reading) }
      var cursor: OpaquePointer?
      try check(mdb_cursor_open(reading, peer.database, &cursor))
      defer { mdb_cursor_close(cursor) }
      var (name, value) = (MDB_val(), MDB_val())
      var count = 0
      while mdb_cursor_get(cursor, &name, &value, MDB_NEXT) == 0 {
        target.baseAddress!.copyMemory(from: value.mv_data, byteCount: value.mv_size)
        count += 1
      }
      return count
    }

    func entries(
      from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer
    ) throws -> Int {
      try visit(from: key, limit) {
        target.copyMemory(from: UnsafeRawBufferPointer(start: $1.mv_data, count: $1.mv_size))
      }
    }

    func keys(
      from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer
    ) throws -> Int {
      try visit(from: key, limit) { name, _ in
        target.copyMemory(from: UnsafeRawBufferPointer(start: name.mv_data, count: name.mv_size))
      }
    }

    private func visit(
      from key: UnsafeRawBufferPointer, _ limit: Int, _ body: (MDB_val, MDB_val) -> Void
    ) throws -> Int {
      try check(mdb_txn_renew(reading))
      defer { mdb_txn_reset(reading) }
      if ranging == nil {
        try check(mdb_cursor_open(reading, peer.database, &ranging))
      } else {
        try check(mdb_cursor_renew(reading, ranging))
      }
      var (name, value) = (entry(key), MDB_val())
      var (count, step) = (0, MDB_SET_RANGE)
      while count < limit, mdb_cursor_get(ranging, &name, &value, step) == 0 {
        body(name, value)
        (count, step) = (count + 1, MDB_NEXT)
      }
      return count
    }

    func end() {
      if ranging != nil { mdb_cursor_close(ranging) }
      mdb_txn_abort(reading)
    }

    private func write(_ body: (OpaquePointer?) throws -> Void) throws {
      var transaction: OpaquePointer?
      try check(mdb_txn_begin(peer.environment, nil, 0, &transaction))
      do { try body(transaction) } catch {
        mdb_txn_abort(transaction)
        throw error
      }
      try check(mdb_txn_commit(transaction))
    }
  }

  private func entry(_ bytes: UnsafeRawBufferPointer) -> MDB_val {
    MDB_val(mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
  }

  private func check(_ result: Int32) throws {
    if result != 0 { throw PeerError("LMDB: \(String(cString: mdb_strerror(result)))") }
  }
#endif
