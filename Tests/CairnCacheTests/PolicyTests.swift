import CairnCache
import CairnTestSupport
import Testing

/// Goal: policies give up exactly what those that they are called after do.
/// Method: published counts of misses on public traces, to the last one.
@Suite(.enabled(if: Trace.areThere, "the traces are not there: set CAIRN_TRACES")) struct PolicyTraceTests {
  private static let sizes = [128, 256, 384, 512, 640, 768, 896, 1024]
  // Without optimisation a few of them take as long as all of them with it.
  #if DEBUG
    private static let tried = [0, 7]
  #else
    private static let tried = Array(sizes.indices)
  #endif

  struct Published: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let misses: [Int]
    let run: @Sendable ([Trace.Request], Int) -> Simulation

    init(_ name: String, _ policy: some EvictionPolicy, _ misses: [Int]) {
      (testDescription, self.misses) = (name, misses)
      run = { Simulation($0, policy, capacity: $1) }
    }
  }

  /// libCacheSim, `test/test_evictionAlgo.c`.
  @Test(arguments: [
    Published("LRU", .lru, [93374, 89783, 83572, 81722, 72494, 72104, 71972, 71704]),
    Published("FIFO", .fifo, [93403, 89386, 84387, 84025, 72498, 72228, 72182, 72140]),
    Published("SIEVE", .sieve, [91699, 86720, 78578, 76707, 69945, 66221, 64445, 64376]),
    Published("LFU", .lfu, [91699, 86720, 78578, 76707, 69945, 66221, 64445, 64376]),
    Published("S3-FIFO", .s3FIFO, [88746, 80630, 76450, 71638, 67380, 65680, 66125, 64417]),
    Published(
      "S3-FIFO, 2", S3FIFOPolicy(threshold: 2), [89307, 82387, 77041, 76791, 71300, 70343, 70455, 70355]),
    Published("GDSF", .gdsf, [89068, 84750, 74853, 70488, 67919, 64180, 61029, 58721]),
  ]) func published(_ published: Published) throws {
    let trace = try Trace.cloudPhysics.requests()
    #expect(trace.count == 113_872)
    for number in Self.tried {
      #expect(
        published.run(trace, Self.sizes[number] << 20).misses == published.misses[number], "\(Self.sizes[number])")
    }
  }

  @Test func bytes() throws {
    let trace = try Trace.cloudPhysics.requests()
    func expect(_ policy: some EvictionPolicy, _ missed: [Int]) {
      for number in Self.tried {
        let simulation = Simulation(trace, policy, capacity: Self.sizes[number] << 20)
        #expect(simulation.missedBytes == missed[number], "\(Self.sizes[number])")
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
    #expect(Simulation(trace, .largestFirst, capacity: 128 << 20).misses == 81102)
    #expect(Simulation(trace, .largestFirst, capacity: 1024 << 20).misses == 63419)
  }

  /// ARC's OLTP. Megiddo, Modha, *ARC: A Self-Tuning, Low Overhead Replacement Cache*, FAST 2003. Of W-TinyLFU with a
  /// window that adapts, the ratios that its authors' simulator has shown; others' differ by their hashes.
  @Test func entries() throws {
    let trace = try Trace.oltp.requests()
    #expect(trace.count == 914_145)
    let all = [(250, 763_554, 24.73), (500, 699_820, 33.70), (1000, 614_023, 39.95), (2000, 525_910, 46.07)]
    for (size, misses, published) in all.prefix(Self.tried.count / 2) {
      #expect(Simulation(trace, .lru, capacity: size).misses == misses)
      let adaptive = Simulation(trace, .wTinyLFU, capacity: size)
      let percentage = adaptive.hitPercentage
      #expect(adaptive.misses < misses && abs(percentage - published) < 1, "\(size): \(percentage)")
    }
  }

  /// What the others are bad at.
  @Test func loopsAndScans() throws {
    let (loop, corda, glimpse) = (try Trace.loop.requests(), try Trace.corda.requests(), try Trace.glimpse.requests())
    #expect(Simulation(loop, .lru, capacity: 512).hitPercentage == 0)
    #expect(Simulation(loop, .wTinyLFU, capacity: 512).hitPercentage > 35)
    #expect(Simulation(corda, .lru, capacity: 512).hitPercentage > 33)
    #expect(Simulation(corda, .sieve, capacity: 512).hitPercentage < 1)
    #expect(Simulation(corda, .wTinyLFU, capacity: 512).hitPercentage > 30)
    let sizes = Array(stride(from: 250, through: 2000, by: 250))
    let ratios = sizes.map { (Simulation(glimpse, .lru, capacity: $0).hitPercentage * 100).rounded() / 100 }
    #expect(ratios == [0.91, 0.95, 1.15, 11.21, 21.25, 36.56, 45.04, 57.41])
  }
}
