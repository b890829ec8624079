internal import Cairn
internal import CairnTestSupport
internal import Synchronization

/// One store through many lives: each begins with what a crash has left of the last, does something of everything, and
/// is stopped before some call. What that leaves, or a power failure makes of it, is checked, also where the recovery
/// itself is stopped, up to three times in a row.
package struct Lives {
  private static let recoveriesMax = 3

  private var random: SeededRandom
  private let seed: UInt64
  private let clock = ManualClock()
  private var history = History()
  private var content = SimulatedDisk.Content()
  /// What must be there when the store is opened next, and what if the power fails before anything more is promised.
  private var promise = Promise()
  private var number = 0
  /// The last backup that was done, and what it holds.
  private var backup: UInt64?
  package private(set) var totals = Totals()
  package private(set) var powerFailures = 0
  package private(set) var lostCommits = 0

  package init(seed: UInt64) throws {
    self.seed = seed
    random = SeededRandom(seed: seed)
    let disk = SimulatedDisk()
    _ = try disk.openDirectory("disk", creating: 0o700)
    content = disk.crashed()
  }

  private func finding(_ what: String) -> Finding {
    Finding("life \(number): \(what)", replay: "cairn-torture --seed \(seed) --lives \(number + 1)")
  }

  private mutating func options() -> Store.Options {
    var options = Store.Options()
    // In the larger ones a session goes on in the segment of the last.
    options.segmentBytes = [64 << 10, 128 << 10, 256 << 10][random.below(3)]
    options.checkpointInterval = [nil, 0, 5_000, 60_000][random.below(4)]
    options.durability = random.percent(50) ? .process : .relaxed
    options.compression = [.none, .zstd(dictionary: .none), .zstd()][random.below(3)]
    options.keepVersions = [0, 0, 2][random.below(3)]
    options.compaction.isAutomatic = random.percent(50)
    options.compaction.targetAmplification = random.percent(50) ? 1.1 : 1.5
    options.clock = clock
    options.hasThreads = false
    let numbers = Mutex(SeededRandom(seed: random.next()))
    options.randomNumber = { numbers.withLock { $0.next() } }
    return options
  }

  /// One life. Throws a ``Finding``.
  package mutating func live() throws {
    do { try liveOn() } catch let error as StoreError { throw finding("\(error)") }
    number += 1
    totals.lives += 1
  }

  private mutating func liveOn() throws {
    let disk = SimulatedDisk(content)
    let moments = Moments(disk, promise, clock)
    let store = try open(disk, options(), promised: promise.byProcess)
    let recovered = moments.count
    if random.percent(80) {
      for _ in 0..<random.below(random.percent(20) ? 100 : 30) { try act(store, disk, moments) }
    }
    store.runBackground()
    history.noteMoves(upTo: store.lastSequence)
    try store.close()
    moments.promise.withLock { $0 = Promise(byProcess: store.lastSequence, onDisk: store.lastSequence) }
    let all = moments.taken(since: 0, disk)
    // Somewhere, more often while the store was opened; or it was closed, and the machine goes on.
    let place = random.percent(30) ? random.below(recovered + 1) : random.below(all.count)
    totals.crashPoints += 1
    try crash(all[random.percent(10) ? all.count - 1 : place])
  }

  private mutating func open(_ disk: SimulatedDisk, _ options: Store.Options, promised: UInt64) throws -> Store {
    totals.images += 1
    let store = try Store.open(at: "disk/store", options: options, on: disk)
    if let objection = try history.objection(to: store, atLeast: promised, at: clock.wallMilliseconds()) {
      throw finding(objection)
    }
    if store.lastSequence < history.current.sequence { lostCommits += 1 }
    history.goOn(after: store.lastSequence)
    return store
  }

  /// Goes on from what a crash at this moment leaves.
  private mutating func crash(_ moment: Moment) throws {
    (content, promise) = (moment.content, moment.promise)
    var recoveries = 0
    while true {
      if random.percent(60) {
        powerFailures += 1
        content = content.afterPowerFailure(&random)
        promise.byProcess = promise.onDisk
      }
      if recoveries == Self.recoveriesMax || random.percent(60) { return }
      // The recovery is stopped as well.
      recoveries += 1
      let disk = SimulatedDisk(content)
      let moments = Moments(disk, promise, clock)
      var trial = self
      try trial.open(disk, options(), promised: promise.byProcess).close()
      (totals, lostCommits) = (trial.totals, trial.lostCommits)
      let all = moments.taken(since: 0, disk)
      totals.crashPoints += 1
      content = all[random.below(all.count)].content
    }
  }

  // MARK: What is done

  private mutating func act(_ store: Store, _ disk: SimulatedDisk, _ moments: Moments) throws {
    let durability: Store.Durability = [.relaxed, .process, .process, .disk][random.below(4)]
    var model = history.current
    var promised: Store.Durability? = durability
    switch random.below(100) {
    case 0..<10:
      guard let key = model.live(at: clock.wallMilliseconds()).keys.min(by: { $0.lexicographicallyPrecedes($1) })
      else { return }
      model.remove(key)
      history.note(model, endsCommit: true)
      try store.remove(key, durability: durability)
    case 10..<20:
      let entries = (0...random.below(4)).map { _ in (key: key(), value: value()) }
      for (number, entry) in entries.enumerated() {
        model.put(entry.value, for: entry.key)
        history.note(model, endsCommit: number == entries.count - 1)
      }
      try store.write(durability: durability) { batch in
        for (key, value) in entries { try batch.put(value, for: key) }
      }
    case 20..<28:
      let (key, value) = (key(), value())
      let deadline = clock.wallMilliseconds() + Int64(random.below(3000))
      model.put(value, for: key, deadline: deadline)
      history.note(model, endsCommit: true)
      try store.put(value, for: key, expires: .at(milliseconds: deadline), durability: durability)
    case 28..<33:
      try store.sync()
      promised = .disk
    case 33..<37:
      clock.advance(Int64(random.below(2000)))
      promised = nil
    case 37..<40:
      try store.beginSegment()
      promised = nil
    case 40..<43:
      try store.writeCheckpoint()
      promised = nil
    case 43..<46:
      try store.compact()
      promised = nil
    case 46..<47:
      try store.trainDictionary()
      promised = nil
    case 47..<48:
      try store.recompress()
      promised = nil
    case 48..<50:
      try backUp(store, disk)
      promised = nil
    default:
      let (key, value) = (key(), value())
      model.put(value, for: key)
      history.note(model, endsCommit: true)
      try store.put(value, for: key, durability: durability)
    }
    if let promised { moments.promise.withLock { $0.make(model.sequence, promised) } }
    if random.percent(70) { store.runBackground() }
    history.noteMoves(upTo: store.lastSequence)
  }

  private mutating func backUp(_ store: Store, _ disk: SimulatedDisk) throws {
    history.noteMoves(upTo: store.lastSequence)
    try store.backup(to: "disk/backup", on: disk)
    var options = Store.Options(.readOnly)
    options.clock = clock
    let backup = try Store.open(at: "disk/backup", options: options, on: disk)
    if let objection = try history.objection(
      to: backup, atLeast: store.lastSequence, at: clock.wallMilliseconds())
    {
      throw finding("backup: \(objection)")
    }
    try backup.close()
  }

  private mutating func key() -> [UInt8] { Array("key-\(random.below(40))".utf8) }

  private mutating func value() -> [UInt8] {
    switch random.below(20) {
    case 0: random.bytes(random.below(30_000))
    case 1..<8: SmallRecords.make(random.below(1000))
    default: random.bytes(random.below(600))
    }
  }
}
