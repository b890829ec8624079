#if PEER_SQLITE
  import BenchmarkSupport
  import CSQLite

  /// A database of SQLite, in memory or in a file.
  final class SQLiteDatabase {
    let connection: OpaquePointer

    init(_ path: String = ":memory:") throws {
      var opened: OpaquePointer?
      guard sqlite3_open(path, &opened) == SQLITE_OK, let opened else { fail("SQLite cannot be opened", 1) }
      connection = opened
    }

    deinit { sqlite3_close_v2(connection) }

    func execute(_ text: String) throws {
      guard sqlite3_exec(connection, text, nil, nil, nil) == SQLITE_OK else {
        fail("SQLite: \(String(cString: sqlite3_errmsg(connection)))", 1)
      }
    }

    func prepare(_ text: String) throws -> OpaquePointer {
      var statement: OpaquePointer?
      guard sqlite3_prepare_v2(connection, text, -1, &statement, nil) == SQLITE_OK, let statement else {
        fail("SQLite: \(String(cString: sqlite3_errmsg(connection)))", 1)
      }
      return statement
    }

    /// Steps through all rows, and takes the first column of each.
    func run(_ statement: OpaquePointer) throws {
      while sqlite3_step(statement) == SQLITE_ROW { _ = sqlite3_column_text(statement, 0) }
      sqlite3_reset(statement)
    }
  }

  /// SQLite as people use it for a cache: a table, and the last access of each entry, which a read updates.
  final class SQLiteCache {
    private let database: SQLiteDatabase
    private let (select, update, insert): (OpaquePointer, OpaquePointer, OpaquePointer)
    private var time: Int64 = 0
    // SQLite copies what is bound so.
    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    init(_ path: String) throws {
      database = try SQLiteDatabase(path)
      try database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA mmap_size = 1073741824")
      try database.execute("CREATE TABLE cache(key TEXT PRIMARY KEY, value BLOB, accessed INTEGER) WITHOUT ROWID")
      try database.execute("CREATE INDEX by_access ON cache(accessed)")
      select = try database.prepare("SELECT value FROM cache WHERE key = ?")
      update = try database.prepare("UPDATE cache SET accessed = ? WHERE key = ?")
      insert = try database.prepare("INSERT OR REPLACE INTO cache VALUES (?, ?, ?)")
    }

    deinit { for statement in [select, update, insert] { sqlite3_finalize(statement) } }

    func fill(_ keys: [String], _ value: [UInt8]) throws {
      try database.execute("BEGIN")
      for key in keys {
        time += 1
        sqlite3_bind_text(insert, 1, key, -1, Self.transient)
        sqlite3_bind_blob(insert, 2, value, Int32(value.count), Self.transient)
        sqlite3_bind_int64(insert, 3, time)
        try step(insert)
      }
      try database.execute("COMMIT")
    }

    func get(_ key: String) throws {
      sqlite3_bind_text(select, 1, key, -1, Self.transient)
      guard sqlite3_step(select) == SQLITE_ROW, let bytes = sqlite3_column_blob(select, 0) else {
        fail("SQLite: the entry is not there", 1)
      }
      let value = [UInt8](UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(select, 0))))
      sqlite3_reset(select)
      precondition(!value.isEmpty, "a value")
      time += 1
      sqlite3_bind_int64(update, 1, time)
      sqlite3_bind_text(update, 2, key, -1, Self.transient)
      try step(update)
    }

    private func step(_ statement: OpaquePointer) throws {
      guard sqlite3_step(statement) == SQLITE_DONE else { fail("SQLite: a write failed", 1) }
      sqlite3_reset(statement)
    }
  }
#endif
