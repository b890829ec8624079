internal import CCairn
internal import Synchronization

/// Tells with one load whether a store may be used: not after its close, and not in a child of the process that opened
/// it. It lies in a page that the kernel hands to forked children as zeros.
@safe
final class LifeMark: @unchecked Sendable {  // Accessed atomically.
  private let word: UnsafeMutablePointer<Atomic<UInt64>>
  private let process = System.processID()

  init() throws(StoreError) {
    guard let page = unsafe cairn_page_wiped_in_children() else { throw System.failure("mmap of memory", nil) }
    // SAFETY: zeros, page-aligned, given back in `deinit`.
    unsafe word = page.bindMemory(to: Atomic<UInt64>.self, capacity: 1)
    unsafe word.pointee.store(1, ordering: .releasing)
  }

  @inline(__always)
  var isSet: Bool { unsafe word.pointee.load(ordering: .acquiring) != 0 }

  /// Whether this is the process that set the mark.
  var isOwnProcess: Bool { process == System.processID() }

  /// Ends the life. Returns whether it was not ended before.
  func clear() -> Bool { unsafe word.pointee.exchange(0, ordering: .sequentiallyConsistent) != 0 }

  deinit { unsafe System.release(page: word) }
}
