import BenchmarkSupport
import Foundation
import Glibc

/// A peer with its store.
final class Stage {
  let type: any Peer.Type
  let inputs: Inputs
  let options: PeerOptions
  private(set) var peer: (any Peer)?
  private var sessions: [any Session] = []
  /// Keys that workloads have added to those of the load.
  var inserted = 0
  /// Whether every key has the value of the load.
  var isAsLoaded = false
  /// Whether every key has been read since the store was opened, or put in order.
  private(set) var isWarm = false

  init(_ type: any Peer.Type, _ inputs: Inputs, _ durability: Durability, path: String) {
    self.type = type
    self.inputs = inputs
    options = PeerOptions(
      path: path, durability: durability, keys: inputs.count, valueSize: inputs.valueSize)
  }

  convenience init(_ type: any Peer.Type, _ inputs: Inputs, _ durability: Durability, folder: String) {
    self.init(type, inputs, durability, path: "\(folder)/\(type.name.lowercased())")
  }

  /// Another store of the same kind, which is not there yet.
  func elsewhere() -> Stage { Stage(type, inputs, options.durability, path: options.path + "-new") }

  // MARK: Opening and closing

  func open() throws { peer = try type.init(options) }

  func sessions(_ count: Int) throws -> [any Session] {
    if peer == nil { try open() }
    while sessions.count < count { sessions.append(try peer!.session()) }
    return Array(sessions.prefix(count))
  }

  func close() throws {
    sessions.forEach { $0.end() }
    sessions = []
    try peer?.close()
    peer = nil
    isWarm = false
  }

  /// A new store in the place of what is there.
  func startAgain() throws {
    try remove()
    try open()
  }

  func remove() throws {
    try close()
    for path in Self.suffixes { try? FileManager.default.removeItem(atPath: options.path + path) }
    inserted = 0
    isAsLoaded = false
  }

  /// The keys of the load, in random order, in batches where there are batches.
  func load() throws {
    try startAgain()
    try put(inputs.loaded, sessions(1)[0])
    try settle()
    isAsLoaded = true
  }

  /// Untimed puts of many keys.
  func put(_ keys: Keys, _ session: any Session) throws {
    let batch = type.abilities.contains(.batches) ? inputs.keysPerBatch : 1
    for start in stride(from: 0, to: keys.count, by: batch) {
      if batch == 1 {
        try session.put(inputs.values.value(for: keys[start], version: 0), for: keys[start])
      } else {
        try session.put(inputs.values, for: keys, start..<min(start + batch, keys.count), version: 0)
      }
    }
  }

  // MARK: Checking

  /// Reads every key once: whatever cache there is holds what it can, and what is read is compared, byte by byte, if it
  /// is known.
  func warm() throws {
    if isWarm { return }
    try check(inputs.loaded, version: isAsLoaded ? 0 : nil)
    isWarm = true
  }

  /// Ends what writing has left for later.
  func settle() throws {
    try peer?.settle()
    isWarm = false
  }

  /// Reads keys and compares their values with those of a version.
  func check(_ keys: Keys, version: Int?) throws {
    let session = try sessions(1)[0]
    try withUnsafeTemporaryAllocation(byteCount: inputs.valueSize + 64, alignment: 64) { target in
      for number in 0..<keys.count {
        let size = try session.get(keys[number], into: target)
        guard size == inputs.valueSize else { throw PeerError("\(type.name) has lost a key, or a part of its value") }
        guard let version else { continue }
        let expected = inputs.values.value(for: keys[number], version: version)
        if memcmp(expected.baseAddress!, target.baseAddress!, inputs.valueSize) != 0 {
          throw PeerError("\(type.name) returns another value than the one that was put")
        }
      }
    }
  }

  /// The same for a sample of keys that a round has put.
  func checkSome(_ keys: Keys, version: Int) throws {
    var random = Random(state: UInt64(keys.count))
    let sample = Keys(
      keys, picking: (0..<min(1000, keys.count)).map { _ in Int.random(in: 0..<keys.count, using: &random) })
    defer { sample.free() }
    try check(sample, version: version)
  }

  func checkAbsent(_ keys: Keys) throws {
    let session = try sessions(1)[0]
    try withUnsafeTemporaryAllocation(byteCount: inputs.valueSize + 64, alignment: 64) { target in
      for number in 0..<min(1000, keys.count) where try session.get(keys[number], into: target) != nil {
        throw PeerError("\(type.name) has a key that was removed")
      }
    }
  }

  // MARK: Files

  /// The store is a file, or a directory, and files beside it.
  private static let suffixes = ["", "-wal", "-shm", "-lock", ".kch"]

  private static func files(_ path: String) -> [String] {
    let inner = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
    return suffixes.map { path + $0 } + inner.map { path + "/" + $0 }
  }

  /// Bytes that the store's files take on the disk.
  var bytesOnDisk: Int { Self.bytesOnDisk(options.path) }

  static func bytesOnDisk(_ path: String) -> Int {
    files(path).reduce(0) { sum, path in
      var status = stat()
      return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? sum + Int(status.st_blocks) * 512 : sum
    }
  }

  /// Of a closed store: the next reads come from the disk.
  func dropFromPageCache() {
    for path in Self.files(options.path) {
      let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
      if file < 0 { continue }
      fsync(file)
      posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)
      Glibc.close(file)
    }
  }

  // MARK: Measuring

  /// Carries out operations, split evenly among the threads.
  /// - Parameter expected: the sum of what the body returns, if it is known; anything else is an error.
  func perform(
    _ operations: Int, _ round: Round, keysPerOperation: Int = 1, expected: Int? = nil,
    _ body: @escaping (_ session: any Session, _ number: Int, _ target: UnsafeMutableRawBufferPointer) throws -> Int
  ) throws -> Outcome {
    let crew = Crew(
      try sessions(round.threads), operations, valueSize: inputs.valueSize, isTimed: round.isTimed, body)
    let outcome = try crew.work()
    if let expected, crew.sum != expected {
      throw PeerError("\(type.name): \(expected) expected, \(crew.sum) found")
    }
    return Outcome(
      operations: operations * keysPerOperation, nanoseconds: outcome.nanoseconds, latency: outcome.latency)
  }
}
