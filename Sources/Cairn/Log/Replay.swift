/// Applies operations of the log to the index, whole batches only.
///
/// Bound by cache misses: so it works ahead. Operations are gathered in groups, their buckets prefetched while the next
/// records are verified, and applied when the buckets have arrived.
struct Replay {
  private struct Operation {
    let hash: UInt64
    let entry: UInt64
    let header: RecordHeader
    let memory: MemoryView
    let offset: Int
  }

  private static let lookahead = 64

  let engine: Engine
  let index: HashIndex
  /// Only this shard, if any.
  var onlyShard: Int?
  /// Operations up to this one are in the checkpoint's counts of bytes already. What replaces a record that one of
  /// them has replaced takes its bytes off a second time, if that one is not in the log any more; until compaction
  /// comes by, its segment counts as emptier than it is.
  var countedSequence: UInt64 = 0

  /// What the index has already, if it was loaded.
  private let checkpoint: CheckpointShards?
  private var operations: [Operation] = []
  /// Those before this belong to batches whose end has been seen.
  private var complete = 0
  private(set) var records = 0
  /// Those that it has met.
  private(set) var barriers: [Barrier] = []

  init(_ engine: Engine, index: HashIndex) {
    self.engine = engine
    self.index = index
    checkpoint = index.loaded.withLock { $0 }
    operations.reserveCapacity(4 * Self.lookahead)
  }

  /// Takes the next operation of the log. The memory must live until `finish`.
  mutating func add(_ record: LogScan.Record, _ memory: MemoryView, segment: UInt64) throws(StoreError) {
    let header = record.header
    let key = memory.slice(record.offset + header.keyOffset, header.keyByteCount)
    let hash = index.hash(key)
    index.prefetchBucket(hash)
    operations.append(
      Operation(
        hash: hash,
        entry: HashIndex.Entry.make(
          HashIndex.fingerprint(hash), slot: SegmentTable.slot(segment), offset: record.offset),
        header: header, memory: memory, offset: record.offset))
    records += 1
    if header.flags & RecordHeader.Flags.moreFollows == 0 {
      complete = operations.count
      if complete >= Self.lookahead { try apply() }
    }
  }

  /// Forgets the operations of a batch whose end was not found.
  mutating func dropIncomplete() {
    records -= operations.count - complete
    operations.removeLast(operations.count - complete)
  }

  mutating func finish() throws(StoreError) { try apply() }

  private mutating func apply() throws(StoreError) {
    for operation in operations[0..<complete] {
      if operation.header.isBarrier {
        add(barrier: operation)
        continue
      }
      let shard = HashIndex.shard(operation.hash)
      if let onlyShard, shard != onlyShard { continue }
      let sequence = operation.header.sequence
      if let checkpoint {
        if sequence <= checkpoint.shards[shard].sequence { continue }
        guard index.verify(shard) else {
          throw StoreError.damaged("a shard of the checkpoint fails its checksum", file: CheckpointHeader.name)
        }
      }
      let key = operation.memory.slice(operation.offset + operation.header.keyOffset, operation.header.keyByteCount)
      let staged = StagedOperation(
        hash: operation.hash, entry: operation.entry, key: key, byteCount: operation.header.recordByteCount,
        kind: operation.header.kind,
        deadline: operation.header.deadline(operation.memory, at: operation.offset) ?? .max, batchCount: 1)
      var vacancy: Int?
      let position = index.locate(key, hash: operation.hash, vacancy: &vacancy)
      if onlyShard == nil {
        engine.countEntries(staged, replaces: position)
        if sequence > countedSequence { engine.countBytes(staged, replaces: position) }
      }
      if !staged.isDelete {
        if let position {
          index.replace(position, with: staged.entry)
        } else {
          index.insert(staged.entry, hash: staged.hash, at: vacancy)
        }
      } else if let position {
        index.remove(position)
      }
    }
    operations.removeFirst(complete)
    complete = 0
  }

  private mutating func add(barrier operation: Operation) {
    let version = operation.header.version(operation.memory, at: operation.offset)
    if onlyShard == nil && operation.header.sequence > countedSequence {
      engine.removeBytes.add(Int64(operation.header.recordByteCount), at: HashIndex.Entry.slot(operation.entry))
    }
    // What the checkpoint does not tell of such a one has been carried out before it was begun.
    if let checkpoint, version <= checkpoint.header.startSequence { return }
    let key = operation.memory.slice(operation.offset + operation.header.keyOffset, operation.header.keyByteCount)
    barriers.append(Barrier(prefix: key.array(), version: version))
  }
}
