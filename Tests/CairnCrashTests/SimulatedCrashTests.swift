import CairnTestSupport
import CairnTorture
import Foundation
import Synchronization
import Testing

/// F1-WRT-001, F1-WRT-005.
/// Goal: whenever the process is killed or the power fails, and whatever the disk keeps of what was not synced: the
/// store opens, holds a state that it went through, with everything that was acknowledged as durable in it, batches
/// whole; and that is still so when the recovery itself is interrupted, over and over.
/// Method: the engine runs on a simulated disk (see `Tests/TORTURE.md`): short scripts of which everything is tried,
/// and long lives at random. `make torture` does the same for longer.
@Suite(.serialized) struct SimulatedCrashTests {
  #if DEBUG
    // Many times slower: a sample.
    private static let (scripts, stores, lives, least) = (sample(of: 10), 2, 25, 300)
  #else
    private static let (scripts, stores, lives, least) = (all(upTo: 2), 4, 100, 20_000)
  #endif

  private static func all(upTo length: Int) -> [Script] { (0...length).flatMap { Script.all(ofLength: $0) } }

  private static func sample(of count: Int) -> [Script] {
    var random = SeededRandom(seed: SeededRandom.seeds(1)[0])
    return Array(all(upTo: 4).shuffled(using: &random).prefix(count))
  }

  /// Runs bodies in parallel; what one of them throws is recorded.
  private func run<T: Sendable>(_ inputs: [T], _ body: @Sendable (T) throws -> Totals) -> Totals {
    let totals = Mutex(Totals())
    DispatchQueue.concurrentPerform(iterations: inputs.count) { number in
      do {
        let done = try body(inputs[number])
        totals.withLock { $0 += done }
      } catch {
        Issue.record("\(error)")
      }
    }
    return totals.withLock { $0 }
  }

  @Test func everyShortScript() {
    let seed = SeededRandom.seeds(1)[0]
    let totals = run(Self.scripts) { script in
      var exhaustive = Exhaustive(script, seed: seed)
      return try exhaustive.run()
    }
    print("simulated crashes: \(totals)")
    #expect(totals[.images] >= Self.least)
  }

  @Test func manyLives() {
    let losses = Mutex(0)
    let totals = run(SeededRandom.seeds(Self.stores)) { seed in
      var lives = try Lives(seed: seed)
      for _ in 0..<Self.lives { try lives.live() }
      losses.withLock { [found = lives.losses] in $0 += found }
      return lives.totals
    }
    // The oracle is worth something only if commits were lost, and none that had been promised.
    #expect(losses.withLock { $0 } > 0)
    print("simulated crashes: \(totals)")
    #expect(totals[.images] >= Self.least / 10)
    #expect(totals[.interruptions] > totals[.lives])
  }

  /// Goal: a seed repeats a failure, byte for byte.
  /// Method: two processes live the same lives.
  @Test func seedsRepeat() throws {
    let directory = TemporaryDirectory()
    let outputs = try (0..<2).map { number in
      let output = directory.path("\(number)")
      let child = try Child([Writer.torture, "lives", "5", "6"], output: output)
      #expect(child.wait() == .exited(0))
      return Child.lines(output).joined(separator: "\n")
    }
    #expect(outputs[0] == outputs[1] && outputs[0].contains("digest"))
  }
}
