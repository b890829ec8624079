internal import Cairn
internal import CairnTestSupport

/// Does the ``Work`` in the process that it is called in, and says what is done. Where a step fails, it looks at what
/// that has left, in this store and in the one that is opened again, and goes on if it can.
package struct Worker {
  /// How it has ended.
  package enum End: Int32 {
    case done = 0
    /// Typed errors all the way: nothing more could be done.
    case gaveUp = 3
    case wrong = 4
    /// Descriptors or mappings are left.
    case leaked = 5
  }

  private let folder: String
  private let hasThreads: Bool
  private let say: (String) -> Void
  private var prospect: Prospect
  private var store: Store?
  private let numbers = RandomNumbers()
  /// The step that has failed last, and how often in a row.
  private var failed = (step: -1, times: 0)

  /// - Parameter folder: holds the store, and what is made of it.
  package init(folder: String, seed: UInt64, done: Int, hasThreads: Bool, say: @escaping (String) -> Void) {
    self.folder = folder
    self.hasThreads = hasThreads
    self.say = say
    prospect = Prospect(Work(seed: seed, done: done))
  }

  package mutating func run(until end: Int) -> End {
    var result = End.done
    do {
      try open()
      while prospect.last.done < end { try takeStep() }
      try store?.close()
    } catch let error as StoreError {
      say("gave up: \(error)")
      result = .gaveUp
      if error.code == .damaged { result = .wrong }
      try? store?.close()
    } catch {
      say("wrong: \((error as? Work.Wrong)?.what ?? "\(error)")")
      return .wrong
    }
    store = nil
    let leaks = (try? Files.leaks(below: folder)) ?? []
    if !leaks.isEmpty {
      say("leaks: \(leaks)")
      return .leaked
    }
    return result
  }

  private mutating func open() throws {
    var options = prospect.last.options(hasThreads: hasThreads)
    options.randomNumber = { [numbers] in numbers.next() }
    store = try Store.open(at: folder + "/store", options: options)
    try look("opened")
    say("at \(prospect.last.done)")
  }

  private mutating func look(_ moment: String) throws {
    let found = try store.map(Work.contents) ?? [:]
    if let objection = prospect.find(found) { throw Work.Wrong(what: "\(moment): \(objection)") }
  }

  private mutating func takeStep() throws {
    // Could be left closed by a second attempt at the last step.
    if store == nil { try open() }
    let step = prospect.last.next
    do {
      try carryOut(step)
      finish("done")
    } catch let error as StoreError {
      say("failed \(prospect.last.done + 1): \(error)")
      try goOn(after: error, of: step)
    }
  }

  private mutating func carryOut(_ step: Work.Step) throws {
    guard let store else { preconditionFailure("no step begins without a store") }
    switch step {
    case .write(let changes, let durability): try write(changes, durability, store)
    case .sync: try store.sync()
    case .invalidate(let prefix, let durability): try store.invalidate(prefix: prefix, durability: durability)
    case .segment: try store.beginSegment()
    case .checkpoint: try store.writeCheckpoint()
    case .compact: try store.compact()
    case .train: try store.trainDictionary()
    case .recompress: try store.recompress()
    case .backup: try numbers.during(prospect.last) { try store.backup(to: folder + "/backup") }
    case .freeze:
      var options = FrozenStore.BuildOptions()
      options.randomNumber = { [numbers] in numbers.next() }
      try numbers.during(prospect.last) { try store.freeze(to: folder + "/frozen", options: options) }
    case .reopen:
      self.store = nil
      try store.close()
      prospect.promise()
      try open()
    }
    if !hasThreads { self.store?.runBackground() }
  }

  private func write(_ changes: [Work.Change], _ durability: Store.Durability, _ store: Store) throws {
    guard changes.count == 1 else {
      return try store.write(durability: durability) { batch in
        for change in changes {
          if let value = change.value {
            try batch.put(value, for: change.key, attributes: Attributes(telling: value), expires: change.expiry)
          } else {
            try batch.remove(change.key)
          }
        }
      }
    }
    if let value = changes[0].value {
      try store.put(
        value, for: changes[0].key, attributes: Attributes(telling: value), expires: changes[0].expiry,
        durability: durability)
    } else {
      try store.remove(changes[0].key, durability: durability)
    }
  }

  // MARK: What fails

  private mutating func goOn(after error: StoreError, of step: Work.Step) throws {
    if error.code == .damaged { throw Work.Wrong(what: "\(step): \(error)") }
    failed = (prospect.last.done, failed.step == prospect.last.done ? failed.times + 1 : 1)
    if failed.times == 3 { throw error }
    if store != nil {
      try lookAfterFailure(step)
      // Values are compressed before anything is written.
      let isFinal = step.isCommit && error.code != .noSpace && error != .noMemoryForZstd
      switch try again(step) {
      case nil where isFinal: throw Work.Wrong(what: "the writer went on after \(error)")
      case nil: return
      case .writerFailed?: break
      case let code? where isFinal: throw Work.Wrong(what: "\(code) after \(error)")
      case let code? where step.isCommit:
        say("no room: \(code)")
      default:
        // Nothing depends on it.
        return finish("skipped")
      }
      if isFinal, try again(.sync) != .writerFailed { throw Work.Wrong(what: "a sync went on after \(error)") }
    }
    let stopped = store
    store = nil
    try? stopped?.close()
    // What was to be written may be there, or not.
    if step.isCommit { prospect.begin() }
    try open()
    // If nothing was lost.
    if prospect.last.next == .reopen { finish("skipped") }
  }

  /// The step is done, or left out.
  private mutating func finish(_ word: String) {
    prospect.finish()
    say("\(word) \(prospect.last.done)")
  }

  /// What has failed is not seen, and reads go on.
  private mutating func lookAfterFailure(_ step: Work.Step) throws {
    let found = try store.map(Work.contents) ?? [:]
    var expected = Prospect(prospect.last)
    if let objection = expected.find(found) { throw Work.Wrong(what: "after the failure of \(step): \(objection)") }
  }

  /// `nil`: it is done.
  private mutating func again(_ step: Work.Step) throws -> StoreError.Code? {
    do {
      try carryOut(step)
      if step == prospect.last.next { finish("done") }
      return nil
    } catch let error as StoreError { return error.code }
  }
}

extension Work.Change {
  fileprivate var expiry: Store.Expiry { isExpiring ? .at(milliseconds: 4_000_000_000_000) : .never }
}
