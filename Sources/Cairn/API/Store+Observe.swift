/// What happens in a store, as it happens; see ``Store/observe(prefix:since:)``.
///
/// The log is the buffer: nothing is gathered in memory for who reads slowly, and writers never wait for it.
public struct ChangeStream: AsyncSequence, Sendable {
  public enum Element: Sendable, Equatable {
    /// The changes of one commit, those of the keys that are observed.
    case changes([Change])
    /// The reader was so slow that compaction has dropped removes that it has not seen, or it asked for what is gone.
    /// Changes after `resumed` follow; who needs all that there is reads it anew (``Store/forEach(_:)``) now.
    case missed(after: UInt64, resumed: UInt64)
  }

  let engine: Engine
  let prefix: [UInt8]
  let start: UInt64
  /// Which entries are observed; others are as if they were not there. `nil`: all.
  var isObserved: (@Sendable (Attributes) -> Bool)?

  public func makeAsyncIterator() -> Iterator { Iterator(self) }

  public struct Iterator: AsyncIteratorProtocol {
    private let stream: ChangeStream
    private let cursor: CursorBox

    /// A cursor cannot be copied, iterators can be.
    private final class CursorBox {
      var cursor: ChangeCursor?
      /// Everything up to it has been read.
      var sequence: UInt64 = 0
      var isAtEnd = false
    }

    init(_ stream: ChangeStream) {
      self.stream = stream
      cursor = CursorBox()
      cursor.sequence = stream.start
    }

    /// The next commit, as soon as there is one; `nil` when the store has been closed, or the task is cancelled.
    ///
    /// - Throws: ``StoreError``: `.damaged`, `.unsupportedFormat`, as ``ChangeCursor/next()``; nothing follows then.
    public mutating func next() async throws -> Element? {
      while !cursor.isAtEnd && !Task.isCancelled {
        let engine = stream.engine
        // Before the look: what comes after it is waited for.
        let newest = engine.counters.load(Counter.lastSequence.rawValue)
        do throws(StoreError) {
          if let changes = try read() { return .changes(changes) }
        } catch {
          if error.code == .historyGone { return missed() }
          cursor.isAtEnd = true
          if error.code == .closed { return nil }
          throw error
        }
        await engine.waitForChange(after: newest)
      }
      return nil
    }

    /// The next commit that has to do with the keys; `nil`: there is none yet.
    private func read() throws(StoreError) -> [Change]? {
      if cursor.cursor == nil { cursor.cursor = try ChangeCursor(stream.engine, since: cursor.sequence) }
      var changes: [Change] = []
      while !Task.isCancelled, let change = try cursor.cursor?.next() {
        if change.concerns(keysWith: stream.prefix) { changes.append(change.passed(stream.isObserved)) }
        if change.isContinued { continue }
        cursor.sequence = change.sequence
        if !changes.isEmpty { return changes }
      }
      return nil
    }

    private func missed() -> Element {
      let resumed = stream.engine.counters.load(Counter.lastSequence.rawValue)
      let missed = Element.missed(after: cursor.sequence, resumed: resumed)
      cursor.cursor = nil
      cursor.sequence = resumed
      return missed
    }
  }
}

extension Change {
  /// Itself, or a remove where an entry is put that is not observed.
  fileprivate func passed(_ isObserved: ((Attributes) -> Bool)?) -> Change {
    guard kind == .put, let isObserved, !isObserved(attributes) else { return self }
    return Change(
      kind: .remove, sequence: sequence, key: key, value: [], deadline: nil, attributes: [:], cause: .removed,
      isContinued: isContinued)
  }

  /// Of an invalidation also where only some of the keys have its prefix, or it only some.
  func concerns(keysWith prefix: [UInt8]) -> Bool {
    key.starts(with: prefix) || kind == .invalidate && prefix.starts(with: key)
  }
}

extension Store {
  /// The changes of keys with a prefix, commit by commit, in their order: those that are there after a sequence, then
  /// each as it becomes visible. In a follower, those that it has come to see.
  ///
  /// ```swift
  /// for try await event in store.observe(prefix: "user:") {
  ///   if case .changes(let changes) = event { print(changes.map(\.key)) }
  /// }
  /// ```
  ///
  /// It ends when the store is closed, or the task is cancelled; it does not keep the store open. What expires makes no
  /// change of its own: the put has told when (``Change/deadline``). Of segments that have been compacted since, see
  /// ``changes(since:)``.
  ///
  /// - Parameters:
  ///   - prefix: what the keys begin with; empty: all keys.
  ///   - sequence: the last one that is known; `nil`: only what happens from now on.
  /// - Complexity: each iterator reads all of the log from there on. A commit that nobody waits for costs nothing.
  public func observe<Key: ByteLending>(prefix: Key, since sequence: UInt64? = nil) -> ChangeStream {
    ChangeStream(
      engine: engine, prefix: prefix.withBytes { MemoryView($0).array() },
      start: sequence ?? lastSequence)
  }

  /// The same for entries of which `isObserved` says so; of others, puts are passed on as removes.
  package func observe<Key: ByteLending>(
    prefix: Key, since sequence: UInt64?, _ isObserved: @escaping @Sendable (Attributes) -> Bool
  ) -> ChangeStream {
    var stream = observe(prefix: prefix, since: sequence)
    stream.isObserved = isObserved
    return stream
  }

  /// The same for all keys.
  public func observe(since sequence: UInt64? = nil) -> ChangeStream { observe(prefix: "", since: sequence) }
}
