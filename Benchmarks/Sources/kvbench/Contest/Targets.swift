/// How many times faster than a peer Cairn is to be, at least: with keys of 16 and values of 100 bytes.
struct Target {
  let work: String
  var threads = 1
  /// Reads are the same work in every class.
  var durability: Durability?
  let ratios: [String: Double]

  static let all = [
    Target(
      work: "get", ratios: ["LMDB": 5, "RocksDB": 12, "LevelDB": 9, "SQLite": 20, "Tkrzw": 2.5, "Kyoto": 2]),
    Target(work: "miss", ratios: ["LMDB": 8, "RocksDB": 4]),
    Target(work: "fill", durability: .process, ratios: ["LMDB": 5, "RocksDB": 10, "LevelDB": 8, "SQLite": 25]),
    Target(work: "put", durability: .process, ratios: ["LMDB": 1.5, "LevelDB": 2, "RocksDB": 5, "SQLite": 15]),
    // Beside a store without its keys in order.
    Target(work: "put", durability: .process, ratios: ["Cairn": 0.4]),
    Target(work: "range-keys", ratios: ["LMDB": 1, "RocksDB": 1]),
    Target(work: "range", ratios: ["LMDB": 1, "RocksDB": 1]),
    Target(work: "ycsb-e", ratios: ["LMDB": 1, "RocksDB": 1]),
    Target(work: "put", threads: 16, durability: .disk, ratios: ["RocksDB": 2, "LevelDB": 1.4]),
    Target(work: "put", threads: 64, durability: .disk, ratios: ["RocksDB": 3, "LevelDB": 1.7]),
  ]

  static func ratio(_ row: Row) -> Double? {
    guard row.valueSize == 100, row.keys >= 1_000_000 || row.durability == .disk else { return nil }
    let target = all.first {
      $0.work == row.work && $0.threads == row.threads && ($0.durability == nil || $0.durability == row.durability)
    }
    return row.peer.flatMap { target?.ratios[$0] }
  }

  static let many = 4.0
  static let secondThread = 1.8
  /// Idle to while writing: the 99th percentile may double.
  static let whileWriting = 0.5
  static let bestPeer = 1.0
  static let latencyOfManyWriters = 1.0
  /// The time at 1 M keys to that at 100 M, which may be 2.5 times as long.
  static let hundredMillion = 0.4
}
