import BenchmarkSupport
import Foundation

/// What an engine takes, and what it does with less: each measured in a process of its own.
extension Contest {
  /// Space and memory after filling a new store key by key, in random order, and reading.
  func space() throws {
    begin("Space and memory: 1 M keys in random order, then as many gets")
    for type in [CairnPeer.self] + peers {
      let path = "\(folder)/space"
      let result = try child("space", type, path, keys: 1_000_000, valueSize: 100)
      let inputs = (keys: 1_000_000, valueSize: 100)
      var row = Row(
        work: "space", keys: inputs.keys, valueSize: inputs.valueSize, threads: 1, durability: .process,
        engine: type.name)
      row.bytesOnDiskPerByte = result.bytesOnDisk / Double(inputs.keys * (Keys.size + inputs.valueSize))
      row.peakMemory = Int(result.peakMemory)
      add(row)
      say(
        "  \(type.name.padded(12)) \(String(row.bytesOnDiskPerByte!, digits: 2)) bytes on disk for each of keys and "
          + "values, \(readable(bytes: row.peakMemory!)) of memory")
      Stage(type, Inputs(keys: 1, valueSize: 1), .process, folder: folder).removeFiles(path)
    }
  }

  /// Gets when nothing of the store is in memory, from the disk.
  func cold() throws {
    let inputs = Inputs(keys: 1_000_000, valueSize: 100)
    begin("1 M keys, nothing in the page cache")
    for (number, peer) in peers.enumerated() { try pair(peer, inputs, [.getCold], isLoaded: number > 0) }
    try Stage(CairnPeer.self, inputs, .process, folder: folder).remove()
  }

  /// Gets when memory has room for a part of the store only.
  func limited() throws {
    let (keys, limit) = (10_000_000, 512 << 20)
    begin("10 M keys, with \(readable(bytes: limit)) of memory for everything")
    guard let group = MemoryGroup(limit: limit) else {
      say("  left out: this machine does not let a program limit its memory (cgroup)")
      return
    }
    defer { group.remove() }
    let inputs = Inputs(keys: keys, valueSize: 100)
    for type in [CairnPeer.self] + peers {
      let stage = Stage(type, inputs, .process, folder: folder)
      try stage.load()
      try stage.close()
      stage.dropFromPageCache()
      let result = try child("limited", type, stage.options.path, keys: keys, valueSize: 100, group: group)
      var row = Row(
        work: "get-limited", keys: keys, valueSize: 100, threads: 1, durability: .process, engine: type.name)
      row.nanosecondsPerOp = Spread(Samples([result.nanosecondsPerOp]))
      add(row)
      say("  \(type.name.padded(12)) \(readable(result.nanosecondsPerOp))")
      try stage.remove()
    }
  }

  private func child(
    _ work: String, _ type: any Peer.Type, _ path: String, keys: Int, valueSize: Int, group: MemoryGroup? = nil
  ) throws -> ChildResult {
    let answer = "\(folder)/answer"
    defer { unlink(answer) }
    let status = runSelf(
      ["--child", work, type.name, path, "\(keys)", "\(valueSize)", answer] + (group.map { [$0.processes] } ?? []))
    guard status == 0, let data = FileManager.default.contents(atPath: answer) else {
      throw PeerError("\(type.name): the process that measures \(work) failed")
    }
    return try JSONDecoder().decode(ChildResult.self, from: data)
  }
}

struct ChildResult: Codable {
  var nanosecondsPerOp = 0.0
  var bytesOnDisk = 0.0
  var peakMemory = 0.0

  /// The other process of a measurement.
  static func measure(
    _ work: String, _ type: any Peer.Type, path: String, keys: Int, valueSize: Int, answer: String, group: String?
  ) throws {
    if let group { try "\(getpid())".write(toFile: group, atomically: false, encoding: .utf8) }
    let inputs = Inputs(keys: keys, valueSize: valueSize)
    let durability: Durability = type.durabilities.contains(.process) ? .process : .relaxed
    let stage = Stage(type, inputs, durability, path: path)
    var result = ChildResult()
    let round = Round(number: 0, threads: 1)
    if work == "space" {
      // What the harness itself takes is not the engine's.
      let before = peakMemory()
      _ = try Workload.put.run(stage, Round(number: 0, threads: 1, operations: keys))
      _ = try Workload.getRandom.run(stage, Round(number: 0, threads: 1, operations: keys))
      result.peakMemory = peakMemory() - before
      try stage.close()
      result.bytesOnDisk = Double(stage.bytesOnDisk)
    } else {
      let keys = inputs.random(round: 0, count: 20_000)
      result.nanosecondsPerOp =
        try stage.perform(keys.count, round, expected: keys.count * valueSize) {
          try $0.get(keys[$1], into: $2) ?? 0
        }.nanosecondsPerOperation
      try stage.close()
    }
    try JSONEncoder().encode(result).write(to: URL(fileURLWithPath: answer))
  }

  private static func peakMemory() -> Double {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return Double(line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first ?? "").map { $0 * 1024 }
      ?? 0
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

extension Workload {
  static let getCold = Workload(
    name: "get-cold", summary: "random keys that are there; nothing of the store is in the page cache before"
  ) { stage, round in
    try stage.close()
    stage.dropFromPageCache()
    let keys = stage.inputs.random(round: round.number, count: min(5000, stage.inputs.count))
    return try stage.perform(keys.count, round, expected: keys.count * stage.inputs.valueSize) {
      try $0.get(keys[$1], into: $2) ?? 0
    }
  }
}
