internal import Synchronization

extension Store {
  /// How far a backup, or a restore, has come; and what it was.
  public struct BackupProgress: Sendable, Equatable {
    /// Bytes of log that it is of.
    public internal(set) var bytes = 0
    /// Bytes of log that have been copied and verified.
    public internal(set) var bytesCopied = 0
    /// Bytes of log that an earlier backup had, and that were taken over from there.
    public internal(set) var bytesKept = 0
    /// The last operation that is in it.
    public internal(set) var lastSequence: UInt64 = 0
  }

  /// Makes a copy of the store as it is at one moment, or brings an earlier one up to date, beside reads, writes and
  /// compaction.
  ///
  /// The moment is between two commits, soon after the call begins: everything before it is in the backup, nothing
  /// after it, batches whole; also what is not on the disk of the store yet. Every record that is copied is verified.
  /// The backup appears at once, whole and on the disk, in place of the one that was there, which stays as it is until
  /// then; where the file system cannot exchange names, there is nothing at `path` for a moment. What a call leaves
  /// that dies before that, beside the target under its name with `.tmp` or `.previous` behind it, is removed by the
  /// next call for that target; or, if the earlier backup is in it and nothing at the target, put back.
  ///
  /// A backup is a store that was closed cleanly, of the same identity. To read it, open it with `.readOnly`; to work
  /// with it, ``restore(from:to:replacing:progress:)`` it. Once it has been written to, it is no backup any more, and
  /// is not replaced by one; nor is the backup of a store that was restored and has gone its own way, as far as the
  /// segments that the two still have can tell.
  ///
  /// - Parameters:
  ///   - path: nothing yet, an empty directory, or an earlier backup of this store. Its folder must be there.
  ///   - earlier: another backup of this store, if what it has is not to be copied again; on the same file system. By
  ///     default that is the one at `path`. Segments, of 64 MiB by default, that have not changed are hard-linked:
  ///     the backups share them. The last segment of a store is never shared.
  ///   - verifyingKept: reads and verifies also what is taken over, and copies anew what has been damaged there.
  ///     Otherwise such a segment need only have the right beginning, length and end.
  ///   - progress: told after each MiB; what it throws ends the work.
  /// - Returns: what has been done.
  /// - Throws: `.damaged` if the store is (tells where); `.notAStore` (there is something at `path`, or at `earlier`,
  ///   that is no backup of this store, or one with more in it than the store has); `.locked` (the backup at `path` is
  ///   open for writing, being replaced by another call, or has come meanwhile); `.invalidOption` (`path` is in the
  ///   store, or `earlier` is the store); `.historyGone` (the store is a follower that had to begin anew meanwhile);
  ///   `.noSpace`, `.notFound`, `.permissionDenied` and others of the disk; `.closed`. The store, and what was at
  ///   `path`, are untouched then; but if the very last sync fails, the new one is there.
  /// - Complexity: what it takes to read, write and sync what is new; and as much space, beside the earlier backup.
  @discardableResult
  public func backup(
    to path: String, since earlier: String? = nil, verifyingKept: Bool = false,
    progress: (BackupProgress) throws(StoreError) -> Void = { _ in }
  ) throws(StoreError) -> BackupProgress {
    try engine.backup(
      to: PosixFileSystem.resolved(path), since: earlier, verifyingKept: verifyingKept, PosixFileSystem(), progress)
  }

  /// Makes a store from a backup, which stays as it is. All of it is verified first.
  ///
  /// The store appears at once, whole and on the disk. It has the identity of the one that the backup is of, and what
  /// was committed there later is not in it: do not go on with both.
  ///
  /// - Parameters:
  ///   - backup: a directory that ``backup(to:since:verifyingKept:progress:)`` has made.
  ///   - path: nothing yet, or an empty directory. Its folder must be there.
  ///   - replacing: whether there may also be the store that the backup is of, whatever has become of it; it is
  ///     replaced by what is restored, as a backup is, and lost. Readers that have it open keep what they have.
  ///   - progress: told after each MiB; what it throws ends the work.
  /// - Throws: `.damaged` if the backup is (tells where), or its end is cut off; `.notFound`, `.notAStore` (also if
  ///   there is something at `path`, or with `replacing`, something else than that store); `.locked` (it is open for
  ///   writing, or has come meanwhile); `.invalidOption` (`path` is in the backup); `.unsupportedFormat`, and those of
  ///   the disk. What was at `path` is untouched then; but if the very last sync fails, the new store is there.
  /// - Complexity: a million records a second, 12 bytes of memory for each key, and what it takes to write and sync.
  @discardableResult
  public static func restore(
    from backup: String, to path: String, replacing: Bool = false,
    progress: (BackupProgress) throws(StoreError) -> Void = { _ in }
  ) throws(StoreError) -> BackupProgress {
    try restore(from: backup, to: PosixFileSystem.resolved(path), replacing: replacing, PosixFileSystem(), progress)
  }

  static func restore(
    from backup: String, to path: String, replacing: Bool = false, _ fileSystem: some FileSystem,
    _ progress: (BackupProgress) throws(StoreError) -> Void
  ) throws(StoreError) -> BackupProgress {
    // A checkpoint, if somebody has made one there, would spare the log to be read.
    let engine = try Engine.open(backup, Options(.readOnly), fileSystem, usingCheckpoint: false)
    defer { try? engine.close() }
    return try engine.copy(to: path, .store(replacing: replacing), fileSystem, progress)
  }
}

/// What is made of a store.
enum BackupPurpose: Equatable {
  case backup(since: String?, verifyingKept: Bool)
  /// Another store, of what must be a backup.
  case store(replacing: Bool)
}

extension Engine {
  func backup(
    to path: String, since earlier: String? = nil, verifyingKept: Bool = false, _ fileSystem: any FileSystem,
    _ progress: (Store.BackupProgress) throws(StoreError) -> Void
  ) throws(StoreError) -> Store.BackupProgress {
    try copy(to: path, .backup(since: earlier, verifyingKept: verifyingKept), fileSystem, progress)
  }

  fileprivate func copy(
    to path: String, _ purpose: BackupPurpose, _ fileSystem: any FileSystem,
    _ progress: (Store.BackupProgress) throws(StoreError) -> Void
  ) throws(StoreError) -> Store.BackupProgress {
    if !alive.isSet { throw deadError() }
    // Opened read-only, it shows what is left.
    if let damage { throw damage }
    // First: of two that replace the same backup, the later one has the later moment.
    let target = try BackupTarget(
      path, of: header.identifier, source: directory.location, mayReplace: purpose != .store(replacing: false),
      options, fileSystem)
    var earlier: EarlierBackup?
    if case .backup(let since, _) = purpose {
      earlier = try since.map { path throws(StoreError) in try self.earlier(path, fileSystem) } ?? target.replaced
    }
    let (source, pin) = try beginBackup()
    // A forked child has nobody who could be waiting for it.
    defer { if alive.isOwnProcess { removePin(pin) } }
    var copy = BackupCopy(self, source, target, since: earlier, purpose)
    try copy.run(progress)
    try target.publish()
    return copy.progress
  }

  private func earlier(_ path: String, _ fileSystem: any FileSystem) throws(StoreError) -> EarlierBackup {
    guard let earlier = try EarlierBackup(path, of: header.identifier, isReplaced: false, fileSystem) else {
      throw StoreError(.notFound, "there is no earlier backup", file: path)
    }
    // The two would be one.
    if earlier.location == directory.location {
      throw StoreError(.invalidOption, "the earlier backup is the store itself", file: path)
    }
    return earlier
  }

  /// What there is at this moment; it can be read until the pin is removed.
  private func beginBackup() throws(StoreError) -> (source: BackupCopy.Source, pin: UInt64) {
    if !alive.isSet { throw deadError() }
    queue.take()
    defer { queue.giveBack() }
    if !alive.isSet { throw deadError() }
    let memory = try System.allocate(byteCount: StoreHeader.byteCount)
    let header = memory.view.slice(0, StoreHeader.byteCount)
    // As it is: it may have bits that this version need not know.
    guard let file = try directory.open(StoreHeader.name, forWriting: false),
      try file.read(into: header, at: 0) == header.count, StoreHeader.hasItsChecksum(header)
    else {
      throw StoreError.damaged("the store's header has gone, or is damaged", file: directory.path)
    }
    var source = BackupCopy.Source(gone: GoneSegments(store: self.header.identifier), header: memory)
    source.lastSequence = counters.load(Counter.lastSequence.rawValue)
    // A writer that has failed may have more in memory than was ever acknowledged.
    let end = log.failure == nil ? log.address : published.load(ordering: .acquiring)
    catalog.withLock { catalog in
      source.gone = catalog.gone
      let last = catalog.index(notBefore: LogAddress.segment(end))
      for (index, segment) in catalog.segments.enumerated() where index <= last {
        var offset = segment.end ?? log.position
        if segment.number == LogAddress.segment(end) { offset = LogAddress.offset(end) }
        // What was published last has gone, and all that counts stands before the first operation here.
        if segment.number > LogAddress.segment(end) { offset = SegmentHeader.recordsStart + Self.linkBytes }
        source.segments.append(
          BackupCopy.Source.Segment(number: segment.number, salt: segment.salt, end: offset))
      }
    }
    return (source, addPin())
  }
}
