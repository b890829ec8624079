internal import Cairn
internal import CairnIndex
internal import Synchronization

/// What has happened to an entry of a cache.
public struct CacheEvent: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    /// Put, where there was none, and in place of another.
    case inserted, updated
    /// It had to go.
    case evicted
    /// Its life had ended, and that has been noticed.
    case expired
    case removed
    /// All whose keys begin with ``CacheEvent/key`` are gone.
    case invalidated
    /// A load has brought it anew, while there was still an old one.
    case refreshed
    /// A load has thrown, or the store could not read or write it.
    case failed(String)
  }

  public let kind: Kind
  /// As it is on the disk, without the name of the cache; see ``CacheKey``. Of what had expired, and is not known any
  /// more, empty.
  public let key: [UInt8]
}

/// Who is told of events.
final class CacheEvents: Sendable {
  /// What waits for somebody who does not fetch it; what comes then, pushes out the oldest.
  static let waitingMax = 4096

  private let prefix: [UInt8]
  private let listeners = Guarded([Int: AsyncStream<CacheEvent>.Continuation]())
  private let numbers = Atomic(0)
  private let count = Atomic(0)
  private let counters: CacheCounters
  /// Of all caches.
  private static let allCount = Atomic(0)

  /// Whether anybody is to be told of anything.
  static var areWanted: Bool { allCount.load(ordering: .relaxed) > 0 }

  init(prefix: [UInt8], _ counters: CacheCounters) { (self.prefix, self.counters) = (prefix, counters) }

  struct Event: Sendable {
    let kind: CacheEvent.Kind
    /// In the store.
    let key: [UInt8]

    init(_ kind: CacheEvent.Kind, _ key: [UInt8]) { (self.kind, self.key) = (kind, key) }
    init(_ kind: CacheEvent.Kind, _ key: RawSpan) { self.init(kind, [UInt8](copying: key)) }
  }

  func stream() -> AsyncStream<CacheEvent> {
    let number = numbers.add(1, ordering: .relaxed).newValue
    return AsyncStream(bufferingPolicy: .bufferingNewest(Self.waitingMax)) { continuation in
      listeners.withLock { $0[number] = continuation }
      count.add(1, ordering: .relaxed)
      Self.allCount.add(1, ordering: .relaxed)
      continuation.onTermination = { [weak self] _ in
        guard let self, self.listeners.withLock({ $0.removeValue(forKey: number) }) != nil else { return }
        self.count.subtract(1, ordering: .relaxed)
        Self.allCount.subtract(1, ordering: .relaxed)
      }
    }
  }

  /// Whether there is somebody to be told.
  var isWanted: Bool { count.load(ordering: .relaxed) > 0 }

  /// The store is closed: nothing happens any more.
  func finish() {
    for listener in listeners.withLock({ Array($0.values) }) { listener.finish() }
  }

  /// Makes the event only if there is somebody to be told.
  @inline(__always)
  func send(_ event: () -> Event) {
    if isWanted { tell(event()) }
  }

  @inline(never)
  private func tell(_ event: Event) {
    let key = event.key.starts(with: prefix) ? Array(event.key.dropFirst(prefix.count)) : []
    // Ending a stream takes the lock again: not while it is held.
    let told = listeners.withLock { Array($0.values) }
    for listener in told {
      if case .dropped = listener.yield(CacheEvent(kind: event.kind, key: key)) { counters.add(.droppedEvents) }
    }
  }
}
