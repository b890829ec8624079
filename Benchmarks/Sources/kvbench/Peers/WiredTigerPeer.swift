#if PEER_WIREDTIGER
  import BenchmarkSupport
  import CWiredTiger
  import Glibc

  final class WiredTigerPeer: Peer {
    static let name = "WiredTiger"
    static let version = "\(WIREDTIGER_VERSION_MAJOR).\(WIREDTIGER_VERSION_MINOR).\(WIREDTIGER_VERSION_PATCH)"
    static let durabilities: Set<Durability> = [.process, .disk]
    static let abilities: Abilities = [.batches, .scan, .order]
    static let settings = """
      a row-store table, access_pattern_hint=random, cache for everything, log of 128 MiB files, a session and cursor \
      for each thread; .process: transaction_sync method none; .disk: fsync
      """

    let connection: UnsafeMutablePointer<WT_CONNECTION>

    init(_ options: PeerOptions) throws {
      if mkdir(options.path, 0o700) != 0, errno != EEXIST { throw PeerError("WiredTiger: no folder \(options.path)") }
      let settings = """
        create,cache_size=\(options.cacheBytes >> 20)MB,session_max=256,log=(enabled=true,file_max=128MB),\
        transaction_sync=(enabled=true,method=\(options.durability == .disk ? "fsync" : "none"))
        """
      var opened: UnsafeMutablePointer<WT_CONNECTION>?
      try check(wiredtiger_open(options.path, nil, settings, &opened))
      connection = opened!
      let session = try openSession()
      try check(
        session.pointee.create(session, "table:entries", "key_format=u,value_format=u,access_pattern_hint=random"))
      try check(session.pointee.close(session, nil))
    }

    func openSession() throws -> UnsafeMutablePointer<WT_SESSION> {
      var session: UnsafeMutablePointer<WT_SESSION>?
      try check(connection.pointee.open_session(connection, nil, nil, &session))
      return session!
    }

    func session() throws -> any Session { try WiredTigerSession(self) }

    func settle() throws {
      let session = try openSession()
      try check(session.pointee.checkpoint(session, nil))
      try check(session.pointee.close(session, nil))
    }

    func close() throws { try check(connection.pointee.close(connection, nil)) }
  }

  private final class WiredTigerSession: Session {
    private let session: UnsafeMutablePointer<WT_SESSION>
    private let cursor: UnsafeMutablePointer<WT_CURSOR>

    init(_ peer: WiredTigerPeer) throws {
      session = try peer.openSession()
      var opened: UnsafeMutablePointer<WT_CURSOR>?
      try check(session.pointee.open_cursor(session, "table:entries", nil, nil, &opened))
      cursor = opened!
    }

    func get(_ key: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) throws -> Int? {
      wiredtiger_set_key(cursor, key.baseAddress, key.count)
      let result = cursor.pointee.search(cursor)
      defer { _ = cursor.pointee.reset(cursor) }
      if result == WT_NOTFOUND { return nil }
      try check(result)
      return try copy(to: target)
    }

    func put(_ value: UnsafeRawBufferPointer, for key: UnsafeRawBufferPointer) throws {
      wiredtiger_set_key(cursor, key.baseAddress, key.count)
      wiredtiger_set_value(cursor, value.baseAddress, value.count)
      try check(cursor.pointee.insert(cursor))
    }

    func put(_ values: Values, for keys: Keys, _ range: Range<Int>, version: Int) throws {
      try check(session.pointee.begin_transaction(session, nil))
      for number in range { try put(values.value(for: keys[number], version: version), for: keys[number]) }
      try check(session.pointee.commit_transaction(session, nil))
    }

    func remove(_ key: UnsafeRawBufferPointer) throws {
      wiredtiger_set_key(cursor, key.baseAddress, key.count)
      let result = cursor.pointee.remove(cursor)
      if result != WT_NOTFOUND { try check(result) }
    }

    func scan(into target: UnsafeMutableRawBufferPointer) throws -> Int {
      var count = 0
      while cursor.pointee.next(cursor) == 0 {
        _ = try copy(to: target)
        count += 1
      }
      _ = cursor.pointee.reset(cursor)
      return count
    }

    func entries(
      from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer
    ) throws -> Int {
      try visit(from: key, limit) { _ = try copy(to: target) }
    }

    func keys(
      from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer
    ) throws -> Int {
      try visit(from: key, limit) {
        var item = WT_ITEM()
        try check(wiredtiger_get_key(cursor, &item))
        target.baseAddress!.copyMemory(from: item.data, byteCount: item.size)
      }
    }

    private func visit(from key: UnsafeRawBufferPointer, _ limit: Int, _ body: () throws -> Void) throws -> Int {
      wiredtiger_set_key(cursor, key.baseAddress, key.count)
      defer { _ = cursor.pointee.reset(cursor) }
      var place: Int32 = 0
      var result = cursor.pointee.search_near(cursor, &place)
      if result == 0 && place < 0 { result = cursor.pointee.next(cursor) }
      var count = 0
      while result == 0 && count < limit {
        try body()
        count += 1
        if count < limit { result = cursor.pointee.next(cursor) }
      }
      return count
    }

    func end() { _ = session.pointee.close(session, nil) }

    private func copy(to target: UnsafeMutableRawBufferPointer) throws -> Int {
      var item = WT_ITEM()
      try check(wiredtiger_get_value(cursor, &item))
      target.baseAddress!.copyMemory(from: item.data, byteCount: item.size)
      return item.size
    }
  }

  private func check(_ result: Int32) throws {
    if result != 0 { throw PeerError("WiredTiger: \(String(cString: wiredtiger_strerror(result)))") }
  }
#endif
