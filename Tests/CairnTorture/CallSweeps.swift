internal import CairnTestSupport
internal import Foundation

/// A writer that is killed before each of its system calls, or some of them.
package struct CallKills {
  private let rehearsal: Rehearsal
  private var rest: [Tracing.Call]
  private let replay: String
  package private(set) var tally = Tally()

  /// - Parameter program: `cairn-test-writer`.
  package init(seed: UInt64, hasThreads: Bool, program: String) throws {
    rehearsal = try Rehearsal(seed: seed, hasThreads: hasThreads, program: program)
    var random = SeededRandom(seed: seed)
    rest = rehearsal.calls.shuffled(using: &random)
    replay = "cairn-torture --seed \(seed) --call-kills\(hasThreads ? " --threads" : "")"
  }

  /// Calls that are to come.
  package var count: Int { rest.count }

  /// The next one. Returns whether there was one left. Throws a ``Finding``.
  package mutating func run() throws -> Bool {
    guard let call = rest.popLast() else { return false }
    let outcome = try rehearsal.play("\(call.name):signal=KILL:when=\(call.number)")
    guard outcome.isKilled || outcome.isDone else {
      throw Finding("to be killed before \(call): \(outcome.description)", replay: replay)
    }
    if outcome.isDone { tally.missed += 1 } else { tally.kills += 1 }
    if let objection = rehearsal.trial.objection(to: outcome) {
      throw Finding("killed before \(call): \(objection)", replay: replay)
    }
    return true
  }
}

/// A writer of which system calls fail, once or from then on.
package struct CallFaults {
  package struct Fault: Sendable, CustomStringConvertible {
    let call: Tracing.Call
    let error: String
    let isForEver: Bool

    package var description: String { "\(call) fails with \(error)\(isForEver ? " for ever" : "")" }
  }

  private static let errors = ["EIO", "ENOSPC", "EDQUOT", "EROFS", "EINTR", "EAGAIN", "EMFILE", "ENOMEM"]
  /// Calls that are made again when a signal has interrupted them.
  private static let retried = ["openat", "pread64", "pwrite64", "fallocate", "ftruncate"]

  private let rehearsal: Rehearsal
  private var rest: [Fault]
  private let replay: String
  package private(set) var tally = Tally()

  /// - Parameter program: `cairn-test-writer`.
  package init(seed: UInt64, hasThreads: Bool, program: String) throws {
    rehearsal = try Rehearsal(seed: seed, hasThreads: hasThreads, program: program)
    var random = SeededRandom(seed: seed)
    rest = rehearsal.calls.flatMap { call in
      Self.errors.flatMap { error in
        [false, true].map { Fault(call: call, error: error, isForEver: $0) }
      }
    }
    // Who is always interrupted tries for ever.
    rest.removeAll { $0.error == "EINTR" && $0.isForEver }
    rest.shuffle(using: &random)
    replay = "cairn-torture --seed \(seed) --call-faults\(hasThreads ? " --threads" : "")"
  }

  /// Faults that are to come.
  package var count: Int { rest.count }

  /// Only those of such calls, and with such an error.
  package mutating func keep(_ names: [String], _ error: String) {
    rest.removeAll { !names.contains($0.call.name) || $0.error != error }
  }

  /// The next one. Returns whether there was one left. Throws a ``Finding``.
  package mutating func run() throws -> Bool {
    guard let fault = rest.popLast() else { return false }
    let when = "\(fault.call.number)\(fault.isForEver ? "+" : "")"
    let outcome = try rehearsal.play("\(fault.call.name):error=\(fault.error):when=\(when)")
    tally.faults += 1
    if outcome.hasFailed { tally.errors += 1 }
    // A close that is made to fail is not made.
    let isLeaking = outcome.end == .exited(Worker.End.leaked.rawValue) && fault.call.name == "close"
    guard outcome.isOrderly || isLeaking else { throw Finding("\(fault): \(outcome.description)", replay: replay) }
    if fault.error == "EINTR" && outcome.hasFailed && Self.retried.contains(fault.call.name) {
      throw Finding("\(fault): \(outcome.lines.filter { $0.hasPrefix("failed") })", replay: replay)
    }
    if let objection = rehearsal.trial.objection(to: outcome) {
      throw Finding("\(fault): \(objection)", replay: replay)
    }
    return true
  }
}
