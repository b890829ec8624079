import Cairn
import CairnInspect
import CairnTestSupport
import Foundation
import Testing

/// Goal: every key can be asked for as it is listed.
@Suite struct EscapedTests {
  @Test func keysAsTheyAreListed() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let store = try Store.open(at: path)
    let keys: [[UInt8]] = [[0, 1], [0, 2], [0xFF, 0xFE], Array("a\\b\n".utf8), Array("é\u{202E}".utf8), [0x2A]]
    for key in keys { try store.put(key + [7], for: key) }
    try store.close()
    let listed = try Tool.run("list", path, "--keys-only").text.split(separator: "\n").map(String.init)
    #expect(listed.count == keys.count)
    for key in keys {
      let text = Escaping.text(key)
      #expect(listed.contains(text))
      #expect(try Tool.run("get", "--escaped", path, text).output == key + [7], "\(text)")
      #expect(try Tool.run("history", path, text, "--escaped").code == 0, "\(text)")
    }
    #expect(try Tool.run("get", path, #"\xff\xfe"#).code == 2)
    let some = try Tool.run("list", path, "--keys-only", "--escaped", "--prefix", #"\x00"#)
    #expect(some.text == "\\x00\\x01\n\\x00\\x02\n")
    #expect(try Tool.run("dump", path, "--escaped", "--glob", #"\x00*"#).text.split(separator: "\n").count == 2)
    #expect(try Tool.run("list", path, "--keys-only", "--escaped", "--glob", #"\\*"#).text == "*\n")
    for wrong in [#"\"#, #"\x0"#, #"\y"#, #"a\xg0"#, ""] {
      #expect(try Tool.run("get", path, wrong, "--escaped").code == 64, "\(wrong)")
    }
    #expect(try Tool.run("log", path, "--escaped", "--prefix", #"\z"#).code == 64)
  }

  @Test(arguments: SeededRandom.seeds(4)) func theInverse(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let parts: [[UInt8]] = ["\\", "\\x", "n", "0f", "é", "\u{202E}", "\t", "plain text", "\u{1F40E}"].map {
      Array($0.utf8)
    }
    for _ in 0..<5000 {
      var bytes: [UInt8] = []
      for _ in 0..<random.below(8) {
        bytes += random.percent(40) ? random.bytes(random.below(20)) : parts[random.below(parts.count)]
      }
      let text = Escaping.text(bytes)
      #expect(Escaping.bytes(Array(text.utf8)) == bytes, "seed \(seed): \(text)")
      // Whatever is read back says how it would be written, or is refused.
      if let others = Escaping.bytes(bytes) {
        #expect(Escaping.bytes(Array(Escaping.text(others).utf8)) == others, "seed \(seed)")
      }
    }
  }
}
