/// Makes a frozen store of entries that come one by one, in any order.
///
/// ```swift
/// let builder = try FrozenStoreBuilder(path: "words.frozen")
/// for word in words { try builder.add(word.meaning, for: word.text) }
/// try builder.finish()
/// ```
///
/// The file takes its place at `finish()`, all at once; until then, and if that is never called, whatever was there
/// stays. Entries go to the disk as they come; memory is needed for the index: 16 bytes a key, twice that in the end.
///
/// For one thread at a time. After an error, every call throws it again, and nothing remains of the file.
public final class FrozenStoreBuilder {
  private let path: String
  private let options: FrozenStore.BuildOptions
  private let level: Int?
  private var target: FrozenTarget?
  private let output: FrozenOutput
  private var header = FrozenHeader()
  private var index = FrozenIndexEntries()
  private var compressor: FrozenCompressor?
  private var dictionary: [UInt8]?
  /// Entries that a dictionary will be trained on wait here.
  private var samples: FrozenSamples?
  private var failure: StoreError?

  /// - Parameter path: where the file is to be. Its folder must be there. A frozen store that is there is replaced; its
  ///   readers keep it.
  /// - Throws: `.notFound` (the folder), `.notAStore` (there is a file that is no frozen store, or a folder),
  ///   `.permissionDenied`, `.invalidOption`, `.system`.
  public convenience init(
    path: String, options: FrozenStore.BuildOptions = FrozenStore.BuildOptions()
  ) throws(StoreError) {
    try self.init(PosixFileSystem.resolved(path), options, PosixFileSystem())
  }

  init(_ path: String, _ options: FrozenStore.BuildOptions, _ fileSystem: any FileSystem) throws(StoreError) {
    self.path = path
    self.options = options
    var trains = false
    switch options.compression {
    case .inherited, .none: level = nil
    case .zstd(let level, let trainsDictionary):
      guard Store.Compression.levels.contains(level) else {
        throw StoreError(.invalidOption, "levels of zstd are \(Store.Compression.levels), and not \(level)")
      }
      self.level = level
      trains = trainsDictionary
    }
    guard options.filePermissions <= 0o777, options.filePermissions & 0o600 == 0o600 else {
      throw StoreError(.invalidOption, "permissions must let the owner read and write")
    }
    header.hashSeed = try System.random(options.randomNumber)
    header.salt = try System.random(options.randomNumber)
    header.created = options.clock.wallMilliseconds()
    let target = try FrozenTarget(path, options, fileSystem)
    self.target = target
    output = try FrozenOutput(target.file, salt: header.salt)
    if let level { compressor = try FrozenCompressor(level: Int32(level)) }
    if trains { samples = FrozenSamples() }
  }

  /// Entries that were added.
  public var count: Int { index.count + (samples?.count ?? 0) }

  /// Adds an entry.
  ///
  /// - Parameters:
  ///   - version: what reads return as the entry's version.
  ///   - deadline: when the entry ends, in milliseconds since 1970; `nil`: never.
  /// - Throws: `.emptyKey`, `.keyTooLong`, `.valueTooLarge` (the entry is not added, and the others may go on);
  ///   `.noSpace` and others of the disk; `.storeFull` over 1 TiB. That a key was added before shows at `finish()`.
  /// - Complexity: with `.none`, some 100 ns and what copying takes.
  @inlinable
  public func add<Value: ByteLending & ~Copyable & ~Escapable, Key: ByteLending & ~Copyable & ~Escapable>(
    _ value: borrowing Value, for key: borrowing Key, version: UInt64 = 0, deadline: Int64? = nil
  ) throws(StoreError) {
    // A consumed parameter cannot be captured: the value first.
    try value.withBytes { (value: RawSpan) throws(StoreError) in
      try key.withBytes { (key: RawSpan) throws(StoreError) in try _add(value, key, version, deadline) }
    }
  }

  @usableFromInline
  func _add(_ value: RawSpan, _ key: RawSpan, _ version: UInt64, _ deadline: Int64?) throws(StoreError) {
    try add(MemoryView(value), for: MemoryView(key), version: version, deadline: deadline)
  }

  func add(_ value: MemoryView, for key: MemoryView, version: UInt64, deadline: Int64?) throws(StoreError) {
    if let failure { throw failure }
    if target == nil { throw StoreError(.closed, "the frozen store is finished", file: path) }
    if key.count == 0 { throw StoreError(.emptyKey, "a key has at least one byte") }
    guard key.count <= Store.Limits.keyBytes else {
      throw StoreError(
        .keyTooLong, "the key has \(key.count) bytes; at most \(Store.Limits.keyBytes) are possible",
        keyPrefix: key.prefix())
    }
    guard value.count <= Store.Limits.valueBytes else {
      throw StoreError(
        .valueTooLarge, "the value has \(value.count) bytes; at most \(Store.Limits.valueBytes) are possible",
        keyPrefix: key.prefix())
    }
    try orGiveUp { () throws(StoreError) in
      if samples != nil {
        samples?.add(value, for: key, version: version, deadline: deadline)
        if samples?.isEnough == true { try trainDictionary() }
      } else {
        try write(value, for: key, version: version, deadline: deadline)
      }
    }
  }

  /// Whatever fails inside ends the whole: the disk may have taken a part.
  private func orGiveUp<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
    do throws(StoreError) { return try body() } catch {
      failure = error
      target = nil
      throw error
    }
  }

  private func trainDictionary() throws(StoreError) {
    guard let samples else { return }
    self.samples = nil
    dictionary = samples.train()
    if let dictionary { try compressor?.use(dictionary) }
    try samples.forEach { (value, key, version, deadline) throws(StoreError) in
      try write(value, for: key, version: version, deadline: deadline)
    }
  }

  private func write(
    _ value: MemoryView, for key: MemoryView, version: UInt64, deadline: Int64?
  ) throws(StoreError) {
    let offset = output.position
    guard offset <= FrozenBucket.recordsEndMax - (2 << 30) else {
      throw StoreError(.storeFull, "a frozen store has at most 1 TiB of records", file: path)
    }
    var entry = FrozenEntry(key: key, stored: value, version: version, deadline: deadline)
    if let frame = try compressor?.compress(value) {
      entry.stored = frame
      entry.isCompressed = true
      if dictionary != nil { entry.dictionary = 1 }
    }
    index.add(hash: key.keyHash(seed: header.hashSeed), offset: offset)
    header.keyBytes += UInt64(key.count)
    header.valueBytes += UInt64(value.count)
    let seed = RecordHeader.seed(salt: header.salt, offset: offset)
    let byteCountMax = FrozenRecord.headBytesMax + 8 + key.count + entry.stored.count
    guard byteCountMax <= FrozenOutput.wholeBytesMax else { return try writeLarge(entry, seed) }
    try output.append(atMost: byteCountMax) { view, at in
      let head = entry.encodeHead(into: view, at: at)
      view.copy(key, at: at + head)
      view.copy(entry.stored, at: at + head + key.count)
      let byteCount = head + key.count + entry.stored.count
      view.store(UInt32(truncatingIfNeeded: view.slice(at + 4, byteCount - 4).hash(seed: seed)), at: at)
      return byteCount
    }
  }

  /// A record that is not first copied to one place.
  private func writeLarge(_ entry: FrozenEntry, _ seed: UInt64) throws(StoreError) {
    let memory = try System.allocateLines(byteCount: 64)
    let head = memory.view.slice(0, entry.encodeHead(into: memory.view, at: 0))
    let hash = try HashStream(seed: seed)
    hash.add(head.slice(4, head.count - 4))
    hash.add(entry.key)
    hash.add(entry.stored)
    head.store(UInt32(truncatingIfNeeded: hash.finish()), at: 0)
    try output.append(head)
    try output.append(entry.key)
    try output.append(entry.stored)
  }

  /// Says what the entries come from.
  func setSource(_ store: StoreIdentifier, sequence: UInt64) {
    header.store = store
    header.sequence = sequence
  }

  /// Writes the index, makes everything durable, and puts the file in its place.
  ///
  /// - Returns: the size of the file in bytes.
  /// - Throws: `.duplicateKey` if a key was added twice; `.noSpace` and others of the disk. The file that was there is
  ///   untouched then, except if the very last call fails, the sync of the folder: then the new one is in its place,
  ///   but a power failure may bring the old one back.
  @discardableResult
  public func finish() throws(StoreError) -> Int {
    if let failure { throw failure }
    guard let target else { throw StoreError(.closed, "the frozen store is finished", file: path) }
    return try orGiveUp { () throws(StoreError) in
      try trainDictionary()
      header.recordsEnd = output.position
      try writeDictionary()
      try output.appendZeros(upToMultipleOf: FrozenBucket.byteCount)
      header.entries = index.count
      header.indexOffset = output.position
      try writeIndex()
      try output.finish(header)
      try target.publish(keepingPrevious: options.keepsPrevious)
      self.target = nil
      return output.position
    }
  }

  private func writeDictionary() throws(StoreError) {
    let memory = try System.allocateLines(byteCount: 64)
    var list = memory.view.slice(0, 0)
    if let dictionary {
      let content = unsafe MemoryView(dictionary.span.bytes)
      list = memory.view.slice(0, FrozenDictionary.byteCount)
      FrozenDictionary(
        identifier: 1, contentByteCount: content.count, offset: header.recordsEnd + FrozenDictionary.byteCount,
        checksum: content.hash(seed: header.salt)
      ).encode(into: list, at: 0)
      header.dictionaries = 1
    }
    header.dictionariesChecksum = list.hash(seed: header.salt)
    try output.append(list)
    if let dictionary { try output.append(unsafe MemoryView(dictionary.span.bytes)) }
  }

  private func writeIndex() throws(StoreError) {
    index.sort()
    try output.flush()
    try index.forEachTwins { (first, second) throws(StoreError) in try checkDifferent(first, second) }
    header.homes = FrozenBucket.homes(entries: index.count)
    let salt = header.salt
    header.buckets = try index.makeBuckets(homes: header.homes) { (bucket, overflows) throws(StoreError) in
      let offset = output.position
      try output.append(atMost: FrozenBucket.byteCount) { view, at in
        view.copy(bucket, at: at)
        FrozenBucket.finish(view.slice(at, FrozenBucket.byteCount), salt: salt, offset: offset, overflows: overflows)
        return FrozenBucket.byteCount
      }
    }
    index = FrozenIndexEntries()
  }

  private func checkDifferent(_ first: Int, _ second: Int) throws(StoreError) {
    func key(_ offset: Int) throws(StoreError) -> [UInt8] {
      // Enough for a head and any key; what is behind the end of the file is zero, as is whatever comes after.
      let room = FrozenRecord.headBytesMax + Store.Limits.keyBytes
      let memory = try System.allocate(byteCount: room + FrozenBucket.byteCount)
      _ = try output.file.read(into: memory.view.slice(0, room), at: offset)
      return FrozenRecord.key(atStartOf: memory.view)
    }
    let (one, other) = (try key(first), try key(second))
    guard one == other else { return }
    throw StoreError(.duplicateKey, "the key was added twice", file: path, keyPrefix: Array(one.prefix(32)))
  }
}

/// Entries that are kept until there are enough to train a dictionary on.
struct FrozenSamples {
  private var bytes: [UInt8] = []
  private var entries: [(key: Int, value: Int, version: UInt64, deadline: Int64?)] = []

  /// About what zstd's makers advise: a hundred times the size of the dictionary.
  private static let bytesMax = 10 << 20
  private static let dictionaryBytes = 112 << 10
  /// Large values say little for what they weigh.
  private static let sampleBytesMax = 64 << 10

  var count: Int { entries.count }
  var isEnough: Bool { bytes.count >= Self.bytesMax }

  mutating func add(_ value: MemoryView, for key: MemoryView, version: UInt64, deadline: Int64?) {
    bytes.append(key)
    bytes.append(value)
    entries.append((key.count, value.count, version, deadline))
  }

  func train() -> [UInt8]? {
    var samples: [UInt8] = []
    var sizes: [Int] = []
    var at = 0
    for entry in entries {
      let size = min(entry.value, Self.sampleBytesMax)
      if size >= 8 {
        samples += bytes[at + entry.key..<at + entry.key + size]
        sizes.append(size)
      }
      at += entry.key + entry.value
    }
    // A dictionary must not be as large as what it saves.
    return FrozenCompressor.train(samples, sizes, byteCount: min(Self.dictionaryBytes, samples.count / 16))
  }

  func forEach(
    _ body: (_ value: MemoryView, _ key: MemoryView, UInt64, Int64?) throws(StoreError) -> Void
  ) throws(StoreError) {
    let view = unsafe MemoryView(bytes.span.bytes)
    var at = 0
    for entry in entries {
      let key = view.slice(at, entry.key)
      at += entry.key + entry.value
      try body(view.slice(at - entry.value, entry.value), key, entry.version, entry.deadline)
    }
  }
}
