import BenchmarkSupport
import Foundation

/// What the rounds of a workload on one engine gave.
struct Measured {
  let stage: Stage
  var times = Samples()
  /// Of each round, if operations were timed.
  var latencies: [Histogram] = []

  var latency: Histogram? {
    guard var all = latencies.first else { return nil }
    for other in latencies.dropFirst() { all.add(other) }
    return all
  }

  /// Of each round, the time that 99 % of the operations did not exceed.
  var p99: Samples { Samples(latencies.map { Double($0.value(at: 0.99)) }) }

  func row(_ work: String, threads: Int) -> Row {
    Row(
      work: work, keys: stage.inputs.count, valueSize: stage.inputs.valueSize, threads: threads,
      durability: stage.options.durability, engine: stage.type.name, nanosecondsPerOp: Spread(times),
      latency: latency.map { Latency($0) })
  }
}

/// One thing to be measured in turn with others.
struct Turn {
  let work: Workload
  let stage: Stage
  var threads = 1
  var isTimed = false
}

/// Carries out workloads in turns.
struct Runner {
  var rounds: Int

  /// A B, B A, A B …: each round measures everything once, and who goes first changes. Before the first round every key
  /// is read once; then ends what writing has left.
  func measure(_ turns: [Turn]) throws -> [Measured] {
    let turns = turns.map { turn in
      turn.work.startsEmpty
        ? Turn(work: turn.work, stage: turn.stage.elsewhere(), threads: turn.threads, isTimed: turn.isTimed) : turn
    }
    var results = turns.map { Measured(stage: $0.stage) }
    for turn in turns where turn.work.isWarm && !turn.work.startsEmpty { try turn.stage.warm() }
    for number in 0..<rounds {
      for place in number % 2 == 0 ? Array(turns.indices) : turns.indices.reversed() {
        let outcome = try round(number, turns[place])
        results[place].times.values.append(outcome.nanosecondsPerOperation)
        if let latency = outcome.latency { results[place].latencies.append(latency) }
      }
    }
    for turn in turns where turn.work.writes && !turn.work.startsEmpty { try turn.stage.settle() }
    return results
  }

  private func round(_ number: Int, _ turn: Turn) throws -> Outcome {
    if turn.work.startsEmpty { try turn.stage.startAgain() }
    let outcome = try turn.work.run(
      turn.stage, Round(number: number, threads: turn.threads, isTimed: turn.isTimed))
    if turn.work.startsEmpty { try turn.stage.remove() }
    // What one has left to be written is not to be paid by the next.
    if turn.work.writes { sync() }
    return outcome
  }

  func measure(_ work: Workload, _ stages: [Stage], threads: Int = 1, isTimed: Bool = false) throws -> [Measured] {
    try measure(stages.map { Turn(work: work, stage: $0, threads: threads, isTimed: isTimed) })
  }

  /// The same, with the latencies of one more round, whose times do not count.
  func measureWithLatencies(_ work: Workload, _ stages: [Stage], threads: Int) throws -> [Measured] {
    var measured = try measure(work, stages, threads: threads)
    guard work.isByKey else { return measured }
    let timed = try Runner(rounds: 1).measure(work, stages, threads: threads, isTimed: true)
    for place in measured.indices { measured[place].latencies = timed[place].latencies }
    return measured
  }
}
