internal import CCairn

/// The hash of bytes that come in pieces: the same as that of all of them at once.
@safe
package struct HashStream: ~Copyable {
  private let state: UnsafeMutableRawPointer

  package init(seed: UInt64) throws(StoreError) {
    guard let state = unsafe cairn_hash_begin(seed) else {
      throw StoreError(.system, "there is no memory for a hash")
    }
    unsafe self.state = state
  }

  package func add(_ bytes: MemoryView) { unsafe cairn_hash_add(state, bytes.pointer, bytes.count) }

  /// - Returns: the hash. SAFETY: frees the state, and whoever calls has no stream any more.
  package consuming func finish() -> UInt64 {
    let hash = unsafe cairn_hash_end(state)
    discard self
    return hash
  }

  deinit { unsafe _ = cairn_hash_end(state) }
}
