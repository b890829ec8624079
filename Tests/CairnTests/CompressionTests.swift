import Cairn
import CairnTestSupport
import Foundation
import Testing

/// Goal: a value comes back as it was put, however it is stored, by every way to read it; and what cannot be a value of
/// this store is damage, found without asking for memory that was never needed.
@Suite struct CompressionTests {
  private func text(_ random: inout SeededRandom, _ byteCount: Int) -> [UInt8] {
    let words = ["path", "lines", "words", "/usr/share/doc/", "readme", "{\"id\":", "null", "true", "copyright"]
    var bytes: [UInt8] = []
    while bytes.count < byteCount { bytes += words[random.below(words.count)].utf8 + [0x20] }
    return Array(bytes.prefix(byteCount))
  }

  private func read(_ store: Store, _ key: String) throws -> [[UInt8]?] {
    var buffer = [UInt8](repeating: 0xEE, count: 200_000)
    let count = try unsafe buffer.withUnsafeMutableBytes { try unsafe store.copyValue(for: key, into: $0) }
    var appended: [UInt8] = [1, 2, 3]
    let isThere = try store.appendValue(for: key, to: &appended)
    return [
      try store.value(for: key), try store.entry(for: key)?.value, try store.values(for: [key])[0],
      try store.withValue(for: key) { unsafe $0.withUnsafeBytes { unsafe [UInt8]($0) } },
      count.map { Array(buffer[..<$0]) }, isThere ? Array(appended[3...]) : nil,
    ]
  }

  /// Method: values of all sizes, some of which compress, put singly and in batches under changing settings; read in
  /// every way, at once and after the store has been opened again.
  @Test(arguments: SeededRandom.seeds(3)) func everyWayToRead(seed: UInt64) throws {
    let directory = TemporaryDirectory()
    var random = SeededRandom(seed: seed)
    var expected: [String: [UInt8]] = [:]
    for session in 0..<4 {
      var options = Store.Options()
      options.segmentBytes = 256 << 10
      options.compression = [.zstd(), .none, .zstd(level: -5), .zstd(level: 19)][session]
      let store = try Store.open(at: directory.path("store"), options: options)
      for number in 0..<60 {
        let size = [0, 1, 100, 127, 128, 129, 1000, 5000, 70_000][random.below(9)]
        let value = random.percent(50) ? text(&random, size) : random.bytes(size)
        let key = "\(random.below(80))"
        if number % 3 == 0 {
          try store.write { batch in try batch.put(value, for: key) }
        } else {
          try store.put(value, for: key)
        }
        expected[key] = value
        for read in try read(store, key) { #expect(read == value, "seed \(seed), \(key)") }
      }
      for (key, value) in expected {
        for read in try read(store, key) { #expect(read == value, "seed \(seed), \(key)") }
      }
      var seen: [String: [UInt8]] = [:]
      try store.forEach { entry in
        let key = unsafe entry.key.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
        seen[key] = unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
        return true
      }
      #expect(seen == expected)
      var changes = try store.changes(since: 0)
      var replayed: [String: [UInt8]] = [:]
      while let change = try changes.next() { replayed[String(decoding: change.key, as: UTF8.self)] = change.value }
      #expect(replayed == expected)
      try store.close()
    }
  }

  @Test func whatItSaves() throws {
    let directory = TemporaryDirectory()
    var random = SeededRandom(seed: 1)
    let values = (0..<200).map { _ in text(&random, 1000) }
    var sizes: [Int] = []
    for compression in [.none, .zstd(), .zstd(level: 19)] as [Store.Compression] {
      var options = Store.Options()
      options.compression = compression
      let store = try Store.open(at: directory.path("\(sizes.count)"), options: options)
      for (number, value) in values.enumerated() { try store.put(value, for: "\(number)") }
      sizes.append(Int(store.statistics.bytesAppended))
      try store.close()
    }
    #expect(sizes[1] < sizes[0] / 2 && sizes[2] < sizes[1], "\(sizes)")
    #expect(throws: StoreError.self) {
      var options = Store.Options()
      options.compression = .zstd(level: 20)
      _ = try Store.open(at: directory.path("x"), options: options)
    }
  }

  /// Method: frames that lie, under checksums that fit.
  @Test func lies() throws {
    let whole: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x20, 0x04, 0x21, 0, 0, 0x61, 0x62, 0x63, 0x64]
    var lies: [(String, [UInt8])] = [("empty", []), ("no frame", [1, 2, 3, 4, 5, 6, 7, 8])]
    lies.append(("cut short", Array(whole.dropLast())))
    lies.append(("without a size", [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58, 0x21, 0, 0, 0x61, 0x62, 0x63, 0x64]))
    lies.append(("of another size", whole.enumerated().map { $0.offset == 5 ? 5 : $0.element }))
    lies.append(("of a terabyte", [0x28, 0xB5, 0x2F, 0xFD, 0xE0, 0, 0, 0, 0, 0, 1, 0, 0, 0x21, 0, 0, 0x61]))
    lies.append(("of half a gigabyte", [0x28, 0xB5, 0x2F, 0xFD, 0xA0, 0, 0, 0, 0x20, 0x21, 0, 0, 0x61]))
    let directory = TemporaryDirectory()
    let nothing: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x20, 0, 1, 0, 0]
    for (name, frame) in [("whole", whole), ("of nothing", nothing)] + lies {
      let path = directory.path(name)
      var files = try FormatCase.checkpoint.make()
      files["index.checkpoint"] = nil
      var segment = ForgedSegment(header: try #require(files["segment-00000001.log"]))
      var record = ForgedSegment.put(1, "a", "")
      (record.value, record.codec) = (frame, 1)
      segment.add(ForgedSegment.link, record)
      files["segment-00000001.log"] = segment.bytes
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      for (name, bytes) in files { try Files.write(bytes, to: path + "/" + name) }
      let store = try Store.open(at: path)
      if name == "whole" {
        for read in try read(store, "a") { #expect(read == Array("abcd".utf8)) }
      } else if name == "of nothing" {
        for read in try read(store, "a") { #expect(read == []) }
      } else {
        let error = #expect(throws: StoreError.self, "\(name)") { _ = try store.value(for: "a") }
        #expect(error?.code == .damaged, "\(name)")
        #expect(throws: StoreError.self, "\(name)") { try store.forEach { _ in true } }
      }
      try store.close()
    }
  }
}
