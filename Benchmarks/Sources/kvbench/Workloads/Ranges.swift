import BenchmarkSupport

/// What only those can do that keep their keys in order.
extension Workload {
  static let ranges = [rangeKeys, range, ycsbE]

  private static let length = 100

  static let rangeKeys = Workload(
    name: "range-keys", summary: "the next 100 keys behind a random one, in their order; per key", needs: .order,
    isByKey: false
  ) { stage, round in
    try visit(stage, round) { try $0.keys(from: $1, limit: length, into: $2) }
  }

  static let range = Workload(
    name: "range", summary: "the next 100 entries behind a random key, in the order of keys; per entry", needs: .order,
    isByKey: false
  ) { stage, round in
    try visit(stage, round) { try $0.entries(from: $1, limit: length, into: $2) }
  }

  private static func visit(
    _ stage: Stage, _ round: Round,
    _ body:
      @escaping (_ session: any Session, _ key: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer) throws
      -> Int
  ) throws -> Outcome {
    let inputs = stage.inputs
    let count = max(1, inputs.operations(round, most: 20_000) / 10)
    let starts = inputs.order("range starts \(round.number) \(count)") { inputs in
      var random = Random(state: 200 + UInt64(round.number))
      let last = max(1, inputs.count - length)
      return Keys(inputs.sorted, picking: (0..<count).map { _ in Int.random(in: 0..<last, using: &random) })
    }
    let each = min(length, inputs.count)
    return try stage.perform(count, round, keysPerOperation: each, expected: count * each) {
      try body($0, starts[$1], $2)
    }
  }

  /// Scans of 1 to 100 entries, evenly, from keys by Zipf's law, and a few inserts.
  static let ycsbE = Workload(
    name: "ycsb-e", summary: "95 % scans of 1 to 100 entries from zipfian keys, 5 % inserts; per operation",
    needs: .order, writes: true
  ) { stage, round in
    let inputs = stage.inputs
    let count = inputs.operations(round, most: 20_000)
    var random = Random(state: 300 + UInt64(round.number))
    let lengths = (0..<count).map { _ in
      Int.random(in: 0..<100, using: &random) < 95 ? Int.random(in: 1...100, using: &random) : 0
    }
    let first = inputs.count + stage.inserted
    var inserts = 0
    let numbers = lengths.map { length in
      if length > 0 { return inputs.zipfian.item(&random) }
      inserts += 1
      return (first + inserts - 1) % inputs.keys.count
    }
    let keys = Keys(inputs.keys, picking: numbers)
    defer { keys.free() }
    stage.isAsLoaded = false
    let (values, version) = (inputs.values, round.number + 1)
    let outcome = try stage.perform(count, round) { session, number, target in
      if lengths[number] > 0 { return try session.entries(from: keys[number], limit: lengths[number], into: target) }
      try session.put(values.value(for: keys[number], version: version), for: keys[number])
      return 0
    }
    stage.inserted = min(stage.inserted + inserts, inputs.keys.count - inputs.count)
    return outcome
  }
}
