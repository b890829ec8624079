import Cairn
import CairnTestSupport
import Foundation
import Testing

/// Goal: `info` tells what the store itself tells.
@Suite struct InfoTests {
  private func live(_ object: [String: Any]) -> [String: Int] {
    (object["live"] as? [String: Any] ?? [:]).compactMapValues { $0 as? Int }
  }

  @Test(arguments: SeededRandom.seeds(3)) func agreesWithTheStore(seed: UInt64) throws {
    for ending in [Fixture.Ending.closed, .killed] {
      for interval in [nil, 2048] {
        let fixture = try Fixture(seed: seed, commits: 2000, ending: ending, checkpointInterval: interval)
        let object = try Tool.json(try Tool.run("info", fixture.path, "--json"))
        let store = try Store.open(at: fixture.path, options: Store.Options(.readOnly))
        let statistics = store.statistics
        #expect(object["lastSequence"] as? Int == Int(store.lastSequence), "seed \(seed)")
        #expect(object["closed"] as? Bool == (ending == .closed), "seed \(seed)")
        let segments = object["segments"] as? [[String: Any]] ?? []
        let used = segments.filter { ($0["ending"] as? String)?.hasPrefix("unused") == false }
        #expect(used.count == statistics.segments, "seed \(seed): \(segments)")
        let records = segments.reduce(0) { $0 + ($1["operations"] as? Int ?? 0) }
        #expect(records == Int(store.lastSequence), "seed \(seed)")
        let live = live(object)
        if live["asOfSequence"] == Int(store.lastSequence) {
          #expect(live["entries"] == statistics.liveEntries, "seed \(seed)")
          #expect(live["liveBytes"] == statistics.liveBytes, "seed \(seed)")
          #expect(live["deadBytes"] == statistics.deadBytes, "seed \(seed)")
        }
        #expect(interval != nil || live["asOfSequence"] == Int(store.lastSequence), "seed \(seed)")
      }
    }
  }

  @Test func text() throws {
    let fixture = try Fixture(seed: 1, commits: 100)
    let result = try Tool.run("info", fixture.path)
    #expect(result.code == 0 && result.errors.isEmpty)
    for expected in [
      "format         1.0", "closed         clean", "lock           free", "checkpoint     none",
      "last sequence  \(fixture.last)", "epoch 1, ", "closed\n",
    ] {
      #expect(result.text.contains(expected), "\(expected) in \(result.text)")
    }
  }

  @Test func emptyStore() throws {
    let fixture = try Fixture(seed: 1, commits: 0)
    let object = try Tool.json(try Tool.run("info", fixture.path, "--json"))
    #expect(object["lastSequence"] as? Int == 0 && live(object)["entries"] == 0)
  }

  /// Goal: who may read the store, but not its lock, is told all the rest.
  /// Method: root may read everything, and tries as somebody else.
  @Test func lockOfSomebodyElse() throws {
    let fixture = try Fixture(seed: 1, commits: 10)
    let all = try #require(FileManager.default.enumerator(atPath: fixture.directory.path)).compactMap { $0 as? String }
    for name in [""] + all {
      let isLock = name.hasSuffix("LOCK")
      unsafe _ = chmod(fixture.directory.path(name), isLock ? geteuid() == 0 ? 0o600 : 0 : 0o755)
    }
    func run(_ words: String...) throws -> Tool.Result {
      let user = geteuid() == 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : []
      return try Tool.run(URL(fileURLWithPath: "/usr/bin/env"), user + [Tool.executable("kvdump").path] + words)
    }
    // Where nobody else may run what was built, there is nothing to try.
    guard try run("--version").code == 0 else { return }
    let text = try run("info", fixture.path)
    #expect(text.code == 0 && text.text.contains("lock           unknown"), "\(text)")
    let json = try Tool.json(try run("info", fixture.path, "--json"))
    #expect(json["lock"] as? String == "unknown" && json["lockHolder"] is NSNull)
    let own = try Tool.json(try Tool.run("info", fixture.path, "--json"))
    #expect(own["lock"] as? String == (geteuid() == 0 ? "free" : "unknown"))
  }

  /// F1-WRT-007.
  @Test func reopenedAfterACrash() throws {
    let fixture = try Fixture(seed: 1, commits: 100, ending: .killed)
    let copy = try fixture.copy()
    try Store.open(at: copy).close()
    let result = try Tool.run("info", copy)
    #expect(result.text.contains("cut at the last record after a crash"), "\(result.text)")
    #expect(result.text.contains("epoch          2\n"), "\(result.text)")
    #expect(try Tool.run("verify", copy).code == 0)
  }

  @Test func names() throws {
    let fixture = try Fixture(seed: 1, commits: 10)
    let copy = try fixture.copy()
    try Files.write([], to: copy + "/STORE.tmp")
    try Files.write([], to: copy + "/a\u{1B}b")
    let result = try Tool.run("verify", copy)
    #expect(result.code == 0)
    #expect(result.text.contains("STORE.tmp: left over by an interrupted write"), "\(result.text)")
    #expect(result.text.contains(#"a\x1bb: no file of a store"#), "\(result.text)")
  }
}
