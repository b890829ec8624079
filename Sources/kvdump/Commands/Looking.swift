internal import Cairn
internal import CairnArguments
internal import CairnInspect

/// What a store is, holds, and is worth.
extension Command {
  static let info = Command(
    CommandSyntax(
      "info", "Tells what a store is and how it was closed.", positionals: [path], options: [json],
      notes: [
        "Reads the last segment of the log, and the others only if there is no checkpoint. Checks no more than that:\n"
          + "see verify."
      ])
  ) { arguments, output in
    if let code = try infoOfFrozen(arguments, output) { return code }
    let summary = try Summary(store(arguments), progress: Interruption.Check())
    try output.write(arguments.has("--json") ? summary.json : summary.text)
    guard let damage = summary.damage else { return ExitCode.success }
    throw damage
  }

  static let stat = Command(
    CommandSyntax(
      "stat", "Counts what a store holds: sizes, deadlines, ages, prefixes of keys.", positionals: [path],
      options: [
        CommandSyntax.Option(
          "--separator", "S", .text, "ends the beginning of a key that counts as its prefix (default: \":\")"),
        json,
      ],
      notes: ["Reads the whole log, and takes memory for all keys."])
  ) { arguments, output in
    let statistics = try Statistics(
      store(arguments), separator: arguments.bytes("--separator") ?? [UInt8(ascii: ":")], progress: Progress("reading"))
    try output.write(arguments.has("--json") ? statistics.json : statistics.text)
    guard let damage = statistics.damage else { return ExitCode.success }
    throw damage
  }

  static let verify = Command(
    CommandSyntax(
      "verify", "Checks everything that can be checked without changing anything.", positionals: [path],
      options: [
        CommandSyntax.Option(
          "--deep", "compares each entry of the index's checkpoint with the log, too; takes memory for them"),
        json,
      ],
      notes: [
        "Exits with 0 if the store is whole (an unfinished write after a crash is no damage), 3 if something is\n"
          + "damaged, 4 if it is of a newer format or no store, 1 if it cannot be read."
      ])
  ) { arguments, output in
    if let code = try verifyFrozen(arguments, output) { return code }
    let verification = try Verification(
      store(arguments), isDeep: arguments.has("--deep"), progress: Progress("verifying"))
    try output.write(arguments.has("--json") ? verification.json : verification.text(isColoured: output.isColoured))
    switch verification.verdict {
    case .clean: return ExitCode.success
    case .damaged:
      if !arguments.has("--json") {
        try output.flush()
        let path = Escaping.word(arguments.text("PATH")!)
        StandardError.write("kvdump: kvdump repair \(path) --output DIR makes a new store of all that can be saved")
      }
      return ExitCode.damaged
    case .notUnderstood: return ExitCode.notUnderstood
    }
  }

  static let recompress = Command(
    CommandSyntax(
      "recompress", "Tells what compression would save: tries levels and dictionaries on a sample.",
      positionals: [path],
      options: [
        CommandSyntax.Option(
          "--sample", "MIB", .number(1...1024), "about how many MiB of values are tried (default: 16)"),
        json,
      ],
      notes: [
        "Half of the sample trains the dictionaries, the other half is compressed. A value counts as compressed where\n"
          + "that saves an eighth of it. Of the settings within a twentieth of the smallest result, that with the\n"
          + "smallest dictionary is chosen, then that with the lowest level. Nothing is changed."
      ])
  ) { arguments, output in
    let recompression = try Recompression(
      store(arguments), sampleBytes: (arguments.number("--sample") ?? 16) << 20, progress: Progress("compressing"))
    try output.write(arguments.has("--json") ? recompression.json : recompression.text)
    return ExitCode.success
  }

  static let hexdump = Command(
    CommandSyntax(
      "hexdump", "Shows the bytes of a structure, and what they mean.",
      positionals: [
        CommandSyntax.Positional("FILE", .path),
        CommandSyntax.Positional("OFFSET", .number(0...Int.max), isOptional: true),
      ],
      options: [CommandSyntax.Option("--all", "all bytes of long fields")],
      notes: [
        "FILE is one of a store's files, OFFSET any byte in it (default: 0; 0x10 is 16): the header, record, shard\n"
          + "or bucket there is shown. Exits with 3 if its checksum does not fit, with 4 if it is no file of a store."
      ])
  ) { arguments, output in
    let path = arguments.text("FILE")!
    switch FileKind.of(path) {
    case .directory: throw UsageError("\(path) is a directory: name one of the files in it")
    case .special: throw UsageError("\(path) is no regular file")
    case .regular, .unknown: break
    }
    let dump = try HexDump(of: path, at: arguments.number("OFFSET") ?? 0)
    try output.write(dump.text(isWhole: arguments.has("--all")))
    if dump.isForeign { return ExitCode.notUnderstood }
    return dump.isIntact ? ExitCode.success : ExitCode.damaged
  }
}
