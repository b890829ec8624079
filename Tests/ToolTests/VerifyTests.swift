import Cairn
import CairnInspect
import CairnTestSupport
import Foundation
import Testing

/// Goal: `verify` finds what is damaged and says where, and calls healthy what a crash may leave.
@Suite struct VerifyTests {
  @Test(arguments: SeededRandom.seeds(3)) func healthyStoresAreClean(seed: UInt64) throws {
    for ending in [Fixture.Ending.closed, .killed] {
      for interval in [nil, 4096] {
        let fixture = try Fixture(seed: seed, commits: 2500, ending: ending, checkpointInterval: interval)
        let result = try Tool.run("verify", fixture.path, "--json")
        let object = try Tool.json(result)
        #expect(result.code == 0 && object["verdict"] as? String == "clean", "seed \(seed): \(result.text)")
        #expect(object["lastSequence"] as? Int == Int(fixture.last), "seed \(seed)")
        if interval != nil && ending == .closed {
          #expect(object["checkpointEntries"] as? Int ?? 0 > 0, "seed \(seed): \(result.text)")
        }
      }
    }
  }

  /// Method: enough keys that shards have several buckets, of which some overflow into the next; then an entry is put
  /// where no search for it would come.
  @Test func largeIndex() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let store = try Store.open(at: path, options: Store.Options(.createIfMissing, durability: .relaxed))
    for number in 0..<60_000 { try store.put("\(number)", for: "key-\(number)") }
    for number in 0..<5000 { try store.remove("key-\(number * 7)") }
    try store.close()
    let result = try Tool.run("verify", path)
    #expect(result.code == 0 && result.text.contains("a checkpoint of 55000 entries"), "\(result.text)")
    var forged = try Forger(path + "/index.checkpoint")
    let isExchanged = forged.exchangeFirstAndLastBucket(of: 17)
    try #require(isExchanged)
    try Files.write(forged.sealed(), to: path + "/index.checkpoint")
    let other = try Tool.run("verify", path)
    #expect(other.code == 3 && other.text.contains("shard 17 cannot be found from its bucket"), "\(other.text)")
  }

  @Test func emptyStoreIsClean() throws {
    let fixture = try Fixture(seed: 1, commits: 0)
    let result = try Tool.run("verify", fixture.path)
    #expect(result.code == 0 && result.text.hasPrefix("clean: 1 segment, "), "\(result.text)")
  }

  @Test func tornTailIsMentioned() throws {
    let fixture = try Fixture(seed: 2, commits: 50, ending: .killed)
    let copy = try fixture.copy()
    let path = copy + "/" + (try Files.segments(copy)[0])
    var bytes = try Files.read(path)
    bytes.removeLast(bytes.count - bytes.lastIndex { $0 != 0 }! + 2)
    try Files.write(bytes, to: path)
    let result = try Tool.run("verify", copy)
    #expect(result.code == 0 && result.text.contains("bytes of an unfinished write"), "\(result.text)")
    #expect(result.text.contains(path + " at byte "))
  }

  /// Method: a closed store was on the disk as a whole, so no bit of its log may change unseen; the finding is in the
  /// file that was changed, at the record of the changed byte, or before where that is part of a header.
  @Test(arguments: SeededRandom.seeds(1)) func everyFlippedByteOfAClosedLog(seed: UInt64) throws {
    let fixture = try Fixture(seed: seed, commits: 40, valueBytes: 20)
    var random = SeededRandom(seed: seed)
    let copy = try fixture.copy()
    for name in ["STORE", try Files.segments(copy)[0]] {
      let bytes = try Files.read(copy + "/" + name)
      for at in bytes.indices where name != "STORE" || at < 300 || at % 61 == 0 || at >= 4088 {
        var changed = bytes
        changed[at] ^= UInt8(1 << random.below(8))
        try Files.write(changed, to: copy + "/" + name)
        let findings = try findings(copy)
        // The version and the length come before all else: what another version has in the other bytes is not known.
        let isVersion = (16..<18).contains(at) || (20..<24).contains(at)
        let found = findings.first { $0.severity == (isVersion ? .notUnderstood : .damaged) }
        // The last record closes the store. Its bytes are the only ones that nothing later vouches for.
        let isTail = name != "STORE" && at >= bytes.count - 56
        #expect(isTail || found != nil, "seed \(seed), byte \(at) of \(name)")
        if let found {
          #expect(found.file == copy + "/" + name, "seed \(seed), byte \(at) of \(name)")
          #expect((found.offset ?? 0) <= max(at, 4088), "seed \(seed), byte \(at) of \(name)")
        }
        if at % 53 == 0 {
          let result = try Tool.run("verify", copy)
          #expect(result.code == (isVersion ? 4 : found == nil ? 0 : 3), "seed \(seed), byte \(at): \(result.text)")
        }
      }
      try Files.write(bytes, to: copy + "/" + name)
    }
  }

  private func findings(_ path: String) throws -> [Finding] {
    let result = Result { () throws(StoreError) in try Verification(StoreDirectory(opening: path)).findings }
    switch result {
    case .success(let findings): return findings
    case .failure(let error): return [try #require(Finding(error))]
    }
  }

  /// Method: every byte of the checkpoint is covered by some checksum, but for those between header and directory that
  /// do not exist.
  @Test(arguments: SeededRandom.seeds(1)) func flippedBytesOfACheckpoint(seed: UInt64) throws {
    let fixture = try Fixture(seed: seed, commits: 1500, checkpointInterval: 4096)
    let copy = try fixture.copy()
    let path = copy + "/index.checkpoint"
    let bytes = try Files.read(path)
    var random = SeededRandom(seed: seed)
    for round in 0..<200 {
      let at = round < 20 ? bytes.count - 1 - round : random.below(bytes.count)
      var changed = bytes
      changed[at] ^= UInt8(1 << random.below(8))
      try Files.write(changed, to: path)
      // A checkpoint of another version is not used, and that is all.
      if (16..<18).contains(at) { continue }
      let verification = try Verification(StoreDirectory(opening: copy))
      #expect(verification.verdict == .damaged, "seed \(seed), byte \(at)")
      #expect(verification.findings.contains { $0.file == path && $0.severity == .damaged }, "seed \(seed), byte \(at)")
      // What is lost is a cache: the content is the same.
      if round % 40 == 0 {
        let result = try Tool.run("verify", copy)
        #expect(result.code == 3 && result.text.contains(path), "seed \(seed), byte \(at)")
        #expect(Tool.listing(try Tool.run("list", copy, "--format", "hex")) == fixture.content)
      }
    }
  }

  /// Method: checkpoints that are whole by their checksums but do not fit the log: an older log, a log that has lost
  /// its end.
  @Test func checkpointThatDoesNotFit() throws {
    let fixture = try Fixture(seed: 4, commits: 1500, segmentBytes: 1 << 20, checkpointInterval: 4096)
    let copy = try fixture.copy()
    let segment = copy + "/" + (try Files.segments(copy)[0])
    var bytes = try Files.read(segment)
    bytes.removeLast(bytes.count / 2)
    try Files.write(bytes, to: segment)
    let result = try Tool.run("verify", copy)
    #expect(result.code == 3 && result.text.contains("the checkpoint covers it"), "\(result.text)")
    #expect(result.text.contains(segment + " at byte "))
    // What is listed is the state before, and said to be so.
    let list = try Tool.run("list", copy, "--format", "hex")
    #expect(list.code == 3 && list.errors.contains("as of sequence"))
    #expect(fixture.states.values.contains(Tool.listing(list)))
    let get = try Tool.run("get", copy, "key-1")
    let value = Tool.listing(list)[Array("key-1".utf8)]
    #expect(get.code == (value == nil ? 1 : 3) && get.output == value ?? [], "\(get)")
  }

  /// Method: a checkpoint with valid checksums whose shards are wrong: one entry less, and one that leads elsewhere.
  @Test func wrongEntriesWithRightChecksums() throws {
    let fixture = try Fixture(seed: 6, commits: 800, segmentBytes: 1 << 20, checkpointInterval: 4096)
    let checkpoint = try Forger(fixture.path + "/index.checkpoint")
    let shard = try #require(checkpoint.shardsInUse.first)
    let copy = try fixture.copy()
    func verify(_ change: (inout Forger) -> Void) throws -> String {
      var forged = checkpoint
      change(&forged)
      try Files.write(forged.sealed(), to: copy + "/index.checkpoint")
      let result = try Tool.run("verify", "--deep", copy)
      #expect(result.code == (forged.bytes == checkpoint.bytes ? 0 : 3), "\(result.text)")
      return result.text
    }
    #expect(try verify { _ in }.contains("clean"))
    let elsewhere = try verify { $0.changeEntry(of: shard) { $0 + 1 } }
    #expect(elsewhere.contains("leads to no valid record of its key"))
    #expect(elsewhere.contains("lacks 1 live keys"))
    let less = try verify {
      $0.changeEntry(of: shard) { _ in 0 }
      $0.addToCount(of: shard, -1)
    }
    #expect(less.contains("lacks 1 live keys"), "\(less)")
    let nowhere = try verify { $0.changeEntry(of: shard) { $0 & ~0xFF_FFFF } }
    #expect(nowhere.contains("leads nowhere"))
  }

  /// Method: one damaged record in the middle of each of two segments. Both are found, with what follows them.
  @Test func allDamageIsFound() throws {
    let fixture = try Fixture(seed: 7, commits: 4000)
    let copy = try fixture.copy()
    let segments = try Files.segments(copy)
    try #require(segments.count >= 3)
    for name in segments[0...1] {
      var bytes = try Files.read(copy + "/" + name)
      bytes[bytes.count / 2] ^= 1
      try Files.write(bytes, to: copy + "/" + name)
    }
    let result = try Tool.run("verify", copy)
    #expect(result.code == 3)
    #expect(result.text.split(separator: "\n").filter { $0.hasPrefix("damaged: " + copy) }.count == 2, "\(result.text)")
    for name in segments[0...1] { #expect(result.text.contains(name + " at byte ")) }
    #expect(result.text.contains("the next valid record is at byte "))
  }

  @Test func missingSegments() throws {
    let fixture = try Fixture(seed: 8, commits: 4000)
    let segments = try Files.segments(fixture.path)
    try #require(segments.count >= 3)
    for name in segments {
      let copy = try fixture.copy()
      Files.remove(copy + "/" + name)
      let result = try Tool.run("verify", copy)
      #expect(result.code == 3, "\(name): \(result.text)")
      #expect(result.text.contains("\(copy)/\(name): a segment is missing"), "\(name): \(result.text)")
      let list = try Tool.run("list", copy, "--format", "hex")
      #expect(list.code == 3, "\(name)")
      let get = try Tool.run("get", copy, "key-1")
      let value = Tool.listing(list)[Array("key-1".utf8)]
      #expect(get.code == (value == nil ? 1 : 3) && get.output == value ?? [], "\(name): \(get)")
    }
  }
  /// Goal: what can be read of a damaged store can be fetched, and nobody takes it for the newest.
  @Test func getFromADamagedStore() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let store = try Store.open(at: path)
    for key in ["before", "hit", "behind"] { try store.put("value of " + key, for: key) }
    try store.close()
    Files.remove(path + "/index.checkpoint")
    let segment = path + "/segment-00000001.log"
    var bytes = try Files.read(segment)
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: "value of hit".utf8) })
    bytes[place] ^= 1
    try Files.write(bytes, to: segment)
    let before = try Tool.run("get", path, "before")
    #expect(before.code == 3 && before.text == "value of before", "\(before)")
    #expect(before.errors.contains("as of sequence 1") && before.errors.contains("damaged"), "\(before)")
    for key in ["hit", "behind", "never"] {
      let other = try Tool.run("get", path, key)
      #expect(other.code == 1 && other.output.isEmpty && other.errors.contains("kvdump repair"), "\(other)")
    }
    let verified = try Tool.run("verify", path)
    #expect(verified.code == 3 && verified.errors.contains("kvdump repair \(path) --output"), "\(verified)")
    let json = try Tool.run("verify", path, "--json")
    #expect(json.code == 3 && json.errors.isEmpty)
  }
}
