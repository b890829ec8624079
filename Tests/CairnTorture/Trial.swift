internal import CairnTestSupport
internal import Foundation

/// What has been done to real stores.
package struct Tally: Sendable, CustomStringConvertible {
  package var kills = 0
  package var stops = 0
  package var faults = 0
  /// Faults after which some call of the store has thrown an error.
  package var errors = 0
  /// Kills and faults that came to nothing: the call was not made this time.
  package var missed = 0
  /// States that followers have seen, each checked.
  package var followed = 0

  package init() {}

  package static func += (left: inout Tally, right: Tally) {
    left.kills += right.kills
    left.stops += right.stops
    left.faults += right.faults
    left.errors += right.errors
    left.missed += right.missed
    left.followed += right.followed
  }

  package var description: String {
    "\(kills) kills, \(stops) followers stopped or killed, \(followed) states followed, "
      + "\(faults) faults (\(errors) with errors), \(missed) missed"
  }
}

/// A part of some ``Work``, done by a process of its own, again and again: always from the same beginning, in the same
/// folder.
package struct Trial {
  /// What has become of the process.
  package struct Outcome {
    package let end: Child.End
    package let lines: [String]

    /// It came to the end.
    package var isDone: Bool { end == .exited(Worker.End.done.rawValue) }
    /// It came to the end, or got typed errors all the way.
    package var isOrderly: Bool { isDone || end == .exited(Worker.End.gaveUp.rawValue) }
    package var isKilled: Bool { end == .killed(SIGKILL) }
    /// The system had no memory for what the language itself needs: that ends any process.
    package var hasTrapped: Bool { [SIGILL, SIGTRAP, SIGABRT].contains { end == .killed($0) } }
    /// Some call of the store has thrown an error.
    package var hasFailed: Bool { lines.contains { $0.hasPrefix("failed") || $0.hasPrefix("gave up") } }
    package var description: String { "\(end), \(lines.suffix(3))" }
  }

  package let folder: String
  private let hasThreads: Bool
  private let program: String
  private let directory = TemporaryDirectory(isInMemory: true)
  private let start: Work

  /// - Parameters:
  ///   - program: `cairn-test-writer`.
  ///   - place: an empty folder to do it in, if that matters.
  ///   - done: so much of the work has been done in the beginning.
  package init(seed: UInt64, hasThreads: Bool, program: String, in place: String? = nil, done: Int) throws {
    (self.hasThreads, self.program) = (hasThreads, program)
    folder = place ?? directory.path("trial")
    start = Work(seed: seed, done: done)
    let fixture = directory.path("fixture")
    try FileManager.default.createDirectory(atPath: fixture, withIntermediateDirectories: false)
    if start.done > 0 {
      var worker = Worker(folder: fixture, seed: seed, done: 0, hasThreads: hasThreads) { _ in }
      let end = worker.run(until: start.done)
      if end != .done { throw Finding("the first \(done) steps of \(seed): \(end)", replay: "-") }
    }
  }

  /// Puts the beginning in its place.
  package func prepare() throws {
    let names = (try? Files.names(folder)) ?? []
    for name in names { Files.remove(folder + "/" + name) }
    try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    for name in try Files.names(directory.path("fixture")) {
      try Files.copyTree(directory.path("fixture/" + name), to: folder + "/" + name)
    }
  }

  /// Does the work, where the beginning has been put.
  ///
  /// - Parameters:
  ///   - conditions: `short`, or limits: see `cairn-test-writer`.
  ///   - wrap: makes a command of another one.
  ///   - meanwhile: done beside it.
  package func play(
    _ conditions: [String] = [], wrap: ([String]) -> [String] = { $0 }, meanwhile: () -> Void = {}
  ) throws -> Outcome {
    let output = directory.path("output")
    let command =
      [program, "work", folder, "\(start.seed)", "\(start.done)", "\(start.done + Work.cycle)"]
      + (hasThreads ? ["threads"] : []) + conditions
    let child = try Child(wrap(command), output: output)
    meanwhile()
    return Outcome(end: child.wait(), lines: Child.lines(output))
  }

  /// Looks at what that has left. What is wrong with it; `nil`: nothing.
  package func objection(to outcome: Outcome) -> String? {
    var aftermath = Aftermath(Prospect(start), folder: folder)
    return aftermath.objection(to: outcome.lines)
  }

  /// The same, of a store that can only be read.
  package func objectionReadOnly(to outcome: Outcome) -> String? {
    var aftermath = Aftermath(Prospect(start), folder: folder)
    return aftermath.objection(to: outcome.lines, isWriting: false)
  }
}

/// A ``Trial`` that has been done once to see by which system calls, so that it can be stopped, or disturbed, at each.
struct Rehearsal {
  let trial: Trial
  let calls: [Tracing.Call]
  private let paths: [String]

  init(seed: UInt64, hasThreads: Bool, program: String) throws {
    // Some begin where there is no store yet.
    trial = try Trial(seed: seed, hasThreads: hasThreads, program: program, done: seed % 4 == 0 ? 0 : 60)
    let directory = TemporaryDirectory()
    let log = directory.path("log")
    try trial.prepare()
    let outcome = try trial.play { Tracing.noting($0, in: log) }
    guard outcome.isDone else { throw Finding("undisturbed, \(seed): \(outcome.description)", replay: "-") }
    (calls, paths) = try Tracing.found(in: log, about: trial.folder)
  }

  /// Does it once more, with this happening to it.
  func play(_ injection: String) throws -> Trial.Outcome {
    try trial.prepare()
    return try trial.play { Tracing.injecting(injection, at: paths, $0) }
  }
}
