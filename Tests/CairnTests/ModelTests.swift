import Cairn
import CairnTestSupport
import Testing

/// Goal: whatever is done to a store, in whatever order, it holds what a dictionary would.
/// Method: random operations on both, with reopening, copies taken in the middle (what a killed process leaves) and
/// lost or stale checkpoints among them; everything the store can tell is compared.
@Suite(.serialized)
struct ModelTests {
  @Test(arguments: SeededRandom.seeds(12))
  func randomOperations(seed: UInt64) throws {
    var run = try ModelRun(seed: seed)
    for _ in 0..<1500 { try run.step() }
    try run.compareAll()
    try run.store.close()
    let leaks = try Files.leaks(below: run.directory.path)
    #expect(leaks.isEmpty, "seed \(seed): \(leaks)")
  }
}

private struct ModelRun {
  let directory = TemporaryDirectory()
  let clock = ManualClock()
  var random: SeededRandom
  var options = Store.Options()
  var store: Store
  var model = Model()
  var staleCheckpoint: [UInt8]?
  var path: String

  init(seed: UInt64) throws {
    random = SeededRandom(seed: seed)
    path = directory.path("store")
    options.clock = clock
    // In the larger ones a session goes on in the segment of the last.
    options.segmentBytes = [64 << 10, 256 << 10][random.below(2)]
    options.durability = random.percent(50) ? .process : .relaxed
    options.checkpointInterval = [nil, 0, 10_000, 100_000][random.below(4)]
    store = try Store.open(at: path, options: options)
  }

  private mutating func key() -> [UInt8] {
    // Skewed: some keys are used again and again.
    let number = random.percent(60) ? random.below(20) : random.below(2000)
    let length = number % 7 == 0 ? 1 + number % 90 : 8
    return (0..<length).map { UInt8(truncatingIfNeeded: number >> ($0 % 2 * 8) ^ $0 / 2) }
  }

  private mutating func value() -> [UInt8] {
    let length = random.percent(2) ? random.below(90_000) : random.percent(20) ? 0 : random.below(300)
    return random.bytes(length)
  }

  private var comment: Comment { "seed \(random.seed), sequence \(model.sequence)" }

  mutating func step() throws {
    let key = key()
    let now = clock.wallMilliseconds()
    let live = model.entries[key].flatMap { $0.deadline.map { $0 > now } ?? true ? $0 : nil }
    switch random.below(100) {
    case 0..<40:
      let value = value()
      model.put(value, for: key)
      #expect(try store.put(value, for: key) == model.sequence, comment)
    case 40..<46:
      let value = value()
      let life = Int64(random.below(2000)) - 100
      model.put(value, for: key, deadline: now + life)
      let expiry: Store.Expiry = random.percent(50) ? .at(milliseconds: now + life) : .after(.milliseconds(life))
      #expect(try store.put(value, for: key, expires: expiry) == model.sequence, comment)
    case 46..<58:
      if model.entries[key] != nil { model.remove(key) }
      #expect(try store.remove(key) == (live != nil), comment)
    case 58..<63:
      let value = value()
      let version = try store.putIfAbsent(value, for: key)
      if live == nil { model.put(value, for: key) }
      #expect(version == (live == nil ? model.sequence : nil), comment)
    case 63..<68:
      let value = value()
      let expected = random.percent(70) ? live?.version ?? 1 : model.sequence
      let version = try store.put(value, for: key, ifVersion: expected)
      let isMatch = live?.version == expected
      if isMatch { model.put(value, for: key) }
      #expect(version == (isMatch ? model.sequence : nil), comment)
    case 68..<72: try batch()
    case 72..<88: try compare(key)
    case 88..<92: clock.advance(Int64(random.below(500)))
    case 92..<93: try compareAll()
    case 93..<95: try reopen()
    case 95..<97: try openCopy()
    case 97: staleCheckpoint = try? Files.read(path + "/index.checkpoint")
    default: try store.sync()
    }
  }

  private mutating func batch() throws {
    var changed = model
    let count = random.below(40)
    try store.write { batch in
      for _ in 0..<count {
        let key = key()
        if random.percent(25) {
          changed.remove(key)
          try batch.remove(key)
        } else {
          let value = value()
          changed.put(value, for: key)
          try batch.put(value, for: key)
        }
      }
    }
    model = changed
  }

  private func compare(_ key: [UInt8]) throws {
    let expected = model.live(at: clock.wallMilliseconds())[key]
    #expect(try store.value(for: key) == expected?.value, comment)
    #expect(try store.contains(key) == (expected != nil), comment)
    #expect(try store.version(of: key) == expected?.version, comment)
  }

  func compareAll() throws { try compareAll(store, model) }

  private func compareAll(_ store: Store, _ model: Model) throws {
    let expected = model.live(at: clock.wallMilliseconds())
    #expect(try store.contents() == expected, comment)
    #expect(store.lastSequence == model.sequence, comment)
    let keys = Array(model.entries.keys)
    #expect(try store.values(for: keys) == keys.map { expected[$0]?.value }, comment)
    #expect(store.statistics.liveEntries == model.entries.count, comment)
    // Replaying all changes gives the same state.
    var replayed = Model()
    var changes = try store.changes(since: 0)
    while let change = try changes.next() {
      if change.kind == .put {
        replayed.put(change.value, for: change.key, deadline: change.deadline)
      } else {
        replayed.remove(change.key)
      }
      #expect(change.sequence == replayed.sequence, comment)
    }
    #expect(replayed == model, comment)
    let recordBytes = model.entries.reduce(0) { sum, entry in
      sum + (32 + (entry.value.deadline == nil ? 0 : 8) + entry.key.count + entry.value.value.count + 7) & ~7
    }
    #expect(store.statistics.liveBytes == recordBytes, comment)
  }

  private mutating func reopen() throws {
    try store.close()
    if random.percent(20) { Files.remove(path + "/index.checkpoint") }
    if random.percent(20), let staleCheckpoint { try Files.write(staleCheckpoint, to: path + "/index.checkpoint") }
    if random.percent(30) {
      let reader = try Store.open(at: path, options: readOnly)
      try compareAll(reader, model)
      try reader.close()
    }
    store = try Store.open(at: path, options: options)
    try compareAll()
  }

  /// What a killed process leaves: the files as they are.
  private mutating func openCopy() throws {
    // What is relaxed may not be in the files yet.
    if options.durability == .relaxed { try store.sync() }
    let copy = directory.path("copy")
    try Files.copyStore(path, to: copy)
    if random.percent(30) { Files.remove(copy + "/index.checkpoint") }
    if random.percent(40) {
      let reader = try Store.open(at: copy, options: readOnly)
      try compareAll(reader, model)
      try reader.close()
    }
    var crashed = options
    crashed.access = .mustExist
    let reopened = try Store.open(at: copy, options: crashed)
    try compareAll(reopened, model)
    if random.percent(50) {
      // Life goes on in the recovered store.
      try store.close()
      store = reopened
      Files.remove(path)
      path = directory.path("moved-\(model.sequence)")
      try reopened.close()
      try Files.copyTree(copy, to: path)
      store = try Store.open(at: path, options: options)
      try compareAll()
    } else {
      try reopened.close()
    }
  }

  private var readOnly: Store.Options {
    var options = options
    options.access = .readOnly
    return options
  }
}
