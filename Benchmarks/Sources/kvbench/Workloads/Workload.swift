import BenchmarkSupport

/// Something that is done to a store again and again. One file for each kind, and its line in `allWorkloads`.
struct Workload: Sendable {
  let name: String
  let summary: String
  var needs: Abilities = []
  /// Whether it changes the store: then only peers that keep the durability class take part.
  var writes = false
  /// Whether it is about what a killed process leaves: then only peers that promise something take part.
  var needsProcess = false
  /// Whether each round begins with a new store.
  var startsEmpty = false
  /// Whether it is about a store in memory: then every key is read before.
  var isWarm = true
  /// Whether it consists of operations for one key each, by as many threads as asked for.
  var isByKey = true
  let run: @Sendable (Stage, Round) throws -> Outcome

  func isFor(_ peer: any Peer.Type, _ durability: Durability) -> Bool {
    peer.abilities.isSuperset(of: needs) && (!writes || peer.durabilities.contains(durability))
      && (!needsProcess || peer.durabilities.contains(.process))
  }
}

/// One round of a workload.
struct Round {
  let number: Int
  let threads: Int
  /// Whether each operation is timed; its latency is wanted then, not its share of the whole.
  var isTimed = false
  /// So many operations, if there are as many keys; `nil`: as many as the workload finds right.
  var operations: Int?
}

struct Outcome {
  var operations: Int
  var nanoseconds: UInt64
  var latency: Histogram?

  var nanosecondsPerOperation: Double { Double(nanoseconds) / Double(operations) }
}

let allWorkloads: [Workload] =
  Workload.reads + [.readWhileWriting] + Workload.writing + Workload.ycsb + Workload.ranges + Workload.openings + [
    .getCold
  ]
