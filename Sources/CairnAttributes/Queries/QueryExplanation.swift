package import Cairn
package import CairnIndex

/// How a query is answered.
public struct QueryExplanation: Sendable, Equatable, CustomStringConvertible {
  /// A condition, or several that are combined.
  public struct Step: Sendable, Equatable {
    public let condition: String
    /// What answers it.
    public let method: String
    /// How many entries meet it; candidates, where records have to be read.
    public let count: Int
    public let steps: [Step]
  }

  public let step: Step
  /// How many entries match; candidates, unless ``isExact``.
  public let count: Int
  /// How many were looked at one by one to count them. All others are counted in bitmaps, by the thousand.
  public let touchedCount: Int
  /// `false`: records of all candidates have to be read.
  public let isExact: Bool

  public var description: String {
    let found = isExact ? "entries match" : "candidates, whose records are read"
    var lines = ["\(count) \(found), \(touchedCount) looked at one by one"]
    Self.append(step, depth: 1, to: &lines)
    return lines.joined(separator: "\n")
  }

  private static func append(_ step: Step, depth: Int, to lines: inout [String]) {
    lines.append(String(repeating: "  ", count: depth) + "\(step.condition): \(step.count), \(step.method)")
    for step in step.steps { append(step, depth: depth + 1, to: &lines) }
  }
}

extension AttributeTable {
  /// Which index answers each part of a query, and what it costs. Counts each part: not for a hot path.
  ///
  /// - Throws: `.notIndexed`.
  package func explain(_ query: Query, allowingScan: Bool = false) throws(StoreError) -> QueryExplanation {
    var planner = Planner(self, allowsScan: allowingScan)
    let plan = try planner.plan(query.node)
    var evaluation = Evaluation(self)
    let count = evaluation.count(plan)
    return QueryExplanation(
      step: try step(query.node, allowingScan), count: count, touchedCount: evaluation.touched,
      isExact: planner.isExact)
  }

  private func step(_ node: Query.Node, _ allowingScan: Bool) throws(StoreError) -> QueryExplanation.Step {
    var planner = Planner(self, allowsScan: allowingScan)
    let plan = try planner.plan(node)
    var evaluation = Evaluation(self)
    let count = evaluation.count(plan)
    var steps: [QueryExplanation.Step] = []
    for part in node.parts { steps.append(try step(part, allowingScan)) }
    return QueryExplanation.Step(
      condition: node.text, method: method(node, plan), count: count, steps: steps)
  }

  private func method(_ node: Query.Node, _ plan: Plan) -> String {
    switch node {
    case .all: return "every entry with attributes"
    case .and: return "intersection"
    case .or: return "union"
    case .not: return "complement"
    case .compare(let name, _, _), .between(let name, _, _), .among(let name, _), .prefix(let name, _),
      .tag(let name, _), .exists(let name):
      switch field(name) {
      case .equality(let field): return "equality of \(name), \(plan.valueCount) of \(field.valueCount) values"
      case .range(let field): return "range of \(name), \(field.binCount) bins"
      case .tags(let field): return "tags of \(name), \(field.tagCount) tags"
      case nil: return "no index of \(name): by records"
      }
    }
  }
}

extension Plan {
  /// Of how many values documents are united.
  fileprivate var valueCount: Int {
    switch self {
    case .value: 1
    case .values(_, let codes): codes.count
    case .and(let parts), .or(let parts): parts.reduce(0) { $0 + $1.valueCount }
    case .not(let part): part.valueCount
    default: 0
    }
  }
}

extension Query.Node {
  fileprivate var parts: [Query.Node] {
    switch self {
    case .and(let nodes), .or(let nodes): nodes
    case .not(let node): [node]
    default: []
    }
  }

  fileprivate var text: String {
    switch self {
    case .and: "and"
    case .or: "or"
    case .not: "not"
    default: Query(self).description
    }
  }
}
