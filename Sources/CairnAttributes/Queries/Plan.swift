internal import Cairn
internal import CairnIndex

/// A query, said in what the indexes have.
indirect enum Plan {
  case nothing
  case everything
  case value(EqualityField, UInt32)
  case values(EqualityField, [UInt32])
  case range(RangeField, ClosedRange<UInt64>)
  case tag(TagsField, UInt32)
  case tagSet(TagsField, UInt32)
  case bitmap(Bitmap)
  case and([Plan])
  case or([Plan])
  case not(Plan)

  var isNothing: Bool { if case .nothing = self { true } else { false } }
  var isEverything: Bool { if case .everything = self { true } else { false } }

  static func all(of plans: [Plan]) -> Plan {
    var parts: [Plan] = []
    for plan in plans {
      if case .and(let inner) = plan { parts += inner } else if !plan.isEverything { parts.append(plan) }
    }
    var merged: [Plan] = []
    for part in parts {
      if let (index, both) = merged.indices.lazy.compactMap({ i in part.merged(merged[i]).map { (i, $0) } }).first {
        merged[index] = both
      } else {
        merged.append(part)
      }
    }
    if merged.contains(where: \.isNothing) { return .nothing }
    return merged.isEmpty ? .everything : merged.count == 1 ? merged[0] : .and(merged)
  }

  /// Of two bounds of the same field the range between them, and so on; `nil` if they are not of the same.
  private func merged(_ other: Plan) -> Plan? {
    switch (self, other) {
    case (.range(let field, let a), .range(let otherField, let b)) where field === otherField:
      a.overlaps(b) ? .range(field, a.clamped(to: b)) : .nothing
    default:
      if let (field, a) = codes, let (otherField, b) = other.codes, field === otherField {
        .values(field, codes: Array(Set(a).intersection(b)))
      } else {
        nil
      }
    }
  }

  private var codes: (EqualityField, [UInt32])? {
    switch self {
    case .value(let field, let code): (field, [code])
    case .values(let field, let codes): (field, codes)
    default: nil
    }
  }

  /// - Parameter codes: none of them twice.
  static func values(_ field: EqualityField, codes: [UInt32]) -> Plan {
    codes.count > 1 ? .values(field, codes) : codes.first.map { .value(field, $0) } ?? .nothing
  }

  static func any(of plans: [Plan]) -> Plan {
    var parts: [Plan] = []
    for plan in plans {
      switch plan {
      case .everything: return .everything
      case .nothing: break
      case .or(let inner): parts += inner
      default: parts.append(plan)
      }
    }
    return parts.isEmpty ? .nothing : parts.count == 1 ? parts[0] : .or(parts)
  }

  static func complement(of plan: Plan) -> Plan {
    switch plan {
    case .nothing: .everything
    case .everything: .nothing
    case .not(let inner): inner
    default: .not(plan)
    }
  }
}

/// Makes plans of queries.
struct Planner {
  let table: AttributeTable
  /// Whether records are read for what no index answers.
  let allowsScan: Bool
  /// `false`: what the plan has are candidates, all that match and perhaps others.
  private(set) var isExact = true

  init(_ table: AttributeTable, allowsScan: Bool) {
    self.table = table
    self.allowsScan = allowsScan
  }

  /// - Parameter widening: what cannot be told is taken to match; below a `not`, not to match: so that no entry which
  ///   does is left out.
  /// - Throws: `.notIndexed`.
  mutating func plan(_ node: Query.Node, widening: Bool = true) throws(StoreError) -> Plan {
    switch node {
    case .all: return .everything
    case .and(let nodes): return .all(of: try plans(nodes, widening))
    case .or(let nodes): return .any(of: try plans(nodes, widening))
    case .not(let node): return .complement(of: try plan(node, widening: !widening))
    case .compare(let name, let comparison, let value):
      guard let field = try field(name) else { return unknown(widening) }
      return compare(field, comparison, value)
    case .between(let name, let low, let high):
      guard let field = try field(name) else { return unknown(widening) }
      return .all(of: [compare(field, .atLeast, low), compare(field, .atMost, high)])
    case .among(let name, let values):
      guard let field = try field(name) else { return unknown(widening) }
      return among(field, values)
    case .prefix(let name, let prefix):
      guard let field = try field(name) else { return unknown(widening) }
      if case .equality(let field) = field { return self.prefix(field, prefix) }
      return .nothing
    case .tag(let name, let tag):
      guard let field = try field(name) else { return unknown(widening) }
      if case .tags(let field) = field { return field.code(ofTag: tag).map { .tag(field, $0) } ?? .nothing }
      return .nothing
    case .exists(let name):
      guard let field = try field(name) else { return unknown(widening) }
      return exists(field)
    }
  }

  private mutating func plans(_ nodes: [Query.Node], _ widening: Bool) throws(StoreError) -> [Plan] {
    var plans: [Plan] = []
    for node in nodes { plans.append(try plan(node, widening: widening)) }
    return plans
  }

  private mutating func unknown(_ widening: Bool) -> Plan {
    isExact = false
    return widening ? .everything : .nothing
  }

  private func field(_ name: String) throws(StoreError) -> AttributeTable.Field? {
    if let field = table.field(name) { return field }
    if allowsScan { return nil }
    throw StoreError(
      .notIndexed,
      "the attribute \(name) has no index: declare .equality(\"\(name)\"), .range(\"\(name)\", of: …) or "
        + ".tags(\"\(name)\"), or allow that records are read")
  }

  private func exists(_ field: AttributeTable.Field) -> Plan {
    let bitmaps: [Bitmap] =
      switch field {
      case .equality(let field): StoredValue.Class.allCases.map(field.present)
      case .range(let field): [field.present]
      case .tags(let field): [field.present]
      }
    return .any(of: bitmaps.filter { !$0.isEmpty }.map { .bitmap($0) })
  }

  private func compare(_ field: AttributeTable.Field, _ comparison: Query.Comparison, _ value: Attributes.Value) -> Plan
  {
    switch field {
    case .equality(let field): return compare(field, comparison, value)
    case .range(let field):
      guard let place = NumberKey.place(of: value, among: field.number) else { return .nothing }
      return compare(field, comparison, place)
    case .tags(let field):
      guard case .tags(let tags) = value else { return .nothing }
      let equal: Plan = field.code(ofSet: tags).map { .tagSet(field, $0) } ?? .nothing
      switch comparison {
      case .equal: return equal
      case .notEqual: return .all(of: [.bitmap(field.present), .complement(of: equal)])
      case .less, .atMost, .greater, .atLeast: return .nothing
      }
    }
  }

  private func among(_ field: AttributeTable.Field, _ values: [Attributes.Value]) -> Plan {
    if case .equality(let field) = field {
      return .values(field, codes: Array(Set(values.flatMap(field.codes(equalTo:)))))
    }
    return .any(of: values.map { compare(field, .equal, $0) })
  }

  // MARK: Ranges

  /// A range has the keys from one to another, both included.
  private func range(_ field: RangeField, from first: UInt64?, before end: UInt64?) -> Plan {
    guard let first, end != 0 else { return .nothing }
    let last = end.map { $0 - 1 } ?? .max
    return first <= last ? .range(field, first...last) : .nothing
  }

  private func compare(_ field: RangeField, _ comparison: Query.Comparison, _ place: NumberKey.Place) -> Plan {
    switch comparison {
    case .equal: range(field, from: place.first, before: place.behind)
    case .notEqual:
      .all(of: [
        .bitmap(field.present), .complement(of: range(field, from: place.first, before: place.behind)),
      ])
    case .less: range(field, from: 0, before: place.first)
    case .atMost: range(field, from: 0, before: place.behind)
    case .greater: range(field, from: place.behind, before: nil)
    case .atLeast: range(field, from: place.first, before: nil)
    }
  }

  // MARK: Values

  private func equal(_ field: EqualityField, _ value: Attributes.Value) -> Plan {
    .values(field, codes: field.codes(equalTo: value))
  }

  private func compare(_ field: EqualityField, _ comparison: Query.Comparison, _ value: Attributes.Value) -> Plan {
    guard let operand = StoredValue.bytes(value) else { return .nothing }
    switch comparison {
    case .equal: return equal(field, value)
    case .notEqual:
      let present = operand.withBytes { field.present(StoredValue.class(Bytes($0))) }
      return .all(of: [.bitmap(present), .complement(of: equal(field, value))])
    case .less, .atMost, .greater, .atLeast: break
    }
    // In the order of values, those that compare with the operand stand together.
    return operand.withBytes { operand in
      let operand = Bytes(operand)
      let kind = StoredValue.class(operand).rawValue
      let range =
        switch comparison {
        case .less, .atMost:
          field.valuesBefore {
            StoredValue.class($0).rawValue < kind
          }..<field.valuesBefore { Self.isBefore($0, operand, isIncluded: comparison == .atMost) }
        default:
          field.valuesBefore {
            Self.isBefore($0, operand, isIncluded: comparison == .greater)
          }..<field.valuesBefore { StoredValue.class($0).rawValue <= kind }
        }
      return .values(field, codes: field.codes(range))
    }
  }

  private static func isBefore(_ value: Bytes, _ operand: Bytes, isIncluded: Bool) -> Bool {
    let order = StoredValue.order(value, operand)
    return order < 0 || isIncluded && order == 0
  }

  private func prefix(_ field: EqualityField, _ prefix: String) -> Plan {
    guard let operand = StoredValue.bytes(.string(prefix)) else { return .nothing }
    return operand.withBytes { operand in
      let operand = Bytes(operand)
      let first = field.valuesBefore { StoredValue.order($0, operand) < 0 }
      let end = field.valuesBefore { StoredValue.order($0, operand) < 0 || $0.starts(with: operand) }
      return .values(field, codes: field.codes(first..<end))
    }
  }
}
