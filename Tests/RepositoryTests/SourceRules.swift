import Foundation
import Testing

/// The habits of this repository, as far as a scan can tell.
@Suite struct SourceRules {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private static func swiftFiles(_ folder: String) throws -> [(name: String, lines: [String])] {
    let base = root.appendingPathComponent(folder).path
    let names = try #require(FileManager.default.enumerator(atPath: base)).compactMap { $0 as? String }
    return try names.filter { $0.hasSuffix(".swift") && !$0.contains(".build/") }.sorted().map { name in
      let text = try String(contentsOfFile: base + "/" + name, encoding: .utf8)
      return (folder + "/" + name, text.components(separatedBy: "\n"))
    }
  }

  /// Only these may touch memory directly; whoever adds one says why in review.
  private static let mayBeUnsafe: Set<String> = [
    "Memory/AtomicWords.swift", "Memory/BarrierList.swift", "Memory/BucketTable.swift", "Memory/ContentHash.swift",
    "Memory/HashStream.swift",
    "Memory/LifeMark.swift",
    "Memory/Lock.swift", "Memory/Mapping.swift", "Memory/MemoryView.swift", "Memory/PendingEntries.swift",
    "Memory/Reclaimer.swift", "Memory/SegmentTable.swift", "Memory/ShardWords.swift",
    "Memory/StagedOperations.swift", "Memory/ValueCodec.swift", "Memory/ValueDictionary.swift",
    // Descriptors and mappings; the thread; what lends bytes in and out.
    "IO/System.swift", "Engine/Engine+Background.swift", "API/ByteLending.swift", "API/Store+Read.swift",
    "API/Store+ReadMany.swift",
    // Frozen stores: zstd; what lends bytes in and out.
    "Frozen/FrozenCodec.swift", "Frozen/FrozenStoreBuilder.swift", "Frozen/FrozenStore+Read.swift",
    "Frozen/FrozenStore+ReadMany.swift",
    // One expression each: a span of bytes, which 6.3 calls unsafe because of padding that bytes have not; a buffer on
    // the stack.
    "API/Store+Write.swift", "API/WriteBatch.swift", "Engine/Engine+Open.swift", "Views/HashIndex+Write.swift",
    // Keys in order: blocks of keys in one piece of memory, or in a file; a lock that is held between two calls; one
    // expression: a copy of a span of bytes.
    "Ordered/KeyBlock.swift", "Views/Guarded.swift", "Ordered/KeyRange.swift", "Views/FileWords.swift",
    // Indexes of attributes: CRoaring; columns of numbers by document, and bytes of them.
    "Memory/Bitmap.swift", "Memory/Column.swift",
    // Keys of caches: OpenSSL.
    "Keys/SHA256.swift",
    // Counters and notes of reads, which threads share; arrays of numbers as bytes.
    "Memory/Stripes.swift", "Memory/PlainBytes.swift",
    // Results for files: what the system says of these.
    "Files/FileAccess.swift",
    // MessagePack: what its library writes, and reads.
    "Wire/Packer.swift", "Wire/Parser.swift",
  ]

  /// The engine, and the layers on it that programs link.
  private static let linked = [
    "Sources/Cairn", "Sources/CairnAttributes", "Sources/CairnCache", "Sources/CairnIndex", "Sources/CairnMessagePack",
  ]

  @Test func unsafeCodeStaysInItsFence() throws {
    let words = ["unsafe ", "UnsafeRaw", "UnsafeMutable", "UnsafePointer", "UnsafeBuffer", "Unmanaged", "nonisolated("]
    for (name, lines) in try Self.linked.flatMap(Self.swiftFiles) {
      let short = name.split(separator: "/").dropFirst(2).joined(separator: "/")
      let isUnsafe = lines.contains { line in
        let code = line.components(separatedBy: "//")[0]
        return words.contains { code.contains($0) }
      }
      #expect(!isUnsafe || Self.mayBeUnsafe.contains(short), "\(name) is not among the files that may be unsafe")
    }
  }

  @Test func theEngineDoesWithoutFoundation() throws {
    for (name, lines) in try Self.linked.flatMap(Self.swiftFiles) {
      for (number, line) in lines.enumerated() where line.contains("import ") {
        #expect(!line.contains("Foundation"), "\(name):\(number + 1)")
        let mayAskTheSystem = name.hasSuffix("IO/System.swift") || name.hasSuffix("Files/FileAccess.swift")
        #expect(!line.contains("import Glibc") || mayAskTheSystem, "\(name):\(number + 1)")
      }
    }
  }

  /// What the demo links is what the engine links: it imports nothing else.
  @Test func aProgramOnTheEngineLinksNoFoundation() throws {
    let products = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
    let demo = products.appendingPathComponent("cairn-demo")
    try #require(FileManager.default.fileExists(atPath: demo.path))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["ldd", demo.path]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(text.contains("libswiftCore"), "ldd tells what is linked")
    #expect(!text.contains("Foundation"), "\(text)")
  }

  @Test func filesAreShortAndPlain() throws {
    for folder in ["Sources", "Tests", "Benchmarks"] {
      for (name, lines) in try Self.swiftFiles(folder) {
        #expect(lines.count <= 450, "\(name) has \(lines.count) lines: split it by topic")
        for (number, line) in lines.enumerated() {
          let place = "\(name):\(number + 1)"
          #expect(line.count <= 120, "\(place) is too long")
          let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X:"]
          #expect(!marks.contains { line.contains($0) }, "\(place): do it, or write an issue")
        }
      }
    }
  }

  @Test func uncheckedSendabilityHasAReason() throws {
    for (name, lines) in try Self.swiftFiles("Sources") {
      for (number, line) in lines.enumerated() where line.contains("@unchecked Sendable") {
        #expect(line.contains("//"), "\(name):\(number + 1): say what makes it so")
      }
    }
  }

  @Test func theTopLevelIsWhatUsersRelyOn() throws {
    let allowed: Set<String> = [
      "Package.swift", "Sources", "Tests", "Benchmarks", "Formats", "README.md", "Makefile", "LICENSE", "CHANGELOG.md",
    ]
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.root.path)
    for name in names where !name.hasPrefix(".") { #expect(allowed.contains(name), "\(name)") }
    for name in allowed { #expect(names.contains(name), "\(name) is missing") }
  }
}
