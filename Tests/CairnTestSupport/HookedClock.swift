public import Cairn
internal import Synchronization

/// A clock that does something when it is looked at: what a thread might do that comes in between.
public final class HookedClock: StoreClock {
  public let base = ManualClock()
  private let hook = Mutex<(left: Int, body: @Sendable () -> Void)?>(nil)

  public init() {}

  /// Once, at the look after so many others.
  public func afterLooks(_ count: Int, _ body: @escaping @Sendable () -> Void) { hook.withLock { $0 = (count, body) } }

  /// Not any more: where somebody looks who holds a lock, say.
  public func cancel() { hook.withLock { $0 = nil } }

  public func wallMilliseconds() -> Int64 {
    let due = hook.withLock { hook -> (@Sendable () -> Void)? in
      guard let waiting = hook else { return nil }
      hook = waiting.left == 0 ? nil : (waiting.left - 1, waiting.body)
      return waiting.left == 0 ? waiting.body : nil
    }
    due?()
    return base.wallMilliseconds()
  }

  public func elapsedMilliseconds() -> Int64 { base.elapsedMilliseconds() }
}

/// A view that knows its store while the store is still being opened.
public final class StoreCatcher: StoreView {
  private let caught = Mutex<Store?>(nil)

  public init() {}

  public var store: Store? { caught.withLock { $0 } }
  public func letGo() { caught.withLock { $0 = nil } }
  public func attach(to store: Store) { caught.withLock { $0 = store } }
  public func beginCommit(oldestSnapshot: UInt64?) {}
  public func apply(_ change: borrowing EntryChange) {}
  public func endCommit(_ sequence: UInt64) {}
  public func reset() {}
  public func save(to files: ViewFiles) {}
}
