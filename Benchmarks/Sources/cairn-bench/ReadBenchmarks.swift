import BenchmarkSupport
import CAllocations
import CYardstick
import Cairn

/// Lookups of a store of one million keys, beside the plain C loop over the same structure.
func benchmarkReads(_ report: inout Report, _ folder: String) throws {
  let count = 1_000_000
  report.heading(
    "Reads: 1 M keys of 16 bytes, values of 100 bytes, one thread, warm, checksum verified, value copied out")
  let keys = Keys(count: count, seed: 1)
  let order = Keys(shuffling: keys, seed: 2)
  let absent = Keys(count: count, seed: 3)
  defer { [keys, order, absent].forEach { $0.free() } }
  let value = [UInt8](repeating: 7, count: 100)
  let path = folder + "/reads"
  let store = try Store.open(at: path)
  try fill(store, keys, value, batch: 1000)
  // As it is after a restart: all segments mapped, the index from its checkpoint.
  try store.close()
  let reopened = try Store.open(at: path)
  let yardstick = yardstick_make(count, 100, 1)!
  for number in 0..<count { yardstick_put(yardstick, keys[number].baseAddress!, 16, value) }
  defer { yardstick_free(yardstick) }
  let samples = try interleaved(
    9,
    [
      { nanoseconds(per: count) { getYardstick(yardstick, order, oneAtATime: false) } },
      { try nanoseconds(per: count) { try getAll(reopened, order) } },
      { try nanoseconds(per: count) { try getMany(reopened, order) } },
      { try nanoseconds(per: count) { try miss(reopened, absent) } },
      { nanoseconds(per: count) { getYardstick(yardstick, order, oneAtATime: true) } },
    ])
  let (plain, get, many, missed, fenced) = (samples[0], samples[1], samples[2], samples[3], samples[4])
  report.row("plain C loop", "\(String(plain.median, digits: 0)) ns")
  report.row("get", "\(String(get.median, digits: 0)) ns")
  let ratio = get.ratio(to: plain)
  report.row("get / plain C loop", String(ratio, digits: 2), "≤ 1.15", isMet: ratio <= 1.15)
  // The processor begins the next lookup of the plain loop while this one waits for memory. Programs that do anything
  // between two lookups see them one at a time.
  report.row("plain C loop, one lookup at a time", "\(String(fenced.median, digits: 0)) ns")
  report.row("get / that", String(get.ratio(to: fenced), digits: 2))
  report.row("32 keys a call, per key", "\(String(many.median, digits: 0)) ns")
  let manyRatio = many.ratio(to: get)
  report.row("32 keys a call / get", String(manyRatio, digits: 2), "≤ 0.4", isMet: manyRatio <= 0.4)
  report.row("miss", "\(String(missed.median, digits: 0)) ns")
  let missRatio = missed.ratio(to: get)
  report.row("miss / get", String(missRatio, digits: 2), "≤ 0.6", isMet: missRatio <= 0.6)
  try countAllocations(&report, reopened, keys, absent)
  try reopened.close()
  removeTree(path)
}

private func getYardstick(_ yardstick: OpaquePointer, _ keys: Keys, oneAtATime: Bool) {
  withUnsafeTemporaryAllocation(byteCount: 128, alignment: 16) { buffer in
    let sum = yardstick_get_all(yardstick, keys.bytes.baseAddress!, 16, keys.count, buffer.baseAddress!, oneAtATime)
    precondition(sum == UInt64(keys.count) * 107, "the yardstick finds every key")
  }
}

func getAll(_ store: Store, _ keys: Keys) throws {
  try withUnsafeTemporaryAllocation(byteCount: 128, alignment: 16) { buffer in
    var sum = 0
    for number in 0..<keys.count {
      sum += try store.copyValue(for: keys[number], into: buffer) ?? 0
      sum += Int(buffer[0])
    }
    precondition(sum == keys.count * 107, "the store finds every key")
  }
}

private func getMany(_ store: Store, _ keys: Keys) throws {
  try withUnsafeTemporaryAllocation(byteCount: 128, alignment: 16) { buffer in
    var sum = 0
    for start in stride(from: 0, to: keys.count, by: 32) {
      let group = (start..<min(start + 32, keys.count)).lazy.map { keys[$0] }
      try store.withValues(for: group) { _, value in
        guard let value else { return }
        value.withUnsafeBytes { buffer.copyMemory(from: $0) }
        sum += value.byteCount + Int(buffer[0])
      }
    }
    precondition(sum == keys.count * 107, "the store finds every key")
  }
}

func miss(_ store: Store, _ keys: Keys) throws {
  var found = 0
  for number in 0..<keys.count where try store.contains(keys[number]) { found += 1 }
  precondition(found == 0, "keys of another seed are not there")
}

/// Blocks taken from the heap during many calls of each kind.
private func countAllocations(_ report: inout Report, _ store: Store, _ keys: Keys, _ absent: Keys) throws {
  let calls = 10_000
  let value = [UInt8](repeating: 7, count: 100)
  let kinds: [(String, (Int) throws -> Void)] = [
    ("get", { _ = try store.withValue(for: keys[$0]) { $0.byteCount } }),
    ("contains", { _ = try store.contains(keys[$0]) }),
    ("miss", { _ = try store.contains(absent[$0]) }),
    // Keys that are there: an index that grows takes memory.
    ("put", { try store.put(value, for: keys[$0]) }),
  ]
  for (name, body) in kinds {
    try body(0)
    let before = allocations_of_thread()
    for number in 0..<calls { try body(number) }
    let taken = allocations_of_thread() - before
    report.row("heap allocations in \(calls) × \(name)", "\(taken)", "0", isMet: taken == 0)
  }
}

func fill(_ store: Store, _ keys: Keys, _ value: [UInt8], batch: Int) throws {
  for start in stride(from: 0, to: keys.count, by: batch) {
    try store.write { (writes) throws(StoreError) in
      for number in start..<min(start + batch, keys.count) { try writes.put(value, for: keys[number]) }
    }
  }
}
