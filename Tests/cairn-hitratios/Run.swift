import CairnArguments
import CairnSimulation
import Foundation

/// The tables of all traces: printed as they come, and written at the end.
struct Run {
  private let isJSON: Bool
  private let output: String?
  private let folder: String?
  private let contenders: [Contender]
  private let missing: [PublicTrace]
  private var ratios: [HitRatios] = []

  init(_ arguments: Arguments) throws {
    (isJSON, output) = (arguments.has("--json"), arguments.text("--output"))
    folder = arguments.text("--traces") ?? PublicTrace.folder
    contenders = try Self.contenders(arguments.text("--policy"))
    missing = PublicTrace.allCases.filter { [folder] trace in !(folder.map(trace.isThere) ?? false) }
    if let given = arguments.text("--traces"), missing.count == PublicTrace.allCases.count {
      throw UsageError("\(given) holds none of \(missing.map(\.rawValue).joined(separator: ", "))")
    }
    // Before the work, not after it.
    if let output, !FileManager.default.isWritableFile(atPath: output + "/.") {
      throw UsageError("\(output) is no folder that can be written to")
    }
  }

  private static func contenders(_ list: String?) throws -> [Contender] {
    guard let list else { return Contender.all }
    let names = list.split(separator: ",").map { $0.lowercased() }
    let known = Set(Contender.all.map { $0.name.lowercased() })
    if let unknown = names.first(where: { !known.contains($0) }) {
      throw UsageError(
        "there is no policy \(unknown), but \(Contender.all.map(\.name).joined(separator: ", "))")
    }
    return Contender.all.filter { $0.name == Contender.reference || names.contains($0.name.lowercased()) }
  }

  private var isWhole: Bool { missing.isEmpty && contenders.count == Contender.all.count }

  /// What is not in the tables.
  private var left: String? {
    if missing.isEmpty { return nil }
    return "LEFT OUT, as these public traces are not there: \(missing.map(\.name).joined(separator: ", ")). "
      + "Put them into a folder that --traces or CAIRN_TRACES names."
  }

  private static let explanation = """
    Of each request, what is not there is put, and what a policy gives up makes room for it. The optimum knows what \
    will be asked for: nobody who makes room for each request can have more hits, where all entries weigh the same. \
    The best of the others is marked for each size. What entries cost is the same for all of them.
    """

  /// Returns whether all that is published has been counted here as well.
  mutating func run() async throws -> Bool {
    if let left { say(left + "\n") }
    for trace in PublicTrace.allCases where !missing.contains(trace) { await measure(try trace.trace(in: folder)) }
    for trace in GeneratedTrace.all { await measure(trace) }
    let summary = Summary.tables(Summary.all(ratios), ratios)
    for table in summary { say(table.plain) }
    say(published)
    if let left { say(left) }
    if isJSON { print(try json()) }
    if let output { try write(to: output, summary) }
    return ratios.allSatisfy { $0.published.disagreements.isEmpty }
  }

  private mutating func measure(_ trace: Trace) async {
    let measured = await HitRatios(of: trace, contenders: contenders)
    ratios.append(measured)
    for table in measured.tables { say(table.plain) }
  }

  private func say(_ text: String) {
    if isJSON { return }
    print(text)
    fflush(nil)
  }

  private var published: String {
    let disagreements = ratios.flatMap(\.published.disagreements)
    let agreeing = ratios.map(\.published.agreeing).reduce(0, +)
    if agreeing + disagreements.count == 0 { return "Nothing is published of these." }
    let counts = "Of \(agreeing + disagreements.count) published counts, \(agreeing) agree"
    return disagreements.isEmpty ? counts + "." : ([counts + "; these do not:"] + disagreements).joined(separator: "\n")
  }

  private func json() throws -> String {
    struct Everything: Encodable {
      let missing: [String]
      let traces: [HitRatios]
      let summary: [Summary]
      let disagreements: [String]
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let everything = Everything(
      missing: missing.map(\.name), traces: ratios, summary: Summary.all(ratios),
      disagreements: ratios.flatMap(\.published.disagreements))
    return String(decoding: try encoder.encode(everything), as: UTF8.self)
  }

  private func write(to output: String, _ summary: [TextTable]) throws {
    // A part does not replace the whole.
    let name = output + (isWhole ? "/hitratios" : "/hitratios-part")
    var parts = ["# Hit ratios\n", "Written by `make hitratios`. \(Self.explanation)\n"]
    if let left { parts.append("**\(left)**\n") }
    parts += [published + "\n", "![hit ratio against size](\(isWhole ? "hitratios" : "hitratios-part").svg)\n"]
    parts += summary.map(\.markdown)
    for table in ratios {
      let tables = table.tables.map(\.markdown)
      parts += [tables[0], table.about.prefix(1).uppercased() + table.about.dropFirst() + ".\n"] + tables.dropFirst()
    }
    try Data(parts.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: name + ".md"), options: .atomic)
    try Data(Chart(ratios).svg.utf8).write(to: URL(fileURLWithPath: name + ".svg"), options: .atomic)
    say("Written: \(name).md, .svg")
  }
}
