import BenchmarkSupport

#if PEER_SQLITE
  import CSQLite
  import Cairn

  /// The same questions of SQLite, in the same run: in memory, with the indexes that answer each of them best.
  func sqliteQueries(_ folder: String) throws -> [(name: String, body: () throws -> Double)] {
    let database = try SQLiteDatabase()
    try database.execute(
      """
      CREATE TABLE entries(key TEXT PRIMARY KEY, value TEXT, domain TEXT, framework TEXT, model TEXT, tokens INTEGER)
      WITHOUT ROWID
      """)
    try database.fill()
    try database.execute("CREATE INDEX by_framework ON entries(domain, framework)")
    try database.execute("CREATE INDEX by_tokens ON entries(domain, tokens)")
    try database.execute("CREATE INDEX by_model ON entries(model, tokens)")
    try database.execute("ANALYZE")
    let questions = [
      (
        "SQLite: count, two values",
        "SELECT count(*) FROM entries WHERE domain = 'domain-1' AND framework = 'framework-2'"
      ),
      (
        "SQLite: count, a value and a range",
        "SELECT count(*) FROM entries WHERE domain = 'domain-0' AND tokens > 40000"
      ),
      (
        "SQLite: first page of 100",
        "SELECT key FROM entries WHERE domain = 'domain-1' AND framework = 'framework-2' LIMIT 100"
      ),
      (
        "SQLite: first page of 100, by tokens",
        "SELECT key FROM entries WHERE domain = 'domain-0' AND tokens > 40000 ORDER BY tokens DESC LIMIT 100"
      ),
      (
        "SQLite: totals of 10 models",
        "SELECT model, count(*), sum(tokens), min(tokens), max(tokens) FROM entries GROUP BY model"
      ),
    ]
    return try questions.map { name, text in
      let statement = try database.prepare(text)
      let rounds = name.contains("page") ? 50 : 3
      return (
        name,
        {
          try nanoseconds(per: rounds) { for _ in 0..<rounds { try database.run(statement) } } / 1000
        }
      )
    }
  }

  extension SQLiteDatabase {
    fileprivate func fill() throws {
      try execute("BEGIN")
      let statement = try prepare("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)")
      // SQLite copies what is bound so.
      let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
      try AttributedEntries.forEach { entry in
        for (column, text) in [entry.key, AttributedEntries.value, entry.domain, entry.framework, entry.model]
          .enumerated()
        {
          sqlite3_bind_text(statement, Int32(column + 1), text, -1, transient)
        }
        sqlite3_bind_int64(statement, 6, entry.tokens)
        guard sqlite3_step(statement) == SQLITE_DONE else { fail("SQLite: an insert failed", 1) }
        sqlite3_reset(statement)
      }
      sqlite3_finalize(statement)
      try execute("COMMIT")
    }
  }
#else
  func sqliteQueries(_ folder: String) throws -> [(name: String, body: () throws -> Double)] { [] }
#endif
