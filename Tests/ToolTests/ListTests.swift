import Cairn
import CairnInspect
import CairnTestSupport
import Foundation
import Testing

/// Goal: `list` and `get` tell what the store holds, by reading the log without the store's index.
@Suite struct ListTests {
  @Test(arguments: SeededRandom.seeds(3)) func listsWhatTheStoreHolds(seed: UInt64) throws {
    for interval in [nil, 4096] {
      let fixture = try Fixture(seed: seed, commits: 2000, checkpointInterval: interval)
      let result = try Tool.run("list", fixture.path, "--format", "hex")
      #expect(result.code == 0, "seed \(seed): \(result.errors)")
      #expect(Tool.listing(result) == fixture.content, "seed \(seed)")
      let keys = try Tool.run("list", fixture.path, "--format", "hex", "--keys-only")
      let sorted = fixture.content.keys.sorted { $0.isBefore($1) }
      #expect(keys.text.split(separator: "\n").map(String.init) == sorted.map(Escaping.hex), "seed \(seed)")
    }
  }

  @Test func empty() throws {
    let fixture = try Fixture(seed: 1, commits: 0)
    let list = try Tool.run("list", fixture.path)
    #expect(list.code == 0 && list.output.isEmpty && list.errors.isEmpty)
    #expect(try Tool.run("get", fixture.path, "key").code == 2)
  }

  @Test func limitAndPrefix() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"))
    for key in ["b1", "a2", "a10", "a1", "c"] { try store.put("v-" + key, for: key) }
    try store.close()
    func list(_ options: String...) throws -> String {
      // Options may stand before and after the path.
      let process = try Tool.run("list", options[0], options[1], directory.path("store"), options[2])
      #expect(process.code == 0)
      return process.text
    }
    #expect(try list("--prefix", "a", "--format=text") == "a1\tv-a1\na10\tv-a10\na2\tv-a2\n")
    #expect(try list("--prefix", "a", "--limit=2") == "a1\tv-a1\na10\tv-a10\n")
    #expect(try list("--limit", "0", "--format=text") == "")
    #expect(try list("--prefix", "d", "--keys-only") == "")
    #expect(try list("--limit", "1", "--format=json") == #"{"key": "a1", "value": "v-a1", "version": 4}"# + "\n")
  }

  @Test func getWritesExactlyTheValue() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"))
    let binary = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try store.put(binary, for: "binary")
    try store.put("", for: "nothing")
    try store.put("dashed", for: "--dash")
    let large = [UInt8](repeating: 7, count: 9 << 20)
    try store.put(large, for: "large")
    try store.close()
    func get(_ words: String...) throws -> Tool.Result {
      words.count == 1
        ? try Tool.run("get", directory.path("store"), words[0])
        : try Tool.run("get", directory.path("store"), words[0], words[1])
    }
    #expect(try get("binary").output == binary)
    #expect(try get("large").output == large)
    let nothing = try get("nothing")
    #expect(nothing.code == 0 && nothing.output.isEmpty)
    #expect(try get("--", "--dash").text == "dashed")
    let absent = try get("binar")
    #expect(absent.code == 2 && absent.output.isEmpty && absent.errors.isEmpty)
  }

  @Test func expiredEntriesAreNotShown() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"))
    try store.put("1", for: "gone", expires: .at(milliseconds: 1000))
    try store.put("2", for: "stays", expires: .at(milliseconds: 4_000_000_000_000))
    try store.put("3", for: "plain")
    // A put that has expired hides the one before it, too.
    try store.put("old", for: "hidden")
    try store.put("new", for: "hidden", expires: .at(milliseconds: 1000))
    try store.close()
    #expect(try Tool.run("list", directory.path("store")).text == "plain\t3\nstays\t2\n")
    #expect(try Tool.run("get", directory.path("store"), "gone").code == 2)
    #expect(try Tool.run("get", directory.path("store"), "hidden").code == 2)
    #expect(try Tool.run("get", directory.path("store"), "stays").text == "2")
    let json = try Tool.run("list", directory.path("store"), "--format", "json", "--prefix", "stays")
    #expect(json.text == #"{"key": "stays", "value": "2", "version": 2, "deadline": 4000000000000}"# + "\n")
  }

  @Test func controlCharactersDoNotReachTheTerminal() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"))
    let key: [UInt8] = Array("a\u{1B}[31m\n\\".utf8) + [0, 0xFF, 0xC3]
    // A change of direction, and a letter that is shown.
    try store.put("\u{202E}é\t\u{7F}", for: key)
    try store.close()
    let path = directory.path("store")
    let text = try Tool.run("list", path)
    #expect(text.text == #"a\x1b[31m\n\\\x00\xff\xc3"# + "\t" + #"\xe2\x80\xaeé\t\x7f"# + "\n")
    let json = try Tool.run("list", path, "--format", "json")
    let object = try Tool.json(json)
    #expect(object["keyBase64"] as? String == Data(key).base64EncodedString())
    #expect(object["value"] as? String == "\u{202E}é\t\u{7F}")
    #expect(json.output.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x0A } && !json.text.contains("\u{202E}"))
  }

  /// Method: whatever the length at which a write was cut off, the list is the state after some commit, and it never
  /// has less than a shorter file has. The same states are what the engine itself finds.
  @Test(arguments: SeededRandom.seeds(2)) func everyLengthOfATornLog(seed: UInt64) throws {
    let fixture = try Fixture(seed: seed, commits: 60, ending: .killed)
    let copy = try fixture.copy()
    // Behind it may be one that is there for later, with nothing in it.
    let name = try #require(try Files.segments(copy).first)
    let bytes = try Files.read(copy + "/" + name)
    let end = try #require(bytes.lastIndex { $0 != 0 }) + 1
    try #require(end > 256)
    var sequence: UInt64 = 0
    for length in 256...end {
      try Files.write(Array(bytes[..<length]), to: copy + "/" + name)
      var reader = try EntryReader(StoreDirectory(opening: copy), filter: .all)
      var found: [[UInt8]: [UInt8]] = [:]
      try reader.forEach { (entry) throws(StoreError) in
        found[entry.key] = entry.value
        return true
      }
      #expect(reader.damage == nil, "seed \(seed), length \(length)")
      #expect(reader.lastSequence >= sequence, "seed \(seed), length \(length)")
      sequence = reader.lastSequence
      #expect(fixture.states[sequence] == found, "seed \(seed), length \(length), sequence \(sequence)")
      if length % 97 == 0 { try compare(copy, found, "seed \(seed), length \(length)") }
    }
    // The last byte of the last record may be padding.
    try Files.write(bytes, to: copy + "/" + name)
    try compare(copy, fixture.content, "seed \(seed), whole")
  }

  /// The program, and the engine.
  private func compare(_ path: String, _ expected: [[UInt8]: [UInt8]], _ comment: Comment) throws {
    let list = try Tool.run("list", path, "--format", "hex")
    #expect(list.code == 0 && list.errors.isEmpty && Tool.listing(list) == expected, comment)
    #expect(try Tool.run("verify", path).code == 0, comment)
    let store = try Store.open(at: path, options: Store.Options(.readOnly))
    #expect(try store.contents().mapValues(\.value) == expected, comment)
  }

  @Test func lostCheckpointChangesNothing() throws {
    let fixture = try Fixture(seed: 5, commits: 3000, checkpointInterval: 8192)
    let copy = try fixture.copy()
    try #require(Files.exists(copy + "/index.checkpoint"))
    Files.remove(copy + "/index.checkpoint")
    #expect(Tool.listing(try Tool.run("list", copy, "--format", "hex")) == fixture.content)
    #expect(try Tool.run("verify", copy).code == 0)
  }

  @Test func readerThatGoesAwayEndsItQuietly() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"))
    for number in 0..<2000 { try store.put([UInt8](repeating: 65, count: 1000), for: "key-\(number)") }
    try store.close()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    let tool = Tool.executable("kvdump").path
    process.arguments = ["-c", "'\(tool)' list '\(directory.path("store"))' | head -c 10 >/dev/null"]
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let sentence = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(sentence.isEmpty && process.terminationStatus == 0)
  }

  @Test func fullOutputIsAnError() throws {
    let fixture = try Fixture(seed: 5, commits: 30)
    let process = Process()
    process.executableURL = Tool.executable("kvdump")
    process.arguments = ["list", fixture.path]
    process.standardOutput = FileHandle(forWritingAtPath: "/dev/full")
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let sentence = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 1 && sentence.contains("No space left"))
  }
}
