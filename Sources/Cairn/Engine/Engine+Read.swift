/// The read path: no lock, nothing allocated, no shared line written.
extension Engine {
  /// The newest live record of a key. Under a read guard.
  @inline(__always)
  func find(_ key: MemoryView) throws(StoreError) -> FoundRecord? {
    if !alive.isSet { throw deadError() }
    return try find(key, hash: index.hash(key))
  }

  @inline(__always)
  func find(_ key: MemoryView, hash: UInt64) throws(StoreError) -> FoundRecord? {
    let barriers = barrierWord.list
    switch index.find(key, hash: hash, verifying: options.verification == .always) {
    case .absent: return nil
    case .found(let record):
      if record.header.isPlainPut && barriers.isEmpty { return record }
      return try checked(record.bytes, record.entry, barriers)
    case .damaged, .unverified: return try findSlowly(key, hash: hash)
    }
  }

  @inline(never)
  private func checked(
    _ bytes: MemoryView, _ entry: UInt64, _ barriers: BarrierList
  ) throws(StoreError) -> FoundRecord? {
    guard let record = FoundRecord(bytes: bytes, entry: entry) else { throw damage(entry, .empty) }
    // The index leads to puts only, but it may come from a file.
    guard record.header.kind == RecordHeader.Kind.put else { throw damage(entry, record.key) }
    // Whatever else is new about it: a barrier hides it, a deadline ends it.
    if barriers.hides(record.key, version: record.version) || isExpired(record) { return nil }
    guard record.header.isUnderstood else { throw notUnderstood(record) }
    return record
  }

  /// The newest record of the key that has this hash, if it can be read. Under a read guard.
  func find(hash: UInt64, evenExpired: Bool) throws(StoreError) -> FoundRecord? {
    if !alive.isSet { throw deadError() }
    try verify(HashIndex.shard(hash))
    let barriers = barrierWord.list
    guard case .found(let record) = index.find(hash: hash, verifying: true),
      record.header.kind == RecordHeader.Kind.put,
      !barriers.hides(record.key, version: record.version), evenExpired || !isExpired(record)
    else { return nil }
    return record
  }

  /// Whether a key with this hash may have an entry that reads find. Under a read guard; verifies nothing.
  func mayHaveEntry(hash: UInt64) -> Bool {
    let barriers = barrierWord.list
    switch index.find(hash: hash, verifying: false) {
    case .absent: return false
    case .found(let record): return !barriers.hides(record.key, version: record.version) && !isExpired(record)
    case .damaged, .unverified: return true
    }
  }

  func notUnderstood(_ record: FoundRecord) -> StoreError {
    StoreError(
      .unsupportedFormat, "the entry uses a feature of a newer version", file: path(record.entry),
      byteOffset: HashIndex.Entry.offset(record.entry), keyPrefix: record.key.prefix())
  }

  @inline(never)
  private func findSlowly(_ key: MemoryView, hash: UInt64) throws(StoreError) -> FoundRecord? {
    try verify(HashIndex.shard(hash))
    let barriers = barrierWord.list
    switch index.find(key, hash: hash, verifying: options.verification == .always) {
    case .absent: return nil
    case .found(let record): return try checked(record.bytes, record.entry, barriers)
    case .damaged(let entry): throw damage(entry, key)
    case .unverified: preconditionFailure("a shard stays verified")
    }
  }

  func isExpired(_ record: FoundRecord) -> Bool { record.deadline.map(clock.isExpired) ?? false }

  func damage(
    _ entry: UInt64, _ key: MemoryView, _ message: String = "the record is not what was written"
  ) -> StoreError {
    StoreError(
      .damaged, message, file: path(entry), byteOffset: HashIndex.Entry.offset(entry),
      keyPrefix: key.prefix())
  }

  private func path(_ entry: UInt64) -> String {
    let slot = HashIndex.Entry.slot(entry)
    let segment = catalog.withLock { catalog in
      catalog.segments.first { SegmentTable.slot($0.number) == slot }?.number
    }
    return directory.path + "/" + SegmentHeader.name(segment ?? UInt64(slot))
  }
}
