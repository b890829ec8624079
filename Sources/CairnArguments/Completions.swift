/// Scripts that let a shell complete the command's arguments.
package enum Shell: String, CaseIterable, Sendable {
  case bash, zsh, fish
}

extension ProgramSyntax {
  package func completions(for shell: Shell) -> String {
    switch shell {
    case .bash: bashCompletions
    case .zsh: zshCompletions
    case .fish: fishCompletions
    }
  }

  /// What may stand in the place of a subcommand.
  private static let general = [
    ("help", "tell what a subcommand takes"), ("--help", "tell what there is"), ("--version", "tell the version"),
  ]

  /// Between single quotes.
  private static func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }

  // MARK: bash

  private var bashCompletions: String {
    var values: [String] = []
    var options: [String] = []
    var choices = ["    'help 2') words=\(Self.quoted(commands.map(\.name).spaced)) ;;"]
    for command in commands {
      for option in command.options {
        guard let value = option.value else { continue }
        if case .choice(let words) = value.content {
          values.append("  \(Self.quoted("\(command.name) \(option.name)"))) words=\(Self.quoted(words.spaced)) ;;")
        }
      }
      options.append("    \(command.name)) words=\(Self.quoted(command.allOptions.map(\.name).spaced)) ;;")
      for (place, positional) in command.positionals.enumerated() {
        guard case .choice(let words) = positional.content else { continue }
        choices.append("    '\(command.name) \(place + 2)') words=\(Self.quoted(words.spaced)) ;;")
      }
    }
    return """
      # bash completion of \(name); made by: \(name) completions bash
      _\(name)() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words=
        COMPREPLY=()
        # In --option=value, = is a word of its own.
        if [ "$current" = = ]; then
          current=
        elif [ "$previous" = = ]; then
          previous=${COMP_WORDS[COMP_CWORD - 2]}
        fi
        if [ "$COMP_CWORD" -eq 1 ]; then
          words=\(Self.quoted((commands.map(\.name) + Self.general.map(\.0)).spaced))
        else
          case "${COMP_WORDS[1]} $previous" in
      \(values.map { "  " + $0 }.lines)
          esac
          if [ -z "$words" ] && [[ $current == -* ]]; then
            case "${COMP_WORDS[1]}" in
      \(options.map { "  " + $0 }.lines)
            esac
          elif [ -z "$words" ]; then
            case "${COMP_WORDS[1]} $COMP_CWORD" in
      \(choices.map { "  " + $0 }.lines)
            esac
          fi
        fi
        # Where there are no words, bash completes names of files.
        [ -z "$words" ] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
      }
      complete -o default -F _\(name) \(name)

      """
  }

  // MARK: zsh

  private var zshCompletions: String {
    func escaped(_ text: String) -> String {
      text.flatMap { "[]:\\".contains($0) ? ["\\", $0] : [$0] }.map { String($0) }.joined()
    }
    func action(_ content: CommandSyntax.Positional.Content) -> String {
      switch content {
      case .path: "_files"
      case .choice(let words): "(\(words.spaced))"
      case .text, .number: " "
      }
    }
    func described(_ words: [(String, String)]) -> String {
      words.map { "    " + Self.quoted("\($0):\(escaped($1))") }.lines
    }
    let cases = commands.map { command in
      let options = command.allOptions.map { option in
        Self.quoted(
          "\(option.name)[\(escaped(option.help))]"
            + (option.value.map { ":\(escaped($0.name)):\(action($0.content))" } ?? ""))
      }
      let positionals = command.positionals.enumerated().map { place, positional in
        let separator = positional.isOptional ? "::" : ":"
        return Self.quoted("\(place + 1)\(separator)\(positional.name):\(action(positional.content))")
      }
      return "    \(command.name)) _arguments \((options + positionals).spaced) ;;"
    }
    return """
      #compdef \(name)
      # zsh completion of \(name); made by: \(name) completions zsh
      _\(name)() {
        local -a commands=(
      \(described(commands.map { ($0.name, $0.summary) }))
        )
        local -a general=(
      \(described(Self.general))
        )
        if (( CURRENT == 2 )); then
          _describe -t commands subcommand commands -- general
          return
        fi
        local command=$words[2]
        shift words
        (( CURRENT-- ))
        case $command in
          help) (( CURRENT == 2 )) && _describe -t commands subcommand commands ;;
      \(cases.lines)
        esac
      }
      # Called where zsh has loaded it from $fpath to complete at once, defined only where it is sourced.
      if [ "$funcstack[1]" = "_\(name)" ]; then
        _\(name) "$@"
      else
        compdef _\(name) \(name)
      fi

      """
  }

  // MARK: fish

  private var fishCompletions: String {
    var lines = ["# fish completion of \(name); made by: \(name) completions fish"]
    for (word, meaning) in Self.general {
      let form = word.hasPrefix("--") ? "-l \(word.dropFirst(2))" : "-a \(word)"
      lines.append("complete -c \(name) -f -n __fish_use_subcommand \(form) -d \(Self.quoted(meaning))")
    }
    let topics = Self.quoted(commands.map(\.name).spaced)
    lines.append("complete -c \(name) -f -n '__fish_seen_subcommand_from help' -a \(topics)")
    for command in commands {
      let isNamed = "-n \(Self.quoted("__fish_seen_subcommand_from \(command.name)"))"
      lines.append(
        "complete -c \(name) -f -n __fish_use_subcommand -a \(command.name) -d \(Self.quoted(command.summary))")
      for option in command.allOptions {
        var line = "complete -c \(name) \(isNamed) -l \(option.name.dropFirst(2)) -d \(Self.quoted(option.help))"
        switch option.value?.content {
        case nil: break
        case .choice(let words): line += " -x -a \(Self.quoted(words.spaced))"
        case .path: line += " -r -F"
        case .text, .number: line += " -x"
        }
        lines.append(line)
      }
      for positional in command.positionals {
        guard case .choice(let words) = positional.content else { continue }
        lines.append("complete -c \(name) \(isNamed) -f -a \(Self.quoted(words.spaced))")
      }
    }
    return lines.lines + "\n"
  }
}

extension [String] {
  fileprivate var spaced: String { joined(separator: " ") }
  fileprivate var lines: String { joined(separator: "\n") }
}
