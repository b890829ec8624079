import CairnTestSupport
import Testing

@testable import Cairn

/// Goal: keys of which an entry of the index has the same bits are two keys nonetheless.
/// Method: such keys, which take some millions of tries to find, for the hash of a store with a known seed.
@Suite struct CollisionTests {
  private static let seed: UInt64 = 7
  private static let keys = ["key 1632", "key 184297"]

  private let directory = TemporaryDirectory()

  private func open() throws -> Store {
    var options = Store.Options()
    options.randomNumber = { Self.seed }
    options.compaction.isAutomatic = false
    return try Store.open(at: directory.path("store"), options: options)
  }

  @Test func keysThatShareAnEntry() throws {
    var store = try open()
    let hashes = Self.keys.map { key in
      key.withBytes { (bytes: RawSpan) in store.engine.index.hash(MemoryView(bytes)) }
    }
    try #require(hashes[0] != hashes[1] && hashes[0] >> 30 == hashes[1] >> 30, "the keys are no longer such")
    let (one, other) = (Self.keys[0], Self.keys[1])
    try store.put("1", for: one)
    #expect(try store.value(for: other) == nil && !store.contains(other))
    #expect(try store.remove(other) == false)
    #expect(try store.putIfAbsent("2", for: other) != nil)
    #expect(try store.values(for: [one, other]) == [Array("1".utf8), Array("2".utf8)])
    let snapshot = try store.snapshot()
    try store.put("3", for: one)
    #expect(try store.value(for: other) == Array("2".utf8))
    try store.write { batch in
      try batch.remove(one)
      try batch.put("4", for: other)
    }
    #expect(try store.value(for: one) == nil && store.value(for: other) == Array("4".utf8))
    try store.write { batch in for key in Self.keys { try batch.put("5", for: key) } }
    try store.compact()
    try store.remove(other)
    #expect(try store.value(for: one) == Array("5".utf8) && store.value(for: other) == nil)
    #expect(try snapshot.value(for: one) == Array("1".utf8) && snapshot.value(for: other) == Array("2".utf8))
    try store.close()
    store = try open()
    #expect(try store.value(for: one) == Array("5".utf8) && store.value(for: other) == nil)
    try store.close()
  }

  /// Keys of one shard fill its buckets, so that some stand outside of their own: none of them is lost when others go.
  @Test func keysOfFullBuckets() throws {
    let store = try open()
    var keys: [String] = []
    var number = 0
    while keys.count < 120 {
      let key = "\(number)"
      number += 1
      let hash = key.withBytes { (bytes: RawSpan) in store.engine.index.hash(MemoryView(bytes)) }
      if HashIndex.shard(hash) == 5 { keys.append(key) }
    }
    for key in keys { try store.put(key, for: key, durability: .relaxed) }
    var random = SeededRandom(seed: 1)
    keys.shuffle(using: &random)
    while let gone = keys.popLast() {
      try store.remove(gone, durability: .relaxed)
      #expect(try !store.contains(gone))
      for key in keys { #expect(try store.value(for: key) == Array(key.utf8)) }
    }
    try store.close()
  }
}
