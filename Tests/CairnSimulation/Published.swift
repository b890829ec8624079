/// What others have counted on public traces.
package struct Published: Sendable, CustomStringConvertible {
  package enum Expectation: Sendable {
    /// To the last one.
    case misses([Int])
    /// Hits in percent, with two digits.
    case percentages([Double])
    /// Hits in percent, so many points more or less: a policy that looks at hashes has others in each program.
    case about([Double], points: Double)
  }

  package let trace: PublicTrace
  package let policy: String
  /// For each of the trace's sizes.
  package let expectation: Expectation
  /// How many requests the trace has.
  package let requests: Int

  package var description: String { "\(policy), \(trace.name)" }

  /// Whether a simulation with the size of this number has come out as published.
  package func agrees(with percentage: Double, misses: Int, number: Int) -> Bool {
    switch expectation {
    case .misses(let published): misses == published[number]
    case .percentages(let published): (percentage * 100).rounded() == (published[number] * 100).rounded()
    case .about(let published, let points): abs(percentage - published[number]) <= points
    }
  }

  package static let all = cloudPhysics + oltp + glimpse + zipf

  private static func of(
    _ trace: PublicTrace, _ requests: Int, _ expectations: KeyValuePairs<String, Expectation>
  ) -> [Published] {
    expectations.map { Published(trace: trace, policy: $0.key, expectation: $0.value, requests: requests) }
  }

  /// libCacheSim, `test/test_evictionAlgo.c`.
  private static let cloudPhysics = of(
    .cloudPhysics, 113_872,
    [
      Contender.optimum: .misses([79256, 70724, 65481, 61594, 59645, 57599, 50873, 48974]),
      "LRU": .misses([93374, 89783, 83572, 81722, 72494, 72104, 71972, 71704]),
      "FIFO": .misses([93403, 89386, 84387, 84025, 72498, 72228, 72182, 72140]),
      "SIEVE": .misses([91699, 86720, 78578, 76707, 69945, 66221, 64445, 64376]),
      "LFU": .misses([91699, 86720, 78578, 76707, 69945, 66221, 64445, 64376]),
      "S3-FIFO": .misses([88746, 80630, 76450, 71638, 67380, 65680, 66125, 64417]),
      "S3-FIFO 2": .misses([89307, 82387, 77041, 76791, 71300, 70343, 70455, 70355]),
      "GDSF": .misses([89068, 84750, 74853, 70488, 67919, 64180, 61029, 58721]),
    ])

  /// ARC's OLTP. Megiddo, Modha, *ARC: A Self-Tuning, Low Overhead Replacement Cache*, FAST 2003. Of W-TinyLFU with a
  /// window that adapts, what has been reported to the authors of BitFaster.Caching.
  private static let oltp = of(
    .oltp, 914_145,
    [
      "LRU": .misses([763_554, 699_820, 655_618, 614_023, 583_136, 560_407, 541_282, 525_910]),
      "W-TinyLFU": .about([24.73, 33.70, 37.11, 39.95, 42.33, 43.71, 45.01, 46.07], points: 1),
    ])

  /// From the same place.
  private static let glimpse = of(
    .glimpse, 6015, ["LRU": .percentages([0.91, 0.95, 1.15, 11.21, 21.25, 36.56, 45.04, 57.41])])

  /// libCacheSim, `doc/diagram/mr_zipf.png`, with the digits of a simulation that agrees with the drawing.
  private static let zipf = of(
    .zipf, 1_000_000,
    [
      "LRU": .percentages([2.95, 12.57, 21.06, 31.41, 46.00, 57.53, 69.67, 82.41]),
      "FIFO": .percentages([2.95, 11.42, 18.23, 26.88, 40.46, 51.98, 64.56, 78.36]),
      "SIEVE": .percentages([2.95, 23.58, 34.33, 44.48, 57.50, 67.12, 76.70, 86.13]),
    ])
}
