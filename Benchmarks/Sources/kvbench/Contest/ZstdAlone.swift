import BenchmarkSupport
import CZstdForPeers

/// What zstd takes by itself for the same values, whoever stores them: frames that lie in memory, one after the other
/// in an order that has nothing to do with that of the lookups, are decompressed without being looked for.
struct ZstdAlone {
  let name: String
  private let decompressing: OpaquePointer?
  private let dictionary: OpaquePointer?
  private var frames: [UInt8] = []
  /// Where a package's frame begins, and behind the last one the end.
  private var starts = [0]
  private let sizes: [Int]

  /// - Parameter dictionaryBytes: of a dictionary that is trained on every third value; 0: none.
  init(_ index: PackageIndex, name: String, dictionaryBytes: Int) throws {
    self.name = name
    sizes = index.values.map(\.count)
    decompressing = ZSTD_createDCtx()
    let compressing = ZSTD_createCCtx()
    defer { ZSTD_freeCCtx(compressing) }
    var trained: [UInt8] = []
    if dictionaryBytes > 0 {
      let samples = stride(from: 0, to: index.values.count, by: 3).map { index.values[$0] }
      trained = [UInt8](repeating: 0, count: dictionaryBytes)
      let count = ZDICT_trainFromBuffer(
        &trained, trained.count, samples.flatMap(\.self), samples.map(\.count), UInt32(samples.count))
      guard ZDICT_isError(count) == 0 else { throw PeerError("zstd: a dictionary cannot be trained") }
      trained.removeLast(trained.count - count)
    }
    let compressingDictionary = trained.isEmpty ? nil : ZSTD_createCDict(trained, trained.count, 3)
    defer { ZSTD_freeCDict(compressingDictionary) }
    dictionary = trained.isEmpty ? nil : ZSTD_createDDict(trained, trained.count)
    ZSTD_CCtx_setParameter(compressing, ZSTD_c_dictIDFlag, 0)
    ZSTD_CCtx_refCDict(compressing, compressingDictionary)
    var frame = [UInt8](repeating: 0, count: ZSTD_compressBound(index.largest))
    for value in index.values {
      let count = ZSTD_compress2(compressing, &frame, frame.count, value, value.count)
      guard ZSTD_isError(count) == 0 else { throw PeerError("zstd: a value cannot be compressed") }
      frames += frame[..<count]
      starts.append(frames.count)
    }
  }

  func close() {
    ZSTD_freeDDict(dictionary)
    ZSTD_freeDCtx(decompressing)
  }

  var byteCount: Int { frames.count }

  func get(_ order: [Int], into target: UnsafeMutableRawBufferPointer) throws {
    try frames.withUnsafeBytes { frames in
      for number in order {
        let frame = UnsafeRawBufferPointer(rebasing: frames[starts[number]..<starts[number + 1]])
        let count = ZSTD_decompress_usingDDict(
          decompressing, target.baseAddress, target.count, frame.baseAddress, frame.count, dictionary)
        guard count == sizes[number] else { throw PeerError("zstd: a value is not what it was") }
      }
    }
  }
}
