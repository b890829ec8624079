import Cairn
import CairnTestSupport
import Foundation
import Testing

/// Goal: whatever lies where a store should be, `kvdump` says what it is in a sentence, and neither hangs nor dies.
@Suite struct HostileTests {
  private func makeFIFO(_ path: String) throws {
    let result = unsafe mkfifo(path, 0o600)
    try #require(result == 0)
  }

  /// One that never ends. Who may not make it is given a link to it.
  private func makeDevice(_ path: String) throws {
    let zero: dev_t = 1 << 8 | 5
    if unsafe mknod(path, S_IFCHR | 0o600, zero) != 0 {
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/zero")
    }
  }

  /// Goal: nothing in Formats, however hostile, takes more than 256 MiB of memory or five seconds of a processor.
  @Test(arguments: FormatCaseTests.stored) func limits(_ stored: FormatCaseTests.Stored) throws {
    let path = stored.path + "/store"
    let commands: [[String]] = [
      ["info"], ["stat"], ["list"], ["dump"], ["log"], ["verify", "--deep"], ["recompress"], ["get", "a"],
      ["history", "a"],
    ]
    for command in commands { try runLimited([command[0], path] + command.dropFirst()) }
  }

  private func runLimited(_ words: [String]) throws {
    let result = try Tool.run(
      URL(fileURLWithPath: "/usr/bin/env"),
      ["prlimit", "--data=\(256 << 20)", "--cpu=5", Tool.executable("kvdump").path] + words)
    #expect((0...4).contains(result.code), "\(words): \(result)")
  }

  /// Goal: the same for what is long, or says that it is.
  /// Method: a sparse segment with a record that claims a gigabyte; and one of a megabyte with nothing but records and
  /// holes, at whose end one says that all of it was on the disk.
  @Test(arguments: [true, false]) func limitsOfLongFiles(isClaim: Bool) throws {
    var log = try ForgedLog()
    log.add(ForgedLog.link)
    if isClaim {
      let claim = ForgedSegment.Record(sequence: 1, key: [1], value: [UInt8](repeating: 0, count: 8))
      log.add(claim)
      log.bytes.replaceSubrange(328 + 16..<328 + 20, with: ForgedSegment.little(1 << 30 - 4096, 4))
    } else {
      for number in 1...20_000 {
        log.add(ForgedSegment.Record(sequence: UInt64(number), key: [UInt8(number % 200)], durable: 256))
        log.bytes += [UInt8](repeating: 0xFF, count: 8)
      }
      log.add(ForgedSegment.Record(sequence: 20_001, key: [1]))
    }
    try log.write()
    let path = log.path
    if isClaim { try lengthen(path + "/segment-00000001.log", to: 1 << 30) }
    for command in ["info", "stat", "list", "dump", "log", "verify"] { try runLimited([command, path]) }
    try runLimited(["repair", path, "--output", log.directory.path("saved")])
  }

  /// Without taking space.
  private func lengthen(_ path: String, to byteCount: UInt64) throws {
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.truncate(atOffset: byteCount)
    try file.close()
  }

  /// Runs all subcommands and checks their exit codes.
  private func expect(
    _ path: String, info: Int32, verify: Int32, list: Int32, get: Int32, saying words: String,
    location: SourceLocation = #_sourceLocation
  ) throws {
    let results = [
      (try Tool.run("info", path), info), (try Tool.run("verify", path), verify), (try Tool.run("list", path), list),
      (try Tool.run("get", path, "key-1"), get),
    ]
    for (result, code) in results {
      #expect(result.code == code, "\(result.text) \(result.errors)", sourceLocation: location)
      if code == 0 || code == 2 { continue }
      #expect(
        (result.text + result.errors).contains(words), "\(result.text) \(result.errors)", sourceLocation: location)
      #expect(result.errors.split(separator: "\n").count <= 2, "\(result.errors)", sourceLocation: location)
    }
  }

  @Test func notAStore() throws {
    let directory = TemporaryDirectory()
    try Files.write([1, 2, 3], to: directory.path("file"))
    try expect(directory.path("file"), info: 4, verify: 4, list: 4, get: 1, saying: "a store is a directory")
    try expect(directory.path, info: 4, verify: 4, list: 4, get: 1, saying: "no store in this directory")
    try expect(directory.path("nothing"), info: 1, verify: 1, list: 1, get: 1, saying: "there is nothing here")
    try FileManager.default.createSymbolicLink(atPath: directory.path("loop"), withDestinationPath: "loop")
    try expect(directory.path("loop"), info: 4, verify: 4, list: 4, get: 1, saying: "symbolic links")
    try expect("/dev/zero", info: 4, verify: 4, list: 4, get: 1, saying: "a store is a directory")
  }

  @Test func newerFormat() throws {
    let fixture = try Fixture(seed: 1, commits: 10)
    let copy = try fixture.copy()
    var bytes = try Files.read(copy + "/STORE")
    bytes[16] = 2
    try Files.write(bytes, to: copy + "/STORE")
    try expect(copy, info: 4, verify: 4, list: 4, get: 1, saying: "format version 2")
  }

  @Test func newerFeature() throws {
    let fixture = try Fixture(seed: 1, commits: 10)
    let copy = try fixture.copy()
    var bytes = try Files.read(copy + "/STORE")
    // Bit 3 of the first feature word, and its name (SPEC 2.1).
    bytes[24] = 8
    bytes.replaceSubrange(256..<259, with: [0, 3, 1])
    bytes.replaceSubrange(259..<267, with: Array("sorcery\u{1B}".utf8))
    let part = Array(bytes[..<4088])
    let hash = unsafe MemoryView(part.span.bytes).hash(seed: 0)
    for index in 0..<8 { bytes[4088 + index] = UInt8(truncatingIfNeeded: hash >> UInt64(8 * index)) }
    try Files.write(bytes, to: copy + "/STORE")
    // The name is a stranger's text.
    try expect(copy, info: 4, verify: 4, list: 4, get: 1, saying: #"feature "sorcery\x1b" (bit 3)"#)
  }

  /// Method: each file of the store in turn is replaced by something that is no regular file.
  @Test func irregularFiles() throws {
    let fixture = try Fixture(seed: 3, commits: 500, segmentBytes: 1 << 20, checkpointInterval: 4096)
    let copy = try fixture.copy()
    let segment = try Files.segments(copy)[0]
    for name in ["STORE", segment, "index.checkpoint"] {
      for kind in ["fifo", "directory", "loop", "device"] {
        let path = copy + "/" + name
        let bytes = try Files.read(path)
        Files.remove(path)
        switch kind {
        case "fifo": try makeFIFO(path)
        case "directory": try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        case "device": try makeDevice(path)
        default: try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: name)
        }
        let verify = try Tool.run("verify", copy)
        let said = verify.text + verify.errors
        let isLink = try Files.isLink(path)
        #expect(verify.code == (name == "STORE" && isLink ? 4 : 3), "\(name), \(kind): \(said)")
        #expect(said.contains(path), "\(name), \(kind): \(said)")
        let list = try Tool.run("list", copy, "--format", "hex")
        if name == "index.checkpoint" {
          #expect(list.code == 0 && Tool.listing(list) == fixture.content, "\(kind)")
        } else {
          #expect(list.code >= 3 && list.output.isEmpty && list.errors.contains(path), "\(name), \(kind): \(list)")
        }
        #expect(try Tool.run("info", copy).code == (name == "index.checkpoint" ? 0 : list.code), "\(name), \(kind)")
        Files.remove(path)
        try Files.write(bytes, to: path)
      }
    }
  }

  @Test func lockThatIsNoFile() throws {
    let fixture = try Fixture(seed: 3, commits: 5)
    let copy = try fixture.copy()
    Files.remove(copy + "/LOCK")
    try makeFIFO(copy + "/LOCK")
    let info = try Tool.run("info", copy)
    #expect(info.code == 0 && info.text.contains("free"))
  }

  /// Method: each file is cut short, filled with zeros, with ones, and with noise.
  @Test(arguments: SeededRandom.seeds(1)) func garbage(seed: UInt64) throws {
    let fixture = try Fixture(seed: seed, commits: 1200, checkpointInterval: 4096)
    let copy = try fixture.copy()
    var random = SeededRandom(seed: seed)
    for name in try Files.names(copy) where name != "LOCK" && name != "news" {
      let bytes = try Files.read(copy + "/" + name)
      let variants: [(String, [UInt8])] = [
        ("empty", []), ("short", Array(bytes[..<min(100, bytes.count)])),
        ("zeros", [UInt8](repeating: 0, count: bytes.count)), ("ones", [UInt8](repeating: 0xFF, count: bytes.count)),
        ("noise", random.bytes(bytes.count)), ("noise behind", bytes[..<300] + random.bytes(bytes.count - 300)),
      ]
      for (what, content) in variants {
        try Files.write(content, to: copy + "/" + name)
        let result = try Tool.run("verify", copy)
        #expect(result.code == 3, "seed \(seed), \(name), \(what): \(result.text) \(result.errors)")
        #expect((result.text + result.errors).contains(name), "seed \(seed), \(name), \(what)")
        for other in [try Tool.run("info", copy), try Tool.run("list", copy), try Tool.run("get", copy, "key-1")] {
          #expect([0, 1, 2, 3].contains(other.code), "seed \(seed), \(name), \(what): \(other)")
        }
      }
      try Files.write(bytes, to: copy + "/" + name)
    }
  }

  /// Method: files that claim to be very long, but take no space.
  @Test func sparseFiles() throws {
    let fixture = try Fixture(seed: 3, commits: 500, ending: .killed, segmentBytes: 1 << 20)
    let copy = try fixture.copy()
    let segment = copy + "/" + (try Files.segments(copy)[0])
    try lengthen(segment, to: 1 << 40)
    let verify = try Tool.run("verify", copy)
    #expect(verify.code == 3 && verify.text.contains("longer than a segment can be"), "\(verify)")
    try lengthen(segment, to: 1 << 20)
    try Files.write([], to: copy + "/index.checkpoint")
    try lengthen(copy + "/index.checkpoint", to: 1 << 40)
    #expect(try Tool.run("verify", copy).code == 3)
    #expect(Tool.listing(try Tool.run("list", copy, "--format", "hex")) == fixture.content)
  }

  @Test func deniedAccess() throws {
    // Root may read everything.
    if geteuid() == 0 { return }
    let fixture = try Fixture(seed: 3, commits: 5)
    let copy = try fixture.copy()
    try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: copy + "/STORE")
    try expect(copy, info: 1, verify: 1, list: 1, get: 1, saying: "Permission denied")
  }
}
