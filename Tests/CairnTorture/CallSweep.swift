internal import CairnTestSupport
internal import Foundation

/// A writer to which something is done at each of its system calls in turn, or at some of them, while two processes
/// follow it.
package struct CallSweep {
  package enum Kind: String, Sendable {
    /// It is killed before the call.
    case kills = "call-kills"
    /// The call fails, once or from then on.
    case faults = "call-faults"
  }

  private static let errors = ["EIO", "ENOSPC", "EDQUOT", "EROFS", "EINTR", "EAGAIN", "EMFILE", "ENOMEM"]
  /// Calls that are made again when a signal has interrupted them.
  private static let retried = ["openat", "pread64", "pwrite64", "fallocate", "ftruncate"]

  private let kind: Kind
  private let rehearsal: Rehearsal
  private var rest: [(injection: String, call: Tracing.Call)]
  private let replay: String
  package private(set) var totals = Totals()
  /// Faults that concerned a copy that was not whole yet.
  package private(set) var ofCopies = 0

  /// - Parameter program: `cairn-test-writer`.
  package init(_ kind: Kind, seed: UInt64, hasThreads: Bool, program: String) throws {
    self.kind = kind
    rehearsal = try Rehearsal(seed: seed, hasThreads: hasThreads, program: program)
    var random = SeededRandom(seed: seed)
    rest = rehearsal.calls.flatMap { call in Self.injections(kind, call).map { ($0, call) } }.shuffled(using: &random)
    totals[kind == .kills ? .kills : .faults] = 0
    replay = "cairn-torture \(kind.rawValue) \(seed) 1\(hasThreads ? " --threads" : "") --at "
  }

  private static func injections(_ kind: Kind, _ call: Tracing.Call) -> [String] {
    switch kind {
    case .kills: ["\(call.name):signal=KILL:when=\(call.number)"]
    case .faults:
      errors.flatMap { error in
        // Who is always interrupted tries for ever.
        (error == "EINTR" ? [""] : ["", "+"]).map { "\(call.name):error=\(error):when=\(call.number)\($0)" }
      }
    }
  }

  /// Leaves so many out: another process does them.
  package mutating func skip(_ count: Int) { rest.removeLast(min(count, rest.count)) }

  /// Calls, and errors of them, that are to come.
  package var count: Int { rest.count }

  /// Only faults of such a call, and with such an error.
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
    let (trial, replay) = (rehearsal.trial, replay + injection)
    try trial.prepare()
    let (early, late) = try trial.followers()
    let (outcome, injected) = try rehearsal.play(injection)
    var objection: String?
    switch kind {
    case .kills:
      totals[outcome.isDone ? .missed : .kills] += 1
      objection = outcome.isKilled || outcome.isDone ? nil : outcome.description
    case .faults:
      totals[injected.isEmpty ? .missed : .faults] += 1
      if injected.contains(where: { Tracing.isOfCopy($0) }) { ofCopies += 1 }
      if outcome.hasFailed { totals[.errors] += 1 }
      objection =
        outcome.hasFailed && injected.isEmpty
        ? "it fails without: \(outcome.description)" : Self.objection(to: outcome, injection)
    }
    if objection == nil {
      let (what, states) = try trial.objection(to: outcome, early: early, late: late, replay: replay)
      objection = what
      totals[.followed] += states
    }
    if let objection { throw Finding("\(injection): \(objection)", replay: replay) }
  }

  /// To how a writer has ended of which a call has failed.
  private static func objection(to outcome: Trial.Outcome, _ injection: String) -> String? {
    let name = String(injection.prefix { $0 != ":" })
    // A close that is made to fail is not made.
    let isLeaking = name == "close" && outcome.end == .exited(Worker.End.leaked.rawValue)
    if !outcome.isOrderly && !isLeaking { return outcome.description }
    let isRetried = injection.contains("=EINTR:") && retried.contains(name)
    return isRetried && outcome.hasFailed ? "\(outcome.lines.filter { !$0.hasPrefix("done") })" : nil
  }
}
