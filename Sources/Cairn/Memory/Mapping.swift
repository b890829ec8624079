/// Memory with an owner: anonymous, or a file mapped read-only, or privately with copies made on write.
///
/// Released when the last reference goes; what readers may still be in is handed to the ``Reclaimer`` first.
@safe
package final class Mapping: @unchecked Sendable {  // Immutable; what the bytes are is up to who shares them.
  private let base: UnsafeMutableRawPointer
  package let byteCount: Int
  private let release: @Sendable (UnsafeMutableRawPointer, Int) -> Void

  /// Takes over memory of `byteCount` bytes that `release` gives back.
  @unsafe
  init(
    adopting base: UnsafeMutableRawPointer, byteCount: Int,
    release: @escaping @Sendable (UnsafeMutableRawPointer, Int) -> Void
  ) {
    unsafe self.base = base
    self.byteCount = byteCount
    unsafe self.release = release
  }

  package var view: MemoryView { unsafe MemoryView(base, count: byteCount) }

  @unsafe var pointer: UnsafeMutableRawPointer { unsafe base }

  deinit { unsafe release(base, byteCount) }
}
