import CairnTestSupport
import CairnTorture
import Foundation
import Testing

/// Goal: whatever system call fails, once or for ever, the process lives, throws typed errors and shows no wrong value;
/// what failed is not seen, what was acknowledged stays, and after a failed commit nothing is written until the store
/// is opened again.
/// Method: a child does something of everything, looks at the store after each error, and tries to go on; then
/// everything is read without the fault. Two followers check what they see of it, and must come to the last state.
@Suite(.serialized) struct CallFaultTests {
  #if DEBUG
    private static let faults = 40
  #else
    private static let faults = 120
  #endif

  private func faults(_ hasThreads: Bool) throws -> CallSweep {
    try CallSweep(.faults, seed: SeededRandom.seeds(1)[0], hasThreads: hasThreads, program: Writer.program)
  }

  @Test(.enabled(if: Tracing.isPossible, "\(Tracing.reason)"), arguments: [false, true])
  func anyCall(hasThreads: Bool) throws {
    var faults = try faults(hasThreads)
    #expect(faults.count > 1000)
    for _ in 0..<Self.faults { _ = try faults.run() }
    // With threads, calls are not quite the same each time.
    #expect(faults.totals[.faults] >= Self.faults * 2 / 3, "\(faults.totals)")
    #expect(faults.totals[.errors] >= Self.faults / 10, "\(faults.totals)")
    print(faults.totals)
  }

  /// A disk that loses what it was to keep, and says so once.
  @Test(.enabled(if: Tracing.isPossible, "\(Tracing.reason)")) func syncs() throws {
    var faults = try faults(false)
    faults.keep(["fdatasync", "fsync"], "EIO")
    let attempts = min(faults.count, Self.faults / 2)
    for _ in 0..<attempts { _ = try faults.run() }
    #expect(attempts > 10)
    #expect(faults.totals[.faults] >= attempts * 2 / 3, "\(faults.totals)")
    #expect(faults.totals[.errors] > 0)
    print(faults.totals)
  }

  /// A backup or a frozen file that cannot be made: there is none, or the one from before.
  @Test(.enabled(if: Tracing.isPossible, "\(Tracing.reason)")) func unfinishedCopies() throws {
    var faults = try faults(false)
    faults.keepUnfinishedCopies()
    #expect(faults.count > 100)
    // On a busy machine the calls come in another order, and fewer of those that fail are of copies.
    for number in 0..<Self.faults where number < Self.faults / 2 || faults.ofCopies < Self.faults / 3 {
      _ = try faults.run()
    }
    #expect(faults.ofCopies >= Self.faults / 3, "\(faults.totals)")
    #expect(faults.totals[.errors] > 0)
    print(faults.totals)
  }

  /// The kernel may read and write less than it is asked for.
  @Test(arguments: [false, true]) func shortTransfers(hasThreads: Bool) throws {
    for seed in SeededRandom.seeds(4) {
      let trial = try Trial(seed: seed, hasThreads: hasThreads, program: Writer.program, done: 60)
      try trial.prepare()
      let outcome = try trial.play(["short"])
      if outcome.lines.contains("short impossible") { try Test.cancel("sanitizers make system calls in their own way") }
      let count = outcome.lines.last { $0.hasPrefix("short") }.flatMap { Int($0.dropFirst(6)) } ?? 0
      #expect(outcome.isDone && !outcome.hasFailed, "seed \(seed): \(outcome.description)")
      #expect(count > 20, "seed \(seed)")
      let objection = trial.objection(to: outcome)
      #expect(objection == nil, "seed \(seed)")
    }
  }
}
