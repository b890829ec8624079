extension Store {
  /// How the space of what has been replaced, removed or has expired is given back.
  public struct Compaction: Sendable, Equatable {
    /// Whether it goes on in the background. If not, only ``Store/compact(progress:)`` gives space back.
    public var isAutomatic = true
    /// How many bytes of log there may be for each byte of live records before some are given back: from 1.05 on. The
    /// smaller, the smaller is the store, and the more is copied to keep it so. Up to 8 MiB of dead records are left
    /// alone in any case.
    public var targetAmplification = 1.5
    /// At most so many bytes are read and written in a second; `nil`: as fast as it goes.
    public var bytesPerSecond: Int?

    public init() {}

    func validate() throws(StoreError) {
      guard targetAmplification >= 1.05 && targetAmplification <= 1000 else {
        throw StoreError(
          .invalidOption, "targetAmplification must be from 1.05 to 1000, and is \(targetAmplification)")
      }
      if let bytesPerSecond, bytesPerSecond < 1 << 16 || bytesPerSecond > 1 << 40 {
        throw StoreError(
          .invalidOption, "bytesPerSecond must be from 65536 to 2⁴⁰, and is \(bytesPerSecond)")
      }
    }
  }

  /// How far a compaction has come.
  public struct CompactionProgress: Sendable, Equatable {
    /// Bytes of log when it, or its present pass, began.
    public internal(set) var bytes = 0
    /// Bytes of log that this pass has given back so far; what had to be moved for that is written anew.
    public internal(set) var bytesReclaimed = 0
  }

  /// Gives all space back that does not hold live entries, beside reads and writes, and returns when it is done.
  ///
  /// Segments in which something has been replaced, removed or has expired are taken, the oldest first; what is live in
  /// them is written again at the end of the log. May be interrupted by anything at any moment, and called again.
  ///
  /// - Parameter progress: called now and then; returns whether to go on.
  /// - Throws: `.noSpace` if the disk has no room for what must be moved (a segment, 64 MiB, is enough), after which
  ///   the store can be used as before; `.damaged` if records were met that fail their checksum, `.unsupportedFormat`
  ///   if such of a newer version: their segments are kept as they are, and everything else is compacted all the
  ///   same; `.readOnly`, `.closed`, `.writerFailed`.
  /// - Complexity: reads segments in which something is dead, and writes what is live in them; some 500 MB/s.
  public func compact(progress: (CompactionProgress) -> Bool = { _ in true }) throws(StoreError) {
    try engine.compact(progress)
  }
}
