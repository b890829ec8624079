extension Store {
  /// What a write has survived when it returns. Chosen per store, and for any single write.
  ///
  /// Writes become visible and durable in one order: whatever a failure leaves is the store as it was after some
  /// write, with everything before it and nothing after it. A write waits at most for those before it.
  public enum Durability: Int, Sendable, Comparable, CaseIterable {
    /// Handed to the operating system in the background, when 256 KiB have gathered or after about 5 ms; if it falls
    /// behind by 8 MiB, writes do a part of that work themselves.
    ///
    /// *The process dies*: writes of the last moments (at most that window) are lost. *The power fails*: so are those
    /// that the operating system had not yet put on the disk, as a rule up to 30 s. A clean close loses nothing.
    case relaxed
    /// Handed to the operating system before the call returns. The default.
    ///
    /// *The process dies*, by `kill -9` too: nothing is lost. *The power fails, or the system crashes*: writes that
    /// the operating system had not yet put on the disk are lost, as a rule up to 30 s; call ``Store/sync()`` where
    /// it matters. Their versions are given again to other writes then.
    case process
    /// On the disk (`fdatasync`) before the call returns. Concurrent writers share one sync.
    ///
    /// *The process dies, or the power fails*: nothing is lost, as far as the disk keeps its word.
    case disk

    public static func < (a: Durability, b: Durability) -> Bool { a.rawValue < b.rawValue }
  }

  /// How far reads go in checking records against their checksums. The whole key is compared in any case.
  public enum Verification: Sendable {
    /// Every record on every read: about 10 ns for a small record, 60 ns per KiB.
    case always
    /// Never on reads. Damage on disk may then be returned as a value; recovery and `kvdump verify` still check.
    case never
  }

  /// How values are stored from now on; what is there already is read however it was stored.
  public enum Compression: Sendable, Equatable {
    /// As they are: read in place, without a copy. The default.
    case none
    /// As a zstd frame each, where that saves an eighth or more; values below 128 bytes are stored as they are. Lower
    /// levels are faster, higher ones smaller; 3 is zstd's own choice. A get decompresses: some 2 µs for 1 KiB.
    case zstd(level: Int = 3, dictionary: Dictionary = .trained)

    /// What small values (up to 16 KiB) have in common, for zstd to go by.
    public enum Dictionary: Sendable, Equatable {
      /// Each value is compressed by itself alone.
      case none
      /// When about 2 MiB of small values have been put, a dictionary is trained in the background, and taken into use
      /// if it makes them a tenth smaller or more; another, larger one (448 KiB at most) when there is much more to go
      /// by, or values take a fifth more than they did, if it makes them 3 % smaller. Alike values, such as JSON
      /// objects, take half as much with it, and are read faster. Each segment of the log has a compressed copy, of at
      /// most a 64th of a segment. What is there already is compressed with it when compaction moves it, or by
      /// ``Store/recompress(level:progress:)``.
      case trained
    }

    /// Those that zstd may be given.
    public static let levels = -5...19
    /// Below that, a frame's own bytes are most of what could be saved.
    static let leastBytes = 128

    static func check(_ level: Int) throws(StoreError) {
      if levels.contains(level) { return }
      throw StoreError(
        .invalidOption, "levels of zstd are \(levels.lowerBound) to \(levels.upperBound), and not \(level)")
    }

    package func validate() throws(StoreError) {
      if case .zstd(let level, _) = self { try Self.check(level) }
    }

    /// Whether small values are to have a dictionary.
    @inline(__always)
    var isTrained: Bool {
      if case .zstd(_, .trained) = self { return true }
      return false
    }

    @inline(__always)
    func level(forValueOf byteCount: Int) -> Int32? {
      switch self {
      case .none: return nil
      case .zstd(let level, _): return byteCount < Self.leastBytes ? nil : Int32(truncatingIfNeeded: level)
      }
    }
  }

  /// How a store is opened.
  public struct Options: Sendable {
    public enum Access: Sendable {
      /// Opens for reading and writing; makes the directory and the store where there is none.
      case createIfMissing
      /// Opens for reading and writing what must be there.
      case mustExist
      /// Opens for reading, changes nothing on disk, and takes no lock. Shows the store as it is at that moment. The
      /// way to open a damaged store.
      case readOnly
    }

    public var access: Access = .createIfMissing
    /// Of writes that do not ask for another.
    public var durability: Durability = .process
    public var verification: Verification = .always
    /// Of values that are put from now on.
    public var compression: Compression = .none
    /// Size of a log file in bytes, a multiple of 4,096 within ``Limits/segmentBytes``. While the store is open for
    /// writing, a buffer of this size is filled in memory. Larger values get a file of their own.
    public var segmentBytes = 64 << 20
    /// Bytes of log after which the index is written to a checkpoint, in the background; `nil`: when the log has grown
    /// by 128 MiB or by four times the size of the index, whichever is more. After a crash, at most about this much
    /// log is replayed. At a clean close a checkpoint is written if over 1 MiB (or this) would have to be replayed.
    public var checkpointInterval: Int?
    public var compaction = Compaction()
    /// So many earlier versions of each key are kept, beside the one it has, also of keys that are removed or have
    /// expired. They take space like live entries, for compaction too, and what is to be kept is known to the store
    /// while it is open: some 100 to 200 bytes of memory for each. The first compaction after an open reads the whole
    /// log for that. An entry that has expired stays as it is, and unseen, until it need not be kept.
    ///
    /// If this and ``keepVersionsFor`` are set, a version is kept as long as either asks for it. Where neither is (any
    /// more), earlier versions go with the next compaction of their segment.
    public var keepVersions = 0
    /// Earlier versions are kept so long after they were replaced or removed, and go with a compaction some time after
    /// that. See ``keepVersions``.
    public var keepVersionsFor: Duration?
    /// Bytes that the directory of the store may take, at least ``Limits/spaceLimitLeast``; `nil`: as many as there
    /// are. A put that would not fit waits for compaction to make room, and throws `.spaceLimit` if there is none to be
    /// made. Segments are made so small that there are sixteen at least; two of them are kept free for compaction.
    public var spaceLimit: Int?
    /// What is kept along with the store; see ``StoreView``. Each belongs to this store alone.
    public var views: [any StoreView] = []
    /// Permissions of the files made, and of the directory.
    public var filePermissions: UInt32 = 0o600
    public var directoryPermissions: UInt32 = 0o700
    /// What expiry goes by.
    public var clock: any StoreClock = SystemClock()
    /// Source of the random numbers that a store needs: its identity, the seed of its hash, the salts of its
    /// checksums. `nil`: the kernel's. Tests that want the same bytes every time pass their own.
    public var randomNumber: (@Sendable () -> UInt64)?
    /// Whether there are threads for what is done in the background. Tests that repeat every call in its order do
    /// without: see ``Store/runBackground()``.
    package var hasThreads = true
    /// So many bytes of the index are copied in one turn for a checkpoint, or one shard if that has more: so long a
    /// commit may have to wait (measured: some 30 µs).
    package var copiedAtOnce = 256 << 10

    public init() {}

    public init(_ access: Access, durability: Durability = .process) {
      self.access = access
      self.durability = durability
    }

    func validate() throws(StoreError) {
      guard Limits.segmentBytes.contains(segmentBytes), segmentBytes % 4096 == 0 else {
        throw StoreError(
          .invalidOption,
          "segmentBytes must be a multiple of 4096 from \(Limits.segmentBytes.lowerBound) to "
            + "\(Limits.segmentBytes.upperBound), and is \(segmentBytes)")
      }
      try compression.validate()
      if let checkpointInterval, checkpointInterval < 0 {
        throw StoreError(.invalidOption, "checkpointInterval must not be negative, and is \(checkpointInterval)")
      }
      try compaction.validate()
      if keepVersions < 0 || keepVersionsFor ?? .zero < .zero {
        throw StoreError(.invalidOption, "keepVersions and keepVersionsFor must not be negative")
      }
      if let spaceLimit, spaceLimit < Limits.spaceLimitLeast {
        throw StoreError(
          .invalidOption, "spaceLimit must be at least \(Limits.spaceLimitLeast), and is \(spaceLimit)")
      }
      guard filePermissions <= 0o777, filePermissions & 0o600 == 0o600, directoryPermissions <= 0o777,
        directoryPermissions & 0o700 == 0o700
      else {
        throw StoreError(
          .invalidOption, "permissions must let the owner read and write (files 0o600, directory 0o700, or more)")
      }
    }
  }

  /// When an entry ends. Expired entries are not there for any read; their space comes back later.
  public enum Expiry: Sendable, Equatable {
    case never
    /// At this moment, in milliseconds since 1970-01-01 00:00 UTC. In the past: the entry is never seen.
    case at(milliseconds: Int64)
    /// This long after the put, in whole milliseconds, rounded up. Zero or less: the entry is never seen.
    case after(Duration)
  }
}

/// What time it is, for expiry.
public protocol StoreClock: Sendable {
  /// Milliseconds since 1970-01-01 00:00 UTC, as the calendar has it. May be set back and forth.
  func wallMilliseconds() -> Int64
  /// Milliseconds since any fixed moment. Never set, goes on while the machine sleeps.
  func elapsedMilliseconds() -> Int64
}

/// The machine's clocks.
public struct SystemClock: StoreClock {
  public init() {}
  public func wallMilliseconds() -> Int64 { System.wallMilliseconds() }
  public func elapsedMilliseconds() -> Int64 { System.elapsedMilliseconds() }
}
