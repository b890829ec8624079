/// What a subcommand takes, from which it is parsed and its help is written.
struct Syntax: Sendable {
  struct Option: Sendable {
    let name: String
    /// What stands for its value in the help; `nil`: it has none.
    let value: String?
    let help: String

    /// As it is written, with what stands for its value.
    var form: String { value.map { "\(name) \($0)" } ?? name }
  }

  let name: String
  let summary: String
  let positionals: [String]
  let options: [Option]
  /// Further lines of the help.
  var notes = ""

  var usage: String {
    (["kvdump", name] + positionals + options.map { "[\($0.form)]" }).joined(separator: " ")
  }

  var help: String {
    let all = options + [Option(name: "--help", value: nil, help: "show this")]
    let width = all.map(\.form.count).max() ?? 0
    let lines = all.map { "  \(padded($0.form, to: width))  \($0.help)\n" }.joined()
    return "usage: \(usage)\n\n\(summary)\n\n\(lines)" + (notes.isEmpty ? "" : "\n\(notes)\n")
  }
}

func padded(_ text: String, to width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.count))
}

/// Arguments that do not fit; the sentence says how.
struct UsageError: Error {
  let message: String
}

/// The arguments of a subcommand, sorted. Bytes, because keys and paths need not be text.
struct Arguments {
  private(set) var positionals: [[UInt8]] = []
  private var values: [String: [UInt8]] = [:]

  init(parsing words: ArraySlice<[UInt8]>, as syntax: Syntax) throws(UsageError) {
    var words = words
    var mayBeOption = true
    while let word = words.popFirst() {
      let text = String(decoding: word, as: UTF8.self)
      if mayBeOption && text == "--" {
        mayBeOption = false
      } else if mayBeOption && text.hasPrefix("-") && text.utf8.count > 1 {
        try addOption(word, text, &words, syntax)
      } else {
        positionals.append(word)
      }
    }
    guard positionals.count == syntax.positionals.count else {
      throw UsageError(
        message: "\(syntax.name) takes \(syntax.positionals.joined(separator: " and ")), and got "
          + "\(positionals.count) arguments; see kvdump \(syntax.name) --help")
    }
  }

  private mutating func addOption(
    _ word: [UInt8], _ text: String, _ words: inout ArraySlice<[UInt8]>, _ syntax: Syntax
  ) throws(UsageError) {
    let parts = word.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(decoding: parts[0], as: UTF8.self)
    guard let option = syntax.options.first(where: { $0.name == name }) else {
      throw UsageError(message: "\(syntax.name) has no option \(name); see kvdump \(syntax.name) --help")
    }
    if option.value == nil {
      guard parts.count == 1 else { throw UsageError(message: "\(name) takes no value") }
      values[name] = []
    } else if parts.count == 2 {
      values[name] = Array(parts[1])
    } else if let value = words.popFirst() {
      values[name] = value
    } else {
      throw UsageError(message: "\(name) needs a value")
    }
  }

  func has(_ name: String) -> Bool { values[name] != nil }

  func bytes(_ name: String) -> [UInt8]? { values[name] }

  func string(_ name: String) -> String? { values[name].map { String(decoding: $0, as: UTF8.self) } }

  /// The first positional argument.
  func path() throws(UsageError) -> String {
    guard let path = String(validating: positionals[0], as: UTF8.self) else {
      throw UsageError(message: "the path is not UTF-8")
    }
    return path
  }
}
