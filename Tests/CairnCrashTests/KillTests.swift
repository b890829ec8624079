import CairnTestSupport
import CairnTorture
import Foundation
import Testing

/// Goal: a killed process loses nothing that was acknowledged, batches are whole, relaxed writes lose an end at most;
/// and who follows sees nothing else.
/// Method: a child does something of everything and acknowledges it, until it is killed (SIGKILL); what it had promised
/// follows from its seed. Then everything is read, as it is and after it has been opened for writing. Followers, in
/// processes of their own, check each state that they come across, and must come to the last one.
@Suite(.serialized) struct KillTests {
  #if DEBUG
    private static let kills = 12
    private static let calls = 40
  #else
    // Of 450 attempts, two thirds at least must succeed: 300 kills.
    private static let kills = 30
    private static let calls = 150
  #endif

  /// Again and again in the same store, at random moments, with followers that are stopped and killed meanwhile.
  @Test(arguments: 0..<5) func again(number: Int) throws {
    var kills = try Kills(seed: SeededRandom.seeds(1)[0], program: Writer.program, followers: 2)
    for _ in 0..<Self.kills { try kills.run() }
    // Each has to come to the last state, however few it has had time for before.
    #expect(kills.followerCount == 2)
    try kills.finish()
    #expect(kills.totals[.kills] >= Self.kills * 2 / 3, "\(kills.totals)")
    print(kills.totals)
  }

  @Test(.enabled(if: Tracing.isPossible, "\(Tracing.reason)"), arguments: [false, true])
  func beforeSystemCalls(hasThreads: Bool) throws {
    var kills = try CallSweep(
      .kills, seed: SeededRandom.seeds(1)[0], hasThreads: hasThreads, program: Writer.program)
    #expect(kills.count > 100)
    // With threads, calls are not quite the same each time.
    var attempts = 0
    while attempts < Self.calls, try kills.run() { attempts += 1 }
    #expect(attempts == Self.calls)
    #expect(kills.totals[.kills] >= Self.calls * 2 / 3, "\(kills.totals)")
    #expect(kills.totals[.followed] > Self.calls)
    print(kills.totals)
  }

  /// What is left of a copy then, the next one removes.
  @Test(.enabled(if: Tracing.isPossible, "\(Tracing.reason)")) func inUnfinishedCopies() throws {
    var kills = try CallSweep(.kills, seed: SeededRandom.seeds(1)[0], hasThreads: false, program: Writer.program)
    kills.keepUnfinishedCopies()
    let attempts = min(kills.count, Self.calls / 4)
    for _ in 0..<attempts { _ = try kills.run() }
    #expect(attempts >= 10)
    #expect(kills.totals[.kills] >= attempts * 2 / 3, "\(kills.totals)")
    print(kills.totals)
  }

  /// Goal: what is promised to be on the disk is found there by its name, whoever has made the directory.
  /// Method: the writer that makes it is killed before it can sync its parent; the next one has to.
  @Test(.enabled(if: Tracing.isPossible, "\(Tracing.reason)")) func aDirectoryThatNobodyHasSynced() throws {
    let trial = try Trial(seed: 1, hasThreads: false, program: Writer.program, done: 0)
    try trial.prepare()
    let outcome = try trial.play { Tracing.injecting("fsync:signal=KILL:when=1", at: [], $0) }
    #expect(outcome.isKilled)
    #expect(try Files.names(trial.folder + "/store") == [])
    let directory = TemporaryDirectory()
    let again = try trial.play { Tracing.noting($0, in: directory.path("calls")) }
    #expect(again.isDone)
    let calls = String(decoding: try Files.read(directory.path("calls")), as: UTF8.self)
    let sync = calls.split(separator: "\n").first { $0.contains("fsync(") }
    #expect(sync?.contains("<\(trial.folder)>") == true)
  }
}
