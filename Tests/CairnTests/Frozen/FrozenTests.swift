import CairnTestSupport
import Foundation
import Testing

@testable import Cairn

/// Goal: a frozen store holds what was put into it, by every way to read it.
@Suite struct FrozenTests {
  private func options(_ compression: FrozenStore.Compression) -> FrozenStore.BuildOptions {
    var options = FrozenStore.BuildOptions()
    options.compression = compression
    return options
  }

  /// F1-FRZ-010, F1-FRZ-030, F1-FRZ-031: random entries of all sizes, with versions and deadlines of all lengths.
  @Test(arguments: SeededRandom.seeds(3)) func everyWayToRead(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let compressions: [FrozenStore.Compression] = [
      .none, .zstd(), .zstd(level: -5), .zstd(trainsDictionary: true), .zstd(level: 19, trainsDictionary: true),
    ]
    for (number, compression) in compressions.enumerated() {
      for count in [1, 2, 7, 8, 9, 17, 100, 1000] {
        let fixture = FrozenFixture.random(&random, count: count, sizes: [0, 1, 20, 100, 255, 256, 1000, 5000])
        try fixture.build(options(compression))
        let store = try FrozenStore.open(fixture.path)
        try fixture.check(store, "seed \(seed), compression \(number), \(count) entries", random: &random)
      }
    }
  }

  @Test func empty() throws {
    let fixture = FrozenFixture()
    try fixture.build()
    let store = try FrozenStore.open(fixture.path)
    var random = SeededRandom(seed: 1)
    try fixture.check(store, "empty", random: &random)
    #expect(store.byteCount == 256 + 64)
    #expect(try store.value(for: "key") == nil)
    #expect(try store.value(for: "") == nil)
    #expect(store.fallback == nil)
  }

  /// Lengths that fields change at, and what does not fit the buffer that records are gathered in.
  @Test func sizes() throws {
    var fixture = FrozenFixture()
    var random = SeededRandom(seed: 1)
    for (number, count) in [1, 254, 255, 256, 257, 65_535].enumerated() {
      fixture.add([UInt8(number)], for: [UInt8](repeating: 65, count: count))
    }
    for count in [0, 1, 255, 256, 65_535, 65_536, 1 << 18, (1 << 20) - 1, 1 << 20, 9 << 20, 1 << 24] {
      fixture.add(random.bytes(count), for: Array("value \(count)".utf8), version: UInt64(count))
    }
    for compression in [FrozenStore.Compression.none, .zstd(level: 1)] {
      try fixture.build(options(compression))
      let store = try FrozenStore.open(fixture.path)
      try store.verify()
      for (key, entry) in fixture.entries { #expect(try store.value(for: key) == entry.value) }
      #expect(try store.value(for: [UInt8](repeating: 65, count: 65_536)) == nil)
      #expect(try store.value(for: [UInt8](repeating: 65, count: 65_534)) == nil)
    }
  }

  /// Numbers that no test has a disk for.
  @Test func largeOffsetsAndLengths() {
    let memory = [UInt8](repeating: 0, count: 64)
    unsafe memory.withUnsafeBytes { buffer in
      let bucket = unsafe MemoryView(buffer.baseAddress!, count: 64)
      let offsets = (0..<10).map { (1 << 40) - 1 - $0 * 0x1_2345_6789 }
      for (number, offset) in offsets.enumerated() {
        FrozenBucket.set(bucket, number, tag: UInt8(number + 1), offset: offset)
      }
      for (number, offset) in offsets.enumerated() {
        #expect(FrozenBucket.offset(bucket, number) == offset)
        var candidates = FrozenBucket.candidates(bucket, UInt8(number + 1))
        var found: [Int] = []
        while let next = candidates.next() { found.append(next) }
        #expect(found.contains(number))
      }
    }
  }

  /// The largest value there may be, and one more.
  @Test func theLargestValue() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("frozen")
    let value = [UInt8](repeating: 0xAB, count: Store.Limits.valueBytes + 1)
    let builder = try FrozenStoreBuilder(path: path)
    try builder.add([1], for: "first")
    #expect(throws: StoreError.self) { try builder.add(value, for: "too large") }
    try builder.add(unsafe value.span.bytes.extracting(0..<Store.Limits.valueBytes), for: "largest")
    try builder.add([2], for: "last")
    try builder.finish()
    let store = try FrozenStore.open(path)
    #expect(try store.value(for: "first") == [1])
    #expect(try store.value(for: "last") == [2])
    let isSame = try store.withValue(for: "largest") { found in
      unsafe found.withUnsafeBytes { found in
        unsafe value.withUnsafeBytes { unsafe memcmp(found.baseAddress!, $0.baseAddress!, found.count) == 0 }
          && found.count == Store.Limits.valueBytes
      }
    }
    #expect(isSame == true)
  }

  /// F1-FRZ-012.
  @Test func aKeyThatIsAddedTwice() throws {
    for key in [[UInt8]("key".utf8), [UInt8](repeating: 7, count: 65_535)] {
      let directory = TemporaryDirectory()
      let builder = try FrozenStoreBuilder(path: directory.path("frozen"))
      for number in 0..<100 { try builder.add([1], for: "\(number)") }
      try builder.add([2], for: key, version: 1, deadline: 5)
      try builder.add([UInt8](repeating: 3, count: 1 << 20), for: key)
      for _ in 0..<2 {
        let error = #expect(throws: StoreError.self) { try builder.finish() }
        #expect(error?.code == .duplicateKey)
        #expect(error?.keyPrefix == Array(key.prefix(32)))
      }
      #expect(throws: StoreError.self) { try builder.add([1], for: "more") }
      #expect(try Files.names(directory.path) == [])
    }
  }

  @Test func whatCannotBeAdded() throws {
    let directory = TemporaryDirectory()
    let builder = try FrozenStoreBuilder(path: directory.path("frozen"))
    #expect(throws: StoreError.self) { try builder.add([1], for: "") }
    let long = [UInt8](repeating: 1, count: 65_536)
    let error = #expect(throws: StoreError.self) { try builder.add([1], for: long) }
    #expect(error?.code == .keyTooLong)
    try builder.add([1], for: "key")
    try builder.finish()
    #expect(throws: StoreError.self) { try builder.finish() }
    #expect(throws: StoreError.self) { try builder.add([1], for: "key") }
    #expect(try FrozenStore.open(directory.path("frozen")).count == 1)
    for level in [20, -6] {
      #expect(throws: StoreError.self) {
        _ = try FrozenStoreBuilder(path: directory.path("other"), options: options(.zstd(level: level)))
      }
    }
  }

  @Test func deadlines() throws {
    var fixture = FrozenFixture()
    let clock = ManualClock()
    let now = clock.wallMilliseconds()
    fixture.add([1], for: [1], deadline: now + 10)
    fixture.add([2], for: [2])
    try fixture.build()
    var options = FrozenStore.Options()
    options.clock = clock
    let store = try FrozenStore.open(fixture.path, options: options)
    #expect(try store.value(for: [1] as [UInt8]) == [1])
    clock.advance(10)
    #expect(try store.value(for: [1] as [UInt8]) == nil)
    #expect(try FrozenFixture.contents(store).map(\.key) == [[2]])
    #expect(store.count == 2)
    try store.verify()
  }

  /// Goal: small values that are alike take far less with a dictionary, and are read all the same when many threads ask
  /// for it first. F1-FRZ-013.
  @Test func dictionaries() throws {
    var fixture = FrozenFixture()
    for number in 0..<4000 {
      let text =
        "{\"name\": \"package-\(number * 7919 % 10_000)\", \"section\": \"libs\", \"priority\": \"optional\", "
        + "\"maintainer\": \"Nobody \(number % 50) <x@example.org>\", \"homepage\": \"https://example.org/\(number)\"}"
      fixture.add(Array(text.utf8), for: Array("key-\(number)".utf8))
    }
    var sizes: [Int] = []
    for compression in [FrozenStore.Compression.none, .zstd(), .zstd(trainsDictionary: true)] {
      try fixture.build(options(compression))
      let store = try FrozenStore.open(fixture.path)
      sizes.append(store.byteCount)
      let entries = fixture.entries
      DispatchQueue.concurrentPerform(iterations: 4) { _ in
        for (key, entry) in entries { #expect((try? store.value(for: key)) == entry.value) }
      }
      try store.verify()
    }
    #expect(sizes[2] * 2 < sizes[1] && sizes[1] < sizes[0], "\(sizes)")
  }

  /// Goal: the same entries, random numbers and clock make the same bytes.
  @Test func sameBytes() throws {
    var random = SeededRandom(seed: 5)
    let fixture = FrozenFixture.random(&random, count: 200, sizes: [10, 300])
    var options = options(.zstd(trainsDictionary: true))
    options.clock = ManualClock()
    options.randomNumber = { 0x0102_0304_0506_0708 }
    try fixture.build(options)
    let first = try Files.read(fixture.path)
    try fixture.build(options)
    #expect(try Files.read(fixture.path) == first)
  }
}
