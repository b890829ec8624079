public import Cairn
internal import Synchronization

/// A clock that a test sets.
public final class ManualClock: StoreClock {
  private let wall: Mutex<Int64>
  private let elapsed = Mutex<Int64>(0)

  public init(wall: Int64 = 1_700_000_000_000) { self.wall = Mutex(wall) }

  public func wallMilliseconds() -> Int64 { wall.withLock { $0 } }
  public func elapsedMilliseconds() -> Int64 { elapsed.withLock { $0 } }

  /// Time passes.
  public func advance(_ milliseconds: Int64) {
    wall.withLock { $0 += milliseconds }
    elapsed.withLock { $0 += milliseconds }
  }

  /// Somebody sets the wall clock.
  public func setWall(_ milliseconds: Int64) { wall.withLock { $0 = milliseconds } }
}
