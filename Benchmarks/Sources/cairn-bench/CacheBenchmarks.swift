import BenchmarkSupport
import Cairn
import CairnCache
import Glibc

/// Caches: what a hit takes beside the store's own get, beside a cache in memory and one of SQLite; puts that must
/// evict; evicting by hand; opening.
func benchmarkCaches(_ report: inout Report, _ folder: String) throws {
  let count = 1_000_000
  report.heading("Caches: 1 M entries with keys as texts of 16 bytes, values of 100 bytes")
  let value = [UInt8](repeating: 0x61, count: 100)
  var random = Random(state: 12)
  let keys = (0..<count).map { number in String(mixed(UInt64(number)), radix: 16).padded(16) }
  func open(_ limits: CacheLimits, _ policy: any EvictionPolicy) throws -> Cache<String, [UInt8]> {
    var options = Store.Options()
    options.views = [try Caches(["c": CacheOptions(limits: limits, policy: policy)])]
    return try Store.open(at: "\(folder)/caches", options: options).cache("c", codec: .bytes)
  }
  var cache = try open(CacheLimits(entries: count), .wTinyLFU)
  for key in keys { cache.put(value, for: key) }
  try cache.store.sync()
  let held = cache.size.entries
  precondition(held == count, "all are there")

  // MARK: Hits
  // Side by side in memory: to read the keys themselves is not what is measured.
  let some = (0..<200_000).map { _ in
    String(decoding: Array(keys[Int(random.next() % UInt64(count))].utf8), as: UTF8.self)
  }
  let storeKeys = try some.map { try cache.storeKey($0) }
  let memory = MemoryCache(count)
  for key in keys { memory.put(value, for: key) }
  func hits(_ keys: ArraySlice<String>) -> Double {
    nanoseconds(per: keys.count) { for key in keys where cache.value(for: key) == nil { fatalError("a hit") } }
  }
  var works: [(String, () throws -> Double)] = [
    (
      "get, by the store",
      { try nanoseconds(per: some.count) { for key in storeKeys { _ = try cache.store.value(for: key) } } }
    ),
    ("hit", { hits(some[...]) }),
    (
      "hit, read in place",
      { nanoseconds(per: some.count) { for key in some { _ = cache.withValue(for: key) { $0.byteCount } } } }
    ),
    (
      "hit in two threads, for each",
      {
        let (halves, cache) = ([some[..<(some.count / 2)], some[(some.count / 2)...]], cache)
        return nanoseconds(per: some.count) {
          inThreads(2) { thread in
            for key in halves[thread] where cache.value(for: key) == nil { fatalError("a hit") }
          }
        }
      }
    ),
    (
      "hit of a cache in memory with a lock",
      { nanoseconds(per: some.count) { for key in some where memory.value(for: key) == nil { fatalError("a hit") } } }
    ),
  ]
  #if PEER_SQLITE
    let sqlite = try SQLiteCache("\(folder)/sqlite-cache")
    try sqlite.fill(keys, value)
    let few = some[..<20_000]
    works.append(
      (
        "hit of SQLite, with its last access",
        { try nanoseconds(per: few.count) { for key in few { try sqlite.get(key) } } }
      ))
  #endif
  let samples = try interleaved(5, works.map(\.1))
  report.row(works[0].0, "\(String(samples[0].median, digits: 0)) ns")
  let more = samples[1].median - samples[0].median
  report.row(
    "hit", "\(String(samples[1].median, digits: 0)) ns, \(String(more, digits: 0)) more", "≤ 500 ns more",
    isMet: more <= 500)
  report.row("… read in place", "\(String(samples[2].median, digits: 0)) ns")
  let threads = samples[1].ratio(to: samples[3])
  report.row("… in two threads, times as many", "\(String(threads, digits: 2)) ×", "≥ 1.7 ×", isMet: threads >= 1.7)
  let documented = 12_000 / samples[1].median
  report.row(
    "… against the 12 µs that diskcache documents", "\(String(documented, digits: 1)) × as fast", "≥ 10 ×",
    isMet: documented >= 10)
  report.row(works[4].0, "\(String(samples[4].median, digits: 0)) ns")
  if samples.count > 5 {
    let ratio = samples[5].ratio(to: samples[1])
    report.row(
      works[5].0, "\(String(samples[5].median / 1000, digits: 1)) µs, \(String(ratio, digits: 0)) ×", "≥ 20 ×",
      isMet: ratio >= 20)
  }

  // MARK: Puts that must evict
  for (name, policy) in [
    ("W-TinyLFU", .wTinyLFU as any EvictionPolicy), ("LRU", LRUPolicy()), ("S3-FIFO", S3FIFOPolicy()),
  ] {
    try cache.store.close()
    cache = try open(CacheLimits(entries: count), policy)
    let puts = 600_000
    let newKeys = (0..<puts).map { number in String(mixed(random.next() ^ UInt64(number)), radix: 16).padded(16) }
    var histogram = Histogram()
    let start = now()
    var last = start
    for key in newKeys {
      cache.put(value, for: key)
      let end = now()
      histogram.record(end - last)
      last = end
    }
    let rate = Double(puts) / (Double(last - start) / 1e9)
    report.row(
      "put with an eviction, .process, \(name)", "\(String(rate / 1000, digits: 0)) k/s", "≥ 300 k/s",
      isMet: rate >= 300_000)
    let tail = Double(histogram.value(at: 0.999)) / 1e6
    report.row(
      "… p99.9; the slowest", "\(String(tail, digits: 3)) ms; \(String(Double(histogram.maximum) / 1e6, digits: 1)) ms",
      "≤ 2 ms", isMet: tail <= 2)
    let evicted = cache.statistics.evictions
    precondition(cache.size.entries == count && evicted > puts / 2, "each needs room: \(cache.size), \(evicted)")
  }

  // MARK: By hand, and from one session to the next
  let evicting = try interleaved(
    9, [{ try nanoseconds(per: 1) { _ = try cache.trim(entries: cache.size.entries - 1000) } / 1e6 }])[0]
  report.row(
    "evict 1,000 entries", "\(String(evicting.median, digits: 2)) ms", "≤ 2 ms", isMet: evicting.median <= 2)
  var (opening, closing): ([Double], [Double]) = ([], [])
  for _ in 0..<5 {
    _ = cache.value(for: keys[0])
    closing.append(try nanoseconds(per: 1) { try cache.store.close() } / 1e6)
    opening.append(try nanoseconds(per: 1) { cache = try open(CacheLimits(entries: count), LRUPolicy()) } / 1e6)
  }
  let median = Samples(opening).median
  report.row("open 1 M entries, with their order", "\(String(median, digits: 1)) ms", "≤ 50 ms", isMet: median <= 50)
  report.row("close, where something was read", "\(String(Samples(closing).median, digits: 1)) ms")
  try cache.store.close()
  removeTree("\(folder)/caches")
}

private func mixed(_ number: UInt64) -> UInt64 {
  var random = Random(state: number)
  return random.next()
}

/// What people write by hand: a dictionary and a list in the order of use, behind a lock.
private final class MemoryCache: @unchecked Sendable {  // Behind its lock.
  private struct Entry {
    let key: String
    var value: [UInt8]
    var older: Int
    var newer: Int
  }

  private var places: [String: Int] = [:]
  private var entries: [Entry] = []
  private var (newest, oldest) = (-1, -1)
  private let limit: Int
  private let lock: UnsafeMutablePointer<pthread_mutex_t>

  init(_ limit: Int) {
    self.limit = limit
    lock = .allocate(capacity: 1)
    pthread_mutex_init(lock, nil)
  }

  deinit {
    pthread_mutex_destroy(lock)
    lock.deallocate()
  }

  func value(for key: String) -> [UInt8]? {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    guard let place = places[key] else { return nil }
    unlink(place)
    link(place)
    return entries[place].value
  }

  func put(_ value: [UInt8], for key: String) {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    if let place = places[key] {
      entries[place].value = value
      unlink(place)
      return link(place)
    }
    var place = entries.count
    if place == limit {
      place = oldest
      unlink(place)
      places[entries[place].key] = nil
      entries[place] = Entry(key: key, value: value, older: -1, newer: -1)
    } else {
      entries.append(Entry(key: key, value: value, older: -1, newer: -1))
    }
    places[key] = place
    link(place)
  }

  private func unlink(_ place: Int) {
    let (older, newer) = (entries[place].older, entries[place].newer)
    if newer < 0 { newest = older } else { entries[newer].older = older }
    if older < 0 { oldest = newer } else { entries[older].newer = newer }
  }

  private func link(_ place: Int) {
    (entries[place].older, entries[place].newer) = (newest, -1)
    if newest < 0 { oldest = place } else { entries[newest].newer = place }
    newest = place
  }
}
