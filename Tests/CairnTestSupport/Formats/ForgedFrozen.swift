/// A frozen store whose bytes a test changes: places by the specification's numbers, and checksums made to fit.
public struct ForgedFrozen {
  public var bytes: [UInt8]

  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  public func word(_ at: Int) -> UInt64 { ForgedSegment.word(bytes, at) }

  private func number(_ at: Int) -> Int { Int(truncatingIfNeeded: word(at) & 0xFFFF_FFFF_FFFF) }

  public var recordsEnd: Int { number(104) }
  public var index: Int { number(128) }
  public var buckets: Int { number(144) }

  public mutating func set(_ value: UInt64, _ byteCount: Int = 8, at: Int) {
    guard at >= 0, at + byteCount <= bytes.count else { return }
    bytes.replaceSubrange(at..<at + byteCount, with: ForgedSegment.little(value, byteCount))
  }

  private func hash(_ range: Range<Int>, seed: UInt64) -> UInt64 {
    ForgedSegment.hash(Array(bytes[range]), seed: seed)
  }

  /// Wrapping multiplication is how the seed is made.
  private func seed(_ offset: Int) -> UInt64 { word(80) ^ (UInt64(offset) &* 0x9E37_79B9_7F4A_7C15) }

  /// Where a record ends that begins here, if it can.
  public func end(ofRecordAt at: Int) -> Int? {
    guard at >= 256, at + 16 <= bytes.count else { return nil }
    let control = Int(word(at + 4) & 0xFFFF)
    let long = control >> 4 & 1
    let key = long == 0 ? Int(bytes[at + 6]) : Int(word(at + 6) & 0xFFFF)
    var place = at + 7 + long
    var value = 0
    for number in 0..<(control & 15) where place + number < bytes.count && number < 4 {
      value |= Int(bytes[place + number]) << (8 * number)
    }
    place += control & 15 + control >> 5 & 15
    place += (control >> 9 & 1) * 8 + control >> 12 & 1
    let end = place + key + value
    return end <= bytes.count ? end : nil
  }

  public func recordOffsets() -> [Int] {
    var offsets: [Int] = []
    var at = 256
    while at < recordsEnd, let end = end(ofRecordAt: at) {
      offsets.append(at)
      at = end
    }
    return offsets
  }

  public mutating func repairRecord(at: Int) {
    guard let end = end(ofRecordAt: at) else { return }
    set(hash(at + 4..<end, seed: seed(at)) & 0xFFFF_FFFF, 4, at: at)
  }

  public mutating func repairBucket(at: Int) {
    guard at >= 0, at + 64 <= bytes.count else { return }
    let overflow = UInt64(bytes[at] & 1)
    set(hash(at + 4..<at + 64, seed: seed(at) ^ overflow) & 0xFFFF_FFFE | overflow, 4, at: at)
  }

  public mutating func repairHeader() {
    if bytes.count >= 256 { set(hash(0..<248, seed: 0), at: 248) }
  }

  /// The list of dictionaries and each of them.
  public mutating func repairDictionaries() {
    let count = Int(word(112) & 0xFF)
    let end = recordsEnd + count * 32
    guard end <= bytes.count else { return }
    for number in 0..<count {
      let at = recordsEnd + number * 32
      let (size, offset) = (Int(word(at + 4) & 0xFFFF_FFFF), self.number(at + 8))
      if offset + size <= bytes.count { set(hash(offset..<offset + size, seed: word(80)), at: at + 16) }
    }
    set(hash(recordsEnd..<end, seed: word(80)), at: 120)
  }

  /// Everything.
  public mutating func repair() {
    guard bytes.count >= 256 else { return }
    for at in recordOffsets() { repairRecord(at: at) }
    repairDictionaries()
    for at in stride(from: index, to: bytes.count, by: 64) { repairBucket(at: at) }
    set(hash(256..<bytes.count, seed: word(80)), at: 152)
    repairHeader()
  }
}
