internal import Cairn
internal import CairnTestSupport
internal import Synchronization

/// Small scripts, of which everything is tried: each crash point, and there each combination of what the disk may have
/// got of what was not synced, with one page torn into its sectors in every way.
///
/// A script is played on a store that has something in it already, in a segment before the last one and in the last.
/// The store has no threads; what they would do is done after each step, so that a script is the same every time. Of a
/// script only the last step is looked at, and the close behind it: what comes before is another script.
package struct Exhaustive {
  /// So many pages, sizes and names in doubt are tried in all combinations; of more, so many images at random.
  private static let doubtsMax = 12
  private static let imagesAtRandom = 256
  /// Scripts up to this length have pages torn as well.
  private static let tornLength = 2

  private var random: SeededRandom
  private let script: Script
  private let clock = ManualClock()
  private var history = History()
  private var number = 0
  private var judged: Set<Judged> = []
  private var totals = Totals()

  /// An image, what was promised of it, and when it was opened.
  private struct Judged: Hashable {
    let digest: UInt64
    let promised: UInt64
    let wall: Int64
  }

  package init(_ script: Script, seed: UInt64) {
    self.script = script
    random = SeededRandom(seed: seed)
  }

  private func options(_ clock: ManualClock) -> Store.Options {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.checkpointInterval = 1 << 30
    options.compaction.isAutomatic = false
    options.clock = clock
    options.hasThreads = false
    let numbers = Mutex(SeededRandom(seed: random.seed))
    options.randomNumber = { numbers.withLock { $0.next() } }
    return options
  }

  private func finding(_ what: String, on disk: SimulatedDisk.Content? = nil) -> Finding {
    Finding("\(script): \(what)", replay: "cairn-torture script \(random.seed) \"\(script)\"", disk: disk)
  }

  /// - Throws: ``Finding``.
  package mutating func run() throws -> Totals {
    do { try play() } catch let error as StoreError { throw finding("\(error)") }
    totals[.scripts] += 1
    return totals
  }

  private mutating func play() throws {
    let disk = SimulatedDisk()
    let moments = Moments(disk, Promise(), clock)
    let store = try Store.open(at: "store", options: options(clock), on: disk)
    var start = 0
    for step in [.put, .batch, .rotate, .put, .sync] as [Script.Step] { try play(step, store, moments) }
    for step in script.steps {
      start = moments.count
      try play(step, store, moments)
    }
    try store.close()
    let last = store.lastSequence
    moments.promise.withLock { $0.keep(last) }
    for (number, moment) in moments.taken(since: start, disk).enumerated() {
      try judge(moment, "crash point \(number)")
    }
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
    case .invalidate:
      model.invalidate([])
      history.note(model, endsCommit: true)
      try store.invalidateAll()
    case .sync:
      try store.sync()
      durability = .disk
    case .rotate: try store.beginSegment()
    case .checkpoint: try store.writeCheckpoint()
    case .compact: try store.compact()
    }
    moments.promise.withLock { $0.make(model.sequence, durability) }
    store.runBackground()
    history.noteMoves(upTo: store.lastSequence)
  }

  private mutating func judge(_ moment: Moment, _ place: String) throws {
    totals[.crashPoints] += 1
    try judge(moment.content, moment.promise.byProcess, moment.wall, "killed at \(place)")
    let content = moment.content
    let doubts = content.doubts
    if doubts.count <= Self.doubtsMax {
      for subset in 0..<1 << doubts.count {
        let reached = Set(doubts.indices.filter { subset >> $0 & 1 == 1 }.map { doubts[$0] })
        try judge(content.image(with: reached), moment.promise.onDisk, moment.wall, "power failure at \(place)")
      }
    } else {
      for _ in 0..<Self.imagesAtRandom {
        let image = content.afterPowerFailure(&random)
        try judge(image, moment.promise.onDisk, moment.wall, "power failure at \(place)")
      }
    }
    let pages = doubts.filter(\.isPage)
    guard script.steps.count <= Self.tornLength, !pages.isEmpty else { return }
    for image in content.everyTear(of: pages[random.below(pages.count)]) {
      try judge(image, moment.promise.onDisk, moment.wall, "power failure at \(place), a page torn")
    }
  }

  private mutating func judge(
    _ content: SimulatedDisk.Content, _ promised: UInt64, _ wall: Int64, _ place: String
  ) throws {
    let isNew = judged.insert(Judged(digest: content.digest, promised: promised, wall: wall)).inserted
    if !isNew { return }
    totals[.images] += 1
    do {
      let store = try Store.open(at: "store", options: options(ManualClock(wall: wall)), on: SimulatedDisk(content))
      if let objection = try history.objection(to: store, atLeast: promised, at: wall) {
        throw finding("\(place): \(objection)", on: content)
      }
      try store.close()
    } catch let error as StoreError {
      throw finding("\(place): \(error)", on: content)
    }
  }
}
