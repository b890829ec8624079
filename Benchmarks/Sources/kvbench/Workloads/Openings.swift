import BenchmarkSupport
import Foundation

extension Workload {
  static let openings = [openClean, openKilled, rebuild]

  static let openClean = Workload(
    name: "open", summary: "opening after a clean close, and one get; everything in the page cache", isWarm: false,
    isByKey: false
  ) { stage, _ in
    try stage.close()
    return try open(stage)
  }

  /// What the process that is killed writes: it is what an engine has to look at when it opens.
  static let recordsBeforeKill = 100_000

  static let openKilled = Workload(
    name: "open-killed",
    summary: "opening after a process was killed that had opened it and put \(recordsBeforeKill) keys, and one get",
    writes: true, needsProcess: true, isWarm: false, isByKey: false
  ) { stage, round in
    try stage.close()
    let inputs = stage.inputs
    let status = runSelf([
      "--be-killed", stage.type.name, stage.options.path, "\(inputs.count)", "\(inputs.valueSize)", "\(round.number)",
    ])
    guard status & 0x7f == SIGKILL else { throw PeerError("\(stage.type.name): the process to kill ended by itself") }
    stage.isAsLoaded = false
    let outcome = try open(stage)
    // What it was promised is there: the last keys that the process put.
    let put = Array(keysBeforeKill(inputs, round.number).suffix(1000))
    let keys = Keys(inputs.keys, picking: put)
    defer { keys.free() }
    try stage.check(keys, version: round.number + 1)
    return outcome
  }

  private static func keysBeforeKill(_ inputs: Inputs, _ round: Int) -> [Int] {
    var random = Random(state: UInt64(round))
    return (0..<min(recordsBeforeKill, inputs.count)).map { _ in Int.random(in: 0..<inputs.count, using: &random) }
  }

  static let rebuild = Workload(
    name: "rebuild", summary: "opening without the checkpoint of the index (Cairn alone), and one get",
    isWarm: false, isByKey: false
  ) { stage, _ in
    guard stage.type == CairnPeer.self else { throw PeerError("only Cairn has such a checkpoint") }
    try stage.close()
    unlink(stage.options.path + "/index.checkpoint")
    return try open(stage)
  }

  private static func open(_ stage: Stage) throws -> Outcome {
    let key = stage.inputs.keys[0]
    var size: Int?
    let start = now()
    let session = try stage.sessions(1)[0]
    size = try withUnsafeTemporaryAllocation(byteCount: stage.inputs.valueSize + 64, alignment: 16) {
      try session.get(key, into: $0)
    }
    let spent = now() - start
    guard size == stage.inputs.valueSize else { throw PeerError("\(stage.type.name): lost its first key") }
    return Outcome(operations: 1, nanoseconds: spent)
  }

  /// The other process of `open-killed`; ends by its own hand, without any of the engine's endings.
  static func beKilled(_ type: any Peer.Type, path: String, keys: Int, valueSize: Int, round: Int) throws -> Never {
    let inputs = Inputs(keys: keys, valueSize: valueSize)
    let peer = try type.init(
      PeerOptions(path: path, durability: .process, keys: keys, valueSize: valueSize))
    let session = try peer.session()
    for number in keysBeforeKill(inputs, round) {
      let key = inputs.keys[number]
      try session.put(inputs.values.value(for: key, version: round + 1), for: key)
    }
    kill(getpid(), SIGKILL)
    exit(1)
  }
}
