import BenchmarkSupport
import Foundation

/// Cairn against every peer that is there, and against itself: all that the table of targets is about, and more.
final class Contest {
  let isQuick: Bool
  let folder: String
  var runner: Runner
  let peers: [any Peer.Type]
  private(set) var rows: [Row] = []
  /// Each pairing with a peer, by work, number of keys and peer.
  private(set) var pairings: [String: (mine: Row, ratio: Spread)] = [:]
  /// Cairn's figures of every pairing.
  private var own: [String: (samples: Samples, latency: Histogram, row: Row)] = [:]

  init(isQuick: Bool, folder: String, rounds: Int) {
    self.isQuick = isQuick
    self.folder = folder
    runner = Runner(rounds: rounds)
    peers = allPeers.dropFirst().compactMap { $0.type }
  }

  func run() throws {
    try million()
    try durable()
    if isQuick {
      try openings(keys: 200_000)
    } else {
      try tenMillion()
      try sizes()
      try small()
      try cold()
      try space()
      try limited()
      try hundredMillion()
    }
    rows =
      own.values.map { figures in
        var row = figures.row
        row.nanosecondsPerOp = Spread(figures.samples)
        row.latency = figures.latency.total > 0 ? Latency(figures.latency) : nil
        return row
      }.sorted { $0.order < $1.order } + rows
  }

  func begin(_ text: String) { print("\n\(text)") }

  /// The store of an engine, for a class that both sides keep.
  func stages(_ peer: any Peer.Type, _ inputs: Inputs, _ wanted: Durability) -> (own: Stage, peer: Stage) {
    let durability = peer.durabilities.contains(wanted) ? wanted : .relaxed
    return (
      Stage(CairnPeer.self, inputs, durability, folder: folder), Stage(peer, inputs, durability, folder: folder)
    )
  }

  /// Loads both sides and carries out the works that both can do, some of them by two threads as well.
  ///
  /// - Parameter isLoaded: whether Cairn's store is there from the peer before, which has not changed it.
  func pair(
    _ peer: any Peer.Type, _ inputs: Inputs, _ works: [Workload], _ wanted: Durability = .process, threads: Int = 1,
    alsoByTwo: Set<String> = [], isLoaded: Bool = false
  ) throws {
    let (own, other) = stages(peer, inputs, wanted)
    let possible = works.filter {
      peer.abilities.isSuperset(of: $0.needs) && (!$0.writes || peer.durabilities.contains(own.options.durability))
    }
    guard !possible.isEmpty else { return }
    if possible.contains(where: { !$0.startsEmpty }) {
      if isLoaded { try own.open() } else { try own.load() }
      try other.load()
    }
    for work in possible {
      // Beside a sync, reading the clock costs nothing. Elsewhere, latencies come from a round of their own.
      let isTimed = own.options.durability == .disk
      var measured = try runner.measure(work, [own, other], threads: threads, isTimed: isTimed)
      if !isTimed && !isQuick && work.hasLatency {
        let timed = try Runner(rounds: 1).measure(work, [own, other], threads: threads, isTimed: true)
        for place in measured.indices { measured[place].latency = timed[place].latency }
      }
      compare(work, measured, threads)
      if alsoByTwo.contains(work.name) {
        compare(work, try runner.measure(work, [own, other], threads: 2), 2)
      }
    }
    try other.remove()
    try own.close()
  }

  /// Records the two sides of a workload, and the contest if there is a target for it.
  func compare(_ work: Workload, _ measured: [Measured], _ threads: Int) {
    let (mine, theirs) = (measured[0], measured[1])
    let (myRow, theirRow) = (mine.row(work.name, threads: threads), theirs.row(work.name, threads: threads))
    remember(mine, myRow)
    rows.append(theirRow)
    let ratio = Spread(theirs.times.ratios(to: mine.times))
    pairings["\(work.name) \(theirRow.keys) \(theirRow.engine)"] = (myRow, ratio)
    show(myRow, theirRow, ratio)
    contest(myRow, theirRow, ratio)
    if threads > 1, myRow.durability == .disk, let target = Target.ratio(named(myRow, theirRow.engine)) {
      let p99 = Samples([Double(theirRow.latency!.p99) / Double(myRow.latency!.p99)])
      contest(myRow, theirRow, Spread(p99), target: min(1, target), measure: "p99")
    }
  }

  func contest(_ mine: Row, _ theirs: Row, _ ratio: Spread, target: Double? = nil, measure: String? = nil) {
    var row = named(mine, theirs.engine)
    guard let target = target ?? Target.ratio(row) else { return }
    row.latency = nil
    row.peerNanosecondsPerOp = theirs.nanosecondsPerOp
    row.ratio = ratio
    row.target = target
    row.pass = ratio.median >= target
    row.measure = measure
    rows.append(row)
  }

  private func named(_ row: Row, _ peer: String) -> Row {
    var row = row
    row.peer = peer
    return row
  }

  func remember(_ measured: Measured, _ row: Row) {
    let key = "\(row.work) \(row.keys) \(row.valueSize) \(row.threads) \(row.durability)"
    var figures = own[key] ?? (Samples(), Histogram(), row)
    figures.samples.values += measured.times.values
    figures.latency.add(measured.latency)
    own[key] = figures
  }

  func add(_ row: Row) { rows.append(row) }

  func show(_ mine: Row, _ theirs: Row, _ ratio: Spread) {
    func time(_ row: Row) -> String { readable(row.nanosecondsPerOp!.median).padded(8) }
    say(
      "  \(mine.work.padded(18)) \(mine.setting.padded(32)) Cairn \(time(mine)) \(theirs.engine.padded(11)) "
        + "\(time(theirs)) \(ratio.asRatio)")
  }
}

extension Row {
  /// For listing: by size of store, work and threads.
  fileprivate var order: (Int, Int, String, Int) { (keys, valueSize, work, threads) }
}
