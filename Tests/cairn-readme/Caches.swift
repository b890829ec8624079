// The examples of the pages about caches, word for word.
import Cairn
import CairnCache

func limits() throws {
  var thumbnails = CacheOptions()
  thumbnails.limits.entries = 50_000
  thumbnails.limits.bytes = 64_000_000
  var answers = CacheOptions()
  answers.limits.cost = 10_000
  var options = Store.Options()
  options.spaceLimit = 256_000_000
  options.views = [try Caches(["thumbnails": thumbnails, "answers": answers])]
  let store = try Store.open(at: "limits", options: options)
  let cache: Cache<String, [UInt8]> = try store.cache("thumbnails", codec: .bytes)
  try refused(cache)
  try byHand(cache)
}

func refused(_ cache: Cache<String, [UInt8]>) throws {
  let image = [UInt8](repeating: 1, count: 20_000_000)
  switch cache.put(image, for: "poster") {
  case .stored: break
  case .refused(.tooLarge(let bytes, let limit)): print("\(bytes) bytes are more than \(limit)")
  case .refused(let reason): print(reason)
  }
}

func byHand(_ cache: Cache<String, [UInt8]>) throws {
  try cache.trim(entries: 1000)
  try cache.evict(.largestFirst, bytes: 10_000_000)
  try cache.trim(olderThan: .seconds(86_400))
  print(cache.size)
}

struct Answer {
  var isUnchanged = false
  var maximumAge = 60
  var tag = "1"
  var body = "<p>Hello</p>"
}

func fetch(_ path: String, ifNoneMatch tag: Attributes.Value?) async throws -> Answer {
  Answer(isUnchanged: tag != nil)
}
func find(_ user: String) async throws -> String? { nil }

func freshness() async throws {
  var options = CacheOptions()
  options.lives = CacheLives(
    afterWrite: .seconds(600), jitter: 0.05, refreshAhead: 0.8, staleWhileRevalidate: .seconds(60),
    staleIfError: .seconds(86_400), negative: .seconds(30))
  var storeOptions = Store.Options()
  storeOptions.views = [try Caches(["pages": options, "users": options])]
  let store = try Store.open(at: "freshness", options: storeOptions)
  let pages: Cache<String, String> = try store.cache("pages", codec: .text)
  let users: Cache<String, String> = try store.cache("users", codec: .text)
  let page = try await pages.value(for: "/index") { context in
    let answer = try await fetch("/index", ifNoneMatch: context.old?.attributes["etag"])
    if answer.isUnchanged { return try context.unchanged() }
    context.life = .after(.seconds(answer.maximumAge))
    context.attributes = ["etag": .string(answer.tag)]
    context.tags = ["site"]
    return answer.body
  }
  let user = try await users.valueIfAny(for: "42") { _ in try await find("42") }
  try pages.remove("/index")
  try pages.invalidate(prefix: "/blog/")
  try pages.invalidate(tag: "site")
  try pages.removeAll()
  precondition(page == "<p>Hello</p>" && user == nil, "what was loaded")
  try await statistics(pages)
}

/// Gives up the entry with the highest hash.
struct HighestHashPolicy: EvictionPolicy {
  private var entries: [Int: UInt64] = [:]

  mutating func insert(_ entry: CachedEntry) { entries[entry.slot] = entry.hash }
  mutating func access(_ slot: Int) {}
  mutating func remove(_ slot: Int) { entries[slot] = nil }
  mutating func evict() -> Int? {
    guard let slot = entries.max(by: { $0.value < $1.value })?.key else { return nil }
    entries[slot] = nil
    return slot
  }
  func forEach(_ body: (_ slot: Int) -> Void) { entries.sorted { $0.value > $1.value }.forEach { body($0.key) } }
}

func policies() throws {
  var options = CacheOptions(limits: CacheLimits(bytes: 100_000_000), policy: .gdsf)
  options.policy = S3FIFOPolicy(threshold: 2)
  options.policy = HighestHashPolicy()
  options.limits = CacheLimits(entries: 10)
  var storeOptions = Store.Options()
  storeOptions.views = [try Caches(["own": options])]
  let cache: Cache<Int, String> = try Store.open(at: "policies", options: storeOptions).cache("own", codec: .text)
  for number in 0..<100 { cache.put("\(number)", for: number) }
  precondition(cache.size.entries == 10 && cache.statistics.evictions == 90, "one's own policy")
}

func work() throws {}
func log(_ text: String) {}

func statistics(_ pages: Cache<String, String>) async throws {
  let before = pages.statistics
  try work()
  let since = pages.statistics - before
  print("\(since.hits) of \(since.requests), \(Int(since.hitRate * 100)) %")
  for period in pages.history(.hour, last: 24) { print(period.start, period.statistics.hitRate) }
  let lately = pages.statistics(last: .seconds(300)).hitRate
  precondition((0...1).contains(lately), "a part of all")
  let watching = Task {
    for await event in pages.events() {
      if case .failed(let reason) = event.kind { log(reason) }
    }
  }
  try pages.store.close()
  watching.cancel()
  await watching.value
}
