internal import CZstd

/// A dictionary of zstd, prepared for both directions: what values have in common, so that small ones need not say it
/// again (SPEC 4.6).
@safe
package final class ValueDictionary: @unchecked Sendable {  // What is prepared later is under a lock.
  /// As it stands in the log: compressed, where that makes it smaller.
  let stored: [UInt8]
  let codec: UInt8
  /// Of the dictionary itself.
  let byteCount: Int
  /// Tells dictionaries of one store apart while it is open; never 0.
  let number: Int
  private let decompressing: OpaquePointer
  private let compressing = Locked<[Int32: CompressingDictionary]>([:])

  /// `nil` if that is none (F1-DIC-002).
  package init?(stored: MemoryView, codec: UInt8, number: Int = 1) throws(StoreError) {
    guard let bytes = try Self.content(stored, codec), let made = unsafe ZSTD_createDDict(bytes, bytes.count) else {
      return nil
    }
    self.stored = stored.array()
    self.codec = codec
    byteCount = bytes.count
    self.number = number
    unsafe decompressing = made
  }

  deinit { unsafe ZSTD_freeDDict(decompressing) }

  private static func content(_ stored: MemoryView, _ codec: UInt8) throws(StoreError) -> [UInt8]? {
    if codec == RecordHeader.Codec.none { return DictionaryRecord.isOne(stored) ? stored.array() : nil }
    guard let byteCount = ValueCodec.byteCount(of: stored), byteCount <= DictionaryRecord.valueBytesMax else {
      return nil
    }
    let work = CodecWork()
    return try withExtendedLifetime(work) { () throws(StoreError) in
      try work.decompress(stored).flatMap { DictionaryRecord.isOne($0) ? $0.array() : nil }
    }
  }

  func isStored(as stored: MemoryView, codec: UInt8) -> Bool {
    self.codec == codec && self.stored.withBytes { MemoryView($0).isEqual(to: stored) }
  }

  /// For frames; as long as this lives.
  package var prepared: BorrowedDictionary { unsafe BorrowedDictionary(decompressing) }

  /// For values, at a level. Made once for each.
  fileprivate func prepared(_ level: Int32) throws(StoreError) -> CompressingDictionary {
    try compressing.withLock { made throws(StoreError) in
      if let found = made[level] { return found }
      let bytes = try stored.withBytes { (stored: RawSpan) throws(StoreError) in
        try Self.content(MemoryView(stored), codec)
      }
      guard let bytes, let pointer = unsafe ZSTD_createCDict(bytes, bytes.count, level)
      else { throw StoreError.noMemoryForZstd }
      let new = unsafe CompressingDictionary(pointer)
      made[level] = new
      return new
    }
  }

  /// Makes a dictionary for values like these: `nil` if they are too few or too different.
  ///
  /// - Parameters:
  ///   - samples: the values, one after the other, and how long each is.
  ///   - level: that the values will be compressed at.
  /// - Complexity: measured, 16 MiB for 448 KiB: a second, and 40 MiB of memory.
  static func train(_ samples: (bytes: [UInt8], sizes: [Int]), level: Int32, byteCount: Int) -> [UInt8]? {
    let sampleCount = UInt32(samples.sizes.count)
    let trained = unsafe make(byteCount) { target in
      unsafe ZDICT_trainFromBuffer(target.baseAddress, target.count, samples.bytes, samples.sizes, sampleCount)
    }
    guard let trained else { return nil }
    // What stands before the content goes by how level 3 compresses; at 9, its own statistics save 2 % more.
    let headerByteCount = unsafe ZDICT_getDictHeaderSize(trained, trained.count)
    guard ZDICT_isError(headerByteCount) == 0 else { return nil }
    let content = Array(trained.dropFirst(headerByteCount))
    var parameters = ZDICT_params_t()
    parameters.compressionLevel = level
    return unsafe make(byteCount) { target in
      unsafe ZDICT_finalizeDictionary(
        target.baseAddress, target.count, content, content.count, samples.bytes, samples.sizes, sampleCount, parameters)
    }
  }

  private static func make(_ byteCount: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe body($0) }
    return ZDICT_isError(count) == 0 ? Array(bytes[..<count]) : nil
  }
}

/// A dictionary as decompression wants it; somebody else keeps it alive.
@safe
package struct BorrowedDictionary {
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }

  init?(word: UInt64) {
    guard let pointer = unsafe OpaquePointer(bitPattern: UInt(word)) else { return nil }
    unsafe self.pointer = pointer
  }

  var word: UInt64 { unsafe UInt64(UInt(bitPattern: pointer)) }
}

@safe
private final class CompressingDictionary: @unchecked Sendable {  // Never changes.
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }

  deinit { unsafe ZSTD_freeCDict(pointer) }
}

extension CodecWork {
  /// Returns the length of the frame, which stands at the beginning of the target; `nil` if zstd refuses.
  ///
  /// The frame does not name its dictionary: four bytes that say what its segment says.
  func compress(
    _ value: MemoryView, level: Int32, _ dictionary: ValueDictionary, into target: MemoryView
  ) throws(StoreError) -> Int? {
    let prepared = try dictionary.prepared(level)
    let context = unsafe try compressor()
    unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_dictIDFlag, 0)
    // Otherwise the frame would be one without it.
    guard ZSTD_isError(unsafe ZSTD_CCtx_refCDict(context, prepared.pointer)) == 0 else { return nil }
    let count = unsafe ZSTD_compress2(
      context, UnsafeMutableRawPointer(mutating: target.pointer), target.count, value.pointer, value.count)
    unsafe ZSTD_CCtx_refCDict(context, nil)
    return withExtendedLifetime(prepared) { ZSTD_isError(count) == 0 ? count : nil }
  }
}
