internal import Foundation

/// Rows of cells, as text for a terminal or for Markdown.
package struct TextTable: Sendable {
  package struct Cell: Sendable {
    package var text: String
    package var isBest = false
  }

  package var title: String
  package var header: [String]
  package var rows: [[Cell]]

  /// Columns of the same width, the best with a star.
  package var plain: String {
    let rows = [header.map { $0 + " " }] + self.rows.map { $0.map { $0.text + ($0.isBest ? "*" : " ") } }
    let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    let lines = rows.map { row in
      row.indices.map { column in
        let space = String(repeating: " ", count: widths[column] - row[column].count)
        // Names to the left, numbers to the right.
        return column == 0 ? row[column] + space : " " + space + row[column]
      }.joined()
    }
    return ([title] + lines).joined(separator: "\n") + "\n"
  }

  /// The best are bold.
  package var markdown: String {
    var lines = ["## \(title)", "", line(header), line(header.indices.map { $0 == 0 ? "---" : "---:" })]
    lines += rows.map { row in line(row.map { $0.isBest ? "**\($0.text)**" : $0.text }) }
    return lines.joined(separator: "\n") + "\n"
  }

  private func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
}

extension Double {
  package func text(digits: Int) -> String { String(format: "%.\(digits)f", self) }
}

extension HitRatios {
  private var number: String { requests.formatted(.number.locale(Locale(identifier: "en_US"))) }

  /// Hit ratios of requests; and of bytes, where they weigh differently.
  package var tables: [TextTable] {
    let keys = keys.formatted(.number.locale(Locale(identifier: "en_US")))
    let title = "\(trace): \(number) requests for \(keys) keys"
    let requests = table(title) { $0.hitPercentages }
    return unit == .entries ? [requests] : [requests, table("\(trace): of bytes") { $0.hitPercentagesOfBytes }]
  }

  private func table(_ title: String, _ percentages: (Row) -> [Double]) -> TextTable {
    let highest = sizes.indices.map { best($0, percentages).text(digits: 2) }
    return TextTable(
      title: title, header: ["hits in %, \(unit.rawValue)"] + sizes.map(String.init),
      rows: rows.map { row in
        [TextTable.Cell(text: row.policy)]
          + zip(percentages(row), highest).map { percentage, highest in
            let text = percentage.text(digits: 2)
            return TextTable.Cell(text: text, isBest: !row.isOptimum && percentage > 0 && text == highest)
          }
      })
  }
}

extension Summary {
  /// - Parameter ratios: those of which they are.
  package static func tables(_ summaries: [Summary], _ ratios: [HitRatios]) -> [TextTable] {
    [all(summaries), byTrace(summaries, ratios)]
  }

  private static func all(_ summaries: [Summary]) -> TextTable {
    TextTable(
      title: "All traces and sizes",
      header: [
        "% of the optimum", "public", "generated", "all", "points below it", "worst against LRU", "where",
        "worst against the best", "where",
      ],
      rows: summaries.map { summary in
        func points(_ distance: Distance?) -> [String] {
          guard let distance else { return ["–", "–"] }
          return [(distance.points > 0 ? "+" : "") + distance.points.text(digits: 1), distance.place]
        }
        let shares = [summary.shareOfPublic, summary.shareOfGenerated, summary.share].map {
          $0?.text(digits: 1) ?? "–"
        }
        let cells =
          [summary.policy] + shares + [summary.belowOptimum.text(digits: 1)] + points(summary.worstToReference)
          + points(summary.worstToBest)
        return cells.map { TextTable.Cell(text: $0) }
      })
  }

  private static func byTrace(_ summaries: [Summary], _ ratios: [HitRatios]) -> TextTable {
    let highest = ratios.indices.map { trace in (summaries.map { $0.shares[trace] }.max() ?? 0).text(digits: 1) }
    return TextTable(
      title: "Each trace, mean over its sizes", header: ["% of the optimum"] + ratios.map(\.trace),
      rows: summaries.map { summary in
        [TextTable.Cell(text: summary.policy)]
          + zip(summary.shares.map { $0.text(digits: 1) }, highest).map {
            TextTable.Cell(text: $0, isBest: $0 == $1)
          }
      })
  }
}
