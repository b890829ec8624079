import Cairn
import CairnIndex
import CairnInspect
import CairnTestSupport
import Foundation
import Testing

/// Goal: what `stat`, `hexdump` and `recompress` say is so.
@Suite struct LookTests {
  @Test func statistics() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    var options = Store.Options()
    options.checkpointInterval = 1000
    let store = try Store.open(at: path, options: options)
    for number in 0..<100 {
      try store.put([UInt8](repeating: 1, count: number), for: "user:\(number)")
      try store.put("", for: "plain\(number)")
    }
    for number in 0..<10 { try store.put("x", for: "session:\(number)", expires: .after(.seconds(30))) }
    try store.put("x", for: "session:over", expires: .at(milliseconds: 1))
    for number in 0..<50 { try store.remove("plain\(number)") }
    let live = store.statistics.liveBytes
    try store.close()
    let result = try Tool.run("stat", path, "--json")
    let object = try Tool.json(result)
    #expect(object["entries"] as? Int == 160 && object["expiredEntries"] as? Int == 1)
    #expect(
      (object["liveBytes"] as? Int ?? 0) + (object["expiredBytes"] as? Int ?? 0) == live, "\(result.text)")
    func rows(_ name: String) throws -> [[String: Any]] { try #require(object[name] as? [[String: Any]]) }
    #expect(try rows("valueBytes").map { $0["count"] as? Int } == [51, 11, 2, 4, 8, 16, 32, 36])
    #expect(try rows("valueBytes").map { $0["bytes"] as? Int }.compactMap { $0 }.reduce(0, +) == 4950 + 10)
    #expect(try rows("prefixes").map { $0["prefix"] as? String } == ["user:", "", "session:"])
    #expect(try rows("prefixes").map { $0["entries"] as? Int } == [100, 50, 10])
    #expect(try rows("deadlines").map { $0["entries"] as? Int } == [10, 0, 0, 0, 0, 0, 150])
    #expect(try rows("ages").map { $0["entries"] as? Int } == [160, 0, 0, 0, 0, 0])
    let probes = try #require(object["probeLengths"] as? [Int])
    #expect(probes.reduce(0, +) >= 160)
    let text = try Tool.run("stat", path, "--separator", "1").text
    #expect(text.contains("user:1 ") && text.contains(" more\n"))
  }

  /// Method: every byte of every file of a store is asked for; what is shown there is intact, and has that byte.
  @Test func everyByteOfAStore() throws {
    let fixture = try Fixture(seed: 1, commits: 60, ending: .closed, checkpointInterval: 500)
    for name in try Files.names(fixture.path) where name != "LOCK" && name != "news" {
      let path = fixture.path + "/" + name
      let bytes = try Files.read(path)
      var offsets = Array(stride(from: 0, to: bytes.count, by: name == "index.checkpoint" ? 509 : 37))
      offsets.append(bytes.count - 1)
      for offset in offsets {
        let dump = try HexDump(of: path, at: offset)
        #expect(dump.isIntact, "\(name) at \(offset): \(dump.title)")
        #expect(dump.ranges.contains { $0.contains(offset) } || dump.title.contains("header"), "\(name) at \(offset)")
      }
    }
  }

  @Test func aRecordByItsBytes() throws {
    let golden = URL(fileURLWithPath: Reader.folder + "/golden/one-key/store/segment-00000001.log").path
    let dump = try Tool.run("hexdump", golden, "330")
    #expect(dump.code == 0 && dump.text.contains("record of 40 bytes at byte 328"))
    #expect(dump.text.contains("       360  6b 65 79                 key"), "\(dump.text)")
    #expect(dump.text.contains("       363  76 61 6c 75 65           value"), "\(dump.text)")
    let hostile = Reader.folder + "/hostile/record-value-bit/store/segment-00000001.log"
    let damaged = try Tool.run("hexdump", hostile, "370")
    let words = "no valid record (the last one from the beginning on ends at byte 368)"
    #expect(damaged.code == 3 && damaged.text.contains(words))
    // Behind the damage.
    #expect(try Tool.run("hexdump", hostile, "408").code == 0)
    #expect(try Tool.run("hexdump", golden, "100000").code == 1)
    #expect(try Tool.run("hexdump", golden + "no").code == 1)
    #expect(try Tool.run("hexdump", golden, "0x14a").output == dump.output)
    #expect(try Tool.run("hexdump", golden, "0x").code == 64)
  }

  /// What is no file of a store is not damaged.
  @Test func bytesOfSomethingElse() throws {
    let fixture = try Fixture(seed: 1, commits: 5)
    let folder = try Tool.run("hexdump", fixture.path)
    #expect(folder.code == 64 && folder.errors.contains("is a directory: name one of the files in it"), "\(folder)")
    let fifo = fixture.directory.path("fifo")
    let made = unsafe mkfifo(fifo, 0o600)
    try #require(made == 0)
    let pipe = try Tool.run("hexdump", fifo)
    #expect(pipe.code == 64 && pipe.errors.contains("is no regular file"), "\(pipe)")
    let note = fixture.directory.path("note")
    try Files.write(Array("Nothing of a store.".utf8), to: note)
    for path in [note, fixture.path + "/LOCK"] {
      let other = try Tool.run("hexdump", path)
      #expect(other.code == 4 && other.text.contains("no file of a store"), "\(other)")
    }
    // What should be one is damaged.
    for name in ["STORE", "segment-00000001.log"] {
      let damaged = fixture.directory.path(name)
      try Files.write(Array("Nothing of a store.".utf8), to: damaged)
      #expect(try Tool.run("hexdump", damaged).code == 3, "\(name)")
    }
  }

  @Test func whatCompressionWouldSave() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let store = try Store.open(at: path)
    var random = SeededRandom(seed: 1)
    for number in 0..<4000 {
      var value = "{\"id\": \(number), \"name\": \"user \(random.below(1000))\", \"city\": \"Springfield\", "
      value += "\"age\": \(random.below(90))}"
      try store.put(value, for: "user:\(number)")
    }
    try store.close()
    let object = try Tool.json(try Tool.run("recompress", path, "--json"))
    let trials = try #require(object["trials"] as? [[String: Any]])
    let bytes = try #require(object["bytes"] as? Int)
    #expect(trials.count >= 16 && object["values"] as? Int == 2000)
    let best = try #require(object["choice"] as? [String: Any])
    #expect((best["dictionaryBytes"] as? Int ?? 0) > 0, "small values that are alike need a dictionary")
    #expect((best["storedBytes"] as? Int ?? bytes) < bytes / 2)
    let noise = directory.path("noise")
    let other = try Store.open(at: noise)
    for number in 0..<500 { try other.put(random.bytes(200), for: "\(number)") }
    try other.close()
    #expect(try Tool.run("recompress", noise).text.contains("choice: none"))
    let empty = directory.path("empty")
    try Store.open(at: empty).close()
    #expect(try Tool.run("recompress", empty).code == 0)
  }

  @Test func patterns() throws {
    let cases: [(String, [String], [String])] = [
      ("*", ["", "a", "/x"], []), ("a*", ["a", "ab"], ["", "ba"]), ("*b*d", ["bd", "abcd", "bbd"], ["abc", "db"]),
      ("?", ["a", "é", "\u{1F40E}"], ["", "ab"]), ("[a-c]x", ["ax", "cx"], ["dx", "x"]), ("[!a-c]", ["d", "é"], ["a"]),
      ("[]]", ["]"], ["["]), ("[{]", ["{"], ["}"]), ("{[,}],a}", [",", "}", "a"], ["["]),
      ("{a,b{c,d}}e", ["ae", "bce", "bde"], ["be", "ce"]), ("\\*", ["*"], ["a"]),
      ("\\{a,b\\}", ["{a,b}"], ["a"]), ("", [""], ["a"]), ("**", ["", "x"], []), ("{,a}", ["", "a"], ["b"]),
    ]
    for (pattern, matching, others) in cases {
      let glob = try Glob(pattern)
      for key in matching { #expect(glob.matches(key), "\(pattern) should match \(key)") }
      for key in others { #expect(!glob.matches(key), "\(pattern) should not match \(key)") }
    }
    for pattern in ["[a", "{a", "{a,{b}", "{0,1}{0,1}{0,1}{0,1}{0,1}{0,1}{0,1}{0,1}{0,1}{0,1}"] {
      let error = #expect(throws: StoreError.self) { try Glob(pattern) }
      #expect(error?.code == .invalidPattern, "\(pattern)")
    }
    // A pattern that makes backtracking matchers take for ever.
    let long = try Glob(String(repeating: "a*", count: 60) + "b")
    #expect(!long.matches([UInt8](repeating: UInt8(ascii: "a"), count: 20_000)))
  }
}
