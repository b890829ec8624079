import Cairn
import CairnTestSupport

/// A store whose log is written by the test, byte by byte as SPEC 3 and 4 say, with checksums that fit.
struct ForgedLog {
  struct Record {
    var sequence: UInt64
    var kind: UInt8 = 1
    var key: [UInt8] = []
    var value: [UInt8] = []
    var flags: UInt16 = 0
    var codec: UInt8 = 0
    var dictionary: UInt8 = 0
    var fields: [UInt8] = []
    /// `nil`: all that comes before it.
    var durable: Int?
  }

  let directory = TemporaryDirectory()
  let path: String
  private(set) var bytes: [UInt8]
  /// Where each record begins.
  private(set) var offsets: [Int] = []
  private let salt: UInt64

  /// The store's header and its segment's are made by the engine.
  init() throws {
    path = directory.path("store")
    try Store.open(at: path).close()
    bytes = Array(try Files.read(path + "/segment-00000001.log")[..<256])
    salt = Self.word(bytes, 56)
  }

  private static func word(_ bytes: [UInt8], _ at: Int) -> UInt64 {
    bytes[at..<at + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static func little(_ value: UInt64, _ byteCount: Int) -> [UInt8] {
    (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
  }

  private static func hash(_ bytes: [UInt8], seed: UInt64) -> UInt64 {
    unsafe MemoryView(bytes.span.bytes).hash(seed: seed)
  }

  /// A link that has no segment before it, at sequence 0.
  static let link = Record(
    sequence: 0, kind: 4, value: [UInt8](repeating: 0, count: 32) + little(1, 8), flags: 1 << 8, durable: 256)

  static func put(_ sequence: UInt64, _ key: String, _ value: String) -> Record {
    Record(sequence: sequence, key: Array(key.utf8), value: Array(value.utf8))
  }

  static func seal(_ sequence: UInt64, reason: UInt64, next: UInt64 = 0, byteCount: Int = 24) -> Record {
    Record(
      sequence: sequence, kind: 3, value: Array((little(reason, 8) + little(1, 8) + little(next, 8)).prefix(byteCount)))
  }

  mutating func add(_ records: Record...) {
    for record in records {
      let offset = bytes.count
      var body = Self.little(record.sequence, 8) + Self.little(UInt64(record.value.count), 4)
      body += Self.little(UInt64(record.key.count), 2) + [record.kind, UInt8(record.fields.count / 8)]
      body += Self.little(UInt64(record.flags), 2) + [record.codec, record.dictionary]
      body += Self.little(UInt64((record.durable ?? offset) / 8), 4) + record.fields + record.key + record.value
      body += [UInt8](repeating: 0, count: -body.count & 7)
      // Wrapping multiplication is how the seed is made.
      let seed = salt ^ (UInt64(offset) &* 0x9E37_79B9_7F4A_7C15)
      bytes += Self.little(Self.hash(body, seed: seed), 8) + body
      offsets.append(offset)
    }
  }

  /// The beginning of another segment of this store, of which a power failure has left the header, and nothing more up
  /// to an offset.
  func withoutItsFirstPage(number: UInt8, upTo offset: Int) -> ForgedLog {
    var other = self
    other.bytes = Array(bytes[..<256]) + [UInt8](repeating: 0, count: offset - 256)
    other.offsets = []
    other.setHeaderByte(40, number)
    return other
  }

  mutating func flip(_ offset: Int) { bytes[offset] ^= 0x01 }

  /// Changes the segment's header, and its checksum.
  mutating func setHeaderByte(_ offset: Int, _ value: UInt8) {
    bytes[offset] = value
    bytes.replaceSubrange(248..<256, with: Self.little(Self.hash(Array(bytes[..<248]), seed: 0), 8))
  }

  /// Writes the segment, with reserved space behind it.
  func write(_ name: String = "segment-00000001.log") throws {
    try Files.write(bytes + [UInt8](repeating: 0, count: 4096), to: path + "/" + name)
  }
}
