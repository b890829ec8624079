import BenchmarkSupport

/// The core workloads of the Yahoo Cloud Serving Benchmark (Cooper et al. 2010), over keys and values of the contest.
extension Workload {
  static let ycsb: [Workload] = {
    let mixes: [(String, Int, Second)] = [
      ("a", 50, .update), ("b", 95, .update), ("c", 100, .update), ("d", 95, .insert), ("f", 50, .modify),
    ]
    return mixes.flatMap { letter, reads, other in
      let choices: [Choice] =
        switch letter {
        case "d": [.latest]
        case "f": [.zipfian]
        default: [.zipfian, .uniform]
        }
      return choices.map { ycsb(letter, reads, other, $0) }
    }
  }()

  /// What is done beside reads.
  private enum Second: String, Sendable { case update = "updates", insert = "inserts", modify = "read-modify-writes" }
  private enum Choice: String, Sendable { case zipfian, uniform, latest }

  private static func ycsb(_ letter: String, _ reads: Int, _ other: Second, _ choice: Choice) -> Workload {
    let name = choice == .uniform ? "ycsb-\(letter)-uniform" : "ycsb-\(letter)"
    let mix = reads == 100 ? "reads only" : "\(reads) % reads, \(100 - reads) % \(other.rawValue)"
    return Workload(name: name, summary: "\(mix), \(choice.rawValue) keys", writes: reads < 100) { stage, round in
      let inputs = stage.inputs
      let count = inputs.operations(round, most: 100_000)
      // Drawn beforehand, the same for everybody: the key's number, and whether it is read.
      var random = Random(state: 100 + UInt64(round.number))
      let chosen = draw(choice, count, stage, &random)
      let isRead = (0..<count).map { _ in Int.random(in: 0..<100, using: &random) < reads }
      let first = inputs.count + stage.inserted
      var inserts = 0
      let numbers = (0..<count).map { number in
        guard other == .insert, !isRead[number] else { return chosen[number] }
        inserts += 1
        return (first + inserts - 1) % inputs.keys.count
      }
      let keys = Keys(inputs.keys, picking: numbers)
      defer { keys.free() }
      if reads < 100 { stage.isAsLoaded = false }
      let (values, version) = (inputs.values, round.number + 1)
      // What is read is there: so many bytes.
      let gets = isRead.count { $0 || other == .modify }
      let outcome = try stage.perform(count, round, expected: gets * inputs.valueSize) { session, number, target in
        if isRead[number] { return try session.get(keys[number], into: target) ?? 0 }
        let size = other == .modify ? try session.get(keys[number], into: target) ?? 0 : 0
        try session.put(values.value(for: keys[number], version: version), for: keys[number])
        return size
      }
      stage.inserted = min(stage.inserted + inserts, inputs.keys.count - inputs.count)
      return outcome
    }
  }

  private static func draw(_ choice: Choice, _ count: Int, _ stage: Stage, _ random: inout Random) -> [Int] {
    let inputs = stage.inputs
    switch choice {
    case .uniform: return (0..<count).map { _ in Int.random(in: 0..<inputs.count, using: &random) }
    case .zipfian: return (0..<count).map { _ in inputs.zipfian.item(&random) }
    case .latest:
      let newest = inputs.count + stage.inserted - 1
      return (0..<count).map { _ in newest - inputs.zipfian.rank(&random) }
    }
  }
}
