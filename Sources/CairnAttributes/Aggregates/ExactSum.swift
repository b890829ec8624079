/// A sum of reals without any rounding, so that what is taken away again leaves nothing behind.
///
/// A fixed-point number that is wide enough for every real (Kulisch, *Computer Arithmetic and Validity*, 2008): 2,098
/// bits from 2⁻¹⁰⁷⁴ up, and above them 78 for carries, in two's complement. It is rounded when it is read, once.
/// Infinities are counted apart.
struct ExactSum {
  private static let wordCount = 34
  /// The exponent of the lowest bit.
  private static let lowest = -1074

  /// Of one that no real has been added to, none.
  private var words: [UInt64] = []
  private var infinities = 0
  private var negativeInfinities = 0

  mutating func add(_ number: Double) { add(number, 1) }
  mutating func remove(_ number: Double) { add(number, -1) }

  private mutating func add(_ number: Double, _ count: Int) {
    if number.isInfinite {
      if number > 0 { infinities += count } else { negativeInfinities += count }
      return
    }
    if number == 0 { return }
    if words.isEmpty { words = [UInt64](repeating: 0, count: Self.wordCount) }
    // A subnormal number has no leading bit, and the exponent of the least normal one.
    let field = Int(number.exponentBitPattern)
    let digits = field == 0 ? number.significandBitPattern : number.significandBitPattern | 1 << 52
    let position = max(field, 1) - 1
    let (word, shift) = (position / 64, UInt64(position % 64))
    let low = digits << shift
    let high = shift == 0 ? 0 : digits >> (64 - shift)
    if (number < 0) == (count < 0) { addWords(low, high, at: word) } else { subtractWords(low, high, at: word) }
  }

  // Two's complement: what leaves the highest word is its sign.

  private mutating func addWords(_ low: UInt64, _ high: UInt64, at word: Int) {
    let (first, carryOfFirst) = words[word].addingReportingOverflow(low)
    words[word] = first
    // At most 2⁵³ + 1: no overflow.
    let (second, carryOfSecond) = words[word + 1].addingReportingOverflow(high + (carryOfFirst ? 1 : 0))
    words[word + 1] = second
    var (carry, index) = (carryOfSecond, word + 2)
    while carry && index < words.count {
      (words[index], carry) = words[index].addingReportingOverflow(1)
      index += 1
    }
  }

  private mutating func subtractWords(_ low: UInt64, _ high: UInt64, at word: Int) {
    let (first, borrowOfFirst) = words[word].subtractingReportingOverflow(low)
    words[word] = first
    let (second, borrowOfSecond) = words[word + 1].subtractingReportingOverflow(high + (borrowOfFirst ? 1 : 0))
    words[word + 1] = second
    var (borrow, index) = (borrowOfSecond, word + 2)
    while borrow && index < words.count {
      (words[index], borrow) = words[index].subtractingReportingOverflow(1)
      index += 1
    }
  }

  /// The real that is nearest, of two that are equally near the even one; not a number if both infinities are in it.
  var rounded: Double {
    if infinities > 0 || negativeInfinities > 0 {
      return negativeInfinities == 0 ? .infinity : infinities == 0 ? -.infinity : .nan
    }
    guard let top = words.last else { return 0 }
    let isNegative = top >> 63 == 1
    let size = isNegative ? Self.negated(words) : words
    guard let highest = size.lastIndex(where: { $0 != 0 }) else { return 0 }
    // The highest 64 bits, whatever is below them as their last bit.
    let shift = UInt64(size[highest].leadingZeroBitCount)
    var digits = size[highest] << shift
    var isMore = false
    if highest > 0 {
      if shift > 0 { digits |= size[highest - 1] >> (64 - shift) }
      isMore = size[highest - 1] << shift != 0 || size[..<(highest - 1)].contains { $0 != 0 }
    }
    let exponent = Self.lowest + 64 * highest - Int(shift)
    return (isNegative ? -1 : 1) * Self.rounded(digits, isMore, exponent)
  }

  /// `digits` × 2^`exponent`, and a bit more perhaps.
  private static func rounded(_ digits: UInt64, _ isMore: Bool, _ exponent: Int) -> Double {
    // 53 are kept, or fewer of a number that is subnormal: there is nothing below 2⁻¹⁰⁷⁴. At most 63 are dropped, as
    // one at least is above that.
    let dropped = max(11, lowest - exponent)
    var kept = digits >> UInt64(dropped)
    let half: UInt64 = 1 << UInt64(dropped - 1)
    let rest = digits & (half << 1 - 1)
    if rest > half || rest == half && (isMore || kept & 1 == 1) { kept += 1 }
    // At most 2⁵³: exact. What is too large is infinite.
    return Double(sign: .plus, exponent: exponent + dropped, significand: Double(kept))
  }

  private static func negated(_ words: [UInt64]) -> [UInt64] {
    var isCarrying = true
    return words.map { word in
      let (sum, carry) = (~word).addingReportingOverflow(isCarrying ? 1 : 0)
      isCarrying = carry
      return sum
    }
  }

  var isZero: Bool { infinities == 0 && negativeInfinities == 0 && words.allSatisfy { $0 == 0 } }
  var memoryByteCount: Int { words.isEmpty ? 24 : 24 + 32 + 8 * words.count }
}
