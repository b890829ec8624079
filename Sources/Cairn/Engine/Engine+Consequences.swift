internal import Synchronization

/// What has to go when something changes goes in the same commit, by what views say: in the log it stands before it, as
/// records of the same batch.
extension Engine {
  /// A remove, or a barrier.
  struct Removal {
    let kind: Operation.Kind
    let key: [UInt8]
    let items: [UInt8]

    var byteCount: Int {
      RecordHeader.byteCount(key: key.count, value: 0, extension: items.count)
    }
  }

  /// So many prefixes at most go with one commit: each is a barrier.
  private static let prefixesMax = 16

  /// With the turn, before anything of an operation is staged. What it throws concerns this operation alone.
  func lookForConsequences(of operation: Operation, _ isHappening: Bool) throws(StoreError) {
    alongside.removeAll()
    let changes = isHappening ? changes(of: operation) : []
    if changes.isEmpty { return }
    var (prefixes, seen): (Int, Set<KeySet>) = (0, [])
    var byteCount = recordByteCount(of: operation)
    for view in consequential {
      for consequence in try view.consequences(of: changes) where seen.insert(consequence.keys).inserted {
        guard let removal = try removal(consequence) else { continue }
        prefixes += removal.kind == .invalidate ? 1 : 0
        byteCount += removal.byteCount
        alongside.append(removal)
      }
    }
    // A batch is limited by the format; what is committed alone is not.
    if prefixes > Self.prefixesMax || !alongside.isEmpty && byteCount > Store.Limits.batchBytes {
      alongside.removeAll()
      throw StoreError(
        .batchTooLarge,
        "what goes with a commit is at most \(Self.prefixesMax) prefixes, and together with it "
          + "\(Store.Limits.batchBytes) bytes")
    }
  }

  private func recordByteCount(of operation: Operation) -> Int {
    switch operation.kind {
    case .sync: 0
    case .batch: operation.batch.count
    case .put, .remove, .invalidate:
      RecordHeader.byteCount(
        key: operation.key.count, value: operation.value.count,
        extension: operation.items.count + (operation.deadline == nil ? 0 : 8))
    }
  }

  private func changes(of operation: Operation) -> [KeySet] {
    switch operation.kind {
    case .sync: return []
    case .put, .remove: return [.key(operation.key.array())]
    case .invalidate: return [.prefix(operation.key.array())]
    case .batch:
      var (changes, offset): ([KeySet], Int) = ([], 0)
      while let header = RecordHeader(decoding: operation.batch, at: offset) {
        changes.append(.key(operation.batch.slice(offset + header.keyOffset, header.keyByteCount).array()))
        offset += header.recordByteCount
      }
      return changes
    }
  }

  /// `nil`: there is nothing to be removed.
  private func removal(_ consequence: Consequence) throws(StoreError) -> Removal? {
    let bytes = consequence.keys.bytes
    guard bytes.count <= Store.Limits.keyBytes else {
      throw StoreError(
        .keyTooLong, "a key that goes with a commit is at most \(Store.Limits.keyBytes) bytes long",
        keyPrefix: Array(bytes.prefix(32)))
    }
    switch consequence.keys {
    case .prefix:
      if keepsVersions {
        throw StoreError(
          .invalidOption, "in a store that keeps earlier versions, keys can go with a commit, and prefixes not")
      }
      return Removal(kind: .invalidate, key: bytes, items: [])
    case .key:
      let isThere = try bytes.withBytes { (key: RawSpan) throws(StoreError) in
        let key = MemoryView(key)
        let hash = index.hash(key)
        try verifyInTurn(HashIndex.shard(hash))
        // Of the same group, it is not in the index yet.
        return isStaged(key) || index.locate(key, hash: hash).map { !isHidden($0) } ?? false
      }
      return isThere ? Removal(kind: .remove, key: bytes, items: CauseItem.encode(consequence.cause)) : nil
    }
  }

  /// Stages what goes with an operation, which is to follow as the end of the same batch.
  func stageAlongside(of operation: Operation) throws(StoreError) {
    let own = operation.kind == .batch ? operation.batchCount : 1
    defer { alongside.removeAll() }
    // All of them in one segment.
    _ = try makeRoom(recordByteCount(of: operation) + alongside.reduce(0) { $0 + $1.byteCount })
    for (number, removal) in alongside.enumerated() {
      try removal.key.withBytes { (key: RawSpan) throws(StoreError) in
        try removal.items.withBytes { (items: RawSpan) throws(StoreError) in
          try stageSingle(
            Operation(
              kind: removal.kind, key: MemoryView(key), value: .empty, deadline: nil, items: MemoryView(items),
              condition: .none, batch: .empty, batchCount: 0, durability: operation.durability),
            batchCount: number == 0 ? alongside.count + own : 0, flags: RecordHeader.Flags.moreFollows)
        }
      }
    }
  }
}
