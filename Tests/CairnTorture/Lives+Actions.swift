internal import Cairn
internal import CairnIndex
internal import CairnTestSupport
internal import Synchronization

/// What is done in a life.
extension Lives {
  mutating func act(_ store: Store, _ disk: SimulatedDisk, _ moments: Moments) throws {
    let durability: Store.Durability = [.relaxed, .process, .process, .disk][random.below(4)]
    var model = history.current
    var promised: Store.Durability?
    let action = random.below(100)
    place = "in action \(action)"
    switch action {
    case 0..<10:
      guard let key = model.live(at: clock.wallMilliseconds()).keys.min(by: { $0.isBefore($1) })
      else { return }
      noteConsequences(of: [.key(key)], in: &model, store)
      model.remove(key)
      history.note(model, endsCommit: true)
      try store.remove(key, durability: durability)
      promised = durability
    case 10..<20:
      try writeBatch(to: store, &model, durability)
      promised = durability
    case 20..<28:
      let (key, value) = (newKey(), newValue())
      let deadline = clock.wallMilliseconds() + Int64(random.below(3000))
      let attributes = Attributes(telling: value)
      noteConsequences(of: [.key(key)], in: &model, store)
      model.put(value, for: key, deadline: deadline, attributes: attributes)
      history.note(model, endsCommit: true)
      try store.put(
        value, for: key, attributes: attributes, expires: .at(milliseconds: deadline), durability: durability)
      promised = durability
    case 28..<33:
      try store.sync()
      promised = .disk
    case 33..<37: clock.advance(Int64(random.below(2000)))
    case 37..<40: try store.beginSegment()
    case 40..<43: try interrupt(store, disk, moments) { try store.writeCheckpoint() }
    case 43..<46: try interrupt(store, disk, moments) { try store.compact() }
    case 46: try store.trainDictionary()
    case 47: try interrupt(store, disk, moments) { try store.recompress() }
    case 48: try backUp(store, disk, moments)
    case 49: try freeze(store, disk, moments)
    case 50..<52: try readSnapshot(store, moments)
    case 52: try keepKeys(store, moments)
    case 53..<57:
      let prefix = newPrefix()
      invalidate(prefix, in: &model, of: store)
      // Nothing is written then.
      if model.sequence == store.lastSequence { return }
      try store.invalidate(prefix: prefix, durability: durability)
      promised = durability
    case 57: try interrupt(store, disk, moments) { try store.carryOutBarriers() }
    default:
      let (key, value) = (newKey(), newValue())
      let attributes = Attributes(telling: value)
      noteConsequences(of: [.key(key)], in: &model, store)
      model.put(value, for: key, attributes: attributes)
      history.note(model, endsCommit: true)
      try store.put(value, for: key, attributes: attributes, durability: durability)
      promised = durability
    }
    if let promised { moments.promise.withLock { $0.make(model.sequence, promised) } }
    if random.percent(70) { try interrupt(store, disk, moments) { store.runBackground() } }
    history.noteMoves(upTo: store.lastSequence)
  }

  /// Puts, some of which end, and a remove at the end if there is something.
  private mutating func writeBatch(to store: Store, _ model: inout Model, _ durability: Store.Durability) throws {
    let now = clock.wallMilliseconds()
    let entries = (0...random.below(4)).map { _ in
      (key: newKey(), value: newValue(), deadline: random.percent(20) ? now + Int64(random.below(3000)) : nil)
    }
    let removed = random.percent(30) ? entries[0].key : nil
    noteConsequences(of: entries.map { .key($0.key) }, in: &model, store)
    for (number, entry) in entries.enumerated() {
      model.put(entry.value, for: entry.key, deadline: entry.deadline, attributes: Attributes(telling: entry.value))
      history.note(model, endsCommit: number == entries.count - 1 && removed == nil)
    }
    if let removed {
      model.remove(removed)
      history.note(model, endsCommit: true)
    }
    try store.write(durability: durability) { batch in
      for (key, value, deadline) in entries {
        try batch.put(
          value, for: key, attributes: Attributes(telling: value),
          expires: deadline.map { .at(milliseconds: $0) } ?? .never)
      }
      if let removed { try batch.remove(removed) }
    }
  }

  /// Where earlier versions are kept, each key is removed by itself, in one batch.
  private mutating func invalidate(_ prefix: [UInt8], in model: inout Model, of store: Store) {
    guard store.keepsVersions else {
      noteConsequences(of: [.prefix(prefix)], in: &model, store)
      model.invalidate(prefix)
      return history.note(model, endsCommit: true)
    }
    let keys = model.live(at: clock.wallMilliseconds()).keys.filter { $0.starts(with: prefix) }
    for (number, key) in keys.enumerated() {
      model.remove(key)
      history.note(model, endsCommit: number == keys.count - 1)
    }
  }

  /// A snapshot shows what was there when it was taken, whatever is done meanwhile.
  private mutating func readSnapshot(_ store: Store, _ moments: Moments) throws {
    let snapshot = try store.snapshot()
    let expected = history.current
    for _ in 0..<3 {
      let before = history
      var model = history.current
      let (key, value) = (newKey(), newValue())
      noteConsequences(of: [.key(key)], in: &model, store)
      model.put(value, for: key)
      history.note(model, endsCommit: true)
      do { try store.put(value, for: key, durability: .relaxed) } catch {
        try goOn(after: error, store, before, moments)
      }
    }
    if random.percent(30) {
      do { try store.compact() } catch { try goOn(after: error, store, history, moments) }
    }
    let live = expected.live(at: clock.wallMilliseconds())
    for (key, entry) in live {
      let found = try snapshot.value(for: key)
      if found != entry.value { throw finding("snapshot: \(String(decoding: key, as: UTF8.self)) is wrong") }
    }
    if !store.keepsOrder { return }
    let keys = try snapshot.keys()
    if keys != live.keys.sorted(by: { $0.isBefore($1) }) { throw finding("snapshot: keys in order") }
  }

  /// Keys in order are kept while some come and go: nothing may be known of what a crash takes back.
  private mutating func keepKeys(_ store: Store, _ moments: Moments) throws {
    guard let ordered = store.views.first as? OrderedKeys else { return }
    var before = history
    do {
      try ordered.keep(in: store.viewFiles) { () throws(StoreError) in
        for _ in 0..<random.below(3) {
          before = history
          var model = history.current
          let (key, value) = (newKey(), newValue())
          noteConsequences(of: [.key(key)], in: &model, store)
          model.put(value, for: key)
          history.note(model, endsCommit: true)
          try store.put(value, for: key, durability: .relaxed)
        }
        if let key = history.current.live(at: clock.wallMilliseconds()).keys.min(by: { $0.isBefore($1) }) {
          before = history
          var model = history.current
          noteConsequences(of: [.key(key)], in: &model, store)
          model.remove(key)
          history.note(model, endsCommit: true)
          try store.remove(key, durability: .relaxed)
        }
        before = history
      }
    } catch {
      // It may be the file that found no room, after what has been done.
      try goOn(after: error, store, before, moments)
    }
  }

  mutating func newKey() -> [UInt8] { Array("\(random.percent(80) ? "key" : "yek"):\(random.below(40))".utf8) }

  /// Of some keys; seldom of all.
  mutating func newPrefix() -> [UInt8] {
    random.percent(10) ? [] : Array(newKey().prefix(random.percent(10) ? 4 : 5))
  }

  mutating func newValue() -> [UInt8] {
    switch random.below(20) {
    case 0: random.bytes(random.below(30_000))
    case 1..<8: SmallRecords.make(random.below(1000))
    default: random.bytes(random.below(600))
    }
  }
}
