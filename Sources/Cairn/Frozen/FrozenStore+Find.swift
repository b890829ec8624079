/// Lookups: a bucket, which is one cache line, and the record.
extension FrozenStore {
  /// The record of a key, verified; `nil` if there is none, or its deadline has passed.
  @inline(__always)
  func find(_ key: MemoryView) throws(StoreError) -> FrozenRecord? { try find(key, hash: hash(key)) }

  @inline(__always)
  func hash(_ key: MemoryView) -> UInt64 { key.keyHash(seed: header.hashSeed) }

  @inline(__always)
  private func bucketOffset(_ hash: UInt64) -> Int {
    header.indexOffset + FrozenBucket.home(hash, homes: homes) * FrozenBucket.byteCount
  }

  @inline(__always)
  func prefetchBucket(_ hash: UInt64) { view.prefetch(bucketOffset(hash)) }

  /// Asks for the first lines of the record that the key probably has. Only a hint: nothing is verified.
  @inline(__always)
  func prefetchRecord(_ hash: UInt64) {
    let bucket = view.slice(bucketOffset(hash), FrozenBucket.byteCount)
    var candidates = FrozenBucket.candidates(bucket, FrozenBucket.tag(hash))
    guard let number = candidates.next() else { return }
    prefetchRecord(at: FrozenBucket.offset(bucket, number))
  }

  @inline(__always)
  private func prefetchRecord(at offset: Int) {
    view.prefetch(offset)
    view.prefetch(offset + 64)
    view.prefetch(offset + 128)
  }

  @inline(__always)
  func find(_ key: MemoryView, hash: UInt64) throws(StoreError) -> FrozenRecord? {
    let tag = FrozenBucket.tag(hash)
    var offset = bucketOffset(hash)
    while offset < view.count {
      let bucket = view.slice(offset, FrozenBucket.byteCount)
      var candidates = FrozenBucket.candidates(bucket, tag)
      var next = candidates.next()
      // The record is on its way while the bucket is verified.
      if let next { prefetchRecord(at: FrozenBucket.offset(bucket, next)) }
      if isVerifying && !FrozenBucket.isIntact(bucket, salt: header.salt, offset: offset) {
        throw damage("the index is not what was written", at: offset, key)
      }
      while let number = next {
        if FrozenBucket.tag(bucket, number) == tag {
          let place = FrozenBucket.offset(bucket, number)
          guard let record = FrozenRecord(decoding: view, at: place, limit: header.recordsEnd) else {
            throw damage("the entry leads to no record", at: place, key)
          }
          let isSame = record.hasKey(key, in: view)
          // One lookup in thirty meets another key; a damaged record must not pass for one.
          guard !isVerifying && isSame || record.isIntact(view, salt: header.salt) else {
            throw damage("the record is not what was written", at: place, key)
          }
          if isSame { return record.isPlain ? record : try checked(record, key) }
        }
        next = candidates.next()
      }
      if !FrozenBucket.overflows(bucket) { return nil }
      offset += FrozenBucket.byteCount
    }
    return nil
  }

  @inline(never)
  private func checked(_ record: FrozenRecord, _ key: MemoryView) throws(StoreError) -> FrozenRecord? {
    // Whatever else is new about it: a deadline ends it.
    if isExpired(record) { return nil }
    guard record.isUnderstood else { throw notUnderstood(record, key) }
    return record
  }

  package func isExpired(_ record: FrozenRecord) -> Bool { record.deadline(view).map(clock.isExpired) ?? false }

  @inline(never)
  func damage(_ message: String, at offset: Int, _ key: MemoryView? = nil) -> StoreError {
    StoreError(.damaged, message, file: path, byteOffset: offset, keyPrefix: key?.prefix())
  }

  func notUnderstood(_ record: FrozenRecord, _ key: MemoryView) -> StoreError {
    StoreError(
      .unsupportedFormat, "the entry uses a feature of a newer version", file: path, byteOffset: record.offset,
      keyPrefix: key.prefix())
  }

  // MARK: Compressed values

  /// The value of a record, for as long as `body` runs.
  @inline(__always)
  func withValue<R>(of record: FrozenRecord, _ body: (MemoryView) throws(StoreError) -> R) throws(StoreError) -> R {
    if !record.isCompressed { return try body(record.stored(view)) }
    let work = try codec.take()
    defer { codec.giveBack(work) }
    return try body(try decompress(record, work))
  }

  /// The value, in the memory of `work`.
  func decompress(_ record: FrozenRecord, _ work: FrozenWork) throws(StoreError) -> MemoryView {
    let target = try work.room(try byteCount(of: record))
    try decompress(record, work, into: target)
    return target
  }

  /// - Parameter target: as long as the value.
  func decompress(_ record: FrozenRecord, _ work: FrozenWork, into target: MemoryView) throws(StoreError) {
    let dictionary = try dictionary(record)
    guard work.decompress(record.stored(view), with: dictionary, into: target) else { throw brokenFrame(record) }
  }

  /// Of the value.
  func byteCount(of record: FrozenRecord) throws(StoreError) -> Int {
    if !record.isCompressed { return record.storedByteCount }
    guard let count = ValueCodec.byteCount(of: record.stored(view)) else { throw brokenFrame(record) }
    return count
  }

  private func brokenFrame(_ record: FrozenRecord) -> StoreError {
    damage("the compressed value is not whole", at: record.offset, record.key(view))
  }

  private func dictionary(_ record: FrozenRecord) throws(StoreError) -> PreparedDictionary? {
    let identifier = record.dictionary(view)
    if identifier == 0 { return nil }
    return try codec.dictionary(identifier) { () throws(StoreError) in
      guard let entry = dictionaries.first(where: { $0.identifier == identifier }) else {
        throw damage("the dictionary \(identifier) is missing", at: record.offset, record.key(view))
      }
      return try content(of: entry)
    }
  }

  func content(of dictionary: FrozenDictionary) throws(StoreError) -> MemoryView {
    let content = view.slice(dictionary.offset, dictionary.contentByteCount)
    guard content.hash(seed: header.salt) == dictionary.checksum else {
      throw damage("the dictionary is not what was written", at: dictionary.offset)
    }
    return content
  }
}
