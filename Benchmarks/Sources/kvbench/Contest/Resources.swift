import BenchmarkSupport
import Foundation

/// What an engine takes, and what it does with less: each measured in a process of its own.
extension Contest {
  /// Space and memory after filling a new store key by key, in random order, and reading.
  func space() throws {
    try eachByItself("space", "space", Inputs(keys: 1_000_000, valueSize: 100)) { row, result in
      row.peakMemory = Int(result.peakMemory)
      say(
        "  \(row.engine.padded(12)) \(String(row.bytesOnDiskPerByte!, digits: 2)) bytes on disk for each of keys and "
          + "values, \(readable(bytes: row.peakMemory!)) of memory (mapped files count, the page cache does not)")
    }
  }

  /// Measures every engine in a process of its own, and adds a row for it; the body completes that.
  private func eachByItself(
    _ kind: String, _ work: String, _ inputs: Inputs, _ body: (inout Row, ChildResult) -> Void
  ) throws {
    for type in [CairnPeer.self] + peers {
      let stage = Stage(type, inputs, ChildResult.durability(type), folder: folder)
      let result = try child(kind, stage)
      var row = Row(
        work: work, keys: inputs.count, valueSize: inputs.valueSize, threads: 1, durability: stage.options.durability,
        engine: type.name)
      row.bytesOnDiskPerByte = result.bytesOnDisk / Double(inputs.dataBytes)
      body(&row, result)
      add(row)
      try stage.remove()
    }
  }

  /// Bytes given to the system for each byte of keys and values that is put, where keys are overwritten three times on
  /// average, at random: logs, and what compaction and checkpoints write.
  func written() throws {
    try eachByItself("written", "overwrite-all", Inputs(keys: 1_000_000, valueSize: 500)) { row, result in
      // Who writes by a mapping leaves it to the system what is written, and how often.
      let isCounted = result.bytesWritten > 0.5
      if isCounted { row.bytesWrittenPerByte = result.bytesWritten }
      let written = isCounted ? String(result.bytesWritten, digits: 2) : "not known:"
      say(
        "  \(row.engine.padded(12)) \(written) bytes written for each that is put, "
          + "\(String(row.bytesOnDiskPerByte!, digits: 2)) on the disk")
    }
  }

  /// Gets when memory has room for a part of the store only.
  func limited() throws {
    let (keys, limit) = (10_000_000, 512 << 20)
    guard let group = MemoryGroup(limit: limit) else {
      say("  left out: this machine does not let a program limit its memory (cgroup)")
      return
    }
    defer { group.remove() }
    let inputs = Inputs(keys: keys, valueSize: 100)
    for type in [CairnPeer.self] + peers {
      let stage = Stage(type, inputs, ChildResult.durability(type), folder: folder)
      try stage.load()
      try stage.close()
      var times = Samples()
      for _ in 0..<runner.rounds {
        stage.dropFromPageCache()
        guard let result = try? child("limited", stage, group: group, limit: limit) else { break }
        times.values.append(result.nanosecondsPerOp)
      }
      if times.values.count == runner.rounds {
        var row = Row(
          work: "get-limited", keys: keys, valueSize: 100, threads: 1, durability: stage.options.durability,
          engine: type.name)
        row.nanosecondsPerOp = Spread(times)
        add(row)
        say("  \(type.name.padded(12)) \(readable(times.median))")
      } else {
        say("  \(type.name.padded(12)) ended for want of memory")
      }
      try stage.remove()
    }
  }

  private func child(
    _ work: String, _ stage: Stage, group: MemoryGroup? = nil, limit: Int = 0
  ) throws -> ChildResult {
    let answer = "\(folder)/answer"
    defer { unlink(answer) }
    var arguments = [
      "--child", stage.type.name, stage.options.path, "\(stage.inputs.count)", "\(stage.inputs.valueSize)", work,
      answer,
    ]
    if let group { arguments += [group.processes, "\(limit)"] }
    guard runSelf(arguments) == 0, let data = FileManager.default.contents(atPath: answer) else {
      throw PeerError("\(stage.type.name): the process that measures \(work) failed")
    }
    return try JSONDecoder().decode(ChildResult.self, from: data)
  }
}

/// What a process of its own has measured.
struct ChildResult: Codable {
  var nanosecondsPerOp = 0.0
  var bytesOnDisk = 0.0
  var peakMemory = 0.0
  var bytesWritten = 0.0

  static func durability(_ type: any Peer.Type) -> Durability {
    type.durabilities.contains(.process) ? .process : .relaxed
  }

  static func measureSpace(_ type: any Peer.Type, path: String, keys: Int, valueSize: Int) throws -> ChildResult {
    let stage = Stage(type, Inputs(keys: keys, valueSize: valueSize), durability(type), path: path)
    // What the harness itself takes is not the engine's.
    _ = stage.inputs.random(round: 0, count: keys)
    let before = peakMemory()
    let round = Round(number: 0, threads: 1, operations: keys)
    _ = try Workload.put.run(stage, round)
    _ = try Workload.getRandom.run(stage, round)
    var result = ChildResult()
    result.peakMemory = peakMemory() - before
    try stage.close()
    result.bytesOnDisk = Double(stage.bytesOnDisk)
    return result
  }

  static func measureWritten(_ type: any Peer.Type, path: String, keys: Int, valueSize: Int) throws -> ChildResult {
    let stage = Stage(type, Inputs(keys: keys, valueSize: valueSize), durability(type), path: path)
    try stage.load()
    let before = bytesWritten()
    let session = try stage.sessions(1)[0]
    var random = Random(state: 6)
    let inputs = stage.inputs
    let loaded = inputs.loaded
    for version in 1...3 * keys {
      let key = loaded[Int.random(in: 0..<keys, using: &random)]
      try session.put(inputs.values.value(for: key, version: version), for: key)
    }
    var result = ChildResult()
    result.bytesWritten = (bytesWritten() - before) / Double(3 * inputs.dataBytes)
    try stage.close()
    result.bytesOnDisk = Double(stage.bytesOnDisk)
    return result
  }

  /// By this process, by system calls.
  private static func bytesWritten() -> Double {
    let text = (try? String(contentsOfFile: "/proc/self/io", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("wchar:") }
    return Double(line?.split(separator: " ").last ?? "") ?? .nan
  }

  /// At most twenty thousand gets, and ten seconds, the first half of either to get warm, by a process that is limited
  /// once it has drawn the keys.
  static func measureLimited(
    _ type: any Peer.Type, path: String, keys: Int, valueSize: Int, group: String, limit: Int
  ) throws -> ChildResult {
    let count = 10_000
    var random = Random(state: 11)
    let chosen = (0..<count * 2).map { _ in Int.random(in: 0..<keys, using: &random) }
    let picked = Keys(count: count * 2, seed: 1, picking: chosen)
    try "\(getpid())".write(toFile: group, atomically: false, encoding: .utf8)
    let peer = try type.init(
      PeerOptions(path: path, durability: durability(type), keys: keys, valueSize: valueSize, memory: limit))
    let session = try peer.session()
    var result = ChildResult()
    try withUnsafeTemporaryAllocation(byteCount: valueSize + 64, alignment: 64) { target in
      for half in 0..<2 {
        let start = now()
        var done = 0
        for number in half * count..<(half + 1) * count where done % 16 != 0 || now() - start < 5_000_000_000 {
          done += 1
          guard try session.get(picked[number], into: target) == valueSize else {
            throw PeerError("\(type.name) has lost a key")
          }
        }
        result.nanosecondsPerOp = Double(now() - start) / Double(done)
      }
    }
    session.end()
    try peer.close()
    return result
  }

  private static func peakMemory() -> Double {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    let kilobytes = line?.split { $0 == " " || $0 == "\t" }.dropFirst().first
    return (Double(kilobytes ?? "") ?? 0) * 1024
  }
}

/// A group of processes (cgroup, version 1 or 2) whose memory is limited.
struct MemoryGroup {
  private let path: String
  var processes: String { path + "/cgroup.procs" }

  init?(limit: Int) {
    let name = "kvbench-\(getpid())"
    for (root, file) in [
      ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"),
    ] {
      let path = "\(root)/\(name)"
      guard mkdir(path, 0o755) == 0 else { continue }
      if access("\(path)/\(file)", W_OK) == 0,
        (try? "\(limit)".write(toFile: "\(path)/\(file)", atomically: false, encoding: .utf8)) != nil
      {
        self.path = path
        return
      }
      rmdir(path)
    }
    return nil
  }

  func remove() { rmdir(path) }
}
