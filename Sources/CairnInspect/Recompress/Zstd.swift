internal import CZstd
internal import Cairn

/// Compression of many small buffers with one setting: contexts and dictionary are made once.
@safe
final class Zstd {
  private let compressing: OpaquePointer
  private let decompressing: OpaquePointer
  private let compressionDictionary: OpaquePointer?
  private let decompressionDictionary: OpaquePointer?
  private let level: Int32

  /// - Throws: `.system` if there is no memory.
  init(level: Int, dictionary: [UInt8]) throws(StoreError) {
    self.level = Int32(level)
    guard let compressing = unsafe ZSTD_createCCtx(), let decompressing = unsafe ZSTD_createDCtx() else {
      throw StoreError(.system, "there is no memory for zstd")
    }
    unsafe self.compressing = compressing
    unsafe self.decompressing = decompressing
    guard !dictionary.isEmpty else {
      unsafe (compressionDictionary, decompressionDictionary) = (nil, nil)
      return
    }
    unsafe compressionDictionary = ZSTD_createCDict(dictionary, dictionary.count, self.level)
    unsafe decompressionDictionary = ZSTD_createDDict(dictionary, dictionary.count)
  }

  deinit {
    unsafe ZSTD_freeCDict(compressionDictionary)
    unsafe ZSTD_freeDDict(decompressionDictionary)
    unsafe ZSTD_freeCCtx(compressing)
    unsafe ZSTD_freeDCtx(decompressing)
  }

  /// Bytes that the result may take.
  static func bound(_ byteCount: Int) -> Int { ZSTD_compressBound(byteCount) }

  /// Returns how many bytes of the target are used; `nil` if it does not fit.
  func compress(_ source: [UInt8], into target: inout [UInt8]) -> Int? {
    let count = unsafe target.withUnsafeMutableBytes { target in
      if let compressionDictionary = unsafe compressionDictionary {
        return unsafe ZSTD_compress_usingCDict(
          compressing, target.baseAddress, target.count, source, source.count, compressionDictionary)
      }
      return unsafe ZSTD_compressCCtx(compressing, target.baseAddress, target.count, source, source.count, level)
    }
    return ZSTD_isError(count) == 0 ? count : nil
  }

  func decompress(_ source: ArraySlice<UInt8>, into target: inout [UInt8]) -> Int? {
    let count = unsafe source.withUnsafeBytes { source in
      unsafe target.withUnsafeMutableBytes { target in
        if let decompressionDictionary = unsafe decompressionDictionary {
          return unsafe ZSTD_decompress_usingDDict(
            decompressing, target.baseAddress, target.count, source.baseAddress, source.count, decompressionDictionary)
        }
        return unsafe ZSTD_decompressDCtx(
          decompressing, target.baseAddress, target.count, source.baseAddress, source.count)
      }
    }
    return ZSTD_isError(count) == 0 ? count : nil
  }

  /// A dictionary for values like these; `nil` if they are too few or too different.
  static func train(_ samples: [[UInt8]], byteCount: Int) -> [UInt8]? {
    var dictionary = [UInt8](repeating: 0, count: byteCount)
    let joined = Array(samples.joined())
    let sizes = samples.map(\.count)
    let count = unsafe dictionary.withUnsafeMutableBytes { target in
      unsafe ZDICT_trainFromBuffer(target.baseAddress, target.count, joined, sizes, UInt32(sizes.count))
    }
    guard ZDICT_isError(count) == 0 else { return nil }
    return Array(dictionary[..<count])
  }
}
