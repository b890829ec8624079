#if PEER_ROCKSDB
  import BenchmarkSupport
  import CRocksDB
  import Glibc

  final class RocksDBPeer: Peer {
    static let name = "RocksDB"
    /// Its C interface does not tell; the name of the library file does.
    static let version: String = {
      guard let path = realpath(rocksdb_library_path(), nil) else { return "?" }
      defer { free(path) }
      return String(String(cString: path).split(separator: "/").last!.drop { !$0.isNumber })
    }()
    static let durabilities: Set<Durability> = [.relaxed, .process, .disk]
    static let abilities: Abilities = [.batches, .many, .scan, .order]
    static let settings = """
      OptimizeForPointLookup (hash index in blocks, Bloom filter) with a block cache for everything, \
      IncreaseParallelism(2), no compression, values pinned (no copy but the one to the caller's buffer), batched \
      MultiGet, log files used again; .relaxed: manual WAL flush; compacted before reads
      """

    let database: OpaquePointer
    let family: OpaquePointer
    let reading = rocksdb_readoptions_create()!
    let writing = rocksdb_writeoptions_create()!
    private let options = rocksdb_options_create()!

    init(_ wanted: PeerOptions) throws {
      rocksdb_options_set_create_if_missing(options, 1)
      rocksdb_options_increase_parallelism(options, 2)
      let isCached = wanted.compression == .none || wanted.compression == .zstdCached
      // Its own default for a cache of blocks is 8 MiB.
      rocksdb_options_optimize_for_point_lookup(options, isCached ? UInt64(wanted.cacheBytes >> 20) : 8)
      if wanted.compression == .none {
        rocksdb_options_set_compression(options, Int32(rocksdb_no_compression))
      } else {
        Self.compress(
          options, withDictionary: wanted.compression == .zstdDictionary,
          cacheBytes: isCached ? wanted.cacheBytes : 8 << 20)
      }
      rocksdb_options_set_recycle_log_file_num(options, 2)
      rocksdb_options_set_manual_wal_flush(options, wanted.durability == .relaxed ? 1 : 0)
      rocksdb_writeoptions_set_sync(writing, wanted.durability == .disk ? 1 : 0)
      var message: UnsafeMutablePointer<CChar>?
      let name = strdup("default")
      defer { free(name) }
      var names: [UnsafePointer<CChar>?] = [UnsafePointer(name)]
      var settings: [OpaquePointer?] = [options]
      var families: [OpaquePointer?] = [nil]
      let opened = rocksdb_open_column_families(
        options, wanted.path, 1, &names, &settings, &families, &message)
      try check(message)
      database = opened!
      family = families[0]!
    }

    /// As its documentation has it: a Bloom filter as for point lookups, larger blocks, which compress better; a
    /// dictionary of 16 KiB for each file, trained from a hundred times as much.
    private static func compress(_ options: OpaquePointer, withDictionary: Bool, cacheBytes: Int) {
      let table = rocksdb_block_based_options_create()!
      rocksdb_block_based_options_set_block_size(table, 16 << 10)
      rocksdb_block_based_options_set_data_block_index_type(table, 1)
      rocksdb_block_based_options_set_data_block_hash_ratio(table, 0.75)
      rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(10))
      let cache = rocksdb_cache_create_lru(cacheBytes)!
      rocksdb_block_based_options_set_block_cache(table, cache)
      rocksdb_cache_destroy(cache)
      rocksdb_options_set_block_based_table_factory(options, table)
      rocksdb_block_based_options_destroy(table)
      rocksdb_options_set_compression(options, Int32(rocksdb_zstd_compression))
      rocksdb_options_set_compression_options(options, -14, 3, 0, withDictionary ? 16 << 10 : 0)
      if withDictionary { rocksdb_options_set_compression_options_zstd_max_train_bytes(options, 1600 << 10) }
    }

    func session() throws -> any Session { RocksDBSession(self) }

    func settle() throws {
      var message: UnsafeMutablePointer<CChar>?
      let flushing = rocksdb_flushoptions_create()!
      defer { rocksdb_flushoptions_destroy(flushing) }
      rocksdb_flush(database, flushing, &message)
      try check(message)
      rocksdb_compact_range(database, nil, 0, nil, 0)
    }

    func close() throws {
      rocksdb_column_family_handle_destroy(family)
      rocksdb_close(database)
      rocksdb_readoptions_destroy(reading)
      rocksdb_writeoptions_destroy(writing)
      rocksdb_options_destroy(options)
    }
  }

  private final class RocksDBSession: Session {
    let peer: RocksDBPeer

    init(_ peer: RocksDBPeer) { self.peer = peer }

    func get(_ key: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) throws -> Int? {
      var message: UnsafeMutablePointer<CChar>?
      let slice = rocksdb_get_pinned(peer.database, peer.reading, key.chars, key.count, &message)
      try check(message)
      guard let slice else { return nil }
      defer { rocksdb_pinnableslice_destroy(slice) }
      return copy(slice, to: target)
    }

    func getMany(_ keys: Keys, _ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws -> Int {
      let count = range.count
      return try withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { names in
        try withUnsafeTemporaryAllocation(of: Int.self, capacity: count) { sizes in
          try withUnsafeTemporaryAllocation(of: OpaquePointer?.self, capacity: count) { slices in
            try withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<CChar>?.self, capacity: count) { messages in
              for number in 0..<count {
                names.initializeElement(at: number, to: keys[range.lowerBound + number].chars)
                sizes.initializeElement(at: number, to: Keys.size)
              }
              rocksdb_batched_multi_get_cf(
                peer.database, peer.reading, peer.family, count, names.baseAddress, sizes.baseAddress,
                slices.baseAddress, messages.baseAddress, false)
              var found = 0
              for number in 0..<count {
                try check(messages[number])
                guard let slice = slices[number] else { continue }
                found += 1
                _ = copy(slice, to: target)
                rocksdb_pinnableslice_destroy(slice)
              }
              return found
            }
          }
        }
      }
    }

    func put(_ value: UnsafeRawBufferPointer, for key: UnsafeRawBufferPointer) throws {
      var message: UnsafeMutablePointer<CChar>?
      rocksdb_put(peer.database, peer.writing, key.chars, key.count, value.chars, value.count, &message)
      try check(message)
    }

    func put(_ values: Values, for keys: Keys, _ range: Range<Int>, version: Int) throws {
      let batch = rocksdb_writebatch_create()!
      defer { rocksdb_writebatch_destroy(batch) }
      for number in range {
        let (key, value) = (keys[number], values.value(for: keys[number], version: version))
        rocksdb_writebatch_put(batch, key.chars, key.count, value.chars, value.count)
      }
      var message: UnsafeMutablePointer<CChar>?
      rocksdb_write(peer.database, peer.writing, batch, &message)
      try check(message)
    }

    func remove(_ key: UnsafeRawBufferPointer) throws {
      var message: UnsafeMutablePointer<CChar>?
      rocksdb_delete(peer.database, peer.writing, key.chars, key.count, &message)
      try check(message)
    }

    func entries(
      from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer
    ) throws -> Int {
      visit(from: key, limit) { iterator in
        var size = 0
        let value = rocksdb_iter_value(iterator, &size)!
        target.baseAddress!.copyMemory(from: value, byteCount: size)
      }
    }

    func keys(
      from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer
    ) throws -> Int {
      visit(from: key, limit) { iterator in
        var size = 0
        let key = rocksdb_iter_key(iterator, &size)!
        target.baseAddress!.copyMemory(from: key, byteCount: size)
      }
    }

    private func visit(from key: UnsafeRawBufferPointer, _ limit: Int, _ body: (OpaquePointer) -> Void) -> Int {
      let iterator = rocksdb_create_iterator(peer.database, peer.reading)!
      defer { rocksdb_iter_destroy(iterator) }
      rocksdb_iter_seek(iterator, key.chars, key.count)
      var count = 0
      while count < limit, rocksdb_iter_valid(iterator) != 0 {
        body(iterator)
        count += 1
        if count < limit { rocksdb_iter_next(iterator) }
      }
      return count
    }

    func scan(into target: UnsafeMutableRawBufferPointer) throws -> Int {
      let iterator = rocksdb_create_iterator(peer.database, peer.reading)!
      defer { rocksdb_iter_destroy(iterator) }
      rocksdb_iter_seek_to_first(iterator)
      var count = 0
      while rocksdb_iter_valid(iterator) != 0 {
        var size = 0
        let value = rocksdb_iter_value(iterator, &size)!
        target.baseAddress!.copyMemory(from: value, byteCount: size)
        count += 1
        rocksdb_iter_next(iterator)
      }
      return count
    }

    private func copy(_ slice: OpaquePointer, to target: UnsafeMutableRawBufferPointer) -> Int {
      var size = 0
      let value = rocksdb_pinnableslice_value(slice, &size)!
      target.baseAddress!.copyMemory(from: value, byteCount: size)
      return size
    }
  }

  private func check(_ message: UnsafeMutablePointer<CChar>?) throws {
    guard let message else { return }
    defer { rocksdb_free(message) }
    throw PeerError("RocksDB: \(String(cString: message))")
  }
#endif
