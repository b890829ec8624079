extension Store {
  /// Writes what the store holds at one moment into one file: a ``FrozenStore``, to be read there or anywhere else.
  ///
  /// Attributes of entries are not in it.
  ///
  /// The moment is between two commits, soon after the call begins: everything before it is in the file, nothing after
  /// it, batches whole. Entries that have expired are left out. Commits go on meanwhile. Those before the moment are
  /// in the file also if they are not on the disk yet.
  ///
  /// The file appears at once, on the disk, in place of the one that was there, if any; who reads that keeps it. What
  /// a call leaves that dies before that, is removed by the next one.
  ///
  /// - Parameters:
  ///   - path: a frozen store, or nothing yet; its folder must be there.
  ///   - progress: told how many entries are done, out of how many; what it throws ends the work.
  /// - Returns: the size of the file in bytes.
  /// - Throws: `.damaged` or `.unsupportedFormat` for an entry that cannot be read, or if the store has ``damage``;
  ///   `.notAStore` (there is something else at the path); `.noSpace`, `.notFound`, `.permissionDenied` and others of
  ///   the disk; `.invalidOption`, `.closed`. The store, and what was at the path, are untouched then; but see
  ///   ``FrozenStoreBuilder/finish()``.
  /// - Complexity: uncompressed, about a million small entries a second, and what the disk needs.
  @discardableResult
  public func freeze(
    to path: String, options: FrozenStore.BuildOptions = FrozenStore.BuildOptions(),
    progress: ((_ done: Int, _ total: Int) throws(StoreError) -> Void)? = nil
  ) throws(StoreError) -> Int {
    try engine.freeze(to: PosixFileSystem.resolved(path), options, PosixFileSystem(), progress)
  }
}

extension Engine {
  func freeze(
    to path: String, _ buildOptions: FrozenStore.BuildOptions, _ fileSystem: any FileSystem,
    _ progress: ((Int, Int) throws(StoreError) -> Void)?
  ) throws(StoreError) -> Int {
    if !alive.isSet { throw deadError() }
    // Opened read-only, it shows what is left.
    if let damage { throw damage }
    var buildOptions = buildOptions
    if buildOptions.compression == .inherited, case .zstd(let level, let dictionary) = options.compression {
      buildOptions.compression = .zstd(level: level, trainsDictionary: dictionary == .trained)
    }
    let builder = try FrozenStoreBuilder(path, buildOptions, fileSystem)
    let snapshot = try Snapshot(self)
    builder.setSource(header.identifier, sequence: snapshot.sequence)
    let now = ExpiryClock(buildOptions.clock).now()
    let total = total(.liveEntries)
    var done = 0
    for shard in 0..<HashIndex.shards {
      done += try addEntries(of: shard, at: snapshot.sequence, to: builder, now: now)
      try progress?(min(done, total), total)
    }
    withExtendedLifetime(snapshot) {}
    return try builder.finish()
  }

  private func addEntries(
    of shard: Int, at sequence: UInt64, to builder: FrozenStoreBuilder, now: Int64
  ) throws(StoreError) -> Int {
    let slot = gate.enter()
    defer { slot.leave() }
    let entries = try entries(of: shard, at: sequence)
    for (number, entry) in entries.enumerated() {
      if number + 8 < entries.count { index.prefetchRecord(entries[number + 8]) }
      // Whatever reads are told to do: what is passed on is verified.
      guard let record = index.record(entry, verifying: true), record.header.kind == RecordHeader.Kind.put,
        HashIndex.fingerprint(index.hash(record.key)) == HashIndex.Entry.fingerprint(entry)
      else { throw damage(entry, .empty) }
      let deadline = record.deadline
      if let deadline, deadline <= now { continue }
      guard record.header.isUnderstood else { throw notUnderstood(record) }
      try withValue(of: record) { (value) throws(StoreError) in
        try builder.add(value, for: record.key, version: record.version, deadline: deadline)
      }
    }
    return entries.count
  }
}
