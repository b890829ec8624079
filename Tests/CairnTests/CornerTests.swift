import CairnTestSupport
import Testing

@testable import Cairn

/// Goal: what is seldom asked for works as its documentation says.
@Suite struct CornerTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store") }

  private struct Stop: Error {}

  @Test func optionsThatDoNotFit() throws {
    func refused(_ change: (inout Store.Options) -> Void, _ location: SourceLocation = #_sourceLocation) {
      var options = Store.Options()
      change(&options)
      let error = #expect(throws: StoreError.self, sourceLocation: location) {
        try Store.open(at: path, options: options)
      }
      #expect(error?.code == .invalidOption, sourceLocation: location)
    }
    refused { $0.segmentBytes = 1000 }
    refused { $0.checkpointInterval = -1 }
    refused { $0.compaction.targetAmplification = 1 }
    refused { $0.compaction.targetAmplification = .nan }
    refused { $0.compaction.bytesPerSecond = 1000 }
    refused { $0.compaction.bytesPerSecond = 1 << 50 }
    refused { $0.spaceLimit = 1000 }
    refused { $0.keepVersions = -1 }
    refused { $0.keepVersionsFor = .seconds(-1) }
    refused { $0.filePermissions = 0o400 }
    refused { $0.compression = .zstd(level: 99) }
    #expect(!Files.exists(path))
    var options = FrozenStore.BuildOptions()
    options.filePermissions = 0o400
    let error = #expect(throws: StoreError.self) {
      try FrozenStoreBuilder(path: directory.path("frozen"), options: options)
    }
    #expect(error?.code == .invalidOption)
  }

  @Test func visitsOfSnapshots() throws {
    var options = Store.Options()
    let clock = ManualClock()
    options.clock = clock
    let store = try Store.open(at: path, options: options)
    for number in 0..<20 { try store.put("\(number)", for: "key-\(number)") }
    try store.put("short", for: "expiring", expires: .after(.seconds(1)))
    let snapshot = try store.snapshot()
    try store.put("new", for: "key-3")
    var visited = 0
    try snapshot.forEach { _ in
      visited += 1
      return true
    }
    #expect(visited == 21)
    clock.advance(2000)
    visited = 0
    try snapshot.forEach { _ in
      visited += 1
      return visited < 5
    }
    #expect(visited == 5)
    #expect(throws: Stop.self) { try snapshot.forEach { _ in throw Stop() } }
    #expect(try !snapshot.contains("expiring") && snapshot.value(for: "key-3") == Array("3".utf8))
    var all = 0
    try snapshot.forEach { _ in
      all += 1
      return true
    }
    #expect(all == 20)
    try store.close()
    let closed = #expect(throws: StoreError.self) { try snapshot.forEach { _ in true } }
    #expect(closed?.code == .closed)
    #expect(throws: StoreError.self) { try store.snapshot() }
    #expect(throws: StoreError.self) { _ = try store.changes(since: 0) }
    #expect(throws: StoreError.self) { try store.history(of: "key-1") }
    #expect(throws: StoreError.self) { try store.backup(to: directory.path("backup")) }
    #expect(throws: StoreError.self) { try store.freeze(to: directory.path("frozen")) }
    #expect(throws: StoreError.self) { try store.compact() }
    #expect(store.statistics.liveEntries == 0)
  }

  @Test func changesOfAClosedStore() throws {
    let store = try Store.open(at: path)
    for number in 0..<3 { try store.put("\(number)", for: "key") }
    var cursor = try store.changes(since: 0)
    #expect(try cursor.next()?.sequence == 1)
    try store.close()
    let error = #expect(throws: StoreError.self) { try cursor.next() }
    #expect(error?.code == .closed)
  }

  @Test func updates() throws {
    let store = try Store.open(at: path)
    #expect(try store.update("key") { _ in nil } == nil)
    let version = try store.update("key") { old in old == nil ? Array("1".utf8) : nil }
    #expect(try store.version(of: "key") == version)
    #expect(throws: Stop.self) { try store.update("key") { _ in throw Stop() } }
    #expect(try store.value(for: "key") == Array("1".utf8))
    // Somebody else comes between: the change is made again, to what there is then.
    var calls = 0
    try store.update("key") { old in
      calls += 1
      if calls == 1 { try store.put("2", for: "key") }
      return old.map { $0 + Array("!".utf8) }
    }
    #expect(try calls == 2 && store.value(for: "key") == Array("2!".utf8))
    calls = 0
    try store.update("key") { _ in
      calls += 1
      if calls == 1 { try store.put("3", for: "key") }
      return nil
    }
    #expect(try calls == 2 && store.value(for: "key") == nil)
    calls = 0
    try store.update("key") { old in
      calls += 1
      if calls == 1 { try store.put("4", for: "key") }
      return (old ?? []) + Array("?".utf8)
    }
    #expect(try calls == 2 && store.value(for: "key") == Array("4?".utf8))
    try store.close()
    #expect(throws: StoreError.self) { try store.update("key") { _ in nil } }
  }

  @Test func bytesOfABuffer() throws {
    let store = try Store.open(at: path)
    let (key, value): ([UInt8], [UInt8]) = ([1, 0, 255], [UInt8](repeating: 3, count: 5000))
    try unsafe key.withUnsafeBytes { key in
      try unsafe value.withUnsafeBytes { value in _ = try unsafe store.put(value, for: key) }
    }
    #expect(try store.value(for: key) == value)
    // What does not fit is not copied; how much it is, is said all the same.
    var small = [UInt8](repeating: 0, count: 10)
    let byteCount = try unsafe small.withUnsafeMutableBytes { try unsafe store.copyValue(for: key, into: $0) }
    #expect(byteCount == 5000)
    try store.write { batch in
      #expect(batch.byteCount == 0)
      try batch.put("value", for: "key")
      #expect(batch.byteCount > 8)
    }
    #expect(store.statistics.amplification >= 1)
    #expect(Store.Statistics().amplification == 0)
    try store.close()
  }

  @Test func keysTooLongForAGroup() throws {
    let store = try Store.open(at: path)
    let long = [UInt8](repeating: 7, count: 60_000)
    try store.put("long", for: long)
    try store.put("short", for: "key")
    let other = [UInt8](repeating: 8, count: 60_000)
    let keys = [long, Array("key".utf8), other]
    let expected = [Array("long".utf8), Array("short".utf8), nil]
    #expect(try store.values(for: keys) == expected)
    try store.freeze(to: directory.path("frozen"))
    let frozen = try FrozenStore.open(directory.path("frozen"))
    #expect(try frozen.values(for: keys) == expected)
    #expect(throws: Stop.self) { try frozen.withValue(for: "key") { _ in throw Stop() } }
    #expect(throws: Stop.self) { try frozen.forEach { _ in throw Stop() } }
    var visited = 0
    try frozen.forEach { _ in
      visited += 1
      return false
    }
    #expect(visited == 1)
    #expect(throws: Stop.self) { try store.withValue(for: "key") { _ in throw Stop() } }
    try store.close()
  }

  @Test func valuesCompressedAndTooLargeForABuffer() throws {
    var options = Store.Options()
    options.compression = .zstd()
    let store = try Store.open(at: path, options: options)
    let value = [UInt8](repeating: 3, count: 5000)
    try store.put(value, for: "key")
    try store.freeze(to: directory.path("frozen"))
    let frozen = try FrozenStore.open(directory.path("frozen"))
    var small = [UInt8](repeating: 0, count: 10)
    for _ in 0..<2 {
      let there = try unsafe small.withUnsafeMutableBytes { try unsafe store.copyValue(for: "key", into: $0) }
      let inFile = try unsafe small.withUnsafeMutableBytes { try unsafe frozen.copyValue(for: "key", into: $0) }
      #expect(there == 5000 && inFile == 5000)
    }
    #expect(small == [UInt8](repeating: 0, count: 10))
    try store.close()
  }

  @Test func textsOfErrors() {
    let long = String(repeating: "x", count: 2000)
    let error = StoreError(
      .damaged, "it is broken", file: long, byteOffset: 7, keyPrefix: [97, 34, 27, 200, 0xE2, 0x82, 0xAC])
    #expect(error.description.hasPrefix("it is broken (key \"a\\\"\\x1b\\xc8€\"): xxx"))
    #expect(error.description.hasSuffix("x… at byte 7 [damaged]"))
    #expect(error.description.count < 1200)
    #expect(error.asWriterFailure().code == .writerFailed)
    #expect(error.asWriterFailure().asWriterFailure().code == .writerFailed)
  }

  @Test func timesBeyondAllTimes() throws {
    #expect(Duration.seconds(Int64.max).wholeMilliseconds == .max)
    #expect(Duration.seconds(Int64.min).wholeMilliseconds == .min)
    #expect(Int64.max.saturatingAdd(1) == .max && Int64.min.saturatingAdd(-1) == .min)
    #expect(Int64.max.saturatingSubtract(-1) == .max && Int64.min.saturatingSubtract(1) == .min)
    let store = try Store.open(at: path)
    try store.put("for ever", for: "a", expires: .after(.seconds(Int64.max)))
    try store.put("never", for: "b", expires: .after(.seconds(Int64.min)))
    #expect(try store.contains("a") && !store.contains("b"))
    try store.close()
  }

  /// Goal: however many different times entries end at, the book stays small, and says of no byte that it has expired
  /// before it has.
  @Test func deadlinesAtManyTimes() {
    var random = SeededRandom(seed: SeededRandom.seeds(1)[0])
    var book = DeadlineBook()
    var entries: [(deadline: Int64, byteCount: Int)] = []
    for _ in 0..<2000 {
      let entry = (deadline: Int64(random.below(10_000_000)), byteCount: 1 + random.below(100))
      entries.append(entry)
      book.add(entry.byteCount, deadline: entry.deadline, slot: 3)
    }
    for now in stride(from: Int64(0), through: 10_000_000, by: 500_000) {
      let expired = entries.reduce(0) { $1.deadline <= now ? $0 + $1.byteCount : $0 }
      #expect(book.expiredBytes(slot: 3, at: now) <= expired, "seed \(random.seed)")
    }
    let total = entries.reduce(0) { $0 + $1.byteCount }
    #expect(book.expiredBytes(slot: 3, at: 20_000_000) == total)
    // Which of those together an entry was among is not known any more; it is an estimate then.
    for entry in entries.prefix(500) { book.remove(entry.byteCount, deadline: entry.deadline, slot: 3) }
    book.remove(10, deadline: 5, slot: 4)
    book.remove(10, deadline: .max, slot: 3)
    #expect(book.expiredBytes(slot: 3, at: 20_000_000) < total)
    book.forget(slot: 3)
    #expect(book.expiredBytes(slot: 3, at: .max) == 0)
  }

  /// Values larger than what a backup reads at once, verified piece by piece.
  @Test func backupsOfLargeValues() throws {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    let store = try Store.open(at: path, options: options)
    var random = SeededRandom(seed: 1)
    let large = (0..<3).map { _ in random.bytes(2_500_000) }
    for (number, value) in large.enumerated() { try store.put(value, for: "\(number)") }
    try store.backup(to: directory.path("backup"))
    try store.put("more", for: "more")
    try store.backup(to: directory.path("backup"))
    let backup = try Store.open(at: directory.path("backup"), options: Store.Options(.readOnly))
    for (number, value) in large.enumerated() { #expect(try backup.value(for: "\(number)") == value) }
    try backup.close()
    try store.close()
    // One bit of the second value has gone over.
    let name = try #require(
      Files.names(path).filter { $0.hasPrefix("segment") }.sorted().first { name in
        (try? Files.read(path + "/" + name).count > 2_000_000) ?? false
      })
    var bytes = try Files.read(path + "/" + name)
    bytes[bytes.count / 2] ^= 1
    try Files.write(bytes, to: path + "/" + name)
    let damaged = try Store.open(at: path, options: options)
    let error = #expect(throws: StoreError.self) { try damaged.backup(to: directory.path("other")) }
    #expect(error?.code == .damaged)
    try damaged.close()
  }
}
