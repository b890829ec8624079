import CYardstick
import Cairn
import Glibc
func now() -> UInt64 {
  var t = timespec(); clock_gettime(CLOCK_MONOTONIC, &t); return UInt64(t.tv_sec) * 1_000_000_000 + UInt64(t.tv_nsec)
}
let dir = "/tmp/cb"; system("rm -rf \(dir)")
let n = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1])! : 1_000_000
var keys = [UInt8](repeating: 0, count: n * 16)
var rng = SystemRandomNumberGenerator()
keys.withUnsafeMutableBytes { b in
  for i in 0..<n * 2 { b.storeBytes(of: rng.next(), toByteOffset: i * 8, as: UInt64.self) }
}
var order = Array(0..<n); order.shuffle()
let value = [UInt8](repeating: 7, count: 100)
var o = Store.Options(); o.durability = .relaxed
let store = try Store.open(at: dir, options: o)
var t = now()
var worst: UInt64 = 0
try keys.withUnsafeBytes { b in
  for i in 0..<n {
    let s = now(); try store.put(value, for: UnsafeRawBufferPointer(rebasing: b[i * 16..<i * 16 + 16]));
    worst = max(worst, now() - s)
  }
}
print("relaxed put ns", Double(now() - t) / Double(n), "worst ms", Double(worst) / 1e6)
let y = yardstick_make(n, 100, 1)!
keys.withUnsafeBytes { b in for i in 0..<n { yardstick_put(y, b.baseAddress! + i * 16, value) } }
var buf = [UInt8](repeating: 0, count: 128)
var q = [UInt8](repeating: 0, count: n * 16)
for (i, k) in order.enumerated() { for j in 0..<16 { q[i * 16 + j] = keys[k * 16 + j] } }
for _ in 0..<3 {
  t = now(); let a0 = yardstick_allocations()
  var sum = 0
  try q.withUnsafeBytes { b in
    try buf.withUnsafeMutableBytes { m in
      for i in 0..<n {
        sum += try store.copyValue(for: UnsafeRawBufferPointer(rebasing: b[i * 16..<i * 16 + 16]), into: m)!
      }
    }
  }
  let get = Double(now() - t) / Double(n); let a1 = yardstick_allocations()
  t = now();
  let ys = q.withUnsafeBytes { b in
    buf.withUnsafeMutableBytes { m in yardstick_get_all(y, b.baseAddress!, n, m.baseAddress!) }
  }
  let yg = Double(now() - t) / Double(n)
  t = now(); var miss = 0
  try q.withUnsafeMutableBytes { b in
    for i in 0..<n {
      b[i * 16] ^= 0x55; if try store.contains(UnsafeRawBufferPointer(rebasing: b[i * 16..<i * 16 + 16])) { miss += 1 };
      b[i * 16] ^= 0x55
    }
  }
  let ms = Double(now() - t) / Double(n)
  t = now(); var msum = 0
  let qs: [UnsafeRawBufferPointer] = q.withUnsafeBytes { b in
    (0..<n).map { UnsafeRawBufferPointer(rebasing: b[$0 * 16..<$0 * 16 + 16]) }
  }
  t = now()
  try buf.withUnsafeMutableBytes { m in
    for i in stride(from: 0, to: n - 31, by: 32) {
      try store.withValues(for: qs[i..<i + 32]) { _, v in
        if let v { v.withUnsafeBytes { m.copyMemory(from: $0) }; msum += v.byteCount }
      }
    }
  }
  let many = Double(now() - t) / Double(n)
  print("get", get, "yard", yg, "ratio", get / yg, "allocs", a1 - a0, "miss", ms, "many", many, sum, ys, msum, miss)
}
print(store.statistics)
t = now(); try store.close(); print("close ms", Double(now() - t) / 1e6)
for _ in 0..<3 {
  t = now(); let s2 = try Store.open(at: dir); print("open ms", Double(now() - t) / 1e6, s2.statistics.replayedRecords);
  print(
    try s2.value(for: UnsafeRawBufferPointer(start: q.withUnsafeBytes { $0.baseAddress! }, count: 16))?.count ?? -1);
  t = now(); try s2.close(); print("close ms", Double(now() - t) / 1e6)
}
