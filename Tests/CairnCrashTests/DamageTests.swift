import Cairn
import CairnTestSupport
import Testing

/// Goal: no byte of a store can change without being noticed, and none brings the process down.
/// Method: change every bit (every byte in debug builds), each in a fresh copy, open it both ways and read everything.
@Suite struct DamageTests {
  #if DEBUG
    private static let masks: [UInt8] = [0x10]
  #else
    private static let masks: [UInt8] = (0..<8).map { 1 << $0 }
  #endif

  /// After a clean close all is durable: whatever flips, the content is right or an error says what is not.
  @Test(arguments: [nil, 0] as [Int?])
  func everyFlipAfterACleanClose(checkpointInterval: Int?) throws {
    let small = try SmallStore(seed: 11, operations: 12, isClosed: true, checkpointInterval: checkpointInterval)
    let copy = small.directory.path("copy")
    for name in try Files.names(small.path) where name != "LOCK" && name != "news" {
      let bytes = try Files.read(small.path + "/" + name)
      try Files.copyTree(small.path, to: copy)
      // Of a checkpoint: header, directory, and a part of the buckets; the rest is alike.
      let offsets = name == "index.checkpoint" ? Array(stride(from: 0, to: bytes.count, by: 37)) : Array(bytes.indices)
      for offset in offsets {
        for mask in Self.masks {
          var changed = bytes
          changed[offset] ^= mask
          try Files.write(changed, to: copy + "/" + name)
          let place = "\(name) at \(offset), mask \(mask)"
          check(try open(copy, .readOnly), small, "\(place), read-only", mayBePrefix: true)
          // A reader changes nothing. For a writer, which syncs, one bit of each byte has to do.
          if mask == 0x10 {
            check(try open(copy), small, place, mayBePrefix: name.hasPrefix("segment"))
            try Files.copyTree(small.path, to: copy)
          }
        }
      }
    }
  }

  private func check(_ opened: Opened, _ small: SmallStore, _ place: String, mayBePrefix: Bool) {
    switch opened {
    case .refused(let error):
      #expect(error.code == .damaged || error.code == .unsupportedFormat, "\(place): \(error)")
    case .partly(let entries):
      for (key, entry) in entries { #expect(small.final.entries[key] == entry, "\(place)") }
    case .whole(let model):
      // Without a checkpoint, damage to the last commits cannot be told from a torn tail; then it is a whole prefix.
      let state = model.sequence < small.states.count ? small.states[Int(model.sequence)] : Model()
      #expect(model == state, "\(place)")
      #expect(small.commits.contains(model.sequence), "\(place)")
      if !mayBePrefix { #expect(model.sequence == small.final.sequence, "\(place)") }
    }
  }

  /// Of the entries that a checkpoint has, none is used that has changed.
  @Test func flippedEntriesOfACheckpoint() throws {
    let small = try SmallStore(seed: 12, operations: 60, isClosed: true, checkpointInterval: 0)
    let copy = small.directory.path("copy")
    let name = "index.checkpoint"
    let bytes = try Files.read(small.path + "/" + name)
    // Behind the header and the directory of the shards.
    let entries = (36864..<bytes.count).filter {
      $0 % 8 == 0 && bytes[$0..<min(bytes.count, $0 + 8)].contains { $0 != 0 }
    }
    try #require(entries.count > 10)
    for offset in entries {
      try Files.copyTree(small.path, to: copy)
      var changed = bytes
      changed[offset + offset / 8 % 8] ^= 0x10
      try Files.write(changed, to: copy + "/" + name)
      guard case .whole(let model) = try open(copy) else {
        Issue.record("a checkpoint with another entry at \(offset) was used")
        continue
      }
      #expect(model == small.final, "\(offset)")
    }
  }

  /// F1-CHK-003. Method: the directory says of each shard that it has more entries, or none, under checksums that fit.
  @Test func forgedCountsOfACheckpoint() throws {
    let small = try SmallStore(seed: 12, operations: 60, isClosed: true, checkpointInterval: 0)
    let name = small.path + "/index.checkpoint"
    let bytes = try Files.read(name)
    for count in [0, 7] as [UInt8] {
      var changed = bytes
      for place in stride(from: 4096, to: 36_864, by: 32) where bytes[place + 8] > 0 { changed[place + 12] = count }
      try Files.write(Checksums.repaired(checkpoint: changed), to: name)
      let store = try Store.open(at: small.path, options: Store.Options(.readOnly))
      #expect(try store.contents().count == store.statistics.liveEntries)
      #expect(store.statistics.rebuiltShards > 5)
      try store.close()
    }
  }

  /// However an entry is read: not as it was changed.
  @Test func aFlippedValueIsReported() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    var options = Store.Options()
    // So that the log is not read when the store is opened.
    options.checkpointInterval = 0
    var store = try Store.open(at: path, options: options)
    for number in 0..<10 { try store.put("value \(number)", for: "key \(number)") }
    try store.close()
    let name = path + "/" + (try #require(try Files.segments(path).first))
    var bytes = try Files.read(name)
    bytes[try #require(bytes.firstRange(of: Array("value 7".utf8))).lowerBound] ^= 1
    try Files.write(bytes, to: name)
    store = try Store.open(at: path, options: options)
    let snapshot = try store.snapshot()
    let key = "key 7"
    func expectDamage(_ what: Comment, _ body: () throws -> Void) {
      let error = #expect(throws: StoreError.self, what) { try body() }
      #expect(error?.code == .damaged, what)
    }
    expectDamage("value") { _ = try store.value(for: key) }
    expectDamage("in place") { _ = try store.withValue(for: key) { $0.byteCount } }
    expectDamage("many") { _ = try store.values(for: ["key 1", key, "key 2"]) }
    expectDamage("snapshot") { _ = try snapshot.value(for: key) }
    expectDamage("all") { _ = try store.contents() }
    #expect(try store.value(for: "key 6") == Array("value 6".utf8))
    try store.close()
  }

  private func keys(_ store: Store) throws -> Set<[UInt8]> {
    var keys: Set<[UInt8]> = []
    try store.forEach { entry in
      keys.insert(unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) })
      return true
    }
    return keys
  }

  /// A segment's header can be damaged anywhere: the store opens read-only, and where a checkpoint knows of the
  /// segment, everything in it is there.
  @Test(arguments: [nil, 0] as [Int?]) func damagedSegmentHeaders(checkpointInterval: Int?) throws {
    let small = try SmallStore(seed: 5, operations: 20, isClosed: true, checkpointInterval: checkpointInterval)
    let name = try #require(try Files.segments(small.path).first)
    let bytes = try Files.read(small.path + "/" + name)
    let copy = small.directory.path("copy")
    for offset in [0, 24, 40, 56, 100, 250] {
      try Files.copyTree(small.path, to: copy)
      var changed = bytes
      changed[offset] ^= 0xFF
      try Files.write(changed, to: copy + "/" + name)
      #expect(throws: StoreError.self) { try Store.open(at: copy).close() }
      let store = try Store.open(at: copy, options: Store.Options(.readOnly))
      #expect(store.damage?.code == .damaged, "\(offset)")
      let keys = try keys(store)
      #expect(keys == (checkpointInterval == nil ? [] : Set(small.final.entries.keys)), "\(offset)")
      try store.close()
    }
  }

  /// What was synced before later records were written is known to be durable: damage there is never a torn tail.
  @Test func damageBelowTheWatermarkIsReported() throws {
    let small = try SmallStore(seed: 3, operations: 20, isClosed: false, durability: .disk)
    let name = try #require(try Files.segments(small.path).last)
    let bytes = try Files.read(small.path + "/" + name)
    let used = (try #require(bytes.lastIndex { $0 != 0 }) + 8) & ~7
    let copy = small.directory.path("copy")
    // The last commit may be torn by a crash, for all the log knows: it ends within the last 400 bytes.
    for offset in stride(from: 256, to: used - 400, by: 5) {
      try Files.copyTree(small.path, to: copy)
      var changed = bytes
      changed[offset] ^= 0x40
      try Files.write(changed, to: copy + "/" + name)
      guard case .refused(let error) = try open(copy) else {
        Issue.record("damage at \(offset) of \(used) was taken for a torn tail")
        continue
      }
      #expect(error.code == .damaged)
      #expect(error.byteOffset.map { $0 <= offset } == true)
    }
  }

  @Test(arguments: [0, 1, 2])
  func aMissingSegmentIsReported(position: Int) throws {
    for checkpointInterval in [nil, 0] as [Int?] {
      let small = try SmallStore(
        seed: 5, operations: 150, isClosed: true, checkpointInterval: checkpointInterval, valueBytes: 3000)
      let names = try Files.segments(small.path)
      try #require(names.count > 2)
      let name = position == 0 ? names[0] : position == 1 ? names[names.count / 2] : names[names.count - 1]
      Files.remove(small.path + "/" + name)
      guard case .refused(let error) = try open(small.path) else {
        Issue.record("a store without \(name) opened")
        continue
      }
      #expect(error.code == .damaged)
      #expect(error.file?.hasSuffix(name) == true, "\(error)")
    }
  }

  /// Nor can what stands behind the gap tell what it follows.
  @Test func aMissingSegmentBeforeOneWithoutALink() throws {
    let small = try SmallStore(seed: 5, operations: 150, isClosed: true, valueBytes: 3000)
    let names = try Files.segments(small.path)
    try #require(names.count > 3)
    Files.remove(small.path + "/" + names[1])
    var bytes = try Files.read(small.path + "/" + names[2])
    bytes[256] ^= 1
    try Files.write(bytes, to: small.path + "/" + names[2])
    Files.remove(small.path + "/index.checkpoint")
    guard case .refused(let error) = try open(small.path) else {
      Issue.record("a store without \(names[1]) opened")
      return
    }
    #expect(error.code == .damaged && error.file?.hasSuffix(names[1]) == true, "\(error)")
  }

  /// The feed of changes goes as far as the log is whole, and says where it is not, also when it is asked again.
  @Test func aFeedThatMeetsDamage() throws {
    let small = try SmallStore(seed: 5, operations: 150, isClosed: true, checkpointInterval: 0, valueBytes: 3000)
    let path = small.path + "/" + (try #require(try Files.segments(small.path).first))
    var bytes = try Files.read(path)
    let offset = (0..<5).reduce(256) { offset, _ in offset + ForgedSegment.byteCount(bytes, offset) }
    bytes[offset + 33] ^= 1
    try Files.write(bytes, to: path)
    let store = try Store.open(at: small.path, options: small.options)
    var changes = try store.changes(since: 0)
    for sequence in 1...4 { #expect(try changes.next()?.sequence == UInt64(sequence)) }
    for _ in 0..<2 {
      let error = #expect(throws: StoreError.self) { try changes.next() }
      #expect(
        error?.code == .damaged && error?.byteOffset == offset && error?.file == path, "\(error as Any)")
    }
    try store.close()
  }

  /// The same where the changes stand elsewhere by now.
  @Test func aFeedThatMeetsDamageInWhatWasMoved() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.compaction.isAutomatic = false
    let store = try Store.open(at: path, options: options)
    for number in 0..<10 { try store.put("value \(number)", for: "key \(number)") }
    for _ in 0..<1000 { try store.put([UInt8](repeating: 1, count: 200), for: "other") }
    try store.compact()
    // So that what was moved is read from its file.
    try store.writeCheckpoint()
    for _ in 0..<1000 { try store.put([UInt8](repeating: 1, count: 200), for: "other") }
    try store.close()
    let again = try Store.open(at: path, options: options)
    var changes = try again.changes(since: 0)
    #expect(try changes.next()?.key == Array("key 0".utf8))
    let value = Array("value 7".utf8)
    let name = try #require(
      try Files.segments(path).first { try Files.read(path + "/" + $0).firstRange(of: value) != nil })
    var bytes = try Files.read(path + "/" + name)
    bytes[try #require(bytes.firstRange(of: value)).lowerBound] ^= 1
    try Files.write(bytes, to: path + "/" + name)
    for number in 1..<7 { #expect(try changes.next()?.key == Array("key \(number)".utf8)) }
    for _ in 0..<2 {
      let error = #expect(throws: StoreError.self) { try changes.next() }
      #expect(error?.code == .damaged && error?.file?.hasSuffix(name) == true)
    }
    try again.close()
  }

  @Test func filesOfAnotherStoreAreNotTaken() throws {
    let small = try SmallStore(seed: 1, operations: 30, isClosed: true, checkpointInterval: 0)
    let other = try SmallStore(seed: 2, operations: 30, isClosed: true, checkpointInterval: 0)
    let copy = small.directory.path("copy")
    for name in try Files.names(small.path) where name != "LOCK" && name != "news" {
      try Files.copyTree(small.path, to: copy)
      try Files.write(try Files.read(other.path + "/" + name), to: copy + "/" + name)
      switch try open(copy) {
      case .whole(let model): #expect(name == "index.checkpoint" && model == small.final, "\(name)")
      case .partly: Issue.record("\(name) of another store was used")
      case .refused(let error): #expect(error.code == .damaged && name != "index.checkpoint", "\(name): \(error)")
      }
    }
  }

  /// A checkpoint of the same store that went on otherwise: as a copy does, in segments of its own or in the same one;
  /// or before what compaction has given back.
  /// Method: two copies go on, one with the other's checkpoint.
  @Test(arguments: [64 << 10, 1 << 20]) func aCheckpointOfAnotherLife(segmentBytes: Int) throws {
    let directory = TemporaryDirectory()
    var options = Store.Options()
    options.segmentBytes = segmentBytes
    options.checkpointInterval = 0
    func goOn(_ name: String, _ value: String) throws {
      let store = try Store.open(at: directory.path(name), options: options)
      for number in 0..<20 { try store.put(value, for: "key \(number)") }
      try store.close()
    }
    try goOn("one", "common")
    try Files.copyTree(directory.path("one"), to: directory.path("other"))
    try goOn("one", "one")
    try goOn("other", "two")
    #expect(try Files.segments(directory.path("one")).count == (segmentBytes == 64 << 10 ? 2 : 1))
    let checkpoint = try Files.read(directory.path("other/index.checkpoint"))
    try Files.write(checkpoint, to: directory.path("one/index.checkpoint"))
    if segmentBytes == 64 << 10 {
      // Its segments are others: it is none of this store's.
      let store = try Store.open(at: directory.path("one"), options: options)
      #expect(try store.contents().values.map(\.value) == Array(repeating: Array("one".utf8), count: 20))
      try store.close()
    } else {
      let error = #expect(throws: StoreError.self) { try Store.open(at: directory.path("one"), options: options) }
      #expect(error?.code == .damaged)
    }
  }

  @Test func aCheckpointFromBeforeCompaction() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.checkpointInterval = 0
    options.compaction.isAutomatic = false
    var store = try Store.open(at: path, options: options)
    try store.put("old", for: "key")
    try store.close()
    let checkpoint = try Files.read(path + "/index.checkpoint")
    store = try Store.open(at: path, options: options)
    try store.remove("key")
    for number in 0..<1000 { try store.put([UInt8](repeating: 1, count: 200), for: "\(number % 5)") }
    try store.compact()
    // Of the remove nothing is left.
    var changes = try store.changes(since: store.lastSequence - 5)
    while let change = try changes.next() { #expect(change.kind == .put) }
    try store.close()
    try Files.write(checkpoint, to: path + "/index.checkpoint")
    store = try Store.open(at: path, options: options)
    #expect(try store.value(for: "key") == nil && store.contents().count == 5)
    try store.close()
  }

  @Test(arguments: ["STORE", "segment-00000001.log", "index.checkpoint"])
  func zeroedEmptiedAndGarbledFiles(name: String) throws {
    let small = try SmallStore(seed: 1, operations: 30, isClosed: true, checkpointInterval: 0)
    let bytes = try Files.read(small.path + "/" + name)
    var random = SeededRandom(seed: 9)
    let copy = small.directory.path("copy")
    for content in [[], [UInt8](repeating: 0, count: bytes.count), random.bytes(bytes.count), random.bytes(5000)] {
      try Files.copyTree(small.path, to: copy)
      try Files.write(content, to: copy + "/" + name)
      switch try open(copy) {
      case .whole(let model): #expect(name == "index.checkpoint" && model == small.final)
      case .partly: Issue.record("\(name) with other content was used")
      case .refused(let error): #expect(error.code == .damaged && name != "index.checkpoint", "\(error)")
      }
    }
  }
}
