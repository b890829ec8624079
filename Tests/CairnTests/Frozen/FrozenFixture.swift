import CairnTestSupport
import Testing

@testable import Cairn

/// Entries, and a frozen store of them.
struct FrozenFixture {
  struct Entry: Equatable {
    var value: [UInt8]
    var version: UInt64 = 0
    var deadline: Int64?
  }

  let directory = TemporaryDirectory()
  var entries: [[UInt8]: Entry] = [:]
  /// In the order in which they are added.
  var order: [[UInt8]] = []
  var path: String { directory.path("frozen") }

  mutating func add(_ value: [UInt8], for key: [UInt8], version: UInt64 = 0, deadline: Int64? = nil) {
    if entries.updateValue(Entry(value: value, version: version, deadline: deadline), forKey: key) == nil {
      order.append(key)
    }
  }

  /// Text as programs write it, or bytes that nothing compresses.
  static func value(_ random: inout SeededRandom, _ byteCount: Int) -> [UInt8] {
    if random.percent(40) { return random.bytes(byteCount) }
    let words = ["path", "lines", "words", "/usr/share/doc/", "readme", "{\"id\":", "null", "true", "copyright"]
    var bytes: [UInt8] = []
    while bytes.count < byteCount { bytes += words[random.below(words.count)].utf8 + [0x20] }
    return Array(bytes.prefix(byteCount))
  }

  static func random(_ random: inout SeededRandom, count: Int, sizes: [Int]) -> FrozenFixture {
    var fixture = FrozenFixture()
    let bits = [0, 1, 8, 9, 16, 31, 33, 40, 56, 57, 63]
    for _ in 0..<count {
      let key = random.bytes(1 + random.below(random.percent(5) ? 400 : 20))
      let size = sizes[random.below(sizes.count)]
      fixture.add(
        value(&random, size), for: key, version: random.next() >> UInt64(63 - bits[random.below(bits.count)]),
        deadline: random.percent(10) ? Int64.max - Int64(random.below(1000)) : nil)
    }
    return fixture
  }

  func build(_ options: FrozenStore.BuildOptions = FrozenStore.BuildOptions()) throws {
    let builder = try FrozenStoreBuilder(path: path, options: options)
    for key in order {
      let entry = try #require(entries[key])
      try builder.add(entry.value, for: key, version: entry.version, deadline: entry.deadline)
    }
    #expect(builder.count == order.count)
    let byteCount = try builder.finish()
    #expect(try Files.read(path).count == byteCount)
  }

  /// Reads a key in every way.
  static func read(_ store: FrozenStore, _ key: [UInt8]) throws -> [[UInt8]?] {
    var buffer = [UInt8](repeating: 0xEE, count: 200_000)
    let count = try unsafe buffer.withUnsafeMutableBytes { try unsafe store.copyValue(for: key, into: $0) }
    return [
      try store.value(for: key), try store.entry(for: key)?.value, try store.values(for: [key])[0],
      try store.withValue(for: key) { unsafe $0.withUnsafeBytes { unsafe [UInt8]($0) } },
      count.map { $0 <= buffer.count ? Array(buffer[..<$0]) : [] },
    ]
  }

  static func contents(_ store: FrozenStore) throws -> [(key: [UInt8], entry: Entry)] {
    var found: [(key: [UInt8], entry: Entry)] = []
    try store.forEach { entry in
      let key = unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }
      let value = unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
      found.append((key, Entry(value: value, version: entry.version, deadline: entry.deadline)))
      return true
    }
    return found
  }

  /// Everything is there, in order, and nothing else.
  func check(_ store: FrozenStore, _ comment: Comment, random: inout SeededRandom) throws {
    #expect(store.count == entries.count, comment)
    try store.verify()
    for (key, entry) in entries {
      for read in try Self.read(store, key) { #expect(read == entry.value, comment) }
      #expect(
        try store.entry(for: key)
          == Store.Entry(value: entry.value, version: entry.version, deadline: entry.deadline), comment)
    }
    for _ in 0..<entries.count {
      let key = random.bytes(1 + random.below(20))
      if entries[key] == nil {
        for read in try Self.read(store, key) { #expect(read == nil, comment) }
        #expect(try !store.contains(key), comment)
      }
    }
    let keys = (order + order.map { $0 + [0] }).shuffled(using: &random)
    #expect(try store.values(for: keys) == keys.map { entries[$0]?.value }, comment)
    let found = try Self.contents(store)
    #expect(found.map(\.key) == order, comment)
    for (key, entry) in found { #expect(entry == entries[key], comment) }
  }
}
