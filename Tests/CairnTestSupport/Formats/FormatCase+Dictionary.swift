extension FormatCase {
  /// SPEC 4.6. By hand, as what zstd makes of values is not the same in every version of it.
  static let dictionaries: [FormatCase] = [
    // F1-DIC-001: the second frame names its dictionary, and the third one needs none.
    forged(.golden, "dictionary") {
      ForgedStore([
        dictionary(), framed("a", 1), framed("b", 2, naming: [0x46, 0x2C, 0x21, 0x5B]),
        framed("c", 3, dictionary: 0, plain), ForgedSegment.seal(3, reason: 2, next: 2),
      ]).with { store in
        store.addSegment(at: 3, ForgedSegment.put(4, "d", "four"), ForgedSegment.seal(4, reason: 1))
      }
    },
    forged(.golden, "dictionary-and-no-value") { ForgedStore([dictionary(), ForgedSegment.seal(0, reason: 1)]) },
    forged(.golden, "dictionary-compressed") {
      ForgedStore([dictionary(raw(bytes), codec: 1), framed("a", 1), ForgedSegment.seal(1, reason: 1)])
    },
    // F1-DIC-002: only the first one counts.
    forged(.golden, "dictionary-twice") {
      ForgedStore([
        dictionary(), dictionary(Array(bytes.dropLast(9))), framed("a", 1), ForgedSegment.seal(1, reason: 1),
      ])
    },
    forged(.hostile, "dictionary-bit", reading: .damaged(firstSegment, 328)) {
      ForgedStore([dictionary(), framed("a", 1), ForgedSegment.put(2, "b", "two")])
        .with { $0.segments[0].flip(328 + 200) }
    },
    // F1-DIC-003.
    broken("dictionary-missing", at: 328, framed("a", 1)),
    broken("dictionary-of-the-segment-before", at: 328, in: secondSegment, dictionary(), framed("a", 1)),
    broken("dictionary-and-magic", at: 760, dictionary(), framed("a", 1, magic + [0x20, 48] + body)),
    broken("dictionary-with-another-name", at: 760, dictionary(), framed("a", 1, naming: [1, 2, 3, 4])),
    // F1-DIC-002.
    broken("dictionary-behind-a-put", at: 800, ForgedSegment.put(1, "b", "two"), dictionary(at: 1), framed("a", 2)),
    broken(
      "dictionary-behind-another", at: 368 + 432, dictionary([1, 2, 3, 4, 5, 6, 7, 8]), dictionary(), framed("a", 1)),
    broken("dictionary-without-magic", at: 760, dictionary(Array(bytes.reversed())), framed("a", 1)),
    broken("dictionary-of-rubbish", at: 368, dictionary(Array(bytes[..<8])), framed("a", 1)),
    broken("dictionary-with-a-flag", at: 760, changed { $0.flags = 1 << 3 }, framed("a", 1)),
    broken("dictionary-with-a-codec", at: 760, changed { $0.codec = 1 }, framed("a", 1)),
    broken("dictionary-with-another-codec", at: 760, changed { $0.codec = 2 }, framed("a", 1)),
    broken("dictionary-cut-short", at: 776, dictionary(raw(bytes).dropLast(), codec: 1), framed("a", 1)),
    // As long as a compressed one may be, and with room for all of it, but for one byte.
    broken(
      "dictionary-too-long", at: 808, dictionary(stretched(by: (1 << 20) + 1 - bytes.count), codec: 1), framed("a", 1)),
    broken("dictionary-with-a-dictionary", at: 760, changed { $0.dictionary = 1 }, framed("a", 1)),
  ]

  /// Of zstd, for values such as the one below.
  public static let bytes = unhexadecimal(
    """
    37a430ec462c215b1710f0ec1c00000a411552262965920f187befbdf7de7bef330500000004429f0d00000004000080010408083e451400\
    644176122c030080611800400080161c45084004000000000044f3c2e9030000000000000000000000000000010000000400000008000000\
    636f6c6f7572223a2022626c7565222c2022776569676874223a2032317d7b226e616d65223a2022373736222c2022636f6c357d7b226e61\
    6d65223a2022313230222c2022636f6c6f7572223a2022677265656e222c2022776569676874223a2033397d317d7b226e616d65223a2022\
    393531222c2022636f6c6f7572223a2022677265656e222c2022776569676874223a2039317d38367d7b226e616d65223a2022343132222c\
    2022636f6c6f7572223a2022626c7565222c2022776569676874223a2031327d636f6c6f7572223a2022626c7565222c2022776569676874\
    223a2035357d7b226e616d65223a2022323733222c2022636f6c34222c2022636f6c6f7572223a2022726564222c2022776569676874223a\
    2038327d7b226e61
    """)
  public static let value = #"{"name": "777", "colour": "green", "weight": 12}"#
  /// The value, made with it; behind the bytes that tell the length.
  private static let body = unhexadecimal("7d0000287b3731327d023c3d1c2948707105")
  private static let magic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
  private static let plain: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x20, 4, 0x21, 0, 0, 0x61, 0x62, 0x63, 0x64]

  private static func unhexadecimal(_ text: String) -> [UInt8] {
    let digits = text.utf8.map { UInt8($0 > 96 ? $0 - 87 : $0 - 48) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  public static func dictionary(
    _ bytes: [UInt8] = bytes, codec: UInt8 = 0, at sequence: UInt64 = 0
  ) -> ForgedSegment.Record {
    var record = ForgedSegment.Record(sequence: sequence, kind: 129, value: bytes)
    record.codec = codec
    return record
  }

  /// A frame of one block that has the content as it is.
  private static func raw(_ content: [UInt8]) -> [UInt8] {
    magic + [0x60] + ForgedSegment.little(UInt64(content.count - 256), 2)
      + ForgedSegment.little(UInt64(content.count << 3 | 1), 3) + content
  }

  /// The same with so many times one byte behind it.
  private static func stretched(by count: Int) -> [UInt8] {
    var frame = magic + [0xA0] + ForgedSegment.little(UInt64(bytes.count + count), 4)
    frame += ForgedSegment.little(UInt64(bytes.count << 3), 3) + bytes
    var left = count
    while left > 0 {
      let piece = min(left, 128 << 10)
      left -= piece
      frame += ForgedSegment.little(UInt64(piece << 3 | 2 | (left == 0 ? 1 : 0)), 3) + [7]
    }
    return frame
  }

  private static func changed(_ change: (inout ForgedSegment.Record) -> Void) -> ForgedSegment.Record {
    var record = dictionary()
    change(&record)
    return record
  }

  public static func framed(
    _ key: String, _ sequence: UInt64, dictionary: UInt8 = 1, naming name: [UInt8] = [], _ frame: [UInt8]? = nil
  ) -> ForgedSegment.Record {
    var record = ForgedSegment.put(sequence, key, "")
    (record.codec, record.dictionary) = (1, dictionary)
    record.value = frame ?? [name.isEmpty ? 0x20 : 0x23] + name + [48] + body
    return record
  }

  /// With values that cannot be decompressed, the first one there; everything else can be read.
  private static func broken(
    _ name: String, at offset: Int, in file: String = firstSegment, _ records: ForgedSegment.Record...
  ) -> FormatCase {
    forged(.hostile, name, reading: .damaged(file, offset), writing: .fine) {
      var records = records
      let last = records.removeLast()
      if file == firstSegment {
        return ForgedStore(records + [last, ForgedSegment.put(last.sequence + 1, "z", "last")])
      }
      return ForgedStore(records).with { store in
        store.addSegment(at: last.sequence - 1, last, ForgedSegment.put(last.sequence + 1, "z", "last"))
      }
    }
  }
}
