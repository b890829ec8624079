import BenchmarkSupport
import Foundation

/// The parts of a contest.
extension Contest {
  /// A million keys: reads of every kind, writes of every kind, fills.
  func million() throws {
    let inputs = Inputs(keys: 1_000_000, valueSize: 100)
    for peer in peers {
      if isQuick {
        // What the table of targets asks of this peer.
        let wanted = [Workload.getRandom, .getMiss, .fillRandom, .put].filter { work in
          Target.all.contains { $0.work == work.name && $0.threads == 1 && $0.ratios[peer.name] != nil }
        }
        try pair(peer, inputs, wanted)
      } else {
        let unchanging = Workload.reads + Workload.ycsb.filter { !$0.writes }
        let changing = [Workload.readWhileWriting, .overwrite, .delete] + Workload.ycsb.filter(\.writes)
        try pair(
          peer, inputs, unchanging + changing + [.fillRandom, .fillSequential, .put],
          alsoByTwo: [Workload.getRandom.name])
      }
    }
  }

  /// Cairn against itself: 32 keys in a call, a second thread, gets beside a writer.
  func alone() throws {
    let stage = cairn(Inputs(keys: 1_000_000, valueSize: 100))
    try stage.load()
    let measured = try runner.measure([
      Turn(work: .getRandom, stage: stage), Turn(work: .getMany, stage: stage),
      Turn(work: .getRandom, stage: stage, threads: 2), Turn(work: .getRandom, stage: stage, isTimed: true),
    ])
    let (get, many, two, idle) = (measured[0], measured[1], measured[2], measured[3])
    floor(get)
    itself("get-many", "get", many, get, get.times.ratios(to: many.times), Target.many)
    itself("get", "1 thread", two, get, get.times.ratios(to: two.times), Target.secondThread, threads: 2)
    let busy = try runner.measure([Turn(work: .readWhileWriting, stage: stage, isTimed: true)])[0]
    itself(
      "get-while-writing", "idle", busy, idle, idle.p99.ratios(to: busy.p99), Target.whileWriting, measure: "p99")
    try stage.remove()
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
    show(myRow, theirRow, Spread(ratios))
    contest(myRow, theirRow, Spread(ratios), target: target, measure: measure)
  }

  /// Keys in their order, beside those who always have them so; and what they cost a store that did not.
  func ordered() throws {
    let inputs = Inputs(keys: 1_000_000, valueSize: 100)
    let own = OrderedCairnPeer.self
    for peer in peers where peer.abilities.contains(.order) {
      try pair(peer, inputs, Workload.ranges + [.fillRandom, .put], own: own)
    }
    try pair(CairnPeer.self, inputs, [.put, .fillRandom, .openClean], own: own)
  }

  /// Each put on the disk before it returns: 1, 16 and 64 writers.
  func durable() throws {
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

  func openings(keys: Int) throws {
    let inputs = Inputs(keys: keys, valueSize: 100)
    for peer in peers { try pair(peer, inputs, [.openClean, .openKilled]) }
    best("open", keys: keys)
    best("open-killed", keys: keys)
  }

  func tenMillion() throws {
    let inputs = Inputs(keys: 10_000_000, valueSize: 100)
    for peer in peers { try pair(peer, inputs, [.getRandom, .getMiss, .openClean, .openKilled]) }
    best("open", keys: inputs.count)
    best("open-killed", keys: inputs.count)
    let stage = cairn(inputs)
    try stage.load()
    let rebuilt = try runner.measure(.rebuild, [stage])[0]
    remember(rebuilt, rebuilt.row("rebuild", threads: 1))
    say("  \("rebuild".padded(51)) Cairn \(readable(rebuilt.times.median))")
    try stage.remove()
  }

  func sizes() throws {
    for (size, count) in [(16, 1_000_000), (1 << 10, 400_000), (16 << 10, 30_000), (1 << 20, 400)] {
      let inputs = Inputs(keys: count, valueSize: size)
      for peer in peers { try pair(peer, inputs, [.getRandom, .fillRandom]) }
    }
  }

  func small() throws {
    let inputs = Inputs(keys: 10_000, valueSize: 100)
    for peer in peers { try pair(peer, inputs, [.getRandom, .getMiss]) }
  }

  /// Gets when nothing of the store is in memory, from the disk.
  func cold() throws {
    let inputs = Inputs(keys: 1_000_000, valueSize: 100)
    for peer in peers { try pair(peer, inputs, [.getCold]) }
  }

  /// A hundred million keys, Cairn alone, beside a million.
  func hundredMillion() throws {
    let stages = try [100_000_000, 1_000_000].map { count in
      try FileManager.default.createDirectory(atPath: "\(folder)/\(count)", withIntermediateDirectories: true)
      let inputs = Inputs(keys: count, valueSize: 100)
      let stage = Stage(CairnPeer.self, inputs, .process, folder: "\(folder)/\(count)")
      try stage.load()
      return stage
    }
    let measured = try runner.measure(.getRandom, stages)
    let ratios = Spread(measured[1].times.ratios(to: measured[0].times))
    var theirs = measured[1].row("get", threads: 1)
    theirs.engine = "1 M keys"
    let mine = measured[0].row("get", threads: 1)
    remember(measured[0], mine)
    show(mine, theirs, ratios)
    contest(mine, theirs, ratios, target: Target.hundredMillion)
    for stage in stages { try stage.remove() }
  }
}
