internal import CZstd

/// Compresses values and gives them back: one zstd frame each, with its content's size (SPEC 4.5); with a dictionary,
/// without the frame's magic number (SPEC 4.6).
///
/// Contexts and buffers are made when they are first needed and used again, each by one thread at a time.
package final class ValueCodec: Sendable {
  private let idle = Locked<[CodecWork]>([])
  private let alive: LifeMark
  /// As many as threads commonly read at once.
  private static let idleMax = 16
  /// Of one that is kept: less than what a large value takes, above all at high levels (80 MB at 19).
  static let idleBytesMax = 4 << 20
  /// Longer frames are made in memory that is mapped for them.
  private static let heapBytesMax = 128 << 10

  init(_ alive: LifeMark) { self.alive = alive }

  // A forked child leaves the calls that it was forked in, and other threads of its parent, which it does not have, may
  // have held the lock. So it is not touched any more when the store's life is over.

  func take() -> CodecWork { (alive.isSet ? idle.withLock { $0.popLast() } : nil) ?? CodecWork() }

  func giveBack(_ work: CodecWork) {
    guard alive.isSet, work.byteCount <= Self.idleBytesMax else { return }
    idle.withLock { if $0.count < Self.idleMax { $0.append(work) } }
  }

  /// Gives up what nobody works with: the store is being closed.
  func releaseIdle() { idle.withLock { $0.removeAll() } }

  /// Bytes of memory that are kept for the next ones.
  var idleByteCount: Int { idle.withLock { $0.reduce(0) { $0 + $1.byteCount } } }

  /// Calls `body` with the value compressed, if that saves enough, otherwise with `nil`.
  func withCompressed<R>(
    _ value: MemoryView, level: Int32, _ dictionary: ValueDictionary? = nil,
    _ body: (MemoryView?) throws(StoreError) -> R
  ) throws(StoreError) -> R {
    // The frame is not made in memory of a work: `body` may wait for the disk, and there should not be as many contexts
    // as threads that do.
    let byteCount = ZSTD_compressBound(value.count)
    if byteCount > Self.heapBytesMax {
      let target = try System.allocate(byteCount: (byteCount + 4095) & ~4095)
      return try withExtendedLifetime(target) { () throws(StoreError) in
        try body(compress(value, level, dictionary, into: target.view))
      }
    }
    return try unsafe withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 16) {
      (target) throws(StoreError) in
      try body(compress(value, level, dictionary, into: unsafe MemoryView(target)))
    }
  }

  private func compress(
    _ value: MemoryView, _ level: Int32, _ dictionary: ValueDictionary?, into target: MemoryView
  ) throws(StoreError) -> MemoryView? {
    let work = take()
    defer { giveBack(work) }
    let count =
      if let dictionary {
        try work.compress(value, level: level, dictionary, into: target)
      } else {
        try work.compress(value, level: level, into: target)
      }
    guard let count else { return nil }
    let skipped = dictionary == nil ? 0 : Self.magicBytes
    guard Self.isWorthIt(count - skipped, of: value.count) else { return nil }
    return target.slice(skipped, count - skipped)
  }

  static func isWorthIt(_ frameBytes: Int, of byteCount: Int) -> Bool {
    frameBytes <= byteCount - byteCount / leastSaving
  }

  /// A value is compressed only if that saves an eighth of it.
  package static let leastSaving = 8

  /// How long the value is that a frame says it holds; `nil` if that cannot be true, or if it is not one frame, and
  /// nothing else, that every decoder takes (F1-REC-050).
  ///
  /// - Parameter isBare: whether the frame was made with a dictionary, and stands there without its magic number. That
  ///   it is one is seen only when it is decompressed.
  package static func byteCount(of frame: MemoryView, isBare: Bool = false) -> Int? {
    guard isBare || isOne(frame), let count = contentByteCount(frame, at: isBare ? 0 : magicBytes),
      // A block says 128 KiB in four bytes at best: more than that is a lie, and nobody's memory is asked for.
      count <= UInt64(Store.Limits.valueBytes), count <= UInt64(frame.count) << 15 + 128 << 10
    else { return nil }
    return Int(truncatingIfNeeded: count)
  }

  fileprivate static let magic: UInt32 = 0xFD2F_B528
  fileprivate static let magicBytes = 4

  /// Whether this is one whole frame, and nothing else.
  fileprivate static func isOne(_ frame: MemoryView) -> Bool {
    if frame.count < 6 || frame.load(0, as: UInt32.self) != magic { return false }
    return unsafe ZSTD_findFrameCompressedSize(frame.pointer, frame.count) == frame.count
  }

  /// What a frame's header, which stands there, tells (RFC 8878, 3.1.1.1); `nil` if it tells nothing, or of a window
  /// that is too large.
  private static func contentByteCount(_ frame: MemoryView, at start: Int) -> UInt64? {
    guard frame.count >= start + 2 else { return nil }
    let descriptor = frame.load(start, as: UInt8.self)
    let hasWindow = descriptor & 0x20 == 0
    if hasWindow, frame.load(start + 1, as: UInt8.self) > (windowBits - 10) << 3 { return nil }
    let at = start + (hasWindow ? 2 : 1) + (1 << Int(descriptor & 3)) / 2
    switch (descriptor >> 6, frame.count - at) {
    case (0, 1...) where !hasWindow: return UInt64(frame.load(at, as: UInt8.self))
    case (1, 2...): return UInt64(frame.load(at, as: UInt16.self)) + 256
    case (2, 4...): return UInt64(frame.load(at, as: UInt32.self))
    case (3, 8...): return frame.load(at, as: UInt64.self)
    default: return nil
    }
  }

  /// Decoders keep that much of what they have given out.
  private static let windowBits: UInt8 = 27
}

/// What one thread needs to compress or to decompress a value.
@safe
package final class CodecWork: @unchecked Sendable {  // Used by whoever has taken it from the codec.
  // Who only reads never has the first, which is much the larger one.
  private var compressing: OpaquePointer?
  private var decompressing: OpaquePointer?
  private var buffer: Mapping?
  /// For a frame that stands in the log without its magic number.
  private var frameBuffer: Mapping?

  package init() {}

  deinit {
    unsafe ZSTD_freeCCtx(compressing)
    unsafe ZSTD_freeDCtx(decompressing)
  }

  /// What it has of memory.
  var byteCount: Int {
    unsafe ZSTD_sizeof_CCtx(compressing) + ZSTD_sizeof_DCtx(decompressing) + (buffer?.byteCount ?? 0)
      + (frameBuffer?.byteCount ?? 0)
  }

  func compressor() throws(StoreError) -> OpaquePointer {
    if let compressing = unsafe compressing { return unsafe compressing }
    guard let made = unsafe ZSTD_createCCtx() else { throw StoreError.noMemoryForZstd }
    unsafe compressing = made
    return unsafe made
  }

  private func decompressor() throws(StoreError) -> OpaquePointer {
    if let decompressing = unsafe decompressing { return unsafe decompressing }
    guard let made = unsafe ZSTD_createDCtx() else { throw StoreError.noMemoryForZstd }
    unsafe decompressing = made
    // A value of one segment has a window as large as itself.
    _ = unsafe ZSTD_DCtx_setParameter(made, ZSTD_d_windowLogMax, 31)
    return unsafe made
  }

  private func room(_ byteCount: Int) throws(StoreError) -> MemoryView { try Self.room(byteCount, &buffer) }

  private static func room(_ byteCount: Int, _ buffer: inout Mapping?) throws(StoreError) -> MemoryView {
    if let buffer, buffer.byteCount >= byteCount { return buffer.view }
    let made = try System.allocate(byteCount: (max(byteCount, 64 << 10) + 4095) & ~4095)
    buffer = made
    return made.view
  }

  /// The frame as zstd wants it; `nil` if it is not one. What stands there without its magic number is copied, which
  /// is short: zstd can do without, but only by what its library does not promise.
  private func whole(_ frame: MemoryView, _ dictionary: BorrowedDictionary?) throws(StoreError) -> MemoryView? {
    guard dictionary != nil else { return frame }
    let byteCount = ValueCodec.magicBytes + frame.count
    let whole = try Self.room(byteCount, &frameBuffer).slice(0, byteCount)
    whole.store(ValueCodec.magic, at: 0)
    whole.copy(frame, at: ValueCodec.magicBytes)
    return ValueCodec.isOne(whole) ? whole : nil
  }

  /// Returns the length of the frame, which stands at the beginning of the target; `nil` if zstd refuses.
  func compress(_ value: MemoryView, level: Int32, into target: MemoryView) throws(StoreError) -> Int? {
    let count = unsafe ZSTD_compressCCtx(
      try compressor(), UnsafeMutableRawPointer(mutating: target.pointer), target.count, value.pointer, value.count,
      level)
    return ZSTD_isError(count) == 0 ? count : nil
  }

  /// Valid until the next call; `nil` if it is no whole frame, or of another dictionary.
  package func decompress(
    _ frame: MemoryView, _ dictionary: BorrowedDictionary? = nil
  ) throws(StoreError) -> MemoryView? {
    guard let byteCount = ValueCodec.byteCount(of: frame, isBare: dictionary != nil) else { return nil }
    let target = try room(byteCount).slice(0, byteCount)
    return try decompress(frame, dictionary, into: target) ? target : nil
  }

  /// A copy of what is in the frame; `nil` if it is no whole one.
  package func content(of frame: MemoryView) throws(StoreError) -> [UInt8]? { try decompress(frame)?.array() }

  /// Whether `decompress` would succeed, in little memory.
  package func isWhole(_ frame: MemoryView, _ dictionary: BorrowedDictionary? = nil) throws(StoreError) -> Bool {
    guard let byteCount = ValueCodec.byteCount(of: frame, isBare: dictionary != nil),
      let frame = try whole(frame, dictionary)
    else { return false }
    let target = try room(Self.pieceBytes)
    let decompressing = unsafe try decompressor()
    var input = unsafe ZSTD_inBuffer(src: frame.pointer, size: frame.count, pos: 0)
    unsafe ZSTD_DCtx_reset(decompressing, ZSTD_reset_session_only)
    unsafe ZSTD_DCtx_refDDict(decompressing, dictionary?.pointer)
    defer {
      // It may have ended in the middle of a frame, and the dictionary may go.
      unsafe ZSTD_DCtx_reset(decompressing, ZSTD_reset_session_only)
      unsafe ZSTD_DCtx_refDDict(decompressing, nil)
    }
    var left = byteCount
    while true {
      var output = unsafe ZSTD_outBuffer(dst: UnsafeMutableRawPointer(target.pointer), size: Self.pieceBytes, pos: 0)
      let before = unsafe input.pos
      let result = unsafe ZSTD_decompressStream(decompressing, &output, &input)
      if ZSTD_isError(result) != 0 { return false }
      left -= unsafe output.pos
      if left < 0 { return false }
      // Zero: the frame is over, and all of it has been given out.
      if result == 0 { return unsafe left == 0 && input.pos == input.size }
      if unsafe output.pos == 0 && input.pos == before { return false }
    }
  }

  private static let pieceBytes = 128 << 10

  /// Returns whether the frame fills the target, which has the length that the frame says.
  func decompress(
    _ frame: MemoryView, _ dictionary: BorrowedDictionary? = nil, into target: MemoryView
  ) throws(StoreError) -> Bool {
    guard let frame = try whole(frame, dictionary) else { return false }
    let count = unsafe ZSTD_decompress_usingDDict(
      try decompressor(), UnsafeMutableRawPointer(mutating: target.pointer), target.count, frame.pointer, frame.count,
      dictionary?.pointer)
    return ZSTD_isError(count) == 0 && count == target.count
  }
}

extension StoreError {
  /// What is to be compressed has not been written, nor has anything else; a writer goes on.
  package static var noMemoryForZstd: StoreError { StoreError(.system, "there is no memory for zstd") }
}
