// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  // Spans that live as long as what lends them need `@_lifetime`, which no accepted proposal covers yet.
  .enableExperimentalFeature("Lifetimes"),
]

// The program of libFuzzer has no `main` of its own: `.ci/fuzz` asks for it.
let fuzzing: [Target] =
  Context.environment["CAIRN_FUZZ"] == nil
  ? []
  : [
    .executableTarget(
      name: "cairn-fuzz", dependencies: ["CairnFuzz"], path: "Tests/cairn-fuzz",
      swiftSettings: [.unsafeFlags(["-parse-as-library"])])
  ]

let package = Package(
  name: "Cairn",
  products: [
    .library(name: "Cairn", targets: ["Cairn"]),
    .library(name: "CairnIndex", targets: ["CairnIndex"]),
    .library(name: "CairnAttributes", targets: ["CairnAttributes"]),
    .library(name: "CairnCache", targets: ["CairnCache"]),
    .library(name: "CairnCacheFoundation", targets: ["CairnCacheFoundation"]),
    .library(name: "CairnMessagePack", targets: ["CairnMessagePack"]),
    .library(name: "CairnFoundation", targets: ["CairnFoundation"]),
    .executable(name: "kvdump", targets: ["kvdump"]),
    .executable(name: "cairn-demo", targets: ["cairn-demo"]),
  ],
  targets: [
    .target(name: "CCairn", linkerSettings: [.linkedLibrary("xxhash")]),
    .systemLibrary(name: "CZstd"),
    .target(name: "Cairn", dependencies: ["CCairn", "CZstd"], swiftSettings: settings),
    // `Data` as key and value, for programs that use Foundation anyway.
    .target(name: "CairnFoundation", dependencies: ["Cairn"], swiftSettings: settings),
    // Keys in order, patterns, queries: on views of the log beside the engine's own.
    .target(name: "CairnIndex", dependencies: ["CCairn", "Cairn"], swiftSettings: settings),
    // Indexes of attributes, in compressed bitmaps.
    .systemLibrary(name: "CRoaring"),
    .target(name: "CairnAttributes", dependencies: ["CRoaring", "Cairn", "CairnIndex"], swiftSettings: settings),
    // Caches with limits; SHA-256, for keys of what was computed.
    .systemLibrary(name: "CCrypto"),
    .target(name: "CairnCache", dependencies: ["CCrypto", "Cairn", "CairnIndex"], swiftSettings: settings),
    // Codecs and a ready-made cache, for programs that use Foundation anyway.
    .target(
      name: "CairnCacheFoundation", dependencies: ["Cairn", "CairnCache", "CairnIndex"], swiftSettings: settings),
    // `Codable` values in MessagePack, and caches of these.
    .systemLibrary(name: "CMsgpack"),
    .target(
      name: "CairnMessagePack", dependencies: ["CMsgpack", "CairnCache", "CairnIndex"], swiftSettings: settings),
    .target(name: "CairnInspect", dependencies: ["CZstd", "Cairn", "CairnIndex"], swiftSettings: settings),
    // Command lines: parsing, help, completion, manual page.
    .target(name: "CairnArguments", swiftSettings: settings),
    .executableTarget(
      name: "kvdump", dependencies: ["Cairn", "CairnArguments", "CairnIndex", "CairnInspect"], exclude: ["kvdump.1"],
      swiftSettings: settings),
    .executableTarget(name: "cairn-demo", dependencies: ["Cairn", "CairnCache"], swiftSettings: settings),
    .target(name: "CAllocations", path: "Tests/CAllocations"),
    .target(name: "CairnTestSupport", dependencies: ["Cairn"], path: "Tests/CairnTestSupport", swiftSettings: settings),
    .target(name: "CShortTransfers", path: "Tests/CShortTransfers"),
    // The process that dies in tests of crashes.
    .executableTarget(
      name: "cairn-test-writer", dependencies: ["CShortTransfers", "CairnTorture"], path: "Tests/cairn-test-writer",
      swiftSettings: settings),
    // Crashes on a simulated disk, by the million.
    .target(
      name: "CairnTorture", dependencies: ["Cairn", "CairnAttributes", "CairnIndex", "CairnTestSupport"],
      path: "Tests/CairnTorture",
      swiftSettings: settings),
    .executableTarget(
      name: "cairn-torture", dependencies: ["CairnArguments", "CairnTestSupport", "CairnTorture"],
      path: "Tests/cairn-torture", swiftSettings: settings),
    // Policies over traces of requests, without a disk; the program prints and draws their hit ratios.
    .target(
      name: "CairnSimulation", dependencies: ["CairnCache", "CairnTestSupport"], path: "Tests/CairnSimulation",
      swiftSettings: settings),
    .executableTarget(
      name: "cairn-hitratios", dependencies: ["CairnArguments", "CairnSimulation"], path: "Tests/cairn-hitratios",
      swiftSettings: settings),
    .target(
      name: "CairnFuzz", dependencies: ["Cairn", "CairnArguments", "CairnIndex", "CairnInspect", "CairnTestSupport"],
      path: "Tests/CairnFuzz", swiftSettings: settings),
    // Writes the stores of `Formats/v1`.
    .executableTarget(
      name: "cairn-golden", dependencies: ["Cairn", "CairnInspect", "CairnTestSupport"], path: "Tests/cairn-golden",
      swiftSettings: settings),
    .testTarget(
      name: "CairnTests", dependencies: ["CAllocations", "Cairn", "CairnFoundation", "CairnTestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "CairnIndexTests", dependencies: ["CAllocations", "Cairn", "CairnIndex", "CairnTestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "CairnAttributesTests", dependencies: ["Cairn", "CairnAttributes", "CairnIndex", "CairnTestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "CairnCacheTests",
      dependencies: ["Cairn", "CairnCache", "CairnIndex", "CairnSimulation", "CairnTestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "CairnCacheFoundationTests",
      dependencies: [
        "Cairn", "CairnCache", "CairnCacheFoundation", "CairnIndex", "CairnMessagePack", "CairnTestSupport",
      ], swiftSettings: settings),
    .testTarget(
      name: "CairnMessagePackTests", dependencies: ["CairnMessagePack", "CairnTestSupport"], swiftSettings: settings),
    .testTarget(
      name: "CairnCrashTests",
      dependencies: [
        "Cairn", "CairnIndex", "CairnTestSupport", "CairnTorture", "cairn-test-writer", "cairn-torture",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ToolTests",
      dependencies: [
        "Cairn", "CairnArguments", "CairnIndex", "CairnInspect", "CairnTestSupport", "CairnFuzz", "cairn-demo",
        "cairn-golden", "kvdump",
      ], swiftSettings: settings),
    // Bugs that are planted in a copy of the sources, and what sees to it that the tests find them.
    .target(name: "CairnPlanted", path: "Tests/CairnPlanted", swiftSettings: settings),
    .executableTarget(
      name: "cairn-planted", dependencies: ["CairnPlanted"], path: "Tests/cairn-planted", swiftSettings: settings),
    .executableTarget(
      name: "cairn-readme",
      dependencies: ["Cairn", "CairnAttributes", "CairnCache", "CairnCacheFoundation", "CairnIndex"],
      path: "Tests/cairn-readme", swiftSettings: settings),
    .testTarget(
      name: "RepositoryTests", dependencies: ["CairnPlanted", "CairnTestSupport", "cairn-readme"],
      swiftSettings: settings),
  ] + fuzzing,
  swiftLanguageModes: [.v6]
)
