import Cairn
import CairnTestSupport
import Testing

@testable import CairnIndex

/// Goal: what was made from others is used exactly as long as all of them are as they were.
/// Method: each way for a source to change; and random graphs against a model that counts versions itself.
@Suite struct SourcesTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store") }

  private func open(_ clock: ManualClock = ManualClock()) throws -> Store {
    var options = Store.Options()
    options.clock = clock
    options.views = [try Collections(["c": .init()])]
    return try Store.open(at: path, options: options)
  }

  private func isFresh(_ store: Store, _ key: String = "page") throws -> Bool {
    let isFresh = try store.freshValue(for: key) != nil
    #expect(try store.isStale(key) == !isFresh)
    return isFresh
  }

  private func makePage(_ store: Store) throws {
    try store.put("page", for: "page", derivedFrom: store.sources(of: ["user", "orders"]))
    #expect(try isFresh(store))
  }

  @Test func aSourceChanges() throws {
    let clock = ManualClock()
    var store = try open(clock)
    try store.put("Ada", for: "user")
    try makePage(store)
    try store.put("of another", for: "other")
    #expect(try isFresh(store))
    let changes: [(String, (Store) throws -> Void)] = [
      ("written", { try $0.put("Eve", for: "user") }),
      ("written once more, the same", { try $0.put("Eve", for: "user") }),
      ("removed", { try $0.remove("user") }), ("came", { try $0.put("", for: "orders") }),
      ("expires", { try $0.put("", for: "user", expires: .after(.seconds(1))) }),
      ("in a batch", { try $0.write { batch in try batch.put("", for: "orders") } }),
      ("invalidated", { try $0.invalidate(prefix: "ord") }),
    ]
    for (what, change) in changes {
      try change(store)
      #expect(try !isFresh(store), "\(what)")
      #expect(try store.contains("page"), "it stays")
      try makePage(store)
    }
    try store.put("", for: "user", expires: .after(.seconds(1)))
    try makePage(store)
    clock.advance(1000)
    #expect(try !isFresh(store), "has expired")
    try makePage(store)
    // Across sessions, compaction and backups: versions stay.
    try store.compact()
    try store.close()
    store = try open(clock)
    #expect(try isFresh(store))
    #expect(try store.putIfChanged("model 1", for: "orders") > 0)
    #expect(try !isFresh(store))
    try makePage(store)
    try store.putIfChanged("model 1", for: "orders")
    #expect(try isFresh(store), "nothing has changed")
    try store.putIfChanged("model 2", for: "orders")
    #expect(try !isFresh(store))
    #expect(try store.freshValue(for: "not there") == nil && store.isStale("not there") == nil)
    try store.close()
  }

  /// What is read before the change, and put after it, is stale: the race that caches lose.
  @Test func readBeforeTheChange() throws {
    let store = try open()
    try store.put("old", for: "user")
    let sources = try store.sources(of: ["user"])
    let read = try #require(try store.value(for: "user"))
    try store.put("new", for: "user")
    try store.put(read, for: "page", derivedFrom: sources)
    #expect(try !isFresh(store))
    // Of two that were asked for one after the other, the older one counts.
    let merged = sources.merging(try store.sources(of: ["user", "orders"]))
    #expect(merged.count == 2 && !merged.isEmpty)
    try store.put(read, for: "page", derivedFrom: merged)
    #expect(try !isFresh(store))
    try store.close()
  }

  @Test func putTogether() throws {
    let store = try open()
    // What is made of what a key had, and of its absence, or of two versions of it, is nothing to rely on.
    try store.put("1", for: "user")
    let first = try store.sources(of: ["user"])
    try store.remove("user")
    let none = try store.sources(of: ["user"])
    for sources in [first.merging(none), none.merging(first)] {
      try store.put("", for: "page", derivedFrom: sources)
      #expect(try !isFresh(store))
    }
    try store.put("", for: "page", derivedFrom: none.merging(none))
    #expect(try isFresh(store))
    // Texts that mean the same, and are other keys.
    let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
    try store.put("", for: composed)
    let both = try store.sources(of: [composed, decomposed])
    #expect(both.count == 2)
    try store.put("", for: "page", derivedFrom: both)
    #expect(try isFresh(store))
    try store.put("", for: decomposed)
    #expect(try !isFresh(store))
    // Keys of a collection.
    let collection = try store.collection("c")
    try collection.put("", for: "a")
    let mixed = try collection.sources(of: ["a"]).merging(store.sources(of: [composed]))
    try collection.put("", for: "b", derivedFrom: mixed)
    #expect(try collection.contains("b"))
    try collection.put("", for: "a")
    #expect(try !collection.contains("b"))
    try store.close()
  }

  @Test func collections() throws {
    let store = try open()
    let collection = try store.collection("c")
    try store.put("Ada", for: "user")
    try collection.put("page", for: "a", attributes: ["x": 1], derivedFrom: store.sources(of: ["user"]))
    try collection.put("page", for: "b", derivedFrom: store.sources(of: ["c:a"]))
    try store.write { batch in
      try batch.put("page", for: "x", in: collection, derivedFrom: store.sources(of: ["user"]))
    }
    #expect(try ["a", "b", "x"].allSatisfy { try collection.contains($0) })
    try store.put("Eve", for: "user")
    #expect(try ["a", "b", "x"].allSatisfy { try !collection.contains($0) && store.contains("c:\($0)") })
    var changes = try store.changes(since: store.lastSequence)
    #expect(try collection.putIfAbsent("new", for: "a") != nil && collection.contains("a"))
    #expect(try store.removeStale(prefix: "nothing") == 0 && store.removeStale() == 2)
    #expect(try collection.statistics().entries == 1)
    #expect(try changes.next()?.kind == .put && changes.next()?.cause == .invalidated(by: "@sources"))
    try store.close()
  }

  @Test func tags() throws {
    var store = try open()
    var collection = try store.collection("c")
    try store.put("Ada", for: "user")
    for number in 0..<30 {
      let tags = try store.sources(tags: ["of \(number % 3)", "all", "a@b"])
      let sources = try tags.merging(store.sources(of: ["user"]))
      try collection.put("\(number)", for: "\(number)", derivedFrom: sources)
    }
    try collection.put("made from one", for: "x", derivedFrom: collection.sources(of: ["1"]))
    try store.put("not tagged", for: "y")
    func fresh() throws -> [Int] { try (0..<30).filter { try collection.contains("\($0)") } }
    #expect(try fresh() == Array(0..<30))
    let last = store.lastSequence
    let late = try store.sources(tags: ["of 1"])
    try store.invalidate(tag: "of 1")
    #expect(store.lastSequence == last + 1, "one record")
    #expect(try fresh() == (0..<30).filter { $0 % 3 != 1 })
    #expect(try !collection.contains("x") && store.contains("y") && store.freshValue(for: "c:1") == nil)
    // Who has read before, and puts now.
    try collection.put("1", for: "1", derivedFrom: late)
    #expect(try !collection.contains("1"))
    try collection.put("1", for: "1", derivedFrom: store.sources(tags: ["of 1"]))
    #expect(try collection.contains("1"))
    // Whatever removes a tag: nothing that was stale is fresh again.
    try store.put("", for: "old", derivedFrom: store.sources(tags: ["short-lived:mail"]))
    let before = try store.sources(tags: ["short-lived:mail"])
    try store.invalidate(tag: "short-lived:mail")
    try store.remove(Sources.tagPrefix + "short-lived:mail")
    #expect(try !isFresh(store, "old"))
    try store.put("", for: "new", derivedFrom: before)
    #expect(try !isFresh(store, "new"))
    try store.put("", for: "new", derivedFrom: store.sources(tags: ["short-lived:mail"]))
    #expect(try isFresh(store, "new"))
    for key in ["old", "new"] { try store.remove(key) }
    // Versions of tags are kept as entries are.
    try store.compact()
    try store.close()
    store = try open()
    collection = try store.collection("c")
    #expect(try fresh() == (0..<30).filter { $0 % 3 != 1 || $0 == 1 })
    try store.put("Eve", for: "user")
    #expect(try fresh() == [1])
    let second = try store.invalidate(tag: "of 1")
    #expect(try fresh() == [] && store.version(of: Sources.tagPrefix + "of 1") == second)
    try collection.put("", for: "1", derivedFrom: store.sources(tags: ["a@b"]))
    #expect(try fresh() == [1])
    try store.invalidate(tag: "a@b")
    #expect(try fresh() == [] && collection.removeStale() == 31 && store.freshValue(for: "y") != nil)
    for tag in ["", String(repeating: "x", count: 230)] {
      for work in [{ _ = try store.sources(tags: [tag]) }, { _ = try store.invalidate(tag: tag) }] {
        #expect((#expect(throws: StoreError.self) { try work() })?.code == .invalidAttribute)
      }
    }
    try store.invalidate(tag: String(repeating: "x", count: 229))
    try store.close()
  }

  @Test func chainsAndCycles() throws {
    let store = try open()
    try store.put("", for: "0")
    for number in 1...63 { try store.put("", for: "\(number)", derivedFrom: store.sources(of: ["\(number - 1)"])) }
    #expect(try isFresh(store, "63"))
    // Too long a chain is not followed to its end.
    try store.put("", for: "64", derivedFrom: store.sources(of: ["63"]))
    try store.put("", for: "65", derivedFrom: store.sources(of: ["64"]))
    #expect(try !isFresh(store, "65"))
    for key in ["0", "5"] {
      let error = #expect(throws: StoreError.self) {
        try store.put("", for: key, derivedFrom: store.sources(of: ["9"]))
      }
      #expect(error?.code == .dependencyCycle)
    }
    #expect(throws: StoreError.self) { try store.put("", for: "x", derivedFrom: store.sources(of: ["x"])) }
    #expect(try !store.contains("x"))
    // One that came about all the same is stale, and ends.
    try store.put("", for: "a", attributes: ["@sources": ["b@\(store.lastSequence + 2)"]])
    try store.put("", for: "b", attributes: ["@sources": ["a@\(store.lastSequence)"]])
    #expect(try !isFresh(store, "a") && !isFresh(store, "b"))
    // A diamond of many ways is walked once.
    try store.put("", for: "d0")
    for number in 1...40 {
      let sources = try store.sources(of: ["d\(number - 1)", "e\(number - 1)"])
      for name in ["d", "e"] { try store.put("", for: "\(name)\(number)", derivedFrom: sources) }
    }
    #expect(try isFresh(store, "d40"))
    try store.put("", for: "d0")
    #expect(try !isFresh(store, "e40"))
    try store.close()
  }

  @Test func whatIsNoSource() throws {
    let store = try open()
    for key: [UInt8] in [[], [0xFF], [UInt8](repeating: 0x61, count: 235)] {
      let error = #expect(throws: StoreError.self) { try store.sources(of: [key]) }
      #expect(error?.code == .invalidAttribute || key.isEmpty)
    }
    let many = try store.sources(of: (0..<60).map { "a key of some length \($0)" })
    let error = #expect(throws: StoreError.self) {
      try store.put("", for: "x", attributes: ["x": .string(String(repeating: "x", count: 1000))], derivedFrom: many)
    }
    #expect(error?.code == .invalidAttribute)
    #expect(throws: StoreError.self) {
      try store.put("", for: "x", attributes: ["@sources": []], derivedFrom: store.sources(of: ["a"]))
    }
    // What others have written there is not understood.
    for (number, value): (Int, Attributes.Value) in [
      "text", 1, ["no version"], ["@1"], ["a@"], ["a@x"], ["a@-1"], ["a@0", "b"],
    ].enumerated() {
      try store.put("", for: "x\(number)", attributes: ["@sources": value])
      #expect(try !isFresh(store, "x\(number)"), "\(value)")
    }
    try store.put("", for: "fine", attributes: ["@sources": ["a@0", "b@c@0"], "b": 1])
    #expect(try isFresh(store, "fine"))
    try store.put("", for: "none", derivedFrom: Sources())
    #expect(try isFresh(store, "none") && store.attributes(of: "none") == [:])
    try store.close()
  }

  @Test(arguments: SeededRandom.seeds(4)) func randomGraphs(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let store = try open()
    // By key: when it was put, and what from, with the versions of then.
    var model: [Int: (version: UInt64, sources: [Int: UInt64])] = [:]
    func isFresh(_ key: Int) -> Bool {
      guard let entry = model[key] else { return true }
      return entry.sources.allSatisfy { (model[$0.key]?.version ?? 0) == $0.value && isFresh($0.key) }
    }
    for step in 0..<600 {
      let key = random.below(20)
      switch random.below(4) {
      case 0:
        try store.remove("\(key)")
        model[key] = nil
      case 1: model[key] = (try store.put("\(step)", for: "\(key)"), [:])
      default:
        // From lower ones, so that there are no cycles.
        let from = Set((0..<random.below(4)).map { _ in random.below(20) }.filter { $0 < key })
        let sources = try store.sources(of: from.map { "\($0)" })
        let versions = Dictionary(uniqueKeysWithValues: from.map { ($0, model[$0]?.version ?? 0) })
        // Something may come in between.
        if random.percent(20), let other = from.first {
          model[other] = (try store.put("\(step)", for: "\(other)"), [:])
        }
        model[key] = (try store.put("\(step)", for: "\(key)", derivedFrom: sources), versions)
      }
      let asked = random.below(20)
      #expect(try store.isStale("\(asked)") == (model[asked] == nil ? nil : !isFresh(asked)))
      if step % 200 == 199 { try store.compact() }
    }
    let stale = model.keys.filter { !isFresh($0) }
    #expect(try store.removeStale() == stale.count)
    try store.close()
  }
}
