internal import Cairn
internal import CairnTestSupport
internal import Synchronization

/// Operations that come while a checkpoint is written, as those of other threads do: what was copied of the index
/// before them lacks them, and the checkpoint covers them all the same.
private final class Interruptions: Sendable {
  struct Operation: Sendable {
    let key: [UInt8]
    /// `nil`: the key is removed.
    let value: [UInt8]?
    let durability: Store.Durability
  }

  struct State: Sendable {
    /// So many calls are let pass.
    var passing: Int
    var waiting: [Operation]
    /// By sequence. What had no room, and did not happen, is not among them.
    var done: [(sequence: UInt64, operation: Operation)] = []
    var failure: StoreError?
  }

  let state: Mutex<State>

  init(_ waiting: [Operation], passing: Int) { state = Mutex(State(passing: passing, waiting: waiting)) }

  /// Called after each call for the file of a checkpoint, without the turn.
  func meet(_ store: Store, _ moments: Moments) {
    let operation = state.withLock { state -> Operation? in
      state.passing -= 1
      return state.passing < 0 && state.failure == nil ? state.waiting.popLast() : nil
    }
    guard let operation else { return }
    let before = store.lastSequence
    do {
      try operation.apply(to: store)
      // A remove of what is not there is none.
      if store.lastSequence == before { return }
      moments.promise.withLock { $0.make(before + 1, operation.durability) }
    } catch {
      if error.code == .noSpace, (try? store.sync()) != nil { return }
      // It may be there.
      state.withLock { $0.failure = error }
    }
    state.withLock { $0.done.append((before + 1, operation)) }
  }
}

extension Interruptions.Operation {
  func apply(to store: Store) throws(StoreError) {
    if let value {
      try store.put(value, for: key, durability: durability)
    } else {
      try store.remove(key, durability: durability)
    }
  }
}

extension Lives {
  /// Does something in the course of which checkpoints may be written, and others write in the middle of them.
  mutating func interrupt(
    _ store: Store, _ disk: SimulatedDisk, _ moments: Moments, _ work: () throws -> Void
  ) throws {
    let waiting = (0..<random.below(5)).map { _ in
      Interruptions.Operation(
        key: newKey(), value: random.percent(30) ? nil : newValue(),
        durability: [.relaxed, .process, .disk][random.below(3)])
    }
    let interruptions = Interruptions(waiting, passing: random.below(3))
    disk.interrupt { path in
      if path.contains(CheckpointHeader.name) { interruptions.meet(store, moments) }
    }
    let result = Result { try work() }
    disk.interrupt(nil)
    let (done, failure) = interruptions.state.withLock { ($0.done, $0.failure) }
    for (sequence, operation) in done {
      // Compaction may have come before.
      history.noteMoves(upTo: sequence - 1)
      var model = history.current
      if let value = operation.value { model.put(value, for: operation.key) } else { model.remove(operation.key) }
      history.note(model, endsCommit: true)
    }
    totals[.interruptions] += done.count
    if let failure { throw failure }
    do { try result.get() } catch { try goOn(after: error, store, history, moments) }
  }
}
