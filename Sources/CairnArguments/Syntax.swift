/// A command line, described once: what it is parsed by, explained with, completed from, and its manual page made of.
package struct ProgramSyntax: Sendable {
  package var name: String
  package var version: String
  /// One line, without a full stop.
  package var summary: String
  /// Paragraphs of the help and the manual page.
  package var description: [String]
  package var commands: [CommandSyntax]
  package var exitCodes: [ExitCode]
  /// Variables that are looked at.
  package var environment: [(name: String, meaning: String)]
  /// Command lines to begin with.
  package var examples: [(line: String, meaning: String)]

  package struct ExitCode: Sendable {
    package var code: Int32
    package var meaning: String

    package init(_ code: Int32, _ meaning: String) {
      self.code = code
      self.meaning = meaning
    }
  }

  package init(
    name: String, version: String, summary: String, description: [String], commands: [CommandSyntax],
    exitCodes: [ExitCode], environment: [(name: String, meaning: String)],
    examples: [(line: String, meaning: String)]
  ) {
    self.name = name
    self.version = version
    self.summary = summary
    self.description = description
    self.commands = commands
    self.exitCodes = exitCodes
    self.environment = environment
    self.examples = examples
  }
}

/// What a subcommand takes.
package struct CommandSyntax: Sendable {
  package struct Positional: Sendable {
    /// What stands for it in the help.
    package var name: String
    package var content: Content
    package var isOptional: Bool

    package enum Content: Sendable {
      case path
      case text
      case number(ClosedRange<Int>)
      case choice([String])
    }

    package init(_ name: String, _ content: Content, isOptional: Bool = false) {
      self.name = name
      self.content = content
      self.isOptional = isOptional
    }

    /// What stands for it: the words that it may be, or its name.
    var placeholder: String {
      if case .choice(let words) = content { words.joined(separator: "|") } else { name }
    }

    var form: String { isOptional ? "[\(placeholder)]" : placeholder }
  }

  package struct Option: Sendable {
    /// With its dashes.
    package var name: String
    package var value: Value?
    /// Whether the subcommand does nothing without it.
    package var isNeeded = false
    package var help: String

    package struct Value: Sendable {
      /// What stands for it in the help.
      package var name: String
      package var content: Positional.Content
    }

    /// Without a value.
    package init(_ name: String, _ help: String) {
      self.name = name
      self.help = help
    }

    package init(
      _ name: String, _ valueName: String, _ content: Positional.Content, _ help: String, isNeeded: Bool = false
    ) {
      self.name = name
      self.isNeeded = isNeeded
      value = Value(name: valueName, content: content)
      self.help = help
    }

    package init(_ name: String, choice: [String], _ help: String) {
      self.init(name, choice.joined(separator: "|"), .choice(choice), help)
    }

    /// As it is written, with what stands for its value.
    var form: String { value.map { "\(name) \($0.name)" } ?? name }
  }

  package var name: String
  /// One sentence.
  package var summary: String
  package var positionals: [Positional]
  package var options: [Option]
  /// Paragraphs that follow in the help.
  package var notes: [String]
  /// Lines behind them, each of which stays a line.
  package var lines: [String]

  package init(
    _ name: String, _ summary: String, positionals: [Positional], options: [Option] = [], notes: [String] = [],
    lines: [String] = []
  ) {
    self.name = name
    self.summary = summary
    self.positionals = positionals
    self.options = options
    self.notes = notes
    self.lines = lines
  }

  static let help = Option("--help", "show this")
  var allOptions: [Option] { options + [Self.help] }

  var forms: [String] { positionals.map(\.form) + options.map { $0.isNeeded ? $0.form : "[\($0.form)]" } }
}
