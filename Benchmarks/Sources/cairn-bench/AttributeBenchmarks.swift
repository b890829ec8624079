import BenchmarkSupport
import Cairn
import CairnAttributes
import CairnIndex
import Glibc

/// Entries of which the benchmarks of attributes ask, the same for each store.
struct AttributedEntries {
  static let count = 1_000_000
  static let domains = 20
  static let frameworks = 50
  static let models = 10

  struct Entry {
    let key: String
    let domain: String
    let framework: String
    let model: String
    let tokens: Int64
    let labels: Attributes.Tags
  }

  /// Few values are common, many are rare; few entries have many tokens.
  private static func rare(_ count: Int, _ random: inout Random) -> Int {
    Int(Double(count) * pow(Double.random(in: 0..<1, using: &random), 2))
  }

  static func forEach(_ body: (Entry) throws -> Void) throws {
    var random = Random(state: 4)
    for number in 0..<count {
      try body(
        Entry(
          key: "entry:\(String(10_000_000 + number).dropFirst())", domain: "domain-\(rare(domains, &random))",
          framework: "framework-\(rare(frameworks, &random))", model: "model-\(rare(models, &random))",
          tokens: Int64(rare(100_000, &random)),
          labels: Attributes.Tags((0..<3).map { _ in "label-\(Int.random(in: 0..<30, using: &random))" })))
    }
  }

  static let value = "0123456789abcdef"
}

/// Attributes: what they cost, and what indexes of them give.
func benchmarkAttributes(_ report: inout Report, _ folder: String) throws {
  report.heading("Attributes: 1 M entries with domain, framework, model, tokens and 3 labels, values of 16 bytes")
  let path = folder + "/store"
  let view = try IndexedAttributes(
    [.equality("domain"), .equality("framework"), .equality("model"), .range("tokens", of: .integer), .tags("labels")],
    aggregates: [.sum("tokens", by: "model")])
  let store = try Store.open(at: path, options: options([view]))
  try fill(store, hasAttributes: true)
  let before = view.statistics
  let keyBytes = "entry:0000000".utf8.count
  let overhead = Double(before.memoryByteCount) / Double(before.count) - Double(keyBytes)
  report.row("memory, over the key's own bytes", "\(String(overhead, digits: 0)) bytes an entry")
  let two: Query = "domain" == "domain-1" && "framework" == "framework-2"
  let range: Query = "domain" == "domain-0" && "tokens" > 40_000
  let tagged: Query = Attribute("labels").hasTag("label-7") && "tokens" < 20_000
  func times(_ rounds: Int, _ body: () throws -> Void) throws -> Double {
    try nanoseconds(per: rounds) { for _ in 0..<rounds { try body() } } / 1000
  }
  let tokens = AttributeOrder.descending("tokens")
  var rows: [(name: String, promise: Double?, body: () throws -> Double)] = [
    ("count(where:), two values", 200, { try times(50) { _ = try store.count(where: two) } }),
    ("count(where:), a value and a range", 200, { try times(50) { _ = try store.count(where: range) } }),
    ("count(where:), a tag and a range", 200, { try times(50) { _ = try store.count(where: tagged) } }),
    ("first page of 100", 300, { try times(50) { _ = try store.page(where: two, limit: 100) } }),
    (
      "first page of 100, by tokens", 300,
      { try times(50) { _ = try store.page(where: range, orderedBy: tokens, limit: 100) } }
    ),
    ("totals of 10 models", 1000, { try times(50) { _ = try store.totals(.sum("tokens", by: "model")) } }),
  ]
  let others = try sqliteQueries(folder)
  for other in others { rows.append((other.name, nil, other.body)) }
  let samples = try interleaved(5, rows.map(\.body))
  for (row, sample) in zip(rows, samples) {
    let text = "\(String(sample.median, digits: 1)) µs"
    if let promise = row.promise {
      report.row(row.name, text, "≤ \(String(promise, digits: 0)) µs", isMet: sample.median <= promise)
    } else {
      report.row(row.name, text)
    }
  }
  try store.close()
  try measureOpening(&report, path, view)
  try measurePuts(&report, folder)
  removeTree(path)
}

private func options(_ views: [any StoreView]) -> Store.Options {
  var options = Store.Options(.createIfMissing, durability: .relaxed)
  options.views = views
  options.compaction.isAutomatic = false
  return options
}

private func attributes(of entry: AttributedEntries.Entry) -> Attributes {
  [
    "domain": .string(entry.domain), "framework": .string(entry.framework), "model": .string(entry.model),
    "tokens": .integer(entry.tokens), "labels": .tags(entry.labels),
  ]
}

private func fill(_ store: Store, hasAttributes: Bool) throws {
  var pending: [AttributedEntries.Entry] = []
  func flush() throws {
    try store.write { (batch) throws(StoreError) in
      for entry in pending {
        if hasAttributes {
          try batch.put(AttributedEntries.value, for: entry.key, attributes: attributes(of: entry))
        } else {
          try batch.put(AttributedEntries.value, for: entry.key)
        }
      }
    }
    pending.removeAll(keepingCapacity: true)
  }
  try AttributedEntries.forEach { entry in
    pending.append(entry)
    if pending.count == 1000 { try flush() }
  }
  try flush()
}

/// Until everything can be asked.
private func measureOpening(_ report: inout Report, _ path: String, _ view: IndexedAttributes) throws {
  let samples = try interleaved(
    3,
    [
      {
        try nanoseconds(per: 1) {
          let store = try Store.open(at: path, options: options([view]))
          while view.progress < 1 { usleep(1000) }
          try store.close()
        }
      }
    ])
  report.row("open, until 1 M entries have been read", "\(String(samples[0].median / 1e6, digits: 0)) ms")
}

private func measurePuts(_ report: inout Report, _ folder: String) throws {
  let count = 200_000
  var entries: [(key: String, attributes: Attributes)] = []
  try AttributedEntries.forEach { entry in
    if entries.count < count { entries.append((entry.key, attributes(of: entry))) }
  }
  func put(_ isIndexed: Bool, _ hasAttributes: Bool) throws -> Double {
    let path = folder + "/puts"
    let view = try IndexedAttributes(
      [.equality("domain"), .range("tokens", of: .integer), .tags("labels")],
      aggregates: isIndexed ? [.sum("tokens", by: "domain")] : [])
    let store = try Store.open(at: path, options: options(isIndexed ? [view] : []))
    let time = try nanoseconds(per: count) {
      for entry in entries {
        if hasAttributes {
          try store.put(AttributedEntries.value, for: entry.key, attributes: entry.attributes)
        } else {
          try store.put(AttributedEntries.value, for: entry.key)
        }
      }
    }
    try store.close()
    removeTree(path)
    return time
  }
  let samples = try interleaved(
    5, [{ try put(false, false) }, { try put(false, true) }, { try put(true, true) }])
  report.row("put, .relaxed, without attributes", "\(String(samples[0].median, digits: 0)) ns")
  report.row("with five attributes", "\(String(samples[1].median, digits: 0)) ns")
  report.row("with five, three of them indexed", "\(String(samples[2].median, digits: 0)) ns")
}
