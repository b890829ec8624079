import Cairn
import CairnIndex
import CairnTestSupport
import Testing

@testable import CairnAttributes

/// Goal: what the indexes of a store tell is what a look at each of its entries tells, whatever happens to it.
/// Method: random operations on a store and on a dictionary, with compaction, sessions without the indexes, and
/// followers among them; then random queries of both.
@Suite(.serialized) struct IndexedAttributesTests {
  @Test(arguments: SeededRandom.seeds(4))
  func randomOperations(seed: UInt64) throws {
    var run = try Run(seed: seed)
    for _ in 0..<600 { try run.step() }
    try run.check(run.store)
    try run.store.close()
  }

  private struct Run {
    let directory = TemporaryDirectory()
    let clock = ManualClock()
    var options = Store.Options()
    var store: Store
    var model: AttributeModel
    var random: AttributeRandom
    let seed: UInt64

    init(seed: UInt64) throws {
      self.seed = seed
      random = AttributeRandom(random: SeededRandom(seed: seed), distinct: 6)
      options.clock = clock
      options.segmentBytes = 64 << 10
      options.compaction.isAutomatic = false
      if random.random.percent(50) { options.compression = .zstd(level: 1) }
      let indexes = try AttributeIndexes(AttributeRandom.indexes, aggregates: AttributeRandom.aggregates)
      model = AttributeModel(indexes: indexes)
      options.views = [try Self.view()]
      store = try Store.open(at: directory.path("store"), options: options)
    }

    private static func view() throws(StoreError) -> IndexedAttributes {
      try IndexedAttributes(AttributeRandom.indexes, aggregates: AttributeRandom.aggregates)
    }

    private var comment: Comment { "seed \(seed), sequence \(store.lastSequence)" }

    private mutating func key() -> [UInt8] {
      let number = random.random.below(60)
      return Array("\(["user", "page", "p"][number % 3]):\(number)".utf8)
    }

    private func isDeclared(_ attributes: Attributes) -> Bool {
      let entry = AttributeModel.Entry(attributes: attributes, deadline: nil, byteCount: 0)
      return AttributeRandom.names.allSatisfy { attributes[$0] == nil || model.indexed($0, entry) != nil }
    }

    private mutating func note(
      _ key: [UInt8], _ value: [UInt8], _ attributes: Attributes, _ deadline: Int64? = nil
    ) {
      model.entries[key] =
        attributes.isEmpty
        ? nil
        : AttributeModel.Entry(attributes: attributes, deadline: deadline, byteCount: key.count + value.count)
    }

    mutating func step() throws {
      let key = key()
      let value = [UInt8](repeating: UInt8(random.random.below(256)), count: random.random.below(600))
      switch random.random.below(100) {
      case 0..<55:
        let attributes = random.random.percent(10) ? [:] : random.attributes()
        let deadline: Int64? =
          random.random.percent(25) ? clock.wallMilliseconds() + Int64(random.random.below(3000)) : nil
        let expiry = deadline.map { Store.Expiry.at(milliseconds: $0) } ?? .never
        do {
          try store.put(value, for: key, attributes: attributes, expires: expiry)
          #expect(isDeclared(attributes), comment)
          note(key, value, attributes, deadline)
        } catch {
          #expect(error.code == .invalidAttribute && !isDeclared(attributes), comment)
        }
      case 55..<62:
        let entries = (0..<random.random.below(6)).map { _ in (self.key(), random.attributes()) }
          .filter { isDeclared($0.1) }
        try store.write { batch in
          for (key, attributes) in entries { try batch.put(value, for: key, attributes: attributes) }
          try batch.remove(key)
        }
        for (key, attributes) in entries { note(key, value, attributes) }
        model.entries[key] = nil
      case 62..<70:
        try store.remove(key)
        model.entries[key] = nil
      case 70..<74:
        // The entry keeps its attributes.
        try store.update(key) { $0.map { $0 + [1] } }
        if let byteCount = try store.value(for: key)?.count { model.entries[key]?.byteCount = key.count + byteCount }
      case 74..<77:
        let prefix = Array(key.prefix(random.random.percent(5) ? 0 : 3 + random.random.below(4)))
        try store.invalidate(prefix: prefix)
        model.entries = model.entries.filter { !$0.key.starts(with: prefix) }
      case 77..<82: clock.advance(Int64(random.random.below(700)))
      case 82..<84: try store.compact()
      case 84: try store.recompress(level: 1)
      case 85..<87: try invalidate()
      case 87..<90: try reopen()
      case 90: try follow()
      default: try check(store)
      }
    }

    private mutating func expire() {
      let now = clock.wallMilliseconds()
      model.entries = model.entries.filter { $0.value.deadline ?? .max > now }
    }

    private mutating func invalidate() throws {
      expire()
      let query = Query(random.node())
      let keys = model.keys(query)
      #expect(try store.invalidate(where: query) == keys.count, comment)
      for key in keys { model.entries[key] = nil }
    }

    /// With a session in between that knows nothing of indexes.
    private mutating func reopen() throws {
      try store.close()
      var plain = options
      plain.views = []
      if random.random.percent(50) {
        let other = try Store.open(at: directory.path("store"), options: plain)
        for _ in 0..<random.random.below(10) {
          let (key, attributes) = (key(), random.attributes())
          try other.put("", for: key, attributes: attributes)
          note(key, [], attributes)
        }
        try other.close()
      }
      options.views = [try Self.view()]
      store = try Store.open(at: directory.path("store"), options: options)
      try check(store)
    }

    private mutating func follow() throws {
      var options = Store.Options(.readOnly)
      options.clock = clock
      options.views = [try Self.view()]
      let follower = try Store.follow(directory.path("store"), options: options, refreshing: .manual)
      try check(follower)
      for _ in 0..<20 {
        let (key, attributes) = (key(), random.attributes())
        if !isDeclared(attributes) { continue }
        try store.put("x", for: key, attributes: attributes)
        note(key, [1], attributes)
      }
      try store.invalidate(prefix: "pa")
      model.entries = model.entries.filter { !$0.key.starts(with: "pa".utf8) }
      try follower.refresh()
      try check(follower)
      try follower.close()
    }

    mutating func check(_ store: Store) throws {
      expire()
      for _ in 0..<6 {
        let query = Query(random.node())
        let expected = model.keys(query)
        #expect(try store.count(where: query) == expected.count, "\(query), seed \(seed)")
        #expect(try Set(store.keys(where: query)) == expected, "\(query), seed \(seed)")
        let order = AttributeOrder.descending("tokens")
        let sorted = try store.keys(where: query, orderedBy: order)
        #expect(Set(sorted) == expected && sorted.count == expected.count, "\(query), seed \(seed)")
      }
      for aggregate in AttributeRandom.aggregates {
        let totals = try store.totals(aggregate)
        var groups: [Attributes.Value: (count: Int, byteCount: Int)] = [:]
        for entry in model.entries.values {
          guard let group = model.indexed(aggregate.group, entry) else { continue }
          groups[group, default: (0, 0)].count += 1
          groups[group, default: (0, 0)].byteCount += entry.byteCount
        }
        #expect(totals.count == groups.count, comment)
        for total in totals {
          #expect(groups[total.group]?.count == total.count, comment)
          #expect(groups[total.group]?.byteCount == total.byteCount, comment)
        }
      }
    }
  }

  private func open(_ path: String, _ change: (inout Store.Options) -> Void = { _ in }) throws -> Store {
    var options = Store.Options()
    options.views = [
      try IndexedAttributes(
        [.equality("model"), .range("tokens", of: .integer), .tags("labels")],
        aggregates: [.sum("tokens", by: "model")])
    ]
    change(&options)
    return try Store.open(at: path, options: options)
  }

  @Test func whatIsRefused() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    var store = try open(path)
    for number in 0..<200 {
      try store.put(
        "v", for: "\(number)",
        attributes: ["model": number % 2 == 0 ? "a" : "b", "tokens": .integer(Int64(number)), "other": .integer(1)])
    }
    func code(_ body: () throws -> Void) -> StoreError.Code? {
      do { try body() } catch { return (error as? StoreError)?.code }
      return nil
    }
    #expect(code { _ = try store.count(where: "other" == 1) } == .notIndexed)
    #expect(code { _ = try store.keys(where: .all, orderedBy: .ascending("labels")) } == .notIndexed)
    #expect(code { _ = try store.totals(.sum("model", by: "tokens")) } == .notIndexed)
    #expect(code { try store.put("v", for: "x", attributes: ["tokens": "many"]) } == .invalidAttribute)
    #expect(code { try store.write { try $0.put("v", for: "x", attributes: ["labels": 1]) } } == .invalidAttribute)
    #expect(code { _ = try store.page(where: .all, limit: 0) } == .invalidOption)
    #expect(try store.attributes(of: "x") == nil)
    // Where no index answers, records are read if that is asked for.
    #expect(try store.count(where: "other" == 1 && "tokens" < 10, scanning: true) == 10)
    #expect(try store.count(where: "other" != 1 || "tokens" < 10, scanning: true) == 10)
    var found: Set<String> = []
    try store.forEachEntry(where: !("other" == 2) && "model" == "a", limit: 7, scanning: true) { key, entry in
      found.insert(String(decoding: key, as: UTF8.self))
      return entry.attributes["model"] == "a"
    }
    #expect(found.count == 7)
    let explanation = try store.explain("model" == "a" && "tokens" < 10)
    #expect(explanation.description.contains("tokens"))
    let page = try store.page(where: .all, limit: 10)
    #expect(page.keys.count == 10)
    // Everything may go in between.
    try store.invalidateAll()
    #expect(try store.page(where: .all, after: page.next, limit: 10).keys.isEmpty)
    try store.close()
    #expect(code { _ = try store.count(where: .all) } == .closed)
    store = try open(path)
    #expect(code { _ = try store.page(where: .all, after: page.next, limit: 10) } == .historyGone)
    try store.close()
    store = try open(path) { $0.views = [OrderedKeys()] }
    #expect(code { _ = try store.count(where: .all) } == .invalidOption)
    try store.close()
  }

  /// What has expired goes beside checkpoints, also where nobody asks.
  @Test func expiredWithoutQueries() throws {
    let directory = TemporaryDirectory()
    let clock = ManualClock()
    let store = try open(directory.path("store")) { $0.clock = clock }
    for number in 0..<200 {
      try store.put(
        "v", for: "\(number)", attributes: ["tokens": 1], expires: number < 150 ? .after(.seconds(1)) : .never)
    }
    let view = try #require(store.views[0] as? IndexedAttributes)
    clock.advance(2000)
    #expect(view.statistics.count == 200)
    try store.writeCheckpoint()
    #expect(view.statistics.count == 50)
    try store.close()
  }

  @Test func names() throws {
    let (composed, decomposed) = ("\u{E9}", "e\u{301}")
    let directory = TemporaryDirectory()
    let store = try open(directory.path("store")) {
      $0.views = [try! IndexedAttributes([.equality(composed), .equality(decomposed)])]
    }
    try store.put("v", for: "k", attributes: [composed: 1, decomposed: 2])
    #expect(try store.count(where: Attribute(composed) == 1 && Attribute(decomposed) == 2) == 1)
    #expect(throws: StoreError.self) {
      try IndexedAttributes(
        [.equality(composed), .range("tokens", of: .integer)], aggregates: [.sum("tokens", by: decomposed)])
    }
    try store.close()
  }

  /// One of a store that has been closed is another's, whatever still reads the first.
  @Test func anotherStore() async throws {
    let directory = TemporaryDirectory()
    let large = try Store.open(at: directory.path("large"))
    for start in stride(from: 0, to: 120_000, by: 4000) {
      try large.write(durability: .relaxed) { batch in
        for number in start..<start + 4000 { try batch.put("v", for: "\(number)", attributes: ["tokens": 1]) }
      }
    }
    try large.close()
    let view = try IndexedAttributes([.range("tokens", of: .integer)])
    for round in 0..<5 {
      let store = try open(directory.path("large")) { $0.views = [view] }
      #expect(throws: StoreError.self) { _ = try open(directory.path("other")) { $0.views = [view] } }
      try store.close()
      let other = try open(directory.path("other")) { $0.views = [view] }
      try other.put("v", for: "\(round)", attributes: ["tokens": 2])
      #expect(try other.count(where: .all) == round + 1 && other.count(where: "tokens" == 1) == 0)
      try await Task.sleep(for: .milliseconds(20))
      #expect(try other.count(where: .all) == round + 1)
      // Read anew, as a follower that was overtaken: pages from before go on no more.
      let page = try other.page(where: .all, limit: 1)
      view.reset()
      #expect(try other.count(where: .all) == round + 1 && view.progress == 1)
      if let next = page.next {
        let error = #expect(throws: StoreError.self) { try other.page(where: .all, after: next, limit: 1) }
        #expect(error?.code == .historyGone)
      }
      #expect(try other.page(where: .all, limit: .max).keys.count == round + 1)
      #expect(try other.page(where: .all, orderedBy: .ascending("tokens"), limit: .max).keys.count == round + 1)
      try other.close()
    }
    #expect(throws: StoreError.self) {
      let two = try IndexedAttributes([.tags("labels")])
      _ = try open(directory.path("other")) { $0.views = [view, two] }
    }
  }

  /// What is written while the store is being read in the background is in the end as if it had always been there.
  /// An entry is put without attributes at any moment while all are being read.
  @Test func changedWhileRead() throws {
    for looks in 0..<10 {
      let directory = TemporaryDirectory()
      let clock = HookedClock()
      var options = Store.Options()
      options.clock = clock
      var store = try Store.open(at: directory.path("store"), options: options)
      try store.put("", for: "a", attributes: ["tokens": 1], expires: .after(.seconds(1000)))
      try store.close()
      let catcher = StoreCatcher()
      options.views = [catcher, try IndexedAttributes([.range("tokens", of: .integer)])]
      clock.afterLooks(looks) { _ = try? catcher.store?.put("", for: "a") }
      store = try Store.open(at: directory.path("store"), options: options)
      clock.cancel()
      let wasChanged = try store.attributes(of: "a") == [:]
      #expect(try store.count(where: .all) == (wasChanged ? 0 : 1))
      catcher.letGo()
      try store.close()
    }
  }

  @Test func readBesideOthers() async throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    var store = try Store.open(at: path)
    for start in stride(from: 0, to: 120_000, by: 4000) {
      try store.write(durability: .relaxed) { batch in
        for number in start..<start + 4000 {
          try batch.put("v", for: "\(number)", attributes: ["tokens": .integer(Int64(number)), "model": "old"])
        }
      }
    }
    try store.close()
    store = try open(path)
    for number in 0..<3000 {
      switch number % 4 {
      case 0: try store.put("n", for: "\(number)", attributes: ["tokens": -1, "model": "new"], durability: .relaxed)
      case 1: try store.put("n", for: "\(number)", durability: .relaxed)
      case 2: try store.remove("\(number)", durability: .relaxed)
      default: break
      }
    }
    try store.invalidate(prefix: "11")
    try store.put("n", for: "11", attributes: ["tokens": -1, "model": "new"])
    if let view = store.views[0] as? IndexedAttributes { await view.ready() }
    var (count, new) = (0, 0)
    try store.forEach { entry in
      let attributes = Attributes(entry.attributes)
      count += attributes.isEmpty ? 0 : 1
      new += attributes["model"] == "new" ? 1 : 0
      return true
    }
    #expect(try store.count(where: .all) == count && store.count(where: "model" == "new") == new)
    #expect(try store.count(where: "tokens" == -1) == new && new > 700)
    try store.close()
  }

  /// A count is that of some commit, whatever is being written.
  @Test func countsBesideOthers() async throws {
    let directory = TemporaryDirectory()
    let store = try open(directory.path("store"))
    // Always ten of each, whichever these are.
    @Sendable func write(_ round: Int) throws {
      try store.write(durability: .relaxed) { batch in
        for number in 0..<20 {
          try batch.put(
            "v", for: "\(number)",
            attributes: ["model": (number + round) % 2 == 0 ? "a" : "b", "tokens": .integer(Int64(round))])
        }
      }
    }
    @Sendable func read() throws {
      for _ in 0..<400 {
        let totals = try store.totals(.sum("tokens", by: "model"))
        #expect(totals.map(\.count) == [10, 10] && totals[0].sum == totals[1].sum)
        #expect(try store.count(where: "model" == "a") == 10)
        #expect(try store.page(where: "model" == "b", limit: 20).keys.count == 10)
      }
    }
    try write(0)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { for round in 0..<400 { try write(round) } }
      group.addTask { try read() }
      group.addTask { try read() }
      try await group.waitForAll()
    }
    try store.close()
  }
}
