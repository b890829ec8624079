/// What has been tried.
package struct Totals: Sendable, Equatable, CustomStringConvertible {
  package enum Kind: String, CaseIterable, Sendable {
    /// Scripts of which every crash point was tried.
    case scripts
    /// Sessions on a simulated disk, each ended by a crash.
    case lives
    /// Calls before which the process was killed or the power failed.
    case crashPoints = "crash points"
    /// Disks as a crash leaves them, opened and judged by the oracle; no two of one script are the same.
    case images
    /// Images with rotten pages and lost renames, of which less can be asked.
    case paranoid = "paranoid images"
    /// Those of them that were opened.
    case paranoidOpened = "of these opened"
    /// Operations in the middle of a checkpoint.
    case interruptions = "operations in checkpoints"
    /// Lives in which calls of the simulated disk were made to fail.
    case diskFaults = "disks that failed"
    /// Times the disk was full and the store went on.
    case full = "times full"
    /// Backups and frozen stores that a crash has left, each judged.
    case copies = "copies"
    /// Processes that were killed.
    case kills
    /// System calls that were made to fail.
    case faults = "failed calls"
    /// Faults after which some call of the store has thrown an error.
    case errors = "errors thrown"
    /// Kills and faults that came to nothing: the call was not made this time.
    case missed = "missed calls"
    /// Times a follower was stopped and continued, or killed.
    case stops
    /// States of the store that followers have seen, each checked.
    case followed = "states followed"
    /// Calls of a fuzzed function.
    case executions = "fuzz executions"
  }

  private var counts: [Kind: Int] = [:]

  package init() {}

  package subscript(_ kind: Kind) -> Int {
    get { counts[kind, default: 0] }
    set { counts[kind] = newValue }
  }

  package static func += (left: inout Totals, right: Totals) {
    left.counts.merge(right.counts) { $0 + $1 }
  }

  package var description: String {
    Kind.allCases.compactMap { kind in counts[kind].map { "\($0) \(kind.rawValue)" } }.joined(separator: ", ")
  }

  /// As ``description`` says it; `nil` if the text is something else.
  package init?(_ text: some StringProtocol) {
    for part in text.split(separator: ",") {
      let words = part.split(separator: " ", maxSplits: 1)
      guard words.count == 2, let count = Int(words[0]), let kind = Kind(rawValue: String(words[1])) else { return nil }
      self[kind] += count
    }
    if counts.isEmpty { return nil }
  }
}

/// What the harness has found: what is wrong, and how to see it again.
package struct Finding: Error, CustomStringConvertible {
  package let description: String
  /// The disk on which it was found.
  package let disk: SimulatedDisk.Content?

  package init(_ what: String, replay: String, disk: SimulatedDisk.Content? = nil) {
    description = "\(what)\n  again: \(replay)"
    self.disk = disk
  }
}
