#if PEER_SQLITE
  import BenchmarkSupport
  import CSQLite
  import CZstdForPeers
  import Glibc

  final class SQLitePeer: Peer {
    static let name = "SQLite"
    static let version = SQLITE_VERSION
    static let durabilities: Set<Durability> = [.process, .disk]
    static let abilities: Abilities = [.batches, .scan, .order]
    static let settings = """
      WAL, WITHOUT ROWID for values up to 200 bytes, mmap_size and page cache for everything, a checkpoint every \
      16,384 pages, prepared statements, a connection for each thread, whose writes take turns by a lock of the \
      process; \
      .process: synchronous=OFF; .disk: synchronous=FULL
      """

    private let options: PeerOptions
    private let main: SQLiteSession
    private let turn = WriteLock()
    private var isMainTaken = false

    init(_ options: PeerOptions) throws {
      self.options = options
      main = try SQLiteSession(options, turn)
    }

    /// The first one is the connection that opened the store.
    func session() throws -> any Session {
      if isMainTaken { return try SQLiteSession(options, turn) }
      isMainTaken = true
      return main
    }

    func settle() throws { try main.execute("PRAGMA wal_checkpoint(TRUNCATE)") }

    func close() throws { main.end() }
  }

  /// SQLite has one writer at a time; others would find out by sleeping and trying again.
  private final class WriteLock: @unchecked Sendable {  // A mutex.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    init() { pthread_mutex_init(mutex, nil) }
    deinit { mutex.deallocate() }

    func take<R>(_ body: () throws -> R) rethrows -> R {
      pthread_mutex_lock(mutex)
      defer { pthread_mutex_unlock(mutex) }
      return try body()
    }
  }

  private final class SQLiteSession: Session {
    private let connection: OpaquePointer
    private let getting: OpaquePointer
    private let putting: OpaquePointer
    private let removing: OpaquePointer
    /// Made when they are used first.
    private var (ranging, listing): (OpaquePointer?, OpaquePointer?)
    private let turn: WriteLock
    /// Contexts that are used again, where values are compressed.
    private let compressing: OpaquePointer?
    private let decompressing: OpaquePointer?
    private var hasEnded = false

    init(_ options: PeerOptions, _ turn: WriteLock) throws {
      self.turn = turn
      compressing = options.compression == .none ? nil : ZSTD_createCCtx()
      decompressing = options.compression == .none ? nil : ZSTD_createDCtx()
      var opened: OpaquePointer?
      let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
      guard sqlite3_open_v2(options.path, &opened, flags, nil) == SQLITE_OK, let opened else {
        throw PeerError("SQLite: cannot open \(options.path)")
      }
      connection = opened
      sqlite3_busy_timeout(connection, 60_000)
      func run(_ text: String) throws {
        guard sqlite3_exec(opened, text, nil, nil, nil) == SQLITE_OK else { throw error(opened) }
      }
      try run("PRAGMA journal_mode=WAL")
      try run("PRAGMA synchronous=\(options.durability == .disk ? "FULL" : "OFF")")
      try run("PRAGMA mmap_size=\(options.dataBytes * 6 + (1 << 30))")
      try run("PRAGMA cache_size=-\(options.cacheBytes >> 10)")
      try run("PRAGMA wal_autocheckpoint=16384")
      // Advised for rows of up to a twentieth of a page.
      let kind = options.valueSize <= 200 ? "WITHOUT ROWID" : ""
      try run("CREATE TABLE IF NOT EXISTS entries(key BLOB PRIMARY KEY, value BLOB) \(kind)")
      func prepare(_ text: String) throws -> OpaquePointer {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v3(opened, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil) == SQLITE_OK,
          let statement
        else { throw error(opened) }
        return statement
      }
      getting = try prepare("SELECT value FROM entries WHERE key = ?")
      putting = try prepare("INSERT OR REPLACE INTO entries VALUES(?, ?)")
      removing = try prepare("DELETE FROM entries WHERE key = ?")
    }

    func get(_ key: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) throws -> Int? {
      bind(getting, 1, key)
      defer { sqlite3_reset(getting) }
      switch sqlite3_step(getting) {
      case SQLITE_DONE: return nil
      case SQLITE_ROW:
        let size = Int(sqlite3_column_bytes(getting, 0))
        if let decompressing {
          let blob = sqlite3_column_blob(getting, 0)
          let count = ZSTD_decompressDCtx(decompressing, target.baseAddress, target.count, blob, size)
          if ZSTD_isError(count) != 0 { throw PeerError("SQLite: a value cannot be decompressed") }
          return count
        }
        target.baseAddress!.copyMemory(from: sqlite3_column_blob(getting, 0)!, byteCount: size)
        return size
      default: throw error(connection)
      }
    }

    func put(_ value: UnsafeRawBufferPointer, for key: UnsafeRawBufferPointer) throws {
      try turn.take { try insert(value, key) }
    }

    private func insert(_ value: UnsafeRawBufferPointer, _ key: UnsafeRawBufferPointer) throws {
      bind(putting, 1, key)
      guard let compressing else {
        bind(putting, 2, value)
        return try finish(putting)
      }
      try withUnsafeTemporaryAllocation(byteCount: ZSTD_compressBound(value.count), alignment: 64) { frame in
        let count = ZSTD_compressCCtx(compressing, frame.baseAddress, frame.count, value.baseAddress, value.count, 3)
        if ZSTD_isError(count) != 0 { throw PeerError("SQLite: a value cannot be compressed") }
        bind(putting, 2, UnsafeRawBufferPointer(rebasing: frame[..<count]))
        try finish(putting)
      }
    }

    func put(_ values: Values, for keys: Keys, _ range: Range<Int>, version: Int) throws {
      try turn.take {
        try execute("BEGIN IMMEDIATE")
        for number in range { try insert(values.value(for: keys[number], version: version), keys[number]) }
        try execute("COMMIT")
      }
    }

    func remove(_ key: UnsafeRawBufferPointer) throws {
      try turn.take {
        bind(removing, 1, key)
        try finish(removing)
      }
    }

    func scan(into target: UnsafeMutableRawBufferPointer) throws -> Int {
      var statement: OpaquePointer?
      guard sqlite3_prepare_v2(connection, "SELECT key, value FROM entries", -1, &statement, nil) == SQLITE_OK else {
        throw error(connection)
      }
      defer { sqlite3_finalize(statement) }
      var count = 0
      while sqlite3_step(statement) == SQLITE_ROW {
        target.baseAddress!.copyMemory(
          from: sqlite3_column_blob(statement, 1)!, byteCount: Int(sqlite3_column_bytes(statement, 1)))
        count += 1
      }
      return count
    }

    func entries(
      from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer
    ) throws -> Int {
      if ranging == nil { ranging = try prepare("SELECT value FROM entries WHERE key >= ? ORDER BY key LIMIT ?") }
      return visit(ranging!, from: key, limit, target)
    }

    func keys(
      from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer
    ) throws -> Int {
      if listing == nil { listing = try prepare("SELECT key FROM entries WHERE key >= ? ORDER BY key LIMIT ?") }
      return visit(listing!, from: key, limit, target)
    }

    private func prepare(_ text: String) throws -> OpaquePointer {
      var statement: OpaquePointer?
      guard sqlite3_prepare_v2(connection, text, -1, &statement, nil) == SQLITE_OK else { throw error(connection) }
      return statement!
    }

    private func visit(
      _ statement: OpaquePointer, from key: UnsafeRawBufferPointer, _ limit: Int,
      _ target: UnsafeMutableRawBufferPointer
    ) -> Int {
      bind(statement, 1, key)
      sqlite3_bind_int64(statement, 2, Int64(limit))
      defer { sqlite3_reset(statement) }
      var count = 0
      while sqlite3_step(statement) == SQLITE_ROW {
        target.baseAddress!.copyMemory(
          from: sqlite3_column_blob(statement, 0)!, byteCount: Int(sqlite3_column_bytes(statement, 0)))
        count += 1
      }
      return count
    }

    func end() {
      if hasEnded { return }
      hasEnded = true
      for statement in [getting, putting, removing, ranging, listing] { sqlite3_finalize(statement) }
      sqlite3_close(connection)
      ZSTD_freeCCtx(compressing)
      ZSTD_freeDCtx(decompressing)
    }

    func execute(_ text: String) throws {
      guard sqlite3_exec(connection, text, nil, nil, nil) == SQLITE_OK else { throw error(connection) }
    }

    private func bind(_ statement: OpaquePointer, _ place: Int32, _ bytes: UnsafeRawBufferPointer) {
      sqlite3_bind_blob(statement, place, bytes.baseAddress, Int32(bytes.count), nil)
    }

    private func finish(_ statement: OpaquePointer) throws {
      defer { sqlite3_reset(statement) }
      if sqlite3_step(statement) != SQLITE_DONE { throw error(connection) }
    }
  }

  private func error(_ connection: OpaquePointer) -> PeerError {
    PeerError("SQLite: \(String(cString: sqlite3_errmsg(connection)))")
  }
#endif
