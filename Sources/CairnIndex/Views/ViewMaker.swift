package import Cairn
internal import Synchronization

/// Makes a view of a store that is opened with it: at once where there is little to be read, otherwise beside other
/// work.
package final class ViewMaker: Sendable {
  /// Its store, which it does not keep open.
  private struct Opened {
    weak var store: Store?
    var building: Task<Void, Never>?
  }

  private let opened = Mutex(Opened())
  /// Held while it is made.
  private let making = Guarded(())
  /// Entries that have been read, of so many.
  private let done = Atomic(0)
  private let total = Atomic(0)
  private let name: String

  /// More take so long that they are read beside other work.
  private static let atOnceMax = 100_000

  /// - Parameter name: of the view, for errors.
  package init(_ name: String) { self.name = name }

  package var store: Store? { opened.withLock { $0.store } }

  /// Waits until nothing is made of another store any more.
  ///
  /// - Throws: `.invalidOption` if it belongs to another store that is still open.
  package func attach(to store: Store) throws(StoreError) {
    let isTaken = opened.withLock { opened in
      if let other = opened.store, (try? other.checkOpen()) != nil { return true }
      opened = Opened(store: store)
      return false
    }
    if isTaken {
      throw StoreError(.invalidOption, "this \(name) belongs to another store, which is open: make one for each")
    }
    // What reads a store that has been closed ends soon; what has not begun finds that it comes too late.
    making.withLock { _ in }
  }

  /// A store that is damaged in part opens all the same: queries throw what has gone wrong.
  ///
  /// - Parameter count: so much is to be read.
  package func make(of store: Store, _ count: Int, _ body: @escaping @Sendable () throws(StoreError) -> Void) {
    if count <= Self.atOnceMax {
      try? alone(with: store, body)
    } else {
      opened.withLock { opened in
        opened.building = Task.detached(priority: .utility) { try? self.alone(with: store, body) }
      }
    }
  }

  /// Does nothing if it belongs to another store by now.
  package func alone(with store: Store, _ body: () throws(StoreError) -> Void) throws(StoreError) {
    try making.withLock { _ throws(StoreError) in
      if self.store === store { try body() }
    }
  }

  /// Returns also if it could not be made.
  package func ready() async {
    let task = opened.withLock { $0.building }
    await task?.value
  }

  /// Less than 1.
  package var progress: Double {
    min(Double(done.load(ordering: .relaxed)) / Double(max(1, total.load(ordering: .relaxed))), 0.99)
  }

  /// What is read for a view; never values.
  package enum Reading {
    case keys
    case attributes
    /// Keys, and the lengths of values, as of a moment.
    case snapshot(Snapshot)
  }

  /// Visits all entries.
  package func read(_ store: Store, _ reading: Reading, _ body: (EntryView) -> Void) throws(StoreError) {
    total.store(store.statistics.liveEntries, ordering: .relaxed)
    done.store(0, ordering: .relaxed)
    var count = 0
    func visit(_ entry: EntryView) -> Bool {
      body(entry)
      count += 1
      if count % 1024 == 0 { done.store(count, ordering: .relaxed) }
      return true
    }
    do {
      switch reading {
      case .keys: try store.forEachKey(visit)
      case .attributes: try store.forEachWithoutValue(visit)
      case .snapshot(let snapshot): try snapshot.forEachWithoutValue(visit)
      }
    } catch { throw error as? StoreError ?? StoreError(.system, "the entries cannot be read") }
  }
}
