/// Values that are stored compressed.
extension Engine {
  /// ``commit(_:)`` of a put whose value is to be compressed, if that saves enough.
  ///
  /// That is done here, where writers do it side by side, and not in the turn: in vain where a condition turns out not
  /// to hold, which only the turn can tell.
  @inline(never)
  func commit(_ operation: Operation, compressedAt level: Int32) throws(StoreError) -> Outcome {
    while true {
      // Nothing is compressed for a store that takes no writes.
      try checkWritable()
      let byteCount = operation.value.count
      let dictionary = dictionary(forValueOf: byteCount)
      let outcome = try codec.withCompressed(operation.value, level: level, dictionary) {
        (compressed) throws(StoreError) in
        var operation = operation
        if let compressed {
          (operation.value, operation.codec) = (compressed, RecordHeader.Codec.zstd)
          operation.dictionary = dictionary?.number ?? 0
        }
        let outcome = try commit(operation)
        if outcome != .stale { learn(raw: byteCount, stored: operation.value.count) }
        return outcome
      }
      if outcome != .stale { return outcome }
    }
  }

  /// The value of a record, for as long as `body` runs; under a read guard.
  @inline(__always)
  func withValue<R>(of record: FoundRecord, _ body: (MemoryView) throws(StoreError) -> R) throws(StoreError) -> R {
    if !record.isCompressed { return try body(record.value) }
    return try withDecompressed(record, body)
  }

  @inline(never)
  private func withDecompressed<R>(
    _ record: FoundRecord, _ body: (MemoryView) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    let work = try decompress(record)
    defer { codec.giveBack(work.work) }
    return try body(work.value)
  }

  /// The value, and what holds it, which is to be given back.
  func decompress(_ record: FoundRecord) throws(StoreError) -> (work: CodecWork, value: MemoryView) {
    let work = codec.take()
    do throws(StoreError) {
      let dictionary = try dictionary(of: record)
      guard let value = try work.decompress(record.value, dictionary) else { throw damage(record.entry, record.key) }
      return (work, value)
    } catch {
      codec.giveBack(work)
      throw error
    }
  }

  /// What the value was compressed with. Under the read guard in which the record was found.
  func dictionary(of record: FoundRecord) throws(StoreError) -> BorrowedDictionary? {
    if record.header.dictionary == 0 { return nil }
    guard let found = try dictionaries.prepared(HashIndex.Entry.slot(record.entry), segments) else {
      throw damage(record.entry, record.key, "the dictionary of the segment is missing or damaged")
    }
    return found
  }

  private func byteCount(of record: FoundRecord) throws(StoreError) -> Int {
    guard let count = ValueCodec.byteCount(of: record.value, isBare: record.header.dictionary != 0) else {
      throw damage(record.entry, record.key)
    }
    return count
  }

  /// Straight into where it is wanted, if there is room for all of it. Returns its length.
  @inline(never)
  func decompress(_ bytes: MemoryView, _ entry: UInt64, into buffer: MemoryView) throws(StoreError) -> Int {
    guard let record = FoundRecord(bytes: bytes, entry: entry) else { throw damage(entry, .empty) }
    let byteCount = try byteCount(of: record)
    guard byteCount <= buffer.count else { return byteCount }
    let work = codec.take()
    defer { codec.giveBack(work) }
    guard try work.decompress(record.value, dictionary(of: record), into: buffer.slice(0, byteCount)) else {
      throw damage(record.entry, record.key)
    }
    return byteCount
  }

  @inline(never)
  func appendDecompressed(_ record: FoundRecord, to array: inout [UInt8]) throws(StoreError) {
    let byteCount = try byteCount(of: record)
    let start = array.count
    var failure: StoreError?
    array.append(addingCapacity: byteCount) { target in
      do throws(StoreError) {
        // The record, which lies in a file, is read once more.
        let count = try decompress(record.bytes, record.entry, into: target)
        if count != byteCount { throw damage(record.entry, record.key) }
      } catch {
        failure = error
        target.zero(0, byteCount)
      }
    }
    if let failure {
      array.removeLast(array.count - start)
      throw failure
    }
  }

  func value(of record: FoundRecord) throws(StoreError) -> [UInt8] {
    if !record.isCompressed { return record.value.array() }
    var array: [UInt8] = []
    try appendDecompressed(record, to: &array)
    return array
  }
}
