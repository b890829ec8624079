/// What is done to a store, one thing after the other.
package struct Script: Sendable, Equatable, CustomStringConvertible {
  package enum Step: String, CaseIterable, Sendable {
    case put, delete, batch, sync, rotate, checkpoint, compact, expire, invalidate
  }

  package var steps: [Step]

  package init(_ steps: [Step]) { self.steps = steps }

  /// As ``description`` says it; `nil` if that is none.
  package init?(_ text: String) {
    let steps = text.split(separator: " ").map { Step(rawValue: String($0)) }
    if steps.contains(nil) { return nil }
    self.steps = steps.compactMap(\.self)
  }

  package var description: String { steps.map(\.rawValue).joined(separator: " ") }

  /// All of so many steps.
  package static func all(ofLength length: Int) -> [Script] {
    (0..<length).reduce([Script([])]) { scripts, _ in
      scripts.flatMap { script in Step.allCases.map { Script(script.steps + [$0]) } }
    }
  }
}
