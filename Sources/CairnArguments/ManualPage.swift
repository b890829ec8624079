extension ProgramSyntax {
  /// The manual page, for `man -l`: section 1, in the macros of man(7).
  package var manualPage: String {
    var lines = [
      ".\\\" Made by: \(name) manual",
      ".TH \(name.uppercased()) 1 \"\" \"\(Self.escaped(version))\" \"\"",
      ".SH NAME", "\(name) \\- \(Self.escaped(summary))",
      ".SH SYNOPSIS", ".B \(name)", ".I SUBCOMMAND ARGUMENTS",
      ".SH DESCRIPTION",
    ]
    for paragraph in description { lines += [".PP", Self.escaped(paragraph)] }
    lines.append(".SH SUBCOMMANDS")
    for command in commands {
      lines += [".SS \(name) \(Self.escaped(([command.name] + command.forms).joined(separator: " ")))"]
      lines.append(Self.escaped(command.summary))
      for option in command.options { lines += [".TP", ".B \(Self.escaped(option.form))", Self.escaped(option.help)] }
      for note in command.notes { lines += [".PP", Self.escaped(note)] }
      if !command.lines.isEmpty { lines += [".PP", ".nf"] + command.lines.map(Self.escaped) + [".fi"] }
    }
    lines.append(".SH \"EXIT STATUS\"")
    for code in exitCodes { lines += [".TP", ".B \(code.code)", Self.escaped(code.meaning)] }
    lines.append(".SH ENVIRONMENT")
    for variable in environment { lines += [".TP", ".B \(variable.name)", Self.escaped(variable.meaning)] }
    lines.append(".SH EXAMPLES")
    for example in examples { lines += [".TP", ".B \(Self.escaped(example.line))", Self.escaped(example.meaning)] }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Text that the macros leave as it is.
  private static func escaped(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      var result = line.first == "." || line.first == "'" ? "\\&" : ""
      for character in line {
        switch character {
        case "\\": result += "\\e"
        case "-": result += "\\-"
        // Pages are read in any encoding.
        case "…": result += "\\&..."
        default: result.append(character)
        }
      }
      return result
    }.joined(separator: "\n")
  }
}
