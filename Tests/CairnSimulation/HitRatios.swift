/// What policies make of a trace, with each of its sizes.
package struct HitRatios: Sendable, Codable {
  package struct Row: Sendable, Codable {
    package let policy: String
    /// For each size.
    package let misses: [Int]
    package let hitPercentages: [Double]
    package let hitPercentagesOfBytes: [Double]
    package var isOptimum: Bool { policy == Contender.optimum }
  }

  package let trace: String
  package let about: String
  package let isPublic: Bool
  package let requests: Int
  package let keys: Int
  package let unit: Trace.Unit
  package let sizes: [Int]
  /// The optimum first, then policies in the order in which they were given.
  package let rows: [Row]

  package init(of trace: Trace, contenders: [Contender]) async {
    (self.trace, about, isPublic) = (trace.name, trace.about, trace.isPublic)
    (requests, keys, unit, sizes) = (trace.requests.count, trace.keyCount, trace.unit, trace.sizes)
    let contenders = [Contender.belady] + contenders.filter { !$0.isForSizes || trace.unit != .entries }
    let capacities = trace.capacities
    let simulations = await withTaskGroup(of: (Int, Int, Simulation).self) { group in
      for row in contenders.indices {
        for column in capacities.indices {
          group.addTask { (row, column, contenders[row].run(trace.requests, capacities[column])) }
        }
      }
      var simulations = contenders.map { _ in [Simulation?](repeating: nil, count: capacities.count) }
      for await (row, column, simulation) in group { simulations[row][column] = simulation }
      return simulations.map { $0.compactMap(\.self) }
    }
    let bytes = max(trace.requests.reduce(0) { $0 + $1.byteCount }, 1)
    rows = zip(contenders, simulations).map { contender, simulations in
      Row(
        policy: contender.name, misses: simulations.map(\.misses), hitPercentages: simulations.map(\.hitPercentage),
        hitPercentagesOfBytes: simulations.map { 100 * Double(bytes - $0.missedBytes) / Double(bytes) })
    }
  }

  package func row(_ policy: String) -> Row? { rows.first { $0.policy == policy } }

  /// The highest ratio of any policy, of which the optimum is none.
  package func best(_ column: Int, _ percentages: (Row) -> [Double] = { $0.hitPercentages }) -> Double {
    rows.filter { !$0.isOptimum }.map { percentages($0)[column] }.max() ?? 0
  }

  /// What does not agree with what is published; and how much does.
  package var published: (agreeing: Int, disagreements: [String]) {
    var (agreeing, disagreements) = (0, [String]())
    for published in Published.all where isPublic && published.trace.name == trace {
      guard let row = row(published.policy) else { continue }
      if published.requests != requests {
        disagreements.append("\(trace) has \(requests) requests, and should have \(published.requests)")
        continue
      }
      for column in sizes.indices {
        let (percentage, misses) = (row.hitPercentages[column], row.misses[column])
        if published.agrees(with: percentage, misses: misses, number: column) {
          agreeing += 1
        } else {
          disagreements.append("\(published), \(sizes[column]) \(unit.rawValue): \(misses) misses, \(percentage) %")
        }
      }
    }
    return (agreeing, disagreements)
  }
}
