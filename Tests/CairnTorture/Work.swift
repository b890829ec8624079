package import Cairn
internal import CairnTestSupport

/// What is done to a store, step by step. Each step follows from the seed and from its number alone: whoever knows both
/// can tell what the store holds after it, in whatever process.
package struct Work: Sendable {
  package struct Change: Sendable, Equatable {
    var key: [UInt8]
    /// `nil`: the key is removed.
    var value: [UInt8]?
    /// Has a deadline, which is far away.
    var isExpiring = false
  }

  package enum Step: Sendable, Equatable {
    case write([Change], Store.Durability)
    /// Of all keys with that prefix.
    case invalidate([UInt8], Store.Durability)
    case sync, segment, checkpoint, compact, train, recompress, backup, freeze, reopen

    /// After a failure of which nothing more is written, until the store is opened again.
    var isCommit: Bool {
      switch self {
      case .write, .invalidate, .sync: true
      default: false
      }
    }
  }

  /// In so many steps, there is each kind.
  package static let cycle = 40

  package let seed: UInt64
  /// Steps that have been done.
  package private(set) var done = 0
  package private(set) var entries: [[UInt8]: [UInt8]] = [:]

  package init(seed: UInt64, done: Int = 0) {
    self.seed = seed
    while self.done < done { goOn() }
  }

  /// How the store is opened.
  package func options(hasThreads: Bool) -> Store.Options {
    var random = SeededRandom(seed: seed)
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.checkpointInterval = [nil, 5_000, 60_000][random.below(3)]
    options.compression = [.none, .zstd(dictionary: .none), .zstd(), .zstd()][random.below(4)]
    options.keepVersions = [0, 0, 2][random.below(3)]
    options.compaction.targetAmplification = 1.1
    options.hasThreads = hasThreads
    return options
  }

  package var next: Step {
    var random = SeededRandom(seed: seed &+ UInt64(done) &* 0x9E37_79B9)
    let durability: Store.Durability = [.relaxed, .process, .process, .disk][random.below(4)]
    switch done % Self.cycle {
    case 3: return .sync
    case 7: return .checkpoint
    case 11, 27: return .segment
    case 13: return .backup
    case 17: return .compact
    case 19: return .freeze
    case 23: return .reopen
    case 29: return .train
    case 31: return .recompress
    case 33: return .invalidate(Array("key-\(random.below(6))".utf8), durability)
    case 35 where random.percent(50):
      // Larger than a segment.
      return .write([Change(key: key(&random), value: value(0, random.bytes(70_000)))], durability)
    case let place where place % 5 == 0:
      let changes = (0..<2 + random.below(4)).map { change($0, &random) }
      return .write(changes, durability)
    default: return .write([change(0, &random)], durability)
    }
  }

  /// Whether the writer promises with the next step that all up to it survives the end of the process. A write that
  /// changes nothing promises nothing.
  var nextIsPromise: Bool {
    switch next {
    case .write(let changes, let durability):
      durability >= .process && changes.contains { $0.value != nil || entries[$0.key] != nil }
    case .invalidate(let prefix, let durability):
      // Where each key is removed by itself, there has to be one.
      durability >= .process && entries.contains { $0.key.starts(with: prefix) }
    case .sync, .reopen: true
    default: false
    }
  }

  /// The next step has been done.
  package mutating func goOn() {
    switch next {
    case .write(let changes, _): for change in changes { entries[change.key] = change.value }
    case .invalidate(let prefix, _): entries = entries.filter { !$0.key.starts(with: prefix) }
    default: break
    }
    done += 1
  }

  /// The key of what is put by whoever looks at what there is, and is no part of the work.
  static let probe = Array("probe".utf8)

  /// What a store holds of some work; nobody writes to it meanwhile. It is the same for lookups, in a snapshot, and
  /// counted: no deadline is near.
  static func contents(of store: Store) throws -> [[UInt8]: [UInt8]] {
    // If not, what was invalidated is perhaps being taken out, and counts until then.
    let isSettled = store.statistics.barriers == 0
    let entries = try store.contents()
    for (key, entry) in entries where key != probe && entry.attributes != Attributes(telling: entry.value) {
      throw Wrong(what: "\(String(decoding: key, as: UTF8.self)) has other attributes than its value tells")
    }
    var contents = entries.mapValues(\.value)
    let (counted, indexed) = (store.statistics.liveEntries, store.indexedEntries)
    if isSettled ? counted != contents.count || indexed != counted : counted < contents.count {
      throw Wrong(what: "\(contents.count) entries, \(counted) counted, \(indexed) in the index")
    }
    let snapshot = try store.snapshot()
    for (key, value) in contents {
      guard try store.value(for: key) == value, try snapshot.value(for: key) == value else {
        throw Wrong(what: "\(String(decoding: key, as: UTF8.self)) is not found as it is listed")
      }
    }
    contents[probe] = nil
    return contents
  }

  /// What must not be.
  struct Wrong: Error, CustomStringConvertible {
    let what: String
    var description: String { "wrong: \(what)" }
  }

  private func key(_ random: inout SeededRandom) -> [UInt8] { Array("key-\(random.below(60))".utf8) }

  private func change(_ part: Int, _ random: inout SeededRandom) -> Change {
    let key = key(&random)
    if random.percent(12) { return Change(key: key) }
    let content =
      switch random.below(4) {
      case 0: SmallRecords.make(random.below(1000))
      case 1: [UInt8](repeating: UInt8(random.below(256)), count: random.below(4000))
      default: random.bytes(random.below(500))
      }
    return Change(key: key, value: value(part, content), isExpiring: random.percent(10))
  }

  /// Begins with the step that it is of.
  private func value(_ part: Int, _ content: [UInt8]) -> [UInt8] { Array("\(done):\(part):".utf8) + content }

  /// The step that a value is of.
  private static func step(_ value: [UInt8]) -> Int {
    Int(String(decoding: value.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)) ?? -1
  }

  /// Goes on to the first step, from here on, after which a store holds this. Returns whether there is one.
  package mutating func goOn(to contents: [[UInt8]: [UInt8]]) -> Bool {
    let newest = contents.values.map(Self.step).max() ?? -1
    var trial = self
    // After that there can only have been removes, and what has been removed since.
    while trial.done <= newest + 200 {
      if trial.done > newest && trial.entries == contents {
        self = trial
        return true
      }
      trial.goOn()
    }
    return false
  }
}

/// What a store may hold: what it held after some step, from the last promised one on to the last that was begun.
package struct Prospect: Sendable {
  private var states: [Work]

  package init(_ work: Work) { states = [work] }

  package var last: Work { states[states.count - 1] }

  /// The next step is begun, and may be found.
  package mutating func begin() {
    var next = last
    next.goOn()
    states.append(next)
  }

  /// All that has been begun will be found.
  package mutating func promise() { states = [last] }

  /// The next step is done.
  package mutating func finish() {
    let isPromise = last.nextIsPromise
    begin()
    if isPromise { promise() }
  }

  /// This is found, and nothing else is possible any more. What is wrong with it; `nil`: nothing.
  package mutating func find(_ contents: [[UInt8]: [UInt8]]) -> String? {
    // Where some are the same, nothing may be lost that is promised of the last.
    if let work = states.last(where: { $0.entries == contents }) {
      states = [work]
      return nil
    }
    let expected = last.entries
    let keys = Set(contents.keys).union(expected.keys).filter { contents[$0] != expected[$0] }
    let differences = keys.map { key in
      "\(String(decoding: key, as: UTF8.self)): \(Self.text(contents[key])), expected \(Self.text(expected[key]))"
    }
    return "after \(states[0].done) to \(last.done) steps: "
      + differences.sorted().prefix(4).joined(separator: "; ")
  }

  /// To what a follower has seen last. It has seen all that is promised.
  func objection(to report: Follower.Report) -> String? {
    var trial = self
    return trial.find(Work(seed: last.seed, done: report.done ?? 0).entries).map { "a follower: \($0)" }
  }

  /// A process that has begun from here says where it is.
  mutating func goOn(at done: Int) -> Bool {
    guard let work = states.first(where: { $0.done == done }) else { return false }
    states = [work]
    return true
  }

  private static func text(_ value: [UInt8]?) -> String {
    guard let value else { return "nothing" }
    return
      "\(value.count) bytes \"\(String(decoding: value.prefix { $0 > 31 && $0 < 127 }.prefix(12), as: UTF8.self))\""
  }
}
