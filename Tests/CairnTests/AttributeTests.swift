import Cairn
import CairnTestSupport
import Testing

/// Goal: attributes travel with their entry wherever it goes, and what is none is refused, when it is put and when it
/// is read.
@Suite struct AttributeTests {
  private static let some: Attributes = [
    "model": "größte", "tokens": .integer(.min), "cost": 0.5, "made": .date(milliseconds: -1), "labels": ["z", "a"],
  ]

  private let directory = TemporaryDirectory()

  private func options(_ change: (inout Store.Options) -> Void = { _ in }) -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.compaction.isAutomatic = false
    change(&options)
    return options
  }

  @Test func aDictionary() {
    var attributes: Attributes = ["b": 1, "a": "x", "b": 2]
    #expect(attributes.names == ["a", "b"] && attributes["b"] == 2 && attributes["c"] == nil)
    attributes["a"] = nil
    attributes["c"] = nil
    #expect(attributes == ["b": 2] && attributes.count == 1 && !attributes.isEmpty)
    // Texts are what their bytes are; numbers of one type are no others.
    #expect(Attributes.Value.string("é") != .string("e\u{301}"))
    #expect(Attributes.Value.tags(["é"]) != .tags(["e\u{301}"]))
    #expect(Attributes.Value.integer(1) != .real(1) && Attributes.Value.real(0) == .real(-0.0))
    attributes["é"] = 1
    attributes["e\u{301}"] = 2
    #expect(attributes.count == 3 && attributes["é"] == 1)
  }

  @Test func everyWayToPutAndToRead() throws {
    let store = try Store.open(at: directory.path("store"), options: options { $0.keepVersions = 5 })
    try store.put("1", for: "a", attributes: Self.some)
    #expect(try store.attributes(of: "a") == Self.some && store.attributes(of: "b") == nil)
    #expect(try store.entry(for: "a")?.attributes == Self.some)
    let snapshot = try store.snapshot()
    #expect(try store.putIfAbsent("2", for: "a", attributes: Self.some) == nil)
    #expect(try store.putIfAbsent("2", for: "b", attributes: Self.some) == 2)
    #expect(try store.put("3", for: "a", attributes: ["model": "large"], ifVersion: 7) == nil)
    #expect(try store.put("3", for: "a", attributes: ["model": "large"], ifVersion: 1) == 3)
    #expect(try store.attributes(of: "a") == ["model": "large"])
    // An update keeps them, a put does not.
    try store.update("a") { $0.map { $0 + Array("!".utf8) } }
    #expect(try store.attributes(of: "a") == ["model": "large"])
    try store.put("4", for: "a")
    #expect(try store.attributes(of: "a") == [:])
    try store.write { batch in
      try batch.put("5", for: "c", attributes: Self.some, expires: .after(.seconds(3600)))
      try batch.put("6", for: "d")
    }
    #expect(try store.attributes(of: "c") == Self.some && store.attributes(of: "d") == [:])
    #expect(try snapshot.entry(for: "a")?.attributes == Self.some)
    let history = try store.history(of: "a").map(\.attributes)
    #expect(history == [Self.some, ["model": "large"], ["model": "large"], [:]])
    try store.restore("a", toVersion: 1)
    #expect(try store.entry(for: "a")?.attributes == Self.some)
    var found: [String: Attributes] = [:]
    for isKeysOnly in [true, false] {
      found = [:]
      let body = { (entry: EntryView) in
        found[String(decoding: unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }, as: UTF8.self)] = Attributes(
          entry.attributes)
        return true
      }
      try isKeysOnly ? store.forEachWithoutValue(body) : store.forEach(body)
      #expect(found == ["a": Self.some, "b": Self.some, "c": Self.some, "d": [:]])
    }
    try store.close()
  }

  /// Through compaction, recompression, loss of the checkpoint, and into followers and backups.
  @Test(arguments: [Store.Compression.none, .zstd()])
  func theyTravel(compression: Store.Compression) throws {
    let path = directory.path("store")
    let made = options {
      $0.compression = compression
      $0.keepVersions = 2
    }
    var store = try Store.open(at: path, options: made)
    let value = SmallRecords.make(1, kind: 0)
    for number in 0..<200 {
      try store.put(value, for: "\(number)", attributes: ["number": .integer(0)], expires: .after(.seconds(3600)))
      try store.put(value, for: "\(number)", attributes: ["number": .integer(Int64(number)), "tags": ["a"]])
    }
    func check(_ store: Store) throws {
      for number in 0..<200 {
        let expected: Attributes = ["number": .integer(Int64(number)), "tags": ["a"]]
        #expect(try store.attributes(of: "\(number)") == expected)
      }
    }
    try check(store)
    try store.trainDictionary()
    try store.recompress()
    try store.compact()
    try check(store)
    #expect(try store.history(of: "7").map(\.attributes) == [["number": 0], ["number": 7, "tags": ["a"]]])
    let follower = try Store.follow(path)
    try follower.refresh()
    try check(follower)
    try follower.close()
    try store.backup(to: directory.path("backup"))
    try store.close()
    Files.remove(path + "/index.checkpoint")
    store = try Store.open(at: path, options: made)
    try check(store)
    try store.close()
    var readOnly = made
    readOnly.access = .readOnly
    store = try Store.open(at: directory.path("backup"), options: readOnly)
    try check(store)
    try store.close()
  }

  @Test func limits() throws {
    let path = directory.path("store")
    let store = try Store.open(at: path, options: options { $0.keepVersions = 1 })
    let refused: [Attributes] = [
      ["": 1], [String(repeating: "n", count: 65): 1], ["a": .real(.nan)], ["a": .tags([""])],
      ["a": .tags([String(repeating: "t", count: 256)])], ["a": .string(String(repeating: "s", count: 1994))],
      ["a": .string(String(repeating: "s", count: 100_000))],
      ["a": .string(String(repeating: "s", count: 1981)), "b": 1],
    ]
    for attributes in refused {
      #expect(throws: StoreError.self) { try store.put("v", for: "k", attributes: attributes) }
      do { try store.put("v", for: "k", attributes: attributes) } catch { #expect(error.code == .invalidAttribute) }
      #expect(throws: StoreError.self) { try store.write { try $0.put("v", for: "k", attributes: attributes) } }
    }
    #expect(store.lastSequence == 0)
    let largest: [Attributes] = [
      ["a": .string(String(repeating: "s", count: 1993))], ["a": .string(String(repeating: "s", count: 1980)), "b": 1],
      [String(repeating: "n", count: 64): .tags([String(repeating: "t", count: 255)])], ["a": .tags([])],
      ["a": .string("")], ["a": .real(.infinity), "b": .real(-.greatestFiniteMagnitude), "c": .integer(.max)],
    ]
    for attributes in largest {
      // With all that a record of an earlier version says besides.
      try store.put("1", for: "k", attributes: attributes, expires: .after(.seconds(3600)))
      try store.put("2", for: "k")
      try moveAll(store)
      #expect(try store.history(of: "k").first?.attributes == attributes)
      try store.put("3", for: "k", attributes: attributes, expires: .after(.seconds(3600)))
      try moveAll(store)
      #expect(try store.attributes(of: "k") == attributes)
    }
    try store.close()
  }

  private func moveAll(_ store: Store) throws {
    let moved = store.statistics.bytesMoved
    try store.recompress(level: nil)
    #expect(store.statistics.bytesMoved > moved)
  }

  /// Where attributes are visited without values, a damaged record is no entry without some, or with others.
  @Test func damage() throws {
    let path = directory.path("store")
    // With a checkpoint, the opening does not read the record.
    var store = try Store.open(at: path, options: options { $0.checkpointInterval = 0 })
    try store.put("v", for: "a", attributes: ["name": "value"])
    try store.put("v", for: "b", attributes: ["name": "other"])
    try store.close()
    let name = path + "/segment-00000001.log"
    var bytes = try Files.read(name)
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: "value".utf8) })
    bytes[place] ^= 1
    try Files.write(bytes, to: name)
    store = try Store.open(at: path, options: options { $0.access = .readOnly })
    var found: [Attributes] = []
    #expect(throws: StoreError.self) {
      try store.forEachWithoutValue { entry in
        found.append(Attributes(entry.attributes))
        return true
      }
    }
    #expect(found == [["name": "other"]])
    #expect(throws: StoreError.self) { try store.attributes(of: "a") }
    try store.close()
  }

  /// F1-ATT-001: behind a field that a flag of a newer version has, nobody knows where items begin.
  @Test func behindUnknownFields() throws {
    let content = try (["a": 1] as Attributes).withEncoded { (encoded) in encoded.bytes.array }
    let item = [2, 2] + content + [UInt8](repeating: 0, count: 14 - content.count)
    for flag in 0..<8 {
      let field = [UInt8](repeating: 0, count: flag == 1 || flag == 2 ? 8 : 0)
      let words = UInt8((field.count + item.count) / 8)
      let header: [UInt8] = [0, 0, 0, 0, 1, 0, 1, words, 1 << flag, 0, 0, 0, 0, 0, 0, 0]
      let record = [UInt8](repeating: 0, count: 16) + header + field + item + [UInt8](repeating: 0x6B, count: 8)
      let found = record.withBytes { (record: RawSpan) in
        RecordHeader(decoding: MemoryView(record), at: 0).map { Attributes($0.attributes(MemoryView(record), at: 0)) }
      }
      #expect(found == (flag < 3 ? ["a": 1] : [:]), "flag \(flag)")
    }
  }

  /// What is read is as it would be written, or nothing.
  @Test(arguments: SeededRandom.seeds(20))
  func bytesThatAreNoAttributes(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    for _ in 0..<300 {
      let attributes = random.attributes()
      var bytes = try attributes.withEncoded { (encoded) in encoded.bytes.array }
      #expect(Attributes(content: bytes) == attributes, "seed \(seed)")
      #expect(attributes.itemBytes == (bytes.isEmpty ? 0 : (bytes.count + 9) & ~7), "seed \(seed)")
      for _ in 0...random.below(3) {
        switch random.below(4) {
        case 0 where !bytes.isEmpty: bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
        case 1 where !bytes.isEmpty: bytes.remove(at: random.below(bytes.count))
        case 2: bytes.insert(UInt8(random.below(256)), at: random.below(bytes.count + 1))
        default: bytes.removeLast(random.below(bytes.count + 1))
        }
      }
      let found = Attributes(content: bytes)
      if found.isEmpty { continue }
      let names = found.names.map { Array($0.utf8) }
      #expect(zip(names, names.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) }, "seed \(seed)")
      let again = try found.withEncoded { (encoded) in encoded.bytes.array }
      #expect(bytes.starts(with: again) && bytes.count - again.count < 8, "seed \(seed)")
      #expect(bytes.dropFirst(again.count).allSatisfy { $0 == 0 }, "seed \(seed)")
    }
  }
}

extension RawSpan {
  fileprivate var array: [UInt8] { unsafe withUnsafeBytes { unsafe [UInt8]($0) } }
}
