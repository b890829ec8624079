internal import Cairn
internal import CairnArguments
internal import CairnInspect

/// `kvdump SUBCOMMAND …`: looks into a store, and changes none but where the subcommand's name says so.
enum Program {
  static let syntax: ProgramSyntax = ProgramSyntax(
    name: "kvdump", version: "kvdump 0.1.0 (store format \(FormatVersion.major).\(FormatVersion.minor))",
    summary: "look into a Cairn store",
    description: [
      "Looks into a store, which may be in use or damaged. Changes none but with load, and never the one that is\n"
        + "looked at: repair and copy make new ones."
    ],
    commands: Command.all.map(\.syntax), exitCodes: ExitCode.all,
    environment: [
      ("NO_COLOR", "If it is set and not empty, nothing is written in colours."),
      ("TERM", "With the value dumb, too."),
    ],
    examples: [
      ("kvdump info results", "What the store in the folder results is, and how it was closed."),
      ("kvdump list results --glob 'user:*' --limit 20", "Twenty entries."),
      ("kvdump get results user:42 > value", "One value, nothing added."),
      ("kvdump verify --deep results", "Everything that can be checked."),
      ("kvdump dump results | gzip > results.jsonl.gz", "All entries as text, to be kept or loaded elsewhere."),
      ("kvdump repair damaged --output saved", "A new store with what a damaged one still has."),
    ])

  static func run(_ words: [[UInt8]], _ output: StandardOutput) throws -> Int32 {
    switch try syntax.parse(words) {
    case .text(let text):
      try output.write(text)
      return ExitCode.success
    case .run(let name, let arguments):
      return try Command.all.first { $0.syntax.name == name }!.run(arguments, output)
    }
  }

  static func main() -> Int32 {
    StandardDescriptors.fill()
    let output = StandardOutput()
    Interruption.install()
    do {
      let code = try run(Array(CommandWords.all.dropFirst()), output)
      try output.flush()
      return code
    } catch let error as UsageError {
      StandardError.write("kvdump: \(Escaping.text(error.message))")
      return ExitCode.usage
    } catch let error as StoreError where Interruption.isCause(of: error) {
      Interruption.end()
    } catch {
      // What was found before the error is worth having; if the output itself has failed, that is the error.
      try? output.flush()
      if let error = error as? InputError {
        StandardError.write("kvdump: \(Escaping.text(error.message))")
        return ExitCode.input
      }
      StandardError.write("kvdump: \(Escaping.text("\(error)"))")
      return (error as? StoreError).map { ExitCode.of($0) } ?? ExitCode.failure
    }
  }
}
