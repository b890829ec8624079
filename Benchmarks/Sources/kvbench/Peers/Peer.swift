import BenchmarkSupport

/// What a write survives once it has returned. Every peer runs at the fastest of its settings that keeps the word.
enum Durability: String, Codable, CaseIterable, Sendable {
  /// Nothing in particular: what the process has not given to the system yet may be lost when it dies.
  case relaxed
  /// The end of the process (`kill -9`).
  case process
  /// A power failure.
  case disk
}

/// How values are stored.
enum Compression: Sendable {
  case none
  /// zstd at its default level (3); engines with blocks: of 16 KiB.
  case zstd
  /// The same with a dictionary that the engine trains.
  case zstdDictionary
  /// The same as `zstd`, with a cache that holds everything decompressed.
  case zstdCached
}

struct PeerOptions {
  var path: String
  var durability: Durability = .process
  /// For those who must know beforehand: keys that the store will hold, and bytes of a value.
  var keys: Int
  var valueSize: Int
  /// Bytes of memory that the engine may use, where that is limited.
  var memory: Int?
  var compression = Compression.none

  var dataBytes: Int { keys * (Keys.size + valueSize) }
  /// For those who have a cache of their own: twice the data, and 64 MiB more.
  var cacheBytes: Int { memory.map { $0 / 2 } ?? dataBytes * 2 + (64 << 20) }
}

/// An engine of the contest: an open store of it. One file for each, and its line in `allPeers`.
protocol Peer: AnyObject, SendableMetatype {
  static var name: String { get }
  static var version: String { get }
  static var durabilities: Set<Durability> { get }
  static var abilities: Abilities { get }
  /// What was set beside the defaults, for the report.
  static var settings: String { get }

  /// Opens the store at a path, creates it if there is none.
  init(_ options: PeerOptions) throws
  func session() throws -> any Session
  /// Ends the work that writing has left for later (compaction, say), so that it does not disturb what comes next.
  func settle() throws
  func close() throws
}

/// What not every peer can do.
struct Abilities: OptionSet, Sendable {
  let rawValue: Int
  /// Many puts in one atomic commit.
  static let batches = Abilities(rawValue: 1)
  /// Lookups of many keys in one call.
  static let many = Abilities(rawValue: 2)
  /// Visiting every entry.
  static let scan = Abilities(rawValue: 4)
  /// Keys in their order.
  static let order = Abilities(rawValue: 8)
}

/// What one thread uses. Values are copied out by everybody.
protocol Session: AnyObject {
  /// - Returns: the value's size, or `nil` if the key is not there.
  func get(_ key: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) throws -> Int?
  /// Looks up some keys in one call, each value copied to the beginning of the target.
  /// - Returns: how many were there.
  func getMany(_ keys: Keys, _ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws -> Int
  /// One commit.
  func put(_ value: UnsafeRawBufferPointer, for key: UnsafeRawBufferPointer) throws
  /// One commit of many.
  func put(_ values: Values, for keys: Keys, _ range: Range<Int>, version: Int) throws
  func remove(_ key: UnsafeRawBufferPointer) throws
  /// Visits every entry, each value copied to the beginning of the target.
  /// - Returns: how many there are.
  func scan(into target: UnsafeMutableRawBufferPointer) throws -> Int
  /// Visits entries in the order of their keys, from the first one that is not before a key, each value copied to the
  /// beginning of the target.
  /// - Returns: how many there were.
  func entries(from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer) throws -> Int
  /// The same for the keys alone.
  func keys(from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer) throws -> Int
  func end()
}

extension Session {
  func getMany(_ keys: Keys, _ range: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws -> Int {
    throw PeerError("looks up one key at a time only")
  }

  func put(_ values: Values, for keys: Keys, _ range: Range<Int>, version: Int) throws {
    throw PeerError("has no batches")
  }

  func scan(into target: UnsafeMutableRawBufferPointer) throws -> Int { throw PeerError("cannot visit all entries") }

  func entries(from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer) throws -> Int {
    throw PeerError("has no order of keys")
  }

  func keys(from key: UnsafeRawBufferPointer, limit: Int, into target: UnsafeMutableRawBufferPointer) throws -> Int {
    throw PeerError("has no order of keys")
  }

  func end() {}
}

struct PeerError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Values that nobody can compress: each a piece of the same random megabytes.
struct Values: @unchecked Sendable {  // Never changed after it was made.
  let size: Int
  private let bytes: UnsafeMutableRawBufferPointer
  private let places: UInt64

  init(size: Int) {
    self.size = size
    let room = max(1 << 20, size * 2)
    places = UInt64((room - size) / 8 + 1)
    bytes = .allocate(byteCount: room, alignment: 64)
    var random = Random(state: 4)
    for word in 0..<room / 8 { bytes.storeBytes(of: random.next(), toByteOffset: word * 8, as: UInt64.self) }
  }

  /// The value that belongs to a key, other ones for other versions.
  func value(for key: UnsafeRawBufferPointer, version: Int) -> UnsafeRawBufferPointer {
    let place = (key.loadUnaligned(as: UInt64.self) &+ UInt64(version)) % places
    return UnsafeRawBufferPointer(start: bytes.baseAddress! + Int(place) * 8, count: size)
  }

  func free() { bytes.deallocate() }
}

struct PeerEntry: Sendable {
  let name: String
  let package: String
  let type: (any Peer.Type)?
}

/// Every peer, with the Debian package that has its header; no type: this program was built without it.
let allPeers: [PeerEntry] = {
  var types: [String: any Peer.Type] = ["Cairn": CairnPeer.self, "Cairn-ordered": OrderedCairnPeer.self]
  #if PEER_LMDB
    types["LMDB"] = LMDBPeer.self
    types["LMDB-map"] = LMDBMapPeer.self
  #endif
  #if PEER_ROCKSDB
    types["RocksDB"] = RocksDBPeer.self
  #endif
  #if PEER_LEVELDB
    types["LevelDB"] = LevelDBPeer.self
  #endif
  #if PEER_SQLITE
    types["SQLite"] = SQLitePeer.self
  #endif
  #if PEER_TKRZW
    types["Tkrzw"] = TkrzwPeer.self
  #endif
  #if PEER_KYOTO
    types["Kyoto"] = KyotoPeer.self
  #endif
  #if PEER_WIREDTIGER
    types["WiredTiger"] = WiredTigerPeer.self
  #endif
  return [
    ("Cairn", ""), ("LMDB", "liblmdb-dev"), ("LMDB-map", "liblmdb-dev"), ("RocksDB", "librocksdb-dev"),
    ("LevelDB", "libleveldb-dev"),
    ("SQLite", "libsqlite3-dev"), ("Tkrzw", "libtkrzw-dev"), ("Kyoto", "libkyotocabinet-dev"),
    ("WiredTiger", "libwiredtiger-dev"), ("Cairn-ordered", ""),
  ].map { PeerEntry(name: $0.0, package: $0.1, type: types[$0.0]) }
}()
