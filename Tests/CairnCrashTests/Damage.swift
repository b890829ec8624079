import Cairn
import CairnTestSupport

/// A small store, closed or left as a killed process leaves it, and the states that it went through.
struct SmallStore {
  let directory = TemporaryDirectory()
  let path: String
  /// The content after each operation, by sequence; number 0 is the empty store.
  private(set) var states: [Model] = [Model()]
  /// Sequences at which a commit ended: a batch counts as one.
  private(set) var commits: Set<UInt64> = [0]
  var options = Store.Options()

  /// - Parameters:
  ///   - operations: how many commits.
  ///   - isClosed: cleanly, or not at all.
  ///   - checkpointInterval: as the option.
  init(
    seed: UInt64, operations: Int, isClosed: Bool, checkpointInterval: Int? = nil, valueBytes: Int = 40,
    durability: Store.Durability = .process
  ) throws {
    path = directory.path("store")
    options.segmentBytes = 64 << 10
    options.checkpointInterval = checkpointInterval
    options.durability = durability
    var random = SeededRandom(seed: seed)
    let live = isClosed ? path : directory.path("live")
    let store = try Store.open(at: live, options: options)
    for _ in 0..<operations { try commit(to: store, &random, valueBytes) }
    if !isClosed { try Files.copyStore(live, to: path) }
    try store.close()
  }

  private mutating func commit(to store: Store, _ random: inout SeededRandom, _ valueBytes: Int) throws {
    func key() -> [UInt8] { Array("key-\(random.below(12))".utf8) }
    var model = states[states.count - 1]
    switch random.below(4) {
    case 0:
      let key = key()
      if model.entries[key] == nil { return }
      try store.remove(key)
      model.remove(key)
      states.append(model)
    case 1:
      try store.write { batch in
        for _ in 0..<3 {
          let (key, value) = (key(), random.bytes(random.below(valueBytes)))
          try batch.put(value, for: key)
          model.put(value, for: key)
          states.append(model)
        }
      }
    default:
      let (key, value) = (key(), random.bytes(random.below(valueBytes)))
      try store.put(value, for: key)
      model.put(value, for: key)
      states.append(model)
    }
    commits.insert(model.sequence)
  }

  /// Every value that was ever written under a key.
  func isLegal(_ value: [UInt8], for key: [UInt8]) -> Bool { states.contains { $0.entries[key]?.value == value } }

  var final: Model { states[states.count - 1] }
}

/// What came of opening a store whose files may be damaged.
enum Opened {
  /// It opened; everything readable; this is what it holds.
  case whole(Model)
  /// It opened, and reading some records throws `.damaged`; the rest is this.
  case partly([[UInt8]: Model.Entry])
  case refused(StoreError)
}

func open(_ path: String, _ access: Store.Options.Access = .mustExist) throws -> Opened {
  var options = Store.Options(access)
  options.segmentBytes = 64 << 10
  let store: Store
  do {
    store = try Store.open(at: path, options: options)
  } catch {
    return .refused(error)
  }
  defer { try? store.close() }
  var entries: [[UInt8]: Model.Entry] = [:]
  do {
    try store.forEach { entry in
      let key = unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }
      let value = unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
      entries[key] = Model.Entry(value: value, version: entry.version, deadline: entry.deadline)
      return true
    }
  } catch let error as StoreError where error.code == .damaged {
    return .partly(entries)
  }
  var model = Model()
  model.entries = entries
  model.sequence = store.lastSequence
  return .whole(model)
}
