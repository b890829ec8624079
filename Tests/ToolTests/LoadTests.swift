import Cairn
import CairnInspect
import CairnTestSupport
import Foundation
import Testing

/// Goal: `load` takes every line that is one, however it arrives, and nothing else.
@Suite struct LoadTests {
  /// Goal: the checks of UTF-8 are those of the standard library. Method: bytes at the borders of what is allowed.
  @Test(arguments: SeededRandom.seeds(4)) func textIsUTF8(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let bytes: [UInt8] = [
      0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0,
      0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
    ]
    var entry = try DumpParser.parse(Array(#"{"key": "", "value": ""}"#.utf8))
    var valid = 0
    for _ in 0..<4_000 {
      var value = Array(String(repeating: "x", count: random.below(9)).utf8)
      for _ in 0..<1 + random.below(5) { value.append(bytes[random.below(bytes.count)]) }
      value += Array(String(repeating: "y", count: random.below(9)).utf8)
      let line = Array(#"{"key": "k", "value": ""#.utf8) + value + Array(#""}"#.utf8)
      let isText = String(validating: value, as: UTF8.self) != nil
      #expect((try? DumpParser.parse(line))?.value == (isText ? value : nil), "\(value)")
      // It is written as text if it is one.
      (entry.key, entry.value) = (value, value)
      let text = String(decoding: entry.text, as: UTF8.self)
      #expect(text.contains("valueBase64") != isText && text.contains("keyBase64") != isText, "\(value)")
      #expect(try DumpParser.parse(Array(text.utf8)).value == value)
      valid += isText ? 1 : 0
    }
    #expect(valid > 50)
  }

  @Test func everyEscape() throws {
    for unit in UInt32(0)...0xFFFF {
      let digits = String(unit, radix: 16, uppercase: unit % 2 == 0)
      let escape = "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      let line = #"{"key": "k", "value": "<"# + escape + #">"}"#
      let expected = Unicode.Scalar(unit).map { Array("<\($0)>".utf8) }
      #expect((try? DumpParser.parse(Array(line.utf8)))?.value == expected, "\(line)")
    }
    #expect(
      try DumpParser.parse(Array(#"{"key": "k", "value": "\ud83d\uDC0E"}"#.utf8)).value == Array("\u{1F40E}".utf8))
    for half in [#"\udc0e\ud83d"#, #"\ud83d\ud83d"#, #"\ud83d"#, #"\ud83d\n"#, #"\ud83dx"#, #"\u 123"#, #"\u+123"#] {
      let line = Array((#"{"key": "k", "value": ""# + half + #""}"#).utf8)
      #expect(throws: DumpError.self, "\(half)") { try DumpParser.parse(line) }
    }
  }

  /// Goal: lines are the same in pieces of any size, blanks before them included.
  @Test func piecesOfAnySize() throws {
    let long = String(repeating: "long \\n", count: 1000)
    let lines =
      "\n \t{\"key\": \"a\", \"value\": \"1\"}\r\n\r\n  \n{\"key\": \"b\", \"value\": \"\(long)\"}\n"
      + " \n {\"key\": \"c\", \"value\": \"\"}"
    let directory = TemporaryDirectory()
    for size in [1, 2, 3, 7, 64, 1 << 20] {
      let path = directory.path("store \(size)")
      var loader = Loader(from: "test") { () throws(StoreError) in try Store.open(at: path) }
      let bytes = Array(lines.utf8)
      for start in stride(from: 0, to: bytes.count, by: size) {
        try loader.take(bytes[start..<min(start + size, bytes.count)])
      }
      try loader.finish()
      #expect(loader.written == 3 && loader.lines == 7 && loader.linesLoaded == 7)
      let store = try Store.open(at: path)
      #expect(try store.value(for: "b")?.count == 6000)
      try store.close()
    }
  }

  /// Goal: an error has the same place, however the line came.
  @Test func placesOfErrors() throws {
    let bytes = Array("{\"key\": \"a\", \"value\": \"1\"}\n   {\"key\": \"a\"; }\n".utf8)
    let directory = TemporaryDirectory()
    for size in [1, 5, 1000] {
      var loader = Loader(from: "test") { () throws(StoreError) in try Store.open(at: directory.path("store")) }
      let error = #expect(throws: InputError.self) {
        for start in stride(from: 0, to: bytes.count, by: size) {
          try loader.take(bytes[start..<min(start + size, bytes.count)])
        }
      }
      #expect(error?.message == "line 2 of test: , is expected here, at character 15")
      loader.stop()
      #expect(loader.linesLoaded == 1)
    }
  }

  /// Goal: input that is no dump is refused before anything is made, and before all of it has been read.
  @Test func nothingIsMadeOfWhatIsNoDump() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    try Files.write(Array("root:x:0:0\n".utf8), to: directory.path("other"))
    try Files.write(Array("\n{\"key\": \"\", \"value\": \"\"}\n".utf8), to: directory.path("noKey"))
    for (file, code) in [
      ("/dev/zero", 65), (directory.path("other"), 65), (directory.path("noKey"), 65), (directory.path(""), 1),
    ] {
      let load = try Tool.run("load", path, file)
      #expect(load.code == code && !load.errors.isEmpty, "\(file): \(load)")
      #expect(!FileManager.default.fileExists(atPath: path), "\(file)")
    }
    // A dump of a store without entries is one.
    try Files.write([], to: directory.path("empty"))
    #expect(try Tool.run("load", path, directory.path("empty")).text == "0 entries written, 0 were there already\n")
    #expect(try Tool.run("list", path).code == 0)
  }

  /// Goal: who has to run a load again knows that it goes on.
  @Test func saysHowFarItCame() throws {
    let directory = TemporaryDirectory()
    var lines = ""
    for number in 1...2500 { lines += "{\"key\": \"\(number)\", \"value\": \"\"}\n" }
    try Files.write(Array((lines + "{\n").utf8), to: directory.path("dump"))
    let load = try Tool.run("load", directory.path("store"), directory.path("dump"))
    #expect(load.code == 65 && load.errors.contains("loaded lines: 2500;"), "\(load.errors)")
    #expect(load.errors.contains("line 2501 of "))
    try Files.write(Array(lines.utf8), to: directory.path("dump"))
    let again = try Tool.run("load", directory.path("store"), directory.path("dump"))
    #expect(again.text == "0 entries written, 2500 were there already\n")
  }

  /// Goal: an entry whose time is up neither replaces nor removes what is there.
  @Test func whatIsOverChangesNothing() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"))
    try store.put("2", for: "a")
    try store.close()
    try Files.write(Array("{\"key\":\"a\",\"value\":\"old\",\"deadline\":5}".utf8), to: directory.path("dump"))
    let load = try Tool.run("load", directory.path("store"), directory.path("dump"))
    #expect(load.text.hasSuffix("1 left out as their time is up\n"))
    #expect(try Tool.run("get", directory.path("store"), "a").text == "2")
  }

  private final class Pieces: OutputSink {
    var bytes: [UInt8] = []
    var longest = 0

    func write(_ bytes: [UInt8]) {
      longest = max(longest, bytes.count)
      self.bytes += bytes
    }
  }

  /// Goal: a large value is written in pieces, and no border of a piece is seen.
  @Test func largeValues() throws {
    let directory = TemporaryDirectory()
    let store = try Store.open(at: directory.path("store"))
    var values: [[UInt8]] = [[UInt8](repeating: 0, count: 1 << 20), [UInt8](repeating: 0x80, count: 100_000)]
    // Characters of two to four bytes, so that borders fall everywhere in them.
    for shift in 0..<4 {
      for text in ["é", "€", "\u{1F40E}"] {
        let start = String(repeating: "a", count: shift)
        values.append(Array((start + String(repeating: text, count: 50_000)).utf8))
        values.append(values.last! + [0xFF])
      }
    }
    // The most that is gathered at once, at every place of where it is gathered.
    for shift in 0..<19 {
      let text = String(repeating: "a", count: shift) + String(repeating: "aaaaaaa\u{1F40E}", count: 100)
      values.append(Array(text.utf8))
    }
    for length in [24_575, 24_576, 24_577, 49_152] { values.append([UInt8](repeating: 0xFE, count: length)) }
    for (number, value) in values.enumerated() { try store.put(value, for: "key \(number)") }
    var entries: [(version: UInt64, line: String)] = []
    try store.forEach { entry in
      entries.append((entry.version, DumpText.line(entry)))
      return true
    }
    let expected = entries.sorted { $0.version < $1.version }.map(\.line).joined()
    try store.close()
    for format in ListFormat.allCases {
      let pieces = Pieces()
      var writer = EntryWriter(format, to: pieces)
      var reader = try EntryReader(StoreDirectory(opening: directory.path("store")), filter: .all)
      try reader.forEach(.version) { (entry) throws(StoreError) in
        try writer.write(entry)
        return true
      }
      #expect(pieces.longest <= 256 << 10)
      let text = String(decoding: pieces.bytes, as: UTF8.self)
      switch format {
      case .json: #expect(text == expected)
      case .text: #expect(text == lines(values, Escaping.text))
      case .hex: #expect(text == lines(values, Escaping.hex))
      }
    }
    try Files.write(Array(expected.utf8), to: directory.path("dump"))
    #expect(try Tool.run("dump", directory.path("store")).output == Array(expected.utf8))
    #expect(try Tool.run("load", directory.path("two"), directory.path("dump")).code == 0)
    #expect(try Tool.run("diff", directory.path("store"), directory.path("two")).code == 0)
  }

  private func lines(_ values: [[UInt8]], _ text: ([UInt8]) -> String) -> String {
    values.indices.map { text(Array("key \($0)".utf8)) + "\t" + text(values[$0]) + "\n" }.joined()
  }
}
