import Testing

@testable import Cairn

/// Goal: segments are taken where that gives something back, and a round never only writes the same removes again.
@Suite struct CompactionPlanTests {
  private static let frame = 400

  /// Each segment holds a hundred operations.
  private func plan(
    _ segments: [(live: Int, dead: Int, removes: Int)], checkpoint: UInt64 = .max, unmovable: Set<Int> = []
  ) -> CompactionPlan {
    let last = segments.count - 1
    return CompactionPlan(
      uses: segments.enumerated().map { number, segment in
        CompactionPlan.Use(
          number: UInt64(number + 1), firstSequence: UInt64(number * 100 + 1),
          byteCount: Self.frame + segment.live + segment.dead + segment.removes, liveBytes: segment.live,
          expiredBytes: 0, removeBytes: segment.removes, frameBytes: Self.frame,
          isMovable: number < last && !unmovable.contains(number))
      }, deadBytesMin: 1000, segmentBytes: 10_000, checkpointSequence: checkpoint)
  }

  @Test func theEmptiestFirst() {
    let plan = plan([(9000, 1000, 0), (1000, 9000, 0), (5000, 5000, 0), (100, 0, 0)])
    #expect(plan.excess(over: 1.5) == 4 * Self.frame + 30_100 - 15_100 - 7_550)
    #expect(plan.victims(freeing: 1) == [2] && plan.victims(freeing: 12_000) == [2, 3])
    #expect(plan.victims(freeing: 0).isEmpty && plan.victims(upTo: 2) == [1, 2])
    // Too little is dead in the first one.
    #expect(self.plan([(9900, 100, 0), (1, 0, 0)]).victims(freeing: 1).isEmpty)
  }

  /// Removes can go where nothing older is left, and the checkpoint has seen them.
  @Test func removes() {
    let segments: [(live: Int, dead: Int, removes: Int)] = [(9000, 0, 0), (0, 0, 9000), (9000, 0, 0), (1, 0, 0)]
    #expect(plan(segments).victims(upTo: .max) == [2])
    #expect(plan(segments, checkpoint: 200).victims(upTo: .max) == [2])
    let uncovered = plan(segments, checkpoint: 199)
    #expect(uncovered.victims(upTo: .max).isEmpty && uncovered.victims(freeing: 5000).isEmpty)
    #expect(uncovered.uncoveredRemoveBytes == 9000 && plan(segments, checkpoint: 200).uncoveredRemoveBytes == 0)
    // Something that they hide stays where it is: taking them would write them again, round after round.
    let hiding: [(live: Int, dead: Int, removes: Int)] = [(8000, 1000, 0), (0, 0, 9000), (1, 0, 0)]
    let held = plan(hiding, unmovable: [0])
    #expect(held.victims(upTo: .max).isEmpty && held.victims(freeing: 5000).isEmpty)
    #expect(held.hidingStart(without: [2]) == 1)
    // With what they hide they can go.
    #expect(plan(hiding).victims(upTo: .max) == [1, 2] && plan(hiding).hidingStart(without: [1, 2]) == .max)
  }

  /// What is kept of earlier versions counts like what is live, but removes may hide it.
  @Test func earlierVersions() {
    func plan(_ kept: Int, puts: Int, dead: Int) -> CompactionPlan {
      let removes = (live: 0, dead: 0, removes: 9000)
      var uses = self.plan([(0, kept + dead, 0), removes, (1, 0, 0)]).uses
      (uses[0].keptBytes, uses[0].keptPutBytes, uses[0].growth) = (kept, puts > 0 ? kept : 0, puts * 32)
      return CompactionPlan(uses: uses, deadBytesMin: 1000, segmentBytes: 10_000, checkpointSequence: .max)
    }
    // Nothing would be given back, and the removes are needed.
    let full = plan(9000, puts: 100, dead: 0)
    #expect(full.victims(upTo: .max).isEmpty && full.victims(freeing: 5000).isEmpty && full.uses[0].deadBytes == 0)
    // Records for earlier versions need none.
    #expect(plan(9000, puts: 0, dead: 0).victims(upTo: .max) == [2])
    // They would take as much space as is dead.
    #expect(plan(6000, puts: 100, dead: 3000).victims(freeing: 9500).isEmpty)
    #expect(plan(1000, puts: 10, dead: 8000).victims(freeing: 500) == [1])
    #expect(plan(1000, puts: 10, dead: 8000).victims(upTo: .max) == [1, 2])
  }

  /// A round needs little more space than it gives back.
  @Test func roundsAreBounded() {
    let many = plan(Array(repeating: (live: 9000, dead: 1000, removes: 0), count: 100))
    let taken = many.victims(freeing: 50_000)
    #expect(taken.count > 1 && taken.count * 9000 <= max(10_000, many.liveBytes / 8))
    #expect(many.victims(upTo: .max).count == taken.count)
  }
}
