import BenchmarkSupport
import Cairn
import CairnIndex

/// Collections, sources and rules: what they add to a put and to a get, and what a clean and an unclean open take.
func benchmarkCollections(_ report: inout Report, _ folder: String) throws {
  let count = 1_000_000
  report.heading("Collections: 1 M entries with keys as pages:123456, in random order, values of 100 bytes")
  let value = [UInt8](repeating: 0x61, count: 100)
  var random = Random(state: 11)
  let numbers = (0..<count).shuffled(using: &random)
  let keys = numbers.map { "\($0)" }
  let storeKeys = numbers.map { Array("pages:\($0)".utf8) }

  func declared() throws -> Collections {
    try Collections(["pages": .init(), "users": .init(), "other": .init(schema: SchemaVersion(1))])
  }
  func open(_ name: String, _ views: [any StoreView]) throws -> Store {
    var options = Store.Options(.createIfMissing, durability: .relaxed)
    options.compaction.isAutomatic = false
    options.views = views
    return try Store.open(at: "\(folder)/\(name)", options: options)
  }
  let plain = try open("plain", [])
  let counted = try open("counted", [try declared()])
  let pages = try counted.collection("pages")
  let fills = try interleaved(
    1,
    [
      { try nanoseconds(per: count) { for key in storeKeys { try plain.put(value, for: key) } } },
      { try nanoseconds(per: count) { for key in keys { try pages.put(value, for: key) } } },
    ])
  let filled = try pages.statistics().entries
  precondition(filled == count, "all are counted")
  report.row("first put of each, .relaxed, by the store", "\(String(fills[0].median, digits: 0)) ns")
  report.row("… into a collection", "\(String(fills[1].ratio(to: fills[0]), digits: 2)) times that")
  let puts = try interleaved(
    5,
    [
      { try nanoseconds(per: count) { for key in storeKeys { try plain.put(value, for: key) } } },
      { try nanoseconds(per: count) { for key in keys { try pages.put(value, for: key) } } },
    ])
  report.row("put, .relaxed, by the store", "\(String(puts[0].median, digits: 0)) ns")
  report.row("… into a collection", "\(String(puts[1].ratio(to: puts[0]), digits: 2)) times that")

  // Others of the same store: with a schema; made from two keys.
  let some = 100_000
  let other = try counted.collection("other")
  try counted.put("", for: "a")
  try counted.put("", for: "b")
  for key in keys[..<some] { try other.put(value, for: key) }
  let users = try counted.collection("users")
  let sources = try counted.sources(of: ["a", "b"])
  for key in keys[..<some] { try users.put(value, for: key, derivedFrom: sources) }
  func read(_ collection: Store.Collection) throws -> Double {
    try nanoseconds(per: some) { for key in keys[..<some] { _ = try collection.withValue(for: key) { $0.byteCount } } }
  }
  let reads = try interleaved(
    5,
    [
      {
        try nanoseconds(per: some) {
          for key in storeKeys[..<some] { _ = try counted.withValue(for: key) { $0.byteCount } }
        }
      },
      { try read(pages) }, { try read(other) }, { try read(users) },
    ])
  report.row("get, by the store", "\(String(reads[0].median, digits: 0)) ns")
  for (number, what) in [(1, "from a collection"), (2, "with a schema"), (3, "made from two keys, which are asked")] {
    report.row("… \(what)", "\(String(reads[number].median - reads[0].median, digits: 0)) ns more")
  }
  let drop = try nanoseconds(per: 1) { try pages.drop() }
  let left = try pages.statistics().entries
  precondition(left == 0, "all is gone")
  report.row("drop 1 M entries", "\(String(drop / 1000, digits: 0)) µs")
  try counted.close()
  try plain.close()

  try measureRules(&report, keys, value) { try open($0, $1) }
  try measureOpening(&report, keys, value, declared) { try open($0, $1) }
  for name in ["plain", "counted", "rules", "opening"] { removeTree("\(folder)/\(name)") }
}

private func measureRules(
  _ report: inout Report, _ keys: [String], _ value: [UInt8], _ open: (String, [any StoreView]) throws -> Store
) throws {
  let rules = try InvalidationRules([
    .invalidate(on: .keyWritten("user:*")) { user in [.key("page:" + user.text.dropFirst(5))] }
  ])
  let store = try open("rules", [rules])
  let some = keys[..<100_000]
  let puts = try interleaved(
    5,
    [
      { try nanoseconds(per: some.count) { for key in some { try store.put(value, for: "free:" + key) } } },
      { try nanoseconds(per: some.count) { for key in some { try store.put(value, for: "user:" + key) } } },
      {
        for key in some { try store.put(value, for: "page:" + key) }
        return try nanoseconds(per: some.count) { for key in some { try store.put(value, for: "user:" + key) } }
      },
    ])
  report.row("put, .relaxed, where no rule applies", "\(String(puts[0].median, digits: 0)) ns")
  report.row(
    "… where one names a key that is not there", "\(String(puts[1].median - puts[0].median, digits: 0)) ns more")
  report.row("… that is there, and goes", "\(String(puts[2].median - puts[0].median, digits: 0)) ns more")
  try store.close()
}

private func measureOpening(
  _ report: inout Report, _ keys: [String], _ value: [UInt8], _ declared: () throws -> Collections,
  _ open: (String, [any StoreView]) throws -> Store
) throws {
  let store = try open("opening", [try declared()])
  let pages = try store.collection("pages")
  for key in keys { try pages.put(value, for: key) }
  try store.close()
  var (clean, unclean): ([Double], [Double]) = ([], [])
  for _ in 0..<5 {
    var opened: Store?
    clean.append(try nanoseconds(per: 1) { opened = try open("opening", [try declared()]) })
    let kept = try opened!.collection("pages").statistics().entries
    precondition(kept == keys.count, "from the file")
    try opened!.close()
    // Without them something is put that their file does not know of, as after a crash.
    let without = try open("opening", [])
    try without.put("", for: "new")
    try without.close()
    let collections = try declared()
    unclean.append(
      try nanoseconds(per: 1) {
        opened = try open("opening", [collections])
        while collections.progress < 1 {}
      })
    try opened!.close()
  }
  report.row("open after a clean close", "\(String(Samples(clean).median / 1e6, digits: 1)) ms")
  report.row("open where all has to be counted, until it is", "\(String(Samples(unclean).median / 1e6, digits: 0)) ms")
}
