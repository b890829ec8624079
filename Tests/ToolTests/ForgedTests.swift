import Cairn
import CairnTestSupport
import Testing

/// Goal: numbers that no writer would write, under checksums that fit, end neither the engine nor `kvdump`.
@Suite struct ForgedTests {
  private func set(_ value: UInt64, at offset: Int, in bytes: inout [UInt8]) {
    for index in 0..<8 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
  }

  private func hash(_ bytes: ArraySlice<UInt8>, seed: UInt64) -> UInt64 {
    let part = Array(bytes)
    return unsafe MemoryView(part.span.bytes).hash(seed: seed)
  }

  /// Changes words of a segment, and the checksums of its header and of its link (SPEC 3.1, 4.4).
  private func forge(_ path: String, _ changes: [(offset: Int, value: UInt64)]) throws {
    var bytes = try Files.read(path)
    for change in changes { set(change.value, at: change.offset, in: &bytes) }
    set(hash(bytes[..<248], seed: 0), at: 248, in: &bytes)
    let salt = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[56 + $1]) << UInt64(8 * $1) }
    let link = RecordHeader.byteCount + LinkValue.byteCount
    // Wrapping multiplication is how the seed is made.
    set(hash(bytes[264..<256 + link], seed: salt ^ (256 &* 0x9E37_79B9_7F4A_7C15)), at: 256, in: &bytes)
    try Files.write(bytes, to: path)
  }

  private func use(_ path: String) throws {
    for name in ["info", "list", "verify"] {
      let result = try Tool.run(name, path)
      #expect([0, 3].contains(result.code), "\(name): \(result)")
    }
    for access in [Store.Options.Access.readOnly, .mustExist] {
      let result = Result { () throws(StoreError) in try Store.open(at: path, options: Store.Options(access)) }
      switch result {
      case .success(let store):
        #expect(store.statistics.segments > 0)
        if access == .mustExist { _ = try? changeAll(store) }
        if var changes = try? store.changes(since: 0) { _ = try? changes.next() }
        try store.close()
      case .failure(let error): #expect(error.code == .damaged || error.code == .storeFull)
      }
    }
  }

  private func changeAll(_ store: Store) throws {
    var keys: [[UInt8]] = []
    try store.forEachKey { entry in
      keys.append(unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) })
      return true
    }
    for key in keys { try store.remove(key) }
    try store.put("value", for: "key")
    #expect(store.statistics.liveEntries <= Int.max)
  }

  @Test(arguments: [Fixture.Ending.closed, .killed]) func largestEpoch(ending: Fixture.Ending) throws {
    let fixture = try Fixture(seed: 1, commits: 20, ending: ending)
    try forge(try fixture.segment(0), [(48, .max)])
    try use(fixture.path)
  }

  /// Method: the value of the link begins at byte 288: previous, previous end, checksum, durable, epoch.
  @Test(arguments: [Fixture.Ending.closed, .killed]) func largestPlaces(ending: Fixture.Ending) throws {
    for end in [UInt64.max, UInt64(Int.max), 1 << 40, 0] {
      for durable in [UInt64.max, 0] {
        let fixture = try Fixture(seed: 1, commits: 3000, ending: ending)
        try #require(try Files.segments(fixture.path).count > 2)
        // Without the flag that says that earlier segments are durable (byte 24 of the record).
        let path = try fixture.segment(1)
        let bytes = try Files.read(path)
        let marks = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[280 + $1]) << UInt64(8 * $1) }
        try forge(path, [(296, end), (312, durable), (280, marks & ~0xFFFF)])
        let copy = try fixture.copy()
        for name in try Files.segments(copy).dropFirst(2) { Files.remove(copy + "/" + name) }
        try use(fixture.path)
        try use(copy)
      }
    }
  }

  /// Method: the first operation's sequence is that of the link and one more; the link's is as large as can be.
  @Test func largestSequence() throws {
    let fixture = try Fixture(seed: 1, commits: 20)
    try forge(try fixture.segment(0), [(264, .max)])
    try use(fixture.path)
  }

  /// A checkpoint spares its segment to be read, and so it is compaction that meets a put without a key.
  @Test func compactionOfAForgedRecord() throws {
    let fixture = try Fixture(seed: 2, commits: 2000, segmentBytes: 64 << 10, checkpointInterval: 4096)
    let path = try fixture.segment(0)
    let bytes = try Files.read(path)
    var segment = ForgedSegment(whole: Array(bytes[..<ForgedSegment.end(of: bytes)]))
    let number = try #require(
      segment.offsets.indices.dropFirst(9).first { ForgedSegment.put(in: bytes, at: segment.offsets[$0]) != nil })
    let lengths = ForgedSegment.word(bytes, segment.offsets[number] + 16)
    let (value, key) = (lengths & 0xFFFF_FFFF, lengths >> 32 & 0xFFFF)
    segment.change(number, at: 16, ForgedSegment.little(value + key, 4) + [0, 0])
    try Files.write(segment.bytes, to: path)
    let store = try Store.open(at: fixture.path)
    let error = #expect(throws: StoreError.self) { try store.compact() }
    #expect(error?.code == .damaged && error?.byteOffset == segment.offsets[number], "\(String(describing: error))")
    #expect(Files.exists(path))
    try store.close()
  }

  /// Method: sequences of a checkpoint's header (72: start, 96: end) and live bytes of a segment, at their extremes.
  @Test func checkpointWithExtremes() throws {
    let fixture = try Fixture(seed: 2, commits: 2000, segmentBytes: 1 << 20, checkpointInterval: 4096)
    let original = try Forger(fixture.path + "/index.checkpoint")
    for place in [56, 64, 72, 80, 88, 96, 104, 120] {
      for value in [UInt64.max, UInt64(Int.max), UInt64(Int.max) + 1, 0] {
        let copy = try fixture.copy()
        var forged = original
        forged.setWord(value, at: place)
        try Files.write(forged.sealed(), to: copy + "/index.checkpoint")
        try use(copy)
      }
    }
    for place in stride(from: 0, to: 56, by: 8) {
      for value in [0, UInt64.max, UInt64(Int.max), UInt64(Int.max) + 1] {
        let copy = try fixture.copy()
        var forged = original
        forged.setSegmentWord(value, at: place)
        try Files.write(forged.sealed(), to: copy + "/index.checkpoint")
        try use(copy)
      }
    }
  }

  /// Method: the sums over all segments must not overflow either.
  @Test func checkpointWithLargeSegments() throws {
    let fixture = try Fixture(seed: 2, commits: 2000, segmentBytes: 64 << 10, checkpointInterval: 4096)
    var forged = try Forger(fixture.path + "/index.checkpoint")
    try #require(forged.segmentsCount > 1)
    for number in 0..<forged.segmentsCount {
      for place in [16, 24] { forged.setSegmentWord(UInt64(Int.max), at: number * 56 + place) }
    }
    try Files.write(forged.sealed(), to: fixture.path + "/index.checkpoint")
    try use(fixture.path)
  }

  /// Method: the last segment of the table has a number of the first one's slot.
  @Test func checkpointWithTwoSegmentsOfOneSlot() throws {
    let fixture = try Fixture(seed: 2, commits: 2000, segmentBytes: 64 << 10, checkpointInterval: 4096)
    var forged = try Forger(fixture.path + "/index.checkpoint")
    try #require(forged.segmentsCount > 1)
    let last = (forged.segmentsCount - 1) * 56
    forged.setSegmentWord(1 + 65536, at: last)
    forged.setSegmentWord(1, at: last + 40)
    try Files.write(forged.sealed(), to: fixture.path + "/index.checkpoint")
    try use(fixture.path)
    let store = try Store.open(at: fixture.path, options: Store.Options(.readOnly))
    #expect(store.statistics.liveEntries > 0)
    try store.close()
  }

  /// Method: of the bytes of a segment more will end some time than a segment can have, or less than none.
  @Test func checkpointWithImpossibleDeadlines() throws {
    for value in [UInt64.max, 1 << 40, 1 << 63] {
      let directory = TemporaryDirectory()
      let path = directory.path("store")
      var options = Store.Options()
      options.checkpointInterval = 0
      let store = try Store.open(at: path, options: options)
      try store.put("1", for: "a", expires: .after(.seconds(100_000)))
      try store.close()
      var forged = try Forger(path + "/index.checkpoint")
      #expect(forged.sealed() == forged.bytes)
      forged.setSegmentWord(value, at: forged.segmentsCount * 56 + 16)
      try Files.write(forged.sealed(), to: path + "/index.checkpoint")
      try use(path)
      let again = try Store.open(at: path)
      #expect(try again.value(for: "key") == Array("value".utf8))
      try again.close()
    }
  }

  /// Method: two shards of the checkpoint share their buckets, so that the writer changes both at once.
  @Test func overlappingShards() throws {
    let fixture = try Fixture(seed: 2, commits: 2000, checkpointInterval: 4096)
    var forged = try Forger(fixture.path + "/index.checkpoint")
    let shards = forged.shardsInUse
    for shard in shards.dropFirst() { forged.copyPlace(of: shards[0], to: shard) }
    try Files.write(forged.sealed(), to: fixture.path + "/index.checkpoint")
    #expect(try Tool.run("verify", "--deep", fixture.path).code == 3)
    try use(fixture.path)
  }

  private struct Checkpointed {
    let directory = TemporaryDirectory()
    let path: String
    let offset: (Int) -> Int

    /// Three records of 40 bytes for one key: put, remove, put; and a checkpoint.
    init() throws {
      path = directory.path("store")
      var options = Store.Options()
      options.checkpointInterval = 0
      let store = try Store.open(at: path, options: options)
      try store.put("1", for: "a")
      try store.remove("a")
      try store.put("3", for: "a")
      try store.close()
      offset = { 256 + 72 + 40 * $0 }
    }

    func forge(_ change: (inout Forger) throws -> Void) throws {
      var forger = try Forger(path + "/index.checkpoint")
      try change(&forger)
      try Files.write(forger.sealed(), to: path + "/index.checkpoint")
    }
  }

  /// F1-CHK-005: the index leads to a record of the right key which is no put.
  @Test func entryOfARemove() throws {
    let made = try Checkpointed()
    try made.forge { forger in
      let shard = try #require(forger.shardsInUse.first)
      forger.changeEntry(of: shard) { entry in
        #expect(Int(entry & 0xFF_FFFF) * 8 == made.offset(2))
        return entry & ~0xFF_FFFF | UInt64(made.offset(1) / 8)
      }
    }
    #expect(try Tool.run("verify", "--deep", made.path).code == 3)
    let store = try Store.open(at: made.path, options: Store.Options(.readOnly))
    let read = #expect(throws: StoreError.self) { try store.value(for: "a") }
    #expect(read?.code == .damaged && read?.byteOffset == made.offset(1), "\(String(describing: read))")
    let visit = #expect(throws: StoreError.self) { try store.forEach { _ in true } }
    #expect(visit?.code == .damaged)
    try store.close()
  }

  /// F1-CHK-005: the index leads into a segment that the checkpoint does not have, or to no place at all.
  @Test func entriesThatLeadNowhere() throws {
    for change in [{ $0 | 0xFFFF_0000 << 8 }, { $0 & ~0xFF_FFFF }] as [@Sendable (UInt64) -> UInt64] {
      let made = try Checkpointed()
      try made.forge { forger in forger.changeEntry(of: try #require(forger.shardsInUse.first), change) }
      #expect(try Tool.run("verify", "--deep", made.path).code == 3)
      for access in [Store.Options.Access.readOnly, .mustExist] {
        let store = try Store.open(at: made.path, options: Store.Options(access))
        #expect(try store.value(for: "a") == Array("3".utf8))
        try store.close()
      }
    }
  }

  /// F1-CHK-004 and 5.2: a shard that claims to be from outside of the checkpoint's time would miss operations.
  @Test func shardOfAnotherTime() throws {
    for sequence in [UInt64(0), 4, .max] {
      let made = try Checkpointed()
      try made.forge { forger in
        let shard = try #require(forger.shardsInUse.first)
        forger.setSequence(of: shard, sequence)
      }
      #expect(try Tool.run("verify", "--deep", made.path).code == 3, "\(sequence)")
      let store = try Store.open(at: made.path)
      #expect(try store.value(for: "a") == Array("3".utf8), "\(sequence)")
      try store.put("4", for: "a")
      #expect(try store.value(for: "a") == Array("4".utf8), "\(sequence)")
      try store.close()
    }
  }
}
