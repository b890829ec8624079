internal import Cairn
internal import CairnArguments
internal import CairnInspect

/// The log itself.
extension Command {
  static let log = Command(
    CommandSyntax(
      "log", "Lists the records of the log.", positionals: [path],
      options: [
        CommandSyntax.Option("--from", "SEQ", .number(0...Int.max), "only from this sequence on"),
        CommandSyntax.Option("--follow", "goes on with what is added, until it is interrupted or its reader ends"),
        prefix, glob, escaped, json,
      ],
      notes: [
        "File, offset, sequence, kind, bytes of the key and of the value, key. With --prefix or --glob, only puts and\n"
          + "removes of such keys. What compaction has moved tells the version of its entry. With --follow, it is an\n"
          + "error if compaction takes away what has not been listed yet."
      ])
  ) { arguments, output in
    let store = try store(arguments)
    var listing = try LogListing(
      store, filter: filter(arguments), from: UInt64(arguments.number("--from") ?? 0),
      format: arguments.has("--json") ? .json : .text, to: output, progress: Interruption.Check())
    if let damage = listing.damage { throw damage }
    while arguments.has("--follow") {
      try output.flush()
      guard try output.wait(milliseconds: 100) else { Interruption.endAsTheReaderHas() }
      try listing.listMore()
    }
    return ExitCode.success
  }

  static let history = Command(
    CommandSyntax(
      "history", "Lists the puts and removes of a key that the log still has, and earlier versions that are kept.",
      positionals: [path, CommandSyntax.Positional("KEY", .text)], options: [escaped, json],
      notes: [
        "As they stand in the log: what compaction has moved or kept stands behind what is newer, and tells its\n"
          + "version. Values are cut short, but for --json. Exits with 2 if there is none."
      ])
  ) { arguments, output in
    let counter = CountingSink(output)
    let listing = try LogListing(
      store(arguments), filter: .key(key(arguments)), format: arguments.has("--json") ? .json : .text, values: true,
      to: counter, progress: Interruption.Check())
    if let damage = listing.damage { throw damage }
    return counter.isUsed ? ExitCode.success : ExitCode.absent
  }

  private final class CountingSink: OutputSink {
    private let output: StandardOutput
    private(set) var isUsed = false

    init(_ output: StandardOutput) { self.output = output }

    func write(_ bytes: [UInt8]) throws(StoreError) {
      isUsed = isUsed || !bytes.isEmpty
      try output.write(bytes)
    }
  }
}
