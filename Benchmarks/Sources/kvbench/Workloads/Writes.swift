import BenchmarkSupport

extension Workload {
  static let writing = [fillRandom, fillSequential, put, overwrite, delete]

  static let fillRandom = Workload(
    name: "fill", summary: "a new store, keys in random order, batches of 1,000; per key", needs: .batches,
    writes: true,
    startsEmpty: true, isByKey: false
  ) { stage, round in try fill(stage, round, stage.inputs.random(round: 0, count: stage.inputs.count)) }

  static let fillSequential = Workload(
    name: "fill-seq", summary: "a new store, keys in their order, batches of 1,000; per key", needs: .batches,
    writes: true, startsEmpty: true, isByKey: false
  ) { stage, round in try fill(stage, round, stage.inputs.sorted) }

  static let put = Workload(
    name: "put", summary: "a new store, keys in random order, a commit for each", writes: true, startsEmpty: true
  ) { stage, round in
    try putEach(stage, round, stage.inputs.random(round: 0, count: stage.inputs.operations(round, most: 100_000)))
  }

  static let overwrite = Workload(
    name: "overwrite", summary: "random keys that are there, a commit for each", writes: true
  ) { stage, round in
    let inputs = stage.inputs
    return try putEach(
      stage, round, inputs.random(round: round.number, count: inputs.operations(round, most: 100_000)))
  }

  static let delete = Workload(
    name: "delete", summary: "random keys that are there, a commit for each; put back untimed", writes: true
  ) { stage, round in
    let inputs = stage.inputs
    let keys = inputs.random(round: round.number, count: inputs.operations(round, most: 100_000))
    let outcome = try stage.perform(keys.count, round) { session, number, _ in
      try session.remove(keys[number])
      return 0
    }
    try stage.checkAbsent(keys)
    try stage.put(keys, stage.sessions(1)[0])
    return outcome
  }

  private static func putEach(_ stage: Stage, _ round: Round, _ keys: Keys) throws -> Outcome {
    let (values, version) = (stage.inputs.values, round.number + 1)
    stage.isAsLoaded = false
    let outcome = try stage.perform(keys.count, round) { session, number, _ in
      let key = keys[number]
      try session.put(values.value(for: key, version: version), for: key)
      return 0
    }
    try stage.checkSome(keys, version: version)
    return outcome
  }

  private static func fill(_ stage: Stage, _ round: Round, _ keys: Keys) throws -> Outcome {
    let (values, batch, version) = (stage.inputs.values, stage.inputs.keysPerBatch, round.number + 1)
    let batches = (keys.count + batch - 1) / batch
    var outcome = try stage.perform(batches, round) { session, number, _ in
      try session.put(values, for: keys, number * batch..<min((number + 1) * batch, keys.count), version: version)
      return 0
    }
    outcome.operations = keys.count
    try stage.checkSome(keys, version: version)
    return outcome
  }
}
