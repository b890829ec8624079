internal import CairnTestSupport
internal import Foundation

/// A writer that is killed before each of its system calls, or some of them.
package struct CallKills {
  private let rehearsal: Rehearsal
  private var rest: [(injection: String, call: Tracing.Call)]
  private let replay: String
  package private(set) var totals = Totals()

  /// - Parameter program: `cairn-test-writer`.
  package init(seed: UInt64, hasThreads: Bool, program: String) throws {
    rehearsal = try Rehearsal(seed: seed, hasThreads: hasThreads, program: program)
    var random = SeededRandom(seed: seed)
    rest = rehearsal.calls.map { ("\($0.name):signal=KILL:when=\($0.number)", $0) }.shuffled(using: &random)
    replay = "cairn-torture call-kills \(seed) 1\(hasThreads ? " --threads" : "") --at "
  }

  /// Calls that are to come.
  package var count: Int { rest.count }

  /// Only those that concern a copy that is not whole yet.
  package mutating func keepUnfinishedCopies() { rest.removeAll { !$0.call.isOfCopy } }

  /// The next one. Returns whether there was one left. Throws a ``Finding``.
  package mutating func run() throws -> Bool {
    guard let next = rest.popLast() else { return false }
    try run(next.injection)
    return true
  }

  /// This one, as `strace` would have it said, and as a ``Finding`` says it.
  package mutating func run(_ injection: String) throws {
    let (outcome, _) = try rehearsal.play(injection)
    guard outcome.isKilled || outcome.isDone else {
      throw Finding("\(injection): \(outcome.description)", replay: replay + injection)
    }
    totals[outcome.isDone ? .missed : .kills] += 1
    if let objection = rehearsal.trial.objection(to: outcome) {
      throw Finding("\(injection): \(objection)", replay: replay + injection)
    }
  }
}

/// A writer of which system calls fail, once or from then on.
package struct CallFaults {
  private static let errors = ["EIO", "ENOSPC", "EDQUOT", "EROFS", "EINTR", "EAGAIN", "EMFILE", "ENOMEM"]
  /// Calls that are made again when a signal has interrupted them.
  private static let retried = ["openat", "pread64", "pwrite64", "fallocate", "ftruncate"]

  private let rehearsal: Rehearsal
  private var rest: [(injection: String, call: Tracing.Call)]
  private let replay: String
  package private(set) var totals = Totals()
  /// Faults that concerned a copy that was not whole yet.
  package private(set) var ofCopies = 0

  /// - Parameter program: `cairn-test-writer`.
  package init(seed: UInt64, hasThreads: Bool, program: String) throws {
    rehearsal = try Rehearsal(seed: seed, hasThreads: hasThreads, program: program)
    var random = SeededRandom(seed: seed)
    rest = rehearsal.calls.flatMap { call in
      Self.errors.flatMap { error in
        // Who is always interrupted tries for ever.
        (error == "EINTR" ? [""] : ["", "+"]).map { ("\(call.name):error=\(error):when=\(call.number)\($0)", call) }
      }
    }
    rest.shuffle(using: &random)
    replay = "cairn-torture call-faults \(seed) 1\(hasThreads ? " --threads" : "") --at "
  }

  /// Faults that are to come.
  package var count: Int { rest.count }

  /// Only those of such a call, and with such an error.
  package mutating func keep(_ names: [String], _ error: String) {
    rest.removeAll { fault in !names.contains(fault.call.name) || !fault.injection.contains("error=\(error):") }
  }

  /// Only those that concern a copy that is not whole yet.
  package mutating func keepUnfinishedCopies() { rest.removeAll { !$0.call.isOfCopy } }

  /// The next one. Returns whether there was one left. Throws a ``Finding``.
  package mutating func run() throws -> Bool {
    guard let next = rest.popLast() else { return false }
    try run(next.injection)
    return true
  }

  /// This one, as `strace` would have it said, and as a ``Finding`` says it.
  package mutating func run(_ injection: String) throws {
    let (outcome, injected) = try rehearsal.play(injection)
    totals[injected.isEmpty ? .missed : .faults] += 1
    if injected.contains(where: { Tracing.isOfCopy($0) }) { ofCopies += 1 }
    if outcome.hasFailed { totals[.errors] += 1 }
    if outcome.hasFailed && injected.isEmpty {
      throw Finding("\(injection): it fails without: \(outcome.description)", replay: replay + injection)
    }
    if let what = objection(to: outcome, injection) ?? rehearsal.trial.objection(to: outcome) {
      throw Finding("\(injection): \(what)", replay: replay + injection)
    }
  }

  private func objection(to outcome: Trial.Outcome, _ injection: String) -> String? {
    let name = String(injection.prefix { $0 != ":" })
    // A close that is made to fail is not made.
    let isLeaking = name == "close" && outcome.end == .exited(Worker.End.leaked.rawValue)
    if !outcome.isOrderly && !isLeaking { return outcome.description }
    let isRetried = injection.contains("=EINTR:") && Self.retried.contains(name)
    return isRetried && outcome.hasFailed ? "\(outcome.lines.filter { !$0.hasPrefix("done") })" : nil
  }
}
