/// Changes, by the thread with the writer's turn. Every shard it touches must have been verified (``verify(_:)``).
extension HashIndex {
  /// Where a key's entry stands in its shard.
  struct Position {
    let shard: Int
    let index: Int
    /// As it stands there: maybe a pending one, staged by the batch that is asking.
    let raw: UInt64
    /// The record that the writer sees; `nil` if it is damaged.
    let record: FoundRecord?
    /// The batch that is asking has removed the key; the record is that of the removal.
    var isRemoved = false
  }

  /// The entry of a key. A damaged record whose fingerprint matches counts as the key's, so that writing heals it.
  func locate(_ key: MemoryView, hash: UInt64) -> Position? {
    var vacancy: Int?
    return locate(key, hash: hash, vacancy: &vacancy)
  }

  /// The same; if there is none, `vacancy` is where a new entry would stand.
  @inline(__always)
  func locate(_ key: MemoryView, hash: UInt64, vacancy: inout Int?) -> Position? {
    let shard = Self.shard(hash)
    let table = table(shard)
    if table.isEmpty { return nil }
    let fingerprint = Self.fingerprint(hash)
    var damaged: Position?
    var bucket = table.home(fingerprint)
    for _ in 0..<table.buckets {
      let match = table.match(bucket, fingerprint)
      var candidates = match & 0xFF
      while candidates != 0 {
        let index = bucket * BucketTable.entries + candidates.trailingZeroBitCount
        candidates &= candidates - 1
        // A batch sees what it has staged itself.
        let raw = table.load(index)
        if raw == 0 { continue }
        let (entry, isRemoved) = Entry.slot(raw) == 0 ? pending.staged(raw) : (raw, false)
        switch check(entry, key, verifying: false) {
        case .same(let record):
          return Position(shard: shard, index: index, raw: raw, record: record, isRemoved: isRemoved)
        case .other: break
        case .damaged: damaged = Position(shard: shard, index: index, raw: raw, record: nil)
        }
      }
      if match >> 8 != 0 {
        vacancy = bucket * BucketTable.entries + (match >> 8).trailingZeroBitCount
        break
      }
      bucket = table.following(bucket)
    }
    return damaged
  }

  /// Where exactly that entry stands, if it does.
  func locate(entry: UInt64, hash: UInt64) -> Position? {
    let shard = Self.shard(hash)
    return table(shard).place(Self.fingerprint(hash), where: { $0 == entry }).map {
      Position(shard: shard, index: $0, raw: entry, record: nil)
    }
  }

  /// Points a key to another record.
  @inline(__always)
  func replace(_ position: Position, with entry: UInt64) { table(position.shard).store(entry, at: position.index) }

  /// Adds an entry for a key that has none, where `locate` has found a vacancy.
  @inline(__always)
  func insert(_ entry: UInt64, hash: UInt64, at vacancy: Int?) {
    let shard = Self.shard(hash)
    let table = table(shard)
    // Three quarters full: 6 of 8 on average.
    if let vacancy, count(of: shard) < table.buckets * 6 {
      table.store(entry, at: vacancy)
    } else {
      grow(shard)
      place(entry, in: self.table(shard))
    }
    counts.add(1, at: shard)
  }

  private func place(_ entry: UInt64, in table: BucketTable) {
    let fingerprint = Entry.fingerprint(entry)
    var bucket = table.home(fingerprint)
    for _ in 0..<table.buckets {
      let empty = table.match(bucket, fingerprint) >> 8
      if empty != 0 {
        table.store(entry, at: bucket * BucketTable.entries + empty.trailingZeroBitCount)
        return
      }
      bucket = table.following(bucket)
    }
    preconditionFailure("a shard is never full")
  }

  /// Takes an entry out.
  func remove(_ position: Position) {
    takeOut(position)
    shrink(position.shard)
  }

  /// Takes an entry out and pulls overflowed ones back, so that no search stops at the hole too early.
  func takeOut(_ position: Position) {
    let shard = position.shard
    let table = table(shard)
    counts.add(-1, at: shard)
    var hole = position.index
    var moves = words.moves(shard)
    while let overflowed = overflowedEntry(past: hole / BucketTable.entries, in: table) {
      // First there, then counted, then gone from here (as the next hole): see `find`. Odd while an entry may be in
      // two places: see `entries(of:into:)`.
      words.setMoves(moves | 1, shard)
      table.store(table.load(overflowed), at: hole)
      moves &+= 2
      words.setMoves(moves | 1, shard)
      hole = overflowed
    }
    table.store(0, at: hole)
    words.setMoves(moves, shard)
  }

  /// Gives buckets back that are not needed any more. Not while a committed batch has pending entries in the shard.
  func shrink(_ shard: Int) {
    let table = table(shard)
    if table.isEmpty { return }
    if count(of: shard) == 0 {
      resize(shard, to: 0)
    } else if table.buckets > 4 && count(of: shard) < table.buckets * 2 {
      // A quarter full: back to 60 %, as after growth.
      resize(shard, to: (count(of: shard) * 5 + 23) / 24)
    }
  }

  /// The first entry in a later bucket whose search passes through `bucket`.
  private func overflowedEntry(past bucket: Int, in table: BucketTable) -> Int? {
    var next = bucket
    var distance = 0
    // Searches pass full buckets only.
    while table.match(next, 0) >> 8 == 0 && distance < table.buckets - 1 {
      next = table.following(next)
      distance += 1
      for index in next * BucketTable.entries..<(next + 1) * BucketTable.entries {
        let entry = table.load(index)
        if entry == 0 { continue }
        let home = table.home(Entry.fingerprint(entry))
        let travelled = next >= home ? next - home : next - home + table.buckets
        if travelled >= distance { return index }
      }
    }
    return nil
  }

  private func grow(_ shard: Int) {
    let buckets = table(shard).buckets
    // By a quarter: between 60 and 75 % full, 10.7 to 13.3 bytes a key.
    resize(shard, to: buckets + max(1, (buckets + 3) / 4))
  }

  /// Moves a shard's entries into new buckets; the old ones go when no reader is left in them.
  private func resize(_ shard: Int, to buckets: Int) {
    let old = table(shard)
    let oldMemory = memory[shard]
    if buckets == 0 {
      memory[shard] = nil
      words.setTable(.none, shard)
    } else {
      // Out of memory: the old buckets serve until they are full to the last entry.
      guard let grown = try? System.allocateLines(byteCount: buckets * BucketTable.bucketBytes) else {
        precondition(count(of: shard) < old.capacity, "out of memory")
        return
      }
      let table = BucketTable(grown, offset: 0, buckets: buckets, isVerified: true)
      copy(old, to: table)
      memory[shard] = grown
      words.setTable(table, shard)
      if pending.isStaging { pending.revert(old) }
    }
    if let oldMemory { Reclaimer.shared.retire(oldMemory, isLarge: oldMemory.byteCount >= 1 << 20) }
  }

  /// Fills empty buckets, keeping count of how full each is instead of looking.
  private func copy(_ old: BucketTable, to table: BucketTable) {
    unsafe withUnsafeTemporaryAllocation(byteCount: table.buckets, alignment: 8) { buffer in
      let filled = unsafe MemoryView(buffer)
      filled.zero(0, table.buckets)
      for index in 0..<old.capacity {
        let entry = old.load(index)
        if entry == 0 { continue }
        var bucket = table.home(Entry.fingerprint(entry))
        var taken = filled.load(bucket, as: UInt8.self)
        while taken == BucketTable.entries {
          bucket = table.following(bucket)
          taken = filled.load(bucket, as: UInt8.self)
        }
        table.store(entry, at: bucket * BucketTable.entries + Int(taken))
        filled.store(taken + 1, at: bucket)
      }
    }
  }

  /// Bytes of memory that the index takes.
  var byteCount: Int {
    // Per shard: two words, a count, a reference and the object that owns the buckets.
    let perShard = 2 * 8 + 8 + 8 + 64
    return (0..<Self.shards).reduce(Self.shards * perShard) { $0 + table($1).byteCount }
  }

  var capacity: Int { (0..<Self.shards).reduce(0) { $0 + table($1).capacity } }
}
