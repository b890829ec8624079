// swift-tools-version: 6.2
import Foundation
import PackageDescription

// A package of its own, so that users of the library never build what only benchmarks need.

/// A peer of the contest: the module that imports its C header, and where Debian puts that header.
/// One whose header is not there is left out; `kvbench list` says which.
let peers = [
  ("LMDB", "lmdb.h"), ("RocksDB", "rocksdb/c.h"), ("LevelDB", "leveldb/c.h"), ("SQLite", "sqlite3.h"),
  ("Tkrzw", "tkrzw_langc.h"), ("Kyoto", "kclangc.h"), ("WiredTiger", "wiredtiger.h"),
].filter { FileManager.default.fileExists(atPath: "/usr/include/" + $0.1) }.map(\.0)

let package = Package(
  name: "CairnBenchmarks",
  dependencies: [.package(name: "Cairn", path: "..")],
  targets: [
    .target(name: "CYardstick", linkerSettings: [.linkedLibrary("xxhash")]),
    // A link to the one that the tests use.
    .target(name: "CAllocations"),
    .target(name: "BenchmarkSupport"),
    // For those who leave compression to their callers.
    .systemLibrary(name: "CZstdForPeers"),
    .executableTarget(
      name: "cairn-bench",
      dependencies: [
        .product(name: "Cairn", package: "Cairn"), .product(name: "CairnAttributes", package: "Cairn"),
        .product(name: "CairnCache", package: "Cairn"), .product(name: "CairnIndex", package: "Cairn"),
        "BenchmarkSupport", "CYardstick", "CAllocations",
      ] + (peers.contains("SQLite") ? ["CSQLite"] : []),
      swiftSettings: peers.contains("SQLite") ? [.define("PEER_SQLITE")] : []),
    .executableTarget(
      name: "kvbench",
      dependencies: [
        .product(name: "Cairn", package: "Cairn"), .product(name: "CairnIndex", package: "Cairn"), "BenchmarkSupport",
        "CZstdForPeers",
      ]
        + peers.map { .target(name: "C\($0)") },
      swiftSettings: peers.map { .define("PEER_\($0.uppercased())") }),
    .testTarget(name: "BenchmarkTests", dependencies: ["BenchmarkSupport", "kvbench"]),
  ] + peers.map { .systemLibrary(name: "C\($0)") },
  swiftLanguageModes: [.v6]
)
