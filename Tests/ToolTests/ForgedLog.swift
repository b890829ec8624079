import Cairn
import CairnTestSupport

/// A store whose only segment is written by the test.
@dynamicMemberLookup struct ForgedLog {
  let directory = TemporaryDirectory()
  let path: String
  private var segment: ForgedSegment

  /// The store's header and its segment's are made by the engine.
  init() throws {
    path = directory.path("store")
    try Store.open(at: path).close()
    segment = ForgedSegment(header: try Files.read(path + "/segment-00000001.log"))
  }

  subscript<Member>(dynamicMember member: KeyPath<ForgedSegment, Member>) -> Member { segment[keyPath: member] }

  subscript<Member>(dynamicMember member: WritableKeyPath<ForgedSegment, Member>) -> Member {
    get { segment[keyPath: member] }
    set { segment[keyPath: member] = newValue }
  }

  static let link = ForgedSegment.link

  static func put(_ sequence: UInt64, _ key: String, _ value: String) -> ForgedSegment.Record {
    ForgedSegment.put(sequence, key, value)
  }

  static func seal(
    _ sequence: UInt64, reason: UInt64, next: UInt64 = 0, byteCount: Int = 24
  ) -> ForgedSegment.Record { ForgedSegment.seal(sequence, reason: reason, next: next, byteCount: byteCount) }

  mutating func add(_ records: ForgedSegment.Record...) { for record in records { segment.add(record) } }

  /// The beginning of another segment of this store, of which a power failure has left the header, and nothing more up
  /// to an offset.
  func withoutItsFirstPage(number: UInt8, upTo offset: Int) -> ForgedLog {
    var other = self
    other.segment = ForgedSegment(header: segment.bytes)
    other.segment.bytes += [UInt8](repeating: 0, count: offset - 256)
    other.setHeaderByte(40, number)
    return other
  }

  mutating func flip(_ offset: Int) { segment.flip(offset) }

  mutating func setHeaderByte(_ offset: Int, _ value: UInt8) { segment.setHeaderByte(offset, value) }

  /// Writes the segment, with reserved space behind it.
  func write(_ name: String = "segment-00000001.log") throws {
    try Files.write(segment.bytes + [UInt8](repeating: 0, count: 4096), to: path + "/" + name)
  }
}
