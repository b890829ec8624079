import Cairn
import CairnFoundation
import CairnTestSupport
import Foundation
import Testing

/// Every call of the store, in the forms that people use.
@Suite struct StoreTests {
  let directory = TemporaryDirectory()

  private func open(_ change: (inout Store.Options) -> Void = { _ in }) throws -> Store {
    var options = Store.Options()
    change(&options)
    return try Store.open(at: directory.path("store"), options: options)
  }

  private func expect(_ code: StoreError.Code, _ body: () throws -> Void, _ location: SourceLocation = #_sourceLocation)
  {
    do {
      try body()
      Issue.record("nothing was thrown instead of \(code)", sourceLocation: location)
    } catch let error as StoreError {
      #expect(error.code == code, sourceLocation: location)
      #expect(!error.description.isEmpty, sourceLocation: location)
    } catch {
      Issue.record("\(error)", sourceLocation: location)
    }
  }

  @Test func keysAndValuesOfEveryKind() throws {
    let store = try open()
    let bytes: [UInt8] = [1, 2, 3, 4]
    try store.put("text", for: "key")
    try store.put("a longer text that is on the heap".dropFirst(2), for: "substring".dropLast(3))
    try store.put(bytes, for: bytes)
    try store.put(bytes[1...2], for: ContiguousArray(bytes))
    try store.put(bytes.span, for: bytes[2...])
    let inline: InlineArray<3, UInt8> = [7, 8, 9]
    try store.put(inline, for: "inline")
    try store.put(Data([5, 6]), for: Data("data".utf8))
    #expect(try store.value(for: "key") == Array("text".utf8))
    #expect(try store.value(for: "substr") == Array("longer text that is on the heap".utf8))
    #expect(try store.value(for: bytes) == [2, 3])
    #expect(try store.value(for: bytes.span) == [2, 3])
    #expect(try store.value(for: [3, 4] as [UInt8]) == bytes)
    #expect(try store.value(for: "inline") == [7, 8, 9])
    #expect(try store.data(for: "data") == Data([5, 6]))
    #expect(try store.value(for: "absent") == nil)
    try store.close()
  }

  @Test func readsInPlaceAndIntoBuffers() throws {
    let store = try open()
    try store.put("value", for: "key")
    try store.put("", for: "empty")
    #expect(try store.withValue(for: "key") { $0.byteCount } == 5)
    #expect(try store.withValue(for: "empty") { $0.byteCount } == 0)
    #expect(try store.withValue(for: "absent") { $0.byteCount } == nil)
    struct Mine: Error {}
    #expect(throws: Mine.self) { try store.withValue(for: "key") { _ in throw Mine() } }
    var array: [UInt8] = [9]
    #expect(try store.appendValue(for: "key", to: &array))
    #expect(array == [9] + Array("value".utf8))
    try unsafe withUnsafeTemporaryAllocation(byteCount: 5, alignment: 1) { buffer in
      #expect(unsafe try store.copyValue(for: "key", into: buffer) == 5)
      #expect(unsafe Array(buffer) == Array("value".utf8))
      try store.put("longer value", for: "key")
      #expect(unsafe try store.copyValue(for: "key", into: buffer) == 12)
      #expect(unsafe Array(buffer) == Array("value".utf8), "too small: left alone")
      #expect(unsafe try store.copyValue(for: "absent", into: buffer) == nil)
    }
    try store.close()
  }

  @Test(arguments: [0, 1, 31, 32, 33, 100, 1000]) func manyKeysAtOnce(count: Int) throws {
    let store = try open()
    for number in stride(from: 0, to: count, by: 2) { try store.put("\(number)", for: "key-\(number)") }
    let long = String(repeating: "x", count: 6000)
    try store.put("long", for: long)
    var keys = (0..<count).map { "key-\($0)" }
    keys.insert(long, at: count / 2)
    keys.append(keys[0])
    var seen: [[UInt8]?] = []
    try store.withValues(for: keys) { position, value in
      #expect(position == seen.count)
      if let value { seen.append(unsafe value.withUnsafeBytes { unsafe [UInt8]($0) }) } else { seen.append(nil) }
    }
    let single = try keys.map { try store.value(for: $0) }
    #expect(seen == single)
    #expect(try store.values(for: keys) == seen)
    try store.close()
  }

  @Test func conditionsAndUpdates() throws {
    let store = try open()
    let first = try #require(try store.putIfAbsent("1", for: "key"))
    #expect(try store.putIfAbsent("2", for: "key") == nil)
    #expect(try store.put("2", for: "key", ifVersion: first + 1) == nil)
    let second = try #require(try store.put("2", for: "key", ifVersion: first))
    #expect(second == first + 1)
    #expect(try store.version(of: "key") == second)
    #expect(try store.entry(for: "key")?.version == second)
    #expect(try store.remove("key", ifVersion: first) == false)
    #expect(try store.remove("key", ifVersion: second))
    #expect(try store.remove("key") == false)
    #expect(try store.put("3", for: "key", ifVersion: second) == nil, "a removed key has no version")
    #expect(try store.update("key") { _ in Array("4".utf8) } != nil)
    #expect(try store.update("key") { ($0 ?? []) + [33] } != nil)
    #expect(try store.value(for: "key") == Array("4!".utf8))
    #expect(try store.update("key") { _ in nil } == nil)
    #expect(try store.contains("key") == false)
    struct Mine: Error {}
    #expect(throws: Mine.self) { try store.update("key") { _ in throw Mine() } }
    try store.close()
    // A store that may not be written says so, whatever the change would be.
    let reader = try Store.open(at: store.path, options: Store.Options(.readOnly))
    #expect(throws: StoreError.self) { try reader.update("absent") { _ in nil } }
    try reader.close()
  }

  @Test func updatesKeepTheDeadline() throws {
    let store = try open()
    try store.put("1", for: "key", expires: .at(milliseconds: 4_000_000_000_000))
    try store.update("key") { _ in Array("2".utf8) }
    #expect(try store.entry(for: "key")?.deadline == 4_000_000_000_000)
    try store.update("key", expires: .never) { _ in Array("3".utf8) }
    #expect(try store.entry(for: "key")?.deadline == nil)
    try store.update("other") { _ in Array("1".utf8) }
    #expect(try store.entry(for: "other")?.deadline == nil)
    try store.close()
  }

  /// What can only fail with the store's own errors says so to the compiler.
  @Test func errorsAreTyped() throws {
    let store = try open()
    try store.close()
    func code(_ body: () throws(StoreError) -> Void) -> StoreError.Code? {
      do throws(StoreError) { try body() } catch { return error.code }
      return nil
    }
    #expect(code { () throws(StoreError) in try store.update("key") { $0 } } == .closed)
    #expect(code { () throws(StoreError) in _ = try store.withValue(for: "key") { $0.byteCount } } == .closed)
  }

  /// Keys in errors are readable, and hide nothing; Foundation tells what the error tells.
  @Test func errorsForPeople() {
    func text(_ key: [UInt8]) -> String {
      StoreError(.valueTooLarge, "what", file: "", keyPrefix: key).description
    }
    #expect(text(Array("grün 🙂 \"a\"".utf8)) == #"what (key "grün 🙂 \"a\"") [valueTooLarge]"#)
    #expect(text([0, 0xFF, 0x61, 0x1B, 0xC3]) == #"what (key "\x00\xffa\x1b\xc3") [valueTooLarge]"#)
    #expect(text([0xC2, 0x85, 0xE2, 0x80, 0x8B]) == #"what (key "\xc2\x85\xe2\x80\x8b") [valueTooLarge]"#)
    let error: any Error = StoreError(.emptyKey, "a sentence")
    #expect(error.localizedDescription == "a sentence [emptyKey]")
    #expect((error as NSError).code == Int(StoreError.Code.emptyKey.rawValue))
  }

  @Test func batches() throws {
    let store = try open()
    try store.put("old", for: "a")
    let result = try store.write { batch -> Int in
      try batch.put("1", for: "a")
      try batch.put("2", for: "b")
      try batch.put("3", for: "b")
      try batch.remove("a")
      try batch.put("4", for: "c")
      try batch.remove("c")
      try batch.put("5", for: "c")
      try batch.remove("never there")
      return batch.count
    }
    #expect(result == 8)
    #expect(try store.value(for: "a") == nil)
    #expect(try store.value(for: "b") == Array("3".utf8))
    #expect(try store.value(for: "c") == Array("5".utf8))
    struct Mine: Error {}
    let before = store.lastSequence
    #expect(throws: Mine.self) {
      try store.write { batch in
        try batch.put("x", for: "b")
        throw Mine()
      }
    }
    try store.write { _ in }
    #expect(store.lastSequence == before)
    #expect(try store.value(for: "b") == Array("3".utf8))
    try store.close()
  }

  /// A thread may be held up between its looks at the two clocks: nothing expires early for that.
  @Test func expiryWhileTimeIsLookedAt() throws {
    let directory = TemporaryDirectory()
    let clock = ManualClock()
    var options = Store.Options()
    options.clock = clock
    let store = try Store.open(at: directory.path("store"), options: options)
    try store.put("value", for: "key", expires: .after(.seconds(200)))
    clock.pauseAfterNextLook(60_000)
    #expect(try store.contains("key"))
    clock.advance(100_000)
    #expect(try store.contains("key"))
    clock.advance(40_000)
    #expect(try !store.contains("key"))
    try store.close()
  }

  @Test func expiry() throws {
    let clock = ManualClock()
    var store = try open { $0.clock = clock }
    let now = clock.wallMilliseconds()
    try store.put("1", for: "at", expires: .at(milliseconds: now + 100))
    try store.put("2", for: "after", expires: .after(.milliseconds(200)))
    try store.put("3", for: "past", expires: .after(.zero))
    try store.put("4", for: "for ever", expires: .after(.seconds(Int64.max)))
    try store.put("5", for: "extreme", expires: .at(milliseconds: .max))
    try store.write { try $0.put("6", for: "batch", expires: .after(.milliseconds(100))) }
    #expect(try store.contains("past") == false)
    try store.put("8", for: "short", expires: .after(.nanoseconds(1)))
    #expect(try store.contains("short"), "rounded up to a millisecond")
    clock.advance(99)
    #expect(try !store.contains("short") && store.contains("at") && store.contains("batch"))
    clock.advance(1)
    #expect(try !store.contains("at") && !store.contains("batch"))
    #expect(try store.version(of: "at") == nil)
    #expect(try store.remove("at") == false)
    #expect(try store.putIfAbsent("7", for: "batch") != nil, "expired is absent")
    // Set back, the clock does not bring anything back, in this process or, once removed, in the next.
    clock.setWall(now - 1_000_000)
    clock.advance(100)
    #expect(try store.contains("after") == false)
    clock.setWall(now)
    #expect(try store.contains("for ever") && store.contains("extreme"))
    try store.close()
    store = try open { $0.clock = clock }
    #expect(try store.contains("at") == false, "removed after it had expired, before the clock was set back")
    // Set forward, it is followed.
    clock.setWall(now + 10_000_000)
    #expect(try store.contains("after") == false)
    try store.close()
  }

  @Test func limits() throws {
    let store = try open { $0.segmentBytes = 64 << 10 }
    let key = [UInt8](repeating: 1, count: Store.Limits.keyBytes)
    try store.put("v", for: key)
    #expect(try store.contains(key))
    expect(.keyTooLong) { try store.put("v", for: key + [1]) }
    expect(.emptyKey) { try store.put("v", for: "") }
    expect(.emptyKey) { try store.remove("") }
    expect(.emptyKey) { try store.write { try $0.put("v", for: "") } }
    expect(.keyTooLong) { try store.remove(key + [1]) }
    #expect(try store.value(for: "") == nil)
    #expect(try store.value(for: key + [1]) == nil)
    // Around the point where a value no longer fits an ordinary segment.
    for size in (65_536 - 600)...(65_536 - 300) where size % 3 == 0 {
      let value = [UInt8](repeating: UInt8(size % 251), count: size)
      try store.put(value, for: "large-\(size)")
      #expect(try store.value(for: "large-\(size)") == value)
    }
    expect(.batchTooLarge) {
      try store.write { batch in
        let part = [UInt8](repeating: 0, count: 1 << 20)
        for number in 0...64 { try batch.put(part, for: "\(number)") }
      }
    }
    try store.close()
    let reopened = try open { $0.segmentBytes = 64 << 10 }
    #expect(try reopened.contains(key))
    #expect(try reopened.value(for: "large-65001") == [UInt8](repeating: UInt8(65_001 % 251), count: 65_001))
    try reopened.close()
  }

  @Test func aValueOfTheGreatestSize() throws {
    let store = try open()
    var value = [UInt8](repeating: 3, count: Store.Limits.valueBytes)
    value[value.count - 1] = 4
    try store.put(value, for: "key")
    #expect(try store.withValue(for: "key") { $0.byteCount } == value.count)
    value.append(0)
    expect(.valueTooLarge) { try store.put(value, for: "key") }
    try store.close()
    let reopened = try open()
    let last = try reopened.withValue(for: "key") { value in
      unsafe value.unsafeLoadUnaligned(fromByteOffset: value.byteCount - 1, as: UInt8.self)
    }
    #expect(last == 4)
    try reopened.close()
  }

  @Test func opening() throws {
    let path = directory.path("store")
    expect(.notFound) { _ = try Store.open(at: path, options: Store.Options(.mustExist)) }
    expect(.notFound) { _ = try Store.open(at: path, options: Store.Options(.readOnly)) }
    expect(.notFound) { _ = try Store.open(at: directory.path("no/parent")) }
    let store = try open()
    try store.put("v", for: "k")
    do {
      _ = try open()
      Issue.record("a second writer got in")
    } catch let error as StoreError {
      #expect(error.code == .locked)
      #expect(error.description.contains("\(ProcessInfo.processInfo.processIdentifier)"), "names the holder")
    }
    // A reader does not need the lock.
    let reader = try Store.open(at: path, options: Store.Options(.readOnly))
    #expect(try reader.value(for: "k") == Array("v".utf8))
    expect(.readOnly) { try reader.put("v", for: "k") }
    expect(.readOnly) { try reader.remove("k") }
    expect(.readOnly) { try reader.sync() }
    try reader.close()
    try store.close()
    try store.close()
    expect(.closed) { _ = try store.value(for: "k") }
    expect(.closed) { try store.put("v", for: "k") }
    expect(.closed) { try store.sync() }
    expect(.closed) { try store.forEach { _ in true } }
    expect(.closed) { _ = try store.changes(since: 0) }
    expect(.closed) { _ = try store.values(for: ["k"]) }
    // Dropped without a close, it closes itself.
    do {
      let dropped = try open()
      try dropped.put("w", for: "k", durability: .relaxed)
    }
    let reopened = try open()
    #expect(try reopened.value(for: "k") == Array("w".utf8))
    #expect(reopened.statistics.tornBytes == 0)
    try reopened.close()
    let leaks = try Files.leaks(below: directory.path)
    #expect(leaks.isEmpty, "\(leaks)")
  }

  @Test func placesThatAreNoStore() throws {
    let file = directory.path("file")
    try Files.write([1], to: file)
    expect(.notAStore) { _ = try Store.open(at: file) }
    let folder = directory.path("folder")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    try Files.write([1], to: folder + "/letter.txt")
    expect(.notAStore) { _ = try Store.open(at: folder) }
    #expect(try Files.names(folder) == ["letter.txt"], "nothing is left there")
    let loop = directory.path("loop")
    try FileManager.default.createSymbolicLink(atPath: loop, withDestinationPath: loop)
    expect(.notAStore) { _ = try Store.open(at: loop) }
    expect(.invalidOption) { _ = try Store.open(at: "") }
    expect(.invalidOption) { _ = try Store.open(at: "a\0b") }
    expect(.system) { _ = try Store.open(at: directory.path(String(repeating: "n", count: 300))) }
    for bytes in [0, 4096, 65_537, (128 << 20) + 4096] {
      expect(.invalidOption) { _ = try open { $0.segmentBytes = bytes } }
    }
    expect(.invalidOption) { _ = try open { $0.checkpointInterval = -1 } }
    expect(.invalidOption) { _ = try open { $0.filePermissions = 0o400 } }
  }

  @Test func permissionsAreAsAsked() throws {
    let store = try open()
    try store.close()
    func permissions(_ path: String) throws -> Int {
      try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }
    #expect(try permissions(directory.path("store")) == 0o700)
    for name in try Files.names(directory.path("store")) {
      #expect(try permissions(directory.path("store") + "/" + name) == 0o600, "\(name)")
    }
  }

  @Test func scansStopAndThrow() throws {
    let store = try open()
    for number in 0..<100 { try store.put("\(number)", for: "key-\(number)") }
    var count = 0
    try store.forEachKey { entry in
      #expect(entry.value.byteCount == 0)
      count += 1
      return count < 10
    }
    #expect(count == 10)
    struct Mine: Error {}
    #expect(throws: Mine.self) { try store.forEach { _ in throw Mine() } }
    try store.close()
  }

  @Test func changesTellWhatIsGone() throws {
    let store = try open()
    try store.put("1", for: "a")
    try store.write { batch in
      try batch.put("2", for: "b")
      try batch.remove("a")
    }
    var changes = try store.changes(since: 1)
    #expect(try changes.next()?.isContinued == true)
    let last = try #require(try changes.next())
    #expect(last.kind == .remove && last.sequence == 3 && last.key == Array("a".utf8) && !last.isContinued)
    #expect(try changes.next() == nil)
    try store.put("3", for: "c")
    #expect(try changes.next()?.sequence == 4, "goes on with what comes later")
    expect(.historyGone) { _ = try store.changes(since: 5) }
    expect(.historyGone) { _ = try store.changes(since: .max) }
    try store.close()
  }

  @Test func aSmallStoreIsASmallDirectory() throws {
    let store = try open()
    try store.put("value", for: "key")
    try store.close()
    #expect(try Files.names(directory.path("store")) == ["LOCK", "STORE", "news", "segment-00000001.log"])
    let sizes = try Files.names(directory.path("store")).map {
      try Files.read(directory.path("store") + "/" + $0).count
    }
    #expect(sizes.reduce(0, +) < 8192)
  }
}
