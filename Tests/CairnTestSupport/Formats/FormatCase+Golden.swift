internal import Cairn
internal import Foundation
internal import Synchronization

extension FormatCase {
  /// Stores that the engine has written, and that every later version reads.
  static let golden: [FormatCase] =
    compaction + [
      written("empty") { _ in },
      written("one-key") { try $0.put("value", for: "key") },
      written("limits") { store in
        try store.put("", for: [0] as [UInt8])
        try store.put("longest key", for: [UInt8](repeating: 0x6B, count: Store.Limits.keyBytes))
      },
      // F1-REC-021.
      written("batch") { store in
        try store.write { batch in
          for number in 1...20 { try batch.put("value \(number)", for: "key \(number)") }
          try batch.remove("key 7")
          try batch.put("again", for: "key 8")
        }
      },
      written("deletes") { store in
        for number in 1...10 { try store.put("value", for: "\(number)") }
        for number in stride(from: 1, through: 10, by: 2) { try store.remove("\(number)") }
        try store.put("back", for: "3")
      },
      written("overwrites") { store in
        for round in 1...10 { for key in ["a", "b", "c"] { try store.put("\(key) \(round)", for: key) } }
      },
      written("expiry") { store in
        try store.put("for ever", for: "never")
        try store.put("until 2096", for: "later", expires: .at(milliseconds: 4_000_000_000_000))
        try store.put("until 2023", for: "over", expires: .at(milliseconds: 1_700_000_100_000))
        try store.put("until 2096", for: "prolonged", expires: .at(milliseconds: 1_700_000_100_000))
        try store.put("until 2096", for: "prolonged", expires: .at(milliseconds: 4_000_000_000_001))
      },
      written("incompressible") { store in
        var random = SeededRandom(seed: 1)
        for size in [1, 7, 8, 9, 100, 1000, 10_000] { try store.put(random.bytes(size), for: random.bytes(16)) }
      },
      // F1-REC-050. By hand: what zstd makes of a value is not the same in every version of it.
      forged(.golden, "zstd") {
        func frame(_ key: String, _ sequence: UInt64, _ bytes: [UInt8]) -> ForgedSegment.Record {
          var record = ForgedSegment.put(sequence, key, "")
          record.codec = 1
          record.value = bytes
          return record
        }
        // A raw block; a block that repeats a byte 1,000 times; two blocks.
        let start: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
        return ForgedStore([
          frame("raw", 1, start + [0x20, 4, 0x21, 0, 0] + Array("abcd".utf8)),
          frame("repeated", 2, start + [0x60, 0xE8, 0x02, 0x43, 0x1F, 0, 0x7A]),
          frame("two blocks", 3, start + [0x20, 7, 0x20, 0, 0] + Array("abcd".utf8) + [0x1B, 0, 0, 0x21]),
          ForgedSegment.put(4, "plain", "as it is"), ForgedSegment.seal(4, reason: 1),
        ])
      },
      written("every-byte") { store in
        for byte in UInt8.min...UInt8.max { try store.put([byte, byte &+ 1, byte &+ 2], for: [byte]) }
        try store.put("zwölf Boxkämpfer \u{1F94A}", for: "ключ")
      },
      // F1-END-001, F1-REC-040, F1-SEG-002.
      // By hand: the smallest segment that the engine fills would be too large here.
      forged(.golden, "many-segments") {
        func content(_ number: UInt64) -> [ForgedSegment.Record] {
          [
            ForgedSegment.put(2 * number - 1, "every", "\(number)"), ForgedSegment.put(2 * number, "\(number)", "own"),
            number < 5
              ? ForgedSegment.seal(2 * number, reason: 2, next: number + 1) : ForgedSegment.seal(10, reason: 1),
          ]
        }
        return ForgedStore(content(1)).with { store in
          for number in 2...5 as ClosedRange<UInt64> { store.addSegment(at: 2 * number - 2, content(number)) }
        }
      },
      FormatCase(.golden, "two-sessions") {
        try files { path in
          for session in 1...2 {
            let store = try Store.open(at: path, options: options(session: session))
            try store.put("\(session)", for: "session \(session)")
            try store.close()
          }
        }
      },
      // F1-CHK-001, F1-CHK-004.
      checkpoint,
      // The salt of the last segment in the table: somebody has put it beside another log.
      withCheckpoint(.golden, "checkpoint-of-another-log", .fine) { $0.changeCheckpoint(at: -48) },
      FormatCase(.golden, "no-checkpoint") {
        try files { path in
          try makeCheckpoint(path)
          Files.remove(path + "/index.checkpoint")
        }
      },
      FormatCase(.golden, "stale-checkpoint") {
        try files { path in
          try makeCheckpoint(path)
          try kill(path) { store in
            try store.put("newer", for: "3")
            try store.remove("4")
            try store.put("new", for: "new")
          }
        }
      },
      FormatCase(.golden, "unclean-close") {
        try files { path in try kill(path) { store in for key in ["a", "b", "c"] { try store.put("value", for: key) } }
        }
      },
      FormatCase(.golden, "after-a-crash") {
        try files { path in
          try kill(path) { try $0.put("before", for: "a") }
          let store = try Store.open(at: path, options: options(session: 2))
          try store.put("after", for: "b")
          try store.close()
        }
      },
      forged(.golden, "torn-tail") {
        // Nothing says that it was on the disk.
        ForgedStore.open(ForgedSegment.put(3, "c", "three")).with { $0.segments[0].bytes.removeLast(3) }
      },
      // F1-REC-021.
      forged(.golden, "torn-batch") {
        ForgedStore.open(
          ForgedSegment.Record(sequence: 3, key: [0x63], flags: 1, durable: 256),
          ForgedSegment.Record(sequence: 4, key: [0x64], flags: 1, durable: 256))
      },
      // F1-REC-041.
      forged(.golden, "prepared-segment") {
        ForgedStore.open().with { store in
          store.segments.append(ForgedSegment(number: 2, of: ForgedStore.identifier, salt: 2))
        }
      },
      forged(.golden, "void-segment") {
        // What a power failure may leave: the end of the first segment is lost, the second one came through.
        ForgedStore.open().with { store in
          store.addSegment(
            at: 2, ForgedSegment.Record(sequence: 3, key: [0x63], durable: 0))
          store.segments[0].bytes.replaceSubrange(368..<408, with: [UInt8](repeating: 0, count: 40))
        }
      },
      forged(.golden, "cut-by-the-next-segment") {
        // F1-REC-040: a record that the writer did not find after a crash, and never will.
        ForgedStore.open().with { store in
          store.addSegment(at: 2, durable: 408, ForgedSegment.put(3, "c", "three"))
          store.segments[0].add(ForgedSegment.put(3, "c", "void"))
        }
      },
    ]

  // MARK: How they are made

  /// Nothing depends on the clock, on chance, or on how fast the disk is.
  static func options(session: Int) -> Store.Options {
    final class Counter: Sendable {
      let next = Atomic<UInt64>(0)
    }
    let counter = Counter()
    counter.next.store(0x0102_0304_0506_0708 + UInt64(session) << 32, ordering: .relaxed)
    var options = Store.Options()
    options.clock = ManualClock()
    options.randomNumber = { counter.next.wrappingAdd(1, ordering: .relaxed).oldValue }
    options.segmentBytes = 64 << 10
    options.durability = .disk
    return options
  }

  private static func written(
    _ name: String, _ body: @escaping @Sendable (Store) throws -> Void
  ) -> FormatCase {
    FormatCase(.golden, name) {
      try files { path in
        let store = try Store.open(at: path, options: options(session: 1))
        try body(store)
        try store.close()
      }
    }
  }

  public static let checkpoint = FormatCase(.golden, "checkpoint") { try files { try makeCheckpoint($0) } }

  /// A store with one commit, and a checkpoint after it.
  private static func makeCheckpoint(_ path: String) throws {
    var options = options(session: 1)
    options.checkpointInterval = 1
    let store = try Store.open(at: path, options: options)
    try store.write { batch in for number in 1...20 { try batch.put("value \(number)", for: "\(number)") } }
    try store.close()
  }

  /// Writes, and leaves the store as a killed process would.
  private static func kill(_ path: String, _ body: (Store) throws -> Void) throws {
    let live = path + "-live"
    if Files.exists(path) { try Files.copyTree(path, to: live) }
    let store = try Store.open(at: live, options: options(session: 3))
    try body(store)
    try Files.copyStore(live, to: path)
    try store.close()
    Files.remove(live)
  }

  /// The files of a store that is made in a folder of its own, without what is no part of the format: the lock, and
  /// space that was reserved.
  static func files(_ make: (String) throws -> Void) throws -> [String: [UInt8]] {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    try make(path)
    var files: [String: [UInt8]] = [:]
    for name in try Files.names(path) where name != "LOCK" && name != "news" {
      let bytes = try Files.read(path + "/" + name)
      files[name] = name.hasPrefix("segment-") ? Array(bytes[..<ForgedSegment.end(of: bytes)]) : bytes
    }
    return files
  }
}
