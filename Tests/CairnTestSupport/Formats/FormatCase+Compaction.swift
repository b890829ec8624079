internal import Cairn
internal import Foundation

/// Stores that compaction has been at.
extension FormatCase {
  typealias Segment = ForgedSegment

  private static func put(_ sequence: UInt64, _ key: String, _ value: String, until deadline: UInt64) -> Segment.Record
  {
    var record = ForgedSegment.put(sequence, key, value)
    record.flags = 1 << 1
    record.fields = ForgedSegment.little(deadline, 8)
    return record
  }

  /// Of five segments the first two and the fourth are going to be compacted.
  static let uncompactedStore = ForgedStore([
    Segment.put(1, "a", "one"), Segment.put(2, "b", "two"), timed, Segment.put(4, "d", "four"),
    Segment.seal(4, reason: 2, next: 2),
  ]).with { store in
    store.addSegment(
      at: 4, Segment.put(5, "e", "five"), Segment.remove(6, "d"), again, Segment.seal(7, reason: 2, next: 3))
    store.addSegment(
      at: 7, Segment.put(8, "f", "eight"), Segment.put(9, "b", "nine"), Segment.seal(9, reason: 2, next: 4))
    store.addSegment(at: 9, removed, late, Segment.remove(12, "e"), Segment.seal(12, reason: 2, next: 5))
    store.addSegment(at: 12, Segment.put(13, "h", "thirteen"))
  }

  // What counts in those.
  private static let timed = put(3, "c", "three", until: 4_000_000_000_000)
  private static let again = Segment.put(7, "a", "again")
  private static let removed = Segment.remove(10, "f")
  private static let late = put(11, "g", "eleven", until: 4_000_000_000_001)

  /// Nothing is left that the removes of "d" and "e" hide; "f" still is.
  static func moved(from sequence: UInt64) -> [Segment.Record] {
    [timed, again, removed, late].enumerated().map { Segment.moved($1, to: sequence + UInt64($0)) }
  }

  /// The third, the fifth and the sixth segment are left.
  static let compactedStore = uncompactedStore.with { store in
    store.addSegment(at: 13, moved(from: 14) + [Segment.put(18, "i", "eighteen"), Segment.seal(18, reason: 1)])
    store.takeAway([1, 2, 4], history: 12)
  }

  /// Some of what compaction has taken away is kept. F1-VER-001: what is no earlier version is skipped.
  static let storeWithEarlierVersions = uncompactedStore.with { store in
    let time: Int64 = 1_700_000_000_000
    var withoutVersion = Segment.earlier(Segment.put(13, "h", "not a version"), at: 18, replacedBy: 15, time: time)
    withoutVersion.flags = 0
    store.addSegment(
      at: 13,
      moved(from: 14) + [
        Segment.earlier(Segment.put(2, "b", "two"), at: 17, replacedBy: 9, time: time),
        Segment.earlier(put(4, "d", "four", until: 4_000_000_000_002), at: 17, replacedBy: 6, time: time + 1),
        Segment.put(18, "i", "eighteen"), withoutVersion,
        Segment.earlier(Segment.put(7, "", "without a key"), at: 18, replacedBy: 8, time: time),
        Segment.earlier(Segment.put(5, "e", "five"), at: 18, replacedBy: 12, time: -1), Segment.seal(18, reason: 1),
      ])
    store.takeAway([1, 2, 4], history: 12)
  }

  /// F1-GON-001, F1-GON-002, F1-GON-003, F1-REC-020, F1-REC-023, F1-REC-042, F1-REC-043, F1-WRT-008.
  static let compaction: [FormatCase] = [
    forged(.golden, "after-compaction") { compactedStore },
    forged(.golden, "earlier-versions") { storeWithEarlierVersions },
    FormatCase(.golden, "after-compaction-with-checkpoint") {
      try files { path in try checkpointed(compactedStore.files, path, session: 4) }
    },
    compactionAfterCheckpoint,
    FormatCase(.golden, "left-over-segments") {
      // A writer died after the list was written; what is left of the first segment is no segment any more.
      var files = compactedStore.files
      for segment in uncompactedStore.segments where [1, 2, 4].contains(segment.number) {
        files[ForgedStore.segmentName(Int(segment.number))] = segment.bytes
      }
      files[firstSegment] = [UInt8](repeating: 0xA5, count: 300)
      files[secondSegment]?[400] ^= 1
      return files
    },
    forged(.golden, "nothing-is-gone") { ForgedStore.base.with { $0.gone = ForgedGone(ranges: []) } },
    forged(.golden, "numbers-left-out") {
      ForgedStore([Segment.put(1, "a", "one"), Segment.seal(1, reason: 2, next: 4)]).with { store in
        store.addSegment(at: 1, number: 4, [Segment.put(2, "b", "two"), Segment.seal(2, reason: 1)])
      }
    },
    // F1-REC-041: only its link would tell which numbers it leaves out.
    forged(.golden, "prepared-segment-with-numbers-left-out") {
      ForgedStore.open().with { store in
        store.segments.append(ForgedSegment(number: 4, of: ForgedStore.identifier, salt: 4))
      }
    },
  ]

  /// F1-CHK-006: entries of the checkpoint lead to segments that are gone.
  static let compactionAfterCheckpoint = FormatCase(.golden, "compaction-after-checkpoint") {
    try compactAfterCheckpoint(moved(from: 15))
  }

  /// - Parameter moved: what stands at the end of the log for what was taken away.
  static func compactAfterCheckpoint(_ moved: [Segment.Record]) throws -> [String: [UInt8]] {
    var files = try Self.files { path in try checkpointed(uncompactedStore.files, path, session: 4) }
    var store = uncompactedStore
    store.segments = (1...6).compactMap { files[ForgedStore.segmentName($0)].map { Segment(whole: $0) } }
    store.addSegment(at: 14, moved + [Segment.seal(14 + UInt64(moved.count), reason: 1)])
    store.takeAway([1, 2, 4], history: 12)
    for number in [1, 2, 4] { files[ForgedStore.segmentName(number)] = nil }
    let compacted = store.files
    for name in [ForgedStore.segmentName(7), ForgedStore.goneName] { files[name] = compacted[name] }
    return files
  }

  /// Lets the engine go on in a store, and write a checkpoint.
  static func checkpointed(
    _ files: [String: [UInt8]], _ path: String, session: Int, isCompacting: Bool = true
  ) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    for (name, bytes) in files { try Files.write(bytes, to: path + "/" + name) }
    var options = options(session: session)
    options.checkpointInterval = 1
    options.compaction.isAutomatic = isCompacting
    let store = try Store.open(at: path, options: options)
    try store.put("in the session after", for: "j")
    try store.close()
  }

  // MARK: Defects

  /// The compacted store with another list.
  static func gone(
    _ folder: Folder, _ name: String, reading: Outcome = .fine, _ change: @escaping @Sendable (inout ForgedGone) -> Void
  ) -> FormatCase {
    forged(folder, name, reading: reading) {
      compactedStore.with { store in if store.gone != nil { change(&store.gone!) } }
    }
  }

  /// With a range that cannot be.
  private static func ranges(
    _ name: String, _ number: Int, _ change: @escaping @Sendable (inout [[UInt64]]) -> Void
  ) -> FormatCase {
    gone(.hostile, name, reading: .damaged(ForgedStore.goneName, 128 + number * 32)) { change(&$0.ranges) }
  }

  /// With changed bytes under whatever checksums.
  private static func spoilt(
    _ name: String, _ offset: Int?, _ change: @escaping @Sendable (inout [UInt8]) -> Void
  ) -> FormatCase {
    FormatCase(.hostile, name, reading: .damaged(ForgedStore.goneName, offset)) {
      var files = compactedStore.files
      change(&files[ForgedStore.goneName]!)
      return files
    }
  }

  /// With another record in the last segment.
  private static func last(
    _ name: String, _ offset: Int, _ change: @escaping @Sendable (inout Segment) -> Void
  ) -> FormatCase {
    forged(.hostile, name, reading: .damaged(ForgedStore.segmentName(6), offset)) {
      compactedStore.with { change(&$0.segments[2]) }
    }
  }

  private static let thirdEnd = UInt64(uncompactedStore.segments[2].bytes.count)

  /// F1-GON-001, F1-GON-003, F1-REC-020, F1-REC-023, F1-REC-042, F1-REC-043, F1-END-002, F1-END-004.
  static let compacted: [FormatCase] =
    list + [
      FormatCase(.hostile, "gone-missing", reading: .damaged(firstSegment)) {
        compactedStore.files.filter { $0.key != ForgedStore.goneName }
      },
      gone(.hostile, "gone-without-the-first-range", reading: .damaged(firstSegment)) { $0.ranges.removeFirst() },
      gone(.hostile, "gone-without-the-last-range", reading: .damaged(ForgedStore.segmentName(4))) {
        $0.ranges.removeLast()
      },
      gone(.hostile, "gone-too-few", reading: .damaged(firstSegment)) { $0.ranges[0][1] = 1 },
      gone(.hostile, "gone-the-last-segment", reading: .damaged(ForgedStore.segmentName(9))) {
        $0.ranges.append([8, 8, 256, 0])
      },
      gone(.hostile, "gone-behind-the-last-segment", reading: .damaged(ForgedStore.segmentName(8))) {
        $0.ranges.append([7, 7, 256, 0])
      },
      gone(.hostile, "gone-end-too-early", reading: .damaged(ForgedStore.segmentName(3), Int(thirdEnd) - 56)) {
        $0.ranges[1][2] = thirdEnd - 56
      },
      gone(.hostile, "gone-end-too-late", reading: .damaged(ForgedStore.segmentName(3), Int(thirdEnd))) {
        $0.ranges[1][2] = thirdEnd + 8
      },
      gone(.hostile, "gone-end-huge", reading: .damaged(ForgedStore.segmentName(3), Int(thirdEnd))) {
        $0.ranges[1][2] = .max
      },
      gone(.hostile, "gone-another-record", reading: .damaged(ForgedStore.segmentName(3), Int(thirdEnd))) {
        $0.ranges[1][3] ^= 1
      },
      // F1-END-002: what is before a range was on the disk.
      forged(.hostile, "gone-behind-a-torn-record", reading: .damaged(ForgedStore.segmentName(3), 368)) {
        compactedStore.with { $0.segments[0].bytes.removeSubrange(370...) }
      },
      forged(.hostile, "gone-then-an-older-segment", reading: .damaged(ForgedStore.segmentName(5), 256)) {
        compactedStore.with { $0.segments[1].change(0, at: 8, Segment.little(8, 8)) }
      },
      forged(.hostile, "gone-then-a-sequence-at-the-limit", reading: .damaged(ForgedStore.segmentName(5), 256)) {
        compactedStore.with { store in
          store.segments[1].change(0, at: 8, Segment.little(.max, 8))
          store.segments[1].change(1, at: 8, Segment.little(0, 8))
        }
      },
      forged(.hostile, "gone-then-a-link-to-itself", reading: .damaged(ForgedStore.segmentName(5), 256)) {
        compactedStore.with { $0.segments[1].change(0, at: 32, Segment.little(5, 8)) }
      },
      forged(.hostile, "gone-then-a-link-too-far-back", reading: .damaged(ForgedStore.segmentName(5), 256)) {
        compactedStore.with { $0.segments[1].change(0, at: 32, Segment.little(2, 8)) }
      },
      forged(.hostile, "gone-then-a-link-before-the-records", reading: .damaged(ForgedStore.segmentName(5), 256)) {
        compactedStore.with { $0.segments[1].change(0, at: 40, Segment.little(255, 8)) }
      },
      forged(.hostile, "gone-then-no-link", reading: .damaged(ForgedStore.segmentName(5), 256)) {
        compactedStore.with { $0.segments[1].flip(300) }
      },
      // The first moved put has its deadline at byte 360 and its version at 368; the second one has it at 416.
      last("version-0", 328) { $0.change(1, at: 40, Segment.little(0, 8)) },
      last("version-of-the-future", 328) { $0.change(1, at: 40, Segment.little(15, 8)) },
      last("version-huge", 384) { $0.change(2, at: 32, Segment.little(.max, 8)) },
      last("version-without-its-field", 384) { $0.change(2, at: 24, Segment.little(1 << 1 | 1 << 2, 2)) },
      forged(.hostile, "numbers-left-out-by-another-link", reading: .damaged(secondSegment)) {
        ForgedStore.open().with { store in
          store.addSegment(at: 2, number: 4, [Segment.put(3, "c", "three")])
          store.segments[1].change(0, at: 32, Segment.little(2, 8))
        }
      },
    ]

  /// F1-GON-001.
  private static let list: [FormatCase] = [
    spoilt("gone-empty", 0) { $0 = [] },
    spoilt("gone-cut-short", 100) { $0.removeSubrange(100...) },
    spoilt("gone-range-cut-short", 48) { $0.removeLast() },
    spoilt("gone-magic", 0) { $0[12] ^= 1 },
    spoilt("gone-checksum", 120) { $0[40] ^= 1 },
    spoilt("gone-range-bit", 56) { $0[128] ^= 1 },
    spoilt("gone-longer", 48) { $0 += [0, 0, 0, 0, 0, 0, 0, 0] },
    gone(.hostile, "gone-of-another-store", reading: .damaged(ForgedStore.goneName, 24)) {
      $0.changes = [(24, [0x77])]
    },
    gone(.hostile, "gone-count-huge", reading: .damaged(ForgedStore.goneName, 48)) { $0.count = .max },
    gone(.hostile, "gone-count-wraps", reading: .damaged(ForgedStore.goneName, 48)) { $0.count = 1 << 59 + 2 },
    gone(.hostile, "gone-count-less", reading: .damaged(ForgedStore.goneName, 48)) { $0.count = 1 },
    ranges("gone-range-empty", 1) { $0[1] = [5, 4, 256, 0] },
    ranges("gone-range-of-0", 0) { $0[0] = [0, 2, 0, 0] },
    ranges("gone-range-beyond-all", 1) { $0[1][1] = 1 << 32 },
    ranges("gone-ranges-out-of-order", 1) { $0.reverse() },
    ranges("gone-ranges-overlapping", 1) { $0[1][0] = 2 },
    ranges("gone-ranges-touching", 1) { $0[1][0] = 3 },
    ranges("gone-range-without-an-end", 1) { $0[1][2] = 0 },
    ranges("gone-range-with-an-end-in-the-header", 1) { $0[1][2] = 255 },
    ranges("gone-range-with-an-end-before-all", 0) { $0[0][2] = 256 },
  ]
}
