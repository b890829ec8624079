// The examples of the README, word for word; a test compares the two, and runs this in an empty folder.
import Cairn
import CairnAttributes
import CairnCache
import CairnCacheFoundation
import CairnIndex
import Foundation

func first() throws {
  let store = try Store.open(at: "cache")
  try store.put("Hello", for: "greeting")
  let length = try store.withValue(for: "greeting") { $0.byteCount }
  let bytes = try store.value(for: "greeting")
  let text = bytes.map { String(decoding: $0, as: UTF8.self) }
  try store.write { batch in
    try batch.put("done", for: "state/42")
    try batch.remove("pending/42")
  }
  try store.put("token", for: "session", expires: .after(.seconds(3600)), durability: .disk)
  try store.close()
  precondition(length == 5 && text == "Hello", "what was put is there")
}

func manyReaders(_ store: Store) throws {
  let snapshot = try store.snapshot()
  try store.put("new", for: "greeting")
  let before = try snapshot.value(for: "greeting")

  let follower = try Store.follow("cache")
  let now = try follower.value(for: "greeting")
  precondition(before == Array("Hello".utf8) && now == Array("new".utf8), "old and new")
}

func watch(_ store: Store) async throws {
  for try await event in store.observe(prefix: "user:") {
    if case .changes(let changes) = event { print(changes.count) }
  }
}

func keysInOrder() throws {
  var options = Store.Options()
  options.views = [OrderedKeys()]
  let store = try Store.open(at: "users", options: options)
  try store.put("Ada", for: "user:42:name")
  let keys = try store.keys(in: .prefix("user:42:"))
  let page = try store.keyPage(in: .prefix("user:"), limit: 100)
  let count = try store.count(in: .between("user:10", "user:50"))
  let before = try store.lastKey(in: .before("user:43"))
  let names = try store.keys(matching: Glob("user:*:{name,mail}"))
  try store.forEachEntry(in: .prefix("user:"), limit: 10) { key, value in
    print(key.byteCount, value.byteCount)
    return true
  }
  let key = Array("user:42:name".utf8)
  precondition(keys == [key] && page.keys == [key] && count == 1 && before == key && names == [key], "one key")
}

func attributes() throws {
  var options = Store.Options()
  options.views = [
    try IndexedAttributes(
      [.equality("model"), .range("tokens", of: .integer), .tags("labels")],
      aggregates: [.sum("tokens", by: "model")])
  ]
  let store = try Store.open(at: "answers", options: options)
  try store.put("42", for: "question:1", attributes: ["model": "small", "tokens": 1200, "labels": ["draft", "en"]])
  let count = try store.count(where: "model" == "small" && "tokens" > 1000)
  let query: Query = Attribute("labels").hasTag("draft") && !("model" == "large")
  let page = try store.page(where: query, orderedBy: .descending("tokens"), limit: 100)
  try store.forEachEntry(where: query) { key, entry in
    print(key.count, entry.value.count, entry.attributes["tokens"]!)
    return true
  }
  for total in try store.totals(.sum("tokens", by: "model")) {
    print(total.group, total.count, total.sum, total.maximum!)
  }
  print(try store.explain(query))
  precondition(count == 1 && page.keys == [Array("question:1".utf8)], "one entry")
}

func collections() throws {
  var options = Store.Options()
  options.views = [
    try Collections([
      "profiles": .init(isOrdered: true, schema: SchemaVersion(1, 2)) { value, version in
        version == SchemaVersion(1, 1) ? value + Array("!".utf8) : nil
      },
      "sessions": .init(expires: .after(.seconds(3600)), compression: .zstd()),
    ])
  ]
  let store = try Store.open(at: "site", options: options)
  let profiles = try store.collection("profiles")
  let sessions = try store.collection("sessions")
  try profiles.put("Ada", for: "42")
  try store.write { batch in
    try batch.put("Grace", for: "43", in: profiles)
    try batch.put("{}", for: "a token", in: sessions)
  }
  let keys = try profiles.keys(in: .prefix("4"))
  let size = try sessions.statistics()
  try sessions.drop()
  precondition(keys.count == 2 && size.entries == 1, "what was put")
  let left = try sessions.statistics()
  precondition(left.entries == 0, "dropped")
}

func sources() throws {
  let store = try Store.open(at: "pages")
  try store.put("Ada", for: "user:42")
  try store.putIfChanged("2026-11", for: "template")
  let sources = try store.sources(of: ["user:42", "template"])
  let page = try store.value(for: "user:42")! + Array(" lives here".utf8)
  try store.put(page, for: "page:42", derivedFrom: sources)
  let fresh = try store.freshValue(for: "page:42")

  try store.put(page, for: "page:43", derivedFrom: store.sources(tags: ["tenant:7"]))
  try store.invalidate(tag: "tenant:7")
  let tagged = try store.isStale("page:43")
  try store.put("Ada Lovelace", for: "user:42")
  let stale = try store.isStale("page:42")
  precondition(fresh == page && stale == true && tagged == true, "until a source changes")
}

func rules() throws {
  var options = Store.Options()
  options.views = [
    try InvalidationRules([
      .invalidate(on: .keyWritten("user:*")) { user in
        [user.mapped(from: "user:", to: "page:"), .prefix("list:")]
      }
    ])
  ]
  let store = try Store.open(at: "rules", options: options)
  try store.put("…", for: "page:42")
  try store.put("Ada", for: "user:42")
  let isThere = try store.contains("page:42")
  precondition(!isThere, "it went with the put")
}

func invalidate() throws {
  var options = Store.Options()
  options.views = [OrderedKeys()]
  let store = try Store.open(at: "users", options: options)
  try store.put("Ada", for: "user:42:name")
  try store.put("ada@example.org", for: "user:42:mail")
  try store.put("grace@example.org", for: "user:43:mail")
  try store.invalidate(prefix: "user:42:")
  try store.invalidate(matching: Glob("*:mail"))
  try store.invalidateAll()
  let isEmpty = try store.keys().isEmpty
  precondition(isEmpty, "nothing is left")
}

func render(_ path: String) async throws -> String { "<p>\(path)</p>" }

func caches() async throws {
  var options = CacheOptions(limits: CacheLimits(entries: 100_000))
  options.lives = CacheLives(afterWrite: .seconds(600), staleIfError: .seconds(86_400))
  var storeOptions = Store.Options()
  storeOptions.spaceLimit = 200_000_000
  storeOptions.views = [try Caches(["pages": options])]
  let store = try Store.open(at: "web", options: storeOptions)
  let pages: Cache<String, String> = try store.cache("pages", codec: .text)

  pages.put("<p>Hello</p>", for: "/index", cost: 3, tags: ["layout"])
  let page = pages.value(for: "/index")
  let other = try await pages.value(for: "/other") { context in
    context.tags = ["layout"]
    return try await render("/other")
  }
  try pages.invalidate(tag: "layout")
  precondition(page == "<p>Hello</p>" && other == "<p>/other</p>" && pages.value(for: "/index") == nil, "a cache")
}

func dictionary() throws {
  let (folder, image) = (URL(fileURLWithPath: "."), Array("a cat".utf8))
  let thumbnails = try PersistentCache<String, [UInt8]>("thumbnails", limit: .megabytes(200), in: folder)
  thumbnails["cat.jpg"] = image
  precondition(thumbnails["cat.jpg"] == image, "as it was put")
}

func goBack() throws {
  var options = Store.Options()
  options.keepVersions = 3
  let store = try Store.open(at: "cache", options: options)
  let versions = try store.history(of: "greeting")
  try store.restore("greeting", toVersion: versions[0].sequence)
  let value = try store.value(for: "greeting")
  precondition(value == Array("Hello".utf8), "as it was")
}

func backUp(_ store: Store) throws {
  try store.backup(to: "backup")
  try Store.restore(from: "backup", to: "restored")
}

func compress() throws {
  var options = Store.Options()
  options.compression = .zstd()
  let store = try Store.open(at: "cache", options: options)
  try store.recompress(level: 19)
}

func freeze(_ store: Store) throws {
  try store.freeze(to: "words.frozen")
  let words = try FrozenStore.open("words.frozen")
  let meaning = try words.value(for: "cairn")
  precondition(meaning == Array("a heap of stones".utf8), "what the store has")
}

func withStore(_ body: (Store) throws -> Void) throws {
  let store = try Store.open(at: "cache")
  try store.put("a heap of stones", for: "cairn")
  try body(store)
  try store.close()
}

try first()
try withStore(manyReaders)
let watched = try Store.open(at: "watched")
let watching = Task { try await watch(watched) }
try watched.close()
try await watching.value
try keysInOrder()
try attributes()
try collections()
try sources()
try rules()
try await caches()
try limits()
try await freshness()
try policies()
try dictionary()
try invalidate()
try goBack()
try withStore(backUp)
try compress()
try withStore(freeze)
