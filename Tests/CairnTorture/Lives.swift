internal import Cairn
internal import CairnTestSupport
internal import Synchronization

/// One store through many lives: each begins with what a crash has left of the last, does something of everything, and
/// is stopped before some call. What that leaves, or a power failure makes of it, is judged, also where the recovery
/// itself is stopped, up to three times in a row. It has no threads and looks at no clock but its own: a seed repeats
/// every byte.
package struct Lives {
  private static let recoveriesMax = 3
  /// So many crashes of each life are looked at, beside the one after which the next life begins.
  private static let crashesOfLife = 12
  /// More than are moved between two looks.
  private static let movesMax: UInt64 = 1000

  private var random: SeededRandom
  private let clock = ManualClock()
  private var history = History()
  private var content = SimulatedDisk.Content()
  /// What must be there when the store is opened next, and what if the power fails before anything more is promised.
  private var promise = Promise()
  private var number = 0
  /// For whoever reads of a finding.
  private var place = "at the start"
  private var backups = 0
  package private(set) var totals = Totals()
  /// Of what the lives have left; the same for the same seed.
  package private(set) var digest: UInt64 = 0
  /// Images that had lost a commit: the oracle is worth something only if there are some.
  package private(set) var losses = 0

  package init(seed: UInt64) throws {
    random = SeededRandom(seed: seed)
    let disk = SimulatedDisk()
    _ = try disk.openDirectory("disk", creating: 0o700)
    content = disk.crashed()
  }

  private func finding(_ what: String, on disk: SimulatedDisk.Content? = nil) -> Finding {
    Finding(
      "life \(number), \(place): \(what)", replay: "cairn-torture lives \(random.seed) \(number + 1)",
      disk: disk ?? content)
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

  /// One life.
  /// - Throws: ``Finding``.
  package mutating func live() throws {
    do { try liveOn() } catch let error as StoreError { throw finding("\(error)") }
    number += 1
    totals[.lives] += 1
  }

  private mutating func liveOn() throws {
    var failure: SimulatedDisk.Failure?
    if random.percent(15) {
      failure = SimulatedDisk.Failure(call: random.below(200), isForEver: random.percent(30))
      totals[.faults] += 1
    }
    let disk = SimulatedDisk(content, failure: failure)
    let moments = Moments(disk, promise, clock)
    var recovered = 0
    do {
      try session(disk, moments, &recovered)
    } catch let error as StoreError {
      if failure == nil { throw error }
      // What was being done may be there, and what was moved.
      history.noteMoves(upTo: history.current.sequence + Self.movesMax)
    }
    let all = moments.taken(since: 0, disk)
    for _ in 0..<Self.crashesOfLife {
      var other = self
      let number = other.anyMoment(among: all.count, recovered)
      let moment = all[number]
      other.place = "after a crash before call \(number) of \(all.count)"
      let now = clock.wallMilliseconds()
      clock.setWall(moment.wall)
      try other.crash(moment)
      if random.percent(10) { other.content = other.content.withoutCheckpoint }
      try other.judge()
      if random.percent(20) { try other.judgeParanoid(moment) }
      clock.setWall(now)
      (totals, losses, random) = (other.totals, other.losses, other.random)
    }
    // Or it was closed, and the machine goes on.
    let next = random.percent(10) ? all.count - 1 : anyMoment(among: all.count, recovered)
    place = "after the crash before call \(next) of \(all.count), which is gone on from"
    try crash(all[next])
    digest = digest &* 31 &+ content.digest
  }

  /// From opening to closing.
  /// - Parameter recovered: how many calls it took to open.
  private mutating func session(_ disk: SimulatedDisk, _ moments: Moments, _ recovered: inout Int) throws {
    place = "opening"
    let store = try open(disk, promised: promise.byProcess)
    history.goOn(after: store.lastSequence)
    if let backup = try openBackup(disk), backup.lastSequence > store.lastSequence {
      // It holds what the store has lost, and must not be replaced.
      do {
        try store.backup(to: backupPath, on: disk)
        throw finding("a backup that holds more than the store was replaced")
      } catch let error as StoreError {
        if error.code != .notAStore { throw error }
      }
      backups += 1
    }
    recovered = moments.count
    if random.percent(80) {
      for _ in 0..<random.below(random.percent(20) ? 100 : 30) { try act(store, disk, moments) }
    }
    store.runBackground()
    history.noteMoves(upTo: store.lastSequence)
    try store.close()
    moments.promise.withLock { $0 = Promise(byProcess: store.lastSequence, onDisk: store.lastSequence) }
  }

  /// Any call, more often one of the recovery.
  private mutating func anyMoment(among count: Int, _ recovered: Int) -> Int {
    random.percent(30) ? random.below(min(recovered + 1, count)) : random.below(count)
  }

  /// Opens what a crash has left, and judges it.
  private mutating func open(_ disk: SimulatedDisk, promised: UInt64) throws -> Store {
    totals[.images] += 1
    let store = try Store.open(at: "disk/store", options: options(), on: disk)
    if let objection = try history.objection(to: store, atLeast: promised, at: clock.wallMilliseconds()) {
      throw finding(objection)
    }
    if store.lastSequence < history.current.sequence { losses += 1 }
    return store
  }

  private mutating func judge() throws { try open(SimulatedDisk(content), promised: promise.byProcess).close() }

  /// Of a file system that promises nothing, less can be asked: no value that was not put under its key. What a rotten
  /// page at the end of the log has held is lost, as what was torn there is.
  private mutating func judgeParanoid(_ moment: Moment) throws {
    totals[.paranoid] += 1
    let image = moment.content.afterPowerFailure(&random, isParanoid: true)
    do {
      let store = try Store.open(at: "disk/store", options: options(), on: SimulatedDisk(image))
      let contradiction = try history.contradiction(in: store)
      if let contradiction { throw finding("paranoid: \(contradiction)", on: image) }
      try store.close()
    } catch is StoreError {
      return
    }
  }

  /// What a crash at this moment leaves is what the next life begins with.
  private mutating func crash(_ moment: Moment) throws {
    totals[.crashPoints] += 1
    (content, promise) = (moment.content, moment.promise)
    for _ in 0..<Self.recoveriesMax {
      failPower()
      if random.percent(60) { return }
      // The recovery is stopped as well.
      let disk = SimulatedDisk(content)
      let moments = Moments(disk, promise, clock)
      try open(disk, promised: promise.byProcess).close()
      let all = moments.taken(since: 0, disk)
      totals[.crashPoints] += 1
      content = all[random.below(all.count)].content
    }
    failPower()
  }

  private mutating func failPower() {
    guard random.percent(60) else { return }
    content = content.afterPowerFailure(&random)
    promise.byProcess = promise.onDisk
  }

  // MARK: What is done

  private mutating func act(_ store: Store, _ disk: SimulatedDisk, _ moments: Moments) throws {
    let durability: Store.Durability = [.relaxed, .process, .process, .disk][random.below(4)]
    var model = history.current
    var promised: Store.Durability?
    let action = random.below(100)
    place = "in action \(action)"
    switch action {
    case 0..<10:
      guard let key = model.live(at: clock.wallMilliseconds()).keys.min(by: { $0.lexicographicallyPrecedes($1) })
      else { return }
      model.remove(key)
      history.note(model, endsCommit: true)
      try store.remove(key, durability: durability)
      promised = durability
    case 10..<20:
      let entries = (0...random.below(4)).map { _ in (key: newKey(), value: newValue()) }
      for (number, entry) in entries.enumerated() {
        model.put(entry.value, for: entry.key)
        history.note(model, endsCommit: number == entries.count - 1)
      }
      try store.write(durability: durability) { batch in
        for (key, value) in entries { try batch.put(value, for: key) }
      }
      promised = durability
    case 20..<28:
      let (key, value) = (newKey(), newValue())
      let deadline = clock.wallMilliseconds() + Int64(random.below(3000))
      model.put(value, for: key, deadline: deadline)
      history.note(model, endsCommit: true)
      try store.put(value, for: key, expires: .at(milliseconds: deadline), durability: durability)
      promised = durability
    case 28..<33:
      try store.sync()
      promised = .disk
    case 33..<37: clock.advance(Int64(random.below(2000)))
    case 37..<40: try store.beginSegment()
    case 40..<43: try store.writeCheckpoint()
    case 43..<46: try store.compact()
    case 46: try store.trainDictionary()
    case 47: try store.recompress()
    case 48: try backUp(store, disk)
    case 49: try freeze(store, disk)
    case 50..<52: try readSnapshot(store)
    default:
      let (key, value) = (newKey(), newValue())
      model.put(value, for: key)
      history.note(model, endsCommit: true)
      try store.put(value, for: key, durability: durability)
      promised = durability
    }
    if let promised { moments.promise.withLock { $0.make(model.sequence, promised) } }
    if random.percent(70) { store.runBackground() }
    history.noteMoves(upTo: store.lastSequence)
  }

  private func backUp(_ store: Store, _ disk: SimulatedDisk) throws {
    try store.backup(to: backupPath, on: disk)
    guard let backup = try openBackup(disk) else { throw finding("the backup is not there") }
    let objection = try history.objection(to: backup, atLeast: store.lastSequence, at: clock.wallMilliseconds())
    if let objection { throw finding("backup: \(objection)") }
    try backup.close()
  }

  private var backupPath: String { "disk/backup-\(backups)" }

  /// `nil`: there is none.
  private func openBackup(_ disk: SimulatedDisk) throws -> Store? {
    var options = Store.Options(.readOnly)
    options.clock = clock
    do { return try Store.open(at: backupPath, options: options, on: disk) } catch {
      if error.code == .notFound { return nil }
      throw finding("backup: \(error)")
    }
  }

  private func freeze(_ store: Store, _ disk: SimulatedDisk) throws {
    try store.freeze(to: "disk/frozen", on: disk)
    let frozen = try FrozenStore.open("disk/frozen", clock: clock, on: disk)
    let expected = history.current.live(at: clock.wallMilliseconds())
    for (key, entry) in expected {
      let found = try frozen.value(for: key)
      if found != entry.value { throw finding("frozen: \(String(decoding: key, as: UTF8.self)) is wrong") }
    }
    if frozen.count != expected.count { throw finding("frozen: \(frozen.count) entries of \(expected.count)") }
  }

  /// A snapshot shows what was there when it was taken, whatever is done meanwhile.
  private mutating func readSnapshot(_ store: Store) throws {
    let snapshot = try store.snapshot()
    let expected = history.current
    for _ in 0..<3 {
      var model = history.current
      let (key, value) = (newKey(), newValue())
      model.put(value, for: key)
      history.note(model, endsCommit: true)
      try store.put(value, for: key, durability: .relaxed)
    }
    if random.percent(30) { try store.compact() }
    let now = clock.wallMilliseconds()
    for (key, entry) in expected.live(at: now) {
      let found = try snapshot.value(for: key)
      if found != entry.value { throw finding("snapshot: \(String(decoding: key, as: UTF8.self)) is wrong") }
    }
  }

  private mutating func newKey() -> [UInt8] { Array("key-\(random.below(40))".utf8) }

  private mutating func newValue() -> [UInt8] {
    switch random.below(20) {
    case 0: random.bytes(random.below(30_000))
    case 1..<8: SmallRecords.make(random.below(1000))
    default: random.bytes(random.below(600))
    }
  }
}
