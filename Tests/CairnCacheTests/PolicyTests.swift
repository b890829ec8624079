import CairnCache
import CairnSimulation
import Testing

/// Goal: policies give up exactly what those that they are called after do.
/// Method: published counts of misses on public traces, to the last one.
@Suite(.enabled(if: PublicTrace.areThere, "the traces are not there: set CAIRN_TRACES")) struct PolicyTraceTests {
  /// The numbers of the sizes that are tried. Without optimisation a few of them take as long as all of them with it.
  private static func tried(_ trace: PublicTrace) -> [Int] {
    #if DEBUG
      switch trace {
      case .cloudPhysics, .glimpse: [0, 7]
      case .oltp, .loop, .corda, .zipf: [3]
      }
    #else
      Array(trace.sizes.indices)
    #endif
  }

  private static func contender(_ name: String) throws -> Contender {
    if name == Contender.optimum { return .belady }
    return try #require(Contender.all.first { $0.name == name })
  }

  @Test(arguments: [PublicTrace.cloudPhysics, .oltp, .glimpse, .zipf]) func published(_ file: PublicTrace) throws {
    let trace = try file.trace()
    let expected = Published.all.filter { $0.trace == file }
    #expect(!expected.isEmpty)
    for published in expected {
      #expect(trace.requests.count == published.requests)
      let contender = try Self.contender(published.policy)
      for number in Self.tried(file) {
        let simulation = contender.run(trace.requests, trace.capacities[number])
        let (percentage, misses) = (simulation.hitPercentage, simulation.misses)
        #expect(
          published.agrees(with: percentage, misses: misses, number: number),
          "\(published), \(file.sizes[number]): \(misses) misses, \(percentage) %")
      }
    }
  }

  @Test func bytes() throws {
    let trace = try PublicTrace.cloudPhysics.trace()
    func expect(_ policy: some EvictionPolicy, _ missed: [Int]) {
      for number in Self.tried(.cloudPhysics) {
        let simulation = Simulation(trace.requests, policy, capacity: trace.capacities[number])
        #expect(simulation.missedBytes == missed[number], "\(trace.sizes[number])")
      }
    }
    expect(
      .lru,
      [
        4_214_303_232, 4_061_242_368, 3_778_040_320, 3_660_569_600, 3_100_927_488, 3_078_128_640, 3_075_403_776,
        3_061_662_720,
      ])
    expect(
      .sieve,
      [
        4_158_632_960, 3_917_211_648, 3_536_227_840, 3_455_379_968, 3_035_580_416, 2_801_699_328, 2_699_456_000,
        2_696_345_600,
      ])
    // Of our own, the same in every run.
    #expect(Simulation(trace.requests, .largestFirst, capacity: 128 << 20).misses == 81102)
    #expect(Simulation(trace.requests, .largestFirst, capacity: 1024 << 20).misses == 63419)
  }

  /// W-TinyLFU is to be taken where nobody knows what will be asked for: there it must not be worse than what is plain.
  @Test(arguments: [PublicTrace.oltp, .glimpse]) func adaptiveIsNoWorseThanLRU(_ file: PublicTrace) throws {
    let trace = try file.trace()
    for number in Self.tried(file) {
      let plain = Simulation(trace.requests, .lru, capacity: trace.capacities[number])
      let adaptive = Simulation(trace.requests, .wTinyLFU, capacity: trace.capacities[number])
      #expect(adaptive.misses <= plain.misses, "\(trace.sizes[number])")
    }
  }

  /// What the others are bad at.
  @Test func loopsAndScans() throws {
    let (loop, corda) = (try PublicTrace.loop.requests(), try PublicTrace.corda.requests())
    #expect(Simulation(loop, .lru, capacity: 512).hitPercentage == 0)
    #expect(Simulation(loop, .wTinyLFU, capacity: 512).hitPercentage > 35)
    #expect(Simulation(corda, .lru, capacity: 512).hitPercentage > 33)
    #expect(Simulation(corda, .sieve, capacity: 512).hitPercentage < 1)
    #expect(Simulation(corda, .wTinyLFU, capacity: 512).hitPercentage > 30)
  }

  /// What is published is compared in the program as well, which says so where something else comes out.
  @Test func disagreementsAreFound() throws {
    for published in Published.all {
      for number in published.trace.sizes.indices {
        let (misses, percentage) =
          switch published.expectation {
          case .misses(let misses): (misses[number], 0.0)
          case .percentages(let percentages), .about(let percentages, _): (0, percentages[number])
          }
        #expect(published.agrees(with: percentage, misses: misses, number: number))
        #expect(!published.agrees(with: percentage + 2, misses: misses + 1, number: number))
      }
    }
  }
}
