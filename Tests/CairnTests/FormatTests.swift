import Cairn
import CairnTestSupport
import Foundation
import Synchronization
import Testing

/// The layout that `Formats/v1/SPEC.md` describes, held to the byte.
@Suite struct FormatTests {
  /// Random numbers that are 0x0102030405060708, 0x0102030405060709, …
  private func counting() -> @Sendable () -> UInt64 {
    final class Counter: Sendable {
      let next = Atomic<UInt64>(0x0102_0304_0506_0708)
    }
    let counter = Counter()
    return { counter.next.wrappingAdd(1, ordering: .relaxed).oldValue }
  }

  private func makeStore(_ path: String) throws {
    var options = Store.Options()
    options.clock = ManualClock()
    options.randomNumber = counting()
    let store = try Store.open(at: path, options: options)
    try store.put("value", for: "key")
    try store.close()
  }

  private func hex(_ bytes: [UInt8], _ range: Range<Int>) -> String {
    stride(from: range.lowerBound, to: range.upperBound, by: 16).map { offset in
      let line = bytes[offset..<min(offset + 16, range.upperBound)]
      let digits = line.map { (($0 < 16 ? "0" : "") + String($0, radix: 16)) }.joined(separator: " ")
      return String(offset) + "  " + digits
    }.joined(separator: "\n")
  }

  /// F1-WRT-003, F1-HDR-001.
  /// Goal: the example of the specification is what the engine writes, and always the same.
  @Test func theExampleOfTheSpecification() throws {
    let directory = TemporaryDirectory()
    for name in ["one", "two"] { try makeStore(directory.path(name)) }
    for name in try Files.names(directory.path("one")) where name != "LOCK" && name != "news" {
      let one = try Files.read(directory.path("one") + "/" + name)
      #expect(one == (try Files.read(directory.path("two") + "/" + name)), "\(name) is the same each time")
    }
    let segment = try Files.read(directory.path("one") + "/segment-00000001.log")
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let specification = String(decoding: try Files.read(root.path + "/Formats/v1/SPEC.md"), as: UTF8.self)
    let store = try Files.read(directory.path("one") + "/STORE")
    let seed = ForgedSegment.word(store, 64)
    let hash = ForgedSegment.hash(Array("key".utf8), seed: seed)
    let digits = String(hash, radix: 16, uppercase: true)
    let fingerprint = String(hash >> 30 & 0xFF_FFFF, radix: 16, uppercase: true)
    let examples = [
      hex(store, 0..<80) + "\n" + hex(store, 4088..<4096), hex(segment, 0..<80) + "\n" + hex(segment, 248..<256),
      hex(segment, 256..<segment.count), "0x\(digits): shard \(hash >> 54), *f* 0x\(fingerprint)",
    ]
    for example in examples { #expect(specification.contains(example), "the example should be:\n\(example)") }
  }

  /// Goal: the bytes between a record and the next one are zeros, also where memory is used again.
  @Test func paddingIsZero() throws {
    let directory = TemporaryDirectory()
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.compaction.isAutomatic = false
    let store = try Store.open(at: directory.path("store"), options: options)
    for number in 0..<4000 { try store.put([UInt8](repeating: 0xFF, count: number % 40), for: "key \(number)") }
    try store.close()
    var padded = 0
    for name in try Files.segments(directory.path("store")) {
      let bytes = try Files.read(directory.path("store") + "/" + name)
      var at = 256
      while at + 32 <= bytes.count, bytes[at + 22] != 0 {
        let lengths = ForgedSegment.word(bytes, at + 16)
        let end = at + 32 + Int(lengths >> 56) * 8 + Int(lengths >> 32 & 0xFFFF) + Int(lengths & 0xFFFF_FFFF)
        at = (end + 7) & ~7
        let padding = bytes[end..<at]
        if !padding.isEmpty { padded += 1 }
        if padding.contains(where: { $0 != 0 }) { Issue.record("padding of \(name) at \(end): \(padding)") }
      }
    }
    #expect(padded > 3000)
  }

  /// Goal: what a newer version has written is refused by name, opened read-only, or ignored, as it asks (F1-STO-002).
  @Test(arguments: 0..<3) func unknownFeatures(word: Int) throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    try makeStore(path)
    var header = try Files.read(path + "/STORE")
    header[24 + 8 * word + 1] = 0x04  // Bit 10.
    let name = Array("time travel".utf8)
    header.replaceSubrange(256..<259 + name.count, with: [UInt8(word), 10, 1] + name)
    try Files.write(sealed(header), to: path + "/STORE")
    func attempt(_ access: Store.Options.Access) -> StoreError? {
      do {
        try Store.open(at: path, options: Store.Options(access)).close()
        return nil
      } catch {
        return error
      }
    }
    let writing = attempt(.mustExist)
    let reading = attempt(.readOnly)
    for error in [writing, reading].compactMap({ $0 }) {
      #expect(error.code == .unsupportedFormat)
      #expect(error.description.contains("time travel"))
    }
    #expect((writing != nil) == (word < 2))
    #expect((reading != nil) == (word == 0))
  }

  @Test func anotherMajorVersion() throws {
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    try makeStore(path)
    var header = try Files.read(path + "/STORE")
    header[16] = 2
    try Files.write(sealed(header), to: path + "/STORE")
    do {
      _ = try Store.open(at: path)
      Issue.record("a store of another version was opened")
    } catch {
      #expect(error.code == .unsupportedFormat)
    }
  }

  /// The header with its checksum made right.
  private func sealed(_ header: [UInt8]) -> [UInt8] {
    let covered = Array(header[..<4088])
    let hash = unsafe MemoryView(covered.span.bytes).hash(seed: 0)
    return covered + (0..<8).map { UInt8(truncatingIfNeeded: hash >> (8 * $0)) }
  }
}
