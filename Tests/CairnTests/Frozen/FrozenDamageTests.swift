import CairnTestSupport
import Testing

@testable import Cairn

/// Goal: whatever bytes a frozen store has, a read gives the value that was put in or a typed error; a key that is
/// there is never said to be absent; and nothing traps.
@Suite struct FrozenDamageTests {
  private func small(dictionary: Bool = false) throws -> (fixture: FrozenFixture, bytes: [UInt8]) {
    var random = SeededRandom(seed: 11)
    var fixture = FrozenFixture()
    for number in 0..<(dictionary ? 400 : 24) {
      let text = "{\"number\": \(number), \"name\": \"entry \(number * 37)\", \"text\": \"what all of them have\"}"
      fixture.add(
        number % 5 == 0 && !dictionary ? random.bytes(number) : Array(text.utf8), for: Array("key-\(number)".utf8),
        version: UInt64(number) << UInt64(number % 3 * 8), deadline: number % 7 == 0 ? .max : nil)
    }
    fixture.add([UInt8](repeating: 97, count: 600), for: [UInt8](repeating: 98, count: 300))
    var options = FrozenStore.BuildOptions()
    options.compression = .zstd(trainsDictionary: dictionary)
    try fixture.build(options)
    return (fixture, try Files.read(fixture.path))
  }

  private let opening: FrozenStore.Options = {
    var options = FrozenStore.Options()
    options.fallsBack = false
    return options
  }()

  private func open(_ bytes: [UInt8], _ directory: TemporaryDirectory) throws(StoreError) -> FrozenStore {
    let path = directory.path("damaged")
    // A new file each time: one that is mapped must not change.
    Files.remove(path)
    do { try Files.write(bytes, to: path) } catch { throw StoreError(.system, "\(error)") }
    return try FrozenStore.open(path, options: opening)
  }

  /// Reads everything. Returns how many keys were damaged.
  private func check(_ bytes: [UInt8], _ fixture: FrozenFixture, _ comment: Comment) throws -> Int {
    let store: FrozenStore
    do { store = try open(bytes, fixture.directory) } catch {
      #expect(error.code == .damaged || error.code == .unsupportedFormat, comment)
      return fixture.entries.count
    }
    var damaged = 0
    for (key, entry) in fixture.entries {
      do throws(StoreError) {
        #expect(try store.value(for: key) == entry.value, comment)
      } catch {
        #expect(error.code == .damaged || error.code == .unsupportedFormat, comment)
        #expect(error.byteOffset != nil && error.file == store.path, comment)
        damaged += 1
      }
    }
    do throws(StoreError) {
      #expect(try store.value(for: "not there") == nil, comment)
    } catch { #expect(error.code == .damaged, comment) }
    let error = #expect(throws: StoreError.self, comment) { try store.verify() }
    #expect(error?.code == .damaged, comment)
    return damaged
  }

  /// F1-FRZ-001, F1-FRZ-002, F1-FRZ-003, F1-FRZ-010, F1-FRZ-030, F1-FRZ-031: each byte changed, by one bit or more.
  @Test(arguments: SeededRandom.seeds(1)) func everyByteChanged(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let (fixture, whole) = try small()
    var harmful = 0
    for place in whole.indices {
      for change in [UInt8(1) << UInt8(random.below(8)), UInt8(1 + random.below(255))] {
        var bytes = whole
        bytes[place] ^= change
        if try check(bytes, fixture, "seed \(seed), byte \(place) ^ \(change)") > 0 { harmful += 1 }
      }
    }
    // All but the padding before the index, and nothing that a key needs.
    #expect(harmful > whole.count * 2 - 2 * 64 - 2 * 64 * 4)
  }

  /// F1-FRZ-013, F1-FRZ-020: the same for a file with a dictionary, here and there.
  @Test(arguments: SeededRandom.seeds(1)) func aDamagedDictionary(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let (fixture, whole) = try small(dictionary: true)
    let forged = ForgedFrozen(whole)
    try #require(forged.word(112) == 1)
    let places = Array(forged.recordsEnd..<forged.recordsEnd + 32) + (0..<60).map { _ in random.below(whole.count) }
    for place in places {
      var bytes = whole
      bytes[place] ^= 1 << UInt8(random.below(8))
      _ = try check(bytes, fixture, "seed \(seed), byte \(place)")
    }
    // In the dictionary itself: what was compressed with it is damaged, the rest is not.
    var bytes = whole
    bytes[forged.recordsEnd + 32 + 100] ^= 1
    let damaged = try check(bytes, fixture, "dictionary")
    #expect(damaged > 300 && damaged < fixture.entries.count + 1)
    // Of another number than the records say.
    var renamed = forged
    renamed.set(2, 4, at: forged.recordsEnd)
    renamed.repair()
    let store = try open(renamed.bytes, fixture.directory)
    #expect(#expect(throws: StoreError.self) { _ = try store.value(for: "key-1") }?.code == .damaged)
  }

  /// F1-FRZ-002.
  @Test func everyLength() throws {
    let (fixture, whole) = try small()
    for count in 0..<whole.count {
      let error = #expect(throws: StoreError.self) { _ = try open(Array(whole.prefix(count)), fixture.directory) }
      #expect(error?.code == .damaged, "\(count)")
    }
    for more in [1, 64, 4096] {
      let error = #expect(throws: StoreError.self) {
        _ = try open(whole + [UInt8](repeating: 0, count: more), fixture.directory)
      }
      #expect(error?.code == .damaged)
    }
  }

  private static let edges: [UInt64] = [
    0, 1, 2, 63, 64, 65, 255, 256, 257, 320, 4096, 1 << 20, 1 << 31, 1 << 32, 1 << 40, (1 << 48) - 1, (1 << 48) - 64,
    1 << 48, 1 << 62, 1 << 63, .max, .max - 63,
  ]

  /// Fields of the header with every extreme, the checksum made to fit.
  @Test func forgedHeaders() throws {
    let (fixture, whole) = try small()
    for field in stride(from: 88, through: 168, by: 8) {
      for value in Self.edges {
        var forged = ForgedFrozen(whole)
        if forged.word(field) == value { continue }
        forged.set(value, at: field)
        forged.repairHeader()
        guard let store = try? open(forged.bytes, fixture.directory) else { continue }
        // Opened: then reads give what they can, and nothing traps.
        for key in fixture.order { _ = try? store.value(for: key) }
        try? store.forEach { _ in true }
        if field < 160 { #expect(throws: StoreError.self, "\(field) = \(value)") { try store.verify() } }
      }
    }
  }

  /// F1-FRZ-010: any bytes at all where all checksums fit.
  @Test(arguments: SeededRandom.seeds(2)) func forgedContents(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    for dictionary in [false, true] {
      let (fixture, whole) = try small(dictionary: dictionary)
      let original = ForgedFrozen(whole)
      let offsets = original.recordOffsets()
      for _ in 0..<(dictionary ? 100 : 600) {
        var forged = ForgedFrozen(whole)
        for _ in 0...random.below(3) {
          let record = offsets[random.below(offsets.count)]
          let place = [
            record + 4 + random.below(8), record + random.below(80),
            original.index + random.below(original.buckets * 64),
            original.recordsEnd + random.below(64), 88 + random.below(64),
          ][random.below(5)]
          switch random.below(3) {
          case 0: forged.set(random.next(), 1, at: place)
          case 1: forged.set(Self.edges[random.below(Self.edges.count)], 1 + random.below(8), at: place)
          default: forged.set(UInt64(offsets[random.below(offsets.count)]), 5, at: place)
          }
        }
        forged.repair()
        guard let store = try? open(forged.bytes, fixture.directory) else { continue }
        for key in fixture.order {
          _ = try? FrozenFixture.read(store, key)
          _ = try? store.entry(for: key)
        }
        _ = try? store.values(for: fixture.order)
        try? store.forEach { _ in true }
        try? store.verify()
      }
    }
  }

  /// F1-FRZ-001: what a newer version may write.
  @Test func newerHeaders() throws {
    let (fixture, whole) = try small()
    for (place, count) in [(16, 2), (20, 4), (24, 8)] {
      var forged = ForgedFrozen(whole)
      forged.set(forged.word(place) + 1 << 3, count, at: place)
      if place == 24 { forged.repairHeader() }
      let error = #expect(throws: StoreError.self) { _ = try open(forged.bytes, fixture.directory) }
      #expect(error?.code == .unsupportedFormat, "\(place)")
    }
    for place in [18, 32, 176, 240] {
      var forged = ForgedFrozen(whole)
      forged.set(0xFF, 1, at: place)
      forged.repairHeader()
      let store = try open(forged.bytes, fixture.directory)
      #expect(try store.value(for: "key-1") == fixture.entries[Array("key-1".utf8)]?.value)
      try store.verify()
    }
  }

  /// F1-FRZ-011: the value is not used, everything else is; a deadline counts.
  @Test func newerRecords() throws {
    let (fixture, whole) = try small()
    let offsets = ForgedFrozen(whole).recordOffsets()
    // Reserved bits, reserved codecs, a dictionary without a codec (whose byte is taken from the key's first).
    for bit in [11, 13, 14, 15] {
      for number in [1, 7] {
        var forged = ForgedFrozen(whole)
        let at = offsets[number]
        forged.set(forged.word(at + 4) & 0xFFFF | 1 << UInt64(bit), 2, at: at + 4)
        forged.repair()
        let store = try open(forged.bytes, fixture.directory)
        let key = fixture.order[number]
        for read in [
          { _ = try store.value(for: key) }, { _ = try store.contains(key) }, { _ = try store.values(for: [key]) },
        ] as [() throws -> Void] {
          let error = #expect(throws: StoreError.self) { try read() }
          #expect(error?.code == .unsupportedFormat)
          #expect(error?.byteOffset == at && error?.keyPrefix == key)
        }
        #expect(try store.value(for: fixture.order[2]) == fixture.entries[fixture.order[2]]?.value)
        var count = 0
        let error = #expect(throws: StoreError.self) {
          try store.forEach { _ in
            count += 1
            return true
          }
        }
        #expect(error?.code == .unsupportedFormat && count == fixture.order.count - 1)
        #expect(#expect(throws: StoreError.self) { try store.verify() }?.code == .unsupportedFormat)
        if number == 7 {
          // Its deadline, behind lengths and version, set to the past.
          let lengths = Int(forged.word(at + 4) & 0xFFFF)
          forged.set(1, at: at + 7 + (lengths & 15) + lengths >> 5 & 15)
          forged.repair()
          #expect(try open(forged.bytes, fixture.directory).value(for: key) == nil)
        }
      }
    }
  }
}
