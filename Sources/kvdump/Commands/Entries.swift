internal import Cairn
internal import CairnArguments
internal import CairnInspect
internal import Glibc

/// Entries, one or all.
extension Command {
  static let get = Command(
    CommandSyntax(
      "get", "Writes the value of a key to standard output, nothing added.",
      positionals: [path, CommandSyntax.Positional("KEY", .text)], options: [escaped],
      notes: [
        "Exits with 0 if the key was found, 2 if it is not there, 1 on errors. Where the log is damaged, writes the\n"
          + "value that the key had before that, and exits with 3: there may be a newer one. With 4 where the log\n"
          + "goes on in a newer format. If the key had no value before that, exits with 1.",
        "A key that begins with a dash goes after --.",
      ])
  ) { arguments, output in
    let key = try key(arguments)
    do throws(StoreError) {
      if let code = try getFromFrozen(key, arguments, output) { return code }
      var reader = try EntryReader(store(arguments), filter: .key(key), progress: Interruption.Check())
      let isFound = try reader.withEntry(for: key) { (entry) throws(StoreError) in
        try entry.lendValue { (value) throws(StoreError) in try output.write(value) }
      }
      // The newest value may be in what cannot be read.
      guard let damage = reader.damage else { return isFound ? ExitCode.success : ExitCode.absent }
      try output.flush()
      let advice = damage.code == .damaged ? "; see kvdump repair" : ""
      let found = isFound ? "this is the value" : "there is no value"
      StandardError.write(
        "kvdump: \(found) as of sequence \(reader.lastSequence), and there may be a newer one" + advice)
      StandardError.write("kvdump: \(Escaping.text(damage.description))")
      return isFound ? ExitCode.of(damage) : ExitCode.failure
    } catch {
      if Interruption.isCause(of: error) { throw error }
      StandardError.write("kvdump: \(Escaping.text(error.description))")
      return ExitCode.failure
    }
  }

  static let list = Command(
    CommandSyntax(
      "list", "Lists the live entries in the order of their keys' bytes, one in a line.", positionals: [path],
      options: [prefix, glob, escaped] + listing,
      notes: [
        "Where the log is damaged, lists the store as it was before the damage, and exits with 3. Leaves out\n"
          + "values that only a newer version can read, and exits with 4 then.\n"
          + "Takes memory for all keys that are listed."
      ])
  ) { arguments, output in
    let (limit, format, keysOnly) = (limit(arguments), listFormat(arguments), arguments.has("--keys-only"))
    if let code = try listFrozen(arguments, format, .key, limit: limit, keysOnly: keysOnly, output) { return code }
    return try list(arguments, keysOnly: keysOnly, output) { _ in true }
  }

  /// How entries are listed.
  static let listing = [
    CommandSyntax.Option("--limit", "N", .number(0...Int.max), "at most so many"),
    CommandSyntax.Option("--keys-only", "no values"),
    CommandSyntax.Option(
      "--format", choice: ListFormat.allCases.map(\.rawValue),
      "text: key, tab, value, escaped (default); json: an object in a line, as in a dump; hex: digits"),
  ]

  private static func limit(_ arguments: Arguments) -> Int { arguments.number("--limit") ?? Int.max }

  private static func listFormat(_ arguments: Arguments) -> ListFormat {
    ListFormat(rawValue: arguments.text("--format") ?? "text")!
  }

  /// Writes the entries of a store that are wanted, or, if it is only counting, how many there are.
  static func list(
    _ arguments: Arguments, keysOnly: Bool, isCounting: Bool = false, _ output: StandardOutput,
    where isWanted: (EntryReader.Entry) -> Bool
  ) throws -> Int32 {
    let limit = limit(arguments)
    let progress = Progress("reading")
    var reader = try EntryReader(store(arguments), filter: filter(arguments), progress: progress)
    progress.clear()
    var lines = EntryWriter(listFormat(arguments), keysOnly: keysOnly, to: output)
    var count = 0
    try reader.forEach(keysOnly: keysOnly) { (entry) throws(StoreError) in
      try Interruption.check()
      if count == limit { return false }
      guard isWanted(entry) else { return true }
      count += 1
      if !isCounting { try lines.write(entry) }
      return true
    }
    if isCounting { try output.write("\(count)\n") }
    return try finish(reader, output)
  }

  /// What is to be said after entries have been written.
  static func finish(_ reader: EntryReader, _ output: StandardOutput) throws(StoreError) -> Int32 {
    guard let damage = reader.damage else {
      if let error = reader.leftOut { throw error }
      return ExitCode.success
    }
    try output.flush()
    StandardError.write("kvdump: this is the store as of sequence \(reader.lastSequence); then:")
    throw damage
  }

  static let dump = Command(
    CommandSyntax(
      "dump", "Writes all live entries as JSON, a line for each, in the order of their versions.",
      positionals: [path], options: [prefix, glob, escaped],
      notes: [
        "{\"key\": …, \"value\": …, \"version\": …, \"deadline\": …, \"attributes\": {…}}: strings where bytes are\n"
          + "UTF-8, otherwise Base64 in keyBase64 and valueBase64; the deadline in milliseconds since 1970 and the\n"
          + "attributes, if there are some. Nothing of an entry is lost; load gives it a new version, in the same\n"
          + "order.",
        "Where the log is damaged, writes the store as it was before the damage, and exits with 3: see repair.",
      ])
  ) { arguments, output in
    if let code = try listFrozen(arguments, .json, .version, output) { return code }
    let progress = Progress(output.isTerminal ? "reading" : "dumping")
    var reader = try EntryReader(store(arguments), filter: filter(arguments), progress: progress)
    if output.isTerminal { progress.clear() }
    var lines = EntryWriter(.json, to: output)
    try reader.forEach(.version, progress: output.isTerminal ? nil : progress) { (entry) throws(StoreError) in
      try Interruption.check()
      try lines.write(entry)
      return true
    }
    return try finish(reader, output)
  }

  static let load = Command(
    CommandSyntax(
      "load", "Puts the entries of a dump into a store, which is made if there is none.",
      positionals: [path, CommandSyntax.Positional("FILE", .path, isOptional: true)],
      options: [
        CommandSyntax.Option(
          "--compression", "LEVEL", .number(Store.Compression.levels),
          "compresses values with zstd where that saves an eighth (default: stores them as they are)")
      ],
      notes: [
        "FILE is a dump; without it, or if it is -, standard input is read. Entries replace what their keys had. They\n"
          + "get new versions, in the order of the lines; those in the lines are not kept. An entry whose deadline\n"
          + "has passed is left out, and removes nothing.",
        "What is there already, with the same value, deadline and attributes, is not written again: a load that\n"
          + "was interrupted goes on when it is run again. A key that is in several lines, with other\n"
          + "values, has what the last one says in the end, but is written anew by each run. The store is opened\n"
          + "after the first line has been read: nothing is made if FILE is no dump.",
        "No other process may have the store open for writing.",
      ])
  ) { arguments, output in
    let file = arguments.text("FILE") ?? "-"
    let input = try Input(file)
    let progress = Progress("loading")
    let path = arguments.text("PATH")!
    var options = Store.Options()
    if let level = arguments.number("--compression") { options.compression = .zstd(level: level) }
    var loader = Loader(from: input.name) { () throws(StoreError) in try Store.open(at: path, options: options) }
    do {
      var read = 0
      while true {
        let bytes = try input.next()
        if bytes.isEmpty { break }
        try loader.take(bytes)
        read += bytes.count
        try progress.advance(to: read, of: input.byteCount ?? 0)
      }
      try loader.finish()
      progress.clear()
      let expired = loader.expired > 0 ? ", \(loader.expired) left out as their time is up" : ""
      try output.write("\(loader.written) entries written, \(loader.unchanged) were there already\(expired)\n")
      return ExitCode.success
    } catch {
      progress.clear()
      loader.stop()
      if loader.linesLoaded > 0 {
        StandardError.write(
          "kvdump: loaded lines: \(loader.linesLoaded); the same command with the same input goes on behind them")
      }
      throw error
    }
  }

  static let diff = Command(
    CommandSyntax(
      "diff", "Compares what two stores hold.",
      positionals: [CommandSyntax.Positional("FIRST", .path), CommandSyntax.Positional("SECOND", .path)],
      options: [
        prefix, glob, escaped, CommandSyntax.Option("--quiet", "only the exit code"),
        CommandSyntax.Option("--json", "as JSON, an object in a line for each key, and one for the whole"),
      ],
      notes: [
        "A line for each key that differs: < only in the first, > only in the second, ! another value, @ another\n"
          + "deadline, # other attributes, ? a damaged value. Versions do not count, nor how a value is stored.\n"
          + "Exits with 0 if there is no difference, with 2 if there is one, and with 3 if a value is damaged."
      ])
  ) { arguments, output in
    let isQuiet = arguments.has("--quiet")
    let isJSON = arguments.has("--json")
    let progress = Progress("comparing")
    let difference = try Difference(
      store(arguments, "FIRST"), store(arguments, "SECOND"), filter: filter(arguments), progress: progress
    ) { (kind, key) throws(StoreError) in
      if isQuiet { return }
      if isJSON {
        try output.write(kind.json(key))
      } else {
        try output.write("\(kind.rawValue) \(Escaping.text(key))\n")
      }
    }
    progress.clear()
    if !isQuiet { try output.write(isJSON ? difference.json : difference.summary + "\n") }
    if let damage = difference.damage { throw damage }
    return difference.isEmpty ? ExitCode.success : ExitCode.absent
  }
}
