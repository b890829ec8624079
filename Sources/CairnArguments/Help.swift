extension ProgramSyntax {
  package var help: String {
    let commands = Self.table(commands.map { ($0.name, $0.summary) })
    let codes = Self.table(exitCodes.map { ("\($0.code)", $0.meaning) })
    return """
      usage: \(name) SUBCOMMAND ARGUMENTS

      \(description.joined(separator: "\n\n"))

      \(commands)
      exit codes:
      \(codes)
      \(name) SUBCOMMAND --help (or -h) tells more of each; \(name) --version tells the version.

      """
  }

  package func help(of command: CommandSyntax) -> String {
    let usage = ([name, command.name] + command.forms).joined(separator: " ")
    let options = Self.table(command.options.map { ($0.form, $0.help) } + [("-h, --help", CommandSyntax.help.help)])
    let lines = command.lines.joined(separator: "\n")
    let notes = (command.notes + (lines.isEmpty ? [] : [lines])).map { "\n\($0)\n" }.joined()
    return "usage: \(usage)\n\n\(command.summary)\n\n\(options)\(notes)"
  }

  /// Two columns, with lines in the second that continue what is above them.
  private static func table(_ rows: [(String, String)]) -> String {
    let width = rows.map(\.0.count).max() ?? 0
    return rows.map { row in
      let padding = String(repeating: " ", count: width - row.0.count)
      let text = row.1.split(separator: "\n", omittingEmptySubsequences: false)
        .joined(separator: "\n" + String(repeating: " ", count: width + 4))
      return "  \(row.0)\(padding)  \(text)\n"
    }.joined()
  }
}

extension ProgramSyntax {
  /// What the words of a command line ask for.
  package enum Request: Sendable {
    /// Text to be printed.
    case text(String)
    case run(command: String, Arguments)
  }

  /// - Parameter words: without the program's name.
  package func parse(_ words: [[UInt8]]) throws(UsageError) -> Request {
    var texts = words.map { String(decoding: $0, as: UTF8.self) }[...]
    guard let first = texts.popFirst() else { throw UsageError("a subcommand is needed; see \(name) --help") }
    switch first {
    case "--version": return .text(version + "\n")
    case "--help", "-h": return .text(help)
    case "help":
      guard let topic = texts.first, !topic.hasPrefix("-") else { return .text(help) }
      return .text(help(of: try command(topic)))
    default: break
    }
    guard !first.hasPrefix("-") else { throw misplaced(option: first) }
    let command = try command(first)
    if texts.prefix(while: { $0 != "--" }).contains(where: { $0 == "--help" || $0 == "-h" }) {
      return .text(help(of: command))
    }
    return .run(command: command.name, try Arguments(parsing: words.dropFirst(), as: command, of: name))
  }

  private func misplaced(option: String) -> UsageError {
    let written = String(option.prefix { $0 != "=" })
    if commands.contains(where: { $0.options.contains { $0.name == written } }) {
      return UsageError("\(written) comes after a subcommand, if it takes that; see \(name) --help")
    }
    // Of two characters, every other one is near.
    let hint = written.count > 2 ? Suggestion.text(for: written, among: ["--help", "--version"]) : ""
    return UsageError("there is no option \(written)\(hint); see \(name) --help")
  }

  private func command(_ wanted: String) throws(UsageError) -> CommandSyntax {
    if let command = commands.first(where: { $0.name == wanted }) { return command }
    let hint = Suggestion.text(for: wanted, among: commands.map(\.name))
    throw UsageError("there is no subcommand \(wanted)" + hint + "; see \(name) --help")
  }
}
