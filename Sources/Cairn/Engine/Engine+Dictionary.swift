internal import Synchronization

/// Dictionaries for small values: trained from what the store holds, in the background, and taken into use with a new
/// segment, which begins with a copy of it (SPEC 4.6). So a value and its dictionary are in the same file, and nothing
/// has to be counted: it goes when the segment goes.
extension Engine {
  /// Longer values say enough about themselves.
  static let smallValueBytes = 16 << 10

  /// What a value of this length is compressed with now; another one may be in use when it is committed.
  @inline(__always)
  func dictionary(forValueOf byteCount: Int) -> ValueDictionary? {
    // A forked child leaves the lock alone: see `ValueCodec`.
    guard options.compression.isTrained, byteCount <= Self.smallValueBytes, alive.isSet else { return nil }
    return learning.withLock { $0.current }
  }

  /// Goes on with the newest dictionary that one of the last segments has. Before anything is written.
  func goOnWithDictionary(lookingAt count: Int) throws(StoreError) {
    guard options.compression.isTrained else { return }
    for segment in catalog.withLock({ $0.segments.suffix(count) }).reversed() {
      guard let found = try dictionaries.dictionary(SegmentTable.slot(segment.number), segments),
        found.byteCount <= learning.withLock({ $0.dictionaryBytes })
      else { continue }
      log.dictionary = found
      return learning.withLock { $0.resume(found) }
    }
  }

  /// Where a new segment is begun, and may have any: who wrote the last one may not have come as far as its dictionary.
  static let lastSegments = 4

  /// Takes a value into account that has been stored; without the turn.
  func learn(raw: Int, stored: Int) {
    guard options.compression.isTrained, raw <= Self.smallValueBytes, alive.isSet,
      learning.withLock({ $0.note(raw: raw, stored: stored) })
    else { return }
    queue.take()
    defer { queue.giveBack() }
    if !alive.isSet || log.failure != nil { return }
    if let thread = startCompactor() { thread.wake(.train) } else { learning.withLock { $0.finish(nil, ratio: nil) } }
  }

  /// What fails here is counted, and tried again when more has been written.
  func trainInBackground() {
    do throws(StoreError) {
      try training.withLock { _ throws(StoreError) in
        // Unless somebody has done it meanwhile.
        if learning.withLock({ $0.isAsked }) { try trainAlone(isForced: false) }
      }
    } catch {
      count(.trainingsFailed)
    }
  }

  /// Trains a dictionary on a sample of the live values, and takes it into use if it is worth it. Returns whether it
  /// is.
  ///
  /// - Parameter isForced: whether that one is taken into use in any case.
  @discardableResult
  func trainDictionary(isForced: Bool = false) throws(StoreError) -> Bool {
    try training.withLock { _ throws(StoreError) in try trainAlone(isForced: isForced) }
  }

  @discardableResult
  private func trainAlone(isForced: Bool) throws(StoreError) -> Bool {
    // A close waits for what is under way.
    if !alive.isSet { throw deadError() }
    var result: (dictionary: ValueDictionary, ratio: Double)?
    defer { learning.withLock { $0.finish(result?.dictionary, ratio: result?.ratio) } }
    guard options.compression.isTrained, let trained = try trained(isForced) else { return false }
    try adopt(trained.dictionary)
    result = trained
    count(.dictionariesTrained)
    return true
  }

  // MARK: Training

  /// What is trained on, and what the result is tried on.
  private struct Sample {
    var training: (bytes: [UInt8], sizes: [Int]) = ([], [])
    var trial: [[UInt8]] = []
    var count = 0
    /// Entries that have been looked at.
    var entries = 0
  }

  private static let sampleBytes = 16 << 20
  /// Entries that are looked at for it: of many, few may have values that could be compressed.
  private static let sampleEntries = 1 << 20
  /// Every so many values is one for the trial.
  private static let trialShare = 8
  /// It must make values so much smaller than none does, and than the present one, or it is not worth a change.
  private static let leastGain = 0.1
  private static let leastGainOverAnother = 0.03

  private func trained(_ isForced: Bool) throws(StoreError) -> (dictionary: ValueDictionary, ratio: Double)? {
    let most = learning.withLock { $0.dictionaryBytes }
    let sample = try sample(upTo: min(Self.sampleBytes, 100 * most))
    let byteCount = min(most, sample.training.bytes.count / DictionaryLearning.leastFactor)
    guard !sample.trial.isEmpty, let level = options.compression.level(forValueOf: Store.Compression.leastBytes),
      let bytes = ValueDictionary.train(sample.training, level: level, byteCount: byteCount),
      let dictionary = try dictionaries.make(of: bytes, with: codec)
    else { return nil }
    let ratio = try ratio(sample.trial, dictionary)
    if isForced { return (dictionary, ratio) }
    if ratio > (1 - Self.leastGain) * (try self.ratio(sample.trial, nil)) { return nil }
    if let current = learning.withLock({ $0.current }),
      ratio > (1 - Self.leastGainOverAnother) * (try self.ratio(sample.trial, current))
    {
      return nil
    }
    return (dictionary, ratio)
  }

  /// What would be stored of the values, by their bytes.
  private func ratio(_ values: [[UInt8]], _ dictionary: ValueDictionary?) throws(StoreError) -> Double {
    var sum = 0
    for value in values {
      let level = options.compression.level(forValueOf: value.count)
      sum += try value.withBytes { (value: RawSpan) throws(StoreError) in
        try codec.withCompressed(MemoryView(value), level: level ?? 0, dictionary) { $0?.count ?? value.byteCount }
      }
    }
    return Double(sum) / Double(values.reduce(0) { $0 + $1.count })
  }

  /// Small live values of all ages: keys stand in the shards by their hashes, so any shards will do.
  private func sample(upTo byteCount: Int) throws(StoreError) -> Sample {
    var sample = Sample()
    let first = Int(try random() % UInt64(HashIndex.shards))
    var entries: [UInt64] = []
    var isEnough: Bool { sample.training.bytes.count >= byteCount || sample.entries >= Self.sampleEntries }
    for number in 0..<HashIndex.shards where !isEnough {
      let shard = (first + number) % HashIndex.shards
      let slot = gate.enter()
      defer { slot.leave() }
      if !alive.isSet { throw deadError() }
      try verify(shard)
      let barriers = barriers.list
      index.entries(of: shard, into: &entries)
      for entry in entries where !isEnough {
        sample.entries += 1
        // What is damaged, or of a newer version, is told to who asks for it. What is too long is not even read.
        guard let length = index.record(entry, verifying: false)?.header.valueByteCount,
          length <= Self.smallValueBytes, let record = index.record(entry, verifying: true),
          record.header.kind == RecordHeader.Kind.put, record.header.isUnderstood,
          !barriers.hides(record.key, version: record.version)
        else { continue }
        _ = try? withValue(of: record) { add($0, to: &sample) }
      }
    }
    return sample
  }

  private func add(_ value: MemoryView, to sample: inout Sample) {
    guard (Store.Compression.leastBytes...Self.smallValueBytes).contains(value.count) else { return }
    sample.count += 1
    if sample.count % Self.trialShare == 0 { return sample.trial.append(value.array()) }
    sample.training.bytes.append(value)
    sample.training.sizes.append(value.count)
  }

  // MARK: Taking into use

  /// Goes on with another dictionary, in a new segment.
  ///
  /// - Throws: `.noSpace` if there is no room for that, and the writer goes on as before.
  private func adopt(_ dictionary: ValueDictionary) throws(StoreError) {
    repeat {
      try prepareNext()
      // Unless the writer has come to need that segment first.
    } while try !adoptPrepared(dictionary)
  }

  /// Returns whether there was a segment for it.
  private func adoptPrepared(_ dictionary: ValueDictionary) throws(StoreError) -> Bool {
    try inTurnOfOpenStore { () throws(StoreError) in
      if catalog.withLock({ $0.prepared == nil }) { return false }
      let before = log.dictionary
      do throws(StoreError) {
        log.dictionary = dictionary
        try roll(atLeast: 0)
      } catch {
        log.dictionary = before
        throw error
      }
      learning.withLock { $0.current = dictionary }
      return true
    }
  }
}
