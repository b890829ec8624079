internal import CCairn
internal import Synchronization

/// Tasks that wait for the next change.
struct Watchers {
  private var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
  /// Cancelled before they have begun to wait.
  private var cancelled: Set<UInt64> = []
  private var last: UInt64 = 0

  mutating func makeNumber() -> UInt64 {
    last += 1
    return last
  }

  /// Returns whether it is to wait.
  mutating func begin(_ number: UInt64, _ continuation: CheckedContinuation<Void, Never>) -> Bool {
    if cancelled.remove(number) != nil { return false }
    waiting[number] = continuation
    return true
  }

  mutating func end(_ number: UInt64) -> CheckedContinuation<Void, Never>? { waiting.removeValue(forKey: number) }

  mutating func cancel(_ number: UInt64) -> CheckedContinuation<Void, Never>? {
    let continuation = end(number)
    if continuation == nil { cancelled.insert(number) }
    return continuation
  }

  /// It does not wait any more, and will not.
  mutating func forget(_ number: UInt64) { cancelled.remove(number) }

  mutating func endAll() -> [CheckedContinuation<Void, Never>] {
    defer { waiting.removeAll() }
    return Array(waiting.values)
  }
}

extension Engine {
  /// Waits until there are operations after that sequence, the store is closed, or the task is cancelled.
  func waitForChange(after sequence: UInt64) async {
    let number = watchers.withLock { $0.makeNumber() }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        guard watchers.withLock({ $0.begin(number, continuation) }) else { return continuation.resume() }
        isWatched.store(true, ordering: .sequentiallyConsistent)
        // Either who publishes sees that somebody waits, or it is seen here that there is something: the writer pays
        // no fence for that.
        if gate.hasMembarrier { _ = cairn_membarrier() }
        if counters.load(Counter.lastSequence.rawValue) > sequence || !alive.isSet {
          watchers.withLock { $0.end(number) }?.resume()
        }
      }
    } onCancel: {
      watchers.withLock { $0.cancel(number) }?.resume()
    }
    watchers.withLock { $0.forget(number) }
  }

  /// After something has been published, or the store was closed.
  @inline(__always)
  func wakeWatchers() {
    if !gate.hasMembarrier { atomicMemoryFence(ordering: .sequentiallyConsistent) }
    if isWatched.load(ordering: .relaxed) { wakeAll() }
  }

  @inline(never)
  private func wakeAll() {
    // Before they are taken: who comes behind raises it again.
    isWatched.store(false, ordering: .sequentiallyConsistent)
    for continuation in watchers.withLock({ $0.endAll() }) { continuation.resume() }
  }
}
