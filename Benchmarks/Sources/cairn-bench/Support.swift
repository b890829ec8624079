import Glibc

/// Nanoseconds on a clock that is never set.
func now() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Nanoseconds per operation of a body that does `operations`.
func nanoseconds(per operations: Int, _ body: () throws -> Void) rethrows -> Double {
  let start = now()
  try body()
  return Double(now() - start) / Double(operations)
}

/// Seeded, so that every run has the same keys in the same order (SplitMix64, Steele et al. 2014).
struct Random: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Sixteen-byte keys, side by side.
struct Keys: @unchecked Sendable {  // Never changed after it was made.
  let count: Int
  let bytes: UnsafeMutableRawBufferPointer

  /// Keys number `0..<count` of a seed, all different with near certainty.
  init(count: Int, seed: UInt64) {
    self.count = count
    bytes = .allocate(byteCount: count * 16, alignment: 64)
    var random = Random(state: seed)
    for word in 0..<count * 2 { bytes.storeBytes(of: random.next(), toByteOffset: word * 8, as: UInt64.self) }
  }

  /// The same keys in another order.
  init(shuffling keys: Keys, seed: UInt64) {
    count = keys.count
    bytes = .allocate(byteCount: count * 16, alignment: 64)
    var random = Random(state: seed)
    let order = (0..<UInt32(count)).shuffled(using: &random)
    for (to, from) in order.enumerated() {
      (bytes.baseAddress! + to * 16).copyMemory(from: keys.bytes.baseAddress! + Int(from) * 16, byteCount: 16)
    }
  }

  @inline(__always)
  subscript(_ number: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: bytes.baseAddress! + number * 16, count: 16)
  }

  func free() { bytes.deallocate() }
}

/// Medians of several things measured in turns (A B A B …), so that what disturbs one disturbs the others too.
func interleaved(_ rounds: Int, _ bodies: [() throws -> Double]) throws -> [Samples] {
  var samples = [Samples](repeating: Samples(), count: bodies.count)
  for _ in 0..<rounds {
    for (number, body) in bodies.enumerated() { samples[number].values.append(try body()) }
  }
  return samples
}

struct Samples {
  var values: [Double] = []

  var median: Double {
    let sorted = values.sorted()
    return sorted.count % 2 == 1
      ? sorted[sorted.count / 2] : (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2
  }

  /// Median of the ratios of what was measured one after the other.
  func ratio(to other: Samples) -> Double {
    Samples(values: zip(values, other.values).map { $0 / $1 }).median
  }
}

/// Prints one row for each figure, and counts those that fall short.
struct Report {
  private(set) var short = 0

  func heading(_ text: String) { print("\n\(text)") }

  func note(_ text: String) { print("  \(text)") }

  /// - Parameter isMet: `nil`: a figure without a target.
  mutating func row(_ what: String, _ figure: String, _ target: String = "", isMet: Bool? = nil) {
    let mark = isMet.map { $0 ? "pass" : "SHORT" } ?? ""
    if isMet == false { short += 1 }
    print("  \(what.padded(46)) \(figure.padded(22)) \(target.padded(20)) \(mark)")
  }
}

extension String {
  func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

  init(_ value: Double, digits: Int) {
    var text = [CChar](repeating: 0, count: 64)
    withVaList([Int32(digits), value]) { _ = vsnprintf(&text, 64, "%.*f", $0) }
    self = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Removes a folder, its files, and folders of files in it.
func removeTree(_ path: String) {
  guard let directory = opendir(path) else { return }
  while let entry = readdir(directory) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
    }
    if name != "." && name != ".." && unlink(path + "/" + name) != 0 { removeTree(path + "/" + name) }
  }
  closedir(directory)
  rmdir(path)
}

/// Runs this program again with other arguments and waits for its end.
func runSelf(_ arguments: [String]) -> Int32 {
  var process: pid_t = 0
  let all = [CommandLine.arguments[0]] + arguments
  var pointers = all.map { strdup($0) } + [nil]
  defer { pointers.forEach { free($0) } }
  guard posix_spawn(&process, "/proc/self/exe", nil, nil, &pointers, environ) == 0 else { return -1 }
  var status: Int32 = 0
  waitpid(process, &status, 0)
  return status
}

/// Ends with a message on standard error.
func fail(_ message: String, _ status: Int32) -> Never {
  let line = message + "\n"
  _ = line.withCString { write(2, $0, strlen($0)) }
  exit(status)
}
