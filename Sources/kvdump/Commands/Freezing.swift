internal import Cairn
internal import CairnArguments
internal import CairnInspect

/// Frozen stores: a file where other commands have a directory.
extension Command {
  static let freeze = Command(
    CommandSyntax(
      "freeze", "Writes what a store holds at one moment into one file, which programs read without the store.",
      positionals: [path, CommandSyntax.Positional("FILE", .path)],
      options: [
        CommandSyntax.Option("--level", "N", .number(1...19), "compresses values with zstd at this level"),
        CommandSyntax.Option("--dictionary", "with --level: trains a dictionary, for small values that are alike"),
        CommandSyntax.Option("--keep-previous", "keeps the file that is replaced, as FILE.previous"), json,
      ],
      notes: [
        "The file appears when it is whole and on the disk; programs that read the one before it keep that. The\n"
          + "commands info, get, list, dump and verify take such a file as PATH. Attributes of entries are not in it."
      ])
  ) { arguments, output in
    let path = arguments.text("PATH")!
    var options = FrozenStore.BuildOptions()
    options.keepsPrevious = arguments.has("--keep-previous")
    if let level = arguments.number("--level") {
      options.compression = .zstd(level: level, trainsDictionary: arguments.has("--dictionary"))
    } else if arguments.has("--dictionary") {
      throw UsageError("--dictionary goes with --level")
    }
    let progress = Progress("freezing")
    let store = try Store.open(at: path, options: Store.Options(.readOnly))
    let bytes = try store.freeze(to: arguments.text("FILE")!, options: options) { (done, total) throws(StoreError) in
      try progress.advance(to: done, of: total)
    }
    let sequence = store.lastSequence
    try store.close()
    progress.clear()
    let object = "{\n  \"bytes\": \(bytes),\n  \"lastSequence\": \(sequence)\n}\n"
    try output.write(arguments.has("--json") ? object : "\(bytes) bytes, up to sequence \(sequence)\n")
    return ExitCode.success
  }

  /// The path, if it leads to a frozen store, whole or not.
  private static func frozenPath(_ arguments: Arguments) -> String? {
    arguments.text("PATH").flatMap { FrozenFile.isMeant($0) ? $0 : nil }
  }

  static func infoOfFrozen(_ arguments: Arguments, _ output: StandardOutput) throws(StoreError) -> Int32? {
    guard let path = frozenPath(arguments) else { return nil }
    let file = try FrozenFile(path)
    try output.write(arguments.has("--json") ? file.json : file.text)
    return ExitCode.success
  }

  static func verifyFrozen(_ arguments: Arguments, _ output: StandardOutput) throws(StoreError) -> Int32? {
    guard let path = frozenPath(arguments) else { return nil }
    let progress = Progress("verifying")
    let verification = try FrozenVerification(path, progress: progress)
    progress.clear()
    try output.write(arguments.has("--json") ? verification.json : verification.text(isColoured: output.isColoured))
    switch verification.verdict {
    case .clean: return ExitCode.success
    case .damaged: return ExitCode.damaged
    case .notUnderstood: return ExitCode.notUnderstood
    }
  }

  static func getFromFrozen(
    _ key: [UInt8], _ arguments: Arguments, _ output: StandardOutput
  ) throws(StoreError) -> Int32? {
    guard let path = frozenPath(arguments) else { return nil }
    let store = try FrozenFile(path).store
    let bytes = unsafe MemoryView(key.span.bytes)
    guard let record = try store.record(for: bytes) else { return ExitCode.absent }
    try store.withContent(of: record) { (_, value, _, _) throws(StoreError) in
      try value.lend { (value) throws(StoreError) in try output.write(value) }
    }
    return ExitCode.success
  }

  /// Writes entries as `list` and `dump` do.
  static func listFrozen(
    _ arguments: Arguments, _ format: ListFormat, _ order: EntryReader.Order, limit: Int = .max,
    keysOnly: Bool = false, _ output: StandardOutput
  ) throws -> Int32? {
    guard let path = frozenPath(arguments) else { return nil }
    let filter = try filter(arguments)
    let progress = Progress("reading")
    let file = try FrozenFile(path)
    var lines = EntryWriter(format, keysOnly: keysOnly, to: output)
    var count = 0
    var leftOut: StoreError?
    try file.forEach(filter, order, progress: progress) { (record) throws(StoreError) in
      try Interruption.check()
      progress.clear()
      if count == limit { return false }
      do throws(StoreError) {
        if keysOnly {
          let store = file.store
          try lines.write(store.key(of: record), .empty, store.version(of: record), store.deadline(of: record))
        } else {
          try file.store.withContent(of: record) { (key, value, version, deadline) throws(StoreError) in
            try lines.write(key, value, version, deadline)
          }
        }
        count += 1
      } catch {
        guard error.code == .unsupportedFormat else { throw error }
        if leftOut == nil { leftOut = error }
      }
      return true
    }
    if let leftOut { throw leftOut }
    return ExitCode.success
  }
}
