import Cairn
import CairnTestSupport
import Foundation
import Testing

/// Goal: what looks at stores looks through compression, and tells of values that cannot be had.
@Suite struct CompressedTests {
  /// Goal: how a value is stored does not matter to those who look at it, and those who make a store keep it.
  @Test func compressedValues() throws {
    let directory = TemporaryDirectory()
    var paths: [String] = []
    for compression in [.none, .zstd()] as [Store.Compression] {
      var options = Store.Options()
      options.compression = compression
      paths.append(directory.path("\(paths.count)"))
      let store = try Store.open(at: paths[paths.count - 1], options: options)
      for number in 0..<50 { try store.put([UInt8](repeating: 0x61, count: number * 20), for: "\(number)") }
      try store.close()
    }
    let (plain, compressed) = (paths[0], paths[1])
    #expect(
      try Files.read(compressed + "/segment-00000001.log").count < Files.read(plain + "/segment-00000001.log").count / 2
    )
    #expect(try Tool.run("diff", plain, compressed).code == 0)
    for words in [["dump"], ["list"], ["get", "49"]] {
      let outputs = try paths.map { path in
        try Tool.run(Tool.executable("kvdump"), [words[0], path] + words.dropFirst()).output
      }
      #expect(outputs[0] == outputs[1] && !outputs[0].isEmpty, "\(words)")
    }
    let history = try paths.map {
      try Tool.run("history", "--json", $0, "49").text.contains(String(repeating: "a", count: 980))
    }
    #expect(history == [true, true])
    #expect(try Tool.run("stat", compressed).text.contains("compression    43 values of "))
    #expect(try Tool.run("verify", "--deep", compressed).code == 0)
    #expect(try Tool.run("repair", compressed, "--output", directory.path("saved")).code == 0)
    #expect(try Tool.run("copy", compressed, directory.path("copy")).code == 0)
    try Files.write(try Tool.run("dump", plain).output, to: directory.path("dump"))
    #expect(try Tool.run("load", "--compression", "-5", directory.path("loaded"), directory.path("dump")).code == 0)
    for name in ["saved", "copy", "loaded"] {
      let path = directory.path(name)
      #expect(try Tool.run("diff", plain, path).code == 0, "\(name)")
      #expect(try Tool.run("stat", path).text.contains("compression    43 values of "), "\(name)")
    }
    #expect(try Tool.run("load", "--compression", "20", directory.path("x"), directory.path("dump")).code == 64)
  }

  private static let whole: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x20, 0x04, 0x21, 0, 0, 0x61, 0x62, 0x63, 0x64]

  private func forged(_ entries: (key: String, frame: [UInt8])...) throws -> ForgedLog {
    var log = try ForgedLog()
    log.add(ForgedLog.link)
    for (number, entry) in entries.enumerated() {
      var record = ForgedLog.put(UInt64(number + 1), entry.key, "")
      (record.value, record.codec) = (entry.frame, 1)
      log.add(record)
    }
    try log.write()
    return log
  }

  /// Goal: a value that cannot be decompressed is told of with its place and the exit code of damage, and what comes
  /// behind it is there.
  @Test func brokenFrames() throws {
    let cut = Array(Self.whole.dropLast())
    let log = try forged(("a", Self.whole), ("b", cut), ("c", Self.whole))
    let other = try forged(("a", Self.whole), ("b", cut), ("c", Self.whole), ("d", Self.whole))
    let place = "at byte \(log.offsets[2])"
    let diff = try Tool.run("diff", log.path, other.path)
    #expect(diff.code == 3 && diff.text.hasPrefix("? b\n> d\n2 the same") && diff.errors.contains(place), "\(diff)")
    #expect(try Tool.run("diff", "--json", log.path, other.path).text.contains("\"damaged\": 1"))
    for arguments in [["list"], ["dump"]] {
      let result = try Tool.run(Tool.executable("kvdump"), arguments + [log.path])
      #expect(result.code == 3 && result.text.contains("c") && result.errors.contains(place), "\(result)")
    }
    #expect(try Tool.run("list", "--keys-only", log.path).code == 0)
    let history = try Tool.run("history", log.path, "b")
    #expect(history.code == 3 && history.text.contains("(damaged)") && history.errors.contains(place), "\(history)")
    let json = try Tool.run("history", "--json", log.path, "b")
    #expect(json.code == 3 && json.text.contains("\"key\": \"b\"") && !json.text.contains("\"value\":"), "\(json)")
    #expect(try Tool.run("history", log.path, "c").code == 0)
    #expect(try Tool.run("recompress", log.path).code == 3)
    let repair = try Tool.run("repair", log.path, "--output", log.directory.path("saved"))
    #expect(repair.code == 3 && repair.text.contains("1 entries whose values are damaged"), "\(repair)")
    #expect(try Tool.run("list", log.directory.path("saved")).text == "a\tabcd\nc\tabcd\n")
  }

  /// Goal: to `verify` a broken frame is damage wherever it is, as a broken checksum is.
  @Test func brokenFramesThatWereReplaced() throws {
    let log = try forged(("a", [1, 2, 3]), ("a", Self.whole))
    let verified = try Tool.run("verify", "--deep", log.path)
    #expect(verified.code == 3 && verified.text.contains("at byte \(log.offsets[1])"), "\(verified)")
    #expect(try Tool.run("get", log.path, "a").text == "abcd")
    #expect(try Tool.run("diff", log.path, log.path).code == 0)
  }
}
