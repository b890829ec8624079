/// What has happened in a cache since its store was opened, by this process. What happens between two moments is the
/// difference of what there was at each.
public struct CacheStatistics: Sendable, Equatable {
  enum Counter: Int, CaseIterable {
    case hits, staleHits, misses, negativeHits, staleMisses, incompatibleMisses, failedMisses
    case puts, refusedPuts, unadmittedPuts, failedPuts
    case loads, refreshes, failedLoads, joinedLoads, discardedLoads, loadNanoseconds
    case evictions, expirations, removals, droppedEvents
  }

  private var values: [Int]

  init(_ value: (Counter) -> Int) { values = Counter.allCases.map(value) }

  subscript(_ counter: Counter) -> Int { values[counter.rawValue] }

  // MARK: Reads

  /// Reads and loads that had a value, fresh or not.
  public var hits: Int { self[.hits] }
  /// Of these: loads that had one whose life had ended.
  public var staleHits: Int { self[.staleHits] }
  /// Reads and loads that had none.
  public var misses: Int { self[.misses] }
  /// Of these: what is known not to be there.
  public var negativeHits: Int { self[.negativeHits] }
  /// Of the misses: those whose life had ended, or whose sources have changed.
  public var staleMisses: Int { self[.staleMisses] }
  /// Of the misses: those of another type, another codec or an incompatible version, or that could not be decoded.
  public var incompatibleMisses: Int { self[.incompatibleMisses] }
  /// Of the misses: those that could not be read: damaged, or the store is closed.
  public var failedMisses: Int { self[.failedMisses] }
  public var requests: Int { hits + misses }
  /// Hits of all requests: 0 to 1; 0 if there were none.
  public var hitRate: Double { requests == 0 ? 0 : Double(hits) / Double(requests) }

  // MARK: Writes

  /// Entries that were put, by loads too.
  public var puts: Int { self[.puts] }
  /// Puts that were refused: too large, or there was no room to be had.
  public var refusedPuts: Int { self[.refusedPuts] }
  /// Puts that the policy did not take.
  public var unadmittedPuts: Int { self[.unadmittedPuts] }
  /// Puts that the store has refused: it is full, read-only, or its writer has failed.
  public var failedPuts: Int { self[.failedPuts] }
  /// Entries that had to go.
  public var evictions: Int { self[.evictions] }
  /// Entries whose life has ended, as far as that has been noticed.
  public var expirations: Int { self[.expirations] }
  /// Entries that somebody has removed, one by one.
  public var removals: Int { self[.removals] }

  // MARK: Loads

  /// Loads that have ended well.
  public var loads: Int { self[.loads] }
  /// Loads that were begun while there was a value to be had.
  public var refreshes: Int { self[.refreshes] }
  /// Loads that have thrown, or took too long.
  public var failedLoads: Int { self[.failedLoads] }
  /// Who came while somebody else was loading, and waited for that.
  public var joinedLoads: Int { self[.joinedLoads] }
  /// Results that were not kept, because the key was put, removed or invalidated meanwhile.
  public var discardedLoads: Int { self[.discardedLoads] }
  /// What all loads have taken together, those that failed too.
  public var loadTime: Duration { .nanoseconds(self[.loadNanoseconds]) }

  /// Events that nobody fetched in time.
  public var droppedEvents: Int { self[.droppedEvents] }

  public static func - (later: CacheStatistics, earlier: CacheStatistics) -> CacheStatistics {
    CacheStatistics { later[$0] &- earlier[$0] }
  }

  public static func + (a: CacheStatistics, b: CacheStatistics) -> CacheStatistics {
    CacheStatistics { a[$0] &+ b[$0] }
  }
}

/// Counters that threads write without waiting for each other.
final class CacheCounters: Sendable {
  private let stripes = Stripes(words: CacheStatistics.Counter.allCases.count)

  @inline(__always)
  func add(_ counter: CacheStatistics.Counter, _ count: Int = 1) {
    stripes.add(count, Stripes.ofThread, counter.rawValue)
  }

  var statistics: CacheStatistics { CacheStatistics { stripes.sum($0.rawValue) } }
}
