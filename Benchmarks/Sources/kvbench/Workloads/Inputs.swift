import BenchmarkSupport

/// What everybody is given: the same keys and the same values, in the same orders.
final class Inputs {
  let count: Int
  /// The keys of the store, and some more for those who insert.
  let keys: Keys
  let absent: Keys
  let values: Values
  private(set) lazy var zipfian = Zipfian(count: count)
  private var orders: [String: Keys] = [:]

  init(keys count: Int, valueSize: Int) {
    self.count = count
    keys = Keys(count: count + max(100_000, min(count, 1_000_000)), seed: 1)
    absent = Keys(count: min(count, 1_000_000), seed: 3)
    values = Values(size: valueSize)
  }

  deinit {
    orders.values.forEach { $0.free() }
    keys.free()
    absent.free()
    values.free()
  }

  var valueSize: Int { values.size }
  var dataBytes: Int { count * (Keys.size + valueSize) }
  /// A thousand, or fewer where the values are large.
  var keysPerBatch: Int { max(1, min(1000, (4 << 20) / (valueSize + 16))) }

  /// So many operations that a round takes long enough to be measured, and not too long.
  func operations(_ round: Round, most: Int = 200_000) -> Int {
    min(count, round.operations ?? max(200, min(most, (400 << 20) / (valueSize + 16))))
  }

  /// The keys of the load: they are random numbers, so their own order is one.
  var loaded: Keys { Keys(beginningOf: keys, count: count) }

  /// In the order in which the peers compare keys: byte by byte.
  var sorted: Keys {
    order("sorted") { inputs in
      let keyed = (0..<inputs.count).map { number in
        let key = inputs.keys[number]
        return (
          key.loadUnaligned(fromByteOffset: 0, as: UInt64.self).bigEndian,
          key.loadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian, number
        )
      }
      return Keys(inputs.keys, picking: keyed.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2), isSorted: true)
    }
  }

  /// Keys in an order that is made once.
  func order(_ name: String, _ make: (Inputs) -> Keys) -> Keys {
    if let made = orders[name] { return made }
    let made = make(self)
    orders[name] = made
    return made
  }

  /// Keys that are there, each at most once a round, other ones in each round as far as there are enough.
  func random(round: Int, count wanted: Int) -> Keys {
    let all = order("random") { inputs in
      var random = Random(state: 2)
      return Keys(inputs.keys, picking: (0..<inputs.count).shuffled(using: &random))
    }
    let start = round * wanted % max(1, count - wanted + 1)
    return Keys(beginningOf: all, from: start, count: wanted)
  }
}
