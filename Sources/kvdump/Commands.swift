internal import Cairn
internal import CairnInspect

/// What the process tells its parent.
enum ExitCode {
  static let success: Int32 = 0
  /// The operating system refused something, or (`get`) any other error.
  static let failure: Int32 = 1
  /// `get`: there is no such key.
  static let absent: Int32 = 2
  static let damaged: Int32 = 3
  /// A newer format, or no store at all.
  static let notUnderstood: Int32 = 4
  /// `EX_USAGE` of sysexits.h.
  static let usage: Int32 = 64

  static func of(_ error: StoreError) -> Int32 {
    switch error.code {
    case .damaged: damaged
    case .unsupportedFormat, .notAStore: notUnderstood
    default: failure
    }
  }
}

struct Command: Sendable {
  let syntax: Syntax
  let run: @Sendable (Arguments, inout StandardOutput) throws -> Int32

  static let all = [info, get, list, verify]

  private static let json = Syntax.Option(name: "--json", value: nil, help: "as JSON")

  // MARK: info

  static let info = Command(
    syntax: Syntax(
      name: "info", summary: "Tells what a store is and holds.", positionals: ["PATH"], options: [json],
      notes: "Reads the last segment of the log, and the others only if there is no checkpoint. Checks no more than "
        + "that:\nsee verify.")
  ) { arguments, output in
    let summary = try Summary(StoreDirectory(opening: arguments.path()))
    try output.write(arguments.has("--json") ? summary.json : summary.text)
    guard let damage = summary.damage else { return ExitCode.success }
    throw damage
  }

  // MARK: get

  static let get = Command(
    syntax: Syntax(
      name: "get", summary: "Writes the value of a key to standard output, nothing added.",
      positionals: ["PATH", "KEY"], options: [],
      notes: "Exits with 0 if the key was found, 2 if it is not there, 1 on errors (damage among them).\n"
        + "A key that begins with a dash goes after --.")
  ) { arguments, output in
    let path = try arguments.path()
    do throws(StoreError) {
      var reader = try EntryReader(StoreDirectory(opening: path), filter: .key(arguments.positionals[1]))
      // The newest value may be in what cannot be read.
      if let damage = reader.damage { throw damage }
      var isFound = false
      try reader.forEach { (entry) throws(StoreError) in
        isFound = true
        try entry.lendValue { (value) throws(StoreError) in try output.write(value) }
        return true
      }
      if let error = reader.notUnderstood { throw error }
      return isFound ? ExitCode.success : ExitCode.absent
    } catch {
      StandardError.write("kvdump: \(Escaping.text(error.description))")
      return ExitCode.failure
    }
  }

  // MARK: list

  static let list = Command(
    syntax: Syntax(
      name: "list", summary: "Lists the live entries in the order of their keys' bytes, one in a line.",
      positionals: ["PATH"],
      options: [
        Syntax.Option(name: "--limit", value: "N", help: "at most so many"),
        Syntax.Option(name: "--keys-only", value: nil, help: "no values"),
        Syntax.Option(name: "--prefix", value: "P", help: "keys that begin with these bytes"),
        Syntax.Option(
          name: "--format", value: "text|json|hex",
          help: "text: key, tab, value, escaped (default); json: an object in a line; hex: digits"),
      ],
      notes: "Where the log is damaged, lists the store as it was before the damage, and exits with 3. Leaves out\n"
        + "values that only a newer version can read, and exits with 4 then.\n"
        + "Takes memory for all keys that are listed.")
  ) { arguments, output in
    let limit = arguments.string("--limit").map { Int($0) ?? -1 } ?? Int.max
    guard limit >= 0 else { throw UsageError(message: "--limit takes a number from 0 on") }
    guard let format = ListFormat(rawValue: arguments.string("--format") ?? "text") else {
      throw UsageError(message: "--format takes text, json or hex")
    }
    let filter = arguments.bytes("--prefix").map { KeyFilter.prefix($0) } ?? .all
    var reader = try EntryReader(StoreDirectory(opening: arguments.path()), filter: filter)
    var count = 0
    let keysOnly = arguments.has("--keys-only")
    try reader.forEach(keysOnly: keysOnly) { (entry) throws(StoreError) in
      if count == limit { return false }
      count += 1
      try output.write(entry.line(format, keysOnly: keysOnly) + "\n")
      return true
    }
    guard let damage = reader.damage else {
      if let error = reader.notUnderstood { throw error }
      return ExitCode.success
    }
    try output.flush()
    StandardError.write("kvdump: this is the store as of sequence \(reader.lastSequence); then:")
    throw damage
  }

  // MARK: verify

  static let verify = Command(
    syntax: Syntax(
      name: "verify", summary: "Checks everything that can be checked without changing anything.",
      positionals: ["PATH"], options: [json],
      notes: "Exits with 0 if the store is whole (an unfinished write after a crash is no damage), 3 if something is\n"
        + "damaged, 4 if it is of a newer format or no store, 1 if it cannot be read.")
  ) { arguments, output in
    let verification = try Verification(StoreDirectory(opening: arguments.path()))
    try output.write(arguments.has("--json") ? verification.json : verification.text)
    switch verification.verdict {
    case .clean: return ExitCode.success
    case .damaged: return ExitCode.damaged
    case .notUnderstood: return ExitCode.notUnderstood
    }
  }
}
