internal import CairnTestSupport
internal import Foundation

/// Traces that need no files, the same in every run, of which is known what policies should make of them.
package enum GeneratedTrace {
  package static var all: [Trace] {
    let zipfSizes = [50, 100, 200, 500, 1000, 2000, 4000, 8000]
    return [
      Trace("Zipf 0.8", "10,000 keys, the n-th of which has a share of 1/n^0.8", zipf(exponent: 0.8), sizes: zipfSizes),
      Trace("Zipf 1.0", "10,000 keys, the n-th of which has a share of 1/n", zipf(exponent: 1), sizes: zipfSizes),
      Trace(
        "scans", "Zipf 1.0, and after each 5,000 requests a scan of 5,000 keys that come once", scans(),
        sizes: zipfSizes),
      Trace(
        "larger loop", "1,100 keys in the same order, again and again", loop(keys: 1100, rounds: 300),
        sizes: [100, 250, 500, 750, 900, 1000, 1050, 1090]),
      Trace(
        "shifts", "1,000 keys at random, and 1,000 others after each 20,000 requests", shifts(),
        sizes: Array(stride(from: 250, through: 2000, by: 250))),
      Trace(
        "twice", "each key twice, with 200 others in between, and then never again",
        twice(keys: 200_000, distance: 100),
        sizes: Array(stride(from: 125, through: 1000, by: 125))),
      Trace(
        "turns", "each key twice for a while, then a loop over 1,100 keys, then each key twice again", turns(),
        sizes: Array(stride(from: 125, through: 1000, by: 125))),
    ]
  }

  /// How often each of so many keys is asked for: the n-th has a share of 1/n to the exponent.
  package static func zipfShares(exponent: Double, keys: Int = 10_000) -> [Double] {
    let weights = (1...keys).map { pow(Double($0), -exponent) }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
  }

  package static func zipf(exponent: Double, keys: Int = 10_000, count: Int = 400_000) -> [Trace.Request] {
    var sums: [Double] = []
    for share in zipfShares(exponent: exponent, keys: keys) { sums.append((sums.last ?? 0) + share) }
    var random = SeededRandom(seed: 1)
    return (0..<count).map { _ in
      let wanted = Double(random.next() >> 11) * 0x1p-53
      // The first key the sum up to which is larger.
      var (low, high) = (0, keys - 1)
      while low < high {
        let middle = (low + high) / 2
        if sums[middle] > wanted { high = middle } else { low = middle + 1 }
      }
      return Trace.Request(key: UInt64(low))
    }
  }

  package static func scans(turn: Int = 5000) -> [Trace.Request] {
    let often = zipf(exponent: 1, count: 200_000)
    return stride(from: 0, to: often.count, by: turn).flatMap { start in
      often[start..<start + turn] + (start..<start + turn).map { Trace.Request(key: UInt64($0) + 1 << 32) }
    }
  }

  package static func loop(keys: Int, rounds: Int) -> [Trace.Request] {
    (0..<keys * rounds).map { Trace.Request(key: UInt64($0 % keys)) }
  }

  package static func shifts(keys: Int = 1000, turn: Int = 20_000, turns: Int = 20) -> [Trace.Request] {
    var random = SeededRandom(seed: 2)
    return (0..<turns * turn).map { Trace.Request(key: UInt64($0 / turn * keys + random.below(keys))) }
  }

  /// - Parameter distance: the second request for a key comes when so many others have come for the first time since.
  package static func twice(keys: Int, distance: Int, from first: Int = 0) -> [Trace.Request] {
    (0..<keys + distance).flatMap { step in
      [step, step - distance].filter { 0..<keys ~= $0 }.map { Trace.Request(key: UInt64(first + $0)) }
    }
  }

  package static func turns() -> [Trace.Request] {
    twice(keys: 50_000, distance: 100, from: 10_000) + loop(keys: 1100, rounds: 200)
      + twice(keys: 50_000, distance: 100, from: 60_000)
  }
}
