import BenchmarkSupport
import Cairn
import Glibc
import Synchronization

/// Ten million keys: growth, lookups, and opening in every way.
func benchmarkLarge(_ report: inout Report, _ folder: String) throws {
  let count = 10_000_000
  report.heading("Ten million keys of 16 bytes, values of 100 bytes")
  let keys = Keys(count: count, seed: 1)
  let small = Keys(count: count / 10, seed: 5)
  defer { [keys, small].forEach { $0.free() } }
  let value = [UInt8](repeating: 7, count: 100)
  let path = folder + "/large"
  let smallPath = folder + "/small"
  let smallStore = try Store.open(at: smallPath, options: Store.Options(.createIfMissing, durability: .relaxed))
  try fill(smallStore, small, value, batch: 1000)
  let store = try Store.open(at: path, options: Store.Options(.createIfMissing, durability: .relaxed))
  try grow(&report, store, keys, value)
  let order = Keys(shuffling: keys, seed: 2)
  let smallOrder = Keys(shuffling: small, seed: 2)
  defer { [order, smallOrder].forEach { $0.free() } }
  let samples = try interleaved(
    3,
    [
      { try nanoseconds(per: count) { try getAll(store, order) } },
      { try nanoseconds(per: count / 10) { try getAll(smallStore, smallOrder) } },
    ])
  report.row("get", "\(String(samples[0].median, digits: 0)) ns")
  let ratio = samples[0].ratio(to: samples[1])
  report.row("get at 10 M keys / at 1 M", String(ratio, digits: 2), "≤ 2", isMet: ratio <= 2)
  try smallStore.close()
  removeTree(smallPath)
  let closing = now()
  try store.close()
  report.row("close, with a checkpoint of the index", "\(milliseconds(since: closing)) ms")
  let opens = try interleaved(5, [{ try openAndClose(path) }])
  report.row(
    "open after a clean close", "\(String(opens[0].median / 1e6, digits: 2)) ms", "≤ 10 ms",
    isMet: opens[0].median <= 1e7)
  unlink(path + "/index.checkpoint")
  let rebuilt = try Store.open(at: path)
  recovered(&report, "rebuild without a checkpoint", rebuilt, records: 3)
  try rebuilt.close()
  removeTree(path)
}

/// Fills with single puts, watching the slowest and the size of the index.
private func grow(_ report: inout Report, _ store: Store, _ keys: Keys, _ value: [UInt8]) throws {
  var worst: UInt64 = 0
  var over = 0
  var perKey = 0.0
  let start = now()
  var last = start
  for number in 0..<keys.count {
    try store.put(value, for: keys[number])
    let time = now()
    worst = max(worst, time - last)
    if time - last > 5_000_000 { over += 1 }
    last = time
    if number >= 100_000 && number % 50_000 == 0 {
      perKey = max(perKey, Double(store.statistics.indexBytes) / Double(number + 1))
      last = now()
    }
  }
  let spent = Double(now() - start) / Double(keys.count)
  report.row("put, .relaxed, from 0 to 10 M", "\(String(1000 / spent, digits: 2)) M/s")
  report.row(
    "slowest put (index grows, segments are sealed)", "\(String(Double(worst) / 1e6, digits: 2)) ms", "≤ 5 ms",
    isMet: worst <= 5_000_000)
  report.row("puts over 5 ms", "\(over) of \(keys.count)")
  let floor = gaps(seconds: Double(now() - start) / 1e9)
  report.row(
    "for comparison: the machine's own gaps over 5 ms",
    "\(floor.over), longest \(String(Double(floor.worst) / 1e6, digits: 2)) ms")
  report.row(
    "index, most at any size from 100 k keys on", "\(String(perKey, digits: 2)) bytes a key", "≤ 13.5",
    isMet: perKey <= 13.5)
}

/// What the machine does to a thread that only looks at the clock, beside two busy ones: as many as a store has.
private func gaps(seconds: Double) -> (worst: UInt64, over: Int) {
  final class Shared: Sendable {
    let isOver = Atomic(false)
    let worst = Atomic<UInt64>(0)
    let over = Atomic(0)
  }
  let shared = Shared()
  inThreads(3) { number in
    if number > 0 {
      while !shared.isOver.load(ordering: .relaxed) {}
      return
    }
    let start = now()
    var last = start
    while Double(last - start) < seconds * 1e9 {
      let time = now()
      shared.worst.max(time - last, ordering: .relaxed)
      if time - last > 5_000_000 { shared.over.add(1, ordering: .relaxed) }
      last = time
    }
    shared.isOver.store(true, ordering: .relaxed)
  }
  return (shared.worst.load(ordering: .relaxed), shared.over.load(ordering: .relaxed))
}

private func openAndClose(_ path: String) throws -> Double {
  let start = now()
  let store = try Store.open(at: path)
  let spent = Double(now() - start)
  try store.close()
  return spent
}

/// Crashes: a process that ends without closing, and what the next open does about it.
func benchmarkRecovery(_ report: inout Report, _ folder: String) throws {
  report.heading("Opening after a crash (the writer ends without closing; no checkpoint was due)")
  for (valueSize, count) in [(100, 2_000_000), (1024, 400_000)] {
    let path = folder + "/crashed"
    let status = runSelf(["--fill-and-die", path, "\(count)", "\(valueSize)"])
    precondition(status == 0, "the child has filled the store")
    let store = try Store.open(at: path)
    let statistics = store.statistics
    precondition(statistics.replayedRecords == count, "everything is replayed")
    recovered(
      &report, "replay, values of \(valueSize) bytes", store, records: valueSize == 100 ? 4 : nil,
      gigabytes: valueSize == 1024 ? 1 : nil)
    try store.close()
    removeTree(path)
  }
}

/// The other side of it: a checkpoint interval that is never reached, and no close.
func fillAndDie(_ path: String, _ count: Int, _ valueSize: Int) throws -> Never {
  var options = Store.Options()
  options.checkpointInterval = .max
  let store = try Store.open(at: path, options: options)
  let keys = Keys(count: count, seed: 1)
  try fill(store, keys, [UInt8](repeating: 7, count: valueSize), batch: 1000)
  _exit(0)
}

private func recovered(
  _ report: inout Report, _ what: String, _ store: Store, records: Double?, gigabytes: Double? = nil
) {
  let statistics = store.statistics
  let seconds =
    Double(statistics.recoveryTime.components.attoseconds) / 1e18
    + Double(statistics.recoveryTime.components.seconds)
  let millions = Double(statistics.replayedRecords) / seconds / 1e6
  let rate = Double(statistics.replayedBytes) / seconds / 1e9
  var isMet: Bool?
  var target = ""
  if let records {
    target = "≥ \(String(records, digits: 0)) M records/s"
    isMet = millions >= records
  } else if let gigabytes {
    target = "≥ \(String(gigabytes, digits: 0)) GB/s"
    isMet = rate >= gigabytes
  }
  report.row(
    what, "\(String(millions, digits: 2)) M/s, \(String(rate, digits: 2)) GB/s", target, isMet: isMet)
}

private func milliseconds(since start: UInt64) -> String { String(Double(now() - start) / 1e6, digits: 0) }
