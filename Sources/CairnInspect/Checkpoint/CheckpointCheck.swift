internal import Cairn

/// Compares every entry of a checkpoint with the log: each leads to a record of its fingerprint and shard, which is the
/// newest of its key as of the shard's sequence, and no key is missing.
///
/// Takes 12 bytes of memory for each entry, and a few dozen for each key whose first records have been replaced and
/// whose newest has not been met yet.
struct CheckpointCheck: LogVisitor {
  /// SPEC 5.2: how the hash of a key is used, and what an entry has in which bits.
  private static func shard(_ hash: UInt64) -> Int { Int(hash >> 54) }
  private static func fingerprint(_ hash: UInt64) -> UInt64 { hash >> 30 & 0xFF_FFFF }
  private static func entry(_ hash: UInt64, segment: UInt64, offset: Int) -> UInt64 {
    fingerprint(hash) << 40 | (segment % 65_536) << 24 | UInt64(offset / 8)
  }
  /// The bits of a hash that shard and fingerprint leave, and one that says that they are known.
  private static func rest(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash & 0x3FFF_FFFF) | 1 << 30 }

  let checkpoint: CheckpointFile
  private let keepsEntries: Bool
  /// Slots of segments of the table that are gone.
  private let goneSlots: Set<UInt64>
  var findings = Findings()
  /// Entries of each shard, ascending: by fingerprint, that is.
  var entries: [[UInt64]] = []
  /// For each of them, what is left of its key's hash once its record has been met; 0 before.
  var seen: [[UInt32]] = []
  private var pending: [Operation] = []
  /// Keys whose newest record must still come, and where the last one was.
  var awaited: [UInt64: LogPlace] = [:]
  private(set) var entryCount = 0
  /// Of the log.
  private var barriers: (pending: [Barrier], all: [Barrier]) = ([], [])

  private struct Operation {
    let hash: UInt64
    let sequence: UInt64
    let place: LogPlace
    let isPut: Bool
  }

  /// - Parameter keepsEntries: `false`: only `load` is going to be called.
  init(_ checkpoint: CheckpointFile, _ list: SegmentList, keepsEntries: Bool) {
    self.checkpoint = checkpoint
    self.keepsEntries = keepsEntries
    goneSlots = Set(checkpoint.segments.filter { list.isGone($0.number) }.map(\.slot))
  }

  mutating func note(_ message: String, _ offset: Int, _ file: String? = nil) {
    findings.add(Finding(.damaged, message, file: file ?? checkpoint.path, at: offset))
  }

  // MARK: Shards

  /// - Parameter recordsMax: no log of this size has more entries.
  mutating func load(recordsMax: Int) throws(StoreError) {
    let header = checkpoint.header
    for (number, shard) in checkpoint.shards.enumerated() {
      var found: [UInt64] = []
      if shard.buckets > 0 { found = try load(number, shard) }
      if !(header.startSequence...max(header.startSequence, header.endSequence)).contains(shard.sequence) {
        note(
          "the sequence of shard \(number) is outside of what the checkpoint covers",
          CheckpointHeader.directoryStart + number * CheckpointHeader.shardBytes)
      }
      entryCount += found.count
      if entryCount > recordsMax {
        note("the checkpoint has more entries than the log has room for", shard.offset)
        found = []
      }
      guard keepsEntries else { continue }
      entries.append(found.sorted())
      seen.append([UInt32](repeating: 0, count: found.count))
    }
    // Barriers are carried out without an operation.
    let isStill = header.startSequence == header.endSequence && checkpoint.barriers.isEmpty
    if UInt64(entryCount) != header.liveEntries && isStill {
      note("the checkpoint has \(entryCount) entries, and says \(header.liveEntries)", 120)
    }
  }

  private mutating func load(_ number: Int, _ shard: CheckpointShard) throws(StoreError) -> [UInt64] {
    guard let view = try checkpoint.window.bytes(at: shard.offset, shard.buckets * 64),
      view.hash(seed: 0) == shard.checksum
    else {
      note("shard \(number) of the checkpoint fails its checksum (it is rebuilt when it is used)", shard.offset)
      return []
    }
    var found: [UInt64] = []
    var buckets: [(holes: Int, start: Int)] = []
    for bucket in 0..<shard.buckets {
      let before = found.count
      for half in 0..<2 {
        let words = view.loadFourWords(bucket * 64 + half * 32)
        for entry in [words.0, words.1, words.2, words.3] where entry != 0 {
          if entry >> 24 & 0xFFFF == 0 || entry & 0xFF_FFFF == 0 {
            note("an entry of shard \(number) leads nowhere", shard.offset + bucket * 64)
          } else {
            found.append(entry)
          }
        }
      }
      buckets.append((8 - (found.count - before), before))
    }
    if found.count != shard.entries {
      note("shard \(number) has \(found.count) entries, and says \(shard.entries)", shard.offset)
    }
    checkReachable(number, shard, buckets, found)
    return found
  }

  /// A search begins in the home bucket and goes on as long as buckets are full.
  private mutating func checkReachable(
    _ number: Int, _ shard: CheckpointShard, _ buckets: [(holes: Int, start: Int)], _ found: [UInt64]
  ) {
    let count = shard.buckets
    // For each bucket, how many full ones stand in a row before it. Twice around, as the last leads to the first.
    var fullBefore = [Int](repeating: 0, count: count)
    var run = 0
    for turn in 0..<2 * count {
      let bucket = turn % count
      fullBefore[bucket] = run
      run = buckets[bucket].holes == 0 ? min(run + 1, count) : 0
    }
    for bucket in 0..<count {
      let end = bucket + 1 < count ? buckets[bucket + 1].start : found.count
      for entry in found[buckets[bucket].start..<end] {
        let home = Int(((entry >> 40) * UInt64(count)) >> 24)
        if (bucket - home + count) % count > fullBefore[bucket] {
          note("an entry of shard \(number) cannot be found from its bucket", shard.offset + bucket * 64)
        }
      }
    }
  }

  // MARK: The log

  mutating func add(_ record: LogRecord, segment: UInt64) {
    let header = record.header
    if header.isBarrier { return barriers.pending.append(Barrier(prefix: record.key.array(), version: record.version)) }
    // What comes later is replayed, and concerns the checkpoint only where it makes up for what is gone.
    if header.sequence > checkpoint.header.endSequence && goneSlots.isEmpty { return }
    pending.append(
      Operation(
        hash: record.key.keyHash(seed: checkpoint.header.hashSeed), sequence: header.sequence,
        place: LogPlace(segment: segment, offset: record.offset), isPut: header.kind == RecordHeader.Kind.put))
  }

  mutating func commit() {
    for operation in pending { apply(operation) }
    pending.removeAll(keepingCapacity: true)
    barriers.all += barriers.pending
    barriers.pending.removeAll()
  }

  mutating func drop() {
    pending.removeAll(keepingCapacity: true)
    barriers.pending.removeAll()
  }

  mutating func restart() {
    (pending, awaited, barriers) = ([], [:], ([], []))
    seen = entries.map { [UInt32](repeating: 0, count: $0.count) }
  }

  private mutating func apply(_ operation: Operation) {
    let number = Self.shard(operation.hash)
    let rest = Self.rest(operation.hash)
    let own = Self.entry(operation.hash, segment: operation.place.segment, offset: operation.place.offset)
    let isCovered = operation.sequence <= checkpoint.shards[number].sequence
    let all = entries[number]
    let fingerprint = Self.fingerprint(operation.hash)
    var index = Self.firstIndex(of: fingerprint, in: all)
    var isFound = false
    while index < all.count && all[index] >> 40 == fingerprint {
      if all[index] == own && operation.isPut {
        isFound = true
        seen[number][index] = rest
        if !isCovered { note("shard \(number) has an entry that is newer than the shard", offset(of: own, number)) }
      } else if seen[number][index] == rest && isCovered {
        // Another record of the same key, and an earlier one, as it has been met.
        note(
          "an entry of shard \(number) leads to a record that was replaced or removed", offset(of: all[index], number))
      } else if !isCovered && seen[number][index] == 0 && isGone(all[index]) {
        // F1-CHK-006. Which key's it was, only its bits tell.
        seen[number][index] = rest
      }
      index += 1
    }
    guard isCovered else {
      // Operations between the last one that was met and this one may be gone.
      if !goneSlots.isEmpty { awaited[operation.hash] = nil }
      return
    }
    awaited[operation.hash] = operation.isPut && !isFound ? operation.place : nil
  }

  private func isGone(_ entry: UInt64) -> Bool { goneSlots.contains(entry >> 24 & 0xFFFF) }

  private static func firstIndex(of fingerprint: UInt64, in entries: [UInt64]) -> Int {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle] >> 40 < fingerprint { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Where an entry stands in the file.
  func offset(of entry: UInt64, _ number: Int) -> Int {
    let shard = checkpoint.shards[number]
    guard let view = try? checkpoint.window.bytes(at: shard.offset, shard.buckets * 64) else { return shard.offset }
    for at in stride(from: 0, to: view.count, by: 8) where view.load(at, as: UInt64.self) == entry {
      return shard.offset + at
    }
    return shard.offset
  }

  /// After the log has been read.
  ///
  /// - Parameter isLogWhole: whether all of it could be; if not, what seems to be missing may have been removed in the
  ///   part that could not be read.
  mutating func finish(_ store: StoreDirectory, isLogWhole: Bool) throws(StoreError) {
    let all = barriers.all + checkpoint.barriers
    if isLogWhole && !all.isEmpty { try checkHidden(store, all) }
    for number in entries.indices where seen[number].contains(0) {
      for (index, entry) in entries[number].enumerated() where seen[number][index] == 0 {
        // What barriers hide is not written again when its segment goes.
        if isGone(entry) && !all.isEmpty { continue }
        let what =
          isGone(entry) ? "to a segment that is gone, and nothing has replaced it" : "to no valid record of its key"
        note("an entry of shard \(number) leads \(what)", offset(of: entry, number))
      }
    }
    let areShardsWhole = checkpoint.shards.enumerated().allSatisfy { entries[$0].count == $1.entries }
    guard isLogWhole, areShardsWhole, let first = awaited.values.min() else { return }
    note(
      "the checkpoint lacks \(awaited.count) live keys, such as that of the record here", first.offset,
      store.filePath(SegmentHeader.name(first.segment)))
  }
}
