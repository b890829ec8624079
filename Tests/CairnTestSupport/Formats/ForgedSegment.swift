internal import Cairn

/// A segment that is written byte by byte, as SPEC 3 and 4 say, with checksums that fit.
public struct ForgedSegment: Sendable {
  public struct Record: Sendable {
    public var sequence: UInt64
    public var kind: UInt8
    public var key: [UInt8]
    public var value: [UInt8]
    public var flags: UInt16
    public var codec: UInt8 = 0
    public var dictionary: UInt8 = 0
    public var fields: [UInt8]
    /// `nil`: all that comes before it.
    public var durable: Int?

    public init(
      sequence: UInt64, kind: UInt8 = 1, key: [UInt8] = [], value: [UInt8] = [], flags: UInt16 = 0,
      fields: [UInt8] = [], durable: Int? = nil
    ) {
      self.sequence = sequence
      self.kind = kind
      self.key = key
      self.value = value
      self.flags = flags
      self.fields = fields
      self.durable = durable
    }
  }

  /// As in the name of its file.
  public let number: UInt64
  public var bytes: [UInt8]
  /// Where each record begins.
  public private(set) var offsets: [Int] = []
  private var checksum: UInt64 = 0

  /// - Parameter header: as it stands in a segment's file.
  public init(header: [UInt8]) {
    bytes = Array(header[..<256])
    number = Self.word(bytes, 40)
  }

  /// - Parameter file: up to the last record.
  public init(whole file: [UInt8]) {
    self.init(header: file)
    var at = 256
    while at < file.count {
      offsets.append(at)
      checksum = Self.word(file, at)
      at += Self.byteCount(file, at)
    }
    bytes = file
  }

  /// - Parameter store: the bytes of its identity.
  public init(number: UInt64, of store: [UInt8], epoch: UInt64 = 1, salt: UInt64 = 0x5A17) {
    self.number = number
    bytes = Array("\u{89}CAIRN\r\n\u{1A}\nLOG   ".unicodeScalars.map { UInt8($0.value) })
    bytes += Self.little(1, 2) + Self.little(0, 2) + Self.little(256, 4) + store
    bytes += Self.little(number, 8) + Self.little(epoch, 8) + Self.little(salt, 8)
    bytes += [UInt8](repeating: 0, count: 256 - bytes.count)
    sealHeader()
  }

  private var salt: UInt64 { Self.word(bytes, 56) }

  public static func word(_ bytes: [UInt8], _ at: Int) -> UInt64 {
    bytes[at..<at + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  public static func little(_ value: UInt64, _ byteCount: Int) -> [UInt8] {
    (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
  }

  public static func hash(_ bytes: [UInt8], seed: UInt64) -> UInt64 {
    unsafe MemoryView(bytes.span.bytes).hash(seed: seed)
  }

  /// Where the records of a segment end, by their lengths.
  public static func end(of bytes: [UInt8]) -> Int {
    var at = 256
    while at + 32 <= bytes.count, bytes[at + 22] != 0 {
      let count = byteCount(bytes, at)
      if count > bytes.count - at { break }
      at += count
    }
    return at
  }

  /// How long the record at a place says that it is.
  public static func byteCount(_ bytes: [UInt8], _ at: Int) -> Int {
    let lengths = word(bytes, at + 16)
    return (32 + Int(lengths & 0xFFFF_FFFF) + Int(lengths >> 32 & 0xFFFF) + Int(lengths >> 56) * 8 + 7) & ~7
  }

  /// The key and the value of the record at a place, if it is a put.
  public static func put(in bytes: [UInt8], at offset: Int) -> (key: [UInt8], value: [UInt8])? {
    guard bytes[offset + 22] == 1 else { return nil }
    let lengths = word(bytes, offset + 16)
    let key = offset + 32 + Int(lengths >> 56) * 8
    let value = key + Int(lengths >> 32 & 0xFFFF)
    return (Array(bytes[key..<value]), Array(bytes[value..<value + Int(lengths & 0xFFFF_FFFF)]))
  }

  // MARK: Records

  /// A link that has no segment before it, at sequence 0.
  public static let link: Record = makeLink(at: 0)

  public static func makeLink(
    at sequence: UInt64, previous: UInt64 = 0, end: Int = 0, checksum: UInt64 = 0, durable: Int = 0, epoch: UInt64 = 1
  ) -> Record {
    let words = [previous, UInt64(end), checksum, UInt64(durable), epoch]
    return Record(
      sequence: sequence, kind: 4, value: words.flatMap { little($0, 8) }, flags: previous == 0 ? 1 << 8 : 0,
      durable: 256)
  }

  public static func put(_ sequence: UInt64, _ key: String, _ value: String) -> Record {
    Record(sequence: sequence, key: Array(key.utf8), value: Array(value.utf8))
  }

  public static func remove(_ sequence: UInt64, _ key: String) -> Record {
    Record(sequence: sequence, kind: 2, key: Array(key.utf8))
  }

  public static func barrier(_ sequence: UInt64, _ prefix: String) -> Record {
    Record(sequence: sequence, kind: 6, key: Array(prefix.utf8))
  }

  /// The record as compaction writes it once more.
  public static func moved(_ record: Record, to sequence: UInt64) -> Record {
    var record = record
    record.fields += little(record.sequence, 8)
    record.flags |= 1 << 2
    record.sequence = sequence
    return record
  }

  /// A put as compaction keeps it (SPEC 4.7).
  public static func earlier(_ record: Record, at sequence: UInt64, replacedBy version: UInt64, time: Int64) -> Record {
    var record = moved(record, to: sequence)
    record.kind = 130
    record.fields += [1, 3, 0, 0, 0, 0, 0, 0] + little(version, 8) + little(UInt64(bitPattern: time), 8)
    return record
  }

  public static func seal(_ sequence: UInt64, reason: UInt64, next: UInt64 = 0, byteCount: Int = 24) -> Record {
    Record(
      sequence: sequence, kind: 3, value: Array((little(reason, 8) + little(1, 8) + little(next, 8)).prefix(byteCount)))
  }

  public mutating func add(_ records: Record...) { for record in records { append(record) } }

  private mutating func append(_ record: Record) {
    let offset = bytes.count
    var body = Self.little(record.sequence, 8) + Self.little(UInt64(record.value.count), 4)
    body += Self.little(UInt64(record.key.count), 2) + [record.kind, UInt8(record.fields.count / 8)]
    body += Self.little(UInt64(record.flags), 2) + [record.codec, record.dictionary]
    body += Self.little(UInt64((record.durable ?? offset) / 8), 4) + record.fields + record.key + record.value
    body += [UInt8](repeating: 0, count: -body.count & 7)
    checksum = Self.hash(body, seed: seed(offset))
    bytes += Self.little(checksum, 8) + body
    offsets.append(offset)
  }

  // Wrapping multiplication is how the seed is made.
  private func seed(_ offset: Int) -> UInt64 { salt ^ (UInt64(offset) &* 0x9E37_79B9_7F4A_7C15) }

  /// The link that a segment after this one has.
  public func nextLink(at sequence: UInt64, number: UInt64 = 1, durable: Int = 0) -> Record {
    Self.makeLink(at: sequence, previous: number, end: bytes.count, checksum: checksum, durable: durable)
  }

  // MARK: Changes

  public mutating func flip(_ offset: Int) { bytes[offset] ^= 0x01 }

  /// Changes the segment's header, and its checksum.
  public mutating func setHeaderByte(_ offset: Int, _ value: UInt8) {
    bytes[offset] = value
    sealHeader()
  }

  private mutating func sealHeader() {
    bytes.replaceSubrange(248..<256, with: Self.little(Self.hash(Array(bytes[..<248]), seed: 0), 8))
  }

  /// Changes bytes of a record, and its checksum; how long it is stays as it is.
  public mutating func change(_ number: Int, at offset: Int, _ values: [UInt8]) {
    let start = offsets[number]
    let end = number + 1 < offsets.count ? offsets[number + 1] : bytes.count
    bytes.replaceSubrange(start + offset..<start + offset + values.count, with: values)
    let hash = Self.hash(Array(bytes[start + 8..<end]), seed: seed(start))
    bytes.replaceSubrange(start..<start + 8, with: Self.little(hash, 8))
  }
}
