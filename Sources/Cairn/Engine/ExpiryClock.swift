internal import Synchronization

/// The time that deadlines are compared with. It never goes back while the store is open: when the wall clock is set
/// back, elapsed time carries on from where it was, so an expired entry stays expired; when the wall clock is set
/// forward (as when a machine without a battery learns the time), that is followed.
final class ExpiryClock: Sendable {
  private let clock: any StoreClock
  /// Largest difference seen between wall clock and elapsed time.
  private let offset: Atomic<Int64>
  /// How often the wall clock was set, and whether it was behind when it was last looked at.
  private let timesForward = Atomic(0)
  private let timesBack = Atomic(0)
  private let isBehind = Atomic(false)

  /// Less than that is a correction, and not told: clocks are adjusted all the time.
  private static let leastSetting: Int64 = 1000

  init(_ clock: any StoreClock) {
    self.clock = clock
    offset = Atomic(clock.wallMilliseconds().saturatingSubtract(clock.elapsedMilliseconds()))
  }

  /// Milliseconds since 1970.
  func now() -> Int64 {
    let (seen, elapsed) = look()
    let known = offset.load(ordering: .relaxed)
    let isAsEver =
      seen <= known && known.saturatingSubtract(seen) < Self.leastSetting && !isBehind.load(ordering: .relaxed)
    return elapsed.saturatingAdd(isAsEver ? known : take(seen))
  }

  /// The difference between wall clock and elapsed time, and this.
  @inline(__always)
  private func look() -> (difference: Int64, elapsed: Int64) {
    // In this order: who is held up between the two sees too small a difference, and not one that would make time run
    // ahead for ever.
    let wall = clock.wallMilliseconds()
    let elapsed = clock.elapsedMilliseconds()
    return (wall.saturatingSubtract(elapsed), elapsed)
  }

  /// The clock has been set, or has drifted by a millisecond.
  @inline(never)
  private func take(_ seen: Int64) -> Int64 {
    // Nothing is written while it stays behind: others look, too.
    let known = offset.load(ordering: .relaxed)
    let (before, largest) = seen > known ? offset.max(seen, ordering: .relaxed) : (known, known)
    if seen.saturatingSubtract(before) >= Self.leastSetting { timesForward.add(1, ordering: .relaxed) }
    var isBehindNow = largest.saturatingSubtract(seen) >= Self.leastSetting
    // Who was held up looks again.
    if isBehindNow { isBehindNow = largest.saturatingSubtract(look().difference) >= Self.leastSetting }
    if isBehind.load(ordering: .relaxed) != isBehindNow,
      isBehind.exchange(isBehindNow, ordering: .relaxed) != isBehindNow, isBehindNow
    {
      timesBack.add(1, ordering: .relaxed)
    }
    return largest
  }

  /// How often the wall clock was seen to have been set, and by how many milliseconds it is behind ``now()``.
  var report: (timesForward: Int, timesBack: Int, behind: Int64) {
    let now = now()
    let behind = max(0, now.saturatingSubtract(clock.wallMilliseconds()))
    return (timesForward.load(ordering: .relaxed), timesBack.load(ordering: .relaxed), behind)
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
  package var wholeMilliseconds: Int64 {
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
  @inlinable
  package func saturatingAdd(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }

  func saturatingSubtract(_ other: Int64) -> Int64 {
    let (difference, overflow) = subtractingReportingOverflow(other)
    return overflow ? (other < 0 ? .max : .min) : difference
  }
}
