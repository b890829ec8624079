/// Looks behind the end of the log for valid records that tell more of it had been on the disk (SPEC 6).
///
/// A record can only be valid where it was written, so what passes is proof. Valid records are stepped over, so that
/// values, which anybody may have chosen, are looked into only where a record around them is torn.
package struct ProofSearch {
  /// How often the bytes that are searched may be hashed.
  package static let budgetFactor = 4

  enum Result {
    case nothing
    case proof
    /// Hostile bytes claim a long record at every place: hashing them all would take hours. What is true of the log
    /// is then unknown, and nothing may be cut off.
    case undecided
  }

  /// Of the last record that counts.
  let lastSequence: UInt64
  /// How many bytes of log may follow: no sequence can be further away than their records.
  let byteCount: Int
  private var budget: Int

  init(after lastSequence: UInt64, byteCount: Int) {
    self.lastSequence = lastSequence
    self.byteCount = byteCount
    budget = Self.budgetFactor * byteCount
  }

  /// Looks at every multiple of 8 from `start` on.
  mutating func look(
    _ memory: MemoryView, salt: UInt64, from start: Int, for isProof: (RecordHeader) -> Bool
  ) -> Result {
    var at = start
    while at + RecordHeader.byteCount <= memory.count {
      // Most of what follows a torn tail is reserved space: zeros.
      if memory.load(at + 16, as: UInt64.self) != 0, let header = RecordHeader(decoding: memory, at: at),
        isPlausible(header, at: at)
      {
        if budget < header.recordByteCount { return .undecided }
        budget -= header.recordByteCount
        if header.isIntact(memory.slice(at, header.recordByteCount), offset: at, salt: salt) {
          if isProof(header) { return .proof }
          at += header.recordByteCount
          continue
        }
      }
      at += 8
    }
    return .nothing
  }

  /// Whether a record of this log could say this here: spares the hashing of nearly all that is none.
  private func isPlausible(_ header: RecordHeader, at offset: Int) -> Bool {
    header.durableByteCount <= offset
      && header.sequence &- lastSequence <= UInt64(byteCount / RecordHeader.byteCount + 1)
  }
}
