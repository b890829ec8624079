import Cairn
import CairnTestSupport
import Foundation
import Synchronization
import Testing

@testable import CairnIndex

/// Goal: what rules say goes in the commit of what they were asked for: not before it, not after it, not without it.
/// Method: rules from key to key, over some rounds; every kind of write; readers beside; logs that are cut anywhere.
@Suite struct RuleTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store") }

  private func open(
    _ rules: [InvalidationRules.Rule], keepVersions: Int = 0, at path: String? = nil
  ) throws -> Store {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.keepVersions = keepVersions
    // What an invalidation hides counts until the background takes it out.
    options.compaction.isAutomatic = false
    options.views = [try InvalidationRules(rules), OrderedKeys()]
    return try Store.open(at: path ?? self.path, options: options)
  }

  private static let pages: [InvalidationRules.Rule] = [
    .invalidate(on: .keyWritten("user:*")) { user in [.key("page:" + user.text.dropFirst(5)), .key("list")] },
    .invalidate(on: .keyWritten("page:*")) { _ in [.key("site"), .key("list")] },
  ]

  private func fill(_ store: Store) throws {
    for key in ["page:1", "page:2", "list", "site"] { try store.put("v", for: key) }
  }

  private func keys(_ store: Store) throws -> [String] { try store.keys().map { String(decoding: $0, as: UTF8.self) } }

  @Test func everyKindOfWrite() throws {
    let store = try open(Self.pages)
    try store.put("Ada", for: "user:1")
    let version = try #require(try store.version(of: "user:1"))
    let writes: [(String, (Store) throws -> Void)] = [
      ("put", { try $0.put("Eve", for: "user:1") }),
      ("attributes", { try $0.put("Eve", for: "user:1", attributes: ["x": 1], expires: .after(.seconds(100))) }),
      ("batch", { try $0.write { batch in try batch.put("Eve", for: "user:1") } }),
      ("update", { try $0.update("user:1") { _ in [1] } }),
      ("remove", { try $0.remove("user:1") }),
      ("absent", { try $0.putIfAbsent("Ada", for: "user:1") }),
      ("large", { try $0.put([UInt8](repeating: 1, count: 200_000), for: "user:1", durability: .disk) }),
      ("invalidation", { try $0.invalidate(prefix: "user:1") }),
    ]
    for (what, write) in writes {
      if !(try store.contains("user:1")) && what != "absent" { try store.put("Ada", for: "user:1") }
      try fill(store)
      let before = store.lastSequence
      try write(store)
      let isThere = what != "remove" && what != "invalidation"
      // Of an invalidated prefix the rule makes a key, too.
      #expect(try keys(store) == ["page:2"] + (isThere ? ["user:1"] : []), "\(what)")
      #expect(try store.count(in: .all) == store.statistics.liveEntries - (what == "invalidation" ? 1 : 0))
      var changes = try store.changes(since: before)
      var causes: [String: RemovalCause] = [:]
      while let change = try changes.next() {
        if change.kind != .remove || change.key == Array("user:1".utf8) { continue }
        causes[String(decoding: change.key, as: UTF8.self)] = change.cause
        #expect(change.isContinued)
      }
      #expect(
        causes["page:1"] == .invalidated(by: "user:1") && causes["list"] == .invalidated(by: "user:1")
          && causes["site"] == .invalidated(by: "page:1"))
    }
    // What does not happen has no consequences; nor has what concerns no rule.
    try fill(store)
    #expect(try store.put("", for: "user:1", ifVersion: version) == nil)
    #expect(try store.putIfAbsent("", for: "page:1") == nil)
    #expect(try !store.remove("user:9"))
    try store.put("", for: "other")
    try store.sync()
    #expect(try keys(store) == ["list", "other", "page:1", "page:2", "site"])
    try store.close()
  }

  @Test func prefixes() throws {
    let store = try open([
      .invalidate(on: .keyWritten("user:*")) { _ in [.prefix("page:")] },
      .invalidate(on: .keyWritten("page:1*")) { page in
        #expect(page.keys == .prefix(Array("page:".utf8)) || page.text.hasPrefix("page:1"))
        return [.key("site"), .prefix("user:x")]
      },
    ])
    try fill(store)
    for key in ["user:x1", "user:y", "page:11"] { try store.put("", for: key) }
    #expect(try keys(store) == ["list", "page:11", "user:y"], "user:y has come after what it invalidates")
    try fill(store)
    try store.put("", for: "user:x2")
    #expect(try keys(store) == ["list", "user:x2", "user:y"], "what is written stays")
    // More than the store lets wait.
    for number in 0..<300 {
      try store.put("", for: "page:\(number)")
      try store.put("", for: "user:\(number)")
    }
    #expect(try store.keys(in: .prefix("page:")).isEmpty && store.statistics.barriers <= 256)
    try store.close()
  }

  @Test func cycles() throws {
    let store = try open([
      .invalidate(on: .keyWritten("a")) { _ in [.key("b")] },
      .invalidate(on: .keyWritten("b")) { _ in [.key("c"), .prefix("a")] },
      .invalidate(on: .keyWritten("c")) { _ in [.key("a"), .key("c")] },
    ])
    for key in ["a", "b", "c", "a", "c", "b"] {
      try store.put("", for: key)
      #expect(try keys(store) == [key])
    }
    try store.write { batch in for key in ["a", "b", "c"] { try batch.put("", for: key) } }
    #expect(try keys(store) == ["a", "b", "c"])
    try store.close()
  }

  @Test func mapped() throws {
    let store = try open([
      .invalidate(on: .keyWritten("user:*")) { user in [user.mapped(from: "user:", to: "page:")] }
    ])
    for (prefix, left) in [
      ("user:1", ["page:2", "user:2"]), ("user:", []), ("us", []), ("", []), ("page", ["user:1", "user:2"]),
    ] {
      for key in ["user:1", "user:2", "page:1", "page:2"] { try store.put("", for: key) }
      try store.invalidate(prefix: prefix)
      #expect(try keys(store) == left, "\(prefix)")
    }
    try store.put("", for: "page:1")
    try store.put("", for: "user:1")
    #expect(try keys(store) == ["user:1", "user:2"])
    try store.close()
    // One of them knows of all rules.
    var options = Store.Options()
    options.views = [try InvalidationRules([]), try InvalidationRules([])]
    #expect(throws: StoreError.self) { try Store.open(at: path, options: options) }
  }

  /// What goes with a put counts against the limit of the directory, too.
  @Test func spaceLimit() throws {
    var options = Store.Options()
    options.spaceLimit = 2 << 20
    let all = (0..<8000).map { InvalidationRules.Dependent.key("page:\($0)") }
    options.views = [try InvalidationRules([.invalidate(on: .keyWritten("site")) { _ in all }])]
    let store = try Store.open(at: path, options: options)
    var filled = 0
    while filled < 8000, (try? store.put([UInt8](repeating: 1, count: 60), for: "page:\(filled)")) != nil {
      filled += 1
    }
    func size() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: path).reduce(0) { sum, name in
        // Some are gone by now.
        let attributes = try? FileManager.default.attributesOfItem(atPath: path + "/" + name)
        return sum + (attributes?[.size] as? Int ?? 0)
      }
    }
    let isDone = (try? store.put("", for: "site")) != nil
    #expect(try size() <= 2 << 20)
    #expect(try store.contains("page:0") == !isDone && filled > 1000)
    try store.close()
  }

  @Test func limits() throws {
    let store = try open([
      .invalidate(on: .keyWritten("endless*")) { change in [.key(change.text + "+")] },
      .invalidate(on: .keyWritten("many")) { _ in (0..<17).map { .prefix("p\($0)") } },
      .invalidate(on: .keyWritten("some")) { _ in (0..<16).map { .prefix("p\($0)") } },
      .invalidate(on: .keyWritten("long")) { _ in [.key([UInt8](repeating: 1, count: Store.Limits.keyBytes + 1))] },
      .invalidate(on: .keyWritten("large")) { _ in [.key("stays")] },
    ])
    try store.put("", for: "stays")
    for (key, code) in [
      ("endless", StoreError.Code.dependencyCycle), ("many", .batchTooLarge), ("long", .keyTooLong),
    ] {
      let error = #expect(throws: StoreError.self) { try store.put("", for: key) }
      #expect(error?.code == code && error?.description.isEmpty == false)
      #expect(throws: StoreError.self) { try store.write { batch in try batch.put("", for: key) } }
      #expect(try !store.contains(key))
    }
    let large = [UInt8](repeating: 1, count: Store.Limits.batchBytes)
    let error = #expect(throws: StoreError.self) { try store.put(large, for: "large") }
    #expect(error?.code == .batchTooLarge)
    #expect(try store.contains("stays"))
    try store.put("", for: "some")
    // Records have heads.
    #expect(throws: StoreError.self) { try store.put(Array(large.dropLast(60)), for: "large") }
    try store.put(Array(large.dropLast(1000)), for: "large")
    #expect(try keys(store) == ["large", "some"])
    #expect(throws: StoreError.self) { try InvalidationRules([.invalidate(on: .keyWritten("[")) { _ in [] }]) }
    try store.close()
  }

  @Test func earlierVersions() throws {
    let store = try open(
      Self.pages + [.invalidate(on: .keyWritten("all")) { _ in [.prefix("page:")] }], keepVersions: 2)
    try fill(store)
    try store.put("", for: "user:1")
    #expect(try keys(store) == ["page:2", "user:1"])
    #expect(try store.history(of: "page:1").map(\.kind) == [.put, .remove])
    let error = #expect(throws: StoreError.self) { try store.put("", for: "all") }
    #expect(error?.code == .invalidOption)
    try fill(store)
    try store.invalidate(prefix: "user:")
    #expect(try keys(store) == ["page:2"])
    try store.close()
  }

  /// A put and what it invalidates are one: also where what it invalidates comes in the same group of commits.
  @Test func writtenBesideOthers() throws {
    let store = try open([.invalidate(on: .keyWritten("source")) { _ in [.key("derived"), .prefix("list:")] }])
    let isDone = Atomic(false)
    let wrong = Atomic(0)
    let seen = Atomic(0)
    try store.put("0", for: "source")
    let threads: [@Sendable () -> Void] = [
      {
        for number in 1..<600 {
          _ = try? store.put("\(number)", for: "source", durability: number % 9 == 0 ? .disk : .relaxed)
        }
        isDone.store(true, ordering: .releasing)
      },
      { while !isDone.load(ordering: .acquiring) { _ = try? store.put("", for: "derived", durability: .relaxed) } },
      { while !isDone.load(ordering: .acquiring) { _ = try? store.put("", for: "list:x", durability: .disk) } },
      {
        while !isDone.load(ordering: .acquiring) {
          guard let snapshot = try? store.snapshot(), let source = try? snapshot.entry(for: "source") else { continue }
          for key in ["derived", "list:x"] {
            guard let derived = try? snapshot.entry(for: key) else { continue }
            seen.add(1, ordering: .relaxed)
            // It has come after the source.
            if derived.version < source.version { wrong.add(1, ordering: .relaxed) }
          }
        }
      },
    ]
    let running = threads.map { body in Thread { body() } }
    for thread in running { thread.start() }
    for thread in running { while !thread.isFinished { usleep(200) } }
    #expect(wrong.load(ordering: .relaxed) == 0 && seen.load(ordering: .relaxed) > 0)
    try store.close()
  }

  /// The log may end anywhere: what is there of a commit is all of it, or nothing.
  @Test func cutAnywhere() throws {
    let rules: [InvalidationRules.Rule] = [
      .invalidate(on: .keyWritten("source")) { _ in [.key("a"), .prefix("b:"), .key("c")] }
    ]
    let store = try open(rules)
    for key in ["a", "b:1", "b:2", "c"] { try store.put("old", for: key) }
    try store.put("old", for: "source")
    for key in ["a", "b:1", "b:2", "c"] { try store.put("new", for: key) }
    try store.put("new", for: "source")
    try store.sync()
    let copy = directory.path("copy")
    try Files.copyStore(path, to: copy)
    try store.close()
    let name = try #require(try FileManager.default.contentsOfDirectory(atPath: copy).first { $0.hasSuffix(".log") })
    let bytes = try Data(contentsOf: URL(fileURLWithPath: copy + "/" + name))
    let end = bytes.lastIndex { $0 != 0 } ?? 0
    var last: (source: String?, derived: Int) = (nil, 0)
    for count in stride(from: 256, through: end + 9, by: 8) {
      let cut = directory.path("cut")
      try? FileManager.default.removeItem(atPath: cut)
      try FileManager.default.copyItem(atPath: copy, toPath: cut)
      try bytes.prefix(count).write(to: URL(fileURLWithPath: cut + "/" + name))
      let store = try open(rules, at: cut)
      let source = try store.value(for: "source").map { String(decoding: $0, as: UTF8.self) }
      let derived = try keys(store).filter { $0 != "source" }
      // The longer the log, the more there is, until the source changes and nothing is left.
      if source == last.source { #expect(derived.count >= last.derived) } else { #expect(derived.isEmpty) }
      last = (source, derived.count)
      try store.close()
    }
    #expect(last == ("new", 0))
  }
}
