import Cairn
import CairnTestSupport

/// A store made by the engine, and what it held after each commit.
struct Fixture {
  let directory = TemporaryDirectory()
  let path: String
  /// By sequence: what is there once the operations up to it are committed. Within batches there is nothing.
  private(set) var states: [UInt64: [[UInt8]: [UInt8]]] = [0: [:]]
  private(set) var last: UInt64 = 0

  enum Ending {
    case closed
    /// As a killed process leaves it.
    case killed
  }

  init(
    seed: UInt64, commits: Int, ending: Ending = .closed, segmentBytes: Int = 64 << 10, valueBytes: Int = 60,
    checkpointInterval: Int? = nil, durability: Store.Durability = .process
  ) throws {
    path = directory.path("store")
    var options = Store.Options()
    options.segmentBytes = segmentBytes
    options.checkpointInterval = checkpointInterval
    options.durability = durability
    options.compaction.isAutomatic = false
    let live = ending == .closed ? path : directory.path("live")
    var random = SeededRandom(seed: seed)
    let store = try Store.open(at: live, options: options)
    var content: [[UInt8]: [UInt8]] = [:]
    for _ in 0..<commits { try commit(to: store, &content, &random, valueBytes) }
    if ending == .killed { try Files.copyStore(live, to: path) }
    try store.close()
  }

  private mutating func commit(
    to store: Store, _ content: inout [[UInt8]: [UInt8]], _ random: inout SeededRandom, _ valueBytes: Int
  ) throws {
    func key(_ random: inout SeededRandom) -> [UInt8] { Array("key-\(random.below(40))".utf8) }
    switch random.below(4) {
    case 0:
      let key = key(&random)
      try store.remove(key)
      content[key] = nil
    case 1:
      try store.write { batch in
        for _ in 0...random.below(5) {
          let key = key(&random)
          if random.percent(30) {
            try batch.remove(key)
            content[key] = nil
          } else {
            let value = random.bytes(random.below(valueBytes))
            try batch.put(value, for: key)
            content[key] = value
          }
        }
      }
    default:
      let (key, value) = (key(&random), random.bytes(random.below(valueBytes)))
      try store.put(value, for: key)
      content[key] = value
    }
    last = store.lastSequence
    states[last] = content
  }

  var content: [[UInt8]: [UInt8]] { states[last] ?? [:] }

  /// Path of a segment, by its place among those that are there.
  func segment(_ index: Int) throws -> String { path + "/" + (try Files.segments(path)[index]) }

  /// A copy that a test may spoil.
  func copy() throws -> String {
    let copy = directory.path("copy")
    try Files.copyTree(path, to: copy)
    return copy
  }
}
