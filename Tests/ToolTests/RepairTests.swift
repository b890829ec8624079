import Cairn
import CairnTestSupport
import Foundation
import Testing

/// Goal: of a damaged store everything is saved that verifies, of each key the newest; every byte that is not is told;
/// and the damaged store stays as it is.
@Suite struct RepairTests {
  private func snapshot(_ path: String) throws -> [String: [UInt8]] {
    Dictionary(uniqueKeysWithValues: try Files.names(path).map { ($0, try Files.read(path + "/" + $0)) })
  }

  private func content(_ path: String) throws -> [[UInt8]: [UInt8]] {
    Tool.listing(try Tool.run("list", path, "--format", "hex"))
  }

  /// Method: damage at random places of random stores. What must be saved is found by reading every record of the file
  /// anew, at every multiple of 8.
  @Test(arguments: SeededRandom.seeds(12)) func everythingThatVerifies(seed: UInt64) throws {
    let fixture = try Fixture(seed: seed, commits: 150, ending: seed % 2 == 0 ? .closed : .killed)
    var random = SeededRandom(seed: seed)
    let path = fixture.directory.path("damaged")
    try Files.copyTree(fixture.path, to: path)
    Files.remove(path + "/index.checkpoint")
    let name = try Files.segments(path)[random.below(try Files.segments(path).count)]
    var bytes = try Files.read(path + "/" + name)
    let used = max(512, bytes.lastIndex { $0 != 0 } ?? 512)
    for _ in 0...random.below(4) {
      bytes[min(bytes.count - 1, 256 + random.below(used - 256))] ^= UInt8(1 + random.below(255))
    }
    try Files.write(bytes, to: path + "/" + name)
    let before = try snapshot(path)
    let target = fixture.directory.path("saved")
    let repair = try Tool.run("repair", path, "--output", target, "--json")
    #expect([0, 3].contains(repair.code), "seed \(seed): \(repair.errors)")
    #expect(try snapshot(path) == before, "seed \(seed): the source has changed")
    let report = try Tool.json(repair)
    // What nothing vouches for is taken for torn: then it is no damage.
    #expect(repair.code == (try Tool.run("verify", path).code), "seed \(seed)")
    if repair.code == 0 {
      #expect(try content(target) == content(path), "seed \(seed)")
      return
    }
    let expected = try Salvaged(path)
    #expect(report["records"] as? Int == expected.records, "seed \(seed)")
    #expect(try content(target) == expected.values, "seed \(seed)")
    #expect(try Tool.run("verify", "--deep", target).code == 0)
    // Records, skipped ranges and reserved zeros make up the files.
    let skipped = try #require(report["skipped"] as? [[String: Any]])
    for range in skipped {
      let from = try #require(range["from"] as? Int)
      let to = try #require(range["to"] as? Int)
      let file = try #require((range["file"] as? String)?.split(separator: "/").last.map(String.init))
      for at in stride(from: from, to: to, by: 8) {
        #expect(!expected.places[file, default: []].contains(at), "seed \(seed): a record at \(at) of \(file)")
      }
    }
  }

  /// What stands in a store's segments, found by the test itself.
  private struct Salvaged {
    var records = 0
    var values: [[UInt8]: [UInt8]] = [:]
    var places: [String: Set<Int>] = [:]

    init(_ path: String) throws {
      var newest: [[UInt8]: UInt64] = [:]
      let segments = try Files.segments(path)
      for (index, name) in segments.enumerated() {
        let bytes = try Files.read(path + "/" + name)
        var limit = bytes.count
        if index + 1 < segments.count {
          let next = try Files.read(path + "/" + segments[index + 1])
          if next.count >= 328, next[278] == 4, Self.isValid(next, 256) {
            limit = min(limit, Int(ForgedSegment.word(next, 256 + 40)))
          }
        }
        var at = 256
        while at + 32 <= limit {
          let count = ForgedSegment.byteCount(bytes, at)
          guard count <= limit - at, Self.isValid(bytes, at) else {
            at += 8
            continue
          }
          records += 1
          places[name, default: []].insert(at)
          let key = at + 32 + Int(bytes[at + 23]) * 8
          let keyCount = Int(ForgedSegment.word(bytes, at + 16) >> 32 & 0xFFFF)
          let valueCount = Int(ForgedSegment.word(bytes, at + 16) & 0xFFFF_FFFF)
          let sequence = ForgedSegment.word(bytes, at + 8)
          let name = Array(bytes[key..<key + keyCount])
          if [1, 2].contains(bytes[at + 22]) && sequence >= newest[name] ?? 0 {
            newest[name] = sequence
            let start = key + keyCount
            values[name] = bytes[at + 22] == 1 ? Array(bytes[start..<start + valueCount]) : nil
          }
          at += count
        }
      }
    }

    private static func isValid(_ bytes: [UInt8], _ at: Int) -> Bool {
      let count = ForgedSegment.byteCount(bytes, at)
      guard bytes[at + 22] != 0, count <= bytes.count - at else { return false }
      // Wrapping multiplication is how the seed is made.
      let seed = ForgedSegment.word(bytes, 56) ^ (UInt64(at) &* 0x9E37_79B9_7F4A_7C15)
      return ForgedSegment.word(bytes, at) == ForgedSegment.hash(Array(bytes[at + 8..<at + count]), seed: seed)
    }
  }

  /// The file that makes it a store is lost, or its last bytes are.
  @Test(arguments: [true, false]) func withoutItsHeader(isMissing: Bool) throws {
    let fixture = try Fixture(seed: 3, commits: 100, ending: .closed)
    let path = fixture.directory.path("damaged")
    try Files.copyTree(fixture.path, to: path)
    if isMissing { Files.remove(path + "/STORE") } else { try Files.write([1, 2, 3], to: path + "/STORE") }
    let repair = try Tool.run("repair", path, "--output", fixture.directory.path("saved"))
    #expect(repair.code == 3 && repair.text.contains("STORE"), "\(repair)")
    #expect(!repair.text.contains("skipped: "))
    #expect(try content(fixture.directory.path("saved")) == fixture.content)
  }

  /// The header of a segment is lost, and with it the salt of its checksums; the checkpoint still knows it.
  @Test func withoutTheHeaderOfASegment() throws {
    let fixture = try Fixture(seed: 4, commits: 200, ending: .closed, checkpointInterval: 1000)
    let path = fixture.directory.path("damaged")
    try Files.copyTree(fixture.path, to: path)
    try #require(Files.exists(path + "/index.checkpoint"))
    let name = path + "/segment-00000001.log"
    var bytes = try Files.read(name)
    bytes[60] ^= 1
    try Files.write(bytes, to: name)
    let repair = try Tool.run("repair", path, "--output", fixture.directory.path("saved"))
    #expect(repair.code == 3 && !repair.text.contains("skipped: "), "\(repair)")
    #expect(try content(fixture.directory.path("saved")) == fixture.content)
    // Without the checkpoint, the whole segment is told as skipped.
    Files.remove(path + "/index.checkpoint")
    let other = try Tool.run("repair", path, "--output", fixture.directory.path("less"))
    #expect(other.code == 3 && other.text.contains("segment-00000001.log bytes 256 to "), "\(other)")
    // But for a bit elsewhere in the header, the salt is still there, and with it all records.
    bytes[60] ^= 1
    bytes[100] ^= 1
    try Files.write(bytes, to: name)
    Files.remove(path + "/STORE")
    let more = try Tool.run("repair", path, "--output", fixture.directory.path("more"))
    #expect(more.code == 3 && !more.text.contains("skipped: "), "\(more)")
    #expect(try content(fixture.directory.path("more")) == fixture.content)
  }

  /// Goal: what is gone without a trace in what is there is told all the same.
  @Test(arguments: ["last", "all", "emptied", "cut", "zeroed", "cut last"], [false, true])
  func lostBytes(what: String, hasCheckpoint: Bool) throws {
    let fixture = try Fixture(seed: 7, commits: 200, valueBytes: 3000, checkpointInterval: 1000)
    let path = fixture.path
    let segments = try Files.segments(path)
    try #require(segments.count > 3)
    if !hasCheckpoint { Files.remove(path + "/index.checkpoint") }
    let name = what.contains("last") ? segments[segments.count - 1] : segments[1]
    var bytes = try Files.read(path + "/" + name)
    let whole = ForgedSegment.end(of: bytes)
    // Between two records, somewhere in the middle.
    var boundary = 256
    while boundary < whole / 2 { boundary += ForgedSegment.byteCount(bytes, boundary) }
    var expected = ["skipped: \(path)/\(name) bytes \(boundary) to \(whole - 1) "]
    switch what {
    case "last":
      Files.remove(path + "/" + name)
      expected = ["damaged: \(path)/\(name): a segment is missing"]
    case "all":
      for name in segments { Files.remove(path + "/" + name) }
      expected = ["damaged: \(path): the store has no segments"]
    case "emptied":
      try Files.write([], to: path + "/" + name)
      expected = ["\(path)/\(name)"]
    case "zeroed":
      bytes.replaceSubrange(boundary..., with: [UInt8](repeating: 0, count: bytes.count - boundary))
      try Files.write(bytes, to: path + "/" + name)
    case "cut last":
      try Files.write(Array(bytes[..<boundary]), to: path + "/" + name)
      // Only the checkpoint tells that there was more, but for the seal.
      expected = hasCheckpoint ? ["skipped: \(path)/\(name) bytes \(boundary) to "] : []
    default: try Files.write(Array(bytes[..<boundary]), to: path + "/" + name)
    }
    let repair = try Tool.run("repair", path, "--output", fixture.directory.path("saved"))
    #expect(repair.code == (try Tool.run("verify", path).code), "\(repair)")
    #expect(repair.code == (expected.isEmpty ? 0 : 3), "\(repair)")
    for line in expected { #expect(repair.text.contains(line), "\(line)\n\(repair.text)") }
  }

  @Test func whereItMayNotWrite() throws {
    let fixture = try Fixture(seed: 5, commits: 10, ending: .closed)
    let there = try Tool.run("repair", fixture.path, "--output", fixture.directory.path)
    #expect(there.code == 1 && there.errors.contains("something is there already"), "\(there)")
    let nowhere = try Tool.run("repair", fixture.path, "--output", fixture.directory.path("no/such/folder"))
    #expect(nowhere.code == 1 && !nowhere.errors.isEmpty)
    #expect(try Tool.run("repair", fixture.path).code == 64)
    let nothing = fixture.directory.path("nothing")
    #expect(try Tool.run("repair", nothing, "--output", fixture.directory.path("x")).code == 1)
    #expect(try Files.names(fixture.directory.path).allSatisfy { !$0.contains("partial") })
  }

  // MARK: copy

  /// Method: a writer is at work while its store is copied over and over; each copy is whole, opens, and holds a state
  /// that the store was in: both keys of a batch at the same number.
  @Test func copiesOfALiveStore() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.checkpointInterval = 32 << 10
    let store = try Store.open(at: path, options: options)
    try store.put("0", for: "first")
    try store.put("0", for: "second")
    for round in 1...20 {
      let writer = Thread {
        var random = SeededRandom(seed: UInt64(round))
        for number in 1...100 {
          do {
            try store.write { batch in
              try batch.put("\(round * 1000 + number)", for: "first")
              try batch.put(random.bytes(random.below(3000)), for: "\(random.below(20))")
              try batch.put("\(round * 1000 + number)", for: "second")
            }
          } catch { Issue.record("\(error)") }
        }
      }
      writer.start()
      let copy = directory.path("copy \(round)")
      let result = try Tool.run("copy", path, copy)
      #expect(result.code == 0, "\(result)")
      while !writer.isFinished { sched_yield() }
      #expect(try Tool.run("verify", "--deep", copy).code == 0)
      let opened = try Store.open(at: copy, options: Store.Options(.mustExist))
      #expect(try opened.value(for: "first") == opened.value(for: "second"))
      try opened.put("more", for: "more")
      try opened.close()
      Files.remove(copy)
    }
    try store.close()
    #expect(try Tool.run("copy", path, directory.path("last")).code == 0)
    #expect(try Tool.run("diff", path, directory.path("last")).code == 0)
  }

  /// Goal: a value that only a newer version can read spoils nothing else.
  /// Method: more of them than findings are listed, in a store that is whole but for a batch without its end; then
  /// with a bit flipped, too.
  @Test func whatIsNotUnderstood() throws {
    var log = try ForgedLog()
    let (path, directory) = (log.path, log.directory)
    log.add(ForgedLog.link)
    for number in 1...150 {
      let room = [UInt8](repeating: 0, count: 8)
      log.add(ForgedSegment.Record(sequence: UInt64(number), key: [UInt8(number)], flags: 1 << 3, fields: room))
    }
    log.add(
      ForgedLog.put(151, "a", "plain"), ForgedSegment.Record(sequence: 152, key: [0xFF], flags: 1, durable: 256))
    try log.write()
    #expect(try Tool.run("verify", path).code == 4)
    let repair = try Tool.run("repair", path, "--output", directory.path("saved"))
    #expect(repair.code == 4 && !repair.text.contains("damaged") && !repair.text.contains("skipped"), "\(repair)")
    #expect(try content(directory.path("saved")) == [[0x61]: Array("plain".utf8)])
    log.flip(log.offsets[140] + 20)
    try log.write()
    #expect(try Tool.run("verify", path).code == 3)
    #expect(try Tool.run("repair", path, "--output", directory.path("more")).code == 3)
    // Where something is damaged, more is better than less.
    #expect(try content(directory.path("more")).keys.count == 2)
  }

  /// Goal: what another process makes at the place is not touched.
  @Test func somebodyElseWasFaster() throws {
    let fixture = try Fixture(seed: 5, commits: 10)
    let target = fixture.directory.path("target")
    try FileManager.default.createDirectory(atPath: target + ".partial", withIntermediateDirectories: false)
    try Files.write([1], to: target + ".partial/mine")
    for command in [["copy", fixture.path, target], ["repair", fixture.path, "--output", target]] {
      #expect(try Tool.run(Tool.executable("kvdump"), command).code == 1)
      #expect(try Files.read(target + ".partial/mine") == [1])
    }
  }

  /// What is of a newer version, or only an index's damage, does not get into a copy.
  @Test func copiesOfWhatIsNotWhole() throws {
    let directory = TemporaryDirectory()
    let formats = FormatCaseTests.stored
    for name in ["segment-major-2", "segment-kind-1", "record-kind-5"] {
      let newer = try #require(formats.first { $0.name == name })
      #expect(try Tool.run("copy", newer.path + "/store", directory.path(name)).code == 4)
      #expect(!Files.exists(directory.path(name)))
    }
    let damaged = try #require(formats.first { $0.name == "checkpoint-shard-bit" })
    let copy = try Tool.run("copy", damaged.path + "/store", directory.path("copy"))
    #expect(copy.code == 0 && copy.errors.contains("left out"), "\(copy)")
    #expect(try Tool.run("verify", directory.path("copy")).code == 0)
    #expect(try Tool.run("diff", damaged.path + "/store", directory.path("copy")).code == 0)
  }

  @Test func aDamagedStoreIsNotCopied() throws {
    let fixture = try Fixture(seed: 6, commits: 100, ending: .closed)
    let name = try fixture.segment(0)
    var bytes = try Files.read(name)
    bytes[400] ^= 1
    try Files.write(bytes, to: name)
    Files.remove(fixture.path + "/index.checkpoint")
    #expect(try Tool.run("copy", fixture.path, fixture.directory.path("copy")).code == 3)
    #expect(!Files.exists(fixture.directory.path("copy")) && !Files.exists(fixture.directory.path("copy.partial")))
  }

  // MARK: diff

  @Test func differences() throws {
    let directory = TemporaryDirectory()
    func make(_ name: String, _ body: (Store) throws -> Void) throws -> String {
      let store = try Store.open(at: directory.path(name))
      try store.put("same", for: "same")
      try body(store)
      try store.close()
      return directory.path(name)
    }
    let one = try make("one") { store in
      try store.put("1", for: "only one")
      try store.put("1", for: "value")
      try store.put("1", for: "deadline", expires: .at(milliseconds: 4_000_000_000_000))
      try store.put("1", for: "attributes", attributes: ["a": 1])
    }
    let two = try make("two") { store in
      try store.put("2", for: "value")
      try store.put("1", for: "deadline")
      try store.put("1", for: "attributes", attributes: ["a": 2])
      try store.put("2", for: "zwei\u{1B}")
    }
    let diff = try Tool.run("diff", one, two)
    #expect(diff.code == 2)
    #expect(
      diff.text == "# attributes\n@ deadline\n< only one\n! value\n> zwei\\x1b\n"
        + "1 the same, 1 only in the first, 1 only in the second, 1 with another value, 1 with another deadline, "
        + "1 with other attributes\n")
    let quiet = try Tool.run("diff", "--quiet", one, two)
    #expect(quiet.code == 2 && quiet.output.isEmpty)
    #expect(try Tool.run("diff", one, one).code == 0)
    #expect(try Tool.run("diff", "--prefix", "same", one, two).code == 0)
    #expect(try Tool.run("diff", one, directory.path("nothing")).code == 1)
  }
}
