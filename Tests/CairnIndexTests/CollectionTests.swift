import Cairn
import CairnTestSupport
import Foundation
import Testing

@testable import CairnIndex

/// Goal: a collection holds what was put into it, counts it, and nothing of others; whatever happens in between.
/// Method: random operations on some collections of a store against dictionaries, and each promise by itself.
@Suite struct CollectionTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store") }

  private static let names = ["a", "ab", "b", "other"]

  private func options(
    _ clock: ManualClock = ManualClock(), _ declared: [String: Store.Collection.Options]? = nil
  ) throws -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.clock = clock
    options.views = [
      try Collections(
        declared ?? ["a": .init(isOrdered: true), "ab": .init(), "b": .init(isOrdered: true), "other": .init()])
    ]
    return options
  }

  private struct ModelEntry {
    var value: [UInt8]
    var deadline: Int64?
  }

  private typealias Model = [String: [[UInt8]: ModelEntry]]

  private func check(_ store: Store, _ model: Model, _ now: Int64) throws {
    for name in Self.names {
      let collection = try store.collection(name)
      let live = (model[name] ?? [:]).filter { $0.value.deadline.map { $0 > now } ?? true }
      let bytes = live.reduce(0) { $0 + collection.prefix.count + $1.key.count + $1.value.value.count }
      #expect(try collection.statistics() == .init(entries: live.count, bytes: bytes), "\(name)")
      for (key, entry) in live { #expect(try collection.value(for: key) == entry.value) }
      var visited: Set<[UInt8]> = []
      try collection.forEach { key, entry in
        #expect(live[key]?.value == entry.value && visited.insert(key).inserted)
        return true
      }
      #expect(visited.count == live.count)
      let keys = live.keys.sorted { $0.isBefore($1) }
      if collection.options.isOrdered {
        #expect(try collection.keys() == keys && collection.keys(reversed: true) == keys.reversed())
        #expect(try collection.count(in: .prefix("1")) == keys.count { $0.first == UInt8(ascii: "1") })
        #expect(try collection.firstKey() == keys.first && collection.lastKey() == keys.last)
        #expect(try collection.firstKey(in: .from("5")) == keys.first { !$0.isBefore(Array("5".utf8)) })
        var (page, all): (KeyRange?, [[UInt8]]) = (.all, [])
        while let range = page {
          let next = try collection.keyPage(in: range, limit: 7, reversed: keys.count % 2 == 0)
          all += next.keys
          page = next.rest
        }
        #expect(all == (keys.count % 2 == 0 ? keys.reversed() : keys))
      } else {
        let error = #expect(throws: StoreError.self) { try collection.keys() }
        #expect(error?.code == .notIndexed)
      }
    }
  }

  private func change(
    _ store: Store, _ model: inout Model, _ now: Int64, _ random: inout SeededRandom
  ) throws {
    let name = Self.names[random.below(Self.names.count)]
    let collection = try store.collection(name)
    let key = Array("\(random.below(60))".utf8)
    let value = [UInt8](repeating: UInt8(random.below(256)), count: random.below(400))
    switch random.below(12) {
    case 0..<2:
      let isThere = model[name]?[key].map { $0.deadline.map { $0 > now } ?? true } ?? false
      #expect(try collection.remove(key) == isThere)
      model[name]?[key] = nil
    case 2:
      let other = Self.names[random.below(Self.names.count)]
      let others = try store.collection(other)
      try store.write { batch in
        try batch.put("1", for: key, in: collection)
        try batch.remove(key, in: others)
        try batch.put(value, for: key, in: collection)
      }
      model[other]?[key] = nil
      model[name, default: [:]][key] = ModelEntry(value: value)
    case 3..<5:
      let deadline = now + Int64(random.below(300)) - 20
      try collection.put(value, for: key, expires: .at(milliseconds: deadline))
      model[name, default: [:]][key] = ModelEntry(value: value, deadline: deadline)
    case 5 where random.percent(20):
      try collection.drop()
      model[name] = nil
    case 5 where random.percent(30):
      let prefix = Array(key.prefix(1))
      try collection.invalidate(prefix: prefix)
      model[name] = model[name]?.filter { !$0.key.starts(with: prefix) }
    case 5 where random.percent(10):
      try store.invalidateAll()
      model = [:]
    case 5 where random.percent(10):
      // Of two collections, and of a part of none.
      try store.invalidate(prefix: "a")
      (model["a"], model["ab"]) = (nil, nil)
      try store.invalidate(prefix: "oth")
      model["other"] = nil
    case 6: try store.put(value, for: "nobody's")
    default:
      try collection.put(value, for: key)
      model[name, default: [:]][key] = ModelEntry(value: value)
    }
  }

  @Test(arguments: SeededRandom.seeds(4)) func randomOperations(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let clock = ManualClock()
    var store = try Store.open(at: path, options: options(clock))
    var model: Model = [:]
    for round in 0..<40 {
      for _ in 0..<40 { try change(store, &model, clock.wallMilliseconds(), &random) }
      clock.advance(Int64(random.below(100)))
      try check(store, model, clock.wallMilliseconds())
      if round % 7 == 3 { try store.compact() }
      if round % 9 == 5 { try store.removeExpired() }
      if round % 10 == 9 {
        if random.percent(50) {
          try store.close()
        } else {
          // As a crash leaves it.
          try store.sync()
          try Files.copyStore(path, to: path + "-copy")
          try store.close()
          try FileManager.default.removeItem(atPath: path)
          try FileManager.default.moveItem(atPath: path + "-copy", toPath: path)
        }
        store = try Store.open(at: path, options: options(clock))
        try check(store, model, clock.wallMilliseconds())
      }
    }
    try store.close()
    #expect(throws: StoreError.self) { try store.collection("a").statistics() }
  }

  /// What is read beside writers counts once. (Not for the thread sanitizer: the lock of the clock that is set, and the
  /// counts of references by which compaction and writers share what they know of deadlines, are unknown to it.)
  @Test(arguments: SeededRandom.seeds(2)) func countedWhileOthersWrite(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let clock = ManualClock()
    let store = try Store.open(at: path, options: options(clock))
    var model: Model = [:]
    for _ in 0..<3000 { try change(store, &model, clock.wallMilliseconds(), &random) }
    let collection = try store.collection("a")
    for _ in 0..<10 {
      let isDone = Flag()
      let reader = Thread {
        while !isDone.isSet {
          // Everything has to be counted anew for this one.
          _ = try? store.collection("b").invalidate(prefix: "no such key")
          _ = try? collection.statistics()
        }
      }
      reader.start()
      for _ in 0..<300 { try change(store, &model, clock.wallMilliseconds(), &random) }
      isDone.set()
      while !reader.isFinished { usleep(100) }
      try check(store, model, clock.wallMilliseconds())
    }
    try store.close()
  }

  /// What comes at any moment while everything is being counted.
  @Test func changedWhileCounted() throws {
    let clock = HookedClock()
    func open(_ catcher: StoreCatcher = StoreCatcher()) throws -> Store {
      var options = try options()
      options.clock = clock
      options.views = [catcher, try Collections(["a": .init()])]
      return try Store.open(at: path, options: options)
    }
    for looks in 0..<12 {
      // Put by others, so that all is counted the next time.
      let other = try Store.open(at: path)
      try other.invalidateAll()
      for number in 0..<3 { try other.put("v", for: "a:\(number)", expires: .after(.seconds(1_000_000_000))) }
      try other.close()
      let catcher = StoreCatcher()
      clock.afterLooks(looks) {
        try? catcher.store?.write { batch in
          try batch.put("longer", for: "a:1")
          try batch.remove("a:2")
          try batch.put("", for: "a:new")
        }
      }
      let store = try open(catcher)
      clock.cancel()
      let wasChanged = try store.contains("a:new")
      #expect(try store.collection("a").statistics() == .init(entries: 3, bytes: wasChanged ? 3 + 1 + 3 + 6 + 5 : 12))
      catcher.letGo()
      try store.close()
    }
  }

  /// Who cannot count says so, and is in nobody's way.
  @Test func damagedWhileCounted() throws {
    let clock = HookedClock()
    for looks in 0..<12 {
      let path = directory.path("damaged-\(looks)")
      var options = Store.Options()
      options.clock = clock
      options.checkpointInterval = 0
      var store = try Store.open(at: path, options: options)
      for number in 0..<4 { try store.put("damage me", for: "a:\(number)", expires: .after(.seconds(1000))) }
      try store.close()
      let name = try #require(try FileManager.default.contentsOfDirectory(atPath: path).first { $0.hasSuffix(".log") })
      let file = URL(fileURLWithPath: path + "/" + name)
      var bytes = try Data(contentsOf: file)
      // All but the last one, which the checkpoint is compared with.
      for _ in 0..<3 {
        let range = try #require(bytes.range(of: Data("damage me".utf8)))
        bytes[range.lowerBound] = 0x20
      }
      try bytes.write(to: file)
      let catcher = StoreCatcher()
      clock.afterLooks(looks) { _ = try? catcher.store?.put("", for: "a:new") }
      options.views = [catcher, try Collections(["a": .init()])]
      store = try Store.open(at: path, options: options)
      clock.cancel()
      for number in 0..<3 { try store.put("", for: "a:more-\(number)") }
      let error = #expect(throws: StoreError.self) { try store.collection("a").statistics() }
      #expect(error?.code == .damaged)
      catcher.letGo()
      try store.close()
    }
  }

  // MARK: Options

  @Test func optionsOfACollection() throws {
    let clock = ManualClock()
    let store = try Store.open(
      at: path,
      options: options(
        clock, ["short": .init(expires: .after(.seconds(1))), "small": .init(compression: .zstd(level: 9))]))
    let short = try store.collection("short")
    try short.put("1", for: "a")
    try short.put("1", for: "b", expires: .never)
    try short.put("1", for: "c", attributes: ["x": 1], expires: .after(.seconds(2)))
    #expect(try short.putIfAbsent("2", for: "a") == nil && short.putIfAbsent("1", for: "d") != nil)
    try store.write { batch in try batch.put("1", for: "e", in: short) }
    #expect(try short.statistics().entries == 5)
    clock.advance(1000)
    #expect(try short.value(for: "a") == nil && short.contains("b") && short.contains("c") && !short.contains("e"))
    #expect(try short.statistics().entries == 2)
    let version = try #require(try short.version(of: "c"))
    #expect(try short.put("2", for: "c", ifVersion: version + 100) == nil)
    #expect(try short.put("2", for: "c", ifVersion: version) != nil)
    #expect(try short.entry(for: "c")?.value == Array("2".utf8))
    #expect(try short.withValue(for: "c") { $0.byteCount } == 1)
    // Values that take little.
    let value = [UInt8](repeating: 7, count: 100_000)
    let before = store.statistics.liveBytes
    try store.collection("small").put(value, for: "a")
    try store.collection("small").put(value, for: "b", attributes: ["x": 1])
    try store.write { batch in try batch.put(value, for: "c", in: try store.collection("small")) }
    #expect(store.statistics.liveBytes - before < 2000)
    #expect(try store.collection("small").value(for: "c") == value)
    #expect(try store.collection("small").statistics() == .init(entries: 3, bytes: 3 * 100_007))
    try short.put(value, for: "large")
    #expect(store.statistics.liveBytes - before > 100_000)
    try store.close()
  }

  @Test func whatIsNoCollection() throws {
    for name in ["", "a:b", String(repeating: "n", count: 65)] {
      let error = #expect(throws: StoreError.self) { try Collections([name: .init()]) }
      #expect(error?.code == .invalidOption)
    }
    #expect(throws: StoreError.self) { try Collections(["a": .init(compression: .zstd(level: 99))]) }
    #expect(throws: StoreError.self) { try Collections(["a": .init(migrate: { value, _ in value })]) }
    var options = try self.options()
    let store = try Store.open(at: path, options: options)
    let missing = #expect(throws: StoreError.self) { try store.collection("x") }
    #expect(missing?.code == .invalidOption)
    let a = try store.collection("a")
    for error in [
      #expect(throws: StoreError.self) { try a.put("", for: "") },
      #expect(throws: StoreError.self) { _ = try a.value(for: "") },
    ] {
      #expect(error?.code == .emptyKey)
    }
    #expect(throws: StoreError.self) { try a.put("", for: [UInt8](repeating: 1, count: Store.Limits.keyBytes - 1)) }
    try a.put("", for: [UInt8](repeating: 1, count: Store.Limits.keyBytes - 2))
    // Of another store that is open; two in one.
    let other = directory.path("other")
    #expect(throws: StoreError.self) { try Store.open(at: other, options: options) }
    try store.close()
    options.views.append(try Collections([:]))
    #expect(throws: StoreError.self) { try Store.open(at: other, options: options) }
    #expect(throws: StoreError.self) { try Store.open(at: path).collection("a") }
  }

  /// With all keys in order, so are those of each collection.
  @Test func allKeysInOrder() throws {
    var options = try self.options()
    options.views = [try Collections(["a": .init(), "b": .init(isOrdered: true)]), OrderedKeys()]
    let store = try Store.open(at: path, options: options)
    for name in ["a", "b"] { try store.collection(name).put("", for: "1") }
    for name in ["a", "b"] { #expect(try store.collection(name).keys() == [Array("1".utf8)]) }
    #expect(try store.keys() == [Array("a:1".utf8), Array("b:1".utf8)])
    let snapshot = try store.snapshot()
    try store.collection("b").drop()
    #expect(try store.collection("b").keys() == [] && snapshot.keys().count == 2)
    try store.close()
  }

  // MARK: From one session to the next

  /// Keys of collections that were declared otherwise, or counts of others, are not taken for what is asked for.
  @Test func declaredOtherwise() throws {
    let clock = ManualClock()
    let all: [String: Store.Collection.Options] = ["a": .init(isOrdered: true), "b": .init()]
    func open(_ declared: [String: Store.Collection.Options]) throws -> Store {
      try Store.open(at: path, options: options(clock, declared))
    }
    var store = try open(all)
    for number in 0..<200 {
      for name in ["a", "b"] { try store.collection(name).put("v", for: "\(number)", expires: .after(.seconds(9))) }
    }
    try (store.views[0] as? Collections)?.ordered?.keep()
    try store.close()
    store = try open(["b": .init(isOrdered: true), "a": .init(), "c": .init()])
    #expect(try store.collection("b").keys().count == 200)
    #expect(try store.collection("a").statistics().entries == 200 && store.collection("c").statistics().entries == 0)
    try (store.views[0] as? Collections)?.ordered?.keep()
    try store.close()
    var allInOrder = try options(clock)
    allInOrder.views = [OrderedKeys()]
    let ordered = try Store.open(at: path, options: allInOrder)
    #expect(try ordered.keys().count == 400)
    try ordered.close()
    // Set back, the clock lets entries live again that had gone.
    store = try open(all)
    clock.advance(10_000)
    #expect(try store.collection("b").statistics().entries == 0)
    try store.close()
    clock.setWall(clock.wallMilliseconds() - 9_000)
    store = try open(all)
    #expect(try store.collection("b").statistics().entries == 200)
    try store.close()
  }

  @Test(arguments: SeededRandom.seeds(2)) func aFileThatIsDamaged(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var totals = [CollectionTotals(), CollectionTotals()]
    for number in 0..<20 {
      totals[number % 2].add(
        EntryTotal(count: 1, byteCount: number), deadline: number % 3 == 0 ? nil : Int64(number) * 10)
    }
    for index in totals.indices { totals[index].expire(at: 15) }
    let names = ["one", "another one"]
    let bytes = CollectionsFile.encode(names, totals, sequence: 77)
    let decoded = bytes.withBytes { CollectionsFile.decode($0, names) }
    #expect(decoded?.totals == totals && decoded?.sequence == 77 && decoded?.time == 15)
    #expect(bytes.withBytes { CollectionsFile.decode($0, ["one", "another on"]) } == nil)
    #expect(bytes.withBytes { CollectionsFile.decode($0, ["one"]) } == nil)
    for count in 0..<bytes.count { #expect(bytes[..<count].withBytes { CollectionsFile.decode($0, names) } == nil) }
    for _ in 0..<2000 {
      // Also with a checksum that fits.
      var hostile = bytes
      for _ in 0...random.below(3) { hostile[random.below(hostile.count - 8)] = UInt8(random.below(256)) }
      if random.percent(20) { hostile.removeSubrange((random.below(bytes.count / 8) * 8)..<(bytes.count - 8)) }
      let body = Array(hostile.dropLast(8))
      let hash = body.withBytes { FileWords.hash($0) }
      let forged = body + (0..<8).map { UInt8(truncatingIfNeeded: hash >> UInt64($0 * 8)) }
      _ = forged.withBytes { CollectionsFile.decode($0, names) }
    }
  }

  @Test(arguments: SeededRandom.seeds(2)) func deadlines(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var totals = CollectionTotals()
    var model: [(one: EntryTotal, deadline: Int64?)] = []
    var now: Int64 = 0
    for _ in 0..<3000 {
      if random.percent(45), !model.isEmpty {
        let gone = model.remove(at: random.below(model.count))
        totals.remove(gone.one, deadline: gone.deadline)
      } else {
        let one = EntryTotal(count: 1, byteCount: random.below(100))
        let deadline = random.percent(30) ? nil : now + Int64(random.below(500)) - 10
        totals.add(one, deadline: deadline)
        model.append((one, deadline))
      }
      if random.percent(10) {
        now += Int64(random.below(40))
        totals.expire(at: now)
      }
      // What has ended may be told of later, and is not counted twice.
      let live = model.filter { $0.deadline.map { $0 > now } ?? true }
      var copy = totals
      copy.expire(at: now)
      #expect(copy.total == live.reduce(into: EntryTotal()) { $0 += $1.one })
    }
  }

  @Test func followers() throws {
    let clock = ManualClock()
    let writer = try Store.open(at: path, options: options(clock))
    let collection = try writer.collection("a")
    for number in 0..<100 { try collection.put("v", for: "\(number)") }
    let follower = try Store.follow(path, options: options(clock))
    let followed = try follower.collection("a")
    #expect(try followed.statistics() == collection.statistics())
    for number in 50..<150 { try collection.put("longer", for: "\(number)") }
    try collection.remove("1")
    try follower.refresh()
    #expect(try followed.statistics() == collection.statistics() && followed.keys() == collection.keys())
    try collection.drop()
    try follower.refresh()
    #expect(try followed.statistics().entries == 0 && followed.keys().isEmpty)
    try follower.close()
    try writer.close()
  }
}

/// Set once, seen by others.
private final class Flag: @unchecked Sendable {
  private let lock = NSLock()
  private var value = false

  var isSet: Bool { lock.withLock { value } }
  func set() { lock.withLock { value = true } }
}
