import Cairn
import CairnIndex
import CairnTestSupport
import Testing

@testable import CairnAttributes

/// Goal: the table finds what a look at each entry finds, in every order, and its totals are those of the entries.
/// Method: random puts, removals, invalidations and expiries against a dictionary; then random queries.
@Suite struct AttributeTableTests {
  struct Trial {
    let table: AttributeTable
    var model: AttributeModel
    var random: AttributeRandom
    var now: Int64 = 1000
    let keyCount: Int
    let seed: UInt64

    init(seed: UInt64, keyCount: Int, distinct: Int, _ tuning: AttributeTable.Tuning) throws(StoreError) {
      let indexes = try AttributeIndexes(AttributeRandom.indexes, aggregates: AttributeRandom.aggregates)
      self.seed = seed
      table = AttributeTable(indexes, tuning)
      model = AttributeModel(indexes: indexes)
      random = AttributeRandom(random: SeededRandom(seed: seed), distinct: distinct)
      self.keyCount = keyCount
    }

    mutating func key() -> [UInt8] {
      let number = random.random.below(keyCount)
      return Array("\(["user", "page", "p"][number % 3]):\(number)".utf8)
    }

    mutating func put() throws(StoreError) {
      let key = key()
      var attributes = random.attributes()
      // Often only one of them has changed, or none.
      if let old = model.entries[key], random.random.percent(50) {
        attributes = old.attributes
        let name = AttributeRandom.names[random.random.below(AttributeRandom.names.count)]
        if random.random.percent(60) { attributes[name] = random.value(name) }
      }
      let deadline: Int64? = random.random.percent(25) ? now + Int64(random.random.below(200)) : nil
      let byteCount = random.random.below(1000)
      let table = table
      try attributes.withEncoded { (encoded) throws(StoreError) in
        key.withBytes { table.put(key: $0, attributes: encoded, deadline: deadline, byteCount: byteCount) }
      }
      model.entries[key] =
        attributes.isEmpty
        ? nil : AttributeModel.Entry(attributes: attributes, deadline: deadline, byteCount: byteCount)
    }

    mutating func remove() {
      let key = key()
      key.withBytes { table.remove(key: $0) }
      model.entries[key] = nil
    }

    mutating func invalidate() {
      let prefix = Array(key().prefix(4 + random.random.below(5)))
      prefix.withBytes { table.removeAll(prefix: $0) }
      model.entries = model.entries.filter { !$0.key.starts(with: prefix) }
    }

    mutating func expire() {
      now += Int64(random.random.below(20))
      table.expire(at: now)
      model.entries = model.entries.filter { $0.value.deadline.map { [now] in now < $0 } ?? true }
    }

    mutating func change() throws(StoreError) {
      switch random.random.below(1000) {
      case 0: invalidate()
      case 1..<20: expire()
      case 20..<200: remove()
      default: try put()
      }
    }

    // MARK: Checks

    func pages(_ query: Query, _ order: AttributeOrder?, limit: Int) throws(StoreError) -> [[UInt8]] {
      var (keys, cursor): ([[UInt8]], AttributeCursor?) = ([], nil)
      while true {
        let page = try table.page(query, order: order, after: cursor, limit: limit)
        #expect(page.isExact && page.keys.count <= limit)
        keys += page.keys
        cursor = page.next
        if cursor == nil { return keys }
        #expect(page.keys.count == limit)
      }
    }

    mutating func check(queries: Int, pagesMost: Int = 100) throws(StoreError) {
      #expect(table.count == model.entries.count)
      for _ in 0..<queries {
        let query = random.query()
        let expected = model.keys(query)
        let count = try table.count(query)
        #expect(count.isExact && count.count == expected.count, "\(query) seed \(seed)")
        let limit = 1 + random.random.below(random.random.percent(50) ? 10 : 3000)
        if expected.count / limit > pagesMost { continue }
        let found = try pages(query, nil, limit: limit)
        #expect(found.count == expected.count && Set(found) == expected, "\(query) seed \(seed)")
        let name = ["domain", "tokens", "cost", "seen", "number"][random.random.below(5)]
        try checkOrder(query, name, isDescending: random.random.percent(50), limit: limit, expected)
      }
      try checkTotals()
    }

    private func checkOrder(
      _ query: Query, _ name: String, isDescending: Bool, limit: Int, _ expected: Set<[UInt8]>
    ) throws(StoreError) {
      let order = isDescending ? AttributeOrder.descending(name) : .ascending(name)
      let found = try pages(query, order, limit: limit)
      #expect(found.count == expected.count && Set(found) == expected, "\(query) by \(name) seed \(seed)")
      let values = found.map { key in model.entries[key].flatMap { model.indexed(name, $0) } }
      for (a, b) in zip(values, values.dropFirst()) {
        guard let b else { continue }
        guard let a else {
          Issue.record("\(query) by \(name): an entry without it comes before one with it, seed \(seed)")
          return
        }
        let order = AttributeModel.sortOrder(a, b)
        #expect(isDescending ? order >= 0 : order <= 0, "\(query) by \(name): \(a), \(b), seed \(seed)")
      }
      // Ties are in the order of documents, which pages without an order have.
      let all = try table.page(query, limit: max(1, expected.count)).keys
      let places = Dictionary(uniqueKeysWithValues: zip(all, all.indices))
      for (index, (a, b)) in zip(values, values.dropFirst()).enumerated() {
        let isTie =
          a == nil && b == nil || a.map { a in b.map { AttributeModel.sortOrder(a, $0) == 0 } ?? false } ?? false
        if isTie, let first = places[found[index]], let second = places[found[index + 1]] {
          #expect(first < second, "\(query) by \(name) seed \(seed)")
        }
      }
    }

    private func checkTotals() throws(StoreError) {
      for aggregate in model.indexes.aggregates {
        let rows = try table.totals(aggregate)
        let groups = Dictionary(
          grouping: model.entries.values.filter { model.indexed(aggregate.group, $0) != nil },
          by: { model.indexed(aggregate.group, $0) })
        #expect(rows.count == groups.count, "\(aggregate) seed \(seed)")
        for (before, after) in zip(rows, rows.dropFirst()) {
          #expect(AttributeModel.sortOrder(before.group, after.group) < 0)
        }
        for row in rows {
          let entries = groups[row.group] ?? []
          let numbers = entries.compactMap { model.indexed(aggregate.number, $0) }
          #expect(row.count == entries.count && row.byteCount == entries.reduce(0) { $0 + $1.byteCount })
          #expect(row.numberCount == numbers.count)
          let sorted = numbers.sorted { AttributeModel.sortOrder($0, $1) < 0 }
          #expect(row.minimum == sorted.first && row.maximum == sorted.last, "\(row) seed \(seed)")
          #expect(Self.isSame(row.sum, Self.sum(numbers, isReal: aggregate.number == "cost")), "\(row) seed \(seed)")
          let one = try table.total(aggregate, group: row.group)
          #expect(one.map { $0.count == row.count && Self.isSame($0.sum, row.sum) } ?? false)
        }
      }
    }

    private static func isSame(_ a: AttributeTotal.Sum, _ b: AttributeTotal.Sum) -> Bool {
      if case .real(let a) = a, case .real(let b) = b, a.isNaN && b.isNaN { return true }
      return a == b
    }

    private static func sum(_ numbers: [Attributes.Value], isReal: Bool) -> AttributeTotal.Sum {
      if isReal {
        return .real(
          ExactSumTests.sum(
            numbers.map { value in
              if case .real(let number) = value { number } else { 0 }
            }))
      }
      return .integer(
        numbers.reduce(0) { sum, value in
          if case .integer(let number) = value { sum + Int128(number) } else { sum }
        })
    }
  }

  /// Which way is taken depends on sizes: here each of them is.
  static let tunings: [AttributeTable.Tuning] = [
    .init(), .init(binMost: 8, bitmapFactor: 0, selectMost: 0, walkFactor: 1000),
    .init(binMost: 40, bitmapFactor: 1000, selectMost: 0, walkFactor: 1),
  ]

  @Test(arguments: SeededRandom.seeds(2), tunings.indices) func randomOperations(seed: UInt64, tuning: Int) throws {
    var trial = try Trial(seed: seed, keyCount: 400, distinct: 8, Self.tunings[tuning])
    for _ in 0..<12 {
      for _ in 0..<300 { try trial.change() }
      try trial.check(queries: 25)
    }
    // All removed, and filled again.
    for key in Array(trial.model.entries.keys) { key.withBytes { trial.table.remove(key: $0) } }
    trial.model.entries = [:]
    try trial.check(queries: 5)
    for _ in 0..<500 { try trial.change() }
    try trial.check(queries: 25)
    trial.table.removeAll()
    trial.model.entries = [:]
    try trial.check(queries: 5)
  }

  /// Bins are split, joined and of a single key; running unions move; values are many.
  @Test(arguments: SeededRandom.seeds(2)) func manyEntries(seed: UInt64) throws {
    var trial = try Trial(seed: seed, keyCount: 12_000, distinct: 500, .init(binMost: 64, selectMost: 500))
    for _ in 0..<3 {
      for _ in 0..<6000 { try trial.put() }
      try trial.check(queries: 8, pagesMost: 5)
    }
    for _ in 0..<3 {
      for _ in 0..<8000 { trial.remove() }
      try trial.check(queries: 8, pagesMost: 5)
    }
  }
}
