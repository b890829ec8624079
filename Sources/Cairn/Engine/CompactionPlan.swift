/// What compaction goes by: how much of each segment still counts, and which ones to take.
struct CompactionPlan {
  /// How a segment's bytes are used.
  struct Use {
    let number: UInt64
    let firstSequence: UInt64
    let byteCount: Int
    /// Of records that entries have, and of those the ones that have expired, about.
    let liveBytes: Int
    let expiredBytes: Int
    /// Of earlier versions that are kept.
    var keptBytes = 0
    /// Those of them that are puts, and what these grow by when they are moved.
    var keptPutBytes = 0
    var growth = 0
    /// Of records that remove something. They count as long as they may hide an older put.
    let removeBytes: Int
    /// Its header, link, dictionary and seal.
    let frameBytes: Int
    /// Whether it may be taken: it is sealed, mapped, and nothing was found wrong with it.
    var isMovable = true

    /// Of puts that have been replaced or removed. At most a few bytes too many: seals of earlier closes.
    var deadBytes: Int { max(0, byteCount - frameBytes - liveBytes - keptBytes - removeBytes) }
    /// What has to be moved.
    var movedBytes: Int { liveBytes - expiredBytes + keptBytes + growth }
    /// What has not, whatever else is true.
    var uselessBytes: Int { deadBytes + expiredBytes }
    /// Whether nothing in it counts: what there is besides is given back with it.
    var isEmpty: Bool { liveBytes == 0 && removeBytes == 0 && keptBytes == 0 }
    /// Whether there may be puts in it that removes hide.
    var hasHidden: Bool { deadBytes + keptPutBytes > 0 }
  }

  /// All segments, in the log's order.
  let uses: [Use]
  /// Less than this is not worth anybody's while.
  let deadBytesMin: Int
  /// A segment's size.
  let segmentBytes: Int
  /// Removes that come after this one are kept.
  let checkpointSequence: UInt64
  /// Barriers (their versions) of which what they hide may count as live here.
  var barriers: Set<UInt64> = []

  /// What a round moves at most, so that it does not need much more space than it gives back; one segment may be more.
  private var roundBytes: Int { max(segmentBytes, min(64 << 20, liveBytes / 8)) }
  /// Segments of which less than this could be given back are left alone.
  static let leastGain = 0.08

  var byteCount: Int { uses.reduce(0) { $0 + $1.byteCount } }
  var liveBytes: Int { uses.reduce(0) { $0 + $1.movedBytes } }

  /// Bytes that are too many by the wanted amplification (bytes of log by bytes of live records).
  func excess(over amplification: Double) -> Int {
    byteCount - liveBytes - max(Int((amplification - 1) * Double(liveBytes)), deadBytesMin)
  }

  /// The same for who is to begin: what is moved is there twice for a while.
  func excessToCome(over amplification: Double) -> Int { excess(over: amplification) + min(roundBytes, liveBytes / 8) }

  /// Removes count only while a put may be left, in a segment before them, that is not live any more.
  ///
  /// - Returns: the first sequence of the first segment that stays and has such puts; removes of a version up to it
  ///   hide nothing.
  func hidingStart(without taken: Set<UInt64>) -> UInt64 {
    uses.first { !taken.contains($0.number) && $0.hasHidden }?.firstSequence ?? .max
  }

  /// Of each segment: what taking it alone would give back.
  private func gains() -> [Int] {
    var mayHide = false
    return uses.indices.map { index in
      let use = uses[index]
      defer { if use.hasHidden { mayHide = true } }
      let isHeld = mayHide || !isCovered(index)
      return use.isEmpty ? use.byteCount : use.uselessBytes - use.growth + (isHeld ? 0 : use.removeBytes)
    }
  }

  /// Whether the checkpoint knows of all removes in a segment.
  private func isCovered(_ index: Int) -> Bool {
    index + 1 < uses.count && uses[index + 1].firstSequence &- 1 <= checkpointSequence
      || checkpointSequence == .max
  }

  /// Of removes that only wait for a newer checkpoint.
  var uncoveredRemoveBytes: Int {
    uses.indices.reduce(0) { uses[$1].isMovable && !isCovered($1) ? $0 + uses[$1].removeBytes : $0 }
  }

  /// The segments to take next so that so many bytes are given back, in the log's order: those that give back most for
  /// what moving them costs.
  func victims(freeing excess: Int, leastGain: Double = leastGain) -> [UInt64] {
    var excess = excess
    guard excess > 0 else { return [] }
    let gains = gains()
    let candidates = uses.indices
      .filter { uses[$0].isMovable && Double(gains[$0]) >= leastGain * Double(uses[$0].byteCount) }
      .sorted { Double(gains[$0]) / Double(uses[$0].byteCount) > Double(gains[$1]) / Double(uses[$1].byteCount) }
    if candidates.isEmpty && uses.reduce(0, { $0 + $1.removeBytes }) > excess {
      // It is the removes that are too many: when what they may hide is gone, they can go.
      return victims(upTo: uses.last { $0.removeBytes > 0 }?.number ?? 0)
    }
    var taken: [Int] = []
    var moved = 0
    for index in candidates where excess > 0 {
      if !taken.isEmpty && moved + uses[index].movedBytes > roundBytes { break }
      taken.append(index)
      moved += uses[index].movedBytes
      excess -= gains[index]
    }
    return taken.sorted().map { uses[$0].number }
  }

  /// The next segments to take where all are to be written anew, up to `last`.
  func all(upTo last: UInt64) -> [UInt64] {
    var taken: [UInt64] = []
    var moved = 0
    for use in uses where use.isMovable && use.number <= last {
      if !taken.isEmpty && moved + use.movedBytes > roundBytes { break }
      taken.append(use.number)
      moved += use.movedBytes
    }
    return taken
  }

  /// The next segments to take where everything that can be is to be given back: up to `last`, the first ones first, so
  /// that no remove has to be kept.
  func victims(upTo last: UInt64) -> [UInt64] {
    var taken: [UInt64] = []
    var moved = 0
    // Before what cannot be taken and holds dead puts, there are no removes that would have to be kept.
    var mayHide = false
    for (index, use) in uses.enumerated() where use.number <= last {
      if !use.isMovable {
        if use.hasHidden { mayHide = true }
        continue
      }
      let removeBytes = mayHide || !isCovered(index) ? 0 : use.removeBytes
      if use.uselessBytes + removeBytes == 0 && !use.isEmpty {
        if use.hasHidden { mayHide = true }
        continue
      }
      if !taken.isEmpty && moved + use.movedBytes > roundBytes { break }
      taken.append(use.number)
      moved += use.movedBytes
    }
    return taken
  }
}
