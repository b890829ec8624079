internal import Cairn
internal import CairnInspect
internal import Glibc

/// `kvdump SUBCOMMAND …`: looks into a store and never changes it.
enum Program {
  static let version = "kvdump 0.1.0 (store format \(FormatVersion.major).\(FormatVersion.minor))\n"

  static var help: String {
    let width = Command.all.map(\.syntax.name.count).max() ?? 0
    let lines = Command.all.map { "  \(padded($0.syntax.name, to: width))  \($0.syntax.summary)\n" }
    return """
      usage: kvdump SUBCOMMAND ARGUMENTS

      Looks into a store, which may be in use or damaged, and never changes it.

      \(lines.joined())
      kvdump SUBCOMMAND --help tells more of each, kvdump --version the version.

      """
  }

  /// - Parameter words: without the program's name.
  static func run(_ words: [[UInt8]], _ output: inout StandardOutput) throws -> Int32 {
    let texts = words.map { String(decoding: $0, as: UTF8.self) }
    guard let name = texts.first else { throw UsageError(message: "a subcommand is needed; see kvdump --help") }
    if ["--help", "-h", "help"].contains(name) {
      try output.write(help)
      return ExitCode.success
    }
    if name == "--version" {
      try output.write(version)
      return ExitCode.success
    }
    guard let command = Command.all.first(where: { $0.syntax.name == name }) else {
      throw UsageError(message: "there is no subcommand \(name); see kvdump --help")
    }
    if texts.prefix(while: { $0 != "--" }).contains(where: { $0 == "--help" || $0 == "-h" }) {
      try output.write(command.syntax.help)
      return ExitCode.success
    }
    return try command.run(Arguments(parsing: words.dropFirst(), as: command.syntax), &output)
  }

  static func main() -> Int32 {
    var output = StandardOutput()
    do {
      let code = try run(Array(CommandWords.all.dropFirst()), &output)
      try output.flush()
      return code
    } catch let error as UsageError {
      StandardError.write("kvdump: \(Escaping.text(error.message))")
      return ExitCode.usage
    } catch {
      // What was found before the error is worth having; if the output itself has failed, that is the error.
      try? output.flush()
      StandardError.write("kvdump: \(Escaping.text("\(error)"))")
      return (error as? StoreError).map { ExitCode.of($0) } ?? ExitCode.failure
    }
  }
}

exit(Program.main())
