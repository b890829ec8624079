/// A store that is written byte by byte, as the specification says.
struct ForgedStore {
  typealias Record = ForgedSegment.Record

  static let identifier = [UInt8](0x10..<0x20)
  static let hashSeed: UInt64 = 0x5EED

  var header: [UInt8]
  var segments: [ForgedSegment]
  var gone: ForgedGone?

  /// A store with a segment that holds the link and these records.
  init(_ records: [Record]) {
    var header = "\u{89}CAIRN\r\n\u{1A}\nSTORE ".unicodeScalars.map { UInt8($0.value) }
    header += ForgedSegment.little(1, 2) + ForgedSegment.little(0, 2) + ForgedSegment.little(4096, 4)
    header += [UInt8](repeating: 0, count: 24) + Self.identifier + ForgedSegment.little(Self.hashSeed, 8)
    header += [UInt8](repeating: 0, count: 4096 - header.count)
    self.header = header
    segments = [ForgedSegment(number: 1, of: Self.identifier)]
    segments[0].add(ForgedSegment.link)
    for record in records { segments[0].add(record) }
    sealHeader()
  }

  /// Two entries, and the seal of a clean close.
  static let base = ForgedStore([
    ForgedSegment.put(1, "a", "one"), ForgedSegment.put(2, "b", "two"), ForgedSegment.seal(2, reason: 1),
  ])

  /// The same without the seal, and with one more record.
  static func open(_ records: Record...) -> ForgedStore {
    ForgedStore([ForgedSegment.put(1, "a", "one"), ForgedSegment.put(2, "b", "two")] + records)
  }

  /// Adds a segment that follows the last one as a writer would have it.
  mutating func addSegment(at sequence: UInt64, durable: Int = 0, _ records: Record...) {
    addSegment(at: sequence, durable: durable, records)
  }

  mutating func addSegment(at sequence: UInt64, durable: Int = 0, number: UInt64? = nil, _ records: [Record]) {
    let last = segments[segments.count - 1]
    let number = number ?? last.number + 1
    let link = last.nextLink(at: sequence, number: last.number, durable: durable)
    var segment = ForgedSegment(number: number, of: Self.identifier, epoch: number, salt: 0x5A17 + number)
    segment.add(link)
    for record in records { segment.add(record) }
    segments.append(segment)
  }

  mutating func setHeader(_ bytes: [UInt8], at offset: Int) {
    header.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    sealHeader()
  }

  private mutating func sealHeader() {
    header.replaceSubrange(
      4088..<4096, with: ForgedSegment.little(ForgedSegment.hash(Array(header[..<4088]), seed: 0), 8))
  }

  static let goneName = "segments.gone"

  static func segmentName(_ number: Int) -> String {
    let digits = String(number)
    return "segment-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits + ".log"
  }

  var files: [String: [UInt8]] {
    var files = ["STORE": header]
    for segment in segments { files[Self.segmentName(Int(segment.number))] = segment.bytes }
    if let gone { files[Self.goneName] = gone.bytes }
    return files
  }

  func with(_ change: (inout ForgedStore) -> Void) -> ForgedStore {
    var copy = self
    change(&copy)
    return copy
  }
}

extension FormatCase {
  /// A case whose store is written by hand.
  static func forged(
    _ folder: Folder, _ name: String, reading: Outcome = .fine, writing: Outcome? = nil,
    _ make: @escaping @Sendable () -> ForgedStore
  ) -> FormatCase {
    FormatCase(folder, name, reading: reading, writing: writing) { make().files }
  }

  /// The base store after a change of its parts.
  static func changed(
    _ folder: Folder, _ name: String, reading: Outcome = .fine, writing: Outcome? = nil,
    _ change: @escaping @Sendable (inout ForgedStore) -> Void
  ) -> FormatCase {
    forged(folder, name, reading: reading, writing: writing) { ForgedStore.base.with(change) }
  }

  /// The golden store that has a checkpoint, with changed bytes.
  static func withCheckpoint(
    _ folder: Folder, _ name: String, _ reading: Outcome,
    _ change: @escaping @Sendable (inout [String: [UInt8]]) -> Void
  ) -> FormatCase {
    FormatCase(folder, name, reading: reading) {
      var files = try checkpoint.make()
      change(&files)
      return files
    }
  }

  static let firstSegment = ForgedStore.segmentName(1)
  static let secondSegment = ForgedStore.segmentName(2)
}

extension [String: [UInt8]] {
  /// Changes a bit of the checkpoint, from its beginning or from its end, under checksums that fit.
  mutating func changeCheckpoint(at offset: Int) {
    guard var bytes = self["index.checkpoint"] else { return }
    bytes[offset < 0 ? bytes.count + offset : offset] ^= 1
    self["index.checkpoint"] = Checksums.repaired(checkpoint: bytes)
  }
}
