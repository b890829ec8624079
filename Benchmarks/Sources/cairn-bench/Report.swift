import BenchmarkSupport

/// Prints one row for each figure, and counts those that fall short.
struct Report {
  private(set) var short = 0

  func heading(_ text: String) { print("\n\(text)") }

  func note(_ text: String) { print("  \(text)") }

  /// - Parameter isMet: `nil`: a figure without a target.
  mutating func row(_ what: String, _ figure: String, _ target: String = "", isMet: Bool? = nil) {
    let mark = isMet.map { $0 ? "pass" : "SHORT" } ?? ""
    if isMet == false { short += 1 }
    print("  \(what.padded(46)) \(figure.padded(22)) \(target.padded(20)) \(mark)")
  }
}
