internal import Synchronization

/// Where a view writes what it is to keep; see ``ViewFiles/save(_:version:_:)``.
public struct ViewOutput: ~Copyable {
  private let engine: Engine
  private let file: any File
  private let buffer: Mapping
  private var buffered = 0
  /// Bytes that have been added so far.
  public private(set) var byteCount = 0

  private static let bufferBytes = 1 << 20

  fileprivate init(_ engine: Engine, _ file: any File) throws(StoreError) {
    self.engine = engine
    self.file = file
    buffer = try System.allocate(byteCount: Self.bufferBytes)
  }

  /// Adds bytes.
  public mutating func add(_ bytes: RawSpan) throws(StoreError) { try add(MemoryView(bytes)) }

  /// Adds bytes.
  public mutating func add<Bytes: ByteLending>(_ bytes: Bytes) throws(StoreError) {
    try bytes.withBytes { (bytes) throws(StoreError) in try add(MemoryView(bytes)) }
  }

  private mutating func add(_ bytes: MemoryView) throws(StoreError) {
    var rest = bytes
    while rest.count > 0 {
      let count = min(rest.count, Self.bufferBytes - buffered)
      buffer.view.copy(rest.slice(0, count), at: buffered)
      rest = rest.slice(count, rest.count - count)
      buffered += count
      byteCount += count
      if buffered == Self.bufferBytes { try flush() }
    }
  }

  fileprivate mutating func flush() throws(StoreError) {
    // Perhaps in the thread that else does this for writers.
    engine.inBackground { () throws(StoreError) in
      try engine.mapSealed()
      try engine.prepareIfDue()
    }
    if buffered == 0 { return }
    let start = ViewHeader.byteCount + byteCount - buffered
    try file.reserve(start, upTo: start + buffered)
    try file.write(buffer.view.slice(0, buffered), at: start)
    buffered = 0
  }
}

/// What a view has kept, mapped from its file: hostile until it has been verified.
public final class ViewContent: Sendable {
  private let memory: Mapping
  /// All changes up to this one are in it; of later ones perhaps some: they are to be made once more, from the feed of
  /// changes (``Store/changes(since:)``).
  public let sequence: UInt64

  fileprivate init(_ memory: Mapping, _ header: ViewHeader) {
    self.memory = memory
    sequence = header.sequence
  }

  public var byteCount: Int { memory.byteCount - ViewHeader.byteCount }

  /// Calls `body` with the bytes, which are there as long as this object is.
  public func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try memory.view.slice(ViewHeader.byteCount, byteCount).lend(body)
  }
}

/// Where views keep something from one session to the next: files of their store.
public struct ViewFiles: Sendable {
  let engine: Engine
  /// Whether the store is about to be closed: what is only worth something if nothing comes after it is kept then.
  public let isClosing: Bool

  /// As ``Store/lastSequence``.
  package var lastSequence: UInt64 { engine.counters.load(Counter.lastSequence.rawValue) }

  /// As ``Store/now``.
  public var now: Int64 { engine.clock.now() }

  /// Keeps what a view has: beside what was kept before, and then in its place, on the disk for good. What is written
  /// may be as of any moment of the call. One call waits for another.
  ///
  /// - Parameters:
  ///   - name: of the view: 1 to 16 of `a` to `z` and `-`.
  ///   - version: of what is written; another one is not looked at by ``load(_:version:)``.
  /// - Returns: the sequence of the last operation before the call: all up to it must be in what is written.
  /// - Throws: what `body` throws; `.invalidOption`, `.readOnly`, `.closed`, and what the disk refuses. The store goes
  ///   on, and what was kept before stays.
  @discardableResult
  public func save(
    _ name: String, version: UInt32, _ body: (inout ViewOutput) throws(StoreError) -> Void
  ) throws(StoreError) -> UInt64 {
    guard ViewHeader.isViewName(name) else {
      throw StoreError(.invalidOption, "a view's name is 1 to 16 of a to z and -")
    }
    return try engine.keeping.withLock { (sizes) throws(StoreError) in
      let start = try engine.viewHeader(version)
      try engine.saveView(ViewHeader.fileName(name), start, &sizes, body)
      return start.sequence
    }
  }

  /// What a view has kept; `nil` if there is nothing, or nothing of this version, this store and its log.
  public func load(_ name: String, version: UInt32) throws(StoreError) -> ViewContent? {
    try engine.keeping.withLock { (sizes) throws(StoreError) in
      if !engine.alive.isSet { throw engine.deadError() }
      return try engine.loadView(ViewHeader.fileName(name), version, &sizes)
    }
  }
}

extension Store {
  /// Where its views keep something.
  public var viewFiles: ViewFiles { ViewFiles(engine: engine, isClosing: false) }
}

extension Engine {
  fileprivate func viewHeader(_ version: UInt32) throws(StoreError) -> ViewHeader {
    try checkWritable()
    return try inTurnOfOpenStore { () throws(StoreError) in
      ViewHeader(
        store: header.identifier, version: version, sequence: log.lastSequence, endSequence: log.lastSequence,
        segment: log.segment, offset: UInt64(log.lastOffset), checksum: log.lastChecksum, contentBytes: 0)
    }
  }

  fileprivate func saveView(
    _ name: String, _ start: ViewHeader, _ sizes: inout [String: Int],
    _ body: (inout ViewOutput) throws(StoreError) -> Void
  ) throws(StoreError) {
    let temporary = name + temporarySuffix
    try directory.unlink(temporary)
    let file = try directory.create(temporary, permissions: options.filePermissions)
    do throws(StoreError) {
      var output = try ViewOutput(self, file)
      try body(&output)
      try output.flush()
      // It may know of all that has been committed until now, and must not know of anything that can be lost.
      var header = try viewHeader(start.version)
      header.sequence = start.sequence
      header.contentBytes = UInt64(output.byteCount)
      _ = try commit(.sync)
      let buffer = try System.allocate(byteCount: ViewHeader.byteCount)
      header.encode(into: buffer.view)
      try file.write(buffer.view.slice(0, ViewHeader.byteCount), at: 0)
      try file.sync()
      try directory.rename(temporary, to: name)
      try directory.sync()
      note(ViewHeader.byteCount + output.byteCount, of: name, &sizes)
    } catch {
      try? directory.unlink(temporary)
      throw error
    }
  }

  private func note(_ byteCount: Int, of name: String, _ sizes: inout [String: Int]) {
    sizes[name] = byteCount
    viewBytes.store(sizes.values.reduce(0, +), ordering: .relaxed)
  }

  fileprivate func loadView(
    _ name: String, _ version: UInt32, _ sizes: inout [String: Int]
  ) throws(StoreError) -> ViewContent? {
    guard let file = try directory.open(name, forWriting: false) else { return nil }
    let byteCount = try file.byteCount()
    note(byteCount, of: name, &sizes)
    guard byteCount >= ViewHeader.byteCount else { return nil }
    let memory = try file.map(byteCount: byteCount, writable: false)
    guard let header = ViewHeader(decoding: memory.view), header.store == self.header.identifier,
      header.version == version, header.contentBytes == UInt64(byteCount - ViewHeader.byteCount), isOfThisLog(header)
    else { return nil }
    return ViewContent(memory, header)
  }

  /// Whether the log has come by the record that was its last one then, and still has it.
  private func isOfThisLog(_ header: ViewHeader) -> Bool {
    guard header.sequence <= header.endSequence,
      header.endSequence <= counters.load(Counter.lastSequence.rawValue)
    else { return false }
    let slot = gate.enter()
    defer { slot.leave() }
    guard let segment = segmentOfLog(header.segment), let offset = Int(exactly: header.offset) else { return false }
    let (memory, salt) = segments.memory(SegmentTable.slot(segment.number))
    return LogScan.record(memory, salt: salt, at: offset)?.header.checksum == header.checksum
  }
}
