import BenchmarkSupport
import Cairn
import Glibc

/// Invalidation: what it costs to hide entries with one record, what reads pay meanwhile, and how fast the entries are
/// found.
func benchmarkInvalidation(_ report: inout Report, _ folder: String) throws {
  let users = 10_000
  let count = users * 100
  report.heading("Invalidation: 1 M keys as user:012345:67, in random order, values of 16 bytes")
  var options = Store.Options(.createIfMissing, durability: .process)
  options.compaction.isAutomatic = false
  // As many as are put off; they hide nothing of what is read.
  let barriers = [0, 1, 256]
  let stores = try barriers.map { barriers in
    let store = try Store.open(at: "\(folder)/store-\(barriers)", options: options)
    try fillUsers(store, users)
    for number in 0..<barriers { try store.invalidate(prefix: "user:\(number):") }
    return store
  }
  var random = Random(state: 3)
  let keys = (0..<count).shuffled(using: &random).map { Array(userKey($0 / 100, $0 % 100).utf8) }
  let reads = try interleaved(
    5, stores.map { store in { try nanoseconds(per: count) { for key in keys { _ = try store.contains(key) } } } })
  let plain = reads[0]
  report.row("lookup, no invalidation waits", "\(String(plain.median, digits: 0)) ns")
  for (number, read) in zip(barriers, reads).dropFirst() {
    report.row("lookup, \(number) wait", "\(String(read.ratio(to: plain), digits: 2)) times that")
  }
  try measureInvalidations(&report, stores[0], keys)
  for store in stores { try store.close() }
  options.compaction.isAutomatic = true
  try measureFinding(&report, folder + "/finding", users, options)
  for number in barriers { removeTree("\(folder)/store-\(number)") }
}

private func measureInvalidations(_ report: inout Report, _ store: Store, _ keys: [[UInt8]]) throws {
  let some = 200
  let samples = try interleaved(
    5,
    [
      {
        try nanoseconds(per: some) { for number in 0..<some { try store.put("0123456789abcdef", for: keys[number]) } }
      },
      {
        // So that none of them waits for those before it.
        try store.compact()
        return try nanoseconds(per: some) { for number in 0..<some { try store.invalidate(prefix: keys[number]) } }
      },
    ])
  report.row("put, .process", "\(String(samples[0].median / 1000, digits: 1)) µs")
  report.row("invalidate, .process, of 200 that wait", "\(String(samples[1].median / 1000, digits: 1)) µs")
}

private func measureFinding(
  _ report: inout Report, _ path: String, _ users: Int, _ options: Store.Options
) throws {
  var times: [(all: Double, call: Double)] = []
  for _ in 0..<3 {
    let store = try Store.open(at: path, options: options)
    try fillUsers(store, users)
    let call = try nanoseconds(per: 1) { try store.invalidate(prefix: "user:") }
    let all = nanoseconds(per: 1) { while store.statistics.barriers > 0 { usleep(100) } }
    precondition(store.statistics.liveEntries == 0, "nothing is left")
    times.append((all, call))
    try store.close()
    removeTree(path)
  }
  let (call, all) = (Samples(times.map(\.call)).median, Samples(times.map(\.all)).median)
  report.row("invalidate 1 M entries", "\(String(call / 1000, digits: 0)) µs")
  report.row("until the background has found them", "\(String(all / 1e6, digits: 0)) ms")
}
