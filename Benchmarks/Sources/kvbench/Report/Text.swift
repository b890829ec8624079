import BenchmarkSupport
import Glibc

/// A time for people: three digits and a unit.
func readable(_ nanoseconds: Double) -> String {
  let (value, unit) =
    switch nanoseconds {
    case ..<1e3: (nanoseconds, "ns")
    case ..<1e6: (nanoseconds / 1e3, "µs")
    case ..<1e9: (nanoseconds / 1e6, "ms")
    default: (nanoseconds / 1e9, "s")
    }
  return "\(String(value, digits: value < 10 ? 2 : value < 100 ? 1 : 0)) \(unit)"
}

func readable(count: Int) -> String {
  switch count {
  case 1_000_000... where count % 1_000_000 == 0: "\(count / 1_000_000) M"
  case 1_000... where count % 1_000 == 0: "\(count / 1_000) k"
  default: "\(count)"
  }
}

func readable(bytes: Int) -> String {
  var (value, unit) = (Double(bytes), "B")
  for larger in ["KiB", "MiB", "GiB"] where value >= 1024 { (value, unit) = (value / 1024, larger) }
  return "\(String(value, digits: value == value.rounded() ? 0 : 1)) \(unit)"
}

extension Spread {
  /// As a ratio.
  var asRatio: String {
    func text(_ value: Double) -> String { String(value, digits: value < 10 ? 2 : value < 100 ? 1 : 0) }
    return rounds > 1 ? "\(text(median)) × (\(text(lowest))–\(text(highest)))" : "\(text(median)) ×"
  }
}

extension Row {
  /// Which store and how, in a few words.
  var setting: String {
    var parts = [readable(count: keys) + " keys"]
    if valueSize != 100 { parts.append(readable(bytes: valueSize) + " values") }
    if threads != 1 { parts.append("\(threads) threads") }
    parts.append(".\(durability.rawValue)")
    return parts.joined(separator: ", ")
  }

  var mark: String { pass.map { $0 ? "pass" : "short" } ?? "" }
}

extension Results {
  /// The contests, for the terminal.
  var contestTable: String {
    var lines = [""]
    for row in rows where row.target != nil {
      let what = [row.work, row.measure].compactMap { $0 }.joined(separator: " ")
      lines.append(
        "  \(what.padded(24)) \(row.setting.padded(34)) vs \(row.peer!.padded(12)) "
          + "\(row.ratio!.asRatio.padded(24)) \((row.target.map { "≥ \($0)" } ?? "").padded(8)) \(row.mark)")
    }
    return lines.joined(separator: "\n")
  }

  /// How many times faster Cairn is, work by work and peer by peer: what the README shows.
  var summary: String {
    let names = engines.map(\.name).filter { $0 != CairnPeer.name }
    var text = "| | Cairn | \(names.joined(separator: " | ")) |\n|---|---|\(names.map { _ in "---|" }.joined())\n"
    for (work, keys, threads, durability) in Self.summarised {
      let mine = rows.filter {
        $0.work == work && $0.keys == keys && $0.threads == threads && $0.valueSize == 100 && $0.peer == nil
          && (durability == nil || $0.durability == durability)
      }
      guard let own = mine.first(where: { $0.engine == CairnPeer.name })?.nanosecondsPerOp else { continue }
      let class_ = durability.map { ", `.\($0.rawValue)`" } ?? ""
      let who = threads == 1 ? "" : ", \(threads) threads"
      var cells = ["\(work), \(readable(count: keys)) keys\(class_)\(who)", readable(own.median)]
      for name in names {
        guard let theirs = mine.first(where: { $0.engine == name })?.nanosecondsPerOp else {
          cells.append("")
          continue
        }
        let contest = rows.first {
          $0.peer == name && $0.work == work && $0.keys == keys && $0.threads == threads && $0.measure == nil
            && $0.valueSize == 100 && (durability == nil || $0.durability == durability)
        }
        let ratio = contest?.ratio?.median ?? theirs.median / own.median
        cells.append(
          "\(String(ratio, digits: ratio < 10 ? 1 : 0)) ×\(contest?.pass == false ? " (\(target(contest!)))" : "")")
      }
      text += "| \(cells.joined(separator: " | ")) |\n"
    }
    return text
  }

  private func target(_ row: Row) -> String { String(row.target!, digits: row.target! < 10 ? 1 : 0) }

  private static let summarised: [(work: String, keys: Int, threads: Int, durability: Durability?)] = [
    ("get", 1_000_000, 1, nil), ("get", 10_000_000, 1, nil), ("miss", 1_000_000, 1, nil),
    ("get-many", 1_000_000, 1, nil), ("scan", 1_000_000, 1, nil), ("fill", 1_000_000, 1, .process),
    ("put", 1_000_000, 1, .process), ("overwrite", 1_000_000, 1, .process), ("ycsb-a", 1_000_000, 1, .process),
    ("ycsb-b", 1_000_000, 1, .process), ("put", 1000, 1, .disk), ("put", 4000, 16, .disk), ("put", 8000, 64, .disk),
    ("open", 10_000_000, 1, nil), ("open-killed", 10_000_000, 1, nil),
  ]

  /// The contests, for reading beside the JSON file.
  var markdown: String {
    var text = """
      One run of `\(command)` at \(date), commit \(commit): \(machine.processor), \(machine.cores) cores,
      \(readable(bytes: Int(machine.memory))), \(machine.system), \(machine.fileSystem). 16-byte keys, 100-byte values.

      How many times faster Cairn is (in brackets: the target, where it was missed):

      \(summary)
      All contests:

      | work | store | peer | Cairn | peer's | how many times faster | target | |
      |---|---|---|---|---|---|---|---|

      """
    for row in rows where row.target != nil {
      var cells = [[row.work, row.measure].compactMap { $0 }.joined(separator: ", "), row.setting, row.peer!]
      cells.append(row.nanosecondsPerOp.map { readable($0.median) } ?? "")
      cells.append(row.peerNanosecondsPerOp.map { readable($0.median) } ?? "")
      cells.append(row.ratio!.asRatio)
      cells.append(row.target.map { "≥ \($0) ×" } ?? "")
      cells.append(row.pass == false ? "**short**" : row.mark)
      text += "| \(cells.joined(separator: " | ")) |\n"
    }
    text += "\n"
    text += method.map { "- \($0)\n" }.joined()
    text += engines.map { "- \($0.name) \($0.version): \($0.settings).\n" }.joined()
    return text
  }
}

/// Prints a line at once, also where the output is no terminal: runs are long.
func say(_ text: String) {
  print(text)
  fflush(nil)
}
