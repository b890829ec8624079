internal import CZstd

/// Decompresses values of one frozen store, with the dictionaries that it has.
final class FrozenCodec: Sendable {
  private let idle = Locked<[FrozenWork]>([])
  private let prepared = Locked<[UInt8: PreparedDictionary]>([:])
  /// As many as threads commonly read at once.
  private static let idleMax = 16

  func take() throws(StoreError) -> FrozenWork {
    if let work = idle.withLock({ $0.popLast() }) { return work }
    return try FrozenWork()
  }

  func giveBack(_ work: FrozenWork) {
    work.trim()
    idle.withLock { if $0.count < Self.idleMax { $0.append(work) } }
  }

  /// A dictionary, made ready when it is needed first. `content` verifies and returns its bytes.
  func dictionary(
    _ identifier: UInt8, _ content: () throws(StoreError) -> MemoryView
  ) throws(StoreError) -> PreparedDictionary {
    try prepared.withLock { (prepared) throws(StoreError) in
      if let known = prepared[identifier] { return known }
      let made = try PreparedDictionary(try content())
      prepared[identifier] = made
      return made
    }
  }
}

/// What a decoder makes of a dictionary, once: most of the work of a small value otherwise.
@safe
final class PreparedDictionary: @unchecked Sendable {  // Never changed; decoders only read it.
  fileprivate let pointer: OpaquePointer

  init(_ content: MemoryView) throws(StoreError) {
    guard let made = unsafe ZSTD_createDDict(content.pointer, content.count) else {
      throw StoreError(.system, "there is no memory for a dictionary, or it is none")
    }
    unsafe pointer = made
  }

  deinit { unsafe _ = ZSTD_freeDDict(pointer) }
}

/// What one thread needs to decompress a value.
@safe
final class FrozenWork: @unchecked Sendable {  // Used by whoever has taken it from the codec.
  private let context: OpaquePointer
  private var buffer: Mapping?

  /// Larger ones are not kept.
  private static let bufferBytesKept = 1 << 20

  init() throws(StoreError) {
    guard let made = unsafe ZSTD_createDCtx() else { throw StoreError.noMemoryForZstd }
    unsafe context = made
  }

  deinit { unsafe _ = ZSTD_freeDCtx(context) }

  func trim() { if let buffer, buffer.byteCount > Self.bufferBytesKept { self.buffer = nil } }

  /// Memory for a value, until the next call.
  func room(_ byteCount: Int) throws(StoreError) -> MemoryView {
    if let buffer, buffer.byteCount >= byteCount { return buffer.view.slice(0, byteCount) }
    let made = try System.allocate(byteCount: (max(byteCount, 64 << 10) + 4095) & ~4095)
    buffer = made
    return made.view.slice(0, byteCount)
  }

  /// Returns whether the frame fills the target, which has the length that the frame says.
  func decompress(_ frame: MemoryView, with dictionary: PreparedDictionary?, into target: MemoryView) -> Bool {
    // SAFETY: both views are as long as is said; without a dictionary, the last argument is `NULL`.
    let count = unsafe ZSTD_decompress_usingDDict(
      context, target.pointer, target.count, frame.pointer, frame.count, dictionary?.pointer)
    return ZSTD_isError(count) == 0 && count == target.count
  }
}

/// Compresses values for a frozen store, one after the other.
@safe
final class FrozenCompressor {
  private let context: OpaquePointer
  private var dictionary: OpaquePointer?
  private let level: Int32
  private var buffer: Mapping?
  /// Values below that are stored as they are.
  private(set) var leastBytes = Store.Compression.leastBytes

  init(level: Int32) throws(StoreError) {
    guard let made = unsafe ZSTD_createCCtx() else { throw StoreError.noMemoryForZstd }
    unsafe context = made
    self.level = level
    unsafe _ = ZSTD_CCtx_setParameter(made, ZSTD_c_compressionLevel, level)
    // The record says which dictionary it is.
    unsafe _ = ZSTD_CCtx_setParameter(made, ZSTD_c_dictIDFlag, 0)
  }

  deinit {
    unsafe _ = ZSTD_freeCCtx(context)
    unsafe _ = ZSTD_freeCDict(dictionary)
  }

  /// Compresses with this dictionary from now on.
  func use(_ content: [UInt8]) throws(StoreError) {
    let made = unsafe content.withUnsafeBytes { unsafe ZSTD_createCDict($0.baseAddress, $0.count, level) }
    guard let made = unsafe made else { throw StoreError(.system, "there is no memory for a dictionary") }
    unsafe dictionary = made
    unsafe _ = ZSTD_CCtx_refCDict(context, made)
    // A dictionary has what small values have in common.
    leastBytes = 16
  }

  /// Valid until the next call; `nil` if it would not save an eighth.
  func compress(_ value: MemoryView) throws(StoreError) -> MemoryView? {
    if value.count < leastBytes { return nil }
    let bound = ZSTD_compressBound(value.count)
    if (buffer?.byteCount ?? 0) < bound { buffer = try System.allocate(byteCount: (bound + 65535) & ~65535) }
    guard let room = buffer?.view else { return nil }
    let count = unsafe ZSTD_compress2(context, room.pointer, room.count, value.pointer, value.count)
    guard ZSTD_isError(count) == 0, count <= value.count - value.count / ValueCodec.leastSaving else { return nil }
    return room.slice(0, count)
  }

  /// A dictionary of what the samples, which stand side by side, have in common; `nil` if there is too little.
  static func train(_ samples: [UInt8], _ sizes: [Int], byteCount: Int) -> [UInt8]? {
    if sizes.count < 16 { return nil }
    var content = [UInt8](repeating: 0, count: byteCount)
    let count = unsafe content.withUnsafeMutableBytes { target in
      unsafe samples.withUnsafeBytes { samples in
        unsafe ZDICT_trainFromBuffer(
          target.baseAddress, target.count, samples.baseAddress, sizes, UInt32(sizes.count))
      }
    }
    if ZDICT_isError(count) != 0 { return nil }
    content.removeLast(content.count - count)
    return content
  }
}
