internal import CairnTestSupport
internal import Foundation

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
    /// It had no memory for something that it cannot go on without: what the language itself needs, or the store in the
    /// middle of what must be done as a whole. The runtime says so and traps, and the store does in debug builds; where
    /// there is no memory for these words either, the runtime reads at address 0 (so Swift 6.3.1: `malloc`'s result is
    /// used unseen in its demangler and its report). What is said of any other trap, of a failed precondition or an
    /// error that nobody caught, is no such end.
    package var hasTrapped: Bool {
      let reasons = ["out of memory", "failed to allocate"]
      let errors = lines.filter { $0.contains("Fatal error") }
      return [SIGILL, SIGTRAP, SIGABRT, SIGSEGV].contains { end == .killed($0) }
        && errors.allSatisfy { line in reasons.contains { line.contains($0) } }
    }
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

  /// Two followers of the store: they have seen what there is, or wait for what is to come.
  func followers() throws -> (early: Follower, late: Follower) {
    func follower(_ name: String) throws -> Follower {
      try Follower(folder + "/store", seed: start.seed, program: program, name: directory.path(name))
    }
    let (early, late) = (try follower("early"), try follower("late"))
    if start.done > 0 {
      early.waitUntilOpen()
      late.waitUntilOpen()
    }
    return (early, late)
  }

  /// The same, of what followers have seen besides.
  ///
  /// - Parameters:
  ///   - early: looks for the last time before anybody else opens what has been left.
  ///   - late: looks for the last time after it has been opened for writing.
  ///   - replay: shows it again.
  /// - Returns: what is wrong, and how many states they have seen.
  func objection(
    to outcome: Outcome, early: Follower, late: Follower, replay: String
  ) throws -> (what: String?, states: Int) {
    var aftermath = Aftermath(Prospect(start), folder: folder)
    let first = try early.end(replay: replay)
    let objection = aftermath.objection(to: outcome.lines, seen: first)
    if let objection { return (objection, first.states) }
    let second = try late.end(replay: replay)
    return (aftermath.objection(to: second), first.states + second.states)
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
  private let conditions: [String]

  init(seed: UInt64, hasThreads: Bool, program: String) throws {
    // Some begin where there is no store yet.
    trial = try Trial(seed: seed, hasThreads: hasThreads, program: program, done: seed % 4 == 0 ? 0 : 60)
    // In others, what is written at once otherwise takes several calls: files end in the middle of batches.
    conditions = seed % 2 == 1 ? ["short"] : []
    let directory = TemporaryDirectory()
    let log = directory.path("log")
    try trial.prepare()
    let outcome = try trial.play(conditions) { Tracing.noting($0, in: log) }
    guard outcome.isDone else { throw Finding("undisturbed, \(seed): \(outcome.description)", replay: "-") }
    (calls, paths) = try Tracing.found(in: log, about: trial.folder)
  }

  /// Does it once more, where the beginning has been put, with this happening to it. Where that has happened: no call
  /// is sure to be made again.
  func play(_ injection: String) throws -> (outcome: Trial.Outcome, injected: [Substring]) {
    let directory = TemporaryDirectory()
    let log = directory.path("log")
    let outcome = try trial.play(conditions) { Tracing.injecting(injection, at: paths, in: log, $0) }
    return (outcome, try Tracing.injected(in: log))
  }
}
