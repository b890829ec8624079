internal import Cairn

extension FormatCase {
  /// Stores with one defect each. In the base store, the first record after the link stands at byte 328, the second at
  /// 368, and a third at 408; each says that what comes before it was on the disk.
  static let hostile: [FormatCase] = headers + records + ends + checkpoints + compacted

  // MARK: Headers

  /// F1-STO-001, F1-SEG-001, F1-END-004.
  private static let headers: [FormatCase] = [
    without("store-missing", "STORE", .damaged(".")),
    bytes("store-cut-short", .damaged("STORE", 100)) { $0["STORE"]?.removeSubrange(100...) },
    bytes("store-empty", .damaged("STORE", 0)) { $0["STORE"] = [] },
    bytes("store-magic", .damaged("STORE", 0)) { $0["STORE"]?[1] ^= 0x20 },
    bytes("store-checksum", .damaged("STORE", 4088)) { $0["STORE"]?[50] ^= 1 },
    bytes("segment-empty", .damaged(firstSegment, 0)) { $0[firstSegment] = [] },
    bytes("segment-cut-short", .damaged(firstSegment, 100)) { $0[firstSegment]?.removeSubrange(100...) },
    bytes("segment-magic", .damaged(firstSegment, 0)) { $0[firstSegment]?[3] ^= 1 },
    bytes("segment-checksum", .damaged(firstSegment, 0)) { $0[firstSegment]?[60] ^= 1 },
    changed(.hostile, "segment-of-another-store", reading: .damaged(firstSegment, 24)) {
      $0.segments[0].setHeaderByte(24, 0x77)
    },
    changed(.hostile, "segment-of-another-number", reading: .damaged(firstSegment, 24)) {
      $0.segments[0].setHeaderByte(40, 2)
    },
    without("segment-missing", firstSegment, .damaged(".")),
    // F1-END-004.
    bytes("segment-missing-between", .damaged(secondSegment)) { files in
      files[ForgedStore.segmentName(3)] = files[firstSegment]
    },
    forged(.hostile, "first-segment-follows-another", reading: .damaged(firstSegment, 256)) {
      ForgedStore.open().with { $0.segments[0].change(0, at: 32, [9]) }
    },
    FormatCase(.hostile, "first-segment-missing", reading: .damaged(firstSegment)) {
      var store = ForgedStore.open()
      store.addSegment(at: 2, ForgedSegment.put(3, "c", "three"))
      return store.files.filter { $0.key != firstSegment }
    },
    FormatCase(.hostile, "first-segment-missing-second-unused", reading: .damaged(firstSegment)) {
      var store = ForgedStore.open()
      store.segments.append(ForgedSegment(number: 2, of: ForgedStore.identifier))
      return store.files.filter { $0.key != firstSegment }
    },
  ]

  // MARK: Records

  /// F1-REC-010, F1-REC-022.
  private static let records: [FormatCase] = [
    changed(.hostile, "record-value-bit", reading: .damaged(firstSegment, 368)) { $0.segments[0].flip(368 + 33) },
    changed(.hostile, "record-key-bit", reading: .damaged(firstSegment, 368)) { $0.segments[0].flip(368 + 32) },
    changed(.hostile, "record-checksum-bit", reading: .damaged(firstSegment, 368)) { $0.segments[0].flip(368) },
    changed(.hostile, "record-value-length", reading: .damaged(firstSegment, 368)) { $0.segments[0].flip(368 + 19) },
    changed(.hostile, "record-value-length-over-limit", reading: .damaged(firstSegment, 368)) {
      $0.segments[0].bytes[368 + 19] = 0x80
    },
    changed(.hostile, "record-kind-0", reading: .damaged(firstSegment, 368)) { $0.segments[0].change(2, at: 22, [0]) },
    third("record-sequence-left-out", ForgedSegment.put(4, "c", "three")),
    third("record-sequence-twice", ForgedSegment.put(2, "c", "three")),
    third("record-sequence-last", ForgedSegment.put(.max, "c", "three")),
    third("record-without-key", ForgedSegment.Record(sequence: 3)),
    third("record-without-deadline", ForgedSegment.Record(sequence: 3, key: [0x63], flags: 2)),
    third("link-in-the-middle", ForgedSegment.Record(sequence: 2, kind: 4, value: ForgedSegment.link.value)),
    third("seal-cut-short", ForgedSegment.seal(2, reason: 1, byteCount: 16)),
    third("seal-out-of-sequence", ForgedSegment.seal(3, reason: 1)),
    forged(.hostile, "mark-in-a-batch", reading: .damaged(firstSegment, 448)) {
      ForgedStore.open(ForgedSegment.Record(sequence: 3, key: [0x63], flags: 1), ForgedSegment.seal(3, reason: 1))
    },
    forged(.hostile, "batch-without-end", reading: .damaged(firstSegment, 408)) {
      let part = ForgedSegment.Record(sequence: 3, key: [0x63], flags: 1)
      return ForgedStore.open(part, ForgedSegment.put(4, "d", "four"), ForgedSegment.put(5, "e", "five"))
        .with { $0.segments[0].flip(448 + 33) }
    },
    // A kind of a newer version that may be skipped, but for that.
    forged(.hostile, "skipped-before-the-link", reading: .damaged(firstSegment, 256)) {
      ForgedStore([]).with { store in
        store.segments[0] = ForgedSegment(number: 1, of: ForgedStore.identifier)
        store.segments[0].add(ForgedSegment.Record(sequence: 0, kind: 200))
      }
    },
    forged(.hostile, "put-before-the-link", reading: .damaged(firstSegment, 256)) {
      ForgedStore([]).with { store in
        store.segments[0] = ForgedSegment(number: 1, of: ForgedStore.identifier)
        store.segments[0].add(ForgedSegment.put(1, "a", "one"))
      }
    },
    forged(.hostile, "record-of-another-place", reading: .damaged(firstSegment, 408)) {
      // The second one once more behind itself, and a third one where it would be.
      ForgedStore.open(ForgedSegment.put(3, "b", "two"), ForgedSegment.put(4, "d", "four")).with { store in
        store.segments[0].bytes.replaceSubrange(408..<448, with: store.segments[0].bytes[368..<408])
      }
    },
    forged(.hostile, "record-of-another-segment", reading: .damaged(firstSegment, 368)) {
      ForgedStore.base.with { store in
        var other = ForgedSegment(number: 1, of: ForgedStore.identifier, salt: 0xBAD)
        other.add(ForgedSegment.link, ForgedSegment.put(1, "a", "one"), ForgedSegment.put(2, "b", "bad"))
        store.segments[0].bytes.replaceSubrange(368..<408, with: other.bytes[368..<408])
      }
    },
  ]

  // MARK: Where the log ends

  private static let ends: [FormatCase] = [
    // F1-REC-030.
    changed(.hostile, "seal-without-next-segment", reading: .damaged(secondSegment)) {
      $0.segments[0].change(3, at: 32, ([2, 1, 2] as [UInt64]).flatMap { ForgedSegment.little($0, 8) })
    },
    forged(.hostile, "next-segment-proves", reading: .damaged(firstSegment, 368)) {
      ForgedStore.open().with { store in
        store.addSegment(at: 2, ForgedSegment.put(3, "c", "three"))
        store.segments[0].flip(368 + 33)
      }
    },
    forged(.hostile, "link-knows-more-durable", reading: .damaged(firstSegment, 368)) {
      ForgedStore.open().with { store in
        store.addSegment(at: 2, durable: 408)
        store.segments[0].flip(368 + 33)
      }
    },
    forged(.hostile, "link-to-another-record", reading: .damaged(firstSegment, 408)) {
      ForgedStore.open().with { store in
        store.addSegment(at: 2)
        store.segments[1].change(0, at: 32 + 16, [1, 2, 3])
      }
    },
    // F1-REC-050.
    compressed("zstd-cut-short", [0x28, 0xB5, 0x2F, 0xFD, 0x20, 4, 0x21, 0, 0, 0x61]),
    compressed("zstd-of-another-size", [0x28, 0xB5, 0x2F, 0xFD, 0x20, 5, 0x21, 0, 0, 0x61, 0x62, 0x63, 0x64]),
    compressed("zstd-of-a-gigabyte", [0x28, 0xB5, 0x2F, 0xFD, 0xA0, 0, 0, 0, 0x40, 0x23, 0, 0, 0x61]),
    compressed("zstd-without-a-size", [0x28, 0xB5, 0x2F, 0xFD, 0, 0x58, 0x21, 0, 0, 0x61, 0x62, 0x63, 0x64]),
    compressed("zstd-and-more", [0x28, 0xB5, 0x2F, 0xFD, 0x20, 4, 0x21, 0, 0, 0x61, 0x62, 0x63, 0x64, 0x65]),
    compressed("zstd-no-frame", [1, 2, 3]),
    compressed("zstd-skippable-frame", [0x50, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 1, 2]),
    compressed(
      "zstd-and-a-skippable-frame",
      [0x28, 0xB5, 0x2F, 0xFD, 0x20, 4, 0x21, 0, 0, 0x61, 0x62, 0x63, 0x64, 0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0]),
    compressed(
      "zstd-with-a-large-window", [0x28, 0xB5, 0x2F, 0xFD, 0x80, 0x89, 4, 0, 0, 0, 0x21, 0, 0, 0x61, 0x62, 0x63, 0x64]),
    compressed("zstd-of-nothing-but-rubbish", [0x28, 0xB5, 0x2F, 0xFD, 0x20, 0, 1, 2, 3, 4]),
    // F1-REC-042.
    forged(.hostile, "link-before-the-records", reading: .damaged(secondSegment, 256)) {
      ForgedStore.open().with { store in
        store.addSegment(at: 2)
        store.segments[1].change(0, at: 32 + 8, ForgedSegment.little(100, 8))
      }
    },
    forged(.hostile, "link-to-another-segment", reading: .damaged(secondSegment, 256)) {
      ForgedStore.open().with { store in
        store.addSegment(at: 2)
        store.segments[1].change(0, at: 32, ForgedSegment.little(7, 8))
      }
    },
    forged(.hostile, "link-to-itself", reading: .damaged(secondSegment, 256)) {
      ForgedStore.open().with { store in
        store.addSegment(at: 2)
        store.segments[1].change(0, at: 32, ForgedSegment.little(2, 8))
      }
    },
  ]

  // MARK: Checkpoints

  /// F1-CHK-001, F1-CHK-002, F1-CHK-003.
  private static let checkpoints: [FormatCase] = [
    bytes("checkpoint-empty", .fine) { $0["index.checkpoint"] = [] },
    bytes("checkpoint-of-rubbish", .fine) { $0["index.checkpoint"] = [UInt8](repeating: 0xA5, count: 5000) },
    withCheckpoint(.hostile, "checkpoint-header-bit", .fine) { $0["index.checkpoint"]?[70] ^= 1 },
    withCheckpoint(.hostile, "checkpoint-shard-bit", .fine) { files in
      // Before the table of segments, in the last bucket that has an entry.
      let bytes = files["index.checkpoint"] ?? []
      if let at = bytes.dropLast(56).lastIndex(where: { $0 != 0 }) { files["index.checkpoint"]?[at] ^= 1 }
    },
    withCheckpoint(.hostile, "checkpoint-cut-short", .fine) { $0["index.checkpoint"]?.removeLast(10) },
    withCheckpoint(.hostile, "checkpoint-with-another-last-record", .damaged(".", 1168)) {
      $0.changeCheckpoint(at: 112)
    },
    withCheckpoint(.hostile, "checkpoint-of-a-longer-log", .damaged(firstSegment, 860)) {
      $0[firstSegment]?.removeSubrange(860...)
    },
  ]

  // MARK: How they are made

  /// The base store with changed bytes.
  private static func bytes(
    _ name: String, _ outcome: Outcome, _ change: @escaping @Sendable (inout [String: [UInt8]]) -> Void
  ) -> FormatCase {
    FormatCase(.hostile, name, reading: outcome) {
      var files = ForgedStore.base.files
      change(&files)
      return files
    }
  }

  /// With an entry behind two whose value is such a frame.
  private static func compressed(_ name: String, _ frame: [UInt8]) -> FormatCase {
    var record = ForgedSegment.put(3, "c", "")
    (record.codec, record.value) = (1, frame)
    let entry = record
    return forged(.hostile, name, reading: .damaged(firstSegment, 408), writing: .fine) {
      ForgedStore.open(entry, ForgedSegment.put(4, "d", "four"))
    }
  }

  private static func without(_ name: String, _ file: String, _ outcome: Outcome) -> FormatCase {
    bytes(name, outcome) { $0[file] = nil }
  }

  /// With a record behind two that may not stand there, and another one that proves that it was on the disk.
  private static func third(_ name: String, _ record: ForgedSegment.Record) -> FormatCase {
    forged(.hostile, name, reading: .damaged(firstSegment, 408)) {
      ForgedStore.open(record, ForgedSegment.put(3, "z", "last"))
    }
  }
}
