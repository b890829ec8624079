import CairnTestSupport
import CairnTorture
import Synchronization
import Testing

@testable import Cairn

/// F1-WRT-001, F1-WRT-005.
/// Goal: whenever the process is killed or the power fails, and whatever the disk keeps of what was not synced: the
/// store opens, holds a state that it went through, with everything that was acknowledged as durable in it, batches
/// whole; and that is still so when the recovery itself is interrupted, over and over.
/// Method: the engine runs on a simulated disk; a random script of commits is stopped before a random call; the state
/// it left, or one that a power failure could make of it, is where the next session begins.
@Suite struct PowerFailureTests {
  #if DEBUG
    private static let lives = 40
  #else
    private static let lives = 250
  #endif

  @Test(arguments: SeededRandom.seeds(8)) func killsAndPowerFailures(seed: UInt64) throws {
    var history = History(seed: seed)
    for life in 0..<Self.lives {
      guard try history.live(life) else { return }
    }
    // The test is worth something only if much was lost, and nothing that had been promised.
    #expect(history.powerFailures > Self.lives / 4, "seed \(seed)")
    #expect(history.lostCommits > 0, "seed \(seed)")
  }

  /// F1-WRT-002, F1-WRT-004.
  /// Goal: what a session after a crash writes does not speak against what the crash has left.
  /// Method: a session is killed; the next one syncs the older segments, as a checkpoint does in the background, goes
  /// on writing, and the power fails. Nothing of it was promised to be on the disk: the store opens.
  @Test func powerFailureAfterACrash() throws {
    for seed in SeededRandom.seeds(40) {
      var random = SeededRandom(seed: seed)
      var options = Store.Options()
      options.segmentBytes = 64 << 10
      let first = SimulatedDisk()
      let killed = Store(engine: try Engine.open("store", options, first))
      try killed.put("value", for: "key")
      let second = SimulatedDisk(first.crashed())
      try killed.close()
      let store = Store(engine: try Engine.open("store", options, second))
      try store.engine.syncSealed()
      for number in 0..<60 { try store.put([UInt8](repeating: 7, count: 200), for: "\(number)") }
      let content = second.crashed().afterPowerFailure(&random)
      try store.close()
      let opened = Result { () throws(StoreError) in try Engine.open("store", options, SimulatedDisk(content)) }
      switch opened {
      case .success(let engine): try engine.close()
      case .failure(let error): Issue.record("seed \(seed): \(error)")
      }
    }
  }
}

/// What was done to one store, over all its sessions.
private struct History {
  private var random: SeededRandom
  private var content = SimulatedDisk.Content()
  /// The content after each operation, by sequence, and the sequences at which a commit ended.
  private var states: [Model] = [Model()]
  private var commits: Set<UInt64> = [0]
  /// What must be there when the store is opened next, and what if the power fails before anything else is promised.
  private var promised: UInt64 = 0
  private var promisedOnDisk: UInt64 = 0
  private var ending = "new"
  private(set) var powerFailures = 0
  private(set) var lostCommits = 0

  init(seed: UInt64) { random = SeededRandom(seed: seed) }

  /// What has been acknowledged, as the crash finds it.
  private final class Acknowledged: Sendable {
    let byProcess = Atomic<UInt64>(0)
    let onDisk = Atomic<UInt64>(0)
    private let atCrash = Mutex<(process: UInt64, disk: UInt64)?>(nil)

    func keep() { atCrash.withLock { $0 = current } }

    private var current: (process: UInt64, disk: UInt64) {
      (byProcess.load(ordering: .acquiring), onDisk.load(ordering: .acquiring))
    }

    var kept: (process: UInt64, disk: UInt64) { atCrash.withLock { $0 } ?? current }
  }

  /// One session, from opening to its end. Returns whether all was well.
  mutating func live(_ life: Int) throws -> Bool {
    let acknowledged = Acknowledged()
    acknowledged.byProcess.store(promised, ordering: .releasing)
    acknowledged.onDisk.store(promisedOnDisk, ordering: .releasing)
    let crashAt = random.percent(30) ? random.below(12) : random.below(150)
    let disk = SimulatedDisk(content, crashAt: crashAt) { acknowledged.keep() }
    var options = Store.Options()
    // In the larger ones a session goes on in the segment of the last.
    options.segmentBytes = [64 << 10, 256 << 10][random.below(2)]
    options.checkpointInterval = [nil, 0, 5_000, 60_000][random.below(4)]
    options.durability = random.percent(50) ? .process : .relaxed
    options.compaction.isAutomatic = false
    let comment: Comment = "seed \(random.seed), session \(life)"
    let store: Store
    do {
      store = Store(engine: try Engine.open("store", options, disk))
    } catch {
      Issue.record("\(comment): \(error)")
      return false
    }
    guard try check(store, comment) else { return false }
    if random.percent(80) {
      let count = random.percent(20) ? 0 : random.below(60)
      for _ in 0..<count where disk.calls <= crashAt + 3 { try commit(to: store, acknowledged) }
    }
    try store.close()
    if disk.calls <= crashAt {
      acknowledged.byProcess.store(UInt64(states.count - 1), ordering: .releasing)
      acknowledged.onDisk.store(UInt64(states.count - 1), ordering: .releasing)
    }
    content = disk.crashed()
    (promised, promisedOnDisk) = acknowledged.kept
    ending = "killed before call \(crashAt) of \(disk.calls)"
    if random.percent(60) {
      powerFailures += 1
      content = content.afterPowerFailure(&random)
      ending += ", and the power failed"
      promised = promisedOnDisk
    }
    return true
  }

  private mutating func check(_ store: Store, _ comment: Comment) throws -> Bool {
    let sequence = store.lastSequence
    let isLegal = sequence >= promised && sequence < states.count && commits.contains(sequence)
    #expect(isLegal, "\(comment): at \(sequence) of \(states.count - 1), promised \(promised), \(ending)")
    guard isLegal else { return false }
    if Int(sequence) < states.count - 1 { lostCommits += 1 }
    states.removeLast(states.count - 1 - Int(sequence))
    commits = commits.filter { $0 <= sequence }
    let isRight = try store.contents() == states[Int(sequence)].entries
    #expect(isRight, comment)
    return isRight
  }

  private mutating func commit(to store: Store, _ acknowledged: Acknowledged) throws {
    let durability: Store.Durability = [.relaxed, .process, .process, .disk][random.below(4)]
    var model = states[states.count - 1]
    switch random.below(9) {
    case 8:
      // It writes operations too, each a commit of its own; none of them changes what is there.
      if random.percent(50) { return }
      try store.compact()
      while model.sequence < store.lastSequence {
        model.sequence += 1
        note(model, isLast: true)
      }
      return
    case 0:
      guard let key = model.entries.keys.min(by: { $0.lexicographicallyPrecedes($1) }) else { return }
      model.remove(key)
      note(model, isLast: true)
      try store.remove(key, durability: durability)
    case 1:
      var entries: [(key: [UInt8], value: [UInt8])] = []
      for number in 0...random.below(4) {
        entries.append((key(), value()))
        model.put(entries[number].value, for: entries[number].key)
        note(model, isLast: false)
      }
      commits.insert(model.sequence)
      try store.write(durability: durability) { batch in
        for (key, value) in entries { try batch.put(value, for: key) }
      }
    case 2:
      try store.sync()
      acknowledged.onDisk.store(model.sequence, ordering: .releasing)
      acknowledged.byProcess.store(model.sequence, ordering: .releasing)
      return
    default:
      let (key, value) = (key(), value())
      model.put(value, for: key)
      note(model, isLast: true)
      try store.put(value, for: key, durability: durability)
    }
    if durability == .disk { acknowledged.onDisk.store(model.sequence, ordering: .releasing) }
    if durability >= .process { acknowledged.byProcess.store(model.sequence, ordering: .releasing) }
  }

  private mutating func note(_ model: Model, isLast: Bool) {
    states.append(model)
    if isLast { commits.insert(model.sequence) }
  }

  private mutating func key() -> [UInt8] { Array("key-\(random.below(40))".utf8) }

  private mutating func value() -> [UInt8] {
    random.bytes(random.percent(15) ? random.below(30_000) : random.below(600))
  }
}
