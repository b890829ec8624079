import BenchmarkSupport
import Foundation
import Glibc
import Synchronization

/// Something that is done to a store again and again. One file for each kind, and its line in `allWorkloads`.
struct Workload: Sendable {
  let name: String
  let summary: String
  var needs: Abilities = []
  /// Whether it writes: then only peers that keep the durability class take part.
  var writes = false
  /// Whether each round begins with a new store.
  var startsEmpty = false
  /// Whether it consists of many operations for one key each.
  var hasLatency = true
  let run: @Sendable (Stage, Round) throws -> Outcome
}

/// One round of a workload.
struct Round {
  let number: Int
  let threads: Int
  /// Whether each operation is timed; its latency is wanted then, not its share of the whole.
  var isTimed = false
  /// So many operations, if there are as many keys; `nil`: as many as the workload finds right.
  var operations: Int?
}

struct Outcome {
  var operations: Int
  var nanoseconds: UInt64
  var latency: Histogram?

  var nanosecondsPerOperation: Double { Double(nanoseconds) / Double(operations) }
}

/// What everybody is given: the same keys and the same values, in the same orders.
final class Inputs {
  let count: Int
  /// The keys of the store, and as many again (a hundred thousand at least) for those who insert.
  let keys: Keys
  let absent: Keys
  let values: Values
  private(set) lazy var zipfian = Zipfian(count: count)
  private var orders: [String: Keys] = [:]

  init(keys count: Int, valueSize: Int) {
    self.count = count
    keys = Keys(count: count + max(100_000, min(count, 1_000_000)), seed: 1)
    absent = Keys(count: min(count, 1_000_000), seed: 3)
    values = Values(size: valueSize)
  }

  var valueSize: Int { values.size }
  var dataBytes: Int { count * (Keys.size + valueSize) }

  /// So many operations that a round takes long enough to be measured, and not too long.
  func operations(_ round: Round, most: Int = 200_000) -> Int {
    min(count, round.operations ?? max(200, min(most, (400 << 20) / (valueSize + 16))))
  }

  /// Keys in an order that is made once.
  func order(_ name: String, _ make: (Inputs) -> Keys) -> Keys {
    if let made = orders[name] { return made }
    let made = make(self)
    orders[name] = made
    return made
  }

  /// Keys that are there, each at most once a round, other ones in each round as far as there are enough.
  func random(round: Int, count wanted: Int) -> Keys {
    let all = order("random") { inputs in
      var random = Random(state: 2)
      return Keys(inputs.keys, picking: (0..<inputs.count).shuffled(using: &random))
    }
    let start = round * wanted % max(1, count - wanted + 1)
    return order("random \(start) \(wanted)") { _ in Keys(all, picking: start..<start + wanted) }
  }

  deinit {
    orders.values.forEach { $0.free() }
    keys.free()
    absent.free()
    values.free()
  }
}

/// A peer with its store.
final class Stage {
  let type: any Peer.Type
  let inputs: Inputs
  let options: PeerOptions
  private(set) var peer: (any Peer)?
  private var sessions: [any Session] = []
  /// Keys that workloads have added to those of the load.
  var inserted = 0

  init(_ type: any Peer.Type, _ inputs: Inputs, _ durability: Durability, path: String) {
    self.type = type
    self.inputs = inputs
    options = PeerOptions(path: path, durability: durability, keys: inputs.count, dataBytes: inputs.dataBytes)
  }

  convenience init(_ type: any Peer.Type, _ inputs: Inputs, _ durability: Durability, folder: String) {
    self.init(type, inputs, durability, path: "\(folder)/\(type.name.lowercased())")
  }

  /// Another store of the same kind, which is not there yet.
  func elsewhere() -> Stage { Stage(type, inputs, options.durability, path: options.path + "-new") }

  func open() throws { peer = try type.init(options) }

  func close() throws {
    sessions.forEach { $0.end() }
    sessions = []
    try peer?.close()
    peer = nil
  }

  /// A new store in the place of what is there.
  func startAgain() throws {
    try remove()
    try open()
  }

  func remove() throws {
    try close()
    removeFiles(options.path)
    inserted = 0
  }

  /// The store is a file, or a directory, and files beside it.
  private static let suffixes = ["", "-wal", "-shm", "-lock", ".kch"]

  func removeFiles(_ path: String) {
    for suffix in Self.suffixes { try? FileManager.default.removeItem(atPath: path + suffix) }
  }

  func sessions(_ count: Int) throws -> [any Session] {
    if peer == nil { try open() }
    while sessions.count < count { sessions.append(try peer!.session()) }
    return Array(sessions.prefix(count))
  }

  /// The keys of the load, in random order, in batches where there are batches.
  func load() throws {
    try startAgain()
    try put(inputs.loaded, sessions(1)[0])
    try peer!.settle()
  }

  /// Untimed puts of many keys.
  func put(_ keys: Keys, _ session: any Session) throws {
    let batch = type.abilities.contains(.batches) ? inputs.keysPerBatch : 1
    for start in stride(from: 0, to: keys.count, by: batch) {
      if batch == 1 {
        try session.put(inputs.values[start], for: keys[start])
      } else {
        try session.put(inputs.values, for: keys, start..<min(start + batch, keys.count))
      }
    }
  }

  private var files: [String] {
    let inner = FileManager.default.enumerator(atPath: options.path)?.compactMap { $0 as? String } ?? []
    return Self.suffixes.map { options.path + $0 } + inner.map { options.path + "/" + $0 }
  }

  /// Bytes that the store's files take on the disk.
  var bytesOnDisk: Int {
    files.reduce(0) { sum, path in
      var status = stat()
      return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? sum + Int(status.st_blocks) * 512 : sum
    }
  }

  /// Of a closed store: the next reads come from the disk.
  func dropFromPageCache() {
    for path in files {
      let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
      if file < 0 { continue }
      fsync(file)
      posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)
      Glibc.close(file)
    }
  }

  /// Carries out operations, split evenly among the threads.
  /// - Parameter expected: the sum of what the body returns, if it is known; anything else is an error.
  func perform(
    _ count: Int, _ round: Round, keysPerOperation: Int = 1, expected: Int? = nil,
    _ body: @escaping (_ session: any Session, _ number: Int, _ target: UnsafeMutableRawBufferPointer) throws -> Int
  ) throws -> Outcome {
    let operations = count
    let sessions = try sessions(round.threads)
    let crew = Crew(sessions, operations, valueSize: inputs.valueSize, isTimed: round.isTimed, body)
    let outcome = try crew.work()
    if let expected, crew.sum != expected {
      throw PeerError("\(type.name): \(expected) expected, \(crew.sum) found")
    }
    return Outcome(
      operations: operations * keysPerOperation, nanoseconds: outcome.nanoseconds, latency: outcome.latency)
  }
}

extension Inputs {
  /// The keys of the load: they are random numbers, so their own order is one.
  var loaded: Keys { Keys(beginningOf: keys, count: count) }

  var sorted: Keys { order("sorted") { Keys($0.keys, picking: sortedNumbers($0)) } }

  /// A thousand, or fewer where the values are large.
  var keysPerBatch: Int { max(1, min(1000, 4 << 20 / (valueSize + 16))) }
}

/// The threads of one round.
private final class Crew: @unchecked Sendable {  // Each thread has its own places in the arrays.
  private let sessions: [any Session]
  private let operations: Int
  private let isTimed: Bool
  private let body: (any Session, Int, UnsafeMutableRawBufferPointer) throws -> Int
  private let targets: [UnsafeMutableRawBufferPointer]
  private var sums: [Int]
  private var latencies: [Histogram]
  private var errors: [(any Error)?]
  private let ready = Atomic(0)

  init(
    _ sessions: [any Session], _ operations: Int, valueSize: Int, isTimed: Bool,
    _ body: @escaping (any Session, Int, UnsafeMutableRawBufferPointer) throws -> Int
  ) {
    self.sessions = sessions
    self.operations = operations
    self.isTimed = isTimed
    self.body = body
    targets = sessions.map { _ in .allocate(byteCount: valueSize + 64, alignment: 64) }
    sums = sessions.map { _ in 0 }
    latencies = sessions.map { _ in Histogram() }
    errors = sessions.map { _ in nil }
  }

  deinit { targets.forEach { $0.deallocate() } }

  var sum: Int { sums.reduce(0, +) }

  func work() throws -> Outcome {
    let count = sessions.count
    let start: UInt64
    if count == 1 {
      start = now()
      do { try run(0) } catch { errors[0] = error }
    } else {
      let begun = Atomic<UInt64>(0)
      inThreads(count) { [self] number in
        // The last to arrive opens the gate.
        if ready.add(1, ordering: .acquiringAndReleasing).newValue == count {
          begun.store(now(), ordering: .releasing)
        }
        while begun.load(ordering: .acquiring) == 0 { sched_yield() }
        do { try run(number) } catch { errors[number] = error }
      }
      start = begun.load(ordering: .relaxed)
    }
    let spent = now() - start
    if let error = errors.compactMap({ $0 }).first { throw error }
    var latency: Histogram?
    if isTimed {
      latency = Histogram()
      latencies.forEach { latency!.add($0) }
    }
    return Outcome(operations: operations, nanoseconds: spent, latency: latency)
  }

  private func run(_ thread: Int) throws {
    let (session, target) = (sessions[thread], targets[thread])
    let range = operations * thread / sessions.count..<operations * (thread + 1) / sessions.count
    var sum = 0
    if isTimed {
      var latency = Histogram()
      for number in range {
        let start = now()
        sum += try body(session, number, target)
        latency.record(now() - start)
      }
      latencies[thread] = latency
    } else {
      for number in range { sum += try body(session, number, target) }
    }
    sums[thread] = sum
  }
}

private func sortedNumbers(_ inputs: Inputs) -> [Int] {
  // As the peers compare keys: byte by byte.
  let keyed = (0..<inputs.count).map { number in
    let key = inputs.keys[number]
    return (
      key.loadUnaligned(fromByteOffset: 0, as: UInt64.self).bigEndian,
      key.loadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian, number
    )
  }
  return keyed.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
}

let allWorkloads: [Workload] =
  Workload.reads + [.readWhileWriting] + Workload.writing + Workload.ycsb + Workload.openings
