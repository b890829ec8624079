import BenchmarkSupport
import Foundation

/// Cairn against every peer that is there, and against itself: all that the table of targets is about, and more.
final class Contest {
  let isQuick: Bool
  let folder: String
  let runner: Runner
  let peers: [any Peer.Type]
  /// Only parts in whose titles this stands.
  private let wanted: String?
  /// What went wrong, part by part; what the other parts found is kept.
  private(set) var failures: [String] = []
  private(set) var rows: [Row] = []
  /// Cairn's figures of every pairing.
  private var own: [String: (samples: Samples, latency: Histogram?, row: Row)] = [:]

  init(isQuick: Bool, folder: String, rounds: Int, only wanted: String? = nil) {
    self.wanted = wanted
    self.isQuick = isQuick
    self.folder = folder
    runner = Runner(rounds: rounds)
    peers = allPeers.compactMap { $0.type }.filter { !($0 is CairnPeer.Type) }
  }

  func run() {
    part("1 M keys, values of 100 bytes", million)
    part("Cairn against itself, 1 M keys", alone)
    part("Each put on the disk before it returns", durable)
    if isQuick {
      part("Opening a store of 200 k keys") { try openings(keys: 200_000) }
    } else {
      part("1 M keys in their order", ordered)
      part("10 M keys, values of 100 bytes", tenMillion)
      part("Values of other sizes", sizes)
      part("10 k keys: all in the processor's caches", small)
      part("1 M keys, nothing in the page cache", cold)
      part("Space and memory: 1 M keys in random order, then as many gets", space)
      part("10 M keys, with 512 MiB of memory for the process", limited)
      part("Debian's index of packages, compressed", packages)
      part("Bytes written for a byte put: overwrites of 1 M keys, values of 500 bytes", written)
      part("100 M keys, Cairn alone", hundredMillion)
    }
    rows =
      own.values.map { figures in
        var row = figures.row
        row.nanosecondsPerOp = Spread(figures.samples)
        row.latency = figures.latency.map { Latency($0) }
        return row
      }.sorted { $0.order < $1.order } + rows
  }

  private func part(_ title: String, _ body: () throws -> Void) {
    if let wanted, !title.lowercased().contains(wanted.lowercased()) { return }
    say("\n\(title)")
    do { try body() } catch {
      say("  FAILED: \(error)")
      failures.append("\(title): \(error)")
    }
    // Whatever was left open goes with its process; its files must not be found by the next part.
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      try? FileManager.default.removeItem(atPath: folder + "/" + name)
    }
  }

  func cairn(_ inputs: Inputs) -> Stage { Stage(CairnPeer.self, inputs, .process, folder: folder) }

  /// Loads both sides and carries out the works that both can do, some of them by two threads as well.
  func pair(
    _ peer: any Peer.Type, _ inputs: Inputs, _ works: [Workload], _ wanted: Durability = .process, threads: Int = 1,
    alsoByTwo: Set<String> = [], own: any Peer.Type = CairnPeer.self
  ) throws {
    let durability = peer.durabilities.contains(wanted) ? wanted : .relaxed
    let stages = [own, peer].map { Stage($0, inputs, durability, folder: folder) }
    let possible = works.filter { $0.isFor(peer, durability) }
    if possible.contains(where: { !$0.startsEmpty }) { for stage in stages { try stage.load() } }
    for work in possible {
      // Beside a sync, reading the clock costs nothing. Elsewhere, latencies come from a round of their own.
      let isTimed = durability == .disk
      let measured =
        isTimed || isQuick
        ? try runner.measure(work, stages, threads: threads, isTimed: isTimed)
        : try runner.measureWithLatencies(work, stages, threads: threads)
      compare(work.name, measured[0], measured[1], threads)
      if alsoByTwo.contains(work.name) {
        let two = try runner.measure(work, stages, threads: 2)
        compare(work.name, two[0], two[1], 2)
      }
    }
    for stage in stages { try stage.remove() }
  }

  /// Records the two sides of a workload, and their ratio.
  func compare(_ work: String, _ mine: Measured, _ theirs: Measured, _ threads: Int) {
    let (myRow, theirRow) = (mine.row(work, threads: threads), theirs.row(work, threads: threads))
    remember(mine, myRow)
    rows.append(theirRow)
    let ratio = Spread(theirs.times.ratios(to: mine.times))
    show(myRow, theirRow, ratio)
    contest(myRow, theirRow, ratio)
    if threads > 1, myRow.durability == .disk, Target.ratio(named(myRow, theirRow.engine)) != nil {
      contest(
        myRow, theirRow, Spread(theirs.p99.ratios(to: mine.p99)), target: Target.latencyOfManyWriters, measure: "p99")
    }
  }

  /// A contest, with a target or without one.
  func contest(_ mine: Row, _ theirs: Row, _ ratio: Spread, target: Double? = nil, measure: String? = nil) {
    var row = named(mine, theirs.engine)
    row.latency = nil
    row.peerNanosecondsPerOp = theirs.nanosecondsPerOp
    row.ratio = ratio
    row.target = target ?? Target.ratio(row)
    row.pass = row.target.map { ratio.median >= $0 }
    row.measure = measure
    rows.append(row)
  }

  private func named(_ row: Row, _ peer: String) -> Row {
    var row = row
    row.peer = peer
    return row
  }

  /// The contest with whoever of the peers was fastest at a work.
  func best(_ work: String, durability: Durability? = nil, keys: Int) {
    let candidates = rows.filter {
      $0.work == work && $0.keys == keys && $0.peer != nil && $0.measure == nil
        && (durability == nil || $0.durability == durability)
    }
    let fastest = candidates.min { $0.peerNanosecondsPerOp!.median < $1.peerNanosecondsPerOp!.median }
    guard var row = fastest else { return }
    row.target = Target.bestPeer
    row.pass = row.ratio!.median >= Target.bestPeer
    row.measure = "vs the best peer"
    rows.append(row)
  }

  func remember(_ measured: Measured, _ row: Row) {
    let key = "\(row.work) \(row.keys) \(row.valueSize) \(row.threads) \(row.durability)"
    var figures = own[key] ?? (Samples(), nil, row)
    figures.samples.values += measured.times.values
    if let latency = measured.latency {
      var all = figures.latency ?? Histogram()
      all.add(latency)
      figures.latency = all
    }
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
  /// For listing: by size of store, work, threads and class.
  fileprivate var order: (Int, Int, String, Int, String) { (keys, valueSize, work, threads, durability.rawValue) }
}
