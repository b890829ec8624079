internal import CCairn
internal import Synchronization

/// A 32-bit word that threads wait on (a futex).
final class WaitWord: Sendable {
  private let word = Atomic<UInt32>(0)

  var value: UInt32 { word.load(ordering: .acquiring) }

  private var address: UnsafeRawPointer {
    // SAFETY: an atomic has a stable address within its object and the layout of its value.
    unsafe withUnsafePointer(to: word) { unsafe UnsafeRawPointer($0) }
  }

  /// Waits while the value is `expected`; may return early.
  func wait(while expected: UInt32, nanoseconds: Int64 = -1) {
    unsafe cairn_futex_wait(address, expected, nanoseconds)
  }

  /// Sets the value and wakes all who wait.
  func set(_ value: UInt32) {
    word.store(value, ordering: .sequentiallyConsistent)
    unsafe cairn_futex_wake(address, .max)
  }

  /// Like `set`; wakes nobody if the value was there already. Returns whether it was not.
  @discardableResult
  func raise(_ value: UInt32) -> Bool {
    // Not before what the caller has just published can be seen by who lowers the word.
    if word.load(ordering: .sequentiallyConsistent) == value { return false }
    if word.exchange(value, ordering: .sequentiallyConsistent) == value { return false }
    unsafe cairn_futex_wake(address, .max)
    return true
  }

  /// Replaces the value and returns the one before.
  func exchange(_ value: UInt32) -> UInt32 { word.exchange(value, ordering: .sequentiallyConsistent) }
}

/// A value behind a lock: the only way to it is `withLock`.
///
/// A `pthread_mutex_t`, not the standard library's `Mutex`: that one takes up to 25 µs under contention on this
/// toolchain (13 ns here), and the thread sanitizer does not see it.
@safe
final class Locked<Value>: @unchecked Sendable {  // The value is only touched under the mutex.
  private let mutex: UnsafeMutableRawPointer
  private let value: UnsafeMutablePointer<Value>

  init(_ value: Value) {
    guard let mutex = unsafe cairn_mutex_make() else { preconditionFailure("out of memory") }
    unsafe self.mutex = mutex
    unsafe self.value = .allocate(capacity: 1)
    unsafe self.value.initialize(to: value)
  }

  deinit {
    unsafe value.deinitialize(count: 1)
    unsafe value.deallocate()
    unsafe cairn_mutex_free(mutex)
  }

  func withLock<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    unsafe cairn_mutex_lock(mutex)
    defer { unsafe cairn_mutex_unlock(mutex) }
    return try unsafe body(&value.pointee)
  }
}
