import Cairn
import CairnTestSupport
import Foundation
import Testing

/// Goal: the log is shown record by record, as it is and as it grows.
@Suite struct RecordTests {
  private func lines(_ result: Tool.Result) -> [String] { result.text.split(separator: "\n").map(String.init) }

  @Test func theLogOfASession() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    let store = try Store.open(at: path)
    try store.put("one", for: "a", expires: .at(milliseconds: 4_000_000_000_000))
    try store.write { batch in
      try batch.put("two", for: "b")
      try batch.remove("a")
    }
    try store.close()
    let text = lines(try Tool.run("log", path))
    try #require(text.count == 5)
    #expect(text[0].hasPrefix("segment-00000001.log        256            0  link"))
    #expect(text[1].hasSuffix("put               1         3  a  until 2096-10-02T07:06:40.000Z"))
    #expect(text[2].hasSuffix("put               1         3  b  (the batch goes on)"))
    #expect(text[3].hasSuffix("remove            1         0  a"))
    #expect(text[4].hasSuffix("seal, closed"))
    let json = try lines(try Tool.run("log", path, "--json", "--from", "2")).map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
    try #require(json.map { $0["kind"] as? String } == ["put", "remove", "seal"])
    #expect(json[2]["reason"] as? String == "closed")
    #expect(json[0]["moreFollows"] as? Bool == true && json[0]["valueBytes"] as? Int == 3)
    let history = lines(try Tool.run("history", path, "a"))
    #expect(history.count == 2 && history[0].hasSuffix("  one") && history[1].contains("remove"))
    #expect(try Tool.run("history", path, "none").code == 2)
    #expect(try lines(Tool.run("log", path, "--glob", "[b-z]")).count == 1)
  }

  /// Method: a writer adds to the store, over segments and sessions, while its log is followed; then everything has
  /// been listed, each operation once and in order.
  @Test func follow() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    // What is compacted before it is listed cannot be listed any more.
    options.compaction.isAutomatic = false
    let first = try Store.open(at: path, options: options)
    try first.put("0", for: "start")
    let process = Process()
    process.executableURL = Tool.executable("kvdump")
    process.arguments = ["log", path, "--follow", "--json"]
    // A file: whoever waits for what has been written must not be what reads a pipe.
    let output = directory.path("output")
    try Files.write([], to: output)
    process.standardOutput = FileHandle(forWritingAtPath: output)
    try process.run()
    var random = SeededRandom(seed: 1)
    var store = first
    for number in 1...600 {
      if number % 150 == 0 {
        try store.close()
        store = try Store.open(at: path, options: options)
      }
      if number % 3 == 0 {
        try store.write { batch in for part in 0..<3 { try batch.put(random.bytes(100), for: "batch \(part)") } }
      } else {
        try store.put(random.bytes(random.below(1000)), for: "\(number % 50)")
      }
    }
    let last = store.lastSequence
    func hasSeenAll() throws -> Bool {
      String(decoding: try Files.read(output).suffix(400), as: UTF8.self).contains("\"sequence\": \(last),")
    }
    while try !hasSeenAll() && process.isRunning { usleep(10_000) }
    // Unlike the signal of ^C, no shell has it ignored.
    process.terminate()
    process.waitUntilExit()
    #expect(process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGTERM)
    try store.close()
    let lines = String(decoding: try Files.read(output), as: UTF8.self).split(separator: "\n")
    let sequences = try lines.compactMap { line -> Int? in
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      return object["key"] == nil ? nil : object["sequence"] as? Int
    }
    #expect(sequences == Array(1...Int(last)))
  }
}
