extension FrozenStore {
  /// Visits all entries whose deadline has not passed, in the order in which they were added.
  ///
  /// - Parameter body: returns whether to go on.
  /// - Throws: what `body` throws; `.damaged` at the first record that fails its checksum: where the next one begins is
  ///   not known then, but each can still be looked up. If there are values that only a newer version can read, all
  ///   others are visited, and `.unsupportedFormat` is thrown at the end.
  /// - Complexity: the whole file but its index, from front to back.
  // Not typed, as `Store.forEach`.
  public func forEach(_ body: (_ entry: EntryView) throws -> Bool) throws {
    var failure: (any Error)?
    var unknown: StoreError?
    try forEachRecord { (record) throws(StoreError) in
      if isExpired(record) { return true }
      guard record.isUnderstood else {
        if unknown == nil { unknown = notUnderstood(record, record.key(view)) }
        return true
      }
      return try withValue(of: record) { value in
        do { return try pass(record, value, body) } catch {
          failure = error
          return false
        }
      }
    }
    if let failure { throw failure }
    if let unknown { throw unknown }
  }

  private func pass(
    _ record: FrozenRecord, _ value: MemoryView, _ body: (EntryView) throws -> Bool
  ) throws -> Bool {
    try record.key(view).lend { (key) throws in
      try value.lend { (value) throws in
        try body(
          EntryView(
            key: key, value: value, valueByteCount: 0,
            attributes: RawSpan(),
            version: record.version(view),
            deadline: record.deadline(view)))
      }
    }
  }

  /// Calls `body` with all records, verified, in their order, until it returns `false`.
  package func forEachRecord(_ body: (FrozenRecord) throws(StoreError) -> Bool) throws(StoreError) {
    var offset = FrozenHeader.recordsStart
    while offset < header.recordsEnd {
      guard let record = FrozenRecord(decoding: view, at: offset, limit: header.recordsEnd),
        record.isIntact(view, salt: header.salt)
      else { throw damage("the record is not what was written", at: offset) }
      if try !body(record) { return }
      offset = record.end
    }
  }

  /// The record of a key, as any read finds it.
  package func record(for key: MemoryView) throws(StoreError) -> FrozenRecord? { try find(key) }

  /// Calls `body` with what a record that has been found holds.
  package func withContent<R>(
    of record: FrozenRecord,
    _ body: (_ key: MemoryView, _ value: MemoryView, _ version: UInt64, _ deadline: Int64?) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    guard record.isUnderstood else { throw notUnderstood(record, record.key(view)) }
    return try withValue(of: record) { (value) throws(StoreError) in
      try body(record.key(view), value, record.version(view), record.deadline(view))
    }
  }

  package func key(of record: FrozenRecord) -> MemoryView { record.key(view) }

  package func version(of record: FrozenRecord) -> UInt64 { record.version(view) }

  package func deadline(of record: FrozenRecord) -> Int64? { record.deadline(view) }

  /// Verifies everything: the checksum over all, each record and each value in it, each bucket, each dictionary, and
  /// that every entry is found where it should be.
  ///
  /// - Parameter progress: told how many bytes are done, out of how many; what it throws ends the work.
  /// - Throws: `.damaged`, at the first thing that is not as it was written; `.unsupportedFormat` for a value that only
  ///   a newer version can read, if there is nothing worse.
  /// - Complexity: reads the file twice.
  public func verify(
    progress: ((_ done: Int, _ total: Int) throws(StoreError) -> Void)? = nil
  ) throws(StoreError) {
    let total = view.count * 2
    let content = try HashStream(seed: header.salt)
    var done = FrozenHeader.byteCount
    while done < view.count {
      let part = view.slice(done, min(view.count - done, 4 << 20))
      content.add(part)
      done += part.count
      try progress?(done, total)
    }
    let isWhole = content.finish() == header.contentChecksum
    for dictionary in dictionaries { _ = try self.content(of: dictionary) }
    try verifyIndex()
    try verifyRecords { (offset) throws(StoreError) in try progress?(view.count + offset, total) }
    // What is damaged has been named by now, unless it is what nothing points at.
    guard isWhole else { throw damage("the checksum over all does not match", at: FrozenHeader.byteCount) }
    try progress?(total, total)
  }

  private func verifyIndex() throws(StoreError) {
    var count = 0
    for number in 0..<header.buckets {
      let offset = header.indexOffset + number * FrozenBucket.byteCount
      let bucket = view.slice(offset, FrozenBucket.byteCount)
      guard FrozenBucket.isIntact(bucket, salt: header.salt, offset: offset) else {
        throw damage("the index is not what was written", at: offset)
      }
      for entry in 0..<FrozenBucket.entries where FrozenBucket.tag(bucket, entry) != 0 { count += 1 }
    }
    guard count == header.entries else {
      throw damage("the index has \(count) entries instead of \(header.entries)", at: header.indexOffset)
    }
  }

  private func verifyRecords(_ progress: (Int) throws(StoreError) -> Void) throws(StoreError) {
    var (count, told) = (0, 0)
    var unknown: StoreError?
    try forEachRecord { (record) throws(StoreError) in
      count += 1
      let key = record.key(view)
      guard try isIndexed(record, key) else {
        throw damage("the index does not lead to the record", at: record.offset, key)
      }
      if record.isUnderstood {
        if record.isCompressed { try withValue(of: record) { _ in } }
      } else if unknown == nil {
        unknown = notUnderstood(record, key)
      }
      if record.offset - told >= 4 << 20 {
        told = record.offset
        try progress(told)
      }
      return true
    }
    guard count == header.entries else {
      throw damage("there are \(count) records instead of \(header.entries)", at: FrozenHeader.recordsStart)
    }
    if let unknown { throw unknown }
  }

  /// Whether a search for the key ends at this record.
  private func isIndexed(_ record: FrozenRecord, _ key: MemoryView) throws(StoreError) -> Bool {
    let hash = hash(key)
    let tag = FrozenBucket.tag(hash)
    for number in FrozenBucket.home(hash, homes: homes)..<header.buckets {
      let bucket = view.slice(header.indexOffset + number * FrozenBucket.byteCount, FrozenBucket.byteCount)
      for entry in 0..<FrozenBucket.entries where FrozenBucket.tag(bucket, entry) == tag {
        let offset = FrozenBucket.offset(bucket, entry)
        if offset == record.offset { return true }
        // Another record of the same key would be found instead.
        guard let other = FrozenRecord(decoding: view, at: offset, limit: header.recordsEnd) else {
          throw damage("the entry leads to no record", at: offset, key)
        }
        if other.hasKey(key, in: view) { return false }
      }
      if !FrozenBucket.overflows(bucket) { return false }
    }
    return false
  }
}
