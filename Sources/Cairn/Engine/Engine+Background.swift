internal import CCairn
internal import Synchronization

/// The store's one thread of its own. It sleeps unless there is something to do.
final class BackgroundThread: Sendable {
  enum Task: UInt32 {
    case flush = 1
    case seal = 2
    case prepare = 4
    case checkpoint = 8
    case stop = 16
  }

  /// How long relaxed writes wait for others before they are handed to the operating system together.
  private static let flushDelayNanoseconds: Int64 = 5_000_000

  private let tasks = Atomic<UInt32>(0)
  private let word = WaitWord()
  private let thread = Atomic<UInt64>(0)

  func wake(_ task: Task) {
    tasks.bitwiseOr(task.rawValue, ordering: .sequentiallyConsistent)
    word.raise(1)
  }

  /// Called at every relaxed write: one load when it is known already.
  @inline(__always)
  func flushSoon() {
    if tasks.load(ordering: .relaxed) & Task.flush.rawValue == 0 { wake(.flush) }
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
    cairn_thread_join(thread.load(ordering: .acquiring))
  }

  private func run(_ engine: Engine) {
    while true {
      let due = tasks.exchange(0, ordering: .sequentiallyConsistent)
      if due & Task.stop.rawValue != 0 { return }
      if due == 0 {
        // Lowered first, then looked at again: a task that comes between raises it.
        _ = word.exchange(0)
        if tasks.load(ordering: .sequentiallyConsistent) == 0 { word.wait(while: 0) }
        continue
      }
      if due & Task.seal.rawValue != 0 { engine.inBackground { () throws(StoreError) in try engine.mapSealed() } }
      if due & Task.prepare.rawValue != 0 { engine.prepareInBackground() }
      if due & Task.checkpoint.rawValue != 0 { engine.checkpointInBackground() }
      if due & Task.flush.rawValue != 0 {
        let stop = WaitWord()
        stop.wait(while: 0, nanoseconds: Self.flushDelayNanoseconds)
        engine.inBackground { () throws(StoreError) in try engine.inTurn { () throws(StoreError) in try engine.flush() }
        }
      }
      Reclaimer.shared.reclaim()
    }
  }
}

extension Engine {
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

  /// What fails in the background stops the writer; the next write, or the close, reports it.
  func inBackground(_ body: () throws(StoreError) -> Void) {
    do throws(StoreError) { try body() } catch {
      _ = try? inTurn { () throws(StoreError) in throw error }
    }
  }

  /// What fails here is tried again when the segment is needed, by who needs it.
  func prepareInBackground() { try? prepareNext() }

  func checkpointInBackground() {
    inBackground { () throws(StoreError) in
      try writeCheckpoint()
      try inTurn { log.isCheckpointDue = false }
    }
  }
}
