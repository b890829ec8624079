import BenchmarkSupport
import Cairn
import CairnIndex
import Glibc

/// Keys in their order: what they cost, and what they give.
func benchmarkOrdered(_ report: inout Report, _ folder: String) throws {
  try benchmarkOrderedPuts(&report, folder + "/store")
  let users = 100_000
  let count = users * 100
  report.heading("Keys in order: 10 M keys as user:012345:67, in random order, values of 16 bytes")
  let path = folder + "/store"
  var options = Store.Options(.createIfMissing, durability: .relaxed)
  options.views = [OrderedKeys()]
  let store = try Store.open(at: path, options: options)
  try fillUsers(store, users)
  let ordered = store.views[0] as! OrderedKeys
  let overhead = Double(ordered.memoryByteCount - count * userKey(0, 0).count) / Double(count)
  report.row(
    "memory, over the key's own bytes", "\(String(overhead, digits: 1)) bytes a key", "≤ 24", isMet: overhead <= 24)
  try measureRanges(&report, store, users)
  let closing = try nanoseconds(per: 1) { try store.close() }
  report.row("close, keys kept", "\(String(closing / 1e6, digits: 0)) ms")
  func open(_ views: [any StoreView]) throws -> Double {
    options.views = views
    return try nanoseconds(per: 1) { try Store.open(at: path, options: options).close() }
  }
  let openings = try interleaved(9, [{ try open([]) }, { try open([OrderedKeys()]) }])
  report.row(
    "open and close, clean, without and with them",
    "\(String(openings[0].median / 1e6, digits: 1)), \(String(openings[1].median / 1e6, digits: 1)) ms")
  try measureBuilding(&report, path, count)
  removeTree(path)
}

func userKey(_ user: Int, _ number: Int) -> String {
  let (user, number) = (String(1_000_000 + user).dropFirst(), String(100 + number).dropFirst())
  return "user:\(user):\(number)"
}

/// In random order.
func fillUsers(_ store: Store, _ users: Int) throws {
  var random = Random(state: 1)
  for number in (0..<100).shuffled(using: &random) {
    let order = (0..<users).shuffled(using: &random)
    for start in stride(from: 0, to: users, by: 1000) {
      try store.write { (batch) throws(StoreError) in
        for user in order[start..<start + 1000] { try batch.put("0123456789abcdef", for: userKey(user, number)) }
      }
    }
  }
}

private func measureRanges(_ report: inout Report, _ store: Store, _ users: Int) throws {
  var random = Random(state: 2)
  let some = (0..<10_000).map { _ in "user:\(String(1_000_000 + Int.random(in: 0..<users, using: &random)).dropFirst())"
  }
  let count = users * 100
  let samples = try interleaved(
    5,
    [
      { try nanoseconds(per: some.count) { for user in some { _ = try store.keys(in: .prefix(user)) } } },
      { try nanoseconds(per: some.count) { for user in some { _ = try store.count(in: .prefix(user)) } } },
      {
        try nanoseconds(per: some.count) {
          for user in some { try store.forEachEntry(in: .prefix(user), limit: 100) { _, _ in true } }
        }
      },
      { try nanoseconds(per: count) { try store.forEachKey(in: .all) { _ in true } } },
      { try nanoseconds(per: count) { try store.forEachEntry { _, _ in true } } },
    ])
  let (keys, counts, entries, allKeys, allEntries) = (samples[0], samples[1], samples[2], samples[3], samples[4])
  report.row(
    "keys(in: .prefix(…)) of 100", "\(String(keys.median / 1000, digits: 1)) µs", "≤ 50 µs",
    isMet: keys.median <= 50_000)
  report.row("count(in: .prefix(…)) of 100", "\(String(counts.median / 1000, digits: 1)) µs")
  report.row("forEachEntry(in: .prefix(…)) of 100", "\(String(entries.median / 1000, digits: 1)) µs")
  report.row(
    "all keys", "\(String(1000 / allKeys.median, digits: 1)) M/s", "≥ 5 M/s", isMet: allKeys.median <= 200)
  report.row(
    "all entries", "\(String(1000 / allEntries.median, digits: 1)) M/s", "≥ 2 M/s", isMet: allEntries.median <= 500)
}

/// Of a store that has had none so far.
private func measureBuilding(_ report: inout Report, _ path: String, _ count: Int) throws {
  unlink(path + "/view.keys")
  var options = Store.Options()
  options.views = [OrderedKeys()]
  let store = try Store.open(at: path, options: options)
  let ordered = store.views[0] as! OrderedKeys
  let building = nanoseconds(per: count) { while ordered.progress < 1 { usleep(1000) } }
  report.row("made in the background", "\(String(1000 / building, digits: 1)) M keys/s")
  try store.close()
}

/// A put with them and without, side by side.
private func benchmarkOrderedPuts(_ report: inout Report, _ path: String) throws {
  let count = 1_000_000
  report.heading("Keys in order: puts of 1 M keys of 16 random bytes, values of 100 bytes, one thread")
  let keys = Keys(count: count, seed: 1)
  defer { keys.free() }
  let value = [UInt8](repeating: 7, count: 100)
  for (name, durability, batch) in [
    ("put, .process", Store.Durability.process, 1), ("put, .relaxed", .relaxed, 1),
    ("put in batches of 1,000", .process, 1000),
  ] {
    func put(_ views: [any StoreView]) throws -> Double {
      var options = Store.Options(.createIfMissing, durability: durability)
      options.views = views
      let store = try Store.open(at: path, options: options)
      let time = try nanoseconds(per: count) { try fill(store, keys, value, batch: batch) }
      try store.close()
      removeTree(path)
      return time
    }
    let samples = try interleaved(5, [{ try put([]) }, { try put([OrderedKeys()]) }])
    let ratio = samples[1].ratio(to: samples[0])
    report.row(
      name,
      "\(String(samples[0].median, digits: 0)), \(String(samples[1].median, digits: 0)) ns: "
        + "\(String(ratio, digits: 2)) ×", "≤ 2.5 ×", isMet: ratio <= 2.5)
  }
}
