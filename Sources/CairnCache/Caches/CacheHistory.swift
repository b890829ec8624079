internal import Cairn
internal import CairnIndex

/// How long a period of a cache's history is.
public enum CacheHistoryUnit: Sendable, CaseIterable {
  case minute, hour, day

  /// Periods that are kept: a day of minutes, 60 days of hours, four years of days.
  public var kept: Int {
    switch self {
    case .minute: 1440
    case .hour: 1440
    case .day: 1461
    }
  }

  var milliseconds: Int64 {
    switch self {
    case .minute: 60_000
    case .hour: 3_600_000
    case .day: 86_400_000
    }
  }

  fileprivate var letter: String {
    switch self {
    case .minute: "m"
    case .hour: "h"
    case .day: "d"
    }
  }
}

/// What happened in a cache in some minute, hour or day (of UTC).
public struct CachePeriod: Sendable, Equatable {
  /// Milliseconds since 1970.
  public let start: Int64
  public let statistics: CacheStatistics
}

extension Cache {
  /// What happened in the last minutes, hours or days, the present one too: the earliest first, each that is asked for.
  ///
  /// It is kept in the store, as entries that end by themselves (`@cache:NAME:m:NUMBER`), so it goes on after a
  /// restart. Written every minute and when the store is closed; a crash loses the last minute. What has not been
  /// written yet is in the last period here.
  ///
  /// - Complexity: a lookup for each period.
  public func history(_ unit: CacheHistoryUnit, last count: Int) -> [CachePeriod] {
    let (store, shared) = (core.store, core.shared)
    let present = store.now / unit.milliseconds
    let unwritten = core.caches.unwritten(shared)
    return (0..<max(0, min(count, unit.kept))).reversed().map { ago in
      let number = present - Int64(ago)
      let text = try? store.value(for: CacheHistory.key(shared, unit, number))
      var statistics = text.flatMap { $0 }.flatMap(CacheStatistics.init(text:)) ?? .nothing
      if ago == 0 { statistics = statistics + unwritten }
      return CachePeriod(start: number * unit.milliseconds, statistics: statistics)
    }
  }

  /// What happened in the last while, rounded up to minutes, of at most a day; of longer ones, up to hours, and up to
  /// days: the present minute, hour or day, too.
  public func statistics(last duration: Duration) -> CacheStatistics {
    let milliseconds = max(0, duration.wholeMilliseconds)
    let unit = CacheHistoryUnit.allCases.first { milliseconds / $0.milliseconds < Int64($0.kept) } ?? .day
    let count = Int(clamping: (milliseconds + unit.milliseconds - 1) / unit.milliseconds)
    return history(unit, last: max(1, count)).reduce(.nothing) { $0 + $1.statistics }
  }
}

enum CacheHistory {
  static func key(_ cache: CacheShared, _ unit: CacheHistoryUnit, _ number: Int64) -> String {
    "@cache:\(cache.name):\(unit.letter):\(number)"
  }
}

extension Caches {
  /// What has happened and is in no period yet.
  func unwritten(_ cache: CacheShared) -> CacheStatistics {
    written.withLock { cache.counters.statistics - $0[cache.number] }
  }

  /// Adds what has happened to the periods of now. What the store does not take is added next time.
  func writeHistory(_ store: Store) {
    if !isTracking { return }
    let now = store.now
    for cache in shared {
      // One at a time.
      written.withLock { written in
        let all = cache.counters.statistics
        let since = all - written[cache.number]
        if since == .nothing { return }
        do throws(StoreError) {
          // All or none: a minute that is in an hour twice would never be noticed.
          var batch = store.makeBatch()
          for unit in CacheHistoryUnit.allCases {
            let number = now / unit.milliseconds
            let key = CacheHistory.key(cache, unit, number)
            let before = try store.value(for: key).flatMap(CacheStatistics.init(text:)) ?? .nothing
            let end = (number + Int64(unit.kept)) * unit.milliseconds
            try batch.put((before + since).text, for: key, expires: .at(milliseconds: end))
          }
          try store.commit(batch, .relaxed)
          written[cache.number] = all
        } catch {}
      }
    }
  }
}

extension CacheStatistics {
  static let nothing = CacheStatistics { _ in 0 }

  /// `hits=12 misses=3`: those that are not 0.
  var text: String {
    Counter.allCases.filter { self[$0] != 0 }.map { "\($0)=\(self[$0])" }.joined(separator: " ")
  }

  /// What another version says of other things is left out.
  init?(text: [UInt8]) {
    guard let text = String(validating: text, as: UTF8.self) else { return nil }
    var values: [Substring: Int] = [:]
    for word in text.split(separator: " ") {
      let parts = word.split(separator: "=", omittingEmptySubsequences: false)
      guard parts.count == 2, let value = Int(parts[1]) else { return nil }
      values[parts[0]] = value
    }
    self.init { values["\($0)"] ?? 0 }
  }
}
