import BenchmarkSupport

extension Workload {
  static let reads = [getRandom, getMiss, getHot, getMany, scan]

  static let getRandom = Workload(name: "get", summary: "random keys that are there") { stage, round in
    let keys = stage.inputs.random(round: round.number, count: stage.inputs.operations(round))
    return try stage.perform(keys.count, round, expected: keys.count * stage.inputs.valueSize) {
      try $0.get(keys[$1], into: $2) ?? 0
    }
  }

  static let getMiss = Workload(name: "miss", summary: "random keys that are not there") { stage, round in
    let keys = stage.inputs.absent
    let count = min(keys.count, stage.inputs.operations(round))
    let start = round.number * count % max(1, keys.count - count + 1)
    return try stage.perform(count, round, expected: 0) { try $0.get(keys[start + $1], into: $2) == nil ? 0 : 1 }
  }

  static let getHot = Workload(name: "get-hot", summary: "random ones of one in a hundred keys") { stage, round in
    let keys = stage.inputs.order("hot \(round.operations ?? 0)") { inputs in
      var random = Random(state: 6)
      return Keys(
        inputs.keys,
        picking: (0..<inputs.operations(round)).map { _ in
          Int.random(in: 0..<max(1, inputs.count / 100), using: &random)
        })
    }
    return try stage.perform(keys.count, round, expected: keys.count * stage.inputs.valueSize) {
      try $0.get(keys[$1], into: $2) ?? 0
    }
  }

  static let getMany = Workload(
    name: "get-many", summary: "random keys that are there, 32 in a call; per key", needs: .many, isByKey: false
  ) { stage, round in
    let inputs = stage.inputs
    let group = min(32, inputs.count)
    let keys = inputs.random(round: round.number, count: inputs.operations(round) / group * group)
    return try stage.perform(keys.count / group, round, keysPerOperation: group, expected: keys.count) {
      try $0.getMany(keys, $1 * group..<($1 + 1) * group, into: $2)
    }
  }

  static let scan = Workload(
    name: "scan", summary: "every entry of the store, once; per entry", needs: .scan, isByKey: false
  ) { stage, _ in
    let count = stage.inputs.count + stage.inserted
    let round = Round(number: 0, threads: 1)
    return try stage.perform(1, round, keysPerOperation: count, expected: count) { session, _, target in
      try session.scan(into: target)
    }
  }

  static let getCold = Workload(
    name: "get-cold", summary: "random keys that are there; nothing of the store is in the page cache before",
    isWarm: false
  ) { stage, round in
    try stage.close()
    stage.dropFromPageCache()
    let keys = stage.inputs.random(round: round.number, count: min(5000, stage.inputs.count))
    return try stage.perform(keys.count, round, expected: keys.count * stage.inputs.valueSize) {
      try $0.get(keys[$1], into: $2) ?? 0
    }
  }
}
