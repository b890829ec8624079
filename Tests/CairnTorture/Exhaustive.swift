internal import Cairn
internal import CairnTestSupport
internal import Synchronization

/// Small scripts, of which everything is tried: each crash point, and there each combination of what the disk may have
/// got of what was not synced.
///
/// A script is played on a store that has something in it already, in a segment before the last one and in the last.
/// The store has no threads; what they would do is done after each step, so that a script is the same every time.
package struct Exhaustive {
  /// So many pages, sizes and names in doubt are tried in all combinations; of more, so many images at random.
  private static let doubtsMax = 12
  private static let imagesAtRandom = 256

  private let random: SeededRandom
  private let script: Script
  private let clock = ManualClock()
  private let replay: String
  private var history = History()
  private var number = 0
  private var totals = Totals()

  package init(_ script: Script, seed: UInt64) {
    self.script = script
    random = SeededRandom(seed: seed)
    replay = "cairn-torture --seed \(seed) --script \"\(script)\""
  }

  private func options(_ clock: ManualClock) -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.checkpointInterval = 1 << 30
    options.compaction.isAutomatic = false
    options.clock = clock
    options.hasThreads = false
    let numbers = Mutex(random)
    options.randomNumber = { numbers.withLock { $0.next() } }
    return options
  }

  /// - Throws: ``Finding``.
  package mutating func run() throws -> Totals {
    let disk = SimulatedDisk()
    let moments = Moments(disk, Promise(), clock)
    let store = try Store.open(at: "store", options: options(clock), on: disk)
    for step in [.put, .batch, .rotate, .put] as [Script.Step] { try play(step, store, moments) }
    try play(.sync, store, moments)
    let start = moments.count
    for step in script.steps { try play(step, store, moments) }
    try store.close()
    let last = store.lastSequence
    moments.promise.withLock { $0 = Promise(byProcess: last, onDisk: last) }
    totals.scripts += 1
    for (number, moment) in moments.taken(since: start, disk).enumerated() { try check(moment, number) }
    return totals
  }

  /// Records of some size, so that each lies in pages of its own and in one that it shares.
  private mutating func value() -> [UInt8] {
    number += 1
    return Array("value \(number) ".utf8) + [UInt8](repeating: UInt8(number), count: 2600)
  }

  private mutating func play(_ step: Script.Step, _ store: Store, _ moments: Moments) throws {
    var model = history.current
    var durability = Store.Durability.process
    switch step {
    case .put:
      let value = value()
      model.put(value, for: Array("a".utf8))
      history.note(model, endsCommit: true)
      try store.put(value, for: "a")
    case .delete:
      guard model.entries[Array("a".utf8)] != nil else { return }
      model.remove(Array("a".utf8))
      history.note(model, endsCommit: true)
      try store.remove("a")
    case .batch:
      let values = [value(), value()]
      let keys = ["b", "c"].map { Array($0.utf8) }
      for (key, value) in zip(keys, values) {
        model.put(value, for: key)
        history.note(model, endsCommit: key == keys[1])
      }
      try store.write { batch in for (key, value) in zip(keys, values) { try batch.put(value, for: key) } }
    case .expire:
      let value = value()
      let deadline = clock.wallMilliseconds() + 1000
      model.put(value, for: Array("b".utf8), deadline: deadline)
      history.note(model, endsCommit: true)
      try store.put(value, for: "b", expires: .at(milliseconds: deadline))
      moments.promise.withLock { $0.make(model.sequence, .process) }
      clock.advance(2000)
    case .sync:
      try store.sync()
      durability = .disk
    case .rotate: try store.beginSegment()
    case .checkpoint: try store.writeCheckpoint()
    case .compact: try store.compact()
    }
    store.runBackground()
    history.noteMoves(upTo: store.lastSequence)
    if durability == .disk {
      // What has been moved since is not synced.
      moments.promise.withLock { $0 = Promise(byProcess: model.sequence, onDisk: model.sequence) }
    } else {
      moments.promise.withLock { $0.make(model.sequence, durability) }
    }
  }

  private mutating func check(_ moment: Moment, _ number: Int) throws {
    totals.crashPoints += 1
    try check(moment.content, moment.promise.byProcess, moment.wall, "killed at \(number)")
    var random = random
    let images =
      moment.content.everyImage(doubtsAtMost: Self.doubtsMax)
      ?? (0..<Self.imagesAtRandom).map { _ in moment.content.afterPowerFailure(&random) }
    for (image, content) in images.enumerated() {
      try check(content, moment.promise.onDisk, moment.wall, "power failure at \(number), image \(image)")
    }
  }

  private mutating func check(
    _ content: SimulatedDisk.Content, _ promised: UInt64, _ wall: Int64, _ place: String
  ) throws {
    totals.images += 1
    let clock = ManualClock(wall: wall)
    do {
      let store = try Store.open(at: "store", options: options(clock), on: SimulatedDisk(content))
      if let objection = try history.objection(to: store, atLeast: promised, at: wall) {
        throw Finding("\(script): \(place): \(objection)", replay: replay)
      }
      try store.close()
    } catch let error as StoreError {
      throw Finding("\(script): \(place): \(error)", replay: replay)
    }
  }
}
