import Cairn
import CairnTestSupport
import Testing

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
      let state = small.states[Int(model.sequence)]
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
      #expect(model == small.states[Int(model.sequence)], "seed \(seed), length \(length)")
      #expect(small.commits.contains(model.sequence), "seed \(seed), length \(length)")
    }
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
