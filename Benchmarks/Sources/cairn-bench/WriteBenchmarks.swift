import BenchmarkSupport
import Cairn
import Glibc

/// Puts of each kind, beside a bare `pwrite` of the same bytes.
func benchmarkWrites(_ report: inout Report, _ folder: String) throws {
  report.heading("Writes: keys of 16 bytes, values of 100 bytes, one thread, into a new store each time")
  let count = 1_000_000
  let keys = Keys(count: count, seed: 1)
  defer { keys.free() }
  let samples = try interleaved(
    5,
    [
      { try putAll(folder, keys, .relaxed, batch: nil) },
      { try putAll(folder, keys, .process, batch: nil) },
      { try barePwrite(folder, count, bytes: 152) },
      { try putAll(folder, keys, .process, batch: 1000) },
    ])
  let (relaxed, process, bare, batches) = (samples[0], samples[1], samples[2], samples[3])
  func rate(_ what: String, _ samples: Samples, _ target: Double?) {
    let millions = 1000 / samples.median
    report.row(
      what, "\(String(millions, digits: 2)) M/s (\(String(samples.median, digits: 0)) ns)",
      target.map { "≥ \($0) M/s" } ?? "", isMet: target.map { millions >= $0 })
  }
  rate("put, .relaxed", relaxed, 3.5)
  rate("put, .process", process, nil)
  rate("bare pwrite of 152 bytes", bare, nil)
  let ratio = process.ratio(to: bare)
  report.row("put, .process / bare pwrite", String(ratio, digits: 2), "≤ 1.4", isMet: ratio <= 1.4)
  rate("put in batches of 1,000, .process", batches, 3)
  try benchmarkDurable(&report, folder, keys)
}

private func putAll(_ folder: String, _ keys: Keys, _ durability: Store.Durability, batch: Int?) throws -> Double {
  let path = folder + "/writes"
  let value = [UInt8](repeating: 7, count: 100)
  let store = try Store.open(at: path, options: Store.Options(.createIfMissing, durability: durability))
  let spent = try nanoseconds(per: keys.count) {
    if let batch {
      try fill(store, keys, value, batch: batch)
    } else {
      for number in 0..<keys.count { try store.put(value, for: keys[number]) }
    }
  }
  try store.close()
  removeTree(path)
  return spent
}

/// The floor of a put that survives a killed process: the bytes of its record, in one call, into reserved space.
private func barePwrite(_ folder: String, _ count: Int, bytes: Int) throws -> Double {
  let path = folder + "/bare"
  let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
  precondition(file >= 0, "the folder can be written")
  defer {
    close(file)
    unlink(path)
  }
  let buffer = [UInt8](repeating: 7, count: bytes)
  let segment = 64 << 20
  var reserved = 0
  return nanoseconds(per: count) {
    for number in 0..<count {
      if (number + 1) * bytes > reserved {
        posix_fallocate(file, off_t(reserved), off_t(segment))
        reserved += segment
      }
      precondition(pwrite(file, buffer, bytes, off_t(number * bytes)) == bytes)
    }
  }
}

private func benchmarkDurable(_ report: inout Report, _ folder: String, _ keys: Keys) throws {
  let path = folder + "/durable"
  let value = [UInt8](repeating: 7, count: 100)
  let store = try Store.open(at: path, options: Store.Options(.createIfMissing, durability: .disk))
  for writers in [1, 16] {
    let each = 2_000 / writers
    let before = store.statistics.syncs
    let spent = nanoseconds(per: writers * each) {
      inThreads(writers) { writer in
        for number in 0..<each { _ = try? store.put(value, for: keys[writer * each + number]) }
      }
    }
    let syncs = store.statistics.syncs - before
    report.row(
      "put, .disk, \(writers) writer\(writers == 1 ? "" : "s")",
      "\(String(1e6 / spent, digits: 1)) k/s (\(syncs) syncs)")
  }
  try store.close()
  removeTree(path)
}
