internal import CCairn
internal import Synchronization

/// A thread of the store's own. It sleeps unless there is something to do. One looks after segments and checkpoints; a
/// second, started by the first relaxed write, hands such writes to the operating system, which must not wait for that.
final class BackgroundThread: Sendable {
  enum Task: UInt32 {
    case flush = 1
    case seal = 2
    case prepare = 4
    case checkpoint = 8
    case stop = 16
    /// A flush that does not wait for more.
    case flushNow = 32
    case extend = 64
    case compact = 128
    case refresh = 256
    case train = 512
  }

  /// How long relaxed writes wait for others before they are handed to the operating system together.
  private static let flushDelayNanoseconds: Int64 = 5_000_000

  private let tasks = Atomic<UInt32>(0)
  private let word = WaitWord()
  /// Ends the delay before a flush.
  private let urgency = WaitWord()
  private let thread = Atomic<UInt64>(0)
  /// Carried out when nothing has been for so long; nanoseconds.
  private let routine: (task: Task, interval: Int64)?

  init(routine: (task: Task, interval: Int64)? = nil) { self.routine = routine }

  func wake(_ task: Task) {
    tasks.bitwiseOr(task.rawValue, ordering: .sequentiallyConsistent)
    word.raise(1)
    if task == .flushNow || task == .stop { urgency.raise(1) }
  }

  /// Called at every relaxed write: one load when it is known already.
  @inline(__always)
  func flush(_ task: Task) {
    if tasks.load(ordering: .relaxed) & task.rawValue == 0 { wake(task) }
  }

  func start(_ engine: Engine) throws(StoreError) {
    let context = unsafe Unmanaged.passRetained(Context(thread: self, engine: engine))
    var id: UInt64 = 0
    let result = unsafe cairn_thread_start(
      { context in
        // SAFETY: retained for this thread when it was started.
        let context = unsafe Unmanaged<Context>.fromOpaque(context!).takeRetainedValue()
        context.thread.run(context.engine)
        return nil
      }, context.toOpaque(), &id)
    guard result == 0 else {
      unsafe context.release()
      throw System.failure("start of a thread", nil, result)
    }
    thread.store(id, ordering: .releasing)
  }

  private final class Context: Sendable {
    let thread: BackgroundThread
    let engine: Engine

    init(thread: BackgroundThread, engine: Engine) {
      self.thread = thread
      self.engine = engine
    }
  }

  /// Ends the thread and waits for it.
  func stop() {
    wake(.stop)
    let id = thread.load(ordering: .acquiring)
    if id != 0 { cairn_thread_join(id) }
  }

  private func waitForMore() {
    _ = urgency.exchange(0)
    let urgent = Task.flushNow.rawValue | Task.stop.rawValue
    if tasks.load(ordering: .sequentiallyConsistent) & urgent == 0 {
      urgency.wait(while: 0, nanoseconds: Self.flushDelayNanoseconds)
    }
  }

  private func run(_ engine: Engine) {
    // A writer that finds the task set does not wake, and the processor may have let it look before its write could be
    // seen (a fence at every write would cost more than the write): so after a flush there is another look.
    var isLookingAgain = false
    while true {
      let due = tasks.exchange(0, ordering: .sequentiallyConsistent)
      if due & Task.stop.rawValue != 0 { return }
      if due == 0 {
        // Lowered first, then looked at again: a task that comes between raises it.
        _ = word.exchange(0)
        if tasks.load(ordering: .sequentiallyConsistent) == 0 {
          word.wait(while: 0, nanoseconds: isLookingAgain ? Self.flushDelayNanoseconds : routine?.interval ?? -1)
          if let routine { tasks.bitwiseOr(routine.task.rawValue, ordering: .relaxed) }
        }
        if isLookingAgain && engine.hasUnflushed { tasks.bitwiseOr(Task.flush.rawValue, ordering: .relaxed) }
        isLookingAgain = false
        continue
      }
      if carryOut(due, engine, isWaiting: true) { isLookingAgain = true }
    }
  }

  /// Carries out in the caller's thread what has been asked for, where this one is not started. Returns whether there
  /// was anything.
  func carryOutPending(_ engine: Engine) -> Bool {
    let due = tasks.exchange(0, ordering: .sequentiallyConsistent)
    _ = carryOut(due, engine, isWaiting: false)
    return due != 0
  }

  /// Returns whether relaxed writes have been flushed.
  private func carryOut(_ due: UInt32, _ engine: Engine, isWaiting: Bool) -> Bool {
    if due & Task.seal.rawValue != 0 { engine.inBackground { () throws(StoreError) in try engine.mapSealed() } }
    if due & Task.extend.rawValue != 0 { try? engine.extend() }
    if due & Task.prepare.rawValue != 0 { engine.prepareInBackground() }
    if due & Task.checkpoint.rawValue != 0 { engine.checkpointInBackground() }
    if due & Task.train.rawValue != 0 { engine.trainInBackground() }
    if due & Task.compact.rawValue != 0 { engine.compactInBackground() }
    if due & Task.refresh.rawValue != 0 { engine.refreshInBackground() }
    let isFlushing = due & (Task.flush.rawValue | Task.flushNow.rawValue) != 0
    if isFlushing {
      if isWaiting && due & Task.flushNow.rawValue == 0 { waitForMore() }
      engine.inBackground { () throws(StoreError) in try engine.flushRelaxed() }
    }
    Reclaimer.shared.reclaim()
    return isFlushing
  }
}

extension Engine {
  /// With the turn, before the first relaxed write.
  func startFlusher() throws(StoreError) {
    let thread = BackgroundThread()
    if options.hasThreads { try thread.start(self) }
    flusher = thread
  }

  /// With the turn: sees to it that what has been published reaches the operating system: after a moment, or, if much
  /// has gathered, at once.
  func flushLater() {
    let waiting = published.load(ordering: .relaxed) &- flushed.load(ordering: .relaxed)
    flusher?.flush(waiting >= UInt64(Self.relaxedChunkBytes / 8) ? .flushNow : .flush)
  }

  fileprivate var hasUnflushed: Bool { published.load(ordering: .relaxed) > flushed.load(ordering: .relaxed) }

  /// Writes what has been published to the file, without the turn: it does not change any more, and if the writer
  /// writes the same bytes meanwhile, they are the same.
  func flushRelaxed() throws(StoreError) {
    // The buffer may be sealed meanwhile, but not given back.
    let slot = gate.enter()
    defer { slot.leave() }
    let end = published.load(ordering: .acquiring)
    let segment = LogAddress.segment(end)
    guard let active = segmentOfLog(segment), let file = active.file else { return }
    while true {
      let start = flushed.load(ordering: .acquiring)
      guard LogAddress.segment(start) == segment, start < end else { return }
      // A piece at a time: while the kernel writes to a file, everybody else who wants to waits.
      let offset = LogAddress.offset(start)
      let byteCount = min(LogAddress.offset(end) - offset, Self.relaxedPieceBytes)
      try file.write(active.memory.view.slice(offset, byteCount), at: offset)
      noteFlushed(offset + byteCount, of: segment)
    }
  }

  /// With the turn. Throws what has stopped the writer; a failure stops it.
  @discardableResult
  func inTurn<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
    queue.take()
    defer { queue.giveBack() }
    if let failure = log.failure { throw failure.asWriterFailure() }
    do throws(StoreError) { return try body() } catch {
      log.failure = error
      throw error
    }
  }

  /// The same where a close may come in between.
  func inTurnOfOpenStore<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
    queue.take()
    defer { queue.giveBack() }
    if !alive.isSet { throw deadError() }
    if let failure = log.failure { throw failure.asWriterFailure() }
    do throws(StoreError) { return try body() } catch {
      if !takeHasNoRoom() { log.failure = error }
      throw error
    }
  }

  /// Does what the store's threads would do, where it has none.
  func runBackground() {
    while [background, flusher, compactor].reduce(false, { $1?.carryOutPending(self) ?? false || $0 }) {}
  }

  /// What fails in the background stops the writer; the next write, or the close, reports it.
  func inBackground(_ body: () throws(StoreError) -> Void) {
    do throws(StoreError) { try body() } catch {
      _ = try? inTurn { () throws(StoreError) in throw error }
    }
  }

  /// What fails here is tried again when the segment is needed, by who needs it.
  func prepareInBackground() { try? prepareNext() }

  /// For long work in the background: the next segment must not wait for that.
  func prepareIfDue() throws(StoreError) {
    if try inTurn({ log.isPreparationDue }) { prepareInBackground() }
  }

  func checkpointInBackground() {
    inBackground { () throws(StoreError) in
      try writeCheckpoint()
      try inTurn { log.isCheckpointDue = false }
    }
    saveViews()
  }
}
