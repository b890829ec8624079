internal import Synchronization

/// Opening: finding out what is there, taking the lock, creating.
extension Engine {
  static let lockName = "LOCK"
  /// More than a process number and the name of a command take, as the kernel keeps it (15 bytes).
  private static let lockTextBytes = 128

  /// - Parameter usingCheckpoint: if not, all of the log is read, and all of it must be in order.
  static func open(
    _ path: String, _ options: Store.Options, _ fileSystem: some FileSystem, usingCheckpoint: Bool = true
  ) throws(StoreError) -> Engine {
    try options.validate()
    for _ in 1..<replacementsMax where options.access == .readOnly {
      let directory = try openDirectory(path, options, fileSystem)
      let result = Result { () throws(StoreError) in try open(directory, options, usingCheckpoint) }
      // Another store may have taken this one's place, as a backup does: then it is there at the next look, and what
      // was found here had perhaps lost its end.
      if !isGone(directory) { return try result.get() }
    }
    return try open(try openDirectory(path, options, fileSystem), options, usingCheckpoint)
  }

  private static let replacementsMax = 3

  private static func isGone(_ directory: any Directory) -> Bool {
    do throws(StoreError) { return try directory.open(StoreHeader.name, forWriting: false) == nil } catch {
      // Then something else is wrong with it.
      return false
    }
  }

  private static func open(
    _ directory: any Directory, _ options: Store.Options, _ usingCheckpoint: Bool
  ) throws(StoreError) -> Engine {
    let isCreating = options.access == .createIfMissing
    try checkContent(directory, mayBeEmpty: isCreating)
    let lock = options.access == .readOnly ? nil : try takeLock(directory, options)
    // Who held the lock before may have created the store meanwhile.
    let hasStore = try checkContent(directory, mayBeEmpty: isCreating)
    let engine =
      hasStore ? try openExisting(directory, options, lock, usingCheckpoint) : try create(directory, options, lock)
    if !engine.isReadOnly {
      if let words = News.make(in: directory, permissions: options.filePermissions) { engine.news.use(words) }
      let background = BackgroundThread()
      if options.hasThreads { try background.start(engine) }
      engine.background = background
      try engine.inTurn {
        engine.book.begin(after: engine.log.lastSequence)
        engine.lookForCompaction()
      }
    }
    return engine
  }

  private static func openDirectory(
    _ path: String, _ options: Store.Options, _ fileSystem: some FileSystem
  ) throws(StoreError) -> any Directory {
    do throws(StoreError) {
      return try fileSystem.openDirectory(
        path, creating: options.access == .createIfMissing ? options.directoryPermissions : nil)
    } catch {
      guard error.code == .notFound else { throw error }
      let isCreating = options.access == .createIfMissing
      throw StoreError(
        .notFound,
        isCreating
          ? "the folder that should hold the store does not exist, or the path is a link to nowhere; create it first"
          : "there is no store here",
        file: path, systemError: error.systemError)
    }
  }

  /// Whether the directory holds a store; throws if it holds something else.
  @discardableResult
  private static func checkContent(_ directory: any Directory, mayBeEmpty: Bool) throws(StoreError) -> Bool {
    let names = try directory.names()
    if names.contains(StoreHeader.name) { return true }
    let foreign = names.filter {
      $0 != lockName && !isOwn($0) && !isTemporary($0)
    }
    if let first = foreign.min() {
      throw StoreError(
        .notAStore, "the directory is no store and holds other files, such as \"\(first)\"", file: directory.path)
    }
    // A creation that was interrupted leaves a first segment without records, and no more.
    for name in names {
      guard let number = SegmentHeader.number(name) else { continue }
      let isUsed = number > 1 ? true : try hasRecords(directory, name)
      if isUsed {
        // A writer may have made the store since the names were read: this file first, then records.
        if try directory.open(StoreHeader.name, forWriting: false) != nil { return true }
        throw StoreError.damaged(
          "the file \(StoreHeader.name) is missing, and segments are there", file: directory.path)
      }
    }
    if !mayBeEmpty { throw StoreError(.notFound, "there is no store here", file: directory.path) }
    return false
  }

  private static func hasRecords(_ directory: any Directory, _ name: String) throws(StoreError) -> Bool {
    guard let file = try directory.open(name, forWriting: false) else { return false }
    let word = try System.allocate(byteCount: RecordHeader.byteCount)
    let got = try file.read(into: word.view.slice(0, RecordHeader.byteCount), at: SegmentHeader.recordsStart)
    return !word.view.isZero(0, got)
  }

  static func isTemporary(_ name: String) -> Bool {
    guard name.hasSuffix(temporarySuffix) else { return false }
    let final = String(name.dropLast(temporarySuffix.count))
    return final == StoreHeader.name || isOwn(final)
  }

  /// Whether a file of this name is a store's, beside its header and its lock.
  static func isOwn(_ name: String) -> Bool {
    name == CheckpointHeader.name || name == News.name || name == GoneSegments.name || SegmentHeader.number(name) != nil
      || ViewHeader.isName(name)
  }

  /// The file holds the holder's process, for the message that others get. The lock itself is the kernel's: it ends
  /// with the process, however that ends.
  private static func takeLock(_ directory: any Directory, _ options: Store.Options) throws(StoreError) -> any File {
    guard let lock = try directory.lock(lockName, permissions: options.filePermissions) else {
      var holder = "another process"
      if let file = try directory.open(lockName, forWriting: false) {
        let buffer = try System.allocate(byteCount: 256)
        let got = try file.read(into: buffer.view.slice(0, 256), at: 0)
        let text = buffer.view.slice(0, got).array().prefix { $0 >= 32 && $0 != 127 }
        if !text.isEmpty { holder = String(decoding: text, as: UTF8.self) }
        if holder.hasPrefix("process \(System.processID()) ") { holder = "this process itself (\(holder))" }
      }
      throw StoreError(.locked, "the store is open for writing by \(holder)", file: directory.path)
    }
    // Always as long, so that the file system has nothing to do but to copy it.
    var text = Array("process \(System.processID()) (\(System.commandName()))".utf8.prefix(lockTextBytes))
    text += [UInt8](repeating: 10, count: lockTextBytes - text.count)
    if try lock.byteCount() != text.count { try lock.truncate(to: 0) }
    // Where the process may not write so much to a file, not even what is there, an attempt would end it.
    try lock.reserve(0, upTo: text.count)
    try lock.write(unsafe MemoryView(text.span.bytes), at: 0)
    return lock
  }

  // MARK: Creating

  private static func create(
    _ directory: any Directory, _ options: Store.Options, _ lock: (any File)?
  ) throws(StoreError) -> Engine {
    func random() throws(StoreError) -> UInt64 { try System.random(options.randomNumber) }
    let header = StoreHeader(
      identifier: StoreIdentifier(low: try random(), high: try random()), hashSeed: try random(),
      created: options.clock.wallMilliseconds())
    for name in try directory.names() where name != lockName { try directory.unlink(name) }
    let engine = try Engine(directory: directory, options: options, header: header, lock: lock)
    engine.log.epoch = 1
    let first = try engine.create(after: 0)
    // The store is there from the moment this file has its name.
    let temporary = StoreHeader.name + temporarySuffix
    let file = try directory.create(temporary, permissions: options.filePermissions)
    let buffer = try System.allocate(byteCount: StoreHeader.byteCount)
    header.encode(into: buffer.view)
    try file.reserve(0, upTo: StoreHeader.byteCount)
    try file.write(buffer.view, at: 0)
    try file.sync()
    try directory.rename(temporary, to: StoreHeader.name)
    try directory.sync()
    try engine.begin(
      first, LinkValue(previous: 0, previousEnd: 0, previousChecksum: 0, previousDurable: 0, epoch: 1), atLeast: 0)
    try engine.flush()
    engine.published.store(engine.log.address, ordering: .releasing)
    return engine
  }

  // MARK: Opening what is there

  private static func openExisting(
    _ directory: any Directory, _ options: Store.Options, _ lock: (any File)?, _ usingCheckpoint: Bool
  ) throws(StoreError) -> Engine {
    guard let file = try directory.open(StoreHeader.name, forWriting: false) else {
      throw StoreError(.notFound, "there is no store here", file: directory.path)
    }
    let buffer = try System.allocate(byteCount: StoreHeader.byteCount)
    let got = try file.read(into: buffer.view.slice(0, StoreHeader.byteCount), at: 0)
    let header = try StoreHeader(
      decoding: buffer.view.slice(0, got), file: file.path, forWriting: options.access != .readOnly)
    let start = System.nanoseconds()
    func recover() -> Result<Recovery.Found, StoreError> {
      Result { () throws(StoreError) in try Self.recover(directory, options, header, lock, usingCheckpoint) }
    }
    var result = recover()
    if options.access == .readOnly {
      // A writer may be at work. What looks like damage is damage if it is in the same place when looked at again.
      for _ in 0..<lookingAgainMax {
        guard let trouble = trouble(result) else { break }
        result = recover()
        if let again = Self.trouble(result), again.file == trouble.file, again.byteOffset == trouble.byteOffset {
          break
        }
      }
    }
    let found = try result.get()
    if !found.engine.isReadOnly {
      try found.engine.continueLog(found)
      try found.engine.trimSealed(found)
    }
    found.engine.adviseReading([])
    let spent = Int(truncatingIfNeeded: System.nanoseconds() - start)
    found.engine.count(.recoveryNanoseconds, spent)
    return found.engine
  }

  private static let lookingAgainMax = 100

  private static func trouble(_ result: Result<Recovery.Found, StoreError>) -> StoreError? {
    switch result {
    case .success(let found): found.engine.damage
    case .failure(let error): error.code == .damaged ? error : nil
    }
  }

  private static func recover(
    _ directory: any Directory, _ options: Store.Options, _ header: StoreHeader, _ lock: (any File)?,
    _ usingCheckpoint: Bool
  ) throws(StoreError) -> Recovery.Found {
    var recovery = Recovery(directory: directory, options: options, header: header)
    do throws(StoreError) {
      return try recovery.run(lock, usingCheckpoint: usingCheckpoint)
    } catch {
      guard recovery.isCheckpointDamaged else { throw error }
      recovery = Recovery(directory: directory, options: options, header: header)
      return try recovery.run(lock, usingCheckpoint: false)
    }
  }

  /// Goes on after the last record: in its segment if that was closed cleanly, or in a new one.
  private func continueLog(_ found: Recovery.Found) throws(StoreError) {
    for name in try directory.names() where Self.isTemporary(name) { try directory.unlink(name) }
    let last = found.last
    let isResumed = found.isClean && last.end + (64 << 10) <= options.segmentBytes
    // Who made the store, or wrote the list of what is gone, may have been killed before its name was on the disk for
    // good: so before any segment is removed or made.
    if !isResumed || !found.leftOver.isEmpty { try directory.sync() }
    for number in found.leftOver { try directory.unlink(SegmentHeader.name(number)) }
    if isResumed {
      // Whatever the segments before it have.
      try goOnWithDictionary(lookingAt: 1)
      try resume(found)
    } else {
      // What an interrupted history left behind goes first, last one first and each for good before the next, so that
      // no gap can ever be seen. The next segment is not unlinked but replaced: a seal may say that it is there.
      let next = found.void.min()
      for number in found.void.sorted(by: >) where number != next {
        try directory.unlink(SegmentHeader.name(number))
        try directory.sync()
      }
      log.epoch = found.epoch &+ 1
      try goOnWithDictionary(lookingAt: Self.lastSegments)
      let prepared = try create(after: last.number, replacing: next)
      let link = LinkValue(
        previous: last.number, previousEnd: UInt64(last.end), previousChecksum: last.checksum,
        previousDurable: UInt64(last.durable), epoch: log.epoch)
      try begin(prepared, link, atLeast: 0)
      try flush()
      // No seal says where the segment before this one ends, only the link does. Records that come after it may tell
      // that earlier segments are on the disk, and then it must be. None tells of the link itself, which would say the
      // same of the segment before.
      if let file = log.file { try sync(file) }
    }
    published.store(log.address, ordering: .releasing)
  }

  /// Gives back the space behind the last records of segments that are over: what an interrupted session had reserved,
  /// or what a crash has torn. A link says where each ends, so what comes after is void. If the last one had another
  /// link before, one who opens read-only may still go by that one: its turn comes at the next open.
  private func trimSealed(_ found: Recovery.Found) throws(StoreError) {
    let end = found.last.number + (found.void.isEmpty ? 1 : 0)
    let untrimmed = catalog.withLock { catalog in
      catalog.segments.filter { $0.number < end && $0.memory.byteCount > $0.end ?? .max }
    }
    for segment in untrimmed {
      guard let end = segment.end else { continue }
      try directory.open(SegmentHeader.name(segment.number), forWriting: true)?.truncate(to: end)
    }
  }

  private func resume(_ found: Recovery.Found) throws(StoreError) {
    let last = found.last
    guard let file = try directory.open(SegmentHeader.name(last.number), forWriting: true) else {
      throw StoreError.damaged("a segment has gone", file: directory.path)
    }
    let memory = try file.mapForAppending(byteCount: last.end, capacity: options.segmentBytes)
    log.segment = last.number
    log.salt = last.salt
    log.epoch = found.epoch &+ 1
    log.file = file
    log.memory = memory.view
    log.position = last.end
    // Up to the mark of the close, the last record, and without it: its sync may have failed. Then the kernel shows it,
    // calls it clean, and leaves it out of every sync that follows, unless it is written once more.
    noteFlushed(last.lastOffset)
    // Not the seal: the process may have died between writing and syncing it.
    log.durable = last.durable
    log.closedAt = last.end
    log.reserved = last.end
    log.lastChecksum = last.checksum
    log.lastOffset = last.lastOffset
    segments.set(SegmentTable.slot(last.number), memory.view, salt: last.salt)
    catalog.withLock { catalog in
      guard let index = catalog.index(of: last.number) else { return }
      let before = catalog.segments[index]
      catalog.segments[index] = SegmentCatalog.Segment(
        number: before.number, firstSequence: before.firstSequence, salt: before.salt, end: nil, memory: memory,
        file: file, isResumed: true, dictionaryBytes: before.dictionaryBytes)
    }
    noteDurable()
  }
}
