import CairnTestSupport
import Testing

@testable import Cairn

/// Goal: whatever length a crash leaves of the last segment, the store opens with all commits that are whole there,
/// and with nothing of the one that is not.
@Suite struct TornTailTests {
  /// Method: cut the segment of a store that was never closed at every length.
  @Test(arguments: SeededRandom.seeds(2), [nil, 0] as [Int?])
  func everyLength(seed: UInt64, checkpointInterval: Int?) throws {
    let small = try SmallStore(seed: seed, operations: 25, isClosed: false, checkpointInterval: checkpointInterval)
    let name = try #require(try Files.segments(small.path).last)
    let bytes = try Files.read(small.path + "/" + name)
    let used = (try #require(bytes.lastIndex { $0 != 0 }) + 8) & ~7
    let copy = small.directory.path("copy")
    var last: UInt64 = 0
    var seen: Set<UInt64> = []
    for length in 256...used {
      try Files.copyTree(small.path, to: copy)
      // Without its checkpoint: that one knows that more was there, and the store says so.
      Files.remove(copy + "/index.checkpoint")
      try Files.write(Array(bytes[..<length]), to: copy + "/" + name)
      guard case .whole(let model) = try open(copy) else {
        Issue.record("seed \(seed), length \(length): not opened whole")
        return
      }
      let state = small.states.dropFirst(Int(model.sequence)).first
      #expect(model == state, "seed \(seed), length \(length)")
      #expect(small.commits.contains(model.sequence), "seed \(seed), length \(length): half a batch")
      #expect(model.sequence >= last, "seed \(seed), length \(length)")
      last = model.sequence
      seen.insert(last)
      // Recovery may be repeated, and what it made of the store is sound.
      guard case .whole(let again) = try open(copy) else {
        Issue.record("seed \(seed), length \(length): not opened again")
        return
      }
      #expect(again == model, "seed \(seed), length \(length), second time")
    }
    #expect(last == small.final.sequence, "seed \(seed): the whole file holds everything")
    #expect(seen == small.commits, "seed \(seed): every commit is the last one at some length")
  }

  /// Method: the tail is cut and followed by garbage, or by what an earlier file of the same place held.
  @Test(arguments: SeededRandom.seeds(3))
  func garbageAfterTheTear(seed: UInt64) throws {
    let small = try SmallStore(seed: seed, operations: 25, isClosed: false)
    let name = try #require(try Files.segments(small.path).last)
    let bytes = try Files.read(small.path + "/" + name)
    let used = (try #require(bytes.lastIndex { $0 != 0 }) + 8) & ~7
    var random = SeededRandom(seed: seed)
    let copy = small.directory.path("copy")
    for _ in 0..<60 {
      let length = 300 + random.below(used - 300)
      try Files.copyTree(small.path, to: copy)
      let old = Array(bytes[256..<used])
      let tail = random.percent(50) ? random.bytes(random.below(3000)) : Array((old + old).dropFirst(random.below(99)))
      try Files.write(Array(bytes[..<length]) + tail, to: copy + "/" + name)
      guard case .whole(let model) = try open(copy) else {
        Issue.record("seed \(seed), length \(length): not opened whole")
        return
      }
      #expect(model == small.states.dropFirst(Int(model.sequence)).first, "seed \(seed), length \(length)")
      #expect(small.commits.contains(model.sequence), "seed \(seed), length \(length)")
    }
  }

  /// What a crash has cut off never comes back, however well it fits what is written in its place.
  /// Method: of three records of one length the second is torn; the next session writes another second one, and is
  /// killed. The third one, which nobody has touched, would be next.
  @Test func whatWasCutOffStaysAway() throws {
    let directory = TemporaryDirectory()
    let (path, copy) = (directory.path("store"), directory.path("copy"))
    let store = try Store.open(at: path)
    for number in 1...3 { try store.put("\(number)\(number)", for: "key \(number)") }
    try Files.copyStore(path, to: copy)
    try store.close()
    let name = copy + "/" + (try #require(try Files.segments(copy).first))
    var bytes = try Files.read(name)
    let torn = try #require(bytes.firstRange(of: Array("key 2".utf8)))
    bytes[torn.lowerBound] = 0
    try Files.write(bytes, to: name)
    let next = try Store.open(at: copy)
    try next.put("xx", for: "key x")
    let last = directory.path("last")
    try Files.copyStore(copy, to: last)
    try next.close()
    let again = try Store.open(at: last)
    #expect(try again.contents().keys.sorted { $0[4] < $1[4] } == ["key 1", "key x"].map { Array($0.utf8) })
    #expect(again.lastSequence == 2)
    try again.close()
  }

  /// A record counts only at the place that it was written to, also within its own segment.
  /// Method: two copies of one store go on in the same segment, one with a longer record than the other; what comes
  /// behind the longer one is put behind the shorter one.
  @Test func recordsOfAnotherPlace() throws {
    let directory = TemporaryDirectory()
    let base = directory.path("base")
    try Store.open(at: base).close()
    func goOn(_ name: String, _ values: String...) throws -> (bytes: [UInt8], ends: [Int]) {
      let (path, copy) = (directory.path(name), directory.path(name + " copy"))
      try Files.copyTree(base, to: path)
      let store = try Store.open(at: path)
      let ends = try values.map { value in
        try store.put(value, for: "key of " + value)
        return store.engine.log.position
      }
      try Files.copyStore(path, to: copy)
      try store.close()
      return (try Files.read(copy + "/segment-00000001.log"), ends)
    }
    let long = try goOn("long", "a value of some length", "other")
    let short = try goOn("short", "value")
    let other = long.bytes[long.ends[0]..<long.ends[1]]
    let target = directory.path("short copy")
    try Files.write(Array(short.bytes[..<short.ends[0]] + other), to: target + "/segment-00000001.log")
    let store = try Store.open(at: target)
    #expect(try store.contents().keys.sorted { $0.count < $1.count } == [Array("key of value".utf8)])
    try store.close()
  }

  /// A checkpoint covers only what is on the disk: if the log ends before that, something is lost, and said.
  @Test func checkpointKnowsThatMoreWasThere() throws {
    let small = try SmallStore(seed: 7, operations: 40, isClosed: true, checkpointInterval: 0)
    #expect(Files.exists(small.path + "/index.checkpoint"))
    let name = try #require(try Files.segments(small.path).last)
    let bytes = try Files.read(small.path + "/" + name)
    try Files.write(Array(bytes[..<(bytes.count / 2)]), to: small.path + "/" + name)
    guard case .refused(let error) = try open(small.path) else {
      Issue.record("a store that lost its tail opened")
      return
    }
    #expect(error.code == .damaged)
    #expect(error.file?.hasSuffix(name) == true)
    // Read-only it opens, and never gives a wrong value.
    guard case .partly(let entries) = try open(small.path, .readOnly) else {
      Issue.record("read-only it should open, in part")
      return
    }
    for (key, entry) in entries { #expect(small.final.entries[key] == entry) }
  }
}
