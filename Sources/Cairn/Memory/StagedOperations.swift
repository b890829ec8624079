/// An operation whose record is in the staging buffer.
struct StagedOperation {
  let hash: UInt64
  let entry: UInt64
  /// In its record; the prefix of a barrier.
  let key: MemoryView
  let byteCount: Int
  /// ``RecordHeader/Kind``.
  let kind: UInt8
  /// Of a put that has one; otherwise `max`, which never comes.
  let deadline: Int64
  /// On the first operation of a batch: how many there are.
  var batchCount: Int

  @inline(__always)
  var isDelete: Bool { kind == RecordHeader.Kind.delete }
  @inline(__always)
  var isBarrier: Bool { kind == RecordHeader.Kind.barrier }

  func counted(_ batchCount: Int) -> StagedOperation {
    var operation = self
    operation.batchCount = batchCount
    return operation
  }
}

/// The operations of the commit that is under way, for the thread with the writer's turn.
///
/// An array in the engine would do, but for the dynamic exclusivity check of each append, and the reference count of
/// each loop: 250 instructions a put, of 1,600.
@safe
final class StagedOperations: @unchecked Sendable {  // The writer's.
  private var base: UnsafeMutablePointer<StagedOperation>
  private var capacity = 64
  private(set) var count = 0

  init() { unsafe base = .allocate(capacity: capacity) }

  deinit { unsafe base.deallocate() }

  subscript(_ index: Int) -> StagedOperation {
    precondition(index >= 0 && index < count, "operation outside of commit")
    return unsafe base[index]
  }

  func removeAll() { count = 0 }

  /// Of their records.
  var byteCount: Int { (0..<count).reduce(0) { $0 + self[$1].byteCount } }

  @inline(__always)
  func append(_ operation: StagedOperation) {
    if count == capacity { grow() }
    // SAFETY: there is room; operations need no deinitialization.
    unsafe (base + count).initialize(to: operation)
    count += 1
  }

  private func grow() {
    let larger = UnsafeMutablePointer<StagedOperation>.allocate(capacity: capacity * 2)
    unsafe larger.moveInitialize(from: base, count: count)
    unsafe base.deallocate()
    unsafe base = larger
    capacity *= 2
  }
}
