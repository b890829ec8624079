internal import CCairn
internal import Synchronization

/// Gives out the writer's *turn*: the right to append to the log and to change the views. One thread has it at a time,
/// also while its disk works; who comes meanwhile waits in a queue, and the holder may carry out what waits there
/// together with its own (group commit).
///
/// Free, the turn costs two compare-and-swaps. Who finds it taken, and nobody waiting, looks again for a moment before
/// it sleeps: compaction has the turn for some µs at a time, and one that is handed to a thread which sleeps is idle
/// until that thread runs (measured, overwrites beside compaction: writers slept 27 % of the time, 116 µs at a time; so
/// 5 %). Each waiter sleeps on a word of its own (with pthread conditions, which wake a crowd to fight for one
/// mutex, 16 writers commit a quarter less).
final class CommitQueue: Sendable {
  private enum Turn {
    static let free: UInt32 = 0
    static let taken: UInt32 = 1
    /// Taken, and somebody waits.
    static let awaited: UInt32 = 2
  }

  private let turn = Atomic<UInt32>(Turn.free)
  /// In order of arrival. `head` is where it begins, so that taking one moves nothing.
  private struct Waiting {
    var requests: [CommitRequest] = []
    var head = 0

    var first: CommitRequest? { head < requests.count ? requests[head] : nil }

    mutating func append(_ request: CommitRequest) { requests.append(request) }

    mutating func removeFirst() {
      head += 1
      if head == requests.count {
        requests.removeAll(keepingCapacity: true)
        head = 0
      }
    }
  }
  private let waiting = Locked(Waiting())

  /// Longer than compaction has the turn as a rule.
  private static let soonNanoseconds: UInt64 = 50_000

  /// Takes the turn if it is free.
  @inline(__always)
  func tryTake() -> Bool {
    turn.compareExchange(expected: Turn.free, desired: Turn.taken, ordering: .acquiring).exchanged
  }

  /// Takes the turn if it is free in a moment; never before others who wait.
  @inline(never)
  func tryTakeSoon() -> Bool {
    let start = System.nanoseconds()
    while System.nanoseconds() &- start < Self.soonNanoseconds {
      for _ in 0..<8 {
        cairn_pause()
        let state = turn.load(ordering: .relaxed)
        if state == Turn.awaited { return false }
        if state == Turn.free && tryTake() { return true }
      }
    }
    return false
  }

  /// Whether somebody waits. Asked by the holder.
  @inline(__always)
  var isAwaited: Bool { turn.load(ordering: .relaxed) == Turn.awaited }

  /// Waits until the request is carried out by another thread, or the turn is this thread's. Returns whether it is.
  func wait(_ request: CommitRequest) -> Bool {
    let isFree = waiting.withLock { waiting in
      if turn.exchange(Turn.awaited, ordering: .acquiring) == Turn.free {
        // Given back meanwhile, with nobody waiting: it is ours.
        if waiting.first == nil { turn.store(Turn.taken, ordering: .relaxed) }
        return true
      }
      waiting.append(request)
      return false
    }
    if isFree { return true }
    while true {
      let state = request.state.value
      if state != CommitRequest.State.waiting { return state == CommitRequest.State.leads }
      request.state.wait(while: CommitRequest.State.waiting)
    }
  }

  /// Takes the turn, however long that takes.
  func take() {
    if !tryTake() && !tryTakeSoon() { _ = wait(CommitRequest()) }
  }

  /// The next waiting request, if the holder wants it. It must be finished by the holder.
  func next(where isWanted: (CommitRequest) -> Bool) -> CommitRequest? {
    waiting.withLock { waiting in
      guard let first = waiting.first, first.operation != nil, isWanted(first) else { return nil }
      waiting.removeFirst()
      return first
    }
  }

  /// Gives the turn back, or on to who has waited longest.
  @inline(__always)
  func giveBack() {
    if turn.compareExchange(expected: Turn.taken, desired: Turn.free, ordering: .releasing).exchanged { return }
    giveOn()
  }

  @inline(never)
  private func giveOn() {
    let successor: CommitRequest? = waiting.withLock { waiting in
      guard let first = waiting.first else {
        turn.store(Turn.free, ordering: .releasing)
        return nil
      }
      waiting.removeFirst()
      turn.store(waiting.first == nil ? Turn.taken : Turn.awaited, ordering: .releasing)
      return first
    }
    successor?.state.set(CommitRequest.State.leads)
  }
}

/// A commit that waits for its turn. What it points to is its thread's, which waits as long as the request lives.
final class CommitRequest: @unchecked Sendable {  // Handed from thread to thread with the state word.
  enum State {
    static let waiting: UInt32 = 0
    static let leads: UInt32 = 1
    static let finished: UInt32 = 2
  }

  /// `nil`: wants the turn for itself.
  let operation: Operation?
  var outcome: Result<Outcome, StoreError>?
  let state = WaitWord()

  init(_ operation: Operation? = nil) { self.operation = operation }

  func finish(_ outcome: Result<Outcome, StoreError>) {
    self.outcome = outcome
    state.set(State.finished)
  }
}

/// What a commit does.
struct Operation {
  enum Kind {
    case put
    case remove
    case invalidate
    case batch
    case sync
  }

  var kind: Kind
  /// The prefix, where keys with one are invalidated.
  var key: MemoryView
  var value: MemoryView
  /// How the value is stored.
  var codec = RecordHeader.Codec.none
  /// The number of the dictionary that its values were compressed with, as far as they were; 0: none.
  var dictionary = 0
  /// Milliseconds since 1970; `nil`: never.
  var deadline: Int64?
  /// What else the record says of the entry: items of its extension, whole words.
  var items: MemoryView = .empty
  var condition: Condition
  /// Of a batch: its encoded records. ``WriteBatch`` has the layout.
  var batch: MemoryView
  var batchCount: Int
  var durability: Store.Durability

  /// Everything so far is on the disk when it is done.
  static var sync: Operation {
    Operation(
      kind: .sync, key: .empty, value: .empty, deadline: nil, condition: .none, batch: .empty, batchCount: 0,
      durability: .disk)
  }

  /// Of a single one's record.
  @inline(__always)
  var recordKind: UInt8 {
    switch kind {
    case .remove: RecordHeader.Kind.delete
    case .invalidate: RecordHeader.Kind.barrier
    default: RecordHeader.Kind.put
    }
  }

  /// Whether what it does depends on what the store holds.
  var readsState: Bool { kind == .remove || condition != .none }
}

/// What must hold for a put or remove to happen.
@usableFromInline
enum Condition: Equatable {
  case none
  case absent
  case version(UInt64)
}

/// What a commit has done.
enum Outcome: Equatable {
  /// The sequence of the (last) operation.
  case committed(UInt64)
  /// Removed, but the entry had expired: nobody saw it any more.
  case committedOnExpired
  /// The condition did not hold, or there was nothing to remove.
  case unchanged
  /// Nothing was done: the log has another dictionary now than its values were compressed with.
  case stale
}
