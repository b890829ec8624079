import BenchmarkSupport
import Foundation

/// A chart of bars, one group below the other, in SVG; lengths on a logarithmic scale.
struct Chart {
  struct Bar {
    var label: String
    var value: Double
    var text: String
    /// Drawn in the colour of the one that the chart is about.
    var isOwn = false
  }

  var title: String
  /// What the lengths are.
  var scale: String
  var groups: [(name: String, bars: [Bar])]

  var svg: String {
    let (left, width, step) = (150.0, 420.0, 20.0)
    let values = groups.flatMap { $0.bars.map(\.value) }.filter { $0 > 0 }
    let lowest = exponent(values.min() ?? 1, up: false)
    let highest = max(lowest + 1, exponent(values.max() ?? 10, up: true))
    func length(_ value: Double) -> Double {
      guard value > 0 else { return 0 }
      return max(2, (log10(value) - Double(lowest)) / Double(highest - lowest) * width)
    }
    var y = 58.0
    var body = ""
    for group in groups {
      body += text(12, y + 14, group.name, "font-weight=\"bold\"")
      y += step + 4
      for bar in group.bars {
        let end = length(bar.value)
        body += text(left - 8, y + 13, bar.label, "text-anchor=\"end\"")
        body += """
          <rect x="\(number(left))" y="\(number(y + 2))" width="\(number(end))" height="14" \
          fill="\(bar.isOwn ? "#1f6f78" : "#b9a98c")"/>

          """
        body += text(left + end + 6, y + 13, bar.text, "")
        y += step
      }
      y += 10
    }
    return """
      <svg xmlns="http://www.w3.org/2000/svg" width="720" height="\(number(y + 8))" \
      font-family="sans-serif" font-size="12">
      <rect width="720" height="\(number(y + 8))" fill="white"/>
      \(text(12, 22, title, "font-size=\"15\" font-weight=\"bold\""))\
      \(text(12, 40, scale, "fill=\"#555\""))\(body)</svg>

      """
  }

  private func exponent(_ value: Double, up: Bool) -> Int {
    Int(up ? log10(value).rounded(.up) : log10(value).rounded(.down))
  }

  private func number(_ value: Double) -> String { String(value, digits: 1) }

  private func text(_ x: Double, _ y: Double, _ content: String, _ attributes: String) -> String {
    let escaped = content.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    return "<text x=\"\(number(x))\" y=\"\(number(y))\" \(attributes)>\(escaped)</text>\n"
  }
}

extension Chart {
  /// Times of an operation, one group for each work, the engines from fast to slow.
  init(_ title: String, _ rows: [Row]) {
    var groups: [(name: String, bars: [Bar])] = []
    for row in rows {
      guard let time = row.nanosecondsPerOp, row.peer == nil else { continue }
      let name = "\(row.work): \(row.setting)"
      let bar = Bar(
        label: row.engine, value: time.median, text: readable(time.median), isOwn: row.engine == CairnPeer.name)
      if let number = groups.firstIndex(where: { $0.name == name }) {
        groups[number].bars.append(bar)
      } else {
        groups.append((name, [bar]))
      }
    }
    for number in groups.indices { groups[number].bars.sort { $0.value < $1.value } }
    self.init(title: title, scale: "time of an operation, logarithmic: shorter is faster", groups: groups)
  }
}
