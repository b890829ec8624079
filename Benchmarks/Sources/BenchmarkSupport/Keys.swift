/// Seeded, so that every run has the same keys in the same order (SplitMix64, Steele et al. 2014).
public struct Random: RandomNumberGenerator {
  @usableFromInline var state: UInt64

  @inlinable
  public init(state: UInt64) { self.state = state }

  @inlinable
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Evenly from 0 to 1, 1 excluded.
  @inlinable
  public mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}

/// Sixteen-byte keys, side by side: reading them in turn costs next to nothing.
public struct Keys: @unchecked Sendable {  // Never changed after it was made.
  public static let size = 16
  public let count: Int
  public let bytes: UnsafeMutableRawBufferPointer
  /// Each one is less than the next, as bytes: some engines are told so.
  public let isSorted: Bool

  /// Keys number `0..<count` of a seed, all different with near certainty.
  public init(count: Int, seed: UInt64) {
    self.count = count
    isSorted = false
    bytes = .allocate(byteCount: max(1, count * Self.size), alignment: 64)
    var random = Random(state: seed)
    for word in 0..<count * 2 { bytes.storeBytes(of: random.next(), toByteOffset: word * 8, as: UInt64.self) }
  }

  /// Some of the keys of a seed, without making the others.
  public init(count: Int, seed: UInt64, picking numbers: [Int]) {
    self.count = count
    isSorted = false
    bytes = .allocate(byteCount: max(1, count * Self.size), alignment: 64)
    for (to, number) in numbers.enumerated() {
      // The generator's state moves by the same amount for each word.
      var random = Random(state: seed &+ UInt64(number) &* 2 &* 0x9E37_79B9_7F4A_7C15)
      for word in 0..<2 {
        bytes.storeBytes(of: random.next(), toByteOffset: to * Self.size + word * 8, as: UInt64.self)
      }
    }
  }

  /// The keys of some numbers, in the order of the numbers.
  @inlinable
  public init(_ keys: Keys, picking numbers: some Collection<Int>, isSorted: Bool = false) {
    count = numbers.count
    self.isSorted = isSorted
    bytes = .allocate(byteCount: max(1, count * Self.size), alignment: 64)
    for (to, from) in numbers.enumerated() {
      precondition(from >= 0 && from < keys.count)
      (bytes.baseAddress! + to * Self.size)
        .copyMemory(from: keys.bytes.baseAddress! + from * Self.size, byteCount: Self.size)
    }
  }

  /// Some keys of others, one after the other, in the same memory: not to be freed.
  public init(beginningOf keys: Keys, from start: Int = 0, count: Int) {
    precondition(start >= 0 && count >= 0 && start + count <= keys.count)
    self.count = count
    isSorted = keys.isSorted
    bytes = UnsafeMutableRawBufferPointer(rebasing: keys.bytes[(start * Self.size)...])
  }

  /// The same keys in another order.
  public init(shuffling keys: Keys, seed: UInt64) {
    var random = Random(state: seed)
    self.init(keys, picking: (0..<keys.count).shuffled(using: &random))
  }

  @inlinable @inline(__always)
  public subscript(_ number: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: bytes.baseAddress! + number * Self.size, count: Self.size)
  }

  public func free() { bytes.deallocate() }
}
