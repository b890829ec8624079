import Cairn
import CairnTestSupport
import Testing

/// Goal: earlier versions of entries are there as long as they are to be kept, whatever becomes of the log, and no
/// longer than until the next compaction.
/// F1-VER-002.
/// Method: stores with small segments; what is put and removed is noted, and compared with the histories of the keys.
@Suite(.serialized) struct VersionTests {
  private let directory = TemporaryDirectory()
  private let clock = ManualClock()

  private func options(_ count: Int, for duration: Duration? = nil) -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.compaction.isAutomatic = false
    options.clock = clock
    options.keepVersions = count
    options.keepVersionsFor = duration
    return options
  }

  private struct Version: Equatable {
    let version: UInt64
    let value: [UInt8]
    var deadline: Int64?
  }

  /// The puts of a key, the newest last, and whether that is what the key has.
  private struct Expected {
    var puts: [Version] = []
    var isLive = false

    func kept(_ count: Int) -> [Version] { Array(puts.suffix(isLive ? count + 1 : count)) }
  }

  private func puts(_ store: Store, _ key: [UInt8]) throws -> [Version] {
    try store.history(of: key).filter { $0.kind == .put }.map {
      #expect($0.key == key)
      return Version(version: $0.sequence, value: $0.value, deadline: $0.deadline)
    }
  }

  @Test(arguments: SeededRandom.seeds(4)) func byCount(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let count = random.below(4)
    var options = options(count)
    options.compaction.isAutomatic = random.percent(50)
    if random.percent(50) { options.compression = .zstd(level: 1) }
    options.checkpointInterval = [nil, 0, 30_000][random.below(3)]
    let path = directory.path("store")
    var store = try Store.open(at: path, options: options)
    var expected: [[UInt8]: Expected] = [:]
    func check(_ comment: String, isExact: Bool) throws {
      for (key, entry) in expected {
        let found = try puts(store, key)
        let kept = entry.kept(count)
        let (there, wanted) = (found.map(\.version), kept.map(\.version))
        // What has expired is removed when its segment is compacted.
        let isExact = isExact && (entry.isLive || entry.puts.last?.deadline == nil)
        #expect(isExact ? found == kept : found.suffix(kept.count) == kept[...], "\(comment): \(there), not \(wanted)")
        #expect(found.allSatisfy(entry.puts.contains), "\(comment)")
        let value = try store.value(for: key)
        #expect(
          value == (entry.isLive ? entry.puts.last?.value : nil),
          "\(comment): \(String(decoding: key, as: UTF8.self)) \(value?.count ?? -1), \(entry.isLive), \(wanted)")
      }
    }
    for step in 0..<2500 {
      let comment = "seed \(seed), \(count) versions, step \(step)"
      let key = Array("key \(random.below(random.percent(50) ? 10 : 150))".utf8)
      switch random.below(1000) {
      case 0..<750:
        let value = random.bytes(random.below(400))
        let version = try store.put(value, for: key)
        expected[key, default: Expected()].puts.append(Version(version: version, value: value))
        expected[key]?.isLive = true
      case 750..<800:
        let value = random.bytes(random.below(100))
        let deadline = clock.wallMilliseconds() / 1000 * 1000 + 1000
        let version = try store.put(value, for: key, expires: .at(milliseconds: deadline))
        expected[key, default: Expected()].puts.append(Version(version: version, value: value, deadline: deadline))
        expected[key]?.isLive = true
      case 800..<900:
        try store.remove(key)
        expected[key]?.isLive = false
      case 900..<980:
        clock.advance(100)
        for (key, entry) in expected {
          if let deadline = entry.puts.last?.deadline, deadline <= clock.wallMilliseconds() {
            expected[key]?.isLive = false
          }
        }
      case 980..<984: try check(comment, isExact: false)
      case 984..<990:
        try store.compact()
        try check(comment, isExact: true)
      case 990..<996:
        try store.close()
        if random.percent(50) { Files.remove(path + "/index.checkpoint") }
        store = try Store.open(at: path, options: options)
      default:
        // As a killed process leaves it: where nothing moves while it is copied.
        if options.compaction.isAutomatic { continue }
        let copy = directory.path("copy")
        try store.sync()
        try Files.copyStore(path, to: copy)
        let open = store
        store = try Store.open(at: copy, options: options)
        try check(comment + ", in a copy", isExact: false)
        try store.compact()
        try check(comment + ", in a copy that was compacted", isExact: true)
        try store.close()
        store = open
      }
    }
    try store.compact()
    try check("seed \(seed), at the end", isExact: true)
    #expect(count == 0 || store.statistics.keptVersions > 0)
    // Nothing is kept any more.
    try store.close()
    options.keepVersions = 0
    store = try Store.open(at: path, options: options)
    try store.compact()
    for (key, entry) in expected { #expect(try puts(store, key) == entry.kept(0), "seed \(seed)") }
    #expect(store.statistics.keptVersions == 0)
    try store.close()
  }

  @Test func byTime() throws {
    let options = options(0, for: .seconds(60))
    let path = directory.path("store")
    var store = try Store.open(at: path, options: options)
    for round in 0..<5 {
      for number in 0..<200 { try store.put([UInt8](repeating: UInt8(round), count: 200), for: "\(number)") }
      clock.advance(20_000)
    }
    func rounds() throws -> [UInt8] { try store.history(of: "7").filter { $0.kind == .put }.map { $0.value[0] } }
    // The first one was replaced 80 s ago, the second one 60 s.
    try store.compact()
    #expect(try rounds() == [2, 3, 4])
    for number in 0..<200 { try store.remove("\(number)") }
    try store.close()
    // When something was replaced is known as well as segments tell it, and not earlier than it was.
    store = try Store.open(at: path, options: options)
    try store.compact()
    #expect(try rounds() == [2, 3, 4])
    clock.advance(20_000)
    try store.compact()
    #expect(try rounds().suffix(2) == [3, 4])
    clock.advance(39_000)
    try store.compact()
    #expect(try rounds().last == 4)
    try store.close()
    store = try Store.open(at: path, options: options)
    try store.compact()
    clock.advance(60_000)
    try store.compact()
    #expect(try rounds() == [])
    #expect(store.statistics.segments == 1 && store.statistics.deadBytes < 1000, "\(store.statistics)")
    try store.close()
  }

  @Test func restore() throws {
    let store = try Store.open(at: directory.path("store"), options: options(2))
    let first = try store.put("one", for: "key")
    try store.put("two", for: "key")
    try store.remove("key")
    let removal = store.lastSequence
    #expect(try store.restore("key", toVersion: removal) == nil)
    #expect(try store.restore("key", toVersion: 77) == nil && store.value(for: "key") == nil)
    let restored = try #require(try store.restore("key", toVersion: first))
    #expect(restored > removal)
    #expect(try store.value(for: "key") == Array("one".utf8))
    #expect(try store.history(of: "key").map(\.kind) == [.put, .put, .remove, .put])
    #expect(try store.history(of: "none").isEmpty)
    #expect(throws: StoreError.self) { try store.history(of: "") }
    // Two and one are what was there before.
    try store.put("three", for: "key")
    try store.compact()
    #expect(
      try puts(store, Array("key".utf8)).map(\.value) == [Array("two".utf8), Array("one".utf8), Array("three".utf8)])
    try store.close()
    let reader = try Store.open(at: directory.path("store"), options: Store.Options(.readOnly))
    #expect(try reader.history(of: "key").count == 3)
    #expect(throws: StoreError.self) { try reader.restore("key", toVersion: restored) }
    try reader.close()
    #expect(throws: StoreError.self) { try reader.history(of: "key") }
    var options = options(-1)
    #expect(throws: StoreError.self) { try Store.open(at: directory.path("other"), options: options) }
    options = self.options(0, for: .seconds(-1))
    #expect(throws: StoreError.self) { try Store.open(at: directory.path("other"), options: options) }
  }

  /// What is kept takes space like what is live: compaction comes to an end, and to its target.
  @Test func inTheBackground() throws {
    var options = options(3)
    options.compaction.isAutomatic = true
    options.compaction.targetAmplification = 1.2
    let store = try Store.open(at: directory.path("store"), options: options)
    for round in 0..<40 {
      for number in 0..<300 { try store.put([UInt8](repeating: UInt8(round), count: 300), for: "\(number)") }
    }
    try store.compact()
    let statistics = store.statistics
    #expect(statistics.keptVersions == 900 && statistics.keptBytes > 900 * 300)
    #expect(statistics.deadBytes - statistics.keptBytes < 20_000)
    let moved = statistics.bytesMoved
    for _ in 0..<5 { try store.compact() }
    #expect(store.statistics.bytesMoved == moved)
    try store.close()
  }

  /// Unique keys that are put and removed: their versions go when their time is over, and the space with them.
  @Test func thingsComeAndGo() throws {
    var options = options(0, for: .seconds(10))
    options.compaction.isAutomatic = true
    let store = try Store.open(at: directory.path("store"), options: options)
    for number in 0..<40_000 {
      try store.put([UInt8](repeating: 1, count: 150), for: "key \(number)")
      try store.remove("key \(number)")
      if number % 100 == 0 { clock.advance(100) }
    }
    // So many are of the last ten seconds.
    clock.advance(1)
    try store.compact()
    let statistics = store.statistics
    #expect(statistics.keptVersions <= 10_000 && statistics.keptVersions > 9000, "\(statistics)")
    #expect(statistics.liveBytes + statistics.deadBytes < 10_000 * 350, "\(statistics)")
    clock.advance(10_000)
    try store.compact()
    #expect(store.statistics.keptVersions == 0 && store.statistics.deadBytes < 1000, "\(store.statistics)")
    try store.close()
  }

  /// Removes of what is kept are written again only where that gives something back.
  @Test func removesOfWhatIsKept() throws {
    let store = try Store.open(at: directory.path("store"), options: options(1))
    for number in 0..<1000 { try store.put([UInt8](repeating: 1, count: 40), for: "key \(number)") }
    for number in 0..<1000 { try store.remove("key \(number)") }
    try store.compact()
    let moved = store.statistics.bytesMoved
    for _ in 0..<3 { try store.compact() }
    #expect(store.statistics.bytesMoved == moved)
    #expect(try store.history(of: "key 7").first?.kind == .put)
    try store.close()
  }

  /// An entry that has expired is kept as long as one that was removed then would be.
  @Test func expired() throws {
    let store = try Store.open(at: directory.path("store"), options: options(0, for: .seconds(60)))
    for number in 0..<500 {
      try store.put([UInt8](repeating: 1, count: 200), for: "\(number)", expires: .after(.seconds(10)))
    }
    clock.advance(40_000)
    try store.compact()
    #expect(try store.value(for: "7") == nil && store.history(of: "7").count == 1)
    clock.advance(31_000)
    try store.compact()
    #expect(try store.history(of: "7").isEmpty)
    #expect(store.statistics.liveEntries == 0 && store.statistics.segments == 1)
    try store.close()
  }

  /// A key that is overwritten again and again: what is noted of it costs as much at the end as at the beginning.
  @Test func aHotKey() throws {
    let path = directory.path("store")
    var store = try Store.open(at: path, options: options(2, for: .seconds(1000)))
    for number in 0..<200_000 { try store.put("\(number)", for: "key", durability: .relaxed) }
    try store.compact()
    #expect(store.statistics.keptVersions == 199_999)
    try store.close()
    store = try Store.open(at: path, options: options(2))
    try store.compact()
    #expect(store.statistics.keptVersions == 2)
    #expect(try store.history(of: "key").suffix(3).map(\.value) == (199_997...199_999).map { Array("\($0)".utf8) })
    try store.close()
  }
}
