import Cairn
import CairnInspect
@testable import CairnTestSupport
import Foundation
import Testing

/// Goal: `kvdump` tells of a store that compaction has been at what it tells of any other, also while segments go.
/// Method: stores written by hand, and compacted by hand while they are read.
@Suite struct CompactedTests {
  private let directory = TemporaryDirectory()

  private func write(_ files: [String: [UInt8]], _ name: String = "store") throws -> String {
    let path = directory.path(name)
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    for (name, bytes) in files { try Files.write(bytes, to: path + "/" + name) }
    return path
  }

  /// As a writer does it: what counts first, then the list, then the files.
  private static func compact(_ path: String, to store: ForgedStore) throws {
    let files = store.files
    for (name, bytes) in files where name.hasPrefix("segment-") { try Files.write(bytes, to: path + "/" + name) }
    try Files.write(try #require(files["segments.gone"]), to: path + "/segments.gone")
    for name in try Files.segments(path) where files[name] == nil { Files.remove(path + "/" + name) }
  }

  private final class Lines: OutputSink {
    var bytes: [UInt8] = []
    func write(_ bytes: [UInt8]) { self.bytes += bytes }
    var text: String { String(decoding: bytes, as: UTF8.self) }
  }

  /// Calls something when it is told of progress for the first time.
  private final class Once: ProgressListener {
    var body: (() throws -> Void)?
    init(_ body: @escaping () throws -> Void) { self.body = body }
    func advance(to done: Int, of total: Int) throws(StoreError) {
      do { try body?() } catch { Issue.record(error) }
      body = nil
    }
  }

  // MARK: What is shown

  /// F1-REC-023.
  @Test func versionsOfWhatWasMoved() throws {
    let path = try write(FormatCase.compactedStore.files)
    let log = try Tool.run("log", path)
    #expect(
      log.text.contains("14  put               1         5  c  until 2096-10-02T07:06:40.000Z  (moved, version 3)"))
    #expect(log.text.contains("16  remove            1         0  f  (moved, version 10)\n"))
    #expect(log.text.contains("18  put               1         8  i\n"), "\(log.text)")
    let lines = try Tool.run("log", path, "--json").text.split(separator: "\n")
    #expect(lines.filter { $0.contains("\"version\"") }.count == 4, "\(lines)")
    #expect(
      try Tool.run("list", path, "--format", "json").text.contains(#""key": "a", "value": "again", "version": 7}"#))
    let record = try Tool.run("hexdump", path + "/segment-00000006.log", "328")
    #expect(record.text.contains("expiry, version") && record.text.contains("version           3\n"), "\(record.text)")
    for (offset, title) in [("0", "list of segments that are gone"), ("170", "range of segments that are gone")] {
      let list = try Tool.run("hexdump", path + "/segments.gone", offset)
      #expect(list.code == 0 && list.text.contains(title), "\(list)")
    }
    #expect(try Tool.run("hexdump", path + "/segments.gone", "170").text.contains("previous end       464\n"))
  }

  /// F1-VER-001.
  @Test func earlierVersions() throws {
    let path = try write(FormatCase.storeWithEarlierVersions.files)
    let store = try Store.open(at: path, options: Store.Options(.readOnly))
    func history(_ key: String) throws -> [String] {
      try store.history(of: key).map {
        "\($0.sequence) " + ($0.kind == .put ? String(decoding: $0.value, as: UTF8.self) : "removed")
      }
    }
    #expect(try history("b") == ["2 two", "9 nine"] && history("d") == ["4 four"] && history("i") == ["18 eighteen"])
    #expect(
      try history("e") == ["5 five"] && history("h") == ["13 thirteen"] && history("f") == ["8 eight", "10 removed"])
    #expect(try store.history(of: "d")[0].deadline == 4_000_000_000_002)
    #expect(try store.value(for: "d") == nil && store.statistics.liveEntries == 6)
    try store.close()
    let log = try Tool.run("log", path)
    #expect(
      log.text.contains(
        "17  earlier           1         3  b  (version 2, replaced by 9 at 2023-11-14T22:13:20.000Z)\n"),
      "\(log.text)")
    #expect(log.text.contains("kind 130"))
    let lines = try Tool.run("history", path, "d", "--json").text
    #expect(
      lines.contains(#""version": 4, "replacedBy": 6, "replaced": 1700000000001, "value": "four"}"#), "\(lines)")
    #expect(try Tool.run("log", path, "--glob", "b").text.contains("earlier"))
    #expect(try Tool.run("verify", "--deep", path).code == 0)
    let record = try Tool.run("hexdump", path + "/segment-00000006.log", "544").text
    #expect(record.contains("130, earlier version") && record.contains("replaced by       9\n"), "\(record)")
    #expect(try Tool.run("repair", path, "--output", path + "-saved").text.contains("left out: 3 earlier versions"))
    // Who keeps none lets them go.
    let opened = try Store.open(at: path, options: Store.Options(.mustExist))
    try opened.put("new", for: "a")
    try opened.compact()
    #expect(try opened.history(of: "b").map(\.sequence) == [9])
    try opened.close()
    #expect(try Tool.run("verify", "--deep", path).code == 0 && !Tool.run("log", path).text.contains("earlier"))
  }

  @Test func amplification() throws {
    let path = try write(FormatCase.compactedStore.files)
    let info = try Tool.json(try Tool.run("info", path, "--json"))
    let sizes = try Files.names(path).map { try Files.read(path + "/" + $0).count }
    #expect(info["goneRanges"] as? Int == 2 && info["leftOverFiles"] as? Int == 0)
    let live = try #require((info["live"] as? [String: Any])?["liveBytes"] as? Int)
    let logBytes = try Files.segments(path).reduce(0) { try $0 + Files.read(path + "/" + $1).count }
    for (name, bytes) in [("logAmplification", logBytes), ("diskAmplification", sizes.reduce(0, +))] {
      for command in ["info", "stat"] {
        let told = try #require(try Tool.json(try Tool.run(command, path, "--json"))[name] as? Double)
        #expect(abs(told - Double(bytes) / Double(live)) < 0.006, "\(command) \(name)")
      }
    }
    let segments = try #require(info["segments"] as? [[String: Any]])
    for segment in segments {
      #expect((segment["liveBytes"] as? Int ?? 0) + (segment["deadBytes"] as? Int ?? 0) == segment["end"] as? Int)
    }
    let empty = try write(ForgedStore([]).files, "empty")
    #expect(try Tool.run("stat", empty).text.contains("amplification  nothing is live"))
  }

  /// F1-GON-001. Method: of a store whose list is damaged, or of a newer version, nothing is shown but why.
  @Test func listsThatCannotBeRead() throws {
    for (name, code) in [("gone-range-bit", 3), ("gone-missing", 3), ("gone-major-2", 4)] as [(String, Int32)] {
      let path = try write(try #require(try FormatCase.all.first { $0.name == name }?.make()), name)
      for command in ["info", "stat", "list", "dump", "log"] {
        let result = try Tool.run(command, path)
        #expect(result.code == code, "\(name), \(command): \(result)")
        #expect(!result.text.contains("eighteen"), "\(name), \(command): \(result)")
      }
      #expect(try Tool.run("copy", path, path + "-copy").code == code, "\(name)")
      let repaired = try Tool.run("repair", path, "--output", path + "-saved")
      #expect(repaired.text.contains("saved: 6 entries"), "\(name): \(repaired)")
    }
  }

  /// Method: with a checkpoint, segments are not read but for their ends; the same is told of them as without it.
  @Test func endsOfSegments() throws {
    for name in ["after-compaction-with-checkpoint", "compaction-after-checkpoint"] {
      let path = try write(try #require(try FormatCase.all.first { $0.name == name }?.make()), name)
      func told() throws -> [[Int?]] {
        let segments = try Tool.json(try Tool.run("info", path, "--json"))["segments"] as? [[String: Any]] ?? []
        return segments.map { segment in
          ["number", "firstSequence", "lastSequence", "operations", "end"].map { segment[$0] as? Int }
        }
      }
      let withCheckpoint = try told()
      Files.remove(path + "/index.checkpoint")
      #expect(try withCheckpoint == told() && withCheckpoint.count == 4, "\(name)")
    }
  }

  // MARK: Copies

  /// F1-GON-002.
  @Test func copies() throws {
    for name in ["after-compaction", "after-compaction-with-checkpoint", "left-over-segments"] {
      let path = try write(try #require(try FormatCase.all.first { $0.name == name }?.make()), name)
      let target = directory.path(name + "-copy")
      #expect(try Tool.run("copy", path, target).code == 0)
      #expect(try Tool.run("verify", "--deep", target).text.hasPrefix("clean"))
      #expect(try Tool.run("dump", target).output == Tool.run("dump", path).output)
      #expect(try Files.segments(target).count == (name.hasSuffix("checkpoint") ? 4 : 3))
      #expect(try Files.read(target + "/segments.gone") == Files.read(path + "/segments.gone"))
    }
  }

  /// Method: a writer opens a store whose next slots are those of other segments, and then goes on in another one.
  ///
  /// F1-WRT-009, F1-GON-002: what is left over is removed.
  @Test func theNextNumber() throws {
    var store = ForgedStore([ForgedSegment.put(1, "a", "one")])
    store.addSegment(at: 1, [ForgedSegment.put(2, "b", "two")])
    store.addSegment(at: 2, [ForgedSegment.put(3, "c", "three")])
    // 65,536 has the slot 0, and the next ones are in use.
    store.addSegment(at: 3, number: 65_535, [ForgedSegment.put(4, "d", "four"), ForgedSegment.seal(4, reason: 1)])
    let removed = store.segments[0]
    store.takeAway([1])
    var files = store.files
    files["segment-00000001.log"] = removed.bytes
    let path = try write(files)
    var options = Store.Options(.mustExist)
    options.segmentBytes = 64 << 10
    let opened = try Store.open(at: path, options: options)
    try opened.put("new", for: "e")
    try opened.close()
    #expect(
      try Files.segments(path) == [
        "segment-00000002.log", "segment-00000003.log", "segment-00065535.log", "segment-00065537.log",
      ])
    // Now 65,538 has the slot of 2, and 65,539 that of 3.
    for number in 1...3000 {
      let again = try Store.open(at: path, options: options)
      try again.put("\(number)", for: "e")
      try again.close()
      if try Files.segments(path).count > 4 { break }
    }
    #expect(try Files.segments(path).last == "segment-00065540.log")
    #expect(try Tool.run("verify", "--deep", path).code == 0)
    #expect(try Tool.run("list", path, "--keys-only").text == "b\nc\nd\ne\n")
  }

  /// F1-WRT-005. Method: the seal names a segment that has no link yet, and whose number is not the next one any more.
  /// If it went before another one is there, a crash between the two would leave a log that has lost a segment.
  @Test func theSegmentThatASealNamesIsReplaced() throws {
    var store = ForgedStore([ForgedSegment.put(1, "a", "one"), ForgedSegment.seal(1, reason: 2, next: 4)])
    store.segments.append(ForgedSegment(number: 4, of: ForgedStore.identifier, salt: 4))
    let path = try write(store.files)
    #expect(try Tool.run("verify", path).code == 0)
    let opened = try Store.open(at: path, options: Store.Options(.mustExist))
    try opened.put("two", for: "b")
    #expect(try Files.segments(path).prefix(2) == ["segment-00000001.log", "segment-00000004.log"])
    try opened.close()
    #expect(try Tool.run("list", path).text == "a\tone\nb\ttwo\n")
    #expect(try Tool.run("verify", path).code == 0)
  }

  // MARK: Checkpoints

  /// F1-CHK-006. Method: what was taken away has not been written once more for one key after the other.
  @Test func entriesThatLeadToWhatIsGone() throws {
    let moved = FormatCase.moved(from: 15)
    for left in moved.indices {
      var records: [ForgedSegment.Record] = []
      for (number, record) in moved.enumerated() where number != left {
        var record = record
        record.sequence = 15 + UInt64(records.count)
        records.append(record)
      }
      let path = try write(try FormatCase.compactAfterCheckpoint(records), "store-\(left)")
      let verified = try Tool.run("verify", "--deep", path)
      // Without the remove, the log holds what the checkpoint has no entry of.
      let what = moved[left].kind == 1 ? "leads to a segment that is gone" : "the checkpoint lacks 1 live key"
      #expect(verified.code == 3 && verified.text.contains(what), "\(left): \(verified.text)")
    }
  }

  /// F1-CHK-007. Method: what a checkpoint tells of barriers is taken away, with checksums that fit.
  @Test func entriesThatAreHidden() throws {
    var files = try #require(try FormatCase.all.first { $0.name == "barriers-in-a-checkpoint" }?.make())
    let whole = try write(files, "whole")
    #expect(try Tool.run("verify", "--deep", whole).code == 0)
    let listed = try Tool.run("log", whole).text
    #expect(listed.contains("invalidate") && listed.contains("1*"), "\(listed)")
    // Entries that were taken out meanwhile may count or not.
    var counted = files
    counted.changeCheckpoint(at: 120)
    #expect(try Tool.run("verify", "--deep", try write(counted, "counted")).code == 0)
    var bytes = try #require(files["index.checkpoint"])
    bytes.removeLast(Int(ForgedSegment.word(bytes, 192)))
    bytes.replaceSubrange(160..<168, with: ForgedSegment.little(0, 8))
    bytes.replaceSubrange(184..<208, with: [UInt8](repeating: 0, count: 24))
    files["index.checkpoint"] = Checksums.repaired(checkpoint: bytes)
    let verified = try Tool.run("verify", "--deep", try write(files, "changed"))
    #expect(verified.code == 3 && verified.text.contains("leads to a record that was invalidated"), "\(verified.text)")
    // Who reads the log goes by that.
    #expect(try Tool.run("list", whole).text.split(separator: "\n").count == 8)
  }

  /// What a segment that is damaged has invalidated stays so when the rest is saved.
  @Test func salvage() throws {
    let files = try #require(try FormatCase.all.first { $0.name == "barriers" }?.make())
    let path = try write(files)
    let target = path + "-saved"
    let repaired = try Tool.run("repair", path, "--output", target)
    #expect(repaired.code == 0, "\(repaired.text)")
    #expect(try Tool.run("list", target).text == "ab\tfour\nc\tnine\n")
  }

  /// F1-CHK-006. Method: the engine counts, and writes a checkpoint once more, with and without the one that is there.
  @Test func countsOfTheEngine() throws {
    for name in ["after-compaction-with-checkpoint", "compaction-after-checkpoint"] {
      let files = try #require(try FormatCase.all.first { $0.name == name }?.make())
      var counts: [[Int]] = []
      for isThere in [true, false] {
        let path = try write(isThere ? files : files.filter { $0.key != "index.checkpoint" }, "\(name)-\(isThere)")
        var options = Store.Options(.mustExist)
        options.checkpointInterval = 1
        let store = try Store.open(at: path, options: options)
        try store.put("new", for: "new")
        counts.append([store.statistics.liveEntries, store.statistics.liveBytes, store.statistics.deadBytes])
        try store.close()
        let verified = try Tool.run("verify", "--deep", path)
        #expect(verified.code == 0 && verified.text.contains("a checkpoint of"), "\(name): \(verified.text)")
        #expect(try Tool.run("dump", path).text.split(separator: "\n").count == counts[0][0], "\(name)")
      }
      #expect(counts[0] == counts[1], "\(name)")
    }
  }

  /// F1-CHK-001: one that may have entries whose removes are gone.
  @Test func checkpointOfWhatIsGone() throws {
    var files = try FormatCase.compactAfterCheckpoint(FormatCase.moved(from: 15))
    var store = FormatCase.uncompactedStore
    store.segments = [3, 5, 6, 7].compactMap { files[ForgedStore.segmentName($0)].map { ForgedSegment(whole: $0) } }
    let gone = try #require(store.gone ?? FormatCase.compactedStore.gone)
    store.takeAway([6])
    let ranges = gone.ranges + (store.gone?.ranges ?? [])
    files[ForgedStore.segmentName(6)] = nil
    var list = ForgedGone(ranges: ranges)
    list.history = 1 << 40
    files["segments.gone"] = list.bytes
    let path = try write(files)
    let verified = try Tool.run("verify", "--deep", path)
    #expect(
      verified.code == 0 && verified.text.contains("older than removes that are gone, and is not used"),
      "\(verified.text)")
    let opened = try Store.open(at: path, options: Store.Options(.readOnly))
    #expect(try opened.damage == nil && opened.value(for: "a") == Array("again".utf8))
    // It stood in the segment that has been taken away here without being written once more.
    #expect(try opened.value(for: "j") == nil)
    try opened.close()
  }

  // MARK: While segments go

  @Test func theTailOfALog() throws {
    let path = try write(FormatCase.uncompactedStore.files)
    let lines = Lines()
    var listing = try LogListing(StoreDirectory(opening: path), to: lines)
    let before = lines.bytes.count
    try Self.compact(path, to: FormatCase.compactedStore)
    try listing.listMore()
    let added = String(decoding: lines.bytes[before...], as: UTF8.self)
    #expect(added.split(separator: "\n").count == 7 && added.contains("(moved, version 11)"), "\(added)")
    // All that was listed goes, the segment at hand too.
    var next = FormatCase.compactedStore
    next.addSegment(at: 18, [ForgedSegment.put(19, "z", "last")])
    var gone = next
    gone.takeAway([3, 5, 6])
    gone.gone = ForgedGone(ranges: [[1, 6, 0, 0]])
    try Self.compact(path, to: gone)
    try listing.listMore()
    #expect(lines.text.hasSuffix("  z\n"), "\(lines.text)")
    // And something that was not listed yet.
    next.segments[3].add(ForgedSegment.put(20, "y", "unread"))
    next.addSegment(at: 20, [ForgedSegment.put(21, "x", "later")])
    next.takeAway([3, 5, 6, 7])
    next.gone = ForgedGone(ranges: [[1, 7, 0, 0]])
    try Self.compact(path, to: next)
    let error = #expect(throws: StoreError.self) { try listing.listMore() }
    #expect(
      error?.code == .historyGone && error?.message.contains("from 20 to 20") == true, "\(String(describing: error))")
  }

  /// Method: the first segment has been read in part when it and the second one go, with a put and the remove of it.
  @Test func goneWhileTheLogIsRead() throws {
    var store = ForgedStore([ForgedSegment.put(1, "ghost", "of the past")])
    for number in 2...5000 as ClosedRange<UInt64> { store.segments[0].add(ForgedSegment.put(number, "k", "\(number)")) }
    store.addSegment(at: 5000, [ForgedSegment.remove(5001, "ghost")])
    store.addSegment(at: 5001, [ForgedSegment.put(5002, "other", "value")])
    let path = try write(store.files)
    let last = ForgedSegment.moved(ForgedSegment.put(5000, "k", "5000"), to: 5003)
    var compacted = store
    compacted.addSegment(at: 5002, [last, ForgedSegment.put(5004, "new", "value")])
    compacted.takeAway([1, 2], history: 5001)
    let once = Once {}
    var calls = 0
    once.body = {
      calls += 1
      try Self.compact(path, to: compacted)
    }
    var reader = try EntryReader(StoreDirectory(opening: path), filter: .all, progress: once)
    #expect(calls == 1 && reader.damage == nil && reader.lastSequence == 5004)
    var keys: [String: UInt64] = [:]
    try reader.forEach { (entry) throws(StoreError) in
      keys[String(decoding: entry.key, as: UTF8.self)] = entry.version
      return true
    }
    #expect(keys == ["k": 5000, "other": 5002, "new": 5004])
  }

  /// What has been listed stays readable.
  @Test func goneBeforeValuesAreRead() throws {
    let path = try write(FormatCase.uncompactedStore.files)
    var reader = try EntryReader(StoreDirectory(opening: path), filter: .all)
    var entries: [(key: [UInt8], value: [UInt8])] = []
    try reader.forEach { (entry) throws(StoreError) in
      entries.append((entry.key, entry.value))
      return true
    }
    try Self.compact(path, to: FormatCase.compactedStore)
    var read = 0
    try reader.forEach { (entry) throws(StoreError) in
      #expect(entry.key == entries[read].key && entry.value == entries[read].value)
      read += 1
      return true
    }
    #expect(read == entries.count && read > 3)
  }

  // MARK: By chance

  /// Method: stores that a writer in another language has written and compacted at random.
  @Test(.enabled(if: Reader.isThere, "python3 and libxxhash are needed")) func random() throws {
    for seed in SeededRandom.seeds(25) {
      var random = SeededRandom(seed: seed)
      let path = directory.path("store-\(seed)")
      let content = try Writer.makeCompacted(path, &random)
      let verified = try Tool.run("verify", "--deep", path)
      #expect(verified.code == 0, "seed \(seed): \(verified.text)")
      let dump = try Tool.run("dump", path)
      #expect(try dump.output == Reader.run("dump", path).output, "seed \(seed)")
      var options = Store.Options(.mustExist)
      options.checkpointInterval = [nil, 0][random.below(2)]
      let store = try Store.open(at: path, options: options)
      for (key, value) in content { #expect(try store.value(for: key) == value, "seed \(seed)") }
      #expect(store.statistics.liveEntries == content.count, "seed \(seed)")
      try store.put("a", for: "new key")
      try store.close()
      let after = try Tool.run("dump", path)
      #expect(after.text.hasPrefix(dump.text) && after.text.contains("new key"), "seed \(seed)")
      let again = try Tool.run("verify", "--deep", path)
      #expect(again.code == 0 && !again.text.contains("left over"), "seed \(seed): \(again.text)")
      let repaired = try Tool.run("repair", path, "--output", path + "-saved")
      #expect(repaired.code == 0, "seed \(seed): \(repaired)")
      #expect(try Tool.run("diff", path, path + "-saved").code == 0, "seed \(seed)")
      for name in [path, path + "-saved"] { Files.remove(name) }
    }
  }
}
