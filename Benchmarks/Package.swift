// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that users of the library never build what only benchmarks need.
let package = Package(
  name: "CairnBenchmarks",
  dependencies: [.package(name: "Cairn", path: "..")],
  targets: [
    .target(name: "CYardstick", linkerSettings: [.linkedLibrary("xxhash")]),
    // A link to the one that the tests use.
    .target(name: "CAllocations"),
    .executableTarget(
      name: "cairn-bench", dependencies: [.product(name: "Cairn", package: "Cairn"), "CYardstick", "CAllocations"]),
  ],
  swiftLanguageModes: [.v6]
)
