import CAllocations
import Cairn
import CairnIndex
import CairnTestSupport
import Testing

/// Goal: random queries find what a plain reading of them does, in attributes and in their encoding.
@Suite struct QueryRandomTests {
  #if DEBUG
    private static let count = 4000
  #else
    private static let count = 100_000
  #endif

  @Test(arguments: SeededRandom.seeds(2)) func asPlainlyRead(seed: UInt64) throws {
    print("queries: seed \(seed)")
    var random = RandomQueries(seed: seed)
    var satisfied = 0
    for _ in 0..<Self.count {
      let (query, entry) = (random.query(), random.attributes())
      // Of an entry without any, nothing is asked.
      let expected = !entry.isEmpty && Plain.isSatisfied(query.node, entry)
      #expect(query.matches(entry) == expected, "seed \(seed): \(query) of \(entry)")
      let encoded = try entry.withEncoded { query.matches($0) }
      #expect(encoded == expected, "seed \(seed): \(query) of \(entry), encoded")
      satisfied += expected ? 1 : 0
    }
    #expect(satisfied > Self.count / 5 && satisfied < Self.count * 4 / 5, "seed \(seed): the cases say little")
  }

  /// Goal: asking what is encoded takes nothing from the heap. Only optimised code promises it.
  @Test func nothingIsAllocated() throws {
    let query =
      try Query(
        "text prefix 'a text' and text != 'another text of some length' and not tags has 'nothing' and tags exists and "
          + "tags == ['first', 'second tag of some length'] and number between -1 and 2.5 and number in (0.5, 1) and "
          + "(date < 2026-11-20 or date > 2026-11-20) and not (none == 1 or none exists)")
    let entry: Attributes = [
      "text": "a text of some length", "tags": ["first", "second tag of some length"], "number": 1,
      "date": .date(milliseconds: 5),
    ]
    let (matches, taken) = try entry.withEncoded { attributes in
      let before = allocations_of_thread()
      var matches = 0
      for _ in 0..<1000 where query.matches(attributes) { matches += 1 }
      return (matches, allocations_of_thread() - before)
    }
    #expect(matches == 1000)
    #if !DEBUG
      #expect(taken == 0)
    #else
      _ = taken
    #endif
  }

  /// Each pair of values there is, in all comparisons.
  @Test func allNumbers() throws {
    let numbers =
      RandomQueries.integers.map { Attributes.Value.integer($0) }
      + RandomQueries.reals.map { Attributes.Value.real($0) }
    let a = Attribute("a")
    for number in numbers {
      let entry: Attributes = ["a": number]
      try entry.withEncoded { (encoded) throws(StoreError) in
        for other in numbers {
          for query in [a == other, a != other, a < other, a <= other, a > other, a >= other] {
            // Of an entry without any, nothing is asked.
            let expected = !entry.isEmpty && Plain.isSatisfied(query.node, entry)
            #expect(query.matches(encoded) == expected && query.matches(entry) == expected, "\(query) of \(number)")
          }
        }
      }
    }
  }
}

/// What is written down of queries, word for word, with integers of more bits than any number needs.
private enum Plain {
  static func isSatisfied(_ node: Query.Node, _ entry: Attributes) -> Bool {
    switch node {
    case .all: true
    case .and(let nodes): nodes.filter { isSatisfied($0, entry) }.count == nodes.count
    case .or(let nodes): nodes.filter { isSatisfied($0, entry) }.count > 0
    case .not(let node): isSatisfied(node, entry) == false
    case .exists(let name): entry.names.contains { Array($0.utf8) == Array(name.utf8) }
    case .compare(let name, let comparison, let operand):
      entry[name].map { isSatisfied($0, comparison, operand) } == true
    case .between(let name, let lower, let upper):
      isSatisfied(.and([.compare(name, .atLeast, lower), .compare(name, .atMost, upper)]), entry)
    case .among(let name, let operands): isSatisfied(.or(operands.map { .compare(name, .equal, $0) }), entry)
    case .prefix(let name, let prefix):
      if case .string(let text) = entry[name] {
        Array(text.utf8.prefix(prefix.utf8.count)) == Array(prefix.utf8)
      } else {
        false
      }
    case .tag(let name, let tag):
      if case .tags(let tags) = entry[name] { tags.map { Array($0.utf8) }.contains(Array(tag.utf8)) } else { false }
    }
  }

  private static func isSatisfied(
    _ value: Attributes.Value, _ comparison: Query.Comparison, _ operand: Attributes.Value
  ) -> Bool {
    switch (value, operand) {
    case (.string(let a), .string(let b)):
      let (a, b) = (Array(a.utf8), Array(b.utf8))
      return isSatisfied(comparison, isLess: a.lexicographicallyPrecedes(b), isMore: b.lexicographicallyPrecedes(a))
    case (.date(let a), .date(let b)): return isSatisfied(comparison, isLess: a < b, isMore: a > b)
    case (.tags(let a), .tags(let b)):
      let isSame = Set(a.map { Array($0.utf8) }) == Set(b.map { Array($0.utf8) })
      return comparison == .equal && isSame || comparison == .notEqual && !isSame
    default:
      guard let a = number(value), let b = number(operand) else { return false }
      return isSatisfied(comparison, isLess: a < b, isMore: a > b)
    }
  }

  private static func isSatisfied(_ comparison: Query.Comparison, isLess: Bool, isMore: Bool) -> Bool {
    switch comparison {
    case .equal: !isLess && !isMore
    case .notEqual: isLess || isMore
    case .less: isLess
    case .atMost: !isMore
    case .greater: isMore
    case .atLeast: !isLess
    }
  }

  /// Its whole part, and what is above that; those beyond every integer are all the same to it but to each other.
  private static func number(_ value: Attributes.Value) -> (Int128, Double, Double)? {
    switch value {
    case .integer(let number): return (Int128(number), 0, 0)
    case .real(let number):
      let whole = max(-0x1p80, min(0x1p80, number.rounded(.down)))
      return abs(number) < 0x1p80 ? (Int128(whole), number - whole, 0) : (Int128(whole), 0, number)
    default: return nil
    }
  }
}
