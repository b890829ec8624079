import CairnTestSupport
import Foundation
import Testing

@testable import Cairn

/// F1-DIC-001, F1-DIC-002, F1-DIC-003.
/// Goal: a dictionary is used up to its limit, and not beyond it; a value whose dictionary is not there is damage of
/// this value alone, by every way to read it.
@Suite struct DictionaryFormatTests {
  private static let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x20, 0x04, 0x21, 0, 0, 0x61, 0x62, 0x63, 0x64]

  private func store(_ records: [ForgedSegment.Record], in directory: TemporaryDirectory) throws -> Store {
    var files = try FormatCase.checkpoint.make()
    files["index.checkpoint"] = nil
    var segment = ForgedSegment(header: try #require(files["segment-00000001.log"]))
    segment.add(ForgedSegment.link)
    for record in records { segment.add(record) }
    files["segment-00000001.log"] = segment.bytes
    let path = directory.path("store")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    for (name, bytes) in files { try Files.write(bytes, to: path + "/" + name) }
    return try Store.open(at: path)
  }

  /// Frames of the large dictionary are made with it, so that it is not enough to take no notice of it.
  @Test(arguments: [0, 1]) func theLargest(tooMuch: Int) throws {
    let directory = TemporaryDirectory()
    var random = SeededRandom(seed: 1)
    let filler = random.bytes(DictionaryRecord.valueBytesMax - FormatCase.bytes.count)
    let largest = FormatCase.bytes + filler
    let dictionary = try #require(try ValueDictionary.make(largest))
    let value = Array(filler.suffix(1000))
    let codec = ValueCodec(try LifeMark())
    let frame = try value.withBytes { (value: RawSpan) throws(StoreError) in
      try codec.withCompressed(MemoryView(value), level: 3, dictionary) { $0?.array() }
    }
    #expect(frame.map { $0.count < 100 } == true)
    let bytes = [UInt8](largest.prefix(400)) + [UInt8](repeating: 0, count: tooMuch) + filler
    let store = try store(
      [FormatCase.dictionary(bytes), FormatCase.framed("a", 1, frame), ForgedSegment.put(2, "b", "two")], in: directory)
    if tooMuch == 0 {
      #expect(try store.value(for: "a") == value)
      #expect(store.statistics.dictionaryBytes == (1 << 20) + 32)
    } else {
      let error = #expect(throws: StoreError.self) { try store.value(for: "a") }
      #expect(error?.code == .damaged)
      #expect(store.statistics.dictionaries == 0)
    }
    #expect(try ValueDictionary.make(largest + [0]) == nil)
    #expect(try store.value(for: "b") == Array("two".utf8))
    try store.close()
  }

  @Test func everyWayToRead() throws {
    for hasDictionary in [true, false] {
      let directory = TemporaryDirectory()
      let value = Array(FormatCase.value.utf8)
      let dictionary = hasDictionary ? [FormatCase.dictionary()] : []
      let store = try store(
        dictionary + [FormatCase.framed("a", 1), FormatCase.framed("b", 2, dictionary: 0, Self.frame)], in: directory)
      var buffer = [UInt8](repeating: 0, count: 100)
      let reads: [() throws -> [UInt8]?] = [
        { try store.value(for: "a") }, { try store.entry(for: "a")?.value }, { try store.values(for: ["b", "a"])[1] },
        { try store.withValue(for: "a") { unsafe $0.withUnsafeBytes { unsafe [UInt8]($0) } } },
        {
          var bytes: [UInt8] = []
          _ = try store.appendValue(for: "a", to: &bytes)
          return bytes
        },
        {
          let count = try unsafe buffer.withUnsafeMutableBytes { try unsafe store.copyValue(for: "a", into: $0) }
          return count.map { Array(buffer[..<$0]) }
        },
        {
          var changes = try store.changes(since: 0)
          return try changes.next()?.value
        },
        {
          var found: [UInt8]?
          try store.forEach { entry in
            let value = unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
            if value.count > 4 { found = value }
            return true
          }
          return found
        },
      ]
      for (number, read) in reads.enumerated() {
        if hasDictionary {
          #expect(try read() == value, "\(number)")
        } else {
          let error = #expect(throws: StoreError.self, "\(number)") { try read() }
          #expect(error?.code == .damaged, "\(number)")
        }
      }
      #expect(try store.value(for: "b") == Array("abcd".utf8))
      try store.close()
    }
  }

  /// A value that cannot be decompressed cannot be moved away from its segment: that stays, and is told of.
  @Test func keptAside() throws {
    let directory = TemporaryDirectory()
    let store = try store(
      [FormatCase.framed("a", 1), ForgedSegment.put(2, "b", "two"), ForgedSegment.put(3, "b", "three")], in: directory)
    let error = #expect(throws: StoreError.self) { try store.compact() }
    #expect(error?.code == .damaged)
    #expect(throws: StoreError.self) { try store.recompress() }
    #expect(try store.value(for: "b") == Array("three".utf8))
    #expect(try store.contains("a"))
    try store.put("new", for: "a")
    #expect(try store.value(for: "a") == Array("new".utf8))
    try store.close()
  }

  /// What a number of a dictionary means that a newer version has written, is not known: its segment stays, too.
  @Test(arguments: [(codec: 1, dictionary: 2), (2, 1), (0, 1)])
  func ofANewerVersion(codec: UInt8, dictionary: UInt8) throws {
    let directory = TemporaryDirectory()
    var newer = FormatCase.framed("a", 1)
    (newer.codec, newer.dictionary) = (codec, dictionary)
    var store = try store(
      [
        FormatCase.dictionary(), newer, ForgedSegment.put(2, "b", "two"),
        ForgedSegment.put(3, "b", "three"),
      ], in: directory)
    for work in [{ try store.compact() }, { try store.recompress() }] {
      #expect(#expect(throws: StoreError.self) { try work() }?.code == .unsupportedFormat)
    }
    #expect(#expect(throws: StoreError.self) { try store.value(for: "a") }?.code == .unsupportedFormat)
    #expect(try Files.segments(store.path).first == "segment-00000001.log")
    #expect(try store.value(for: "b") == Array("three".utf8))
    try store.remove("a")
    let path = store.path
    try store.close()
    store = try Store.open(at: path)
    try store.compact()
    #expect(try Files.segments(store.path).first != "segment-00000001.log")
    try store.close()
  }

  /// Segments with the same dictionary have it in memory once.
  @Test func preparedOnce() throws {
    let segments = try SegmentTable()
    let table = try DictionaryTable()
    let codec = ValueCodec(try LifeMark())
    let first = try #require(try table.make(of: FormatCase.bytes, with: codec))
    #expect(try table.make(of: FormatCase.bytes, with: codec) === first)
    #expect(first.byteCount == FormatCase.bytes.count)
    table.set(1, salt: 1, first)
    table.set(2, salt: 2, first)
    #expect(try table.prepared(1, segments)?.word == table.prepared(2, segments)?.word)
    #expect(try table.prepared(3, segments) == nil)
    // Only if the slot is still that segment's.
    table.clear(1, salt: 7)
    #expect(try table.prepared(1, segments) != nil)
    table.clear(1, salt: 1)
    #expect(try table.prepared(1, segments) == nil && table.dictionary(2, segments) === first)
    table.set(2, salt: 3, nil)
    #expect(try table.prepared(2, segments) == nil)
  }
}

extension ValueDictionary {
  /// One that is stored as it is.
  static func make(_ bytes: [UInt8]) throws -> ValueDictionary? {
    try bytes.withBytes { (bytes: RawSpan) throws(StoreError) in
      try ValueDictionary(stored: MemoryView(bytes), codec: RecordHeader.Codec.none)
    }
  }
}
