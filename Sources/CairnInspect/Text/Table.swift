/// Rows in columns.
struct Table {
  var header: [String] = []
  var rows: [[String]]

  /// - Parameter numbersFrom: columns from this one on stand to the right.
  func text(numbersFrom: Int = .max) -> String {
    let all = (header.isEmpty ? [] : [header]) + rows
    let columns = all.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in all.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return all.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        if column > 0 { line += "  " }
        line += column >= numbersFrom ? padding + cell : cell + (column + 1 < row.count ? padding : "")
      }
      return line + "\n"
    }.joined()
  }
}
