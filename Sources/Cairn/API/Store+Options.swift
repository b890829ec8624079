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
    /// Size of a log file in bytes, a multiple of 4,096 within ``Limits/segmentBytes``. While the store is open for
    /// writing, a buffer of this size is filled in memory. Larger values get a file of their own.
    public var segmentBytes = 64 << 20
    /// Bytes of log after which the index is written to a checkpoint, in the background; `nil`: when the log has grown
    /// by 128 MiB or by four times the size of the index, whichever is more. After a crash, at most about this much
    /// log is replayed. At a clean close a checkpoint is written if over 1 MiB (or this) would have to be replayed.
    public var checkpointInterval: Int?
    /// Permissions of the files made, and of the directory.
    public var filePermissions: UInt32 = 0o600
    public var directoryPermissions: UInt32 = 0o700
    /// What expiry goes by.
    public var clock: any StoreClock = SystemClock()
    /// Source of the random numbers that a store needs: its identity, the seed of its hash, the salts of its
    /// checksums. `nil`: the kernel's. Tests that want the same bytes every time pass their own.
    public var randomNumber: (@Sendable () -> UInt64)?

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
      if let checkpointInterval, checkpointInterval < 0 {
        throw StoreError(.invalidOption, "checkpointInterval must not be negative, and is \(checkpointInterval)")
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
