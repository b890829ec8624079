import BenchmarkSupport
import Foundation

/// What the command line asks for.
struct Command {
  static let usage = """
    usage: kvbench contest [--quick | --part TEXT] [--rounds N] [--folder PATH] [--results PATH]
           kvbench [run] [--workload NAMES] [--peers NAMES] [--keys N] [--value-size B] [--threads N]
                   [--durability relaxed|process|disk] [--rounds N] [--folder PATH] [--json] [--plot FILE]
           kvbench report --results PATH
           kvbench list

    contest   Cairn against every peer that is installed, and the targets; writes latest.json, .md and .svg to PATH
              (a folder; default: nothing is written)
    --part    only the parts of the contest in whose titles TEXT stands, such as "compressed"; nothing is written
    run       the workloads (default: get) of your choice on your sizes; NAMES are separated by commas
    report    writes latest.md and .svg anew from the latest.json in PATH
    list      peers and workloads
    --folder  where stores are made, and removed again (default: /tmp); on the disk that you want to measure
    --json    prints the rows as JSON instead of a table; progress goes to standard error
    """

  struct Misuse: Error, CustomStringConvertible {
    let description: String
    init(_ text: String) { description = "\(text) (kvbench --help tells more)" }
  }

  private enum Action { case contest, run, report, list, help, beKilled, child }
  private var action = Action.run
  private var words: [String] = []
  private var isQuick = false
  private var part: String?
  private var isJSON = false
  private var rounds: Int?
  private var parent = "/tmp"
  private var results: String?
  private var plot: String?
  private var keys = 1_000_000
  private var valueSize = 100
  private var threads = 1
  private var durability = Durability.process
  private var workloads = ["get"]
  private var peers: [String]?

  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    switch rest.first {
    case "contest": action = .contest
    case "run": action = .run
    case "report": action = .report
    case "list": action = .list
    case "--be-killed", "--child":
      action = rest.first == "--child" ? .child : .beKilled
      words = Array(rest.dropFirst())
      return
    default: rest = [""] + rest
    }
    rest = rest.dropFirst()
    while let name = rest.popFirst() {
      func value() throws -> String {
        guard let value = rest.popFirst() else { throw Misuse("\(name) needs a value") }
        return value
      }
      func number(_ range: ClosedRange<Int>) throws -> Int {
        let text = try value()
        guard let number = Int(text), range.contains(number) else {
          throw Misuse("\(name) must be a number from \(range.lowerBound) to \(range.upperBound), not \"\(text)\"")
        }
        return number
      }
      switch name {
      case "--help", "-h": action = .help
      case "--quick": isQuick = true
      case "--part": part = try value()
      case "--json": isJSON = true
      case "--rounds": rounds = try number(action == .contest ? 5...100 : 1...1000)
      case "--folder": parent = try value()
      case "--results": results = try value()
      case "--plot": plot = try value()
      case "--keys": keys = try number(1...1_000_000_000)
      case "--value-size": valueSize = try number(1...(64 << 20))
      case "--threads": threads = try number(1...200)
      case "--durability":
        let text = try value()
        guard let known = Durability(rawValue: text) else {
          throw Misuse("the durability must be relaxed, process or disk, not \"\(text)\"")
        }
        durability = known
      case "--workload", "--workloads": workloads = try value().split(separator: ",").map(String.init)
      case "--peers": peers = try value().split(separator: ",").map(String.init)
      default: throw Misuse("unknown argument \"\(name)\"")
      }
    }
  }

  func run() throws {
    switch action {
    case .help: say(Self.usage)
    case .list: list()
    case .report:
      guard let results else { throw Misuse("report needs --results") }
      let file = URL(fileURLWithPath: results + "/latest.json")
      try write(JSONDecoder().decode(Results.self, from: Data(contentsOf: file)), to: results, as: "latest")
    case .contest: try inFolder(needing: isQuick ? 4 << 30 : 40 << 30) { try contest($0) }
    case .run:
      let works = try chosenWorkloads()
      let types = try chosenPeers()
      try check(plot)
      let (bytes, overflow) = keys.multipliedReportingOverflow(by: (valueSize + 64) * 3 * types.count)
      try inFolder(needing: overflow ? .max : bytes) { try ownRun($0, works, types) }
    case .beKilled:
      let (type, path, keys, size) = try store(words)
      try Workload.beKilled(type, path: path, keys: keys, valueSize: size, round: Int(words[4])!)
    case .child:
      let (type, path, keys, size) = try store(words)
      let result =
        switch words[4] {
        case "space": try ChildResult.measureSpace(type, path: path, keys: keys, valueSize: size)
        case "written": try ChildResult.measureWritten(type, path: path, keys: keys, valueSize: size)
        default:
          try ChildResult.measureLimited(
            type, path: path, keys: keys, valueSize: size, group: words[6], limit: Int(words[7])!)
        }
      try JSONEncoder().encode(result).write(to: URL(fileURLWithPath: words[5]))
    }
  }

  private func store(_ words: [String]) throws -> (type: any Peer.Type, path: String, keys: Int, valueSize: Int) {
    guard words.count >= 5, let type = allPeers.first(where: { $0.name == words[0] })?.type, let keys = Int(words[2]),
      let size = Int(words[3])
    else { throw Misuse("not a command for people") }
    return (type, words[1], keys, size)
  }

  private func list() {
    say("peers:")
    for peer in allPeers {
      say("  \(peer.name.padded(12)) \(peer.type.map { $0.version } ?? "not built in: \(peer.package) is missing")")
    }
    say("workloads:")
    for work in allWorkloads { print("  \(work.name.padded(18)) \(work.summary)") }
  }

  private func chosenWorkloads() throws -> [Workload] {
    try workloads.map { name in
      guard let work = allWorkloads.first(where: { $0.name == name }) else {
        throw Misuse("unknown workload \"\(name)\"; kvbench list names them")
      }
      return work
    }
  }

  private func chosenPeers() throws -> [any Peer.Type] {
    guard let peers else {
      for peer in allPeers where peer.type == nil { noteMissing(peer) }
      return allPeers.compactMap { $0.type }
    }
    let chosen: [any Peer.Type] = try peers.compactMap { name in
      guard let peer = allPeers.first(where: { $0.name.lowercased() == name.lowercased() }) else {
        throw Misuse("unknown peer \"\(name)\"; kvbench list names them")
      }
      if peer.type == nil { noteMissing(peer) }
      return peer.type
    }
    guard !chosen.isEmpty, Set(peers.map { $0.lowercased() }).count == peers.count else {
      throw Misuse("no peer to measure, or one twice: \(peers.joined(separator: ","))")
    }
    return chosen
  }

  private func noteMissing(_ peer: PeerEntry) {
    note("\(peer.name) is left out: \(peer.package) was not there when this was built")
  }

  /// A folder of our own for the stores, removed whatever happens.
  private func inFolder(needing bytes: Int, _ body: (String) throws -> Void) throws {
    let folder = "\(parent)/kvbench-\(getpid())"
    guard mkdir(folder, 0o700) == 0 else {
      throw PeerError("cannot make a folder in \(parent): \(String(cString: strerror(errno)))")
    }
    defer { removeTree(folder) }
    removeAtInterrupt(folder)
    var space = statvfs()
    if statvfs(folder, &space) == 0, Double(space.f_bavail) * Double(space.f_frsize) < Double(bytes) {
      throw PeerError("\(parent) has too little free space: this needs about \(readable(bytes: bytes))")
    }
    try body(folder)
  }

  /// Finds out before a long run whether its end can be written.
  private func check(_ file: String?) throws {
    guard let file else { return }
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent().path
    guard access(folder, W_OK) == 0 else {
      throw PeerError("cannot write \(file): \(String(cString: strerror(errno)))")
    }
  }

  private func note(_ text: String) {
    if isJSON { FileHandle.standardError.write(Data((text + "\n").utf8)) } else { say(text) }
  }

  // MARK: Runs

  private func contest(_ folder: String) throws {
    if let results { try check(results + "/latest.json") }
    if part != nil && (results != nil || isQuick) { throw Misuse("--part goes with neither --quick nor --results") }
    for peer in allPeers where peer.type == nil { noteMissing(peer) }
    // As they are when it begins: an hour later the folder may be another one.
    let commit = currentCommit()
    let contest = Contest(isQuick: isQuick, folder: folder, rounds: rounds ?? 5, only: part)
    contest.run()
    let command = isQuick ? "make bench-quick" : "make bench"
    var report = Results(
      machine: Machine(folder: folder), date: Self.today(), commit: commit, command: command,
      method: Self.method, engines: engines())
    report.rows = contest.rows
    say(report.contestTable)
    let decided = report.rows.compactMap(\.pass)
    say("\n\(decided.count { $0 }) of \(decided.count) targets met.")
    if let results { try write(report, to: results, as: contest.failures.isEmpty ? "latest" : "incomplete") }
    if let first = contest.failures.first {
      throw PeerError("\(contest.failures.count) parts of the contest failed: \(first)")
    }
  }

  private static let method = [
    """
    Each figure is the median of five rounds or more, in turns (Cairn, peer; peer, Cairn; …); ratios are taken round \
    by round, with the extremes in brackets. Latencies come from a round of their own, in which each operation is timed
    """,
    """
    Every key is read once before the first round, and its value compared byte by byte; all is in memory (warm), but \
    for get-cold and get-limited. What writers put is read again, by samples, and so is what a killed process had put
    """,
    """
    Keys of 16 random bytes; values that nobody can compress, copied out by everybody; no engine compresses, but for \
    get-packages
    """,
    "`.process` survives a killed process, `.disk` a power failure; each engine at its fastest setting that does",
    "Stores for reads are loaded in random order, in batches of 1,000 where there are batches, and compacted",
    "Cairn compacts in the background, as it does by default. Stores for `.disk` are new in each round",
    """
    get-packages: JSON objects for the packages of Debian, zstd level 3; RocksDB with blocks of 16 KiB and its default \
    cache of 8 MiB (zstd-cached: one that holds all blocks decompressed), its dictionaries of 16 KiB trained from \
    1.6 MiB; SQLite with blobs that its caller compresses
    """,
  ]

  private func engines() -> [Results.Engine] {
    allPeers.compactMap(\.type).map { Results.Engine(name: $0.name, version: $0.version, settings: $0.settings) }
  }

  private static func today() -> String {
    let format = ISO8601DateFormatter()
    return format.string(from: Date())
  }

  private func write(_ report: Results, to folder: String, as name: String) throws {
    let charted = ["get", "miss", "fill", "put"]
    let rows = report.rows.filter { $0.keys == 1_000_000 && $0.valueSize == 100 && $0.threads == 1 }
    let chart = Chart(
      "Cairn and others: 1 M keys, values of 100 bytes, one thread",
      charted.flatMap { work in rows.filter { $0.work == work && $0.durability != .disk } })
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    for (suffix, data) in [
      ("json", try encoder.encode(report)), ("md", Data(report.markdown.utf8)), ("svg", Data(chart.svg.utf8)),
    ] {
      // Whole or not at all.
      try data.write(to: URL(fileURLWithPath: "\(folder)/\(name).\(suffix)"), options: .atomic)
    }
    say("Written: \(folder)/\(name).json, .md, .svg")
  }

  private func ownRun(_ folder: String, _ works: [Workload], _ types: [any Peer.Type]) throws {
    let inputs = Inputs(keys: keys, valueSize: valueSize)
    let runner = Runner(rounds: rounds ?? 5)
    var rows: [Row] = []
    let all = types.map {
      Stage($0, inputs, $0.durabilities.contains(durability) ? durability : .relaxed, folder: folder)
    }
    defer { all.forEach { try? $0.remove() } }
    for work in works {
      let stages = all.filter {
        work.isFor($0.type, durability)
      }
      for stage in all where !stages.contains(where: { $0 === stage }) {
        note("\(stage.type.name) is left out of \(work.name): it cannot do that (.\(durability.rawValue))")
      }
      for stage in stages where !work.startsEmpty && stage.peer == nil {
        note("loading \(stage.type.name): \(readable(count: keys)) keys")
        try stage.load()
      }
      note("\(work.name): \(work.summary)")
      for measured in try runner.measureWithLatencies(work, stages, threads: threads) {
        let row = measured.row(work.name, threads: threads)
        rows.append(row)
        if !isJSON { say(line(row)) }
      }
    }
    if isJSON {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      say(String(decoding: try encoder.encode(rows), as: UTF8.self))
    }
    if let plot { try Data(Chart("kvbench", rows).svg.utf8).write(to: URL(fileURLWithPath: plot), options: .atomic) }
  }

  private func line(_ row: Row) -> String {
    let time = row.nanosecondsPerOp!
    var text = "  \(row.engine.padded(12)) \(readable(time.median).padded(9))"
    text += " (\(readable(time.lowest)) to \(readable(time.highest)))"
    if let latency = row.latency {
      text += "   p50 \(readable(Double(latency.p50)))  p99 \(readable(Double(latency.p99)))"
      text += "  p99.9 \(readable(Double(latency.p999)))  p99.99 \(readable(Double(latency.p9999)))"
      text += "  max \(readable(Double(latency.maximum)))"
    }
    return text
  }
}
