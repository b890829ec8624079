import Glibc

/// Nanoseconds on a clock that is never set.
@inlinable
public func now() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Nanoseconds per operation of a body that does `operations`.
@inlinable
public func nanoseconds(per operations: Int, _ body: () throws -> Void) rethrows -> Double {
  let start = now()
  try body()
  return Double(now() - start) / Double(operations)
}

/// Medians of several things measured in turns (A B A B …), so that what disturbs one disturbs the others too.
public func interleaved(_ rounds: Int, _ bodies: [() throws -> Double]) throws -> [Samples] {
  var samples = [Samples](repeating: Samples(), count: bodies.count)
  for _ in 0..<rounds {
    for (number, body) in bodies.enumerated() { samples[number].values.append(try body()) }
  }
  return samples
}

/// What several rounds of one measurement gave.
public struct Samples: Sendable {
  public var values: [Double] = []

  public init(_ values: [Double] = []) { self.values = values }

  public var median: Double {
    let sorted = values.sorted()
    return sorted.count % 2 == 1
      ? sorted[sorted.count / 2] : (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2
  }

  public var lowest: Double { values.min() ?? .nan }
  public var highest: Double { values.max() ?? .nan }

  /// Ratios of what was measured one after the other, round by round.
  public func ratios(to other: Samples) -> Samples { Samples(zip(values, other.values).map { $0 / $1 }) }

  /// Their median.
  public func ratio(to other: Samples) -> Double { ratios(to: other).median }
}
