import BenchmarkSupport
import Foundation

/// What the rounds of a workload on one engine gave.
struct Measured {
  let stage: Stage
  var times = Samples()
  var latency = Histogram()
}

/// Carries out workloads on engines in turns.
struct Runner {
  var rounds: Int
  /// So many operations in a round; `nil`: as the workload finds right.
  var operations: Int?

  /// A B A B …: each round measures every stage once. Reads are preceded by a round that does not count.
  func measure(_ work: Workload, _ stages: [Stage], threads: Int = 1, isTimed: Bool = false) throws -> [Measured] {
    let stages = work.startsEmpty ? stages.map { $0.elsewhere() } : stages
    var results = stages.map { Measured(stage: $0) }
    let first = work.writes ? 0 : -1
    for number in first..<rounds {
      for place in stages.indices {
        let stage = stages[place]
        if work.startsEmpty { try stage.startAgain() }
        let round = Round(number: max(0, number), threads: threads, isTimed: isTimed, operations: operations)
        let outcome = try work.run(stage, round)
        if work.startsEmpty { try stage.remove() } else if work.writes { try stage.peer?.settle() }
        // What one has left to be written is not to be paid by the next.
        if work.writes { sync() }
        guard number >= 0 else { continue }
        results[place].times.values.append(outcome.nanosecondsPerOperation)
        if let latency = outcome.latency { results[place].latency.add(latency) }
      }
    }
    return results
  }
}

extension Measured {
  func row(_ work: String, threads: Int) -> Row {
    Row(
      work: work, keys: stage.inputs.count, valueSize: stage.inputs.valueSize, threads: threads,
      durability: stage.options.durability, engine: stage.type.name, nanosecondsPerOp: Spread(times),
      latency: latency.total > 0 ? Latency(latency) : nil)
  }
}
