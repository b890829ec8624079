import CairnTestSupport
import Testing

@testable import Cairn

/// Goal: what is cut short, or says what nobody wrote, is refused where it is read, whoever has looked at it before.
/// Method: each structure is read on its own; in a store, something else refuses most of this earlier.
@Suite struct ParsingTests {
  private func withView<R>(_ bytes: [UInt8], _ body: (MemoryView) throws -> R) rethrows -> R {
    // An empty array has no place in memory.
    let padded = bytes + [0]
    return try body(unsafe MemoryView(padded.span.bytes).slice(0, bytes.count))
  }

  @Test func cutShort() throws {
    for count in 0..<LinkValue.byteCount {
      withView([UInt8](repeating: 1, count: count)) { #expect(LinkValue(decoding: $0) == nil) }
    }
    for count in 0..<SealValue.byteCount {
      withView([UInt8](repeating: 1, count: count)) { #expect(SealValue(decoding: $0) == nil) }
    }
    for count in [0, 16, FrozenHeader.byteCount - 1] {
      let error = withView([UInt8](repeating: 0, count: count)) { view in
        #expect(throws: StoreError.self) { try FrozenHeader(decoding: view, fileByteCount: count, file: "file") }
      }
      #expect(error?.code == .damaged && error?.byteOffset == count)
    }
    for count in [0, 16, 255] {
      let error = withView([UInt8](repeating: 0, count: count)) { view in
        #expect(throws: StoreError.self) { try SegmentHeader(decoding: view, file: "file") }
      }
      #expect(error?.code == .damaged)
    }
  }

  /// A version without room for it, and a replacement that is something else.
  @Test func fieldsThatAreNotThere() throws {
    var segment = ForgedSegment(number: 1, of: [UInt8](repeating: 7, count: 16))
    let put = ForgedSegment.put(5, "a", "1")
    var earlier = ForgedSegment.earlier(put, at: 6, replacedBy: 6, time: 1)
    earlier.fields[8] = 2
    segment.add(
      ForgedSegment.Record(sequence: 5, key: put.key, flags: 1 << 2),
      ForgedSegment.earlier(put, at: 6, replacedBy: 6, time: 1), earlier)
    try withView(segment.bytes) { view in
      let records = try segment.offsets.map { try #require(RecordHeader(decoding: view, at: $0)) }
      #expect(!records[0].hasItsFields && records[0].version(view, at: segment.offsets[0]) == 5)
      let replacement = records[1].replacement(view, at: segment.offsets[1])
      #expect(replacement?.version == 6 && replacement?.time == 1)
      #expect(records[2].replacement(view, at: segment.offsets[2]) == nil)
    }
  }

  /// A file that has become shorter than its log is said to be.
  @Test func filesThatEndTooEarly() throws {
    let directory = TemporaryDirectory()
    var segment = ForgedSegment(number: 1, of: [UInt8](repeating: 7, count: 16))
    let large = [UInt8](repeating: 1, count: 3 << 20)
    segment.add(
      ForgedSegment.link, ForgedSegment.put(1, "a", "1"),
      ForgedSegment.Record(sequence: 2, key: [98], value: large), ForgedSegment.put(3, "c", "3"))
    let salt = ForgedSegment.word(segment.bytes, 56)
    let place = try PosixFileSystem().openDirectory(directory.path, creating: nil)
    let end = segment.bytes.count
    for cut in [end, end - 8, segment.offsets[3], segment.offsets[3] - 8, 2 << 20, segment.offsets[2] + 8, 300, 0] {
      try Files.write(Array(segment.bytes[..<cut]), to: directory.path("segment"))
      let file = try #require(try place.open("segment", forWriting: false))
      var scan = try LogFileScan(file, salt: salt, to: end)
      var found = 0
      while let record = try scan.next() {
        #expect(record.offset == segment.offsets[found])
        found += 1
      }
      let whole = segment.offsets.dropFirst().filter { $0 <= cut }.count + (cut == end ? 1 : 0)
      #expect(found == whole, "cut at \(cut)")
    }
    place.close()
  }
}
