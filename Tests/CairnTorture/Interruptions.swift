internal import Cairn
internal import CairnTestSupport
internal import Synchronization

/// What is done while a checkpoint is written, as other threads do it: the shards that have been copied before lack it,
/// those that are copied after have it, and the checkpoint covers all of it if its end has not been noted yet.
private final class Interruptions: Sendable {
  struct Operation: Sendable {
    enum Kind: Sendable {
      case put([UInt8], deadline: Int64?)
      case remove
      /// Of keys that begin with the key.
      case invalidate
      /// These are no operations of the log; moves may be.
      case segment, compaction
    }
    let key: [UInt8]
    let kind: Kind
    let durability: Store.Durability
  }

  struct State: Sendable {
    /// What is done after each call for the file of a checkpoint, the last one next.
    var waiting: [[Operation]]
    /// By sequence.
    var done: [(sequence: UInt64, operation: Operation)] = []
    var failure: StoreError?
  }

  let state: Mutex<State>

  init(_ waiting: [[Operation]]) { state = Mutex(State(waiting: waiting)) }

  /// Called after each call for the file of a checkpoint, without the turn.
  func meet(_ store: Store, _ moments: Moments) {
    for operation in state.withLock({ $0.waiting.popLast() ?? [] }) where state.withLock({ $0.failure == nil }) {
      let before = store.lastSequence
      do {
        try operation.apply(to: store)
      } catch {
        state.withLock { $0.failure = error }
        return
      }
      guard operation.isOfTheLog, store.lastSequence > before else { continue }
      // What goes with it comes before it.
      let sequence = store.lastSequence
      moments.promise.withLock { $0.make(sequence, operation.durability) }
      state.withLock { $0.done.append((sequence, operation)) }
    }
  }
}

extension Interruptions.Operation {
  var keys: KeySet { if case .invalidate = kind { .prefix(key) } else { .key(key) } }

  var isOfTheLog: Bool {
    switch kind {
    case .put, .remove, .invalidate: true
    case .segment, .compaction: false
    }
  }

  func apply(to store: Store) throws(StoreError) {
    switch kind {
    case .put(let value, let deadline):
      let expiry = deadline.map { Store.Expiry.at(milliseconds: $0) } ?? .never
      try store.put(value, for: key, expires: expiry, durability: durability)
    case .remove: try store.remove(key, durability: durability)
    case .invalidate: try store.invalidate(prefix: key, durability: durability)
    case .segment: try store.beginSegment()
    case .compaction: try store.compactOnce()
    }
  }

  func apply(to model: inout Model) {
    switch kind {
    case .put(let value, let deadline): model.put(value, for: key, deadline: deadline)
    case .remove: model.remove(key)
    case .invalidate: model.invalidate(key)
    case .segment, .compaction: break
    }
  }
}

extension Lives {
  /// Does something in the course of which checkpoints may be written, and others write in the middle of them. Where
  /// the disk fails, they do not: it would not be known what they have done.
  mutating func interrupt(
    _ store: Store, _ disk: SimulatedDisk, _ moments: Moments, _ work: () throws -> Void
  ) throws {
    if disk.isFaulty { return try work() }
    let waiting = (0..<random.below(6)).map { _ in
      (0..<random.below(random.percent(20) ? 6 : 2)).map { _ in
        let kind: Interruptions.Operation.Kind =
          switch random.below(11) {
          case 10 where !store.keepsVersions: .invalidate
          case 0: .segment
          case 1: .compaction
          case 2..<5: .remove
          case 5: .put(newValue(), deadline: clock.wallMilliseconds() + Int64(random.below(3000)))
          default: .put(newValue(), deadline: nil)
          }
        let key = if case .invalidate = kind { newPrefix() } else { newKey() }
        return Interruptions.Operation(
          key: key, kind: kind, durability: [.relaxed, .process, .disk][random.below(3)])
      }
    }
    let interruptions = Interruptions(waiting)
    disk.interrupt { path in
      if path.contains(CheckpointHeader.name) { interruptions.meet(store, moments) }
    }
    defer { disk.interrupt(nil) }
    try work()
    let (done, failure) = interruptions.state.withLock { ($0.done, $0.failure) }
    if let failure { throw failure }
    for (sequence, operation) in done {
      // Compaction may have come before.
      let hasConsequences = Self.hasConsequences([operation.keys], store)
      history.noteMoves(upTo: hasConsequences ? sequence - 2 : sequence - 1)
      var model = history.current
      noteConsequences(of: [operation.keys], in: &model, store)
      operation.apply(to: &model)
      history.note(model, endsCommit: true)
    }
    totals[.interruptions] += done.count
  }
}
