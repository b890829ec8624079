/// Values that compaction moves: as they are stored, unless they need a dictionary that the log does not have any more,
/// or are stored without the one that it has.
extension Engine {
  /// What values are stored with from now on.
  struct Encoding {
    let level: Int32?
    let dictionary: ValueDictionary?
    /// Whether all are to be stored so.
    let isForced: Bool

    /// Whether a value may have to be stored in another way than this record has it.
    func concerns(_ header: RecordHeader) -> Bool { header.dictionary != 0 || dictionary != nil || isForced }
  }

  /// A value as it is to be stored.
  struct Recoded {
    let bytes: [UInt8]
    let codec: UInt8
    let hasDictionary: Bool
  }

  /// That all values are to be compressed anew: at this level, or not at all.
  struct Anew {
    let level: Int32?
  }

  /// Without the turn; who has it makes sure that the dictionary is still the log's.
  func encoding(_ anew: Anew?) -> Encoding {
    Encoding(
      level: anew.map(\.level) ?? options.compression.level(forValueOf: Store.Compression.leastBytes),
      dictionary: dictionary(forValueOf: 0), isForced: anew != nil)
  }

  /// The value of a put for the end of the log; `nil`: as it is. Under a read guard.
  ///
  /// A frame that is new is decompressed and compared: what it replaces will be gone.
  ///
  /// - Throws: `.damaged` if it cannot be moved as it is, nor be decompressed.
  func recoded(
    _ record: FoundRecord, from source: ValueDictionary?, _ encoding: Encoding
  ) throws(StoreError) -> Recoded? {
    guard record.header.isUnderstood else { return nil }
    let needsDictionary = record.header.dictionary != 0
    // It would not be understood in a segment with another one.
    let mustChange =
      needsDictionary && (source == nil || source?.number != encoding.dictionary?.number)
      || encoding.isForced && encoding.level == nil && record.isCompressed
    let stored = record.value
    let byteCount = record.isCompressed ? ValueCodec.byteCount(of: stored, isBare: needsDictionary) : stored.count
    if !mustChange {
      // What stands beside the same dictionary was tried with it when it was put.
      let isNew = encoding.dictionary != nil && encoding.dictionary?.number != source?.number
      guard let byteCount, byteCount >= Store.Compression.leastBytes, encoding.level != nil,
        encoding.isForced || isNew && byteCount <= Self.smallValueBytes
      else { return nil }
    }
    // F1-DIC-003: whatever it looks like without.
    if needsDictionary && source == nil {
      throw damage(record.entry, record.key, "the dictionary of a value is not there")
    }
    let work = codec.take()
    defer { codec.giveBack(work) }
    var raw = stored
    if record.isCompressed {
      // The segment has a dictionary also for those that were compressed without one.
      guard let content = try work.decompress(stored, needsDictionary ? source?.prepared : nil) else {
        if mustChange { throw damage(record.entry, record.key, "a value cannot be decompressed") }
        return nil
      }
      raw = content
    }
    let dictionary = raw.count <= Self.smallValueBytes ? encoding.dictionary : nil
    var result: Recoded?
    // What was compressed stays so, also where nothing is any more, if nobody asks for something else: moving it must
    // not take more space than it gives back.
    let level = encoding.level ?? (encoding.isForced ? nil : Self.levelOfMoved)
    if let level, raw.count >= Store.Compression.leastBytes {
      result = try codec.withCompressed(raw, level: level, dictionary) { (frame) throws(StoreError) -> Recoded? in
        guard let frame, mustChange || frame.count < stored.count, try isSame(frame, dictionary, raw) else {
          return nil
        }
        return Recoded(bytes: frame.array(), codec: RecordHeader.Codec.zstd, hasDictionary: dictionary != nil)
      }
    }
    if result == nil && mustChange {
      result = Recoded(bytes: raw.array(), codec: RecordHeader.Codec.none, hasDictionary: false)
    }
    return result
  }

  private static let levelOfMoved: Int32 = 3

  private func isSame(
    _ frame: MemoryView, _ dictionary: ValueDictionary?, _ value: MemoryView
  ) throws(StoreError) -> Bool {
    let work = codec.take()
    defer { codec.giveBack(work) }
    return try work.decompress(frame, dictionary?.prepared)?.isEqual(to: value) ?? false
  }

  // MARK: On demand

  /// Writes everything anew that is there now.
  func recompress(
    _ level: Int?, _ progress: (Store.CompactionProgress) -> Bool
  ) throws(StoreError) {
    try checkWritable()
    var done = Store.CompactionProgress()
    // Removes that come after the checkpoint would have to be kept.
    if try inTurnOfOpenStore({ log.checkpointSequence < log.lastSequence }) { try writeCheckpoint() }
    guard let last = compacting.withLock({ compactionPlan($0) }).uses.last else { return }
    if last.isEmpty { try mapSealedOrFail() } else { try sealActive(last.number) }
    done.bytes = compacting.withLock { compactionPlan($0) }.byteCount
    let before = total(.reclaimedBytes)
    let given = options.compression.level(forValueOf: Store.Compression.leastBytes)
    let anew = Anew(level: level.map { Int32(truncatingIfNeeded: $0) } ?? given)
    while try compactRound(anew: anew, { $0.all(upTo: last.number) }) {
      done.bytesReclaimed = total(.reclaimedBytes) &- before
      if !progress(done) { return }
    }
    if let damage = compacting.withLock({ $0.unmovable.min { $0.key < $1.key }?.value }) { throw damage }
  }
}
