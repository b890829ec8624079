import CairnTestSupport
import Testing

@testable import Cairn

/// Goal: compressing and decompressing keeps no more memory than it says, and gives it back in time.
@Suite struct ValueCodecTests {
  private func compress(
    _ codec: ValueCodec, _ value: [UInt8], level: Int32, _ body: ([UInt8]?) -> Void = { _ in }
  ) throws {
    try value.withBytes { (bytes: RawSpan) throws(StoreError) in
      try codec.withCompressed(MemoryView(bytes), level: level) { body($0?.array()) }
    }
  }

  private func text(_ byteCount: Int) -> [UInt8] {
    var random = SeededRandom(seed: 1)
    var bytes: [UInt8] = []
    while bytes.count < byteCount { bytes += "word \(random.below(100_000)) ".utf8 }
    return bytes
  }

  @Test func whatIsKept() throws {
    let codec = ValueCodec(try LifeMark())
    try compress(codec, text(1000), level: 3)
    #expect((1...ValueCodec.idleBytesMax).contains(codec.idleByteCount))
    // Its contexts take more than that.
    try compress(codec, text(1 << 20), level: 19)
    #expect(codec.idleByteCount == 0)
    // Its buffer is too large.
    let long = [UInt8](repeating: 7, count: 8 << 20)
    var frame: [UInt8] = []
    try compress(codec, long, level: 1) { frame = $0 ?? [] }
    let work = codec.take()
    let content = try frame.withBytes { (bytes: RawSpan) throws(StoreError) in try work.content(of: MemoryView(bytes)) }
    #expect(content == long)
    codec.giveBack(work)
    #expect(codec.idleByteCount <= ValueCodec.idleBytesMax)
    codec.releaseIdle()
    #expect(codec.idleByteCount == 0)
  }

  /// What waits for the disk with a compressed value holds no context.
  @Test(arguments: [1000, 1 << 20]) func givenBackBeforeTheCommit(byteCount: Int) throws {
    let codec = ValueCodec(try LifeMark())
    var isInBody = false
    try compress(codec, text(byteCount), level: 1) {
      isInBody = true
      #expect($0 != nil && codec.idleByteCount > 0)
    }
    #expect(isInBody)
  }

  /// A store that is closed keeps nothing, also of readers that leave it later.
  @Test func closed() throws {
    let alive = try LifeMark()
    let codec = ValueCodec(alive)
    try compress(codec, text(1000), level: 3)
    let work = codec.take()
    #expect(work.byteCount > 0)
    _ = alive.clear()
    codec.giveBack(work)
    #expect(codec.idleByteCount == 0)
  }
}
