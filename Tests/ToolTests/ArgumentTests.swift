import Cairn
import CairnArguments
import CairnTestSupport
import Foundation
import Testing

/// Goal: command lines mean what people expect, and what does not fit is told in a sentence.
@Suite struct ArgumentTests {
  private static let syntax = ProgramSyntax(
    name: "tool", version: "tool 1", summary: "do things", description: ["Does\nthings.", "And more."],
    commands: [
      CommandSyntax(
        "make", "Makes it's thing.",
        positionals: [
          CommandSyntax.Positional("PATH", .path), CommandSyntax.Positional("COUNT", .number(1...9), isOptional: true),
        ],
        options: [
          CommandSyntax.Option("--loud", "with noise"),
          CommandSyntax.Option("--name", "N", .text, "a name [any]"),
          CommandSyntax.Option("--kind", choice: ["red", "blue"], "which: one"),
          CommandSyntax.Option("--size", "S", .number(0...Int.max), "how large"),
        ]),
      CommandSyntax(
        "put", "Puts it.", positionals: [CommandSyntax.Positional("PLACE", .choice(["here", "there"]))],
        options: [CommandSyntax.Option("--output", "DIR", .path, "where to", isNeeded: true)],
        notes: ["Not\nseldom."], lines: ["one: 1", "two: 2"]),
    ],
    exitCodes: [ProgramSyntax.ExitCode(0, "success")], environment: [("HOME", "Where \\ it is.")],
    examples: [(".make", "'Makes")])

  private func parse(_ words: String...) throws -> Arguments {
    guard case .run(_, let arguments) = try Self.syntax.parse(words.map { Array($0.utf8) }) else {
      throw CocoaError(.featureUnsupported)
    }
    return arguments
  }

  private func message(_ words: String...) -> String {
    do {
      _ = try Self.syntax.parse(words.map { Array($0.utf8) })
      return "nothing"
    } catch {
      return error.message
    }
  }

  @Test func whatIsGiven() throws {
    let arguments = try parse("make", "--loud", "a b", "--name=", "--size", "7", "3", "--kind=red", "--kind", "blue")
    #expect(arguments.has("--loud") && arguments.text("PATH") == "a b" && arguments.number("COUNT") == 3)
    #expect(arguments.bytes("--name") == [] && arguments.number("--size") == 7 && arguments.text("--kind") == "blue")
    #expect(try parse("make", "x", "--size", "0x1F").number("--size") == 31)
    let few = try parse("make", "--", "--loud")
    #expect(!few.has("--loud") && few.text("PATH") == "--loud" && few.number("COUNT") == nil)
    #expect(try parse("make", "-").text("PATH") == "-")
    #expect(try parse("make", "x", "--name", "--loud").text("--name") == "--loud")
  }

  @Test func whatDoesNotFit() {
    let more = "; see tool make --help"
    #expect(message() == "a subcommand is needed; see tool --help")
    #expect(message("mkae") == "there is no subcommand mkae, did you mean make?; see tool --help")
    #expect(message("destroy") == "there is no subcommand destroy; see tool --help")
    #expect(message("--loud", "make") == "--loud comes after a subcommand, if it takes that; see tool --help")
    #expect(message("make") == "make needs PATH" + more)
    #expect(message("make", "a", "1", "b") == "make takes PATH [COUNT], and b is one more" + more)
    #expect(message("make", "a", "--luod") == "make has no option --luod, did you mean --loud?" + more)
    #expect(message("make", "a", "-x") == "make has no option -x" + more)
    #expect(message("make", "a", "--loud=1") == "--loud takes no value" + more)
    #expect(message("make", "a", "--name") == "--name needs a value: --name N" + more)
    #expect(message("make", "a", "--size", "-1") == "--size takes a number from 0 on")
    #expect(message("make", "a", "--size", "99999999999999999999") == "--size takes a number from 0 on")
    #expect(message("make", "a", "10") == "COUNT takes a number from 1 to 9")
    #expect(message("make", "a", "--kind", "green") == "--kind takes one of red, blue")
    #expect(message("make", "a", "--size", "0x") == "--size takes a number from 0 on")
    #expect(message("put", "here") == "put needs --output DIR" + more.replacing("make", with: "put"))
    #expect(message("put", "--output", "x") == "put needs here|there" + more.replacing("make", with: "put"))
    #expect(message("-v") == "there is no option -v; see tool --help")
    #expect(message("--verison") == "there is no option --verison, did you mean --version?; see tool --help")
    #expect(message("make", "") == "PATH is no path: it is empty, or holds a zero byte")
  }

  @Test func whatIsExplained() throws {
    for words in [["--help"], ["-h"], ["help"]] {
      guard case .text(let text) = try Self.syntax.parse(words.map { Array($0.utf8) }) else {
        Issue.record("no text")
        continue
      }
      #expect(text.contains("make  Makes it's thing.") && text.contains("\n\nDoes\nthings.\n\nAnd more.\n\n"))
    }
    for words in [["make", "--help"], ["help", "make"], ["make", "x", "-h"]] {
      guard case .text(let text) = try Self.syntax.parse(words.map { Array($0.utf8) }) else {
        Issue.record("no text")
        continue
      }
      #expect(text.hasPrefix("usage: tool make PATH [COUNT] [--loud] [--name N] [--kind red|blue] [--size S]\n"))
      #expect(text.contains("  --kind red|blue  which: one\n") && text.contains("  -h, --help "))
    }
    guard case .text(let text) = try Self.syntax.parse(["put", "-h"].map { Array($0.utf8) }) else { return }
    #expect(text.hasPrefix("usage: tool put here|there --output DIR\n"))
    #expect(text.hasSuffix("\nNot\nseldom.\n\none: 1\ntwo: 2\n"), "\(text)")
  }

  /// Goal: random words never end the process, and bytes arrive as they were given.
  @Test(arguments: SeededRandom.seeds(4)) func randomWords(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let words = [
      "make", "--", "--loud", "--name", "--name=", "--kind", "--size=5", "-", "", "help", "--help", "=", "3",
    ]
    for _ in 0..<5000 {
      let line = (0..<random.below(6)).map { _ in
        random.percent(80) ? Array(words[random.below(words.count)].utf8) : random.bytes(random.below(6))
      }
      _ = try? Self.syntax.parse(line)
    }
  }

  private func run(_ program: String, _ arguments: [String]) throws -> Tool.Result? {
    let found = try Tool.run(URL(fileURLWithPath: "/bin/sh"), ["-c", "command -v \(program)"])
    guard found.code == 0 else { return nil }
    return try Tool.run(URL(fileURLWithPath: "/usr/bin/env"), [program] + arguments)
  }

  /// Method: the shells themselves read the scripts (those that are installed), and bash completes.
  @Test func completions() throws {
    let directory = TemporaryDirectory()
    for shell in Shell.allCases {
      let script = directory.path(shell.rawValue)
      try Files.write(Array(Self.syntax.completions(for: shell).utf8), to: script)
      let checked = try run(shell.rawValue, [shell == .fish ? "--no-execute" : "-n", script])
      #expect(checked.map { $0.code == 0 && $0.errors.isEmpty } ?? true, "\(shell): \(String(describing: checked))")
    }
    func complete(_ words: String...) throws -> [String] {
      let list = words.map { "'\($0)'" }.joined(separator: " ")
      let script =
        "source '\(directory.path("bash"))'; COMP_WORDS=(\(list)); COMP_CWORD=\(words.count - 1); _tool; "
        + "printf '%s\\n' \"${COMPREPLY[@]}\""
      return try #require(try run("bash", ["-c", script])).text.split(separator: "\n").map(String.init)
    }
    #expect(try complete("tool", "ma") == ["make"])
    #expect(try complete("tool", "make", "--k") == ["--kind"])
    #expect(try complete("tool", "make", "--kind", "") == ["red", "blue"])
    #expect(try complete("tool", "make", "x") == [])
    #expect(try complete("tool", "help", "p") == ["put"])
    // The characters that end words of bash stand alone.
    #expect(try complete("tool", "make", "--kind", "=") == ["red", "blue"])
    #expect(try complete("tool", "make", "--kind", "=", "b") == ["blue"])
    #expect(try complete("tool", "put", "") == ["here", "there"])
    #expect(Self.syntax.completions(for: .zsh).hasSuffix("  _tool \"$@\"\nelse\n  compdef _tool tool\nfi\n"))
    #expect(Self.syntax.completions(for: .zsh).contains("'--version:"))
    #expect(Self.syntax.completions(for: .fish).contains("-n __fish_use_subcommand -l version "))
  }

  /// Goal: the manual page in the repository is that of this program, and man reads it without a complaint.
  @Test func theManualPage() throws {
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Sources/kvdump/kvdump.1").path
    let page = try Tool.run("manual")
    #expect(try page.output == Files.read(source), "make golden writes it anew")
    #expect(Self.syntax.manualPage.contains("\\&.make") && Self.syntax.manualPage.contains("Where \\e it is."))
    #expect(Self.syntax.manualPage.contains(".PP\nDoes\nthings.\n.PP\nAnd more.\n"))
    #expect(Self.syntax.manualPage.contains(".PP\n.nf\none: 1\ntwo: 2\n.fi\n"))
    if let shown = try run("man", ["--warnings", "-l", source]) {
      #expect(shown.errors.isEmpty && shown.text.contains("EXIT STATUS"), "\(shown.errors)")
    }
  }
}
