import Cairn
import CairnIndex
import CairnTestSupport
import Testing

/// Goal: patterns match what they say, and find in a store what a look at every key would.
@Suite struct PatternTests {
  private let directory = TemporaryDirectory()

  @Test func withASeparator() throws {
    let cases: [(String, [String], [String])] = [
      ("a/*", ["a/", "a/b"], ["a", "a/b/c", "b/a"]), ("a/**", ["a/", "a/b/c"], ["a", "b/a"]),
      ("*/*.txt", ["a/b.txt", "/.txt"], ["a.txt", "a/b/c.txt"]),
      ("**.txt", ["a.txt", "a/b.txt", "a/b/c.txt"], ["a.tx"]),
      ("a/**/c*", ["a/b/c", "a/b/x/cd", "a//c"], ["a/c", "a/b/c/d"]), ("a?b", ["axb"], ["a/b"]),
      ("a[!x]b", ["ayb"], ["axb", "a/b"]), ("a[/x]b", ["axb"], ["ayb", "a/b"]), ("***", ["", "a/b"], []),
      ("**/b/*", ["a/b/c", "a/b/b/c", "/b/"], ["b/c", "a/b/c/d"]), ("{a,b/*}", ["a", "b/c"], ["b/c/d"]),
      ("*[/a]*b", ["xab", "ab"], ["xa/b", "x/ab"]),
    ]
    for (pattern, matching, others) in cases {
      let glob = try Glob(pattern, separator: UInt8(ascii: "/"))
      for key in matching { #expect(glob.matches(key), "\(pattern) should match \(key)") }
      for key in others { #expect(!glob.matches(key), "\(pattern) should not match \(key)") }
    }
  }

  @Test func prefixes() throws {
    let cases = [
      ("user:*", "user:"), ("*", ""), ("abc", "abc"), ("a\\*b?", "a*b"), ("{user:1,user:2}*", "user:"), ("[a]b", ""),
      ("{a,b}", ""), ("", ""),
    ]
    for (pattern, prefix) in cases { #expect(try Glob(pattern).prefix == Array(prefix.utf8), "\(pattern)") }
  }

  @Test func patternsThatAreNone() {
    for (pattern, place) in [("ab[c", 2), ("a{b", 1), ("x{a,{b}", 1), ("{a,b}c{d", 6), ("{a{b}", 0)] {
      let error = #expect(throws: StoreError.self) { try Glob(pattern) }
      #expect(error?.code == .invalidPattern, "\(pattern)")
      #expect(error?.byteOffset == place, "\(pattern)")
    }
  }

  @Test(arguments: SeededRandom.seeds(1)) func inAStore(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var options = Store.Options()
    options.views = [OrderedKeys()]
    let store = try Store.open(at: directory.path("store"), options: options)
    var model: [[UInt8]: [UInt8]] = [:]
    for number in 0..<3000 {
      let key = Array("\(["user", "item"][random.below(2)]):\(random.below(300)):\(random.below(9))".utf8)
      let value = Array("\(number)".utf8)
      try store.put(value, for: key, durability: .relaxed)
      model[key] = value
    }
    let keys = model.keys.sorted { $0.isBefore($1) }
    for pattern in ["user:*", "user:1*:[3-5]", "*:2?:*", "{user,item}:7:*", "nobody*", "item:12:3"] {
      let glob = try Glob(pattern)
      let expected = keys.filter { glob.matches($0) }
      #expect(try store.keys(matching: glob) == expected, "\(pattern)")
      #expect(try store.keys(matching: glob, limit: 3, reversed: true) == Array(expected.reversed().prefix(3)))
    }
    let expression = try Regex("user:(1|2)\\d:[0-3]")
    let matching = keys.filter { String(decoding: $0, as: UTF8.self).wholeMatch(of: expression) != nil }
    #expect(try store.keys(in: .prefix("user:"), matching: expression) == matching && !matching.isEmpty)
    let range = KeyRange.between("item:2", "user:1")
    let expected = keys.filter { range.contains($0) }
    let entries = try store.entries(in: range)
    #expect(entries.map(\.key) == expected && entries.map(\.value) == expected.map { model[$0] })
    #expect(try store.entries(in: range, limit: 7, reversed: true).map(\.key) == Array(expected.reversed().prefix(7)))
    struct Stop: Error {}
    #expect(throws: Stop.self) { try store.forEachEntry { _, _ in throw Stop() } }
    try store.close()
  }
}
