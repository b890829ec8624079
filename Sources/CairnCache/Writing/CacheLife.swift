internal import Cairn

/// When an entry of a cache ends.
public enum CacheLife: Sendable, Equatable {
  /// As the cache's ``CacheOptions/lives`` say.
  case standard
  case never
  /// So long after it is put; shorter by up to the cache's jitter. Zero or less: it is not put.
  case after(Duration)
  /// At this moment, in milliseconds since 1970-01-01 00:00 UTC. In the past: it is not put.
  case at(milliseconds: Int64)
}

extension CacheLives {
  /// When an entry ends that is put now, and when the store is to show it no more.
  ///
  /// - Parameter random: by which its life is shorter than others.
  func ends(_ life: CacheLife, now: Int64, random: UInt64) -> (end: Int64?, deadline: Int64?) {
    var end: Int64?
    switch life {
    case .never: break
    case .at(let milliseconds): end = milliseconds
    case .after(let duration): end = now.saturatingAdd(shortened(duration, random))
    case .standard: end = afterWrite.map { now.saturatingAdd(shortened($0, random)) }
    }
    var deadline = end.map(lastUse)
    if let afterAccess { deadline = min(deadline ?? .max, accessDeadline(afterAccess, now: now)) }
    return (end, deadline)
  }

  /// Until then the store shows an entry that ends at `end`: an old one may be wanted still.
  func lastUse(_ end: Int64) -> Int64 {
    end.saturatingAdd(max(staleWhileRevalidate ?? .zero, staleIfError ?? .zero).wholeMilliseconds)
  }

  /// A tenth longer: what is read meanwhile need not be put again for that.
  func accessDeadline(_ afterAccess: Duration, now: Int64) -> Int64 {
    now.saturatingAdd(afterAccess.wholeMilliseconds).saturatingAdd(Self.accessStep(afterAccess))
  }

  /// Whoever reads moves the end of such a life by so much at least.
  static func accessStep(_ afterAccess: Duration) -> Int64 { max(1, afterAccess.wholeMilliseconds / 10) }

  private func shortened(_ life: Duration, _ random: UInt64) -> Int64 {
    let milliseconds = life.wholeMilliseconds
    let part = Double(random >> 11) / Double(1 << 53) * jitter
    return milliseconds - Int64(Double(milliseconds) * part)
  }
}
