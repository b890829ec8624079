internal import Cairn

/// Stores with attributes (SPEC 4.9), and with causes of removes.
extension FormatCase {
  /// F1-ATT-001, F1-ATT-002, F1-CAU-001, F1-DMP-005.
  static let attributes: [FormatCase] = [
    forged(.golden, "attributes") {
      ForgedStore([
        put(
          1, "all",
          item(
            attribute(3, "cost", real(0.5)),
            attribute(4, "made", number(1_700_000_000_000))
              + attribute(1, "model", text("small")) + attribute(5, "tags", [1, 0x61, 2, 0x62, 0x62])
              + attribute(2, "tokens", number(.max &- 1)))),
        put(
          2, "edges",
          item(
            attribute(1, "a", []),
            attribute(3, "b", real(.infinity)) + attribute(5, "c", [])
              + attribute(1, "ü", text("\u{0}\"ü")))),
        put(3, "replaced", item(attribute(2, "a", number(1)))), put(4, "replaced", []),
        // Behind a deadline, behind an item of a newer version, and before one.
        put(5, "deadline", Segment.little(1 << 50, 8) + item(attribute(2, "a", number(-1))), flags: 2),
        put(
          6, "items",
          [9, 2] + [UInt8](repeating: 7, count: 14) + item(attribute(2, "a", number(1)))
            + [8, 1] + [UInt8](repeating: 7, count: 6)),
        // The first one counts.
        put(7, "twice", item(attribute(2, "a", number(1))) + item(attribute(2, "b", number(2)))),
        Segment.seal(7, reason: 1),
      ])
    },
    forged(.golden, "attributes-texts-and-reals") {
      let reals = [
        0x1p53, 0x1p53 + 2, -9.5e15, 1e16, 1.25e17, 0.0001, 0.00001234, -1e-5, 1e22, 123456789.125,
        .greatestFiniteMagnitude,
        .leastNonzeroMagnitude, -.infinity,
      ]
      let numbers = reals.enumerated().map { number, one in attribute(3, "r\(10 + number)", real(one)) }
      // The same to a reader of text, and not the same bytes.
      let (composed, decomposed) = (text("\u{E9}"), text("e\u{301}"))
      let tags = [UInt8(decomposed.count)] + decomposed + [UInt8(composed.count)] + composed
      return ForgedStore([
        put(1, "reals", item(numbers.flatMap { $0 })),
        put(
          2, "texts",
          item(attribute(1, "e\u{301}", composed), attribute(5, "t", tags), attribute(1, "\u{E9}", decomposed))),
        Segment.seal(2, reason: 1),
      ])
    },
    forged(.golden, "attributes-moved") {
      let first = put(1, "a", item(attribute(2, "a", number(1))))
      var moved = first
      moved.fields = Segment.little(1, 8) + first.fields
      (moved.sequence, moved.flags) = (3, 1 << 2)
      return ForgedStore([first, put(2, "b", []), moved, Segment.seal(3, reason: 1)])
    },
    // Removes that say why (SPEC 4.10), the last three in a way that nobody knows.
    forged(.golden, "causes") {
      let items: [[UInt8]] = [
        [3, 1, 1, 0, 0, 0, 0, 0], [3, 1, 2, 0, 0, 0, 0, 0],
        [3, 2, 3, 5] + text("user:") + [UInt8](repeating: 0, count: 7),
        [3, 1, 4, 0, 0, 0, 0, 0], [3, 1, 3, 5, 0, 0, 0, 0], [3, 200, 1, 0, 0, 0, 0, 0],
      ]
      let puts = items.indices.map { put(UInt64($0) + 1, "\($0)", []) } + [put(7, "stays", [])]
      let removes = items.enumerated().map { number, item in
        Segment.Record(sequence: UInt64(number) + 8, kind: 2, key: text("\(number)"), fields: item)
      }
      return ForgedStore(puts + removes + [Segment.seal(13, reason: 1)])
    },
    // Only the first item is looked at; 250 words are the most.
    refused("first-invalid", item(attribute(6, "a", number(1))) + item(attribute(2, "a", number(1)))),
    refused("item-of-251-words", item(attribute(1, "a", [UInt8](repeating: 0x61, count: 2000)))),
    refused("type", item(attribute(6, "a", number(1)))),
    refused("name-empty", item(attribute(2, "", number(1)))),
    refused("name-too-long", item(attribute(2, String(repeating: "n", count: 65), number(1)))),
    refused("name-no-text", item([2, 1, 8, 0, 0xFF] + number(1))),
    refused("names-out-of-order", item(attribute(2, "b", number(1)), attribute(2, "a", number(1)))),
    refused("name-twice", item(attribute(2, "a", number(1)), attribute(2, "a", number(1)))),
    refused("string-no-text", item(attribute(1, "a", [0xC3]))),
    refused("integer-short", item(attribute(2, "a", [1, 2, 3, 4]))),
    refused("real-nan", item(attribute(3, "a", real(.nan)))),
    refused("real-minus-zero", item(attribute(3, "a", real(-0.0)))),
    refused("tag-empty", item(attribute(5, "a", [0]))),
    refused("tag-cut-short", item(attribute(5, "a", [3, 0x61]))),
    refused("tags-out-of-order", item(attribute(5, "a", [1, 0x62, 1, 0x61]))),
    refused("value-too-long", [2, 2] + [2, 1, 200, 0, 0x61] + [UInt8](repeating: 0, count: 9)),
    refused("not-ended-by-zeros", [2, 3] + attribute(2, "a", number(1)) + [UInt8](repeating: 0, count: 8) + [1]),
    refused("too-many-zeros", [2, 4] + attribute(2, "a", number(1)) + [UInt8](repeating: 0, count: 17)),
    refused("item-too-long", [2, 200] + attribute(2, "a", number(1)) + [0]),
  ]

  /// The entry is there, without attributes.
  private static func refused(_ name: String, _ fields: [UInt8]) -> FormatCase {
    forged(.hostile, "attributes-" + name) { ForgedStore([put(1, "a", fields), Segment.seal(1, reason: 1)]) }
  }

  private static func put(_ sequence: UInt64, _ key: String, _ fields: [UInt8], flags: UInt16 = 0) -> Segment.Record {
    precondition(fields.count % 8 == 0, "an extension has whole words")
    return Segment.Record(
      sequence: sequence, key: text(key), value: text("value"), flags: flags, fields: fields)
  }

  private static func item(_ parts: [UInt8]...) -> [UInt8] {
    var item: [UInt8] = [2, 0] + parts.joined()
    item += [UInt8](repeating: 0, count: -item.count & 7)
    item[1] = UInt8(item.count / 8)
    return item
  }

  private static func attribute(_ type: UInt8, _ name: String, _ value: [UInt8]) -> [UInt8] {
    [type, UInt8(name.utf8.count)] + Segment.little(UInt64(value.count), 2) + name.utf8 + value
  }

  private static func number(_ number: Int64) -> [UInt8] { Segment.little(UInt64(bitPattern: number), 8) }
  private static func real(_ number: Double) -> [UInt8] { Segment.little(number.bitPattern, 8) }
  private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }
}
