import CairnTestSupport
import Testing

@testable import CairnAttributes

/// Goal: sums of reals are exact, whatever was added and removed before, and rounded once.
/// Method: against sums of the same numbers as very long integers, in units of 2⁻¹⁰⁷⁴.
@Suite struct ExactSumTests {
  /// By itself: digits in base 2³², with a sign for all.
  static func sum(_ numbers: [Double]) -> Double {
    if numbers.contains(.infinity) { return numbers.contains(-.infinity) ? .nan : .infinity }
    if numbers.contains(-.infinity) { return -.infinity }
    var digits = [Int64](repeating: 0, count: 70)
    for number in numbers where number != 0 {
      // The significand as an integer, and how many bits it is to be moved by.
      let exponent = max(number.exponent, -1022) - 52
      var rest = UInt64(Double(sign: .plus, exponent: -exponent, significand: number.magnitude))
      let position = Int(exponent) + 1074
      var (index, shift) = (position / 32, UInt64(position % 32))
      while rest > 0 {
        let part = (rest << shift) & 0xFFFF_FFFF
        digits[index] += number < 0 ? -Int64(part) : Int64(part)
        rest >>= 32 - shift
        (index, shift) = (index + 1, 0)
      }
    }
    func carry() {
      for index in 0..<digits.count - 1 {
        let carry = digits[index] >> 32
        digits[index] -= carry << 32
        digits[index + 1] += carry
      }
    }
    carry()
    let isNegative = digits[digits.count - 1] < 0
    if isNegative {
      for index in digits.indices { digits[index].negate() }
      carry()
    }
    // Bit by bit from the highest one: 53 of them, or down to the lowest there is; then to the nearest.
    func bit(_ place: Int) -> UInt64 { place < 0 ? 0 : UInt64(digits[place / 32] >> Int64(place % 32)) & 1 }
    guard let top = (0..<70 * 32).last(where: { bit($0) == 1 }) else { return 0 }
    let low = max(top - 52, 0)
    var kept: UInt64 = 0
    for place in (low...top).reversed() { kept = kept << 1 | bit(place) }
    let isMore = low > 1 && (0..<low - 1).contains { bit($0) == 1 }
    if bit(low - 1) == 1 && (isMore || kept & 1 == 1) { kept += 1 }
    let size = Double(sign: .plus, exponent: low - 1074, significand: Double(kept))
    return isNegative ? -size : size
  }

  @Test(arguments: SeededRandom.seeds(4)) func sums(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var sum = ExactSum()
    var numbers: [Double] = []
    for _ in 0..<4000 {
      if numbers.isEmpty || random.percent(60) {
        var number = Double(bitPattern: random.next())
        if random.percent(40) { number = AttributeRandom.reals[random.below(AttributeRandom.reals.count)] }
        if random.percent(20) { number = Double(random.below(100)) / 4 * 0x1p-1060 }
        if number.isNaN { number = 1 }
        numbers.append(number)
        sum.add(number)
      } else {
        sum.remove(numbers.remove(at: random.below(numbers.count)))
      }
      if random.percent(10) {
        let expected = Self.sum(numbers)
        #expect(sum.rounded == expected || sum.rounded.isNaN && expected.isNaN, "seed \(seed)")
      }
    }
    for number in numbers { sum.remove(number) }
    #expect(sum.isZero)
  }

  @Test func halves() {
    var sum = ExactSum()
    sum.add(0x1p53)
    sum.add(1)
    #expect(sum.rounded == 0x1p53)
    sum.add(0x1p-1074)
    #expect(sum.rounded == 0x1p53 + 2)
    sum.add(-0x1p-1074)
    sum.add(2)
    #expect(sum.rounded == 0x1p53 + 4)
    sum.add(-0x1p54)
    #expect(sum.rounded == -(0x1p53 - 3))
  }
}
