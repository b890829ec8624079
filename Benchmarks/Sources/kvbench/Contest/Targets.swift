/// How many times faster than a peer Cairn is to be, at least.
struct Target {
  let work: String
  var threads = 1
  let durability: Durability
  let ratios: [String: Double]

  static let all = [
    Target(
      work: "get", durability: .process,
      ratios: ["LMDB": 5, "RocksDB": 12, "LevelDB": 9, "SQLite": 20, "Tkrzw": 2.5, "Kyoto": 2]),
    Target(work: "miss", durability: .process, ratios: ["LMDB": 8, "RocksDB": 4]),
    Target(work: "fill", durability: .process, ratios: ["LMDB": 5, "RocksDB": 10, "LevelDB": 8, "SQLite": 25]),
    Target(work: "put", durability: .process, ratios: ["LMDB": 1.5, "LevelDB": 2, "RocksDB": 5, "SQLite": 15]),
    Target(work: "put", threads: 16, durability: .disk, ratios: ["RocksDB": 2, "LevelDB": 1.4]),
    Target(work: "put", threads: 64, durability: .disk, ratios: ["RocksDB": 3, "LevelDB": 1.7]),
  ]

  /// Reads are the same work in every class.
  static func ratio(_ row: Row) -> Double? {
    let isRead = ["get", "miss"].contains(row.work)
    let target = all.first {
      $0.work == row.work && $0.threads == row.threads && (isRead || $0.durability == row.durability)
    }
    return row.peer.flatMap { target?.ratios[$0] }
  }

  static let many = 4.0
  static let secondThread = 1.8
  /// Highest ratio of the 99th percentiles of gets, while writing to idle; as a contest: idle to while writing.
  static let whileWriting = 0.5
  static let bestPeer = 1.0
  /// As a contest: the time at 1 M keys to that at 100 M.
  static let hundredMillion = 0.4
}
