import Cairn
import CairnArguments
import CairnIndex
import CairnInspect
import CairnTestSupport
import Foundation

/// What hostile bytes are given to. Each traps, which libFuzzer and the tests notice, if it is not a typed error or the
/// right answer that comes of them.
public enum FuzzTarget: String, CaseIterable, Sendable {
  /// The file `STORE`.
  case header
  /// A segment, all of it.
  case segment
  /// The records of a segment, whose checksums fit.
  case records
  /// A dictionary and a frame that may be made with it: in two bytes, whether the first one is compressed, and how long
  /// it is; then both.
  case dictionary
  /// The checkpoint of the index, beside a log that is whole.
  case checkpoint
  /// The list of segments that are gone, beside a log that lacks some.
  case gone
  /// A frozen store, as it is and with checksums that fit.
  case frozen
  /// A dump that is loaded.
  case load
  /// A pattern, and a key.
  case glob
  /// The text of a query.
  case query
  /// A command line, its words apart by zero bytes.
  case arguments

  public func run(_ bytes: [UInt8]) {
    switch self {
    case .header: FuzzStore.shared.read(header: bytes)
    case .segment: FuzzStore.shared.read(segment: bytes)
    case .records: FuzzStore.shared.read(segment: Checksums.repaired(segment: Checksums.segment(of: bytes)))
    case .dictionary: FuzzStore.shared.read(segment: Checksums.segment(withDictionary: bytes))
    case .checkpoint: FuzzStore.shared.read(checkpoint: Checksums.repaired(checkpoint: bytes))
    case .gone: FuzzStore.shared.read(gone: bytes)
    case .frozen: FuzzFrozen.shared.read(bytes)
    case .load: Self.load(bytes)
    case .glob: Self.match(bytes)
    case .query: Self.ask(bytes)
    case .arguments: Self.parse(bytes)
    }
  }

  /// What can be read is written as it was read, and read again to the same.
  private static func load(_ bytes: [UInt8]) {
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      guard let entry = try? DumpParser.parse(Array(line)) else { continue }
      let again = try? DumpParser.parse(entry.text)
      precondition(again == entry, "a line of a dump was not written as it was read")
    }
  }

  private static func match(_ bytes: [UInt8]) {
    let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false).map { Array($0) }
    guard let glob = try? Glob(parts[0]) else { return }
    _ = glob.matches(parts.count > 1 ? parts[1] : [])
    // A pattern without anything special matches itself, and nothing else.
    if !parts[0].contains(where: { "*?[]{},\\!^-".utf8.contains($0) }) {
      precondition(glob.matches(parts[0]) && !glob.matches(parts[0] + [1]))
    }
  }

  /// What can be read is written so that the same is read, and finds the same in attributes and in their encoding.
  private static func ask(_ bytes: [UInt8]) {
    guard let query = try? Query(String(decoding: bytes, as: UTF8.self)) else { return }
    let text = query.description
    // It may be longer than what was read, and then too long.
    if text.utf8.count <= 64 << 10 { precondition((try? Query(text)) == query, "not written as it was read") }
    let entry: Attributes = ["a": 5, "b": 0.5, "c": "text", "d": .date(milliseconds: 0), "e": ["x", "y"]]
    precondition((try? entry.withEncoded { query.matches($0) }) == query.matches(entry), "not what is encoded")
  }

  private static func parse(_ bytes: [UInt8]) {
    let syntax = ProgramSyntax(
      name: "tool", version: "1", summary: "", description: [],
      commands: [
        CommandSyntax(
          "run", "", positionals: [CommandSyntax.Positional("PATH", .path)],
          options: [
            CommandSyntax.Option("--flag", ""), CommandSyntax.Option("--number", "N", .number(0...Int.max), ""),
            CommandSyntax.Option("--kind", choice: ["a", "b"], ""),
          ])
      ], exitCodes: [], environment: [], examples: [])
    let words = bytes.split(separator: 0, omittingEmptySubsequences: false).map { Array($0) }
    guard case .run(_, let arguments)? = try? syntax.parse(words) else { return }
    // What was accepted was given.
    precondition(words.contains(arguments.bytes("PATH")!))
    if let number = arguments.number("--number") { precondition(number >= 0) }
    if let kind = arguments.text("--kind") { precondition(["a", "b"].contains(kind)) }
  }
}
