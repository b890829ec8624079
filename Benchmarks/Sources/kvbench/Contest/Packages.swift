import BenchmarkSupport
import Foundation

/// What compression saves and costs on records that somebody really has, engine by engine: a JSON object for each
/// package of Debian's index, under its name.
extension Contest {
  func packages() throws {
    let index = PackageIndex.load()
    guard !index.values.isEmpty else {
      return say("  left out: apt has no lists of packages here (apt-get update fetches them)")
    }
    let valueBytes = index.values.reduce(0) { $0 + $1.count }
    let bytes = valueBytes + index.keys.reduce(0) { $0 + $1.count }
    say("  \(index.keys.count) values of \(valueBytes / index.keys.count) bytes on average")
    var random = Random(state: 1)
    let lookups = PackageLookups(index, &random)
    let stores = try PackageStore.all.filter { $0.isThere }.map { try $0.load(index, in: folder) }
    for store in stores { try store.check(index, lookups) }
    let alone = [
      try ZstdAlone(index, name: "(zstd alone)", dictionaryBytes: 0),
      try ZstdAlone(index, name: "(zstd alone, dictionary)", dictionaryBytes: 448 << 10),
    ]
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: index.largest, alignment: 64)
    defer { buffer.deallocate() }
    let samples = try interleaved(
      runner.rounds,
      stores.map { store in { try nanoseconds(per: lookups.count) { try store.get(lookups) } } }
        + alone.map { zstd in
          { try nanoseconds(per: lookups.count) { try zstd.get(lookups.order, into: buffer) } }
        })
    for (store, times) in zip(stores, samples) {
      try store.close()
      var row = Row(
        work: "get-packages", keys: lookups.count, valueSize: valueBytes / lookups.count, threads: 1,
        durability: .process,
        engine: store.kind.name)
      row.nanosecondsPerOp = Spread(times)
      row.bytesOnDiskPerByte = Double(store.bytesOnDisk) / Double(bytes)
      let size = String(row.bytesOnDiskPerByte!, digits: 3)
      say("  \(store.kind.name.padded(24)) \(readable(times.median).padded(9)) \(size) of keys and values on the disk")
      add(row)
      guard store.kind.name != stores[0].kind.name else { continue }
      let mine = samples[0]
      var own = row
      own.engine = stores[0].kind.name
      own.nanosecondsPerOp = Spread(mine)
      own.bytesOnDiskPerByte = nil
      contest(own, row, Spread(times.ratios(to: mine)), target: store.kind.target)
    }
    for (zstd, times) in zip(alone, samples[stores.count...]) {
      let size = String(Double(zstd.byteCount) / Double(valueBytes), digits: 3)
      say(
        "  \(zstd.name.padded(24)) \(readable(times.median).padded(9)) \(size) of the values, in memory, not looked for"
      )
      zstd.close()
    }
  }
}

/// An engine in one of the ways in which it can compress.
private struct PackageStoreKind {
  let name: String
  let peer: String
  let compression: Compression
  /// How many times faster Cairn is to be.
  var target: Double?

  var type: (any Peer.Type)? { allPeers.first { $0.name == peer }?.type }
  var isThere: Bool { type != nil }

  func load(_ index: PackageIndex, in folder: String) throws -> PackageStore {
    try PackageStore(self, index, "\(folder)/packages-\(name)")
  }
}

private final class PackageStore {
  /// The first one is what the others are compared with.
  static let all = [
    PackageStoreKind(name: "Cairn-zstd", peer: "Cairn", compression: .zstd),
    PackageStoreKind(name: "RocksDB-zstd", peer: "RocksDB", compression: .zstd, target: 5),
    PackageStoreKind(name: "RocksDB-zstd-dictionary", peer: "RocksDB", compression: .zstdDictionary, target: 5),
    PackageStoreKind(name: "RocksDB-zstd-cached", peer: "RocksDB", compression: .zstdCached),
    PackageStoreKind(name: "SQLite-zstd", peer: "SQLite", compression: .zstd, target: 5),
  ]

  let kind: PackageStoreKind
  private let path: String
  private let peer: any Peer
  private let session: any Session
  private let buffer: UnsafeMutableRawBufferPointer
  private(set) var bytesOnDisk = 0

  init(_ kind: PackageStoreKind, _ index: PackageIndex, _ path: String) throws {
    self.kind = kind
    self.path = path
    buffer = .allocate(byteCount: index.largest + 64, alignment: 64)
    var options = PeerOptions(path: path, keys: index.keys.count, valueSize: 1000)
    options.compression = kind.compression
    peer = try kind.type!.init(options)
    session = try peer.session()
    for (key, value) in zip(index.keys, index.values) {
      try key.withUnsafeBytes { key in try value.withUnsafeBytes { value in try session.put(value, for: key) } }
    }
    try peer.settle()
  }

  deinit { buffer.deallocate() }

  func get(_ lookups: PackageLookups) throws {
    try lookups.forEach { key, valueBytes in
      guard try session.get(key, into: buffer) == valueBytes else { throw PeerError("\(kind.name) has lost a key") }
    }
  }

  func check(_ index: PackageIndex, _ lookups: PackageLookups) throws {
    for number in lookups.order {
      let size = try index.keys[number].withUnsafeBytes { try session.get($0, into: buffer) }
      guard size.map({ buffer.prefix($0).elementsEqual(index.values[number]) }) == true else {
        throw PeerError("\(kind.name) returns another value than the one that was put")
      }
    }
  }

  func close() throws {
    session.end()
    try peer.close()
    bytesOnDisk = Stage.bytesOnDisk(path)
  }
}
