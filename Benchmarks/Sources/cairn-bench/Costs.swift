import BenchmarkSupport
import CAllocations
import Cairn
import CairnCache
import Foundation

/// What an operation costs in things that can be counted, so that they come out the same on every machine and however
/// busy it is. `Benchmarks/costs.json` holds what is allowed.
struct Costs: Codable {
  /// Per operation; of batches, per key.
  var instructions: Double
  var allocations: Double
  var systemCalls: Double
  /// Bytes of log.
  var bytesWritten: Double

  /// Instructions differ a little between processors, whose C libraries choose other ways to copy.
  static let tolerances = (instructions: 0.05, others: 0.01)
}

enum CostedWork: String, CaseIterable {
  case get, miss, put, batch
  /// Of a cache; the put is of a key that is not there, and evicts another.
  case cacheHit = "cache-hit"
  case cachePut = "cache-put"

  private static let keys = 20_000

  /// Carries the operation out, so many times. The program that is counted does nothing else.
  func run(_ operations: Int, in path: String) throws -> (allocations: Int, bytes: Int) {
    // What an operation costs by itself; `compaction` tells what giving space back costs.
    var options = Store.Options()
    options.compaction.isAutomatic = false
    if self == .cacheHit || self == .cachePut { return try runCache(operations, options, in: path) }
    let store = try Store.open(at: path, options: options)
    let keys = Keys(count: Self.keys, seed: 1)
    let absent = Keys(count: Self.keys, seed: 3)
    let value = [UInt8](repeating: 7, count: 100)
    if store.statistics.liveEntries == 0 { try fill(store, keys, value, batch: 1000) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 128, alignment: 64)
    let before = (allocations_of_thread(), store.statistics.bytesAppended)
    var found = 0
    for number in 0..<operations {
      let key = number % Self.keys
      switch self {
      case .get: found += try store.copyValue(for: keys[key], into: buffer) ?? 0
      case .miss: found += try store.contains(absent[key]) ? 1 : 0
      case .put: try store.put(value, for: keys[key])
      case .cacheHit, .cachePut: break
      case .batch:
        if key % 1000 != 0 { continue }
        try store.write { (batch) throws(StoreError) in
          for other in key..<key + 1000 { try batch.put(value, for: keys[other]) }
        }
      }
    }
    precondition(found == (self == .get ? operations * 100 : 0))
    let result = (
      Int(allocations_of_thread() - before.0), store.statistics.bytesAppended - before.1
    )
    // Opening and closing cost the same however many operations there were: they are gone from the difference.
    return result
  }

  private func runCache(
    _ operations: Int, _ options: Store.Options, in path: String
  ) throws -> (allocations: Int, bytes: Int) {
    var options = options
    options.views = [try Caches(["cache": CacheOptions(limits: CacheLimits(entries: Self.keys), policy: .lru)])]
    let store = try Store.open(at: path, options: options)
    let cache: Cache<String, [UInt8]> = try store.cache("cache", codec: .bytes)
    let value = [UInt8](repeating: 7, count: 100)
    func key(_ number: Int) -> String { String(10_000_000_000_000_000 + number) }
    let keys = (0..<Self.keys).map(key)
    if cache.size.entries == 0 { for key in keys { cache.put(value, for: key) } }
    let others = self == .cachePut ? (0..<operations).map { key($0 + 1_000_000 + Int(store.lastSequence)) } : []
    let before = (allocations_of_thread(), store.statistics.bytesAppended)
    for number in 0..<operations {
      if self == .cacheHit {
        precondition(cache.value(for: keys[number % Self.keys]) != nil, "it is there")
      } else {
        cache.put(value, for: others[number])
      }
    }
    return (Int(allocations_of_thread() - before.0), store.statistics.bytesAppended - before.1)
  }

  /// Counted twice, the second time with twice the operations: the difference is what these cost.
  func measure(_ program: String, in folder: String) throws -> Costs {
    let path = "\(folder)/costs"
    defer { removeTree(path) }
    // The store is there, with its keys, before anything is counted.
    _ = try run(0, in: path)
    let operations = 20_000
    let counts = try (1...2).map { times in
      let output = "\(folder)/callgrind"
      defer { unlink(output + "-01") }
      try runBelow(
        program, path, operations * times, "valgrind",
        ["--tool=callgrind", "--separate-threads=yes", "--callgrind-out-file=\(output)", "-q"])
      let instructions = try number(in: output + "-01", after: "totals:")
      let calls = "\(folder)/strace"
      defer { unlink(calls) }
      try runBelow(program, path, operations * times, "strace", ["-c", "-U", "calls,name", "-o", calls])
      let text = try String(contentsOfFile: calls, encoding: .utf8)
      let total = text.split(separator: "\n").last { $0.hasSuffix("total") }
      return (instructions, Double(total?.split(separator: " ").first ?? "") ?? .nan)
    }
    let plain = try run(operations, in: path)
    let count = Double(operations)
    return Costs(
      instructions: (counts[1].0 - counts[0].0) / count, allocations: Double(plain.allocations) / count,
      systemCalls: (counts[1].1 - counts[0].1) / count, bytesWritten: Double(plain.bytes) / count)
  }

  /// Runs the operations in a program of their own, below a tool that counts.
  private func runBelow(
    _ program: String, _ path: String, _ operations: Int, _ tool: String, _ arguments: [String]
  ) throws {
    let command = [tool] + arguments + [program, "--cost", rawValue, "\(operations)", path]
    guard BenchmarkSupport.run(tool, command) == 0 else {
      throw CostError("\(tool) could not count \(rawValue): is it installed?")
    }
  }

  private func number(in file: String, after word: String) throws -> Double {
    let text = try String(contentsOfFile: file, encoding: .utf8)
    let line = text.split(separator: "\n").first { $0.hasPrefix(word) }
    guard let value = line.flatMap({ Double($0.dropFirst(word.count).trimmingCharacters(in: .whitespaces)) }) else {
      throw CostError("\(file) has no \(word)")
    }
    return value
  }
}

struct CostError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Counts, and compares with what the file allows, or writes what has been found there.
/// - Returns: whether everything is as cheap as it was.
func checkCosts(_ file: String, isWriting: Bool, _ folder: String) throws -> Bool {
  // Without what debuggers read: valgrind 3.19 ends over it.
  let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  let program = folder + "/program"
  guard BenchmarkSupport.run("strip", ["strip", "-o", program, own]) == 0 else {
    throw CostError("strip failed: is it installed (binutils)?")
  }
  var found: [String: Costs] = [:]
  for work in CostedWork.allCases { found[work.rawValue] = try work.measure(program, in: folder) }
  if isWriting {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try encoder.encode(found).write(to: URL(fileURLWithPath: file), options: .atomic)
  }
  let allowed = try JSONDecoder().decode([String: Costs].self, from: Data(contentsOf: URL(fileURLWithPath: file)))
  var isAsCheap = true
  print("  \("per operation".padded(24))\("counted".padded(12))allowed")
  for work in CostedWork.allCases {
    guard let now = found[work.rawValue], let then = allowed[work.rawValue] else {
      throw CostError("\(file) says nothing about \(work.rawValue)")
    }
    func row(_ what: String, _ now: Double, _ then: Double, _ tolerance: Double) {
      let isMet = now <= then * (1 + tolerance) + 0.01
      if !isMet { isAsCheap = false }
      print(
        "  \("\(work.rawValue): \(what)".padded(24))\(String(now, digits: 2).padded(12))"
          + "\(String(then, digits: 2).padded(12))\(isMet ? "" : "MORE")")
    }
    row("instructions", now.instructions, then.instructions, Costs.tolerances.instructions)
    row("allocations", now.allocations, then.allocations, Costs.tolerances.others)
    row("system calls", now.systemCalls, then.systemCalls, Costs.tolerances.others)
    row("bytes written", now.bytesWritten, then.bytesWritten, Costs.tolerances.others)
  }
  return isAsCheap
}
