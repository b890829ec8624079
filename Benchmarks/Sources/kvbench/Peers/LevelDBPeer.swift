#if PEER_LEVELDB
  import BenchmarkSupport
  import CLevelDB

  final class LevelDBPeer: Peer {
    static let name = "LevelDB"
    static let version = "\(leveldb_major_version()).\(leveldb_minor_version())"
    static let durabilities: Set<Durability> = [.process, .disk]
    static let abilities: Abilities = [.batches, .scan, .order]
    static let settings = """
      block cache for everything, Bloom filter of 10 bits a key, write buffer of 64 MiB, no compression; compacted \
      before reads
      """

    let database: OpaquePointer
    let reading = leveldb_readoptions_create()!
    let writing = leveldb_writeoptions_create()!
    private let options = leveldb_options_create()!
    private let cache: OpaquePointer
    private let filter = leveldb_filterpolicy_create_bloom(10)!

    init(_ wanted: PeerOptions) throws {
      cache = leveldb_cache_create_lru(wanted.cacheBytes)
      leveldb_options_set_create_if_missing(options, 1)
      leveldb_options_set_cache(options, cache)
      leveldb_options_set_filter_policy(options, filter)
      leveldb_options_set_write_buffer_size(options, 64 << 20)
      leveldb_options_set_max_open_files(options, 5000)
      leveldb_options_set_compression(options, Int32(leveldb_no_compression))
      leveldb_writeoptions_set_sync(writing, wanted.durability == .disk ? 1 : 0)
      var message: UnsafeMutablePointer<CChar>?
      let opened = leveldb_open(options, wanted.path, &message)
      try check(message)
      database = opened!
    }

    func session() throws -> any Session { LevelDBSession(self) }

    func settle() throws { leveldb_compact_range(database, nil, 0, nil, 0) }

    func close() throws {
      leveldb_close(database)
      leveldb_readoptions_destroy(reading)
      leveldb_writeoptions_destroy(writing)
      leveldb_options_destroy(options)
      leveldb_cache_destroy(cache)
      leveldb_filterpolicy_destroy(filter)
    }
  }

  private final class LevelDBSession: Session {
    let peer: LevelDBPeer

    init(_ peer: LevelDBPeer) { self.peer = peer }

    func get(_ key: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) throws -> Int? {
      var message: UnsafeMutablePointer<CChar>?
      var size = 0
      let value = leveldb_get(peer.database, peer.reading, key.chars, key.count, &size, &message)
      try check(message)
      guard let value else { return nil }
      defer { leveldb_free(value) }
      target.baseAddress!.copyMemory(from: value, byteCount: size)
      return size
    }

    func put(_ value: UnsafeRawBufferPointer, for key: UnsafeRawBufferPointer) throws {
      var message: UnsafeMutablePointer<CChar>?
      leveldb_put(peer.database, peer.writing, key.chars, key.count, value.chars, value.count, &message)
      try check(message)
    }

    func put(_ values: Values, for keys: Keys, _ range: Range<Int>, version: Int) throws {
      let batch = leveldb_writebatch_create()!
      defer { leveldb_writebatch_destroy(batch) }
      for number in range {
        let (key, value) = (keys[number], values.value(for: keys[number], version: version))
        leveldb_writebatch_put(batch, key.chars, key.count, value.chars, value.count)
      }
      var message: UnsafeMutablePointer<CChar>?
      leveldb_write(peer.database, peer.writing, batch, &message)
      try check(message)
    }

    func remove(_ key: UnsafeRawBufferPointer) throws {
      var message: UnsafeMutablePointer<CChar>?
      leveldb_delete(peer.database, peer.writing, key.chars, key.count, &message)
      try check(message)
    }

    func entries(
      from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer
    ) throws -> Int {
      visit(from: key, limit) { iterator in
        var size = 0
        let value = leveldb_iter_value(iterator, &size)!
        target.baseAddress!.copyMemory(from: value, byteCount: size)
      }
    }

    func keys(
      from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer
    ) throws -> Int {
      visit(from: key, limit) { iterator in
        var size = 0
        let key = leveldb_iter_key(iterator, &size)!
        target.baseAddress!.copyMemory(from: key, byteCount: size)
      }
    }

    private func visit(from key: UnsafeRawBufferPointer, _ limit: Int, _ body: (OpaquePointer) -> Void) -> Int {
      let iterator = leveldb_create_iterator(peer.database, peer.reading)!
      defer { leveldb_iter_destroy(iterator) }
      leveldb_iter_seek(iterator, key.chars, key.count)
      var count = 0
      while count < limit, leveldb_iter_valid(iterator) != 0 {
        body(iterator)
        count += 1
        if count < limit { leveldb_iter_next(iterator) }
      }
      return count
    }

    func scan(into target: UnsafeMutableRawBufferPointer) throws -> Int {
      let iterator = leveldb_create_iterator(peer.database, peer.reading)!
      defer { leveldb_iter_destroy(iterator) }
      leveldb_iter_seek_to_first(iterator)
      var count = 0
      while leveldb_iter_valid(iterator) != 0 {
        var size = 0
        let value = leveldb_iter_value(iterator, &size)!
        target.baseAddress!.copyMemory(from: value, byteCount: size)
        count += 1
        leveldb_iter_next(iterator)
      }
      return count
    }
  }

  private func check(_ message: UnsafeMutablePointer<CChar>?) throws {
    guard let message else { return }
    defer { leveldb_free(message) }
    throw PeerError("LevelDB: \(String(cString: message))")
  }
#endif
