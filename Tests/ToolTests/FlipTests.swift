import Cairn
import CairnFuzz
import CairnInspect
import CairnTestSupport
import Foundation
import Testing

/// Goal: whatever is changed in a file of a store, nobody is given a value that was not written under that key; what
/// was on the disk and is changed is found; nothing ends the process.
/// Method: the golden stores, changed bit by bit, length by length, field by field.
@Suite struct FlipTests {
  /// Of all bits, one in so many is flipped; where it begins depends on the seed.
  #if DEBUG
    private static let step = 211
  #else
    private static let step = 31
  #endif

  /// A golden store with everything that was ever put into it.
  private struct Golden {
    let name: String
    let files: [String: [UInt8]]
    var written: [[UInt8]: Set<[UInt8]>] = [:]
    /// Where what is certainly on the disk ends, by file: before the last record, which nothing vouches for.
    var vouched: [String: Int] = [:]
    /// Files of segments that are gone.
    let leftOver: [String]

    init(_ format: FormatCase, _ directory: TemporaryDirectory) throws {
      name = format.name
      files = try format.make()
      leftOver = name == "left-over-segments" ? [1, 2, 4].map { "segment-0000000\($0).log" } : []
      let path = directory.path(name)
      try Self.write(files, path)
      // What is stored compressed, as it is read.
      let store = try Store.open(at: path, options: Store.Options(.readOnly))
      try store.forEach { entry in
        let key = unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }
        written[key, default: []].insert(unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) })
        return true
      }
      try store.close()
      for (name, bytes) in files where name.hasPrefix("segment-") {
        // The last record's word says how much was on the disk before it was written.
        var at = 256
        var end = 256
        while at + 32 <= bytes.count, bytes[at + 22] != 0 {
          let count = ForgedSegment.byteCount(bytes, at)
          guard count <= bytes.count - at else { break }
          end = Int(ForgedSegment.word(bytes, at + 24) >> 32) * 8
          // Also what a later link cuts off was written once, and comes back if that link is lost.
          if let put = ForgedSegment.put(in: bytes, at: at) { written[put.key, default: []].insert(put.value) }
          at += count
        }
        vouched[name] = end
      }
    }

    static func write(_ files: [String: [UInt8]], _ path: String) throws {
      try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      for (name, bytes) in files { try Files.write(bytes, to: path + "/" + name) }
    }
  }

  /// Reads a store in every way. Returns whether somebody noticed something.
  private func look(_ path: String, _ golden: Golden, _ comment: String) throws -> Bool {
    var isNoticed = false
    do {
      let store = try Store.open(at: path, options: Store.Options(.readOnly))
      isNoticed = store.damage != nil
      do {
        try store.forEach { entry in
          let key = unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }
          let value = unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
          if golden.written[key]?.contains(value) != true { Issue.record("a wrong value: \(comment)") }
          return true
        }
      } catch let error as StoreError {
        #expect(error.code == .damaged, "\(comment)")
        isNoticed = true
      }
      try store.close()
    } catch let error as StoreError {
      #expect(error.code == .damaged || error.code == .unsupportedFormat, "\(error), \(comment)")
      isNoticed = true
    }
    let verification = Result { () throws(StoreError) in try Verification(StoreDirectory(opening: path)) }
    switch verification {
    case .success(let verification): isNoticed = isNoticed || verification.verdict != .clean
    case .failure: isNoticed = true
    }
    return isNoticed
  }

  private func withGolden(_ body: (Golden, String) throws -> Void) throws {
    let directory = TemporaryDirectory()
    for format in FormatCase.all where format.folder == .golden && format.name != "limits" {
      let golden = try Golden(format, directory)
      try body(golden, directory.path(format.name))
    }
  }

  @Test func bits() throws {
    let start = SeededRandom.seeds(1)[0]
    try withGolden { golden, path in
      for (name, bytes) in golden.files {
        // What is the same in all is gone through in one; most of a checkpoint is a directory of empty shards.
        let isAgain = name == "STORE" && golden.name != "one-key"
        let step = isAgain ? Self.step * 97 : name == "index.checkpoint" ? Self.step * 31 : Self.step
        for bit in stride(from: Int(start % UInt64(step)), to: bytes.count * 8, by: step) {
          var changed = bytes
          changed[bit / 8] ^= 1 << UInt8(bit % 8)
          try Files.write(changed, to: path + "/" + name)
          let isNoticed = try look(path, golden, "\(golden.name), \(name), bit \(bit), seed \(start)")
          // A checkpoint of another version, or of another log, is not used, and that is all.
          if name == "index.checkpoint" && ((16..<18).contains(bit / 8) || golden.name.hasSuffix("another-log")) {
            continue
          }
          // What is left over counts for nothing.
          if golden.leftOver.contains(name) { continue }
          let isCovered = name == "STORE" || bit / 8 < golden.vouched[name] ?? bytes.count
          // Space that a link calls void is nobody's.
          if isCovered && !golden.name.hasPrefix("void") && !golden.name.hasPrefix("prepared") {
            #expect(isNoticed, "\(golden.name), \(name), bit \(bit): nobody noticed")
          }
        }
        try Files.write(bytes, to: path + "/" + name)
      }
    }
  }

  /// Goal: a list of segments that are gone which is not as it was written is never believed.
  /// Method: every bit of it, and every length. What is shown is what was there, or it is said that it is damaged.
  @Test(arguments: ["after-compaction", "compaction-after-checkpoint", "left-over-segments"])
  func theListOfThoseThatAreGone(name: String) throws {
    let directory = TemporaryDirectory()
    let format = try #require(FormatCase.all.first { $0.name == name })
    let golden = try Golden(format, directory)
    let path = directory.path(name)
    let list = try #require(golden.files["segments.gone"])
    func flipped(_ bit: Int) -> [UInt8] {
      var bytes = list
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      return bytes
    }
    let changed = (0..<list.count * 8).map { flipped($0) } + (0..<list.count).map { Array(list[..<$0]) } + [list + [0]]
    for (number, bytes) in changed.enumerated() {
      try Files.write(bytes, to: path + "/segments.gone")
      #expect(throws: StoreError.self, "change \(number)") { try Store.open(at: path, options: .init(.readOnly)) }
      let reader = try EntryReader(StoreDirectory(opening: path), filter: .all)
      #expect(reader.damage != nil && reader.count == 0, "change \(number)")
      let verification = try Verification(StoreDirectory(opening: path))
      #expect(verification.verdict != .clean, "change \(number)")
      // Each entry can be saved all the same, and nothing is made up.
      #expect(try Salvage(StoreDirectory(salvaging: path)).skipped.contains { $0.file.hasSuffix("segments.gone") })
    }
  }

  @Test func lengths() throws {
    try withGolden { golden, path in
      for (name, bytes) in golden.files {
        let step = name == "STORE" || name == "index.checkpoint" ? 1 + 97 * Self.step : 1 + Self.step / 10
        for length in stride(from: 0, to: bytes.count, by: step) {
          try Files.write(Array(bytes[..<length]), to: path + "/" + name)
          _ = try look(path, golden, "\(golden.name), \(name), length \(length)")
        }
        try Files.write(bytes + [UInt8](repeating: 0xA5, count: 100), to: path + "/" + name)
        _ = try look(path, golden, "\(golden.name), \(name), longer")
        try Files.write(bytes, to: path + "/" + name)
      }
    }
  }

  /// Every integer of headers and records at its limits, under checksums that fit: two readers find the same.
  @Test func fields() throws {
    let words: [UInt64] = [0, 1, .max, .max - 1, 1 << 31, 1 << 32, 1 << 62, 1 << 63, 255, 256, 257, 463, 464, 465]
    func file(_ name: String, of format: String) throws -> [UInt8] {
      let made = try FormatCase.all.first { $0.name == format }?.make()
      return try #require(made?[name])
    }
    let segment = try file("segment-00000001.log", of: "record-flag-9")
    for offset in stride(from: 0, to: segment.count - 8, by: 8) {
      for word in words {
        var changed = segment
        changed.replaceSubrange(offset..<offset + 8, with: ForgedSegment.little(word, 8))
        FuzzTarget.segment.run(changed)
        if offset >= 328 { FuzzTarget.records.run(Array(changed[328...])) }
      }
      for byte in offset..<offset + 8 {
        for value in [0, 1, 0x7F, 0x80, 0xFF] as [UInt8] {
          var changed = segment
          changed[byte] = value
          if offset >= 328 { FuzzTarget.records.run(Array(changed[328...])) }
        }
      }
    }
    let checkpoint = try file("index.checkpoint", of: "checkpoint")
    let table = stride(from: checkpoint.count - 56, to: checkpoint.count, by: 8)
    let places = Array(stride(from: 16, to: 168, by: 8)) + [4096, 4104, 4120] + Array(table)
    for offset in places {
      for word in words + [UInt64(checkpoint.count), UInt64(checkpoint.count) - 56, 36_864] {
        var changed = checkpoint
        changed.replaceSubrange(offset..<offset + 8, with: ForgedSegment.little(word, 8))
        FuzzTarget.checkpoint.run(changed)
      }
    }
  }
}
