import Cairn
import CairnTestSupport
import Testing

/// Goal: `backup` and `restore` make what the other commands find to be the store.
@Suite struct BackupCommandTests {
  @Test(arguments: SeededRandom.seeds(2)) func agreesWithTheStore(seed: UInt64) throws {
    let fixture = try Fixture(seed: seed, commits: 800)
    let folder = TemporaryDirectory()
    let (backup, second, restored) = (folder.path("backup"), folder.path("second"), folder.path("restored"))
    let first = try Tool.run("backup", fixture.path, backup, "--json")
    #expect(first.code == 0 && first.errors.isEmpty, "\(first)")
    let bytes = try #require(try Tool.json(first)["bytesCopied"] as? Int)
    #expect(bytes > 0)
    #expect(try Tool.json(first)["bytesKept"] as? Int == 0)
    #expect(try Tool.json(first)["lastSequence"] as? Int == Int(fixture.last))
    let again = try Tool.run("backup", fixture.path, backup, "--verify-kept")
    #expect(again.code == 0 && again.text == "0 bytes copied, \(bytes) kept, up to sequence \(fixture.last)\n")
    #expect(try Tool.run("backup", fixture.path, second, "--since", backup).code == 0)
    let back = try Tool.run("restore", second, restored)
    #expect(back.code == 0 && back.text.hasSuffix(", up to sequence \(fixture.last)\n"), "\(back)")
    for path in [backup, second, restored] {
      let verified = try Tool.run("verify", "--deep", path)
      #expect(verified.code == 0, "\(verified)")
      #expect(try Tool.run("dump", path).output == Tool.run("dump", fixture.path).output)
      #expect(try Tool.run("diff", path, fixture.path).code == 0)
    }
  }

  /// What is refused, how, and that nothing is touched then.
  @Test func refused() throws {
    let (fixture, other) = (try Fixture(seed: 1, commits: 100), try Fixture(seed: 2, commits: 10))
    let folder = TemporaryDirectory()
    let (backup, restored, file) = (folder.path("backup"), folder.path("restored"), folder.path("file"))
    func expect(
      _ code: Int32, _ arguments: String..., saying: String = "", _ location: SourceLocation = #_sourceLocation
    )
      throws
    {
      let result = try Tool.run(Tool.executable("kvdump"), arguments)
      let isRight = result.code == code && result.output.isEmpty && result.errors.contains(saying)
      #expect(isRight && !result.errors.isEmpty, "\(result)", sourceLocation: location)
    }
    try Files.write([1], to: file)
    #expect(try Tool.run("backup", fixture.path, backup).code == 0)
    #expect(try Tool.run("restore", backup, restored, "--json").code == 0)
    let dump = try Tool.run("dump", fixture.path).output
    // Something is there: another store, a file, a folder with something else, the store itself.
    try expect(4, "backup", other.path, backup, saying: "another store")
    try expect(4, "backup", fixture.path, file)
    try expect(4, "backup", fixture.path, folder.path)
    try expect(1, "backup", fixture.path, fixture.path)
    try expect(1, "backup", fixture.path, fixture.path + "/backup")
    try expect(1, "backup", fixture.path, folder.path("new"), "--since", fixture.path, saying: "the store itself")
    try expect(4, "backup", fixture.path, folder.path("new"), "--since", other.path, saying: "another store")
    try expect(1, "backup", fixture.path, folder.path("new"), "--since", folder.path("nowhere"))
    try expect(4, "restore", backup, restored, saying: "something already")
    try expect(4, "restore", backup, other.path, "--replace", saying: "another store")
    try expect(4, "restore", backup, file, "--replace")
    // Nothing is there.
    try expect(1, "backup", folder.path("nowhere"), folder.path("new"))
    try expect(1, "backup", fixture.path, folder.path("nowhere/backup"))
    try expect(1, "restore", folder.path("nowhere"), folder.path("new"))
    try expect(4, "restore", file, folder.path("new"))
    // Arguments.
    try expect(64, "backup", fixture.path)
    try expect(64, "restore", backup)
    try expect(64, "restore", backup, restored, "--since", backup)
    // Somebody writes.
    let store = try Store.open(at: restored)
    try expect(1, "restore", backup, restored, "--replace", saying: "open for writing")
    try store.put("more", for: "key")
    try store.close()
    // What has been gone on with is no backup any more, but may be replaced when asked.
    try expect(4, "backup", fixture.path, restored, saying: "holds what the store does not")
    #expect(try Tool.run("dump", restored).output != dump)
    #expect(try Tool.run("restore", backup, restored, "--replace").code == 0)
    for path in [backup, restored] { #expect(try Tool.run("dump", path).output == dump) }
    #expect(try Files.names(folder.path) == ["backup", "file", "restored"])
    #expect(try Files.read(file) == [1])
  }

  /// A store that has been compacted, while a program has it open for writing.
  @Test func besideAWriter() throws {
    let folder = TemporaryDirectory()
    let (path, backup) = (folder.path("store"), folder.path("backup"))
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.compaction.isAutomatic = false
    let store = try Store.open(at: path, options: options)
    var random = SeededRandom(seed: 1)
    var copied: [Int] = []
    for round in 0..<4 {
      for _ in 0..<1000 { try store.put(random.bytes(200), for: "key \(round) \(random.below(500))") }
      if round > 0 { try store.compact() }
      let result = try Tool.run("backup", path, backup, "--json")
      #expect(result.code == 0 && result.errors.isEmpty, "\(result)")
      let (new, kept) = (try Tool.json(result)["bytesCopied"] as? Int, try Tool.json(result)["bytesKept"] as? Int)
      copied.append(try #require(new))
      // What compaction has once gone through stays.
      #expect(
        round < 2 || kept ?? 0 > 0 && copied[round] < copied[0] * 2, "\(round): \(copied), \(kept as Any)")
      #expect(try Tool.json(result)["lastSequence"] as? Int == Int(store.lastSequence))
      let verified = try Tool.run("verify", "--deep", backup)
      #expect(verified.code == 0, "\(verified)")
      #expect(try Tool.run("dump", backup).output == Tool.run("dump", path).output)
      if Reader.isThere { #expect(try Reader.run("dump", backup).output == Tool.run("dump", path).output) }
    }
    #expect(try Files.names(backup).contains("segments.gone") && !Files.names(backup).contains("news"))
    #expect(try Tool.run("restore", backup, folder.path("restored")).code == 0)
    #expect(try Tool.run("verify", "--deep", folder.path("restored")).code == 0)
    #expect(try Tool.run("backup", path, backup).text.hasPrefix("0 bytes copied, "))
    try store.close()
  }

  @Test func damage() throws {
    let fixture = try Fixture(seed: 7, commits: 400)
    let folder = TemporaryDirectory()
    let backup = folder.path("backup")
    #expect(try Tool.run("backup", fixture.path, backup).code == 0)
    let segment = backup + "/" + (try Files.segments(backup)[0])
    var bytes = try Files.read(segment)
    bytes[bytes.count / 2] ^= 1
    try Files.write(bytes, to: segment)
    let restored = try Tool.run("restore", backup, folder.path("restored"))
    #expect(restored.code == 3 && restored.errors.contains(segment), "\(restored)")
    #expect(try Tool.run("backup", backup, folder.path("second")).code == 3)
    #expect(try Files.names(folder.path) == ["backup"])
  }
}
