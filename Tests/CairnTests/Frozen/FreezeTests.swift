import CairnTestSupport
import Foundation
import Synchronization
import Testing

@testable import Cairn

/// Goal: freezing a store keeps what it holds at one moment, touches nothing else, and replaces a file at once.
@Suite struct FreezeTests {
  @Test(arguments: SeededRandom.seeds(2)) func everythingIsThere(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let directory = TemporaryDirectory()
    let clock = ManualClock()
    for compression in [Store.Compression.none, .zstd()] {
      var options = Store.Options()
      options.segmentBytes = 64 << 10
      options.compression = compression
      options.clock = clock
      let path = directory.path("store-\(compression == .none)")
      // Moves would take sequences meanwhile.
      options.compaction.isAutomatic = false
      let store = try Store.open(at: path, options: options)
      for number in 0..<3000 {
        let key = "\(random.below(1000))"
        if random.percent(20) {
          try store.remove(key)
        } else {
          let value = FrozenFixture.value(&random, random.below(300))
          let expiry: Store.Expiry =
            number % 10 == 0 ? .at(milliseconds: clock.wallMilliseconds() + (number % 20 == 0 ? 5 : 500)) : .never
          try store.put(value, for: key, expires: expiry)
        }
      }
      clock.advance(10)
      let expected = try store.contents()
      var buildOptions = FrozenStore.BuildOptions()
      buildOptions.clock = clock
      var told: [Int] = []
      let file = directory.path("frozen")
      let sequence = store.lastSequence
      let bytes = try store.freeze(to: file, options: buildOptions) { (done, _) throws(StoreError) in told.append(done)
      }
      #expect(told == told.sorted() && !told.isEmpty)
      var readOptions = FrozenStore.Options()
      readOptions.clock = clock
      let frozen = try FrozenStore.open(file, options: readOptions)
      try frozen.verify()
      #expect(frozen.byteCount == bytes)
      #expect(frozen.sequence == sequence)
      #expect(frozen.header.store == store.engine.header.identifier)
      #expect(frozen.count == expected.count)
      for (key, entry) in try FrozenFixture.contents(frozen) {
        let found = Model.Entry(value: entry.value, version: entry.version, deadline: entry.deadline)
        #expect(found == expected[key], "seed \(seed)")
      }
      // From a reader that changes nothing, the same.
      try store.close()
      options.access = .readOnly
      let reader = try Store.open(at: path, options: options)
      try reader.freeze(to: directory.path("again"), options: buildOptions)
      #expect(try FrozenStore.open(directory.path("again")).count == expected.count)
      try reader.close()
      #expect(throws: StoreError.self) { try reader.freeze(to: file) }
    }
  }

  /// Goal: what is thrown by who is told how far it is, ends it; nothing remains.
  @Test func stopped() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"))
    try store.put([1], for: "key")
    let mine = StoreError(.system, "enough")
    let error = #expect(throws: StoreError.self) {
      try store.freeze(to: directory.path("frozen")) { (_, _) throws(StoreError) in throw mine }
    }
    #expect(error == mine)
    #expect(try Files.names(directory.path) == ["store"])
    try store.close()
  }

  /// Goal: a damaged record ends it with an error that names the place; the file that was there stays.
  @Test func aDamagedSource() throws {
    let directory = TemporaryDirectory()
    var store = try Store.open(at: directory.path("store"))
    for number in 0..<100 { try store.put(SelfDescribing.value(number), for: "\(number)") }
    let file = directory.path("frozen")
    try store.freeze(to: file)
    let before = try Files.read(file)
    try store.close()
    let segment = directory.path("store/segment-00000001.log")
    var options = Store.Options(.readOnly)
    // Whatever reads are told: what goes on is verified.
    options.verification = .never
    store = try Store.open(at: directory.path("store"), options: options)
    // Only now: an open of so short a log reads all of it.
    var bytes = try Files.read(segment)
    bytes[bytes.count / 2] ^= 4
    let handle = try #require(FileHandle(forWritingAtPath: segment))
    try handle.write(contentsOf: Data(bytes))
    try handle.close()
    let error = #expect(throws: StoreError.self) { try store.freeze(to: file) }
    #expect(error?.code == .damaged)
    #expect(error?.file?.hasSuffix("segment-00000001.log") == true)
    #expect(error?.byteOffset != nil)
    try store.close()
    // Opened again, the damage is known, and what is left is not passed off as the whole.
    store = try Store.open(at: directory.path("store"), options: options)
    let known = try #require(store.damage)
    #expect(#expect(throws: StoreError.self) { try store.freeze(to: file) } == known)
    try store.close()
    #expect(try Files.read(file) == before)
    #expect(try Files.names(directory.path).sorted() == ["frozen", "store"])
    #expect(try Files.read(segment) == bytes)
  }

  /// Goal: readers of a file keep it when another one takes its place.
  @Test func replacedUnderAReader() throws {
    let directory = TemporaryDirectory()
    let file = directory.path("frozen")
    let store = try Store.open(at: directory.path("store"))
    try store.put("one", for: "key")
    try store.freeze(to: file)
    let old = try FrozenStore.open(file)
    try store.put("two", for: "key")
    try store.freeze(to: file)
    #expect(try old.value(for: "key") == Array("one".utf8))
    try old.verify()
    #expect(try FrozenStore.open(file).value(for: "key") == Array("two".utf8))
    #expect(try Files.names(directory.path).sorted() == ["frozen", "store"])
    try store.close()
  }

  /// Goal: the file before is kept where that is asked for, but never a damaged one; and it is read, and that is said,
  /// where the newest is damaged.
  @Test func fallback() throws {
    let directory = TemporaryDirectory()
    let file = directory.path("frozen")
    var options = FrozenStore.BuildOptions()
    options.keepsPrevious = true
    func make(_ text: String) throws {
      let builder = try FrozenStoreBuilder(path: file, options: options)
      try builder.add(text, for: "key")
      try builder.finish()
    }
    try make("one")
    #expect(try Files.names(directory.path) == ["frozen"])
    try make("two")
    #expect(try Files.names(directory.path).sorted() == ["frozen", "frozen.previous"])
    #expect(try FrozenStore.open(file + ".previous").value(for: "key") == Array("one".utf8))
    #expect(try FrozenStore.open(file).fallback == nil)
    let whole = try Files.read(file)

    // Header, size, and what only a look at everything finds.
    for (place, opening) in [(60, FrozenStore.OpenVerification.header), (-1, .header), (300, .everything)] {
      var bytes = whole
      if place < 0 { bytes.removeLast() } else { bytes[place] ^= 1 }
      Files.remove(file)
      try Files.write(bytes, to: file)
      var options = FrozenStore.Options()
      options.opening = opening
      let store = try FrozenStore.open(file, options: options)
      #expect(store.path == file + ".previous")
      #expect(store.fallback?.code == .damaged)
      #expect(store.fallback?.file == file)
      #expect(try store.value(for: "key") == Array("one".utf8))
      options.fallsBack = false
      let error = #expect(throws: StoreError.self) { _ = try FrozenStore.open(file, options: options) }
      #expect(error == store.fallback)
    }
    // The damaged one is not kept in place of the whole one.
    var bytes = whole
    bytes[60] ^= 1
    Files.remove(file)
    try Files.write(bytes, to: file)
    try make("three")
    #expect(try FrozenStore.open(file + ".previous").value(for: "key") == Array("one".utf8))
    #expect(try FrozenStore.open(file).value(for: "key") == Array("three".utf8))
    // Both damaged: the error is the newest one's.
    Files.remove(file)
    try Files.write(bytes, to: file)
    Files.remove(file + ".previous")
    try Files.write([1, 2, 3], to: file + ".previous")
    #expect(#expect(throws: StoreError.self) { _ = try FrozenStore.open(file) }?.file == file)
    // One that is not there is not there.
    Files.remove(file)
    #expect(#expect(throws: StoreError.self) { _ = try FrozenStore.open(file) }?.code == .notFound)
  }

  /// Goal: nothing is replaced but frozen stores.
  @Test func targets() throws {
    let directory = TemporaryDirectory()
    func code(_ path: String) -> StoreError.Code? {
      do {
        _ = try FrozenStoreBuilder(path: path)
        return nil
      } catch { return error.code }
    }
    try Files.write(Array("a letter to a friend".utf8), to: directory.path("letter"))
    try FileManager.default.createDirectory(atPath: directory.path("folder"), withIntermediateDirectories: false)
    #expect(code(directory.path("letter")) == .notAStore)
    #expect(code(directory.path("folder")) == .notAStore)
    #expect(code(directory.path("letter/frozen")) == .notAStore)
    #expect(code(directory.path("missing/frozen")) == .notFound)
    #expect(code("") == .invalidOption)
    #expect(code(directory.path("folder/")) != nil)
    #expect(code(directory.path("zero\0byte")) == .invalidOption)
    #expect(code(directory.path(String(repeating: "x", count: 250))) == .system)
    #expect(try Files.read(directory.path("letter")).count == 20)
    #expect(try Files.names(directory.path).sorted() == ["folder", "letter"])
    #expect(#expect(throws: StoreError.self) { _ = try FrozenStore.open(directory.path("folder")) }?.code == .notAStore)
    #expect(#expect(throws: StoreError.self) { _ = try FrozenStore.open(directory.path("letter")) }?.code == .damaged)
  }

  @Test func symbolicLinksAreFollowed() throws {
    let directory = TemporaryDirectory()
    let link = directory.path("link")
    var fixture = FrozenFixture()
    fixture.add([1], for: [1])
    try fixture.build()
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: fixture.path)
    #expect(try FrozenStore.open(link).value(for: [1] as [UInt8]) == [1])
    let builder = try FrozenStoreBuilder(path: link)
    try builder.add([2], for: [1] as [UInt8])
    try builder.finish()
    #expect(try Files.isLink(link))
    #expect(try FrozenStore.open(fixture.path).value(for: [1] as [UInt8]) == [2])
  }

  /// Goal: what a dead process has left goes, what a living one is writing stays, and so does what only looks alike.
  @Test func leftovers() throws {
    let directory = TemporaryDirectory()
    let alike = [
      "frozen.0123456789abcde.tmp", "frozen.0123456789abcdeX.tmp", "frozen.tmp", "other.0123456789abcdef.tmp",
    ]
    for name in alike + ["frozen.0123456789abcdef.tmp"] { try Files.write([1], to: directory.path(name)) }
    let first = try FrozenStoreBuilder(path: directory.path("frozen"))
    try first.add("first", for: "key")
    let second = try FrozenStoreBuilder(path: directory.path("frozen"))
    try second.add("second", for: "key")
    #expect(try Files.names(directory.path).count == alike.count + 2)
    try second.finish()
    #expect(try FrozenStore.open(directory.path("frozen")).value(for: "key") == Array("second".utf8))
    try first.finish()
    #expect(try FrozenStore.open(directory.path("frozen")).value(for: "key") == Array("first".utf8))
    #expect(try Files.names(directory.path).sorted() == (alike + ["frozen"]).sorted())
    // One that is never finished leaves nothing.
    do { try FrozenStoreBuilder(path: directory.path("frozen")).add("third", for: "key") }
    #expect(try Files.names(directory.path).sorted() == (alike + ["frozen"]).sorted())
    #expect(try Files.leaks(below: directory.path) == [])
  }
}
