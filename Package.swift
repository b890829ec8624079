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

let package = Package(
  name: "Cairn",
  products: [
    .library(name: "Cairn", targets: ["Cairn"]),
  ],
  targets: [
    .target(name: "CCairn", linkerSettings: [.linkedLibrary("xxhash")]),
    .target(name: "Cairn", dependencies: ["CCairn"], swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
