internal import Cairn

/// What is known of one segment after the log has been read.
struct SegmentReport: Equatable, Sendable {
  enum Ending: Equatable, Sendable {
    /// A seal says that the log goes on in the next segment, which agrees.
    case continued
    /// The next segment says that the log went on there; the writer had stopped here without a seal.
    case cut
    /// The store was closed here.
    case closed
    /// The log stops here. Bytes of an unfinished write may follow.
    case open(tornBytes: Int)
    /// Made in advance, not used yet.
    case unused
    /// Comes after the end of the log, as after a power failure; replaced at the next open.
    case void
    case damaged
  }

  var number: UInt64
  var byteCount = 0
  var epoch: UInt64 = 0
  var salt: UInt64 = 0
  var created: Int64 = 0
  /// Of its operations; the last one is less if it has none.
  var firstSequence: UInt64 = 0
  var lastSequence: UInt64 = 0
  var operations = 0
  /// Where its last valid record ends; 0 if nothing in it counts.
  var end = SegmentHeader.recordsStart
  var ending = Ending.damaged
}

/// What reading the log has found.
struct LogReport {
  var segments: [SegmentReport] = []
  /// Segments that compaction has taken away, and those of them whose files are still there.
  var gone: GoneSegments?
  var leftOver: [UInt64] = []
  var findings = Findings()
  var lastSequence: UInt64 = 0
  var epoch: UInt64 = 0
  /// The last record says that the store was closed, and nothing follows it.
  var isClosed = false
  /// All of it could be read, and nothing is missing; of a newer version are values at most.
  var isWhole = false
  /// Records of all kinds whose checksum was right, and their bytes.
  var records = 0
  var recordBytes = 0
  /// What each record of a dictionary takes.
  var dictionaryBytes: [Int] = []

  var damage: Finding? { findings.first(.damaged) }
  /// Why there may be more in the log than was read.
  var obstacle: Finding? { damage ?? findings.first(.notUnderstood) }
}

/// Is told what the log says, in order.
protocol LogVisitor {
  /// A put or delete. It counts when `commit` is called: its batch may turn out to be incomplete.
  mutating func add(_ record: LogRecord, segment: UInt64) throws(StoreError)
  /// All operations that were added are whole.
  mutating func commit() throws(StoreError)
  /// Those added since the last commit did not happen.
  mutating func drop()
  /// A record that is no operation.
  mutating func mark(_ record: LogRecord, segment: UInt64) throws(StoreError)
  /// All of the log has been read.
  mutating func finish() throws(StoreError)
  /// The log is read from its beginning again: nothing counts of what was told before.
  mutating func restart() throws(StoreError)
}

extension LogVisitor {
  mutating func mark(_ record: LogRecord, segment: UInt64) throws(StoreError) {}
  mutating func finish() {}
}

/// Where the log is read only for itself.
struct NoVisitor: LogVisitor {
  mutating func add(_ record: LogRecord, segment: UInt64) {}
  mutating func commit() {}
  mutating func drop() {}
  mutating func restart() {}
}
