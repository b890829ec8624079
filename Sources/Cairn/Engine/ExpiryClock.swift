internal import Synchronization

/// The time that deadlines are compared with. It never goes back while the store is open: when the wall clock is set
/// back, elapsed time carries on from where it was, so an expired entry stays expired; when the wall clock is set
/// forward (as when a machine without a battery learns the time), that is followed.
final class ExpiryClock: Sendable {
  private let clock: any StoreClock
  /// Largest difference seen between wall clock and elapsed time.
  private let offset: Atomic<Int64>

  init(_ clock: any StoreClock) {
    self.clock = clock
    offset = Atomic(clock.wallMilliseconds().saturatingSubtract(clock.elapsedMilliseconds()))
  }

  /// Milliseconds since 1970.
  func now() -> Int64 {
    // In this order: who is held up between the two sees too small a difference, and not one that would make time run
    // ahead for ever.
    let wall = clock.wallMilliseconds()
    let elapsed = clock.elapsedMilliseconds()
    let seen = wall.saturatingSubtract(elapsed)
    // Written only when the clock has been set forward, or has drifted by a millisecond.
    let (_, largest) =
      seen > offset.load(ordering: .relaxed)
      ? offset.max(seen, ordering: .relaxed) : (seen, offset.load(ordering: .relaxed))
    return elapsed.saturatingAdd(largest)
  }

  func isExpired(_ deadline: Int64) -> Bool { deadline <= now() }

  /// The deadline of an expiry, `nil` for none.
  func deadline(_ expiry: Store.Expiry) -> Int64? {
    switch expiry {
    case .never: return nil
    case .at(let milliseconds): return milliseconds
    case .after(let duration):
      // No entry ends earlier than it was to.
      return now().saturatingAdd(duration.wholeMilliseconds)
    }
  }
}

extension Duration {
  /// Rounded up; as many as there can be, where there are more.
  var wholeMilliseconds: Int64 {
    let (seconds, attoseconds) = components
    let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    if overflow { return seconds < 0 ? .min : .max }
    let attosecondsPerMillisecond: Int64 = 1_000_000_000_000_000
    let rest =
      attoseconds > 0 ? (attoseconds - 1) / attosecondsPerMillisecond + 1 : attoseconds / attosecondsPerMillisecond
    return milliseconds.saturatingAdd(rest)
  }
}

extension Int64 {
  func saturatingAdd(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }

  func saturatingSubtract(_ other: Int64) -> Int64 {
    let (difference, overflow) = subtractingReportingOverflow(other)
    return overflow ? (other < 0 ? .max : .min) : difference
  }
}
