/// A backup that is there already: what it has of a store need not be copied again.
struct EarlierBackup {
  let directory: any Directory
  private let path: String
  /// Held while another one takes its place, so that nobody opens it for writing meanwhile.
  let lock: (any File)?
  private let segments: Set<UInt64>

  /// - Returns: `nil` if there is nothing, or an empty directory.
  /// - Throws: `.notAStore` if there is something else than a backup of this store: it would be lost. `.locked`.
  init?(
    _ path: String, of store: StoreIdentifier, isReplaced: Bool, _ fileSystem: any FileSystem
  ) throws(StoreError) {
    guard let directory = try Self.open(path, fileSystem) else { return nil }
    let names = try directory.names()
    if names.isEmpty { return nil }
    func refusal(_ message: String) -> StoreError { StoreError(.notAStore, message, file: path) }
    if let foreign = names.filter({ !Self.isOwn($0) }).min() {
      throw refusal("the directory holds something else than a backup, such as \"\(foreign)\"")
    }
    guard let found = try Self.store(in: directory) else {
      throw refusal("the directory holds files of a store, but no store")
    }
    guard found == store else { throw refusal("the directory holds another store, or a backup of one") }
    lock = isReplaced ? try directory.lock(Engine.lockName, permissions: 0o600) : nil
    // Who held it before may have put another backup in the place of this one.
    let isThere = try directory.names().contains(StoreHeader.name)
    if isReplaced && (lock == nil || !isThere) {
      throw StoreError(.locked, "the backup is open for writing, or being replaced by another one", file: path)
    }
    segments = Set(names.compactMap(SegmentHeader.number))
    self.directory = directory
    self.path = path
  }

  /// The store that a directory is, or is a backup of; `nil` if it is none.
  static func store(in directory: any Directory) throws(StoreError) -> StoreIdentifier? {
    guard let file = try directory.open(StoreHeader.name, forWriting: false) else { return nil }
    let buffer = try System.allocate(byteCount: StoreHeader.byteCount)
    let got = try file.read(into: buffer.view.slice(0, StoreHeader.byteCount), at: 0)
    return try StoreHeader(decoding: buffer.view.slice(0, got), file: file.path, forWriting: false).identifier
  }

  static func open(_ path: String, _ fileSystem: any FileSystem) throws(StoreError) -> (any Directory)? {
    do throws(StoreError) { return try fileSystem.openDirectory(path, creating: nil) } catch {
      if error.code == .notFound { return nil }
      throw error
    }
  }

  /// Whether a file of this name may be in a backup; others are nobody's to remove.
  static func isOwn(_ name: String) -> Bool {
    name == StoreHeader.name || name == Engine.lockName || Engine.isOwn(name) || Engine.isTemporary(name)
  }

  var isReplaced: Bool { lock != nil }
  var lastSegment: UInt64? { segments.max() }
  var location: String { directory.location }

  /// A segment, all of it as far as its log can go. Read where it is asked for, and not mapped: a page that its disk
  /// cannot read would end the process.
  struct Content {
    let file: any File
    let byteCount: Int

    /// `nil`, and the body is not called, where the file has become shorter.
    func withBytes<R>(
      _ offset: Int, _ count: Int, _ body: (MemoryView) throws(StoreError) -> R
    ) throws(StoreError) -> R? {
      let memory = try System.allocate(byteCount: count)
      let view = memory.view.slice(0, count)
      guard try file.read(into: view, at: offset) == count else { return nil }
      return try withExtendedLifetime(memory) { () throws(StoreError) in try body(view) }
    }

    /// The seal of a clean close with which it ends, as every backup does: where it begins, and its sequence.
    func closingSeal(salt: UInt64) throws(StoreError) -> (offset: Int, sequence: UInt64)? {
      let start = byteCount - Engine.sealBytes
      guard start >= SegmentHeader.recordsStart else { return nil }
      return try withBytes(start, Engine.sealBytes) { (bytes) throws(StoreError) in
        guard let header = RecordHeader(decoding: bytes, at: 0), header.recordByteCount == bytes.count,
          header.isIntact(bytes, offset: start, salt: salt), header.seal(bytes)?.reason == SealValue.Reason.closed
        else { return nil }
        return (start, header.sequence)
      } ?? nil
    }
  }

  /// - Returns: `nil` if it does not have the segment, or nothing that could be one.
  func content(of segment: UInt64) throws(StoreError) -> Content? {
    guard segments.contains(segment), let file = try directory.open(SegmentHeader.name(segment), forWriting: false)
    else { return nil }
    let byteCount = try file.byteCount()
    guard byteCount >= SegmentHeader.byteCount, byteCount <= SegmentHeader.fileBytesMax else { return nil }
    return Content(file: file, byteCount: byteCount)
  }

  /// The last operation in it; `nil` if somebody has had it open for writing, or it does not end as a backup does.
  func lastSequence() throws(StoreError) -> UInt64? {
    // Who opens a store for writing leaves a name there (SPEC 6.2).
    guard let lock, try lock.byteCount() == 0, let last = lastSegment, let content = try content(of: last) else {
      return nil
    }
    let header = try content.withBytes(0, SegmentHeader.byteCount) { (bytes) throws(StoreError) in
      try? SegmentHeader(decoding: bytes, file: path)
    }
    guard let salt = header??.salt else { return nil }
    return try content.closingSeal(salt: salt)?.sequence
  }

  func refusal(_ message: String) -> StoreError { StoreError(.notAStore, message, file: path) }
}

extension RecordHeader {
  /// What it says, if it is a seal; of its bytes.
  func seal(_ bytes: MemoryView) -> SealValue? {
    kind == Kind.seal ? SealValue(decoding: bytes.slice(valueOffset, valueByteCount)) : nil
  }
}
