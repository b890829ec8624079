import CairnTestSupport
import CairnTorture
import Foundation

/// A process: what it is called with repeats it.
struct Job {
  enum Kind: CaseIterable {
    case scripts, lives, kills, callKills, callFaults, fuzzing

    /// Its part of the time, as long as there is something to do.
    var share: Double {
      switch self {
      case .scripts, .lives, .callFaults: 4
      case .kills, .callKills, .fuzzing: 1
      }
    }
  }

  let kind: Kind
  let program: String
  let arguments: [String]
  var environment: [String: String] = [:]

  /// - Parameter process: has not been started.
  func run(in process: Process) -> Result<Totals, Finding> {
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    // Without a backtracer, which would hang on to a process that is meant to die.
    let own = ["SWIFT_BACKTRACE": "enable=no"]
    process.environment = ProcessInfo.processInfo.environment.merging(own) { $1 }.merging(environment) { $1 }
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    let text: String
    do {
      try process.run()
      text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
    } catch {
      return .failure(Finding("\(program) does not start: \(error)", replay: replay))
    }
    if process.terminationReason == .uncaughtSignal {
      return .failure(Finding("\(text)ended by signal \(process.terminationStatus)", replay: replay))
    }
    guard process.terminationStatus == 0, let totals = totals(of: text) else {
      return .failure(Finding("\(text)exit status \(process.terminationStatus)", replay: replay))
    }
    return .success(totals)
  }

  private var replay: String {
    let words = [program] + arguments.map { $0.contains(" ") ? "\"\($0)\"" : $0 }
    return (environment.map { "\($0.key)=\($0.value)" } + words).joined(separator: " ")
  }

  private func totals(of text: String) -> Totals? {
    let lines = text.split(separator: "\n")
    guard kind == .fuzzing else { return lines.last.flatMap { Totals($0) } }
    let name = "stat::number_of_executed_units:"
    guard let line = lines.first(where: { $0.hasPrefix(name) }) else { return nil }
    return Int(line.dropFirst(name.count).drop { $0 == " " }).flatMap { Totals("\($0) fuzz executions") }
  }
}

/// What there is to do, each kind in its part of the time.
struct Jobs {
  private static let livesOfJob = 200
  private static let killsOfJob = 30
  private static let callsOfJob = 60
  /// Of the writer of which every call is met.
  private static let seedOfSweep = 1
  private static let secondsOfFuzzing = 20
  static let fuzzed = [
    "header", "segment", "records", "dictionary", "checkpoint", "gone", "frozen", "load", "glob", "arguments",
  ]

  private var random: SeededRandom
  private let fuzzer: String?
  private var spent: [Job.Kind: Double] = [:]
  private var scripts = (0...4).flatMap { Script.all(ofLength: $0) }.makeIterator()
  private var fuzzings = 0
  /// The next of all calls of one writer, each of which is met once before others are at random; none: all have been.
  private var sweeps: [Job.Kind: Int] = [.callKills: 0, .callFaults: 0]
  private let program = Bundle.main.executablePath ?? CommandLine.arguments[0]

  init(seed: UInt64, fuzzer: String?) {
    random = SeededRandom(seed: seed)
    self.fuzzer = fuzzer
    if fuzzer == nil { spent[.fuzzing] = .infinity }
    if !Tracing.isPossible { (spent[.callKills], spent[.callFaults]) = (.infinity, .infinity) }
  }

  mutating func note(_ job: Job, _ done: Totals?, seconds: Double) {
    spent[job.kind, default: 0] += seconds
    // There were fewer left than it was to do.
    if let done, job.arguments.contains("--from"), done[.kills] + done[.faults] + done[.missed] < Self.callsOfJob {
      sweeps[job.kind] = nil
    }
  }

  /// How far it has come with every call of one writer.
  var sweeping: String {
    func said(_ kind: Job.Kind) -> String { sweeps[kind].map { "the first \($0)" } ?? "all" }
    return Tracing.isPossible
      ? "one writer's calls: killed before \(said(.callKills)); failed, with every error, \(said(.callFaults))"
      : Tracing.reason
  }

  mutating func next() -> Job {
    let kind = Job.Kind.allCases.min { spent[$0, default: 0] / $0.share < spent[$1, default: 0] / $1.share }!
    let seed = String(random.next() >> 1)
    switch kind {
    case .scripts:
      guard let script = scripts.next() else {
        spent[.scripts] = .infinity
        return next()
      }
      return Job(kind: kind, program: program, arguments: ["script", seed, "\(script)"])
    case .lives:
      return Job(kind: kind, program: program, arguments: ["lives", seed, "\(Self.livesOfJob)"])
    case .kills: return Job(kind: kind, program: program, arguments: ["kills", seed, "\(Self.killsOfJob)"])
    case .callKills, .callFaults:
      let command = kind == .callKills ? "call-kills" : "call-faults"
      if let from = sweeps[kind] {
        sweeps[kind] = from + Self.callsOfJob
        let arguments = [command, "\(Self.seedOfSweep)", "\(Self.callsOfJob)", "--from", "\(from)"]
        return Job(kind: kind, program: program, arguments: arguments)
      }
      let arguments = [command, seed, "\(Self.callsOfJob)"] + (random.percent(50) ? ["--threads"] : [])
      return Job(kind: kind, program: program, arguments: arguments)
    case .fuzzing:
      fuzzings += 1
      let target = Self.fuzzed[fuzzings % Self.fuzzed.count]
      let folder = ".build/fuzz"
      return Job(
        kind: kind, program: fuzzer!,
        arguments: [
          "-max_total_time=\(Self.secondsOfFuzzing)", "-timeout=25", "-rss_limit_mb=2048", "-max_len=70000",
          "-print_final_stats=1", "-seed=\(random.next() >> 33)", "-artifact_prefix=\(folder)/found/\(target)-",
          "\(folder)/corpus/\(target)", "Tests/Corpus/\(target)", "\(folder)/seeds/\(target)",
        ], environment: ["CAIRN_FUZZ_TARGET": target, "ASAN_OPTIONS": "detect_leaks=0"])
    }
  }
}
