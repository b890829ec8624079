/// Small charts beside each other, one for each trace: hit ratio against size, a line for each policy. SVG by itself,
/// without scripts.
package struct Chart: Sendable {
  private let ratios: [HitRatios]
  private let policies: [String]

  private static let (panelWidth, panelHeight, columns) = (330.0, 258.0, 3)
  /// The part of a panel that lines are drawn in.
  private static let (left, top, width, height) = (38.0, 46.0, 272.0, 160.0)
  private static let legendTop = 62.0
  private static let legendStep = 20.0
  private static let legendColumns = 5

  package init(_ ratios: [HitRatios]) {
    self.ratios = ratios
    var policies: [String] = []
    for row in ratios.flatMap(\.rows) where !policies.contains(row.policy) { policies.append(row.policy) }
    self.policies = policies
  }

  /// Colours that can be told apart by those who see no red or no green; after Okabe and Ito.
  private func stroke(_ policy: String) -> String {
    let (colour, width, dashes) =
      switch policy {
      case Contender.optimum: ("#888888", 1.5, "5 3")
      case "W-TinyLFU": ("#1f6f78", 3.0, "")
      case "S3-FIFO": ("#e69f00", 1.7, "")
      case "S3-FIFO 2": ("#e69f00", 1.7, "2 2")
      case "SIEVE": ("#d55e00", 1.7, "")
      case "LRU": ("#000000", 1.7, "")
      case "FIFO": ("#000000", 1.2, "2 2")
      case "LFU": ("#cc79a7", 1.7, "")
      case "GDSF": ("#0072b2", 1.7, "")
      default: ("#56b4e9", 1.7, "6 2")
      }
    return "stroke=\"\(colour)\" stroke-width=\"\(width)\"" + (dashes.isEmpty ? "" : " stroke-dasharray=\"\(dashes)\"")
  }

  package var svg: String {
    let legendRows = Double((policies.count + Self.legendColumns - 1) / Self.legendColumns)
    let start = Self.legendTop + legendRows * Self.legendStep
    let panelRows = Double((ratios.count + Self.columns - 1) / Self.columns)
    let (width, height) = (Self.panelWidth * Double(Self.columns), start + panelRows * Self.panelHeight)
    var body = ""
    for (number, policy) in policies.enumerated() {
      let x = 14 + Double(number % Self.legendColumns) * 130
      let y = Self.legendTop + Double(number / Self.legendColumns) * Self.legendStep
      body += "<path d=\"M\(x.short) \(y.short)h26\" fill=\"none\" \(stroke(policy))/>\n"
      body += text(x + 32, y + 4, policy, "")
    }
    for (number, table) in ratios.enumerated() {
      let x = Double(number % Self.columns) * Self.panelWidth
      let y = start + Double(number / Self.columns) * Self.panelHeight
      body += "<g transform=\"translate(\(x.short) \(y.short))\">\n\(panel(table))</g>\n"
    }
    return """
      <svg xmlns="http://www.w3.org/2000/svg" width="\(width.short)" height="\(height.short)" \
      viewBox="0 0 \(width.short) \(height.short)" font-family="sans-serif" font-size="11">
      <rect width="100%" height="100%" fill="white"/>
      \(text(14, 24, "Hit ratio against size", "font-size=\"15\" font-weight=\"bold\""))\
      \(text(14, 42, "in %, by what is given up first; the optimum knows what will be asked for", "fill=\"#555\""))\
      \(body)</svg>

      """
  }

  private func panel(_ table: HitRatios) -> String {
    let highest = table.rows.flatMap(\.hitPercentages).max() ?? 0
    // Steps of 2, 5, 10 or 20 %.
    let step = [2.0, 5, 10, 20].first { highest / $0 <= 5 } ?? 20
    let most = max(step, (highest / step).rounded(.up) * step)
    func x(_ column: Int) -> Double { Self.left + Double(column) / Double(max(table.sizes.count - 1, 1)) * Self.width }
    func y(_ percentage: Double) -> Double { Self.top + (1 - percentage / most) * Self.height }
    let kind = table.isPublic ? "" : " (generated)"
    var body = text(Self.left, Self.top - 12, table.trace + kind, "font-size=\"13\" font-weight=\"bold\"")
    for percentage in stride(from: 0, through: most, by: step) {
      let line = "M\(Self.left.short) \(y(percentage).short)h\(Self.width.short)"
      body += "<path d=\"\(line)\" stroke=\"#dddddd\"/>\n"
      body += text(Self.left - 6, y(percentage) + 4, percentage.text(digits: 0), "text-anchor=\"end\" fill=\"#555\"")
    }
    let bottom = Self.top + Self.height
    for (column, size) in table.sizes.enumerated() {
      body += text(x(column), bottom + 16, "\(size)", "text-anchor=\"middle\" fill=\"#555\"")
    }
    body += text(Self.left + Self.width / 2, bottom + 32, table.unit.rawValue, "text-anchor=\"middle\" fill=\"#555\"")
    // Those that come first in the legend lie on top.
    for row in table.rows.reversed() {
      let points = zip(table.sizes.indices, row.hitPercentages).map { "\(x($0).short),\(y($1).short)" }
      body += "<polyline points=\"\(points.joined(separator: " "))\" fill=\"none\" stroke-linejoin=\"round\" "
      body += "\(stroke(row.policy))><title>\(escaped(row.policy))</title></polyline>\n"
    }
    return body
  }

  private func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
  }

  private func text(_ x: Double, _ y: Double, _ content: String, _ attributes: String) -> String {
    "<text x=\"\(x.short)\" y=\"\(y.short)\" \(attributes)>\(escaped(content))</text>\n"
  }
}

extension Double {
  fileprivate var short: String { text(digits: 1) }
}
