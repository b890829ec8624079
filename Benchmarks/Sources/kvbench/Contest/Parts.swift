import BenchmarkSupport
import Foundation

/// The parts of a contest.
extension Contest {
  /// A million keys: reads of every kind, writes of every kind, fills.
  func million() throws {
    let inputs = Inputs(keys: 1_000_000, valueSize: 100)
    begin("1 M keys, values of 100 bytes")
    for (number, peer) in peers.enumerated() {
      if isQuick {
        // What the table of targets asks of this peer.
        let wanted = [Workload.getRandom, .getMiss, .fillRandom, .put].filter { work in
          Target.all.contains { $0.work == work.name && $0.durability == .process && $0.ratios[peer.name] != nil }
        }
        try pair(peer, inputs, wanted.filter { !$0.startsEmpty }, isLoaded: number > 0)
        try pair(peer, inputs, wanted.filter(\.startsEmpty))
      } else {
        let changing = [Workload.readWhileWriting, .overwrite, .delete] + Workload.ycsb.filter(\.writes)
        let unchanging = Workload.reads + Workload.ycsb.filter { !$0.writes }
        try pair(
          peer, inputs, unchanging + changing + [.fillRandom, .fillSequential, .put],
          alsoByTwo: [Workload.getRandom.name])
      }
    }
    try alone(inputs)
    try Stage(CairnPeer.self, inputs, .process, folder: folder).remove()
  }

  /// Cairn against itself: 32 keys in a call, a second thread, gets beside a writer.
  private func alone(_ inputs: Inputs) throws {
    let stage = Stage(CairnPeer.self, inputs, .process, folder: folder)
    try stage.load()
    let get = try single(.getRandom, stage)
    floor(get)
    let many = try single(.getMany, stage)
    itself("get-many", "get", many, get, get.times.ratios(to: many.times), Target.many)
    let two = try single(.getRandom, stage, threads: 2)
    itself("get", "1 thread", two, get, get.times.ratios(to: two.times), Target.secondThread, threads: 2)
    let idle = try single(.getRandom, stage, isTimed: true)
    let busy = try single(.readWhileWriting, stage, isTimed: true)
    let p99 = Double(idle.latency.value(at: 0.99)) / Double(busy.latency.value(at: 0.99))
    itself(
      "get-while-writing", "idle", busy, idle, Samples([p99]), Target.whileWriting, measure: "p99")
    try stage.remove()
  }

  private func single(
    _ work: Workload, _ stage: Stage, threads: Int = 1, isTimed: Bool = false
  ) throws -> Measured {
    try runner.measure(work, [stage], threads: threads, isTimed: isTimed)[0]
  }

  /// What the machine allows: a get waits for two places in memory, one after the other, of which the second is only
  /// known when the first has come.
  private func floor(_ get: Measured) {
    let index = Memory(bytes: get.stage.inputs.count * 13)
    let log = Memory(bytes: get.stage.inputs.count * 152)
    defer { [index, log].forEach { $0.free() } }
    let samples = Samples((0..<runner.rounds).map { _ in index.latency() + log.latency() })
    var row = get.row("two dependent memory accesses", threads: 1)
    row.engine = "machine"
    row.nanosecondsPerOp = Spread(samples)
    add(row)
    say(
      "  the machine: two dependent memory accesses, in 13 and in 152 bytes a key, take \(readable(samples.median)): "
        + "no store with an index beside its records can be faster")
  }

  private func itself(
    _ work: String, _ other: String, _ mine: Measured, _ theirs: Measured, _ ratios: Samples, _ target: Double,
    threads: Int = 1, measure: String? = nil
  ) {
    let myRow = mine.row(work, threads: threads)
    var theirRow = theirs.row(work, threads: 1)
    theirRow.engine = other
    remember(mine, myRow)
    show(myRow, theirRow, Spread(ratios))
    contest(myRow, theirRow, Spread(ratios), target: target, measure: measure)
  }

  /// Each put on the disk before it returns: 1, 16 and 64 writers.
  func durable() throws {
    begin("Each put on the disk before it returns")
    for (threads, each) in [(1, 1000), (16, 250), (64, 125)] {
      let inputs = Inputs(keys: threads * each, valueSize: 100)
      // Those that let one writer at a time through do not get faster with more of them.
      let candidates = peers.filter {
        $0.durabilities.contains(.disk) && (threads == 1 || !isQuick || ["RocksDB", "LevelDB"].contains($0.name))
      }
      for peer in candidates { try pair(peer, inputs, [.put], .disk, threads: threads) }
      if threads == 1 { best("put", durability: .disk, keys: inputs.count) }
    }
  }

  /// The contest with whoever of the peers was fastest at a work.
  func best(_ work: String, durability: Durability? = nil, keys: Int) {
    let candidates = rows.filter {
      $0.work == work && $0.keys == keys && $0.peer == nil && (durability == nil || $0.durability == durability)
    }
    guard let fastest = candidates.min(by: { $0.nanosecondsPerOp!.median < $1.nanosecondsPerOp!.median }),
      let pairing = pairings["\(work) \(keys) \(fastest.engine)"]
    else { return }
    contest(pairing.mine, fastest, pairing.ratio, target: Target.bestPeer, measure: "vs the best peer")
  }

  func openings(keys: Int) throws {
    let inputs = Inputs(keys: keys, valueSize: 100)
    begin("Opening a store of \(readable(count: keys)) keys")
    for (number, peer) in peers.enumerated() {
      try pair(peer, inputs, [.openClean, .openKilled], isLoaded: number > 0)
    }
    best("open", keys: keys)
    best("open-killed", keys: keys)
    try Stage(CairnPeer.self, inputs, .process, folder: folder).remove()
  }

  func tenMillion() throws {
    let inputs = Inputs(keys: 10_000_000, valueSize: 100)
    begin("10 M keys, values of 100 bytes")
    for (number, peer) in peers.enumerated() {
      try pair(peer, inputs, [.getRandom, .getMiss, .openClean, .openKilled], isLoaded: number > 0)
    }
    best("open", keys: inputs.count)
    best("open-killed", keys: inputs.count)
    let stage = Stage(CairnPeer.self, inputs, .process, folder: folder)
    let rebuilt = try single(.rebuild, stage)
    remember(rebuilt, rebuilt.row("rebuild", threads: 1))
    try stage.remove()
  }

  func sizes() throws {
    for (size, count) in [(16, 1_000_000), (1 << 10, 500_000), (16 << 10, 40_000), (1 << 20, 600)] {
      let inputs = Inputs(keys: count, valueSize: size)
      begin("Values of \(readable(bytes: size))")
      for (number, peer) in peers.enumerated() {
        try pair(peer, inputs, [.getRandom], isLoaded: number > 0)
        try pair(peer, inputs, [.fillRandom])
      }
      try Stage(CairnPeer.self, inputs, .process, folder: folder).remove()
    }
  }

  func small() throws {
    let inputs = Inputs(keys: 10_000, valueSize: 100)
    begin("10 k keys: all in the processor's caches")
    for (number, peer) in peers.enumerated() {
      try pair(peer, inputs, [.getRandom, .getMiss], isLoaded: number > 0)
    }
    try Stage(CairnPeer.self, inputs, .process, folder: folder).remove()
  }

  /// A hundred million keys, Cairn alone, beside a million.
  func hundredMillion() throws {
    begin("100 M keys, Cairn alone")
    let (large, small) = (Inputs(keys: 100_000_000, valueSize: 100), Inputs(keys: 1_000_000, valueSize: 100))
    let stages = [large, small].map { Stage(CairnPeer.self, $0, .process, folder: "\(folder)/\($0.count)") }
    for stage in stages {
      try FileManager.default.createDirectory(
        atPath: "\(folder)/\(stage.inputs.count)", withIntermediateDirectories: true)
      try stage.load()
    }
    let measured = try runner.measure(.getRandom, stages)
    let ratios = measured[1].times.ratios(to: measured[0].times)
    var theirs = measured[1].row("get", threads: 1)
    theirs.engine = "1 M keys"
    let mine = measured[0].row("get", threads: 1)
    remember(measured[0], mine)
    show(mine, theirs, Spread(ratios))
    contest(mine, theirs, Spread(ratios), target: Target.hundredMillion)
    for stage in stages { try stage.remove() }
  }
}
