/// Counts of times, in classes whose width grows with the time, so that every figure read back is at most 1.6 % too
/// high (the scheme of HdrHistogram, Tene 2012: 64 classes for each power of two).
public struct Histogram: Sendable {
  private var counts = [UInt64](repeating: 0, count: 64 * 60)
  public private(set) var total: UInt64 = 0
  public private(set) var maximum: UInt64 = 0

  public init() {}

  public mutating func record(_ nanoseconds: UInt64) {
    counts[Self.number(nanoseconds)] += 1
    total += 1
    maximum = max(maximum, nanoseconds)
  }

  public mutating func add(_ other: Histogram) {
    for number in counts.indices { counts[number] += other.counts[number] }
    total += other.total
    maximum = max(maximum, other.maximum)
  }

  /// The time that a share of all (0.99, say) did not exceed; 0 if nothing was recorded.
  public func value(at share: Double) -> UInt64 {
    var left = UInt64((Double(total) * share).rounded(.up))
    for number in counts.indices {
      if counts[number] >= left { return min(maximum, Self.highest(number)) }
      left -= counts[number]
    }
    return maximum
  }

  private static func number(_ value: UInt64) -> Int {
    guard value >= 64 else { return Int(value) }
    let power = 63 - value.leadingZeroBitCount
    return min(64 * 60 - 1, (power - 5) * 64 + Int(value >> (power - 6)) - 64)
  }

  private static func highest(_ number: Int) -> UInt64 {
    guard number >= 64 else { return UInt64(number) }
    let power = number / 64 + 5
    // Of the last class this is the largest number there is: the shift leaves nothing.
    return (UInt64(number % 64 + 64 + 1) << (power - 6)) &- 1
  }
}
