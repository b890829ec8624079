/// What a policy makes of all traces with all sizes. Shares are means of hit ratios divided by those of the optimum, in
/// percent: traces that little can be had of count as much as others.
package struct Summary: Sendable, Codable {
  /// A difference in percentage points, and where it is.
  package struct Distance: Sendable, Codable {
    package let points: Double
    package let place: String
  }

  package let policy: String
  package let share: Double
  /// `nil`: there are no such traces.
  package let shareOfPublic: Double?
  package let shareOfGenerated: Double?
  /// Of each trace.
  package let shares: [Double]
  /// The mean distance to the optimum.
  package let belowOptimum: Double
  /// Where it is the furthest below LRU, or the least above it; `nil`: it is LRU, or that has not been measured.
  package let worstToReference: Distance?
  /// Where it is the furthest below the best one of all policies there.
  package let worstToBest: Distance

  /// Of those that have been measured on all traces; the one with the largest share first: of public traces,
  /// where they are there. That of generated ones says more about who has chosen them.
  package static func all(_ ratios: [HitRatios]) -> [Summary] {
    var policies: [String] = []
    for row in ratios.flatMap(\.rows) where !row.isOptimum && !policies.contains(row.policy) {
      policies.append(row.policy)
    }
    return policies.compactMap { Summary(of: $0, ratios) }.sorted {
      ($0.shareOfPublic ?? $0.share) > ($1.shareOfPublic ?? $1.share)
    }
  }

  private init?(of policy: String, _ ratios: [HitRatios]) {
    var (shares, isPublic) = ([Double](), [Bool]())
    var (below, toReference, toBest) = ([Double](), [Distance](), [Distance]())
    for table in ratios {
      guard let own = table.row(policy), let optimum = table.row(Contender.optimum) else { return nil }
      let reference = policy == Contender.reference ? nil : table.row(Contender.reference)
      var ofTrace: [Double] = []
      for (column, size) in table.sizes.enumerated() {
        let (ratio, highest) = (own.hitPercentages[column], optimum.hitPercentages[column])
        // Where nothing can be had, everybody has all of it.
        ofTrace.append(highest > 0 ? 100 * ratio / highest : 100)
        below.append(highest - ratio)
        let place = "\(table.trace), \(size)" + (table.unit == .entries ? "" : " \(table.unit.rawValue)")
        if let reference {
          toReference.append(Distance(points: ratio - reference.hitPercentages[column], place: place))
        }
        toBest.append(Distance(points: ratio - table.best(column), place: place))
      }
      shares.append(Self.mean(ofTrace) ?? 100)
      isPublic.append(table.isPublic)
    }
    guard let all = Self.mean(shares), let belowOptimum = Self.mean(below),
      let worstToBest = Self.worst(toBest)
    else { return nil }
    self.policy = policy
    func share(_ wanted: Bool) -> Double? { Self.mean(zip(shares, isPublic).filter { $1 == wanted }.map(\.0)) }
    (self.share, shareOfPublic, shareOfGenerated, self.shares) = (all, share(true), share(false), shares)
    self.belowOptimum = belowOptimum
    (worstToReference, self.worstToBest) = (Self.worst(toReference), worstToBest)
  }

  private static func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  private static func worst(_ distances: [Distance]) -> Distance? { distances.min { $0.points < $1.points } }
}
