/// Sizes, counted by powers of two.
struct Histogram: Equatable, Sendable {
  struct Bucket: Equatable, Sendable {
    var count = 0
    var bytes = 0
  }

  /// Number `n` has the sizes from 2ⁿ⁻¹ up to 2ⁿ − 1; the first one, 0.
  private(set) var buckets: [Bucket] = []
  private(set) var least = Int.max
  private(set) var greatest = 0

  var count: Int { buckets.reduce(0) { $0 + $1.count } }
  var bytes: Int { buckets.reduce(0) { $0 + $1.bytes } }

  mutating func add(_ size: Int) {
    let number = Int.bitWidth - size.leadingZeroBitCount
    while buckets.count <= number { buckets.append(Bucket()) }
    buckets[number].count += 1
    buckets[number].bytes += size
    (least, greatest) = (min(least, size), max(greatest, size))
  }

  static func range(_ number: Int) -> ClosedRange<Int> {
    number == 0 ? 0...0 : 1 << (number - 1)...(1 << number) - 1
  }

  var json: JSON {
    let used = buckets.indices.filter { buckets[$0].count > 0 }
    return .array(
      used.map { number in
        let range = Self.range(number)
        return .object([
          ("from", .integer(range.lowerBound)), ("to", .integer(range.upperBound)),
          ("count", .integer(buckets[number].count)), ("bytes", .integer(buckets[number].bytes)),
        ])
      })
  }
}
