import BenchmarkSupport
import Cairn
import Glibc
import Synchronization

/// Overwrites of a full store for ten times its size, while compaction gives space back.
func benchmarkCompaction(_ report: inout Report, _ folder: String) throws {
  let count = 1_000_000
  let keys = Keys(count: count, seed: 1)
  defer { keys.free() }
  report.heading("Compaction: 1 M keys, values of 500 bytes, 10 M overwrites, .process")
  var rates: [Double] = []
  for isHot in [false, true] {
    let run = try overwrite(folder, keys, times: 10, isHot: isHot)
    let name = isHot ? "hot keys (99 % to 1 %)" : "uniform"
    report.row(
      "\(name): most bytes of log to live bytes", String(run.amplification, digits: 2), "≤ 1.6",
      isMet: run.amplification <= 1.6)
    let share = run.rate / run.fillRate
    rates.append(run.rate)
    report.row(
      "\(name): puts, to the rate of filling",
      "\(String(run.rate / 1e6, digits: 2)) M/s, \(String(share, digits: 2))", isHot ? "" : "≥ 0.4",
      isMet: isHot ? nil : share >= 0.4)
    let slow = run.puts.value(at: 0.999)
    report.row(
      "\(name): put p99.9, slowest", "\(micros(slow)), \(micros(run.puts.maximum))", "≤ 5 ms", isMet: slow <= 5_000_000)
    let (idle, busy) = (run.idleGets.value(at: 0.99), run.gets.value(at: 0.99))
    report.row(
      "\(name): get p99, idle and beside", "\(micros(idle)), \(micros(busy))", "≤ 2 ×", isMet: busy <= 2 * idle)
    report.row("\(name): bytes written for each byte put", String(run.writeAmplification, digits: 2))
  }
  report.row(
    "puts on hot keys / uniform", String(rates[1] / rates[0], digits: 2), "≥ 1", isMet: rates[1] >= rates[0])
}

private func micros(_ nanoseconds: UInt64) -> String { "\(String(Double(nanoseconds) / 1000, digits: 1)) µs" }

private struct Overwriting {
  var fillRate = 0.0
  var rate = 0.0
  var amplification = 0.0
  var writeAmplification = 0.0
  var puts = Histogram()
  var idleGets = Histogram()
  var gets = Histogram()
}

private let fills = 5

/// Nanoseconds for each put.
private func fill(_ store: Store, _ keys: Keys, _ value: [UInt8]) throws -> Double {
  try nanoseconds(per: keys.count) { for number in 0..<keys.count { try store.put(value, for: keys[number]) } }
}

private func overwrite(_ folder: String, _ keys: Keys, times: Int, isHot: Bool) throws -> Overwriting {
  let path = folder + "/compaction"
  defer { removeTree(path) }
  let value = [UInt8](repeating: 7, count: 500)
  var result = Overwriting()
  // Once takes 2 s, and differs by a third from one time to the next.
  var fillTimes: [Double] = []
  while fillTimes.count < fills - 1 {
    let store = try Store.open(at: path)
    fillTimes.append(try fill(store, keys, value))
    try store.close()
    removeTree(path)
  }
  let store = try Store.open(at: path)
  fillTimes.append(try fill(store, keys, value))
  result.fillRate = 1e9 / fillTimes.sorted()[fills / 2]
  result.idleGets = sampleGets(store, keys, until: { $0 >= 20_000 })
  let before = store.statistics
  let isOver = Atomic(false)
  let gets = Mutex(Histogram())
  let written = Mutex((puts: Histogram(), rate: 0.0))
  let puts = keys.count * times
  let amplification = Atomic<Int>(0)
  inThreads(2) { thread in
    if thread == 1 {
      let histogram = sampleGets(store, keys) { count in
        if count % 50 == 0 {
          let now = store.statistics
          let thousandths = (now.liveBytes + now.deadBytes) * 1000 / now.liveBytes
          amplification.max(thousandths, ordering: .relaxed)
        }
        return isOver.load(ordering: .relaxed)
      }
      gets.withLock { $0 = histogram }
      return
    }
    var random = Random(state: 5)
    var histogram = Histogram()
    let start = now()
    for _ in 0..<puts {
      let number: Int
      if isHot {
        let hot = keys.count / 100
        number = random.next() % 100 == 0 ? Int(random.next() % UInt64(keys.count)) : Int(random.next() % UInt64(hot))
      } else {
        number = Int(random.next() % UInt64(keys.count))
      }
      let begin = now()
      do { try store.put(value, for: keys[number]) } catch { fail("put has failed: \(error)", 1) }
      histogram.record(now() - begin)
    }
    let rate = Double(puts) * 1e9 / Double(now() - start)
    isOver.store(true, ordering: .relaxed)
    written.withLock { $0 = (histogram, rate) }
  }
  result.gets = gets.withLock { $0 }
  (result.puts, result.rate) = written.withLock { $0 }
  result.amplification = Double(amplification.load(ordering: .relaxed)) / 1000
  let after = store.statistics
  let recordBytes = Double(before.liveBytes) / Double(keys.count)
  result.writeAmplification = Double(after.bytesAppended - before.bytesAppended) / (Double(puts) * recordBytes)
  try store.close()
  return result
}

/// One get every 200 µs or so: what somebody meets who reads now and then, and no load of its own.
private func sampleGets(_ store: Store, _ keys: Keys, until isEnough: (Int) -> Bool) -> Histogram {
  var histogram = Histogram()
  var random = Random(state: 9)
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 64)
  defer { buffer.deallocate() }
  var count = 0
  while !isEnough(count) {
    let key = keys[Int(random.next() % UInt64(keys.count))]
    let start = now()
    do { _ = try store.copyValue(for: key, into: buffer) } catch { fail("get has failed: \(error)", 1) }
    histogram.record(now() - start)
    count += 1
    usleep(200)
  }
  return histogram
}
