extension FormatCase {
  /// What newer versions might write (F1-HDR-001, F1-STO-001 to F1-REC-003).
  static let future: [FormatCase] =
    features + unknownFlags + [
      changed(.future, "store-major-2", reading: .unsupported("STORE", 16)) { $0.setHeader([2], at: 16) },
      changed(.future, "store-length-8192", reading: .unsupported("STORE", 20)) {
        $0.setHeader(ForgedSegment.little(8192, 4), at: 20)
      },
      changed(.future, "segment-length-512", reading: .unsupported(firstSegment, 20)) {
        $0.segments[0].setHeaderByte(21, 2)
      },
      // Whatever else is new about them: the time of one is up, the key of the other is gone.
      added(
        "record-flag-3-expired",
        ForgedSegment.Record(
          sequence: 3, key: Array("a".utf8), value: [1], flags: 1 << 3 | 1 << 1,
          fields: ForgedSegment.little(1000, 8) + ForgedSegment.little(7, 8))),
      added(
        "remove-with-flag-3",
        ForgedSegment.Record(
          sequence: 3, kind: 2, key: Array("a".utf8), flags: 1 << 3, fields: ForgedSegment.little(7, 8))),
      withCheckpoint(.future, "checkpoint-feature-0", .fine) { $0.changeCheckpoint(at: 160) },
      // F1-GON-001.
      gone(.future, "gone-feature-0", reading: .unsupported(ForgedStore.goneName, 64)) { $0.changes = [(64, [1])] },
      gone(.future, "gone-major-2", reading: .unsupported(ForgedStore.goneName, 16)) { $0.changes = [(16, [2])] },
      gone(.future, "gone-length-256", reading: .unsupported(ForgedStore.goneName, 20)) {
        $0.changes = [(20, ForgedSegment.little(256, 4))]
      },
      gone(.future, "gone-minor-7") { $0.changes = [(18, [7])] },
      gone(.future, "gone-reserved-bytes") { $0.changes = [(100, [1])] },
      changed(.future, "store-minor-7") { $0.setHeader([7], at: 18) },
      changed(.future, "segment-major-2", reading: .unsupported(firstSegment, 16)) {
        $0.segments[0].setHeaderByte(16, 2)
      },
      changed(.future, "segment-kind-1", reading: .unsupported(firstSegment, 72)) {
        $0.segments[0].setHeaderByte(72, 1)
      },
      changed(.future, "segment-feature-0", reading: .unsupported(firstSegment, 72)) {
        $0.segments[0].setHeaderByte(76, 1)
      },
      changed(.future, "segment-reserved-bytes") { $0.segments[0].setHeaderByte(100, 1) },
      added("record-kind-5", reading: .unsupported(firstSegment, 408), ForgedSegment.Record(sequence: 2, kind: 5)),
      added(
        "record-kind-5-as-an-operation", reading: .unsupported(firstSegment, 408),
        ForgedSegment.Record(sequence: 3, kind: 5, key: [0x63])),
      forged(.future, "record-kind-5-in-a-batch", reading: .unsupported(firstSegment, 448)) {
        ForgedStore.open(
          ForgedSegment.Record(sequence: 3, key: [0x63], flags: 1),
          ForgedSegment.Record(sequence: 4, kind: 5, key: [0x63]))
      },
      forged(.future, "record-kind-133-in-a-batch") {
        ForgedStore.open(
          ForgedSegment.Record(sequence: 3, key: [0x63], flags: 1),
          ForgedSegment.Record(sequence: 77, kind: 133, key: [0x63], flags: 0xFFFE), ForgedSegment.put(4, "d", "four"))
      },
      added("record-kind-133", ForgedSegment.Record(sequence: 2, kind: 133, value: [1, 2, 3])),
      added("seal-reason-3", reading: .unsupported(firstSegment, 408), ForgedSegment.seal(2, reason: 3)),
      added("seal-of-40-bytes", sealOf40Bytes),
      added("record-item", put(fields: [7, 1, 0, 0, 0, 0, 0, 0])),
      added("record-flag-9", put(flags: 1 << 9)),
      added("record-flag-15", put(flags: 1 << 15)),
      added("record-codec-2", reading: .unsupported(firstSegment, 408), writing: .fine, put(codec: 2)),
      added("record-dictionary-1", reading: .unsupported(firstSegment, 408), writing: .fine, put(dictionary: 1)),
      added(
        "record-dictionary-2", reading: .unsupported(firstSegment, 408), writing: .fine, put(codec: 1, dictionary: 2)),
    ]

  private static let unknownFlags: [FormatCase] = (3..<8).map { bit in
    added("record-flag-\(bit)", reading: .unsupported(firstSegment, 408), writing: .fine, put(flags: 1 << UInt16(bit)))
  }

  /// The first and the last bit of each word; a test goes through all.
  private static let features: [FormatCase] = [0, 63].flatMap { bit in
    [
      feature("incompatible", 24, bit, reading: .unsupported("STORE", 24), writing: .unsupported("STORE", 24)),
      feature("read-only-compatible", 32, bit, reading: .fine, writing: .unsupported("STORE", 32)),
      feature("compatible", 40, bit, reading: .fine, writing: .fine),
    ]
  }

  private static func feature(
    _ word: String, _ offset: Int, _ bit: Int, reading: Outcome, writing: Outcome
  ) -> FormatCase {
    changed(.future, "\(word)-bit-\(bit)", reading: reading, writing: writing) { store in
      store.setHeader(ForgedSegment.little(1 << UInt64(bit), 8), at: offset)
      let name = Array("time travel".utf8)
      store.setHeader([UInt8((offset - 24) / 8), UInt8(bit), 1] + name, at: 256)
    }
  }

  /// With a record behind the two of the base store.
  private static func added(
    _ name: String, reading: Outcome = .fine, writing: Outcome? = nil, _ record: ForgedSegment.Record
  ) -> FormatCase {
    forged(.future, name, reading: reading, writing: writing) { ForgedStore.open(record) }
  }

  private static func put(
    flags: UInt16 = 0, codec: UInt8 = 0, dictionary: UInt8 = 0, fields: [UInt8]? = nil
  ) -> ForgedSegment.Record {
    let room = [UInt8](repeating: 0, count: flags & 0xFE == 0 ? 0 : 64)
    var record = ForgedSegment.Record(
      sequence: 3, key: Array("a".utf8), value: Array("three".utf8), flags: flags, fields: fields ?? room)
    record.codec = codec
    record.dictionary = dictionary
    return record
  }

  private static let sealOf40Bytes: ForgedSegment.Record = {
    var seal = ForgedSegment.seal(2, reason: 1)
    seal.value += [UInt8](repeating: 1, count: 16)
    return seal
  }()
}
