package import CairnCache

/// A policy that is measured, by its name.
package struct Contender: Sendable {
  package let name: String
  /// It does something else than others only where entries weigh differently.
  package var isForSizes = false
  package let run: @Sendable ([Trace.Request], _ capacity: Int) -> Simulation

  package init(_ name: String, isForSizes: Bool = false, _ policy: some EvictionPolicy) {
    self.init(name) { Simulation($0, policy, capacity: $1) }
    self.isForSizes = isForSizes
  }

  private init(_ name: String, run: @escaping @Sendable ([Trace.Request], Int) -> Simulation) {
    (self.name, self.run) = (name, run)
  }

  /// The optimum, which is no policy: it knows what comes.
  package static let belady = Contender(optimum) { Simulation($0, optimumOf: $1) }

  /// What others are compared with.
  package static let reference = "LRU"
  package static let optimum = "optimum"

  /// All that costs have no part in: those of what is asked for here are all the same, and the policies that rank by
  /// cost are FIFO then.
  package static let all = [
    Contender("W-TinyLFU", .wTinyLFU),
    Contender("S3-FIFO", .s3FIFO),
    Contender("S3-FIFO 2", S3FIFOPolicy(threshold: 2)),
    Contender("SIEVE", .sieve),
    Contender("LRU", .lru),
    Contender("FIFO", .fifo),
    Contender("LFU", .lfu),
    Contender("GDSF", .gdsf),
    Contender("largest first", isForSizes: true, .largestFirst),
  ]
}
