import Cairn
import CairnIndex
import Testing

@testable import CairnAttributes

/// What is refused, what a query that no index answers gives, and what an explanation says.
@Suite struct QueryTests {
  private static func table(_ entries: [(String, Attributes)]) throws -> AttributeTable {
    let indexes = try AttributeIndexes(
      [.equality("model"), .range("tokens", of: .integer), .tags("labels")],
      aggregates: [.sum("tokens", by: "model")])
    let table = AttributeTable(indexes)
    for (key, attributes) in entries {
      try attributes.withEncoded { (encoded) throws(StoreError) in
        Array(key.utf8).withBytes { table.put(key: $0, attributes: encoded, deadline: nil, byteCount: 10) }
      }
    }
    return table
  }

  private static func code(_ body: () throws(StoreError) -> Void) -> StoreError.Code? {
    do throws(StoreError) {
      try body()
      return nil
    } catch {
      return error.code
    }
  }

  @Test func declarations() throws {
    let wrong: [([AttributeIndex], [AttributeAggregate])] = [
      ([.equality("")], []), ([.tags(String(repeating: "x", count: 65))], []),
      ([.equality("a"), .tags("a")], []), ([.range("a", of: .real), .range("a", of: .integer)], []),
      ([.range("a", of: .real)], [.sum("a", by: "b")]), ([.equality("a"), .equality("b")], [.sum("a", by: "b")]),
      ([.range("a", of: .date), .equality("b")], [.sum("a", by: "b")]),
    ]
    for (indexes, aggregates) in wrong {
      #expect(
        Self.code { () throws(StoreError) in _ = try AttributeIndexes(indexes, aggregates: aggregates) }
          == .invalidOption)
    }
    let twice = try AttributeIndexes([.equality("b"), .equality("a"), .equality("b")])
    #expect(twice.indexes == [.equality("a"), .equality("b")])
  }

  @Test func withoutIndex() throws {
    let table = try Self.table([("a", ["model": "m", "other": 1]), ("b", ["model": "n"]), ("c", ["other": 2])])
    let other = Query.Node.compare("other", .equal, 1)
    let query = Query(.and([.compare("model", .equal, "m"), other]))
    #expect(Self.code { () throws(StoreError) in _ = try table.count(query) } == .notIndexed)
    #expect(Self.code { () throws(StoreError) in _ = try table.page(query, limit: 1) } == .notIndexed)
    #expect(Self.code { () throws(StoreError) in _ = try table.explain(query) } == .notIndexed)
    let page = try table.page(query, limit: 5, allowingScan: true)
    #expect(page.keys == [Array("a".utf8)] && !page.isExact)
    // What might match is a candidate, below a `not` too.
    for node in [Query.Node.not(other), .not(.and([other, .exists("model")])), .or([other, .exists("labels")])] {
      let count = try table.count(Query(node), allowingScan: true)
      #expect(count.count == 3 && !count.isExact)
    }
    let explanation = try table.explain(query, allowingScan: true)
    #expect(!explanation.isExact && explanation.description.contains("no index of other"))
  }

  @Test func cursors() throws {
    let table = try Self.table((0..<10).map { ("\($0)", ["tokens": .integer(Int64($0 % 3))]) })
    let first = try table.page(Query(.all), order: .descending("tokens"), limit: 4)
    #expect(first.keys.map { String(decoding: $0, as: UTF8.self) } == ["2", "5", "8", "1"])
    let cursor = try #require(first.next)
    #expect(
      Self.code { () throws(StoreError) in _ = try table.page(Query(.all), after: cursor, limit: 4) } == .invalidOption)
    #expect(Self.code { () throws(StoreError) in _ = try table.page(Query(.all), limit: 0) } == .invalidOption)
    #expect(
      Self.code { () throws(StoreError) in _ = try table.page(Query(.all), order: .ascending("labels"), limit: 1) }
        == .notIndexed)
    // Where the page ended may have gone meanwhile.
    Array("1".utf8).withBytes { table.remove(key: $0) }
    let second = try table.page(Query(.all), order: .descending("tokens"), after: cursor, limit: 4)
    #expect(second.keys.map { String(decoding: $0, as: UTF8.self) } == ["4", "7", "0", "3"])
    table.beginLife()
    #expect(
      Self.code { () throws(StoreError) in
        _ = try table.page(Query(.all), order: .descending("tokens"), after: cursor, limit: 4)
      } == .historyGone)
  }

  @Test func explanations() throws {
    let table = try Self.table(
      (0..<100).map { ("\($0)", ["tokens": .integer(Int64($0)), "model": .string("m\($0 % 4)")]) })
    let query = Query(.and([.compare("model", .equal, "m1"), .not(.compare("tokens", .less, 50))]))
    let explanation = try table.explain(query)
    #expect(explanation.count == 12 && explanation.isExact && explanation.touchedCount == 25)
    #expect(explanation.step.steps.map(\.count) == [25, 50])
    #expect(explanation.description.contains("model == \"m1\": 25, equality of model, 1 of 4 values"))
    let statistics = table.statistics
    #expect(statistics.count == 100 && statistics.indexes.map(\.name) == ["labels", "model", "tokens"])
    #expect(statistics.indexes.map(\.count) == [0, 100, 100] && statistics.memoryByteCount > 0)
  }

  /// Expiry by parts, and an entry that is put again without a deadline.
  @Test func expiry() throws {
    let table = try Self.table([])
    for number in 0..<10 {
      try (["model": "m"] as Attributes).withEncoded { (encoded) throws(StoreError) in
        ["k\(number)", "k0"].forEach { key in
          Array(key.utf8).withBytes {
            table.put(key: $0, attributes: encoded, deadline: key == "k0" ? nil : 5, byteCount: 1)
          }
        }
      }
    }
    #expect(table.expire(at: 4) && table.count == 10)
    #expect(!table.expire(at: 5, atMost: 3) && table.count == 7)
    #expect(table.expire(at: 5) && table.count == 1)
  }

  /// Every integer and every real among the keys of either, against a comparison in 128 bits.
  @Test func numbers() {
    let reals = AttributeRandom.reals + [0x1p53 - 1, 0x1p62, 0x1p63 - 1024, -0x1p63 - 2048, 1.5, -1.5, -0x1p53]
    let all = AttributeRandom.integers.map { Attributes.Value.integer($0) } + reals.map { .real($0) }
    for operand in all {
      for value in all {
        let (key, kind): (UInt64, AttributeIndex.Number) =
          switch value {
          case .integer(let number): (NumberKey.key(number), .integer)
          case .real(let number): (NumberKey.key(number), .real)
          default: (0, .date)
          }
        guard let order = AttributeModel.order(value, operand),
          let place = NumberKey.place(of: operand, among: kind)
        else {
          Issue.record("\(value) and \(operand) are numbers")
          continue
        }
        #expect((place.first.map { key >= $0 } ?? false) == (order >= 0), "\(value), \(operand)")
        #expect((place.behind.map { key >= $0 } ?? false) == (order > 0), "\(value), \(operand)")
        let (a, b) = (StoredValue.bytes(value) ?? [], StoredValue.bytes(operand) ?? [])
        let stored = a.withBytes { a in b.withBytes { b in StoredValue.order(Bytes(a), Bytes(b)) } }
        #expect(stored.signum() == order, "\(value), \(operand)")
        #expect(StoredValue.equals(operand).contains(a) == (order == 0), "\(value), \(operand)")
      }
    }
  }
}
