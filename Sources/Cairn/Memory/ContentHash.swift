internal import CCairn

/// XXH3-128 of some bytes: tells contents apart (not those that somebody prepared to be alike).
package func contentHash(_ bytes: RawSpan) -> (low: UInt64, high: UInt64) {
  let view = MemoryView(bytes)
  return unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 2) { halves in
    unsafe cairn_hash128(view.pointer, view.count, halves.baseAddress)
    return unsafe (halves[0], halves[1])
  }
}
