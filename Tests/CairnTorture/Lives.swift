internal import Cairn
internal import CairnAttributes
internal import CairnIndex
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

  var random: SeededRandom
  let clock = ManualClock()
  var history = History()
  private var content = SimulatedDisk.Content()
  /// What must be there when the store is opened next, and what if the power fails before anything more is promised.
  var promise = Promise()
  /// The last operation before the crash that survives the end of the process, and perhaps not a power failure.
  private var acknowledged: UInt64 = 0
  var number = 0
  /// For whoever reads of a finding.
  var place = "at the start"
  var backups = 0
  /// In this session, at the place for backups.
  var isBackedUp = false
  /// What each frozen store was to hold.
  var frozen: [[[UInt8]: Model.Entry]] = []
  package internal(set) var totals = Totals()
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

  func finding(_ what: String, on disk: SimulatedDisk.Content? = nil) -> Finding {
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
    // It is kept beside each checkpoint, or when much has changed, or hardly ever.
    if random.percent(60) { options.views = [OrderedKeys(savedAfter: [0, 20, 200][random.below(3)])] }
    if random.percent(40), let indexed = try? IndexedAttributes([.range("sum", of: .integer), .tags("tags")]) {
      options.views.append(indexed)
    }
    addCollections(to: &options)
    // All that there is at once, or some of its shards, or each by itself.
    options.copiedAtOnce = [256 << 10, 1 << 10, 1][random.below(3)]
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
    if random.percent(25) {
      failure = SimulatedDisk.Failure(
        call: random.below(random.percent(50) ? 40 : 300), isForEver: random.percent(30),
        kind: SimulatedDisk.Failure.Kind.allCases[random.below(3)],
        loss: random.next() % 5)
    }
    let disk = SimulatedDisk(content, failure: failure)
    let moments = Moments(disk, promise, clock)
    var recovered = 0
    do {
      try session(disk, moments, &recovered)
    } catch let error as StoreError {
      if disk.failures == 0 || error.code == .damaged { throw error }
      // What was being done may be there, and what was moved.
      history.noteMoves(upTo: history.current.sequence + Self.movesMax)
    }
    totals[.diskFaults] += min(disk.failures, 1)
    let all = moments.taken(since: 0, disk)
    for _ in 0..<Self.crashesOfLife {
      var other = self
      let number = other.anyMoment(among: all.count, recovered)
      let moment = all[number]
      other.place = "after a crash before call \(number) of \(all.count)"
      let now = clock.wallMilliseconds()
      clock.setWall(moment.wall)
      do {
        if other.random.percent(20) { try other.judgeParanoid(moment) }
        try other.crash(moment)
        if other.random.percent(10) { other.content = other.content.withoutCheckpoint }
        try other.judge()
      } catch let error as StoreError {
        throw other.finding("\(error)")
      }
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
    isBackedUp = false
    let store = try open(disk, promised: promise.byProcess)
    // What has been found is seen by readers, and stays.
    moments.promise.withLock { $0.byProcess = store.lastSequence }
    try judgeCopies(of: store, on: disk)
    history.goOn(after: store.lastSequence)
    recovered = moments.count
    if random.percent(80) {
      for _ in 0..<random.below(random.percent(20) ? 100 : 30) {
        let before = history
        do { try act(store, disk, moments) } catch {
          try goOn(after: error, store, before, moments)
        }
      }
    }
    store.runBackground()
    history.noteMoves(upTo: store.lastSequence)
    try store.close()
    moments.promise.withLock { $0.keep(store.lastSequence) }
  }

  /// Where there was no room, nothing has happened, and the store goes on, if nothing had been begun.
  mutating func goOn(after error: any Error, _ store: Store, _ before: History, _ moments: Moments) throws {
    guard let failure = error as? StoreError, failure.code == .noSpace, (try? store.sync()) != nil else { throw error }
    history = before
    history.noteMoves(upTo: store.lastSequence)
    moments.promise.withLock { $0.keep(store.lastSequence) }
    totals[.full] += 1
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
    if store.lastSequence < acknowledged { losses += 1 }
    return store
  }

  private mutating func judge() throws {
    let disk = SimulatedDisk(content)
    let store = try open(disk, promised: promise.byProcess)
    try judgeCopies(of: store, on: disk)
    try store.close()
  }

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
      totals[.paranoidOpened] += 1
    } catch let error as StoreError {
      // A page that rots where nobody looks at the opening may be met when the segment is to be made durable, and stops
      // the writer.
      let isDamage =
        [.damaged, .notFound, .notAStore].contains(error.code)
        || error.code == .writerFailed && error.message.contains("not what was written")
      if !isDamage { throw finding("paranoid: \(error)", on: image) }
    }
  }

  /// What a crash at this moment leaves is what the next life begins with.
  private mutating func crash(_ moment: Moment) throws {
    totals[.crashPoints] += 1
    (content, promise, acknowledged) = (moment.content, moment.promise, moment.promise.byProcess)
    for _ in 0..<Self.recoveriesMax {
      failPower()
      if random.percent(60) { return }
      // The recovery is stopped as well.
      let disk = SimulatedDisk(content)
      let moments = Moments(disk, promise, clock)
      let store = try open(disk, promised: promise.byProcess)
      let (found, opened) = (store.lastSequence, moments.count)
      moments.promise.withLock { $0.byProcess = found }
      try store.close()
      moments.promise.withLock { $0.keep(found) }
      let all = moments.taken(since: 0, disk)
      totals[.crashPoints] += 1
      let place = random.below(all.count)
      (content, promise) = (all[place].content, all[place].promise)
      // What readers have not found then does not come back.
      if place >= opened { history.goOn(after: found) }
    }
    failPower()
  }

  private mutating func failPower() {
    guard random.percent(60) else { return }
    content = content.afterPowerFailure(&random)
    promise.byProcess = promise.onDisk
  }
}
