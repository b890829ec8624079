import CairnTestSupport
import Foundation
import Testing

@testable import Cairn
@testable import CairnIndex

/// Goal: keys in order are those of the store where sessions, clocks, snapshots and files meet in unusual ways.
@Suite struct OrderedKeysCornerTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store") }
  private var file: String { path + "/view.keys" }

  private func options(_ clock: ManualClock = ManualClock()) -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.clock = clock
    options.views = [OrderedKeys(savedAfter: 0)]
    return options
  }

  private func ordered(_ store: Store) throws -> OrderedKeys { try #require(store.views.first as? OrderedKeys) }

  /// F1-VIE-002: a file knows of commits that come while it is written; so it waits until they cannot be lost.
  @Test func commitsWhileItIsKept() throws {
    let store = try Store.open(at: path, options: options())
    for number in 0..<20_000 { try store.put("", for: "key-\(number)", durability: .relaxed) }
    var number = 0
    try ordered(store).keep(in: store.viewFiles) { () throws(StoreError) in
      try store.put("", for: "zz-\(number)", durability: .relaxed)
      try store.remove("key-\(number)", durability: .relaxed)
      number += 1
    }
    #expect(number > 2)
    // As the process leaves it if it dies now.
    let copy = directory.path("copy")
    try Files.copyStore(path, to: copy)
    let keys = try store.keys()
    let again = try Store.open(at: copy, options: options())
    #expect(try again.keys() == keys && ordered(again).state.withLock { $0.tree.content != nil })
    #expect(try again.contents().count == keys.count)
    // What stands in the file and is not in the log would be seen by who opens an older copy.
    try again.close()
    try store.close()
  }

  /// What the file has not is made in the background, if it is much, while others write and compact.
  @Test func caughtUpInTheBackground() async throws {
    var plain = options()
    plain.views = []
    var store = try Store.open(at: path, options: options())
    for number in 0..<5000 { try store.put("", for: "key-\(number)", durability: .relaxed) }
    try ordered(store).keep()
    try store.close()
    store = try Store.open(at: path, options: plain)
    for round in 0..<11 {
      for start in stride(from: 0, to: 10_000, by: 1000) {
        try store.write(durability: .relaxed) { batch in
          for number in start..<start + 1000 {
            if (number + round) % 3 == 0 {
              try batch.remove("key-\(number)")
            } else {
              try batch.put("\(round)", for: "key-\(number)")
            }
          }
        }
      }
    }
    try store.close()
    store = try Store.open(at: path, options: options())
    let ordered = try ordered(store)
    #expect(ordered.state.withLock { $0.making.isMadeOfFile || $0.making.isReady })
    for number in 0..<2000 {
      try store.remove("key-\(number * 3)", durability: .relaxed)
      try store.put("", for: "key-\(number * 4)", durability: .relaxed)
      if number % 500 == 0 { try store.compact() }
    }
    await ordered.ready()
    let expected = try store.contents().keys.sorted { $0.isBefore($1) }
    #expect(try store.keys() == expected && store.count(in: .all) == expected.count)
    try store.close()
  }

  @Test func keptWithoutACommit() throws {
    var plain = options()
    plain.views = []
    var store = try Store.open(at: path, options: plain)
    for number in 0..<50 { try store.put("", for: "\(number)") }
    try store.close()
    store = try Store.open(at: path, options: options())
    try ordered(store).keep()
    try store.close()
    Files.remove(file)
    // One that was made by reading is kept, too.
    try Store.open(at: path, options: options()).close()
    #expect(Files.exists(file))
  }

  /// Each leaf is whole, and they are not those of one tree.
  @Test func leavesOfOtherPlaces() throws {
    let store = try Store.open(at: path, options: options())
    for number in 0..<100 { try store.put("", for: "k\(100 + number)") }
    let expected = try store.keys()
    try store.close()
    func copy(_ keys: [String]) -> KeyTree.LeafCopy {
      var tree = KeyTree()
      for key in keys { tree.insert(Array(key.utf8)) }
      return tree.copies(behind: nil, atMost: 1)[0]
    }
    let (m, b, z) = (copy(["m"]), copy((0..<40).map { "b\(10 + $0)" }), copy(["z"]))
    let forged: [[KeyTree.LeafCopy]] = [
      // The second leaf's keys are those of the first one's place, or the third's, or the same again.
      [m, KeyTree.LeafCopy(bytes: b.bytes, deadlines: [], count: b.count, first: Array("n".utf8), last: b.last)],
      [m, KeyTree.LeafCopy(bytes: z.bytes, deadlines: [], count: 1, first: Array("n".utf8), last: Array("n".utf8)), z],
      [m, KeyTree.LeafCopy(bytes: m.bytes, deadlines: [], count: 1, first: Array("n".utf8), last: m.last)],
      [KeyTree.LeafCopy(bytes: m.bytes, deadlines: [], count: 2, first: m.first, last: m.last)],
    ]
    for leaves in forged {
      let writer = try Store.open(at: path, options: options())
      try writer.viewFiles.save("keys", version: KeyTree.version) { (output) throws(StoreError) in
        var tree = KeyTree.Writer()
        for leaf in leaves { try tree.add(leaf, to: &output) }
        try tree.finish(&output, dropped: .min)
      }
      try ordered(writer).state.withLock { $0.savedSequence = writer.lastSequence }
      try writer.close()
      let store = try Store.open(at: path, options: options())
      var count = 0
      try store.forEachKey(in: .all) { _ in
        count += 1
        return count < 1000
      }
      #expect(try count == expected.count && store.keys() == expected)
      try store.put("", for: "n")
      try store.remove("n")
      try ordered(store).keep()
      try store.close()
    }
  }

  @Test func aNewerVersionHasExpired() throws {
    let clock = ManualClock()
    let store = try Store.open(at: path, options: options(clock))
    try store.put("old", for: "key")
    let snapshot = try store.snapshot()
    try store.put("new", for: "key", expires: .at(milliseconds: clock.wallMilliseconds() + 100))
    clock.advance(200)
    #expect(try store.keys().isEmpty)
    #expect(try snapshot.value(for: "key") == Array("old".utf8))
    #expect(try snapshot.keys() == [Array("key".utf8)])
    try store.close()
    let error = #expect(throws: StoreError.self) { try snapshot.keys() }
    #expect(error?.code == .closed)
  }

  @Test func theClockIsSetBack() throws {
    let clock = ManualClock()
    let start = clock.wallMilliseconds()
    var store = try Store.open(at: path, options: options(clock))
    try store.put("", for: "stays")
    try store.put("", for: "ends", expires: .at(milliseconds: start + 1000))
    clock.advance(2000)
    #expect(try store.count(in: .all) == 1)
    try store.close()
    let back = ManualClock()
    back.setWall(start + 500)
    store = try Store.open(at: path, options: options(back))
    #expect(try store.value(for: "ends") != nil && store.count(in: .all) == 2)
    try store.close()
  }

  /// A snapshot alone has everything read anew, too, or says that it cannot know.
  @Test func aFollowerIsOvertaken() throws {
    let store = try Store.open(at: path, options: options())
    for number in 0..<100 { try store.put("", for: "\(number)") }
    var following = Store.Options(.readOnly)
    following.views = [OrderedKeys()]
    let follower = try Store.follow(path, options: following, refreshing: .manual)
    let before = try follower.snapshot()
    try ordered(follower).reset()
    // Nothing has come since.
    #expect(try before.keys() == store.keys())
    try store.put("", for: "later")
    try follower.refresh()
    try ordered(follower).reset()
    #expect(try follower.snapshot().keys() == store.keys())
    let gone = #expect(throws: StoreError.self) { try before.keys() }
    #expect(gone?.code == .historyGone)
    try follower.close()
    try store.close()
  }

  @Test func oneForEachStore() throws {
    let options = options()
    let store = try Store.open(at: path, options: options)
    try store.put("", for: "a")
    let error = #expect(throws: StoreError.self) { try Store.open(at: directory.path("other"), options: options) }
    #expect(error?.code == .invalidOption)
    #expect(try store.keys().count == 1)
    try store.close()
    // One after the other.
    let other = try Store.open(at: directory.path("other"), options: options)
    #expect(try other.keys().isEmpty)
    #expect(try other.keyPage(limit: 0).rest == .all)
    try other.close()
  }

  /// Who stops is not told of what he has not asked for.
  @Test func stopping() throws {
    let store = try Store.open(at: path, options: options())
    for number in 0..<200 { try store.put("value", for: "key-\(100 + number)") }
    // Nothing is replayed then.
    try store.writeCheckpoint()
    try store.close()
    let name = try #require(try Files.segments(path).first)
    var bytes = try Files.read(path + "/" + name)
    let place = try #require(bytes.firstRange(of: Array("key-290".utf8))).upperBound
    bytes[place + 1] ^= 1
    try Files.write(bytes, to: path + "/" + name)
    let damaged = try Store.open(at: path, options: options())
    var count = 0
    try damaged.forEachEntry { _, _ in
      count += 1
      return count < 10
    }
    #expect(try count == 10 && damaged.entries(limit: 5).count == 5)
    #expect(throws: StoreError.self) { try damaged.entries() }
    try? damaged.close()
  }
}
