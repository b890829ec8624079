/// When the entries of each segment end: how many bytes of live records by which time. The writer's.
///
/// So that compaction knows what has expired without anybody reading it. Coarse: times are rounded up to whole seconds,
/// and of each segment only so many are kept apart; the two that are closest become one, the later.
struct DeadlineBook {
  struct Batch: Equatable {
    /// Seconds since 1970: by then all of them have ended.
    var end: Int64
    var byteCount: Int
  }

  static let batchesMax = 32

  /// By slot, in order of time.
  private(set) var batches: [Int: [Batch]] = [:]

  private static func end(_ deadline: Int64) -> Int64 { deadline / 1000 + (deadline % 1000 > 0 ? 1 : 0) }

  mutating func add(_ byteCount: Int, deadline: Int64, slot: Int) {
    add(Batch(end: Self.end(deadline), byteCount: byteCount), slot: slot)
  }

  mutating func add(_ batch: Batch, slot: Int) {
    var list = batches[slot] ?? []
    batches[slot] = nil
    // Most often it is the last one.
    var index = list.count
    while index > 0 && list[index - 1].end >= batch.end { index -= 1 }
    if index < list.count && list[index].end == batch.end {
      list[index].byteCount += batch.byteCount
    } else {
      list.insert(batch, at: index)
      if list.count > Self.batchesMax { Self.join(&list) }
    }
    batches[slot] = list
  }

  private static func join(_ list: inout [Batch]) {
    var closest = 1
    for index in list.indices.dropFirst() {
      // Times may be far apart, and anything in a hostile file.
      let distance = list[index].end.saturatingSubtract(list[index - 1].end)
      if distance < list[closest].end.saturatingSubtract(list[closest - 1].end) { closest = index }
    }
    list[closest].byteCount += list[closest - 1].byteCount
    list.remove(at: closest - 1)
  }

  /// A record that ends then is not live any more.
  mutating func remove(_ byteCount: Int, deadline: Int64, slot: Int) {
    guard var list = batches[slot] else { return }
    let end = Self.end(deadline)
    guard let index = list.firstIndex(where: { $0.end >= end }) else { return }
    list[index].byteCount = max(0, list[index].byteCount - byteCount)
    batches[slot] = list
  }

  mutating func forget(slot: Int) { batches[slot] = nil }

  /// Bytes of a segment that have expired by a time in milliseconds since 1970.
  func expiredBytes(slot: Int, at now: Int64) -> Int {
    batches[slot]?.reduce(0) { $1.end <= now / 1000 ? $0 &+ $1.byteCount : $0 } ?? 0
  }
}
