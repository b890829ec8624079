import Cairn
import CairnIndex
import CairnTestSupport
import Testing

/// Goal: a scan visits exactly the entries that satisfy a query, and who applies the changes of such entries to a copy
/// of them keeps it right.
@Suite struct StoreQueryTests {
  @Test(arguments: SeededRandom.seeds(5))
  func mirrors(seed: UInt64) async throws {
    var random = SeededRandom(seed: seed)
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"))
    let query: Query = "model" == "small" || "tokens" < 300 && !Attribute("labels").hasTag("en")
    var (mirror, most): (Set<[UInt8]>, Int) = ([], 0)
    var changes = store.observe(where: query, since: 0).makeAsyncIterator()
    for _ in 0..<300 {
      let key = Array("key \(random.below(30))".utf8)
      switch random.below(20) {
      case 0: try store.invalidate(prefix: key.dropLast(random.below(3)))
      case 1..<5: if try !store.remove(key) { continue }
      default: try store.put("value", for: key, attributes: random.attributes())
      }
      guard case .changes(let commit) = try await changes.next() else {
        Issue.record("nothing is missed")
        return
      }
      for change in commit {
        switch change.kind {
        case .put:
          #expect(query.matches(change.attributes), "seed \(seed)")
          mirror.insert(change.key)
        case .remove: mirror.remove(change.key)
        case .invalidate: mirror = mirror.filter { !$0.starts(with: change.key) }
        }
      }
      var found: Set<[UInt8]> = []
      try store.scan(where: query) { entry in
        found.insert(unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) })
        return true
      }
      most = max(most, mirror.count)
      #expect(found == mirror, "seed \(seed)")
      let expected = try store.contents().filter { query.matches($0.value.attributes) }.keys
      #expect(found == Set(expected), "seed \(seed)")
    }
    #expect(most > 3, "seed \(seed)")
    try store.close()
  }
}
