import Cairn
import CairnTestSupport
import Foundation
import Testing

/// Goal: what `freeze` makes is what the store holds, as all commands show it.
@Suite struct FrozenTests {
  @Test(arguments: SeededRandom.seeds(2)) func agreesWithTheStore(seed: UInt64) throws {
    let fixture = try Fixture(seed: seed, commits: 1500)
    let folder = TemporaryDirectory()
    let file = folder.path("frozen")
    for options in [[], ["--level", "3"], ["--level", "9", "--dictionary"]] {
      let made = try Tool.run(Tool.executable("kvdump"), ["freeze", fixture.path, file, "--json"] + options)
      #expect(made.code == 0 && made.errors.isEmpty, "\(made)")
      let bytes = try Files.read(file).count
      #expect(try Tool.json(made)["bytes"] as? Int == bytes)
      #expect(try Tool.json(made)["lastSequence"] as? Int == Int(fixture.last))
      let commands = [
        ["dump"], ["dump", "--prefix", "1"], ["list"], ["list", "--limit", "7"], ["list", "--format", "hex"],
        ["list", "--keys-only", "--glob", "*2*"], ["list", "--format", "json"],
      ]
      for command in commands {
        let expected = try Tool.run(Tool.executable("kvdump"), [command[0], fixture.path] + command.dropFirst())
        let found = try Tool.run(Tool.executable("kvdump"), [command[0], file] + command.dropFirst())
        #expect(found.code == 0 && found.errors.isEmpty && expected.code == 0)
        #expect(found.output == expected.output, "seed \(seed), \(command)")
      }
      let verified = try Tool.run("verify", file)
      #expect(verified.code == 0 && verified.text.hasPrefix("clean: "))
      let info = try Tool.json(try Tool.run("info", file, "--json"))
      #expect(info["bytes"] as? Int == bytes)
      #expect(info["sequence"] as? Int == Int(fixture.last))
      if !options.contains("--dictionary") { #expect(info["dictionaries"] as? Int == 0) }
      #expect(try Tool.run("info", file).text.contains("format        frozen 1.0\n"))
    }
  }

  @Test func oneValue() throws {
    let folder = TemporaryDirectory()
    let builder = try FrozenStoreBuilder(path: folder.path("frozen"))
    try builder.add([0, 255, 10] as [UInt8], for: "key")
    try builder.finish()
    #expect(try Tool.run("get", folder.path("frozen"), "key").output == [0, 255, 10])
    #expect(try Tool.run("get", folder.path("frozen"), "other").code == 2)
    #expect(try Tool.run("info", folder.path("frozen")).text.contains("of the store  none\n"))
  }

  @Test func damage() throws {
    let folder = TemporaryDirectory()
    let file = folder.path("frozen")
    let builder = try FrozenStoreBuilder(path: file)
    for number in 0..<10 { try builder.add("value", for: "key-\(number)") }
    try builder.finish()
    let whole = try Files.read(file)
    // The sixth record: each has 7 bytes before its key, and a value's length.
    for (place, listed) in [(256 + 5 * 18 + 10, 5), (whole.count - 1, 10), (60, 0), (3, 0)] {
      var bytes = whole
      bytes[place] ^= 1
      try Files.write(bytes, to: file)
      let verified = try Tool.run("verify", file)
      #expect(verified.code == 3 && verified.text.contains("damaged"), "\(verified)")
      let list = try Tool.run("list", file)
      #expect(list.code == (listed == 10 ? 0 : 3), "\(list)")
      #expect(list.text.split(separator: "\n").count == listed)
      #expect(try Tool.json(try Tool.run("verify", file, "--json"))["verdict"] as? String == "damaged")
    }
    var bytes = whole
    bytes[16] = 2
    try Files.write(bytes, to: file)
    for command in ["info", "verify", "list", "dump"] { #expect(try Tool.run(command, file).code == 4) }
    // Never the file before it.
    try Files.write(whole, to: file + ".previous")
    #expect(try Tool.run("info", file).code == 4)
  }

  @Test func whatCannotBeFrozen() throws {
    let fixture = try Fixture(seed: 1, commits: 20)
    let folder = TemporaryDirectory()
    try Files.write([1, 2, 3], to: folder.path("letter"))
    let foreign = try Tool.run("freeze", fixture.path, folder.path("letter"))
    #expect(foreign.code == 4 && foreign.errors.contains("is no frozen store"))
    #expect(try Tool.run("freeze", fixture.path, folder.path("missing/file")).code == 1)
    #expect(try Tool.run("freeze", folder.path("missing"), folder.path("file")).code == 1)
    #expect(try Tool.run("freeze", fixture.path, folder.path("file"), "--dictionary").code == 64)
    #expect(try Tool.run("freeze", fixture.path, folder.path("file"), "--level", "20").code == 64)
    #expect(try Files.names(folder.path) == ["letter"])
    #expect(try Tool.run("info", folder.path("letter")).code == 4)
    #expect(try Tool.run("freeze", fixture.path, folder.path("file"), "--keep-previous").code == 0)
    #expect(try Tool.run("freeze", fixture.path, folder.path("file"), "--keep-previous").code == 0)
    #expect(try Files.names(folder.path).sorted() == ["file", "file.previous", "letter"])
  }
}
