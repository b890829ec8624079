import Cairn
import CairnTestSupport
import Testing

/// Goal: compaction gives space back, and changes nothing else.
/// Method: stores with small segments, compacted by hand; what they hold is compared before and after, open, opened
/// again, and rebuilt from the log alone.
@Suite(.serialized)
struct CompactionTests {
  private let directory = TemporaryDirectory()
  private let clock = ManualClock()

  private func options() -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.clock = clock
    options.compaction.isAutomatic = false
    // With a checkpoint at every close, damage of what is old is met when it is read.
    options.checkpointInterval = 0
    return options
  }

  private func open(_ name: String = "store") throws -> Store {
    try Store.open(at: directory.path(name), options: options())
  }

  /// The store's content is `expected` now, after a reopen, and without the checkpoint.
  private func check(_ store: consuming Store, _ expected: [[UInt8]: Model.Entry]) throws -> Store {
    let path = store.path
    #expect(try store.contents() == expected)
    try store.close()
    var store = try Store.open(at: path, options: options())
    #expect(try store.contents() == expected)
    try store.close()
    Files.remove(path + "/index.checkpoint")
    store = try Store.open(at: path, options: options())
    #expect(try store.contents() == expected)
    return store
  }

  private func key(_ number: Int) -> [UInt8] { Array("key \(number)".utf8) }

  @Test func overwrites() throws {
    var store = try open()
    for round in 0..<20 {
      for number in 0..<500 { try store.put([UInt8](repeating: UInt8(round), count: 100), for: key(number)) }
    }
    let expected = try store.contents()
    let before = store.statistics
    #expect(before.segments > 15)
    try store.compact()
    let after = store.statistics
    // What was moved has its version in a field.
    #expect(after.liveBytes > before.liveBytes && after.liveBytes <= before.liveBytes + 500 * 8)
    #expect(after.liveBytes + after.deadBytes < before.liveBytes * 5 / 4)
    #expect(try Files.segments(store.path).count == after.segments + 1 || after.segments <= 3)
    store = try check(store, expected)
    // And again, with nothing to do.
    try store.compact()
    store = try check(store, expected)
    try store.close()
  }

  @Test func everythingRemoved() throws {
    var store = try open()
    for number in 0..<5000 { try store.put([UInt8](repeating: 1, count: 200), for: key(number)) }
    for number in 0..<5000 { try store.remove(key(number)) }
    try store.compact()
    #expect(store.statistics.segments == 1)
    #expect(store.statistics.deadBytes < 1000)
    store = try check(store, [:])
    try store.compact()
    #expect(store.statistics.segments == 1)
    try store.close()
    let path = directory.path("store")
    let byteCounts = try Files.names(path).map { try Files.read(path + "/" + $0).count }
    #expect(byteCounts.reduce(0, +) < 1 << 20)
  }

  /// A remove is kept as long as an older put of its key is left somewhere.
  @Test func removesOfWhatIsLeft() throws {
    var store = try open()
    // A segment with a dead record, damaged, so that it stays.
    for number in 0..<300 { try store.put([UInt8](repeating: 1, count: 200), for: key(number)) }
    let expected = try store.contents().filter { $0.key != key(7) }
    for number in 1000..<2000 { try store.put([UInt8](repeating: 2, count: 200), for: key(number)) }
    try store.remove(key(7))
    for number in 1000..<2000 { try store.remove(key(number)) }
    let path = store.path
    try store.close()
    // The put of key 9 stands in the first segment, as that of key 7 does.
    let name = path + "/" + (try Files.segments(path))[0]
    let bytes = try Files.read(name)
    let place = try #require(bytes.firstRange(of: key(9)))
    var spoilt = bytes
    spoilt[place.upperBound + 20] ^= 1
    try Files.write(spoilt, to: name)
    store = try open()
    #expect(throws: StoreError.self) { try store.compact() }
    #expect(throws: StoreError.self) { try store.compact() }
    #expect(try store.value(for: key(7)) == nil)
    #expect(store.statistics.segments <= 4)
    try store.close()
    try Files.write(bytes, to: name)
    store = try check(try open(), expected)
    try store.compact()
    store = try check(store, expected)
    try store.close()
  }

  /// A newer put that is damaged is not taken for one that is not there: a remove that is moved behind it would be
  /// what counts.
  @Test func removesBeforeWhatIsDamaged() throws {
    var store = try open()
    for number in 0..<300 { try store.put([UInt8](repeating: 1, count: 200), for: key(number)) }
    try store.remove(key(7))
    for number in 300..<600 { try store.put([UInt8](repeating: 2, count: 200), for: key(number)) }
    try store.put([UInt8](repeating: 3, count: 200), for: key(7))
    for number in 600..<900 { try store.put([UInt8](repeating: 4, count: 200), for: key(number)) }
    let expected = try store.contents()
    let path = store.path
    try store.close()
    let name = try #require(
      try Files.segments(path).map { path + "/" + $0 }.last { try Files.read($0).firstRange(of: key(7)) != nil })
    let bytes = try Files.read(name)
    let place = try #require(bytes.firstRange(of: key(7) + [3]))
    var spoilt = bytes
    // In its header.
    spoilt[place.lowerBound - 12] ^= 1
    try Files.write(spoilt, to: name)
    store = try open()
    // So that the segment of the remove is worth taking.
    for number in 0..<300 where number != 7 { try store.put([UInt8](repeating: 1, count: 200), for: key(number)) }
    for number in 300..<320 { try store.put([UInt8](repeating: 2, count: 200), for: key(number)) }
    #expect(throws: StoreError.self) { try store.value(for: key(7)) }
    #expect(throws: StoreError.self) { try store.compact() }
    #expect(throws: StoreError.self) { try store.value(for: key(7)) }
    try store.close()
    try Files.write(bytes, to: name)
    store = try open()
    #expect(try store.value(for: key(7)) == [UInt8](repeating: 3, count: 200))
    try store.compact()
    #expect(try store.contents().mapValues(\.value) == expected.mapValues(\.value))
    try store.close()
  }

  @Test func expired() throws {
    var store = try open()
    for number in 0..<2000 {
      try store.put(
        [UInt8](repeating: 1, count: 100), for: key(number), expires: number % 4 == 0 ? .never : .after(.seconds(10)))
    }
    clock.advance(20_000)
    let expected = try store.contents()
    #expect(expected.count == 500)
    try store.compact()
    #expect(store.statistics.liveEntries == 500)
    #expect(store.statistics.deadBytes < store.statistics.liveBytes / 10)
    store = try check(store, expected)
    // A clock that is set back does not bring them back.
    clock.advance(-15_000)
    store = try check(store, expected)
    try store.close()
  }

  @Test func changesAfterwards() throws {
    let store = try open()
    for number in 0..<1000 { try store.put([1], for: key(number)) }
    for number in 0..<900 { try store.put([UInt8](repeating: 2, count: 300), for: key(number)) }
    let middle = store.lastSequence
    for number in 0..<50 { try store.put([3], for: key(number)) }
    try store.compact()
    for number in 100..<110 { try store.put([4], for: key(number)) }
    for since in [0, 500, 1500, middle, middle + 20, store.lastSequence] {
      var changes = try store.changes(since: since)
      var last = since
      var seen: [[UInt8]: Model.Entry] = [:]
      while let change = try changes.next() {
        #expect(change.sequence > last)
        last = change.sequence
        seen[change.key] = Model.Entry(value: change.value, version: change.sequence, deadline: change.deadline)
      }
      #expect(seen == (try store.contents()).filter { $0.value.version > since }, "since \(since)")
    }
    try store.remove(key(500))
    let before = store.lastSequence - 1
    try store.compact()
    for number in 0..<1000 { try store.remove(key(number)) }
    try store.compact()
    #expect(throws: StoreError.self) { _ = try store.changes(since: before) }
    try store.close()
  }
}

/// Goal: a store with a limit for its size stays below it, and takes what fits.
@Suite(.serialized)
struct SpaceLimitTests {
  private let directory = TemporaryDirectory()
  private let limit = 4 << 20

  private func open(_ isAutomatic: Bool) throws -> Store {
    var options = Store.Options()
    options.spaceLimit = limit
    // Otherwise it is who finds no space that makes some.
    options.compaction.isAutomatic = isAutomatic
    return try Store.open(at: directory.path("store"), options: options)
  }

  private func byteCount() throws -> Int {
    let path = directory.path("store")
    return try Files.names(path).map { (try? Files.read(path + "/" + $0).count) ?? 0 }.reduce(0, +)
  }

  @Test(arguments: [true, false]) func overwritesGoOnForEver(isAutomatic: Bool) throws {
    let store = try open(isAutomatic)
    var random = SeededRandom(seed: 1)
    for round in 0..<60_000 {
      try store.put([UInt8](repeating: 1, count: random.below(1000)), for: "\(random.below(2000))")
      if round % 3000 == 0 { #expect(try byteCount() <= limit) }
    }
    #expect(try byteCount() <= limit)
    #expect(store.statistics.bytesAppended > 5 * limit)
    try store.close()
  }

  @Test(arguments: [true, false]) func full(isAutomatic: Bool) throws {
    var store = try open(isAutomatic)
    let value = [UInt8](repeating: 1, count: 1000)
    func fill() throws -> (count: Int, refusal: StoreError) {
      for number in 0..<limit / 1000 {
        do throws(StoreError) { try store.put(value, for: "\(number)") } catch { return (number, error) }
      }
      throw StoreError(.system, "there is no end to it")
    }
    let first = try fill()
    #expect(first.refusal.code == .spaceLimit)
    // At least half of it is what was put.
    #expect(first.count * 1000 > limit / 2)
    #expect(try byteCount() <= limit)
    #expect(try store.value(for: "0") == value)
    // Space comes back by removing.
    for number in 0..<first.count { try store.remove("\(number)") }
    let second = try fill()
    #expect(second.count > first.count * 3 / 4 && second.refusal.code == .spaceLimit)
    #expect(try byteCount() <= limit)
    try store.close()
    store = try open(isAutomatic)
    #expect(try store.contents().count == second.count)
    try store.close()
  }

  /// Removes have to stay until a checkpoint covers them: where they take too much, one is written.
  @Test func fullOfRemoves() throws {
    var options = Store.Options()
    options.spaceLimit = limit
    options.compaction.isAutomatic = false
    options.checkpointInterval = 0
    var store = try Store.open(at: directory.path("store"), options: options)
    try store.put("", for: "0")
    try store.close()
    options.checkpointInterval = 1 << 40
    store = try Store.open(at: directory.path("store"), options: options)
    for round in 0..<4 {
      for number in 0..<15_000 { try store.put("\(round)", for: "\(number)") }
      for number in 0..<15_000 { try store.remove("\(number)") }
    }
    #expect(try byteCount() <= limit)
    #expect(store.statistics.liveEntries == 0)
    try store.close()
  }

  /// Where everything that could be given back stands in the newest segment, that one is closed for it.
  @Test func nearlyFullWithOneHotKey() throws {
    let store = try open(false)
    let value = [UInt8](repeating: 1, count: 1000)
    var count = 0
    while (try? store.put(value, for: "\(count)")) != nil { count += 1 }
    for number in count - 100..<count { try store.remove("\(number)") }
    for _ in 0..<2000 { try store.put(value, for: "hot") }
    #expect(try byteCount() <= limit)
    #expect(try store.contents().count == count - 99)
    try store.close()
  }
}
