internal import Cairn
internal import Foundation

/// Stores with barriers (SPEC 4.8).
extension FormatCase {
  /// F1-BAR-001, F1-BAR-002, F1-BAR-003, F1-CHK-007.
  static let barriers: [FormatCase] =
    [
      // Those of a, of what begins with b, of everything, and of nothing that there is.
      forged(.golden, "barriers") {
        ForgedStore([
          Segment.put(1, "a", "one"), Segment.put(2, "ab", "two"), Segment.barrier(3, "a"),
          Segment.put(4, "ab", "four"),
          Segment.put(5, "b", "five"), Segment.put(6, "bc", "six"), Segment.barrier(7, "b"), Segment.barrier(8, "zz"),
          Segment.put(9, "c", "nine"), Segment.seal(9, reason: 1),
        ])
      },
      forged(.golden, "barrier-for-everything") {
        ForgedStore([
          Segment.put(1, "a", "one"), Segment.put(2, "b", "two"), Segment.barrier(3, ""), Segment.put(4, "b", "four"),
          Segment.seal(4, reason: 1),
        ])
      },
      // What was moved is as old as it was before. One is hidden by what stands before it, moved as well.
      forged(.golden, "barriers-moved") {
        ForgedStore([Segment.put(1, "a", "one"), Segment.barrier(2, "a"), Segment.seal(2, reason: 2, next: 2)])
          .with { store in
            store.addSegment(
              at: 2, Segment.put(3, "ab", "three"), Segment.moved(Segment.barrier(2, "a"), to: 4),
              Segment.moved(Segment.put(3, "ab", "three"), to: 5), Segment.moved(Segment.put(1, "a", "one"), to: 6),
              Segment.seal(6, reason: 1))
          }
      },
      forged(.golden, "barrier-in-a-batch-without-end") {
        ForgedStore([Segment.put(1, "a", "one"), batched(Segment.barrier(2, "a"))])
      },
      FormatCase(.golden, "barriers-in-a-checkpoint") { try files(barriersInACheckpoint) },
      FormatCase(.golden, "barriers-after-a-checkpoint") { try compactHidden(isListed: false) },
      FormatCase(.golden, "barriers-in-a-checkpoint-and-compaction") { try compactHidden(isListed: true) },
      forged(.future, "barrier-with-a-value", reading: .unsupported(firstSegment, 408)) {
        var record = Segment.barrier(3, "a")
        record.value = [1]
        return ForgedStore.open(record)
      },
      forged(.future, "barrier-with-a-codec", reading: .unsupported(firstSegment, 408)) {
        var record = Segment.barrier(3, "a")
        record.codec = 1
        return ForgedStore.open(record)
      },
      forged(.future, "barrier-with-flag-3", reading: .unsupported(firstSegment, 408)) {
        var record = Segment.barrier(3, "a")
        (record.flags, record.fields) = (1 << 3, Segment.little(7, 8))
        return ForgedStore.open(record)
      },
      forged(.hostile, "barrier-of-the-future", reading: .damaged(firstSegment, 408)) {
        ForgedStore.open(Segment.moved(Segment.barrier(9, "a"), to: 3))
      },
      forged(.hostile, "barrier-out-of-sequence", reading: .damaged(firstSegment, 408)) {
        ForgedStore.open(Segment.barrier(4, "a"))
      },
      withBarriers("count") { $0.changeCheckpoint(at: 184) },
      withBarriers("length") { $0.changeCheckpoint(at: 192) },
      // Of the last barrier: a version beyond all, and a prefix that is longer than the table.
      withBarriers("version") { $0.changeCheckpoint(at: -24 + 4) },
      withBarriers("prefix-length") { $0.changeCheckpoint(at: -16 + 4) },
      withBarriers("bit") { files in
        if let count = files["index.checkpoint"]?.count { files["index.checkpoint"]?[count - 8] ^= 2 }
      },
    ]

  private static func withBarriers(
    _ name: String, _ change: @escaping @Sendable (inout [String: [UInt8]]) -> Void
  ) -> FormatCase {
    FormatCase(.hostile, "checkpoint-barrier-" + name, reading: .fine) {
      var content = try files(barriersInACheckpoint)
      change(&content)
      return content
    }
  }

  private static func batched(_ record: Segment.Record) -> Segment.Record {
    var record = record
    record.flags |= 1
    return record
  }

  private static func barriersInACheckpoint(_ path: String) throws {
    var options = options(session: 1)
    options.checkpointInterval = 1
    options.compaction.isAutomatic = false
    let store = try Store.open(at: path, options: options)
    for number in 1...20 { try store.put("value \(number)", for: "\(number)") }
    try store.invalidate(prefix: "1")
    try store.invalidate(prefix: "2")
    try store.put("new", for: "1")
    try store.close()
  }

  /// A checkpoint leads to what was hidden and has gone with its segment since.
  ///
  /// - Parameter isListed: whether the checkpoint tells of the barrier, or what comes after it.
  private static func compactHidden(isListed: Bool) throws -> [String: [UInt8]] {
    let first = [Segment.put(1, "a1", "one"), Segment.put(2, "a2", "two"), Segment.put(3, "b", "three")]
    var store = ForgedStore(first + [Segment.seal(3, reason: 2, next: 2)]).with { store in
      store.addSegment(
        at: 3, Segment.put(4, "c", "four"), isListed ? Segment.barrier(5, "a") : Segment.put(5, "d", "five"),
        Segment.seal(5, reason: 2, next: 3))
      store.addSegment(at: 5, Segment.put(6, "e", "six"))
    }
    // The engine adds a segment, an operation and a checkpoint.
    var content = try files { path in try checkpointed(store.files, path, session: 4, isCompacting: false) }
    store.segments = (1...4).compactMap { content[ForgedStore.segmentName($0)].map { Segment(whole: $0) } }
    let barrier = isListed ? Segment.put(8, "f", "eight") : Segment.barrier(8, "a")
    store.addSegment(at: 7, barrier, Segment.moved(first[2], to: 9), Segment.seal(9, reason: 1))
    store.takeAway([1])
    content[ForgedStore.segmentName(1)] = nil
    let compacted = store.files
    for name in [ForgedStore.segmentName(5), ForgedStore.goneName] { content[name] = compacted[name] }
    return content
  }
}
