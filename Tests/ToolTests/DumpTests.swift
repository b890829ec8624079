import Cairn
import CairnInspect
import CairnTestSupport
import Foundation
import Testing

/// Goal: a dump has everything that a store holds, and a load brings it all back.
@Suite struct DumpTests {
  private func makeStore(_ path: String, seed: UInt64, entries: Int = 300) throws -> [[UInt8]: Store.Entry] {
    var random = SeededRandom(seed: seed)
    let store = try Store.open(at: path)
    for _ in 0..<entries {
      // Text, text with everything that must be escaped, and bytes that are no text.
      let text = ["plain", "\"quoted\" \\ \n\t\r\u{8}\u{C}\u{0}\u{7F}", "žluťoučký \u{1F40E}\u{202E}", ""]
      let value = random.percent(30) ? random.bytes(random.below(200)) : Array(text[random.below(4)].utf8)
      let key = random.percent(30) ? random.bytes(1 + random.below(5)) : Array("key \(random.below(100)) é".utf8)
      let deadline = 4_000_000_000_000 + Int64(random.below(1000))
      try store.put(
        value, for: key, attributes: random.percent(50) ? random.attributes() : [:],
        expires: random.percent(20) ? .at(milliseconds: deadline) : .never)
    }
    try store.put("over", for: "expired", expires: .at(milliseconds: 1))
    defer { try? store.close() }
    return try content(store)
  }

  private func content(_ store: Store) throws -> [[UInt8]: Store.Entry] {
    var content: [[UInt8]: Store.Entry] = [:]
    try store.forEach { entry in
      let key = unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }
      content[key] = try store.entry(for: key)
      return true
    }
    return content
  }

  private func content(_ path: String) throws -> [[UInt8]: Store.Entry] {
    let store = try Store.open(at: path, options: Store.Options(.readOnly))
    defer { try? store.close() }
    return try content(store)
  }

  /// F1-DMP-001 to F1-DMP-003. Versions are new, in the same order.
  @Test(arguments: SeededRandom.seeds(4)) func thereAndBack(seed: UInt64) throws {
    let directory = TemporaryDirectory()
    let original = try makeStore(directory.path("one"), seed: seed)
    let dump = try Tool.run("dump", directory.path("one"))
    #expect(dump.code == 0 && dump.output.allSatisfy { (0x20..<0x7F).contains($0) || $0 == 0x0A })
    for line in dump.text.split(separator: "\n") {
      #expect(try JSONSerialization.jsonObject(with: Data(line.utf8)) is [String: Any])
    }
    try Files.write(dump.output, to: directory.path("dump"))
    let load = try Tool.run("load", directory.path("two"), directory.path("dump"))
    #expect(load.code == 0, "\(load.errors)")
    #expect(load.text == "\(original.count) entries written, 0 were there already\n")
    let loaded = try content(directory.path("two"))
    #expect(loaded.mapValues(\.value) == original.mapValues(\.value), "seed \(seed)")
    #expect(loaded.mapValues(\.deadline) == original.mapValues(\.deadline), "seed \(seed)")
    #expect(loaded.mapValues(\.attributes) == original.mapValues(\.attributes), "seed \(seed)")
    func order(_ content: [[UInt8]: Store.Entry]) -> [[UInt8]] {
      content.sorted { $0.value.version < $1.value.version }.map(\.key)
    }
    #expect(order(loaded) == order(original))
    #expect(try Tool.run("diff", directory.path("one"), directory.path("two")).code == 0)
  }

  /// Goal: attributes that are none are refused with their line, and what stands before it is loaded.
  @Test func attributesThatAreNone() throws {
    let directory = TemporaryDirectory()
    let long = String(repeating: "n", count: 65)
    let refused = [
      "{\"a\": 1, \"a\": 2}", "{\"a\": [\"x\", \"x\"]}", "{\"a\": [\"\"]}", "{\"\": 1}", "{\"\(long)\": 1}",
      "{\"a\": NaN}",
      "{\"a\": 1e999}", "{\"a\": .5}", "{\"a\": 1.}", "{\"a\": +1.5}", "{\"a\": 01.5}", "{\"a\": 01}",
      "{\"a\": {\"real\": \"nan\"}}",
      "{\"a\": {\"date\": 1.5}}", "{\"a\": {\"day\": 1}}", "{\"a\": {}}", "{\"a\": 1,}", "{\"a\": true}",
      "{\"a\": [1]}", "[]", "{\"a\"}",
      "{\"a\": \"\(String(repeating: "x", count: 2000))\"}", "{\"a\": 9223372036854775808}", "{\"a\": 1} ,",
      "{\"a\": 1e5.5}",
    ]
    for (number, text) in refused.enumerated() {
      let good = "{\"key\": \"good\", \"value\": \"\", \"attributes\": {\"a\": -1.5e-3, \"b\": []}}\n"
      let path = directory.path("store-\(number)")
      try Files.write(
        Array((good + "{\"key\": \"k\", \"value\": \"\", \"attributes\": \(text)}\n").utf8), to: directory.path("dump"))
      let load = try Tool.run("load", path, directory.path("dump"))
      #expect(load.code == 65 && load.errors.contains("line 2 of"), "\(text): \(load.errors)")
      let loaded = try content(path)
      #expect(loaded.count == 1 && loaded.values.first?.attributes == ["a": -0.0015, "b": []], "\(text)")
    }
  }

  /// Goal: a load that was interrupted goes on, and writes nothing twice.
  @Test func goesOn() throws {
    let directory = TemporaryDirectory()
    let original = try makeStore(directory.path("one"), seed: 7)
    let dump = try Tool.run("dump", directory.path("one")).output
    try Files.write(dump, to: directory.path("dump"))
    let half = dump.prefix(dump.count / 2).lastIndex(of: 0x0A)!
    try Files.write(Array(dump[...half]), to: directory.path("half"))
    _ = try Tool.run("load", directory.path("two"), directory.path("half"))
    let before = try content(directory.path("two"))
    let load = try Tool.run("load", directory.path("two"), directory.path("dump"))
    #expect(
      load.text == "\(original.count - before.count) entries written, \(before.count) were there already\n")
    let after = try content(directory.path("two"))
    for (key, entry) in before { #expect(after[key] == entry) }
    #expect(after.count == original.count)
  }

  /// A key that comes twice has what its last line says, also if the store already had what the last line says.
  @Test func theLastLineWins() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"))
    try store.put("2", for: "key")
    try store.close()
    let lines = "{\"key\": \"key\", \"value\": \"1\"}\n\n  {\"value\":\"2\",\"key\":\"key\"}"
    try Files.write(Array(lines.utf8), to: directory.path("dump"))
    #expect(try Tool.run("load", directory.path("store"), directory.path("dump")).code == 0)
    #expect(try Tool.run("get", directory.path("store"), "key").text == "2")
  }

  /// Method: lines with one fault each; the error tells the line, and what came before it is there.
  @Test func linesThatAreNone() throws {
    let lines = [
      "", "x", "[]", "{}", #"{"key": "a"}"#, #"{"value": "a"}"#, #"{"key": "", "value": ""}"#,
      #"{"key": "a", "value": "b""#, #"{"key": "a", "value": "b"} x"#, #"{"key": "a" "value": "b"}"#,
      #"{"key": "a", "value": "b", "key": "c"}"#, #"{"key": "a", "keyBase64": "YQ==", "value": "b"}"#,
      #"{"key": "a", "value": "b", "tags": "c"}"#, #"{"key": "a", "value": 1}"#, #"{"key": "\ud800", "value": "b"}"#,
      #"{"key": "\ud800\u0041", "value": "b"}"#, #"{"key": "\x", "value": "b"}"#, #"{"key": "\u12", "value": "b"}"#,
      #"{"keyBase64": "YQ=", "value": "b"}"#, #"{"keyBase64": "YR==", "value": "b"}"#,
      #"{"keyBase64": "Y Q=", "value": "b"}"#, #"{"key": "a", "value": "b", "deadline": 1.5}"#,
      #"{"key": "a", "value": "b", "deadline": 99999999999999999999}"#,
      #"{"key": "a", "value": "b", "version": -1}"#, "{\"key\": \"a\", \"value\": \"\u{1}\"}",
      #"{"key": "\#(String(repeating: "k", count: 65_536))", "value": ""}"#,
    ]
    let directory = TemporaryDirectory()
    for (number, line) in lines.enumerated() where !line.isEmpty {
      let path = directory.path("store \(number)")
      let lines = "{\"key\": \"before\", \"value\": \"\"}\n" + line + "\n"
      try Files.write(Array(lines.utf8), to: directory.path("dump"))
      let load = try Tool.run("load", path, directory.path("dump"))
      #expect(load.code == 65 && load.errors.contains("line 2 of "), "\(line): \(load)")
      #expect(try content(path).count == 1, "what came before is there")
    }
    var bytes = Array(#"{"key": "a", "value": "?"}"#.utf8)
    bytes[bytes.firstIndex(of: UInt8(ascii: "?"))!] = 0xFF
    try Files.write(bytes, to: directory.path("dump"))
    #expect(try Tool.run("load", directory.path("last"), directory.path("dump")).code == 65)
  }

  /// Each makes two stores.
  #if DEBUG
    private static let written = 5
  #else
    private static let written = 100
  #endif

  /// Goal: what the writer in Python makes of the dumps in Formats is what they say.
  @Test(.enabled(if: Reader.isThere, "python3 and libxxhash are needed"), arguments: FormatCaseTests.stored)
  func pythonWritesDumps(_ stored: FormatCaseTests.Stored) throws {
    if stored.folder != "golden" { return }
    let directory = TemporaryDirectory()
    let made = try Tool.run(
      URL(fileURLWithPath: "/bin/sh"),
      [
        "-c", "python3 \"$0\" \"$1\" < \"$2\"", Reader.folder + "/writer.py", directory.path("store"),
        stored.path + "/dump.jsonl",
      ])
    #expect(made.code == 0, "\(made.errors)")
    let difference = try Tool.run("diff", stored.path + "/store", directory.path("store"))
    #expect(difference.code == 0, "\(difference.text)")
    let store = try Store.open(at: directory.path("store"), options: Store.Options(.mustExist))
    try store.put("more", for: "more")
    try store.close()
    #expect(try Tool.run("verify", "--deep", directory.path("store")).code == 0)
  }

  /// Goal: the writer in Python writes what the engine reads, and goes on with.
  @Test(.enabled(if: Reader.isThere, "python3 and libxxhash are needed"), arguments: SeededRandom.seeds(written))
  func whatPythonWrites(seed: UInt64) throws {
    let directory = TemporaryDirectory()
    let original = try makeStore(directory.path("one"), seed: seed)
    let dump = try Tool.run("dump", directory.path("one"))
    for ending in [[], ["--open"]] {
      let path = directory.path("two\(ending.count)")
      let input = directory.path("dump")
      let gone = "{\"key\": \"key 1\", \"value\": \"\"}\n{\"key\": \"key 1\"}\n"
      try Files.write(Array((gone + dump.text).utf8), to: input)
      let script = Reader.folder + "/writer.py"
      let made = try Tool.run(
        URL(fileURLWithPath: "/bin/sh"),
        ["-c", "python3 \"$0\" \"$1\" $3 < \"$2\"", script, path, input] + ending)
      #expect(made.code == 0, "\(made.errors)")
      #expect(try Tool.run("verify", "--deep", path).code == 0)
      #expect(try content(path).mapValues(\.value) == original.mapValues(\.value))
      #expect(try content(path).mapValues(\.attributes) == original.mapValues(\.attributes))
      let store = try Store.open(at: path, options: Store.Options(.mustExist))
      try store.put("more", for: "more")
      try store.close()
      let read = try Reader.run("dump", path)
      let own = try Tool.run("dump", path)
      #expect(read.code == 0 && read.output == own.output)
    }
  }
}
