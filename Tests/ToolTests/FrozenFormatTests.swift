import Cairn
import CairnTestSupport
import Foundation
import Testing

/// Goal: what lies in `Formats/frozen-v1` is read for ever as it was when it was put there, by the engine, by `kvdump`
/// and by a reader in Python, written from the specification alone, that also agrees about any other frozen store.
@Suite struct FrozenFormatTests {
  private static let root =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path + "/Formats/frozen-v1"

  private func python(_ arguments: String...) throws -> Tool.Result {
    try Tool.run(URL(fileURLWithPath: "/usr/bin/env"), ["python3", Self.root + "/reader.py"] + arguments)
  }

  private func same(_ path: String, _ dump: [UInt8], _ comment: Comment) throws {
    #expect(try Tool.run("dump", path).output == dump, comment)
    if Reader.isThere {
      let verified = try python("verify", path)
      #expect(verified.text == "clean\n", "\(comment): \(verified.errors)")
      #expect(try python("dump", path).output == dump, comment)
    }
  }

  @Test func golden() throws {
    let names = try Files.names(Self.root + "/golden").filter { $0.hasSuffix(".frozen") }.map { $0.dropLast(7) }
    #expect(Set(names) == Set(FrozenCase.all.map { $0.name[...] }))
    for frozen in FrozenCase.all {
      let path = "\(Self.root)/golden/\(frozen.name).frozen"
      try FrozenStore.open(path).verify()
      try same(path, try Files.read("\(Self.root)/golden/\(frozen.name).jsonl"), "\(frozen.name)")
      if !frozen.isCompressed { #expect(try frozen.make() == Files.read(path), "\(frozen.name)") }
    }
  }

  @Test(.enabled(if: Reader.isThere), arguments: SeededRandom.seeds(1)) func othersAgree(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let folder = TemporaryDirectory()
    let path = folder.path("frozen")
    for round in 0..<8 {
      var options = FrozenStore.BuildOptions()
      options.compression = [.none, .zstd(), .zstd(level: 9, trainsDictionary: true)][round % 3]
      let builder = try FrozenStoreBuilder(path: path, options: options)
      for number in 0..<random.below(600) {
        let text = "{\"number\": \(number), \"text\": \"\(String(repeating: "words and ", count: random.below(20)))\"}"
        try builder.add(
          random.percent(70) ? Array(text.utf8) : random.bytes(random.below(100)), for: "key-\(number)",
          version: random.next() >> UInt64(random.below(64)),
          deadline: random.percent(10) ? Int64(random.next() >> 1) : nil)
      }
      try builder.finish()
      let comment: Comment = "seed \(seed), round \(round)"
      try same(path, try Tool.run("dump", path).output, comment)
      #expect(try python("get", path, "key-0").output == Tool.run("get", path, "key-0").output, comment)
      #expect(try python("get", path, "no key").code == 2)
      // Any byte changed is damage to both.
      for _ in 0..<6 {
        var bytes = try Files.read(path)
        let place = random.below(bytes.count)
        bytes[place] ^= 1 << UInt8(random.below(8))
        try Files.write(bytes, to: folder.path("damaged"))
        let codes = [
          try python("verify", folder.path("damaged")).code, try Tool.run("verify", folder.path("damaged")).code,
        ]
        #expect(codes[0] == codes[1] && [3, 4].contains(codes[0]), "\(comment), byte \(place): \(codes)")
      }
    }
  }
}
