internal import CCairn

/// A value behind a lock that may be held from one call to another.
///
/// A `pthread_mutex_t`, not the standard library's `Mutex`, for the reasons that the engine has for its own locks.
///
/// SAFETY: the mutex is its own, from `init` to `deinit`; `value` is touched by who holds the lock.
@safe
package final class Guarded<Value: ~Copyable>: @unchecked Sendable {  // As above.
  @usableFromInline let mutex: UnsafeMutableRawPointer
  @usableFromInline package var value: Value

  package init(_ value: consuming Value) {
    guard let mutex = unsafe cairn_mutex_make() else { preconditionFailure("out of memory") }
    unsafe self.mutex = mutex
    self.value = value
  }

  deinit { unsafe cairn_mutex_free(mutex) }

  @inlinable package func lock() { unsafe cairn_mutex_lock(mutex) }
  /// Returns whether it was free.
  @inlinable package func tryLock() -> Bool { unsafe cairn_mutex_try_lock(mutex) == 0 }
  @inlinable package func unlock() { unsafe cairn_mutex_unlock(mutex) }

  @inlinable
  package func withLock<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lock()
    defer { unlock() }
    return try body(&value)
  }
}
