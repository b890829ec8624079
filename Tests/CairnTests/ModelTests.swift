import Cairn
import CairnTestSupport
import Testing

/// Goal: whatever is done to a store, in whatever order, it holds what a dictionary would.
/// Method: random operations on both, with reopening, copies taken in the middle (what a killed process leaves) and
/// lost or stale checkpoints and compactions among them; everything the store can tell is compared.
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
  /// What somebody has who follows the changes, and how far that is.
  var mirror = Model()
  /// Whether the store has ever been compacted, which takes sequences, and space for versions.
  var isCompacted = false
  /// Whether it may have been opened with a checkpoint in the middle of which something was replaced by what has been
  /// compacted since: bytes of that are taken off twice.
  var isUndercounted = false
  var path: String

  init(seed: UInt64) throws {
    random = SeededRandom(seed: seed)
    path = directory.path("store")
    options.clock = clock
    // In the larger ones a session goes on in the segment of the last.
    options.segmentBytes = [64 << 10, 256 << 10][random.below(2)]
    options.compaction.isAutomatic = false
    options.durability = random.percent(50) ? .process : .relaxed
    options.checkpointInterval = [nil, 0, 10_000, 100_000][random.below(4)]
    options.compression = [.none, .zstd(level: 1, dictionary: .none), .zstd(level: 1)][random.below(3)]
    store = try Store.open(at: path, options: options)
  }

  private mutating func key() -> [UInt8] {
    // Skewed: some keys are used again and again.
    let number = random.percent(60) ? random.below(20) : random.below(2000)
    let length = number % 7 == 0 ? 1 + number % 90 : 8
    return (0..<length).map { UInt8(truncatingIfNeeded: number >> ($0 % 2 * 8) ^ $0 / 2) }
  }

  private mutating func value() -> [UInt8] {
    if options.compression != .none && random.percent(70) {
      return SmallRecords.make(random.below(1000), kind: random.below(2))
    }
    let length = random.percent(2) ? random.below(90_000) : random.percent(20) ? 0 : random.below(300)
    return random.bytes(length)
  }

  private var comment: Comment { "seed \(random.seed), sequence \(model.sequence)" }

  mutating func step() throws {
    let key = key()
    let now = clock.wallMilliseconds()
    let live = model.entries[key].flatMap { $0.deadline.map { $0 > now } ?? true ? $0 : nil }
    switch random.below(108) {
    case 0..<34:
      let value = value()
      model.put(value, for: key)
      #expect(try store.put(value, for: key) == model.sequence, comment)
    case 34..<40:
      let (value, attributes) = (value(), random.attributes())
      model.put(value, for: key, attributes: attributes)
      #expect(try store.put(value, for: key, attributes: attributes) == model.sequence, comment)
    case 40..<46:
      let value = value()
      // Whole seconds: so precisely compaction knows what has expired.
      let seconds = now / 1000 + Int64(random.below(4))
      let life = seconds * 1000 - now
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
    case 98..<100: try compact()
    case 100: try follow()
    case 101: try store.trainDictionary()
    case 102: try recompress()
    case 103..<106:
      // As a rule some keys, now and then all.
      let prefix = Array(key.prefix(random.below(10) / 4))
      if prefix.isEmpty && random.percent(60) { return }
      model.invalidate(prefix)
      #expect(try store.invalidate(prefix: prefix) == model.sequence, comment)
      try compare(key)
    default: try store.sync()
    }
  }

  private mutating func compact() throws {
    try store.compact()
    model.entries = model.live(at: clock.wallMilliseconds())
    model.sequence = store.lastSequence
    isCompacted = true
    try compareAll()
    // Nothing is left to do.
    let statistics = store.statistics
    try store.compact()
    #expect(store.statistics.deadBytes <= statistics.deadBytes, comment)
    model.sequence = store.lastSequence
  }

  private mutating func recompress() throws {
    // Where nothing is to be compressed, it is not.
    try store.recompress(level: options.compression == .none || random.percent(50) ? nil : 2)
    model.entries = model.live(at: clock.wallMilliseconds())
    model.sequence = store.lastSequence
    isCompacted = true
    // All has been written anew.
    isUndercounted = false
    try compareAll()
  }

  /// Brings the mirror up to date by what has changed.
  private mutating func follow() throws {
    let news = Result { () throws(StoreError) in try changes(since: mirror.sequence) }
    switch news {
    case .success(let changes):
      for change in changes {
        #expect(change.sequence > mirror.sequence, comment)
        mirror.sequence = change.sequence - 1
        mirror.apply(change)
      }
    case .failure(let error):
      #expect(isCompacted && error.code == .historyGone, comment)
      mirror.entries = try store.contents()
    }
    mirror.sequence = store.lastSequence
    let now = clock.wallMilliseconds()
    #expect(mirror.live(at: now) == model.live(at: now), comment)
  }

  private func changes(since sequence: UInt64) throws(StoreError) -> [Change] {
    var cursor = try store.changes(since: sequence)
    var changes: [Change] = []
    while let change = try cursor.next() { changes.append(change) }
    return changes
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
          let (value, attributes) = (value(), random.percent(20) ? random.attributes() : [:])
          changed.put(value, for: key, attributes: attributes)
          try batch.put(value, for: key, attributes: attributes)
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
    #expect(try store.attributes(of: key) == expected?.attributes, comment)
  }

  func compareAll() throws { try compareAll(store, model) }

  private func compareAll(_ store: Store, _ model: Model) throws {
    let expected = model.live(at: clock.wallMilliseconds())
    #expect(try store.contents() == expected, comment)
    #expect(store.lastSequence == model.sequence, comment)
    let keys = Array(model.entries.keys)
    #expect(try store.values(for: keys) == keys.map { expected[$0]?.value }, comment)
    // Until they have been found, what is invalidated counts.
    let isExact = store.statistics.barriers == 0
    let entryCount = store.statistics.liveEntries
    #expect(isExact ? entryCount == model.entries.count : entryCount >= model.entries.count, comment)
    let recordBytes = model.entries.reduce(0) { sum, entry in
      let more = (entry.value.deadline == nil ? 0 : 8) + entry.value.attributes.itemBytes
      return sum + (32 + more + entry.key.count + entry.value.value.count + 7) & ~7
    }
    let versionBytes = isCompacted ? 8 * model.entries.count : 0
    let liveBytes = recordBytes...recordBytes + versionBytes
    if options.compression == .none && isExact {
      let found = store.statistics.liveBytes
      #expect(liveBytes.contains(found) || isUndercounted && found < liveBytes.upperBound, comment)
    }
    if isCompacted { return }
    // Replaying all changes gives the same state.
    var replayed = Model()
    var changes = try store.changes(since: 0)
    while let change = try changes.next() {
      replayed.apply(change)
      #expect(change.sequence == replayed.sequence, comment)
    }
    #expect(replayed == model, comment)
  }

  private mutating func reopen() throws {
    try store.close()
    isUndercounted = isCompacted
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
    // The next segment must not be begun in the middle of the copy.
    try store.trainDictionary()
    let copy = directory.path("copy")
    try Files.copyStore(path, to: copy)
    isUndercounted = isCompacted
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
