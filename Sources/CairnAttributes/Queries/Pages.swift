package import Cairn
package import CairnIndex

extension AttributeTable {
  /// How many entries match.
  ///
  /// - Parameter allowingScan: conditions for which there is no index are taken to match: the count is of candidates
  ///   then.
  /// - Throws: `.notIndexed`.
  package func count(
    _ query: Query, allowingScan: Bool = false
  ) throws(StoreError) -> (count: Int, isExact: Bool) {
    var planner = Planner(self, allowsScan: allowingScan)
    let plan = try planner.plan(query.node)
    var evaluation = Evaluation(self)
    return (evaluation.count(plan), planner.isExact)
  }

  /// Keys of entries that match, some at a time.
  ///
  /// - Parameters:
  ///   - order: `nil`: in any, but the same for all pages.
  ///   - cursor: where the page before ended.
  ///   - limit: how many at most; 1 at least.
  ///   - allowingScan: conditions for which there is no index are taken to match: see ``AttributePage/isExact``.
  /// - Throws: `.notIndexed`; `.invalidOption`: a cursor of another order; `.historyGone`: one from before everything
  ///   was removed or read anew.
  package func page(
    _ query: Query, order: AttributeOrder? = nil, after cursor: AttributeCursor? = nil, limit: Int,
    allowingScan: Bool = false
  ) throws(StoreError) -> AttributePage {
    if limit < 1 { throw StoreError(.invalidOption, "a page has 1 entry at least") }
    if let cursor, cursor.order != order {
      throw StoreError(.invalidOption, "the cursor is of a page in another order")
    }
    if let cursor, cursor.life != life {
      throw StoreError(.historyGone, "the entries have been read anew since the page: begin with the first one again")
    }
    var planner = Planner(self, allowsScan: allowingScan)
    let plan = try planner.plan(query.node)
    // One more, to know whether there are more.
    let wanted = min(limit, count) + 1
    let found: [FoundDocument]
    if let order {
      var sorter = Sorter(self, try sortField(order.name), order.isDescending, wanted: wanted)
      found = sorter.page(plan, after: cursor)
    } else {
      found = inOrderOfDocuments(plan, after: cursor?.document, wanted: wanted)
    }
    let page = found.prefix(limit)
    let next = found.count > limit ? page.last : nil
    return AttributePage(
      keys: page.map { keys.bytes($0.document).array() },
      next: next.map { AttributeCursor(life: life, order: order, document: $0.document, value: $0.value) },
      isExact: planner.isExact)
  }

  struct FoundDocument {
    let document: UInt32
    let value: Attributes.Value?
  }

  private func inOrderOfDocuments(_ plan: Plan, after last: UInt32?, wanted: Int) -> [FoundDocument] {
    if last == .max { return [] }
    var evaluation = Evaluation(self)
    let found = evaluation.first(plan, from: last.map { $0 + 1 } ?? 0, wanted: wanted)
    return (0..<found.count).map { FoundDocument(document: found[$0], value: nil) }
  }

  private func sortField(_ name: String) throws(StoreError) -> Sorter.Field {
    switch field(name) {
    case .equality(let field): return .equality(field)
    case .range(let field): return .range(field)
    case .tags, nil:
      throw StoreError(
        .notIndexed,
        "there is no order by \(name): declare .equality(\"\(name)\") or .range(\"\(name)\", of: …)")
    }
  }

  // MARK: Totals

  /// The totals of each group, in the order of the groups' values.
  ///
  /// - Throws: `.notIndexed`: they are not declared.
  package func totals(_ aggregate: AttributeAggregate) throws(StoreError) -> [AttributeTotal] {
    let total = try total(aggregate)
    return total.group.codes(0..<total.group.valueCount).map(total.row)
  }

  /// - Parameter value: of the group. An integer and a real of the same number are two of them.
  /// - Returns: `nil` if there is no such entry.
  package func total(
    _ aggregate: AttributeAggregate, group value: Attributes.Value
  ) throws(StoreError) -> AttributeTotal? {
    let total = try total(aggregate)
    return total.group.code(of: value).map(total.row)
  }

  private func total(_ aggregate: AttributeAggregate) throws(StoreError) -> GroupTotals {
    if let total = totals.first(where: { $0.aggregate == aggregate }) { return total }
    throw StoreError(
      .notIndexed,
      "there are no totals of them: declare .sum(\"\(aggregate.number)\", by: \"\(aggregate.group)\")")
  }
}
