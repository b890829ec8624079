internal import Cairn

/// What barriers have to do with a checkpoint.
extension CheckpointCheck {
  /// What barriers hide may be missing. It may be there as long as the checkpoint, or the log behind its start, tells
  /// of such a barrier.
  mutating func checkHidden(_ store: StoreDirectory, _ all: [Barrier]) throws(StoreError) {
    let hiding = Barriers()
    try hiding.add(all, keepingAll: false)
    var readers = Readers(store: store)
    for (hash, place) in awaited {
      let isHidden = try readers.withKey(at: place) { key, version in hiding.hide(key, version: version) }
      if isHidden ?? false { awaited[hash] = nil }
    }
    let start = checkpoint.header.startSequence
    let known = Barriers()
    let listed = Set(checkpoint.barriers.map(\.version))
    try known.add(all.filter { $0.version > start || listed.contains($0.version) }, keepingAll: false)
    // All of the log has been read once already: only where there is something to be found.
    guard hiding.all != known.all else { return }
    let numbers = Dictionary(checkpoint.segments.map { ($0.slot, $0.number) }) { first, _ in first }
    for shard in entries.indices {
      for (index, entry) in entries[shard].enumerated() where seen[shard][index] != 0 {
        guard let segment = numbers[entry >> 24 & 0xFFFF] else { continue }
        let place = LogPlace(segment: segment, offset: Int(entry & 0xFF_FFFF) * 8)
        let isWrong = try readers.withKey(at: place) { key, version in
          hiding.hide(key, version: version) && !known.hide(key, version: version)
        }
        if isWrong ?? false {
          note("an entry of shard \(shard) leads to a record that was invalidated", offset(of: entry, shard))
        }
      }
    }
  }

  private struct Readers {
    let store: StoreDirectory
    var readers: [UInt64: SegmentReader] = [:]
    /// Each has a descriptor and a buffer.
    static let most = 16

    /// `nil` if there is no record any more.
    mutating func withKey<R>(
      at place: LogPlace, _ body: (_ key: MemoryView, _ version: UInt64) -> R
    ) throws(StoreError) -> R? {
      if readers[place.segment] == nil {
        if readers.count >= Self.most { readers = [:] }
        readers[place.segment] = try SegmentReader(place.segment, in: store)
      }
      guard let reader = readers[place.segment],
        let record = try reader.record(at: place.offset, upTo: reader.byteCount, readAhead: 0)
      else { return nil }
      return body(record.key, record.version)
    }
  }
}
