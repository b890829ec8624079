import Cairn
import CairnTestSupport

/// A checkpoint that can be changed and given checksums that fit again. Knows the layout from SPEC 5.
struct Forger {
  private(set) var bytes: [UInt8]

  init(_ path: String) throws { bytes = try Files.read(path) }

  private func word(_ at: Int) -> UInt64 {
    bytes[at..<at + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private mutating func set(_ value: UInt64, at: Int) {
    for index in 0..<8 { bytes[at + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
  }

  private func place(_ shard: Int) -> Int { 4096 + shard * 32 }
  private func range(_ shard: Int) -> Range<Int> {
    let start = Int(word(place(shard)))
    return start..<start + Int(word(place(shard) + 8) & 0xFFFF_FFFF) * 64
  }

  var shardsInUse: [Int] { (0..<1024).filter { word(place($0) + 8) >> 32 > 0 } }

  /// Changes the first entry of a shard.
  mutating func changeEntry(of shard: Int, _ change: (UInt64) -> UInt64) {
    let at = stride(from: range(shard).lowerBound, to: range(shard).upperBound, by: 8).first { word($0) != 0 }!
    set(change(word(at)), at: at)
  }

  /// Returns whether there are enough buckets to make a difference.
  mutating func exchangeFirstAndLastBucket(of shard: Int) -> Bool {
    let range = range(shard)
    if range.count < 4 * 64 { return false }
    for offset in stride(from: 0, to: 64, by: 8) {
      let (first, last) = (range.lowerBound + offset, range.upperBound - 64 + offset)
      let (a, b) = (word(first), word(last))
      set(b, at: first)
      set(a, at: last)
    }
    return true
  }

  mutating func addToCount(of shard: Int, _ difference: Int) {
    set(word(place(shard) + 8) &+ UInt64(bitPattern: Int64(difference)) << 32, at: place(shard) + 8)
  }

  /// Lets a shard have the buckets of another one.
  mutating func copyPlace(of shard: Int, to other: Int) {
    for offset in stride(from: 0, to: 24, by: 8) { set(word(place(shard) + offset), at: place(other) + offset) }
  }

  var segmentsCount: Int { Int(word(128) >> 32) }

  mutating func setSequence(of shard: Int, _ value: UInt64) { set(value, at: place(shard) + 24) }

  mutating func setWord(_ value: UInt64, at offset: Int) { set(value, at: offset) }

  /// Changes a word of the first entry in the table of segments.
  mutating func setSegmentWord(_ value: UInt64, at offset: Int) { set(value, at: Int(word(144)) + offset) }

  private func hash(_ range: Range<Int>) -> UInt64 {
    let part = Array(bytes[range])
    return unsafe MemoryView(part.span.bytes).hash(seed: 0)
  }

  func sealed() -> [UInt8] {
    var copy = self
    for shard in shardsInUse { copy.set(hash(range(shard)), at: place(shard) + 16) }
    copy.set(copy.hash(4096..<4096 + 1024 * 32), at: 136)
    let table = Int(word(144))
    let deadlines = table + 56 * segmentsCount
    copy.set(copy.hash(table..<deadlines), at: 152)
    copy.set(copy.hash(deadlines..<bytes.count), at: 176)
    copy.set(copy.hash(0..<4088), at: 4088)
    return copy.bytes
  }
}
