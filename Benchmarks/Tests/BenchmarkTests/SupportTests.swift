import BenchmarkSupport
import Foundation
import Testing

@Suite struct SupportTests {
  /// Method: percentiles of known values, over seven orders of magnitude, against the sorted list.
  @Test func percentilesAreAtMostALittleTooHigh() {
    var random = Random(state: 1)
    var values: [UInt64] = []
    var histogram = Histogram()
    var other = Histogram()
    for number in 0..<20_000 {
      let value = UInt64(1) << UInt64(Int.random(in: 0..<40, using: &random)) + UInt64(number)
      values.append(value)
      if number % 2 == 0 { histogram.record(value) } else { other.record(value) }
    }
    histogram.add(other)
    values.sort()
    for share in [0.001, 0.5, 0.9, 0.99, 0.999, 0.9999, 1] {
      let exact = values[max(0, Int((Double(values.count) * share).rounded(.up)) - 1)]
      let read = histogram.value(at: share)
      #expect(read >= exact && Double(read) <= Double(exact) * 1.016 + 1, "\(share)")
    }
    #expect(histogram.maximum == values.last && histogram.total == 20_000)
    histogram.record(.max)
    #expect(histogram.value(at: 1) == .max)
    #expect(Histogram().value(at: 0.5) == 0)
  }

  /// The most wanted of 1,000 items is wanted 1 / zeta(1000, 0.99) of the time, the tenth a tenth of that, about.
  @Test func zipfianNumbersHaveTheirShares() {
    var random = Random(state: 2)
    let zipfian = Zipfian(count: 1000)
    var ranks = [Int](repeating: 0, count: 1000)
    let draws = 400_000
    for _ in 0..<draws { ranks[zipfian.rank(&random)] += 1 }
    let zeta = (1...1000).reduce(0.0) { $0 + pow(Double($1), -0.99) }
    for rank in [0, 1, 9, 99] {
      let expected = pow(Double(rank + 1), -0.99) / zeta
      let found = Double(ranks[rank]) / Double(draws)
      #expect(abs(found / expected - 1) < 0.15, "rank \(rank): \(found) for \(expected)")
    }
    var items: Set<Int> = []
    for _ in 0..<10_000 { items.insert(zipfian.item(&random)) }
    #expect(items.allSatisfy { (0..<1000).contains($0) } && items.count > 300)
    #expect(Zipfian(count: 1).rank(&random) == 0)
  }

  @Test func samplesHaveMedians() {
    #expect(Samples([3, 1, 2]).median == 2 && Samples([4, 1, 2, 3]).median == 2.5)
    #expect(Samples([2, 6]).ratios(to: Samples([1, 2])).values == [2, 3])
  }
}
