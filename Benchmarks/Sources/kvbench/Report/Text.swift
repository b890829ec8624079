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
    for row in rows where row.ratio != nil {
      let what = [row.work, row.measure].compactMap { $0 }.joined(separator: " ")
      lines.append(
        "  \(what.padded(24)) \(row.setting.padded(34)) vs \(row.peer!.padded(12)) "
          + "\(row.ratio!.asRatio.padded(24)) \((row.target.map { "≥ \($0)" } ?? "").padded(8)) \(row.mark)")
    }
    return lines.joined(separator: "\n")
  }

  /// The contests, for the README and for reading beside the JSON file.
  var markdown: String {
    var text = """
      One run of `\(command)` at \(date), commit \(commit): \(machine.processor), \(machine.cores) cores,
      \(readable(bytes: Int(machine.memory))), \(machine.system), \(machine.fileSystem). 16-byte keys, 100-byte values.

      | work | store | peer | Cairn | peer's | how many times faster | target | |
      |---|---|---|---|---|---|---|---|

      """
    for row in rows where row.ratio != nil {
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
