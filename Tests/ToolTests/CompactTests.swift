import Cairn
import CairnTestSupport
import Foundation
import Testing

/// Goal: `kvdump compact` makes a store small, and changes nothing that it holds.
/// Method: stores in which much is dead, looked at before and after.
@Suite struct CompactTests {
  private func make(_ path: String) throws {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.compaction.isAutomatic = false
    let store = try Store.open(at: path, options: options)
    var random = SeededRandom(seed: 1)
    for number in 0..<4000 {
      let key = "key \(random.below(300))"
      if number % 9 == 0 { try store.remove(key) } else { try store.put(random.bytes(random.below(300)), for: key) }
    }
    try store.close()
  }

  private func byteCount(_ path: String) throws -> Int {
    try Files.names(path).reduce(0) { try $0 + Files.read(path + "/" + $1).count }
  }

  @Test func compact() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    try make(path)
    let (before, bytes) = (try Tool.run("dump", path).output, try byteCount(path))
    let result = try Tool.run("compact", path)
    #expect(result.code == 0 && result.text.contains("bytes of log have become"), "\(result.text)")
    #expect(try byteCount(path) < bytes / 4)
    #expect(try Tool.run("dump", path).output == before)
    #expect(try Tool.run("verify", "--deep", path).code == 0)
    #expect(try Tool.run("stat", path).text.contains("amplification"))
    if Reader.isThere { #expect(try Reader.run("dump", path).output == before) }
    let again = try Tool.run("compact", "--json", path)
    #expect(again.code == 0 && again.text.hasPrefix("{\"bytesBefore\": "), "\(again.text)")
    #expect(try Tool.run("dump", path).output == before)
    #expect(try Tool.run("compact", directory.path("none")).code == 1)
  }

  /// Goal: who follows the log is told when a part of it has been compacted before it was listed.
  @Test func followedTooLate() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    try make(path)
    var options = Store.Options(.mustExist)
    options.segmentBytes = 64 << 10
    options.compaction.isAutomatic = false
    let process = Process()
    process.executableURL = Tool.executable("kvdump")
    process.arguments = ["log", path, "--follow"]
    let (output, errors) = (directory.path("output"), Pipe())
    try Files.write([], to: output)
    process.standardOutput = FileHandle(forWritingAtPath: output)
    process.standardError = errors
    try process.run()
    while try !String(decoding: Files.read(output), as: UTF8.self).contains("closed") { usleep(1000) }
    kill(process.processIdentifier, SIGSTOP)
    let store = try Store.open(at: path, options: options)
    for number in 0..<2000 { try store.put([UInt8](repeating: 1, count: 200), for: "\(number % 10)") }
    try store.compact()
    kill(process.processIdentifier, SIGCONT)
    process.waitUntilExit()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    #expect(process.terminationStatus == 1 && text.contains("have been compacted before they were listed"), "\(text)")
    try store.close()
  }

  /// What is damaged stays where it is, and everything else is compacted.
  @Test func damage() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    try make(path)
    // With a checkpoint that covers it, a store with a damaged record opens.
    var options = Store.Options(.mustExist)
    options.checkpointInterval = 0
    let store = try Store.open(at: path, options: options)
    try store.put("more", for: "more")
    try store.close()
    let name = path + "/" + (try Files.segments(path))[2]
    var bytes = try Files.read(name)
    bytes[bytes.count / 2] ^= 1
    try Files.write(bytes, to: name)
    let size = try byteCount(path)
    let result = try Tool.run("compact", path)
    #expect(result.code == 3 && result.errors.contains("cannot be compacted"), "\(result)")
    #expect(try byteCount(path) < size / 3 && Files.read(name) == bytes)
  }
}
