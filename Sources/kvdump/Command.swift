internal import Cairn
internal import CairnIndex
internal import CairnArguments
internal import CairnInspect

/// What the process tells its parent.
enum ExitCode {
  static let success: Int32 = 0
  static let failure: Int32 = 1
  static let absent: Int32 = 2
  static let damaged: Int32 = 3
  static let notUnderstood: Int32 = 4
  /// `EX_USAGE` and `EX_DATAERR` of sysexits.h.
  static let usage: Int32 = 64
  static let input: Int32 = 65
  /// What shells say of a process that SIGHUP, SIGINT or SIGTERM has ended.
  static let hungUp: Int32 = 129
  static let interrupted: Int32 = 130
  static let terminated: Int32 = 143

  static let all = [
    ProgramSyntax.ExitCode(success, "success"),
    ProgramSyntax.ExitCode(failure, "something failed, such as the disk or a permission; or nothing is there"),
    ProgramSyntax.ExitCode(absent, "get, history: there is no such key; diff: the stores differ"),
    ProgramSyntax.ExitCode(damaged, "the store is damaged"),
    ProgramSyntax.ExitCode(notUnderstood, "what is there is no store, or one of a newer format"),
    ProgramSyntax.ExitCode(usage, "the arguments do not fit"),
    ProgramSyntax.ExitCode(input, "load: the input is no dump"),
    ProgramSyntax.ExitCode(hungUp, "the terminal was closed (SIGHUP); this and the next as shells show it"),
    ProgramSyntax.ExitCode(interrupted, "interrupted (^C, SIGINT)"),
    ProgramSyntax.ExitCode(terminated, "terminated (SIGTERM)"),
  ]

  static func of(_ error: StoreError) -> Int32 {
    switch error.code {
    case .damaged: damaged
    case .unsupportedFormat, .notAStore: notUnderstood
    default: failure
    }
  }
}

/// A subcommand.
struct Command: Sendable {
  let syntax: CommandSyntax
  let run: @Sendable (Arguments, StandardOutput) throws -> Int32

  init(_ syntax: CommandSyntax, _ run: @escaping @Sendable (Arguments, StandardOutput) throws -> Int32) {
    self.syntax = syntax
    self.run = run
  }

  static let all: [Command] = [
    info, stat, list, get, query, indexes, dump, load, log, history, verify, repair, copy, backup, restore, compact,
    freeze, diff,
    recompress, hexdump, completions, manual,
  ]

  // MARK: What many of them take

  static let path = CommandSyntax.Positional("PATH", .path)
  static let json = CommandSyntax.Option("--json", "as JSON")
  static let prefix = CommandSyntax.Option("--prefix", "P", .text, "only keys that begin with these bytes")
  static let glob = CommandSyntax.Option(
    "--glob", "G", .text, "only keys of this pattern: * ? [a-z] [!a-z] {one,two}, and \\ before what is meant itself")

  static let escaped = CommandSyntax.Option(
    "--escaped", "keys, prefixes and patterns are given as list shows keys: \\\\ \\n \\t \\r, \\xHH for any byte")

  /// The bytes of an argument as they are meant.
  private static func bytes(_ name: String, _ arguments: Arguments) throws(UsageError) -> [UInt8]? {
    guard let bytes = arguments.bytes(name), arguments.has(escaped.name) else { return arguments.bytes(name) }
    if let meant = Escaping.bytes(bytes) { return meant }
    throw UsageError("\(name) has a backslash that none of \\ n t r xHH follows, with two hexadecimal digits for HH")
  }

  /// The keys that `--prefix` and `--glob` leave.
  static func filter(_ arguments: Arguments) throws(UsageError) -> KeyFilter {
    switch (try bytes("--prefix", arguments), try bytes("--glob", arguments)) {
    case (nil, nil): return .all
    case (let prefix?, nil): return .prefix(prefix)
    case (nil, let pattern?):
      do throws(StoreError) { return .glob(try Glob(pattern)) } catch {
        throw UsageError("--glob: \(error.message), at byte \(error.byteOffset ?? 0)")
      }
    case (_?, _?): throw UsageError("--prefix and --glob do not go together: write the prefix into the pattern")
    }
  }

  static func store(_ arguments: Arguments, _ name: String = "PATH") throws(StoreError) -> StoreDirectory {
    try StoreDirectory(opening: arguments.text(name)!)
  }

  static func key(_ arguments: Arguments) throws(UsageError) -> [UInt8] {
    let key = try bytes("KEY", arguments)!
    if key.isEmpty { throw UsageError("a key has at least one byte") }
    return key
  }
}
