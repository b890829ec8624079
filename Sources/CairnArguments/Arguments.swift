/// Arguments that do not fit; the sentence says how.
package struct UsageError: Error {
  package let message: String
  package init(_ message: String) { self.message = message }
}

/// The arguments of a subcommand, sorted and checked. Bytes, because keys need not be text.
package struct Arguments: Sendable {
  private var positionals: [[UInt8]] = []
  private var values: [String: [UInt8]] = [:]
  private let syntax: CommandSyntax

  /// - Parameters:
  ///   - words: those after the subcommand's name. Options may stand anywhere before `--`, with their value behind `=`
  ///     or in the next word; of an option that is given twice, the last one counts.
  ///   - program: for the sentence that says where to read more.
  package init(
    parsing words: some Sequence<[UInt8]>, as syntax: CommandSyntax, of program: String
  ) throws(UsageError) {
    self.syntax = syntax
    let more = "; see \(program) \(syntax.name) --help"
    var words = Array(words)[...]
    var mayBeOption = true
    while let word = words.popFirst() {
      let text = String(decoding: word, as: UTF8.self)
      if mayBeOption && text == "--" {
        mayBeOption = false
      } else if mayBeOption && text.hasPrefix("-") && text.utf8.count > 1 {
        try addOption(word, &words, more)
      } else {
        try addPositional(word, more)
      }
    }
    let needed = syntax.positionals.prefix { !$0.isOptional }.count
    guard positionals.count >= needed else {
      throw UsageError("\(syntax.name) needs \(syntax.positionals[positionals.count].form)" + more)
    }
    if let option = syntax.options.first(where: { $0.isNeeded && values[$0.name] == nil }) {
      throw UsageError("\(syntax.name) needs \(option.form)" + more)
    }
  }

  private mutating func addPositional(_ word: [UInt8], _ more: String) throws(UsageError) {
    guard positionals.count < syntax.positionals.count else {
      let text = String(decoding: word, as: UTF8.self)
      let names = syntax.positionals.map(\.form).joined(separator: " ")
      throw UsageError("\(syntax.name) takes \(names.isEmpty ? "no arguments" : names), and \(text) is one more" + more)
    }
    let positional = syntax.positionals[positionals.count]
    try check(word, positional.content, positional.name)
    positionals.append(word)
  }

  private mutating func addOption(
    _ word: [UInt8], _ words: inout ArraySlice<[UInt8]>, _ more: String
  ) throws(UsageError) {
    let parts = word.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(decoding: parts[0], as: UTF8.self)
    guard let option = syntax.options.first(where: { $0.name == name }) else {
      let hint = Suggestion.text(for: name, among: syntax.allOptions.map(\.name))
      throw UsageError("\(syntax.name) has no option \(name)" + hint + more)
    }
    guard let value = option.value else {
      guard parts.count == 1 else { throw UsageError("\(name) takes no value" + more) }
      values[name] = []
      return
    }
    guard let bytes = parts.count == 2 ? Array(parts[1]) : words.popFirst() else {
      throw UsageError("\(name) needs a value: \(option.form)" + more)
    }
    try check(bytes, value.content, name)
    values[name] = bytes
  }

  private func check(
    _ bytes: [UInt8], _ content: CommandSyntax.Positional.Content, _ name: String
  ) throws(UsageError) {
    switch content {
    case .text: return
    case .path:
      guard let path = String(validating: bytes, as: UTF8.self) else {
        throw UsageError("\(name) is not UTF-8: go there and write . for it, or make a symbolic link to it")
      }
      if path.isEmpty || bytes.contains(0) { throw UsageError("\(name) is no path: it is empty, or holds a zero byte") }
    case .number(let range):
      guard let number = Self.number(String(decoding: bytes, as: UTF8.self)), range.contains(number) else {
        let upTo = range.upperBound == .max ? "on" : "to \(range.upperBound)"
        throw UsageError("\(name) takes a number from \(range.lowerBound) \(upTo)")
      }
    case .choice(let choice):
      guard choice.contains(String(decoding: bytes, as: UTF8.self)) else {
        throw UsageError("\(name) takes one of \(choice.joined(separator: ", "))")
      }
    }
  }

  // MARK: What was given

  private func positional(_ name: String) -> [UInt8]? {
    guard let index = syntax.positionals.firstIndex(where: { $0.name == name }) else {
      preconditionFailure("\(syntax.name) declares no \(name)")
    }
    return index < positionals.count ? positionals[index] : nil
  }

  private func option(_ name: String) -> [UInt8]? {
    precondition(syntax.options.contains { $0.name == name }, "\(syntax.name) declares no \(name)")
    return values[name]
  }

  package func has(_ name: String) -> Bool { option(name) != nil }

  /// Of an option if the name begins with dashes, otherwise of a positional argument; `nil` if it was not given.
  package func bytes(_ name: String) -> [UInt8]? { name.hasPrefix("-") ? option(name) : positional(name) }

  package func text(_ name: String) -> String? { bytes(name).map { String(decoding: $0, as: UTF8.self) } }

  package func number(_ name: String) -> Int? { text(name).flatMap(Self.number) }

  /// Decimal, or hexadecimal behind `0x`.
  private static func number(_ text: String) -> Int? {
    text.hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
  }
}
