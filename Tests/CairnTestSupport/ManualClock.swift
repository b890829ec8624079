public import Cairn
internal import Synchronization

/// A clock that a test sets.
public final class ManualClock: StoreClock {
  private let wall: Mutex<Int64>
  private let elapsed = Mutex<Int64>(0)
  private let pause = Mutex<Int64>(0)

  public init(wall: Int64 = 1_700_000_000_000) { self.wall = Mutex(wall) }

  public func wallMilliseconds() -> Int64 {
    defer { pass() }
    return wall.withLock { $0 }
  }

  public func elapsedMilliseconds() -> Int64 {
    defer { pass() }
    return elapsed.withLock { $0 }
  }

  private func pass() {
    let milliseconds = pause.withLock { pause in
      defer { pause = 0 }
      return pause
    }
    if milliseconds > 0 { advance(milliseconds) }
  }

  /// Time passes. Who looks at both clocks meanwhile, at the wall first as the engine does, sees no jump.
  public func advance(_ milliseconds: Int64) {
    elapsed.withLock { $0 += milliseconds }
    wall.withLock { $0 += milliseconds }
  }

  /// Time will pass right after one of the two has been looked at next: whoever looks is held up there.
  public func pauseAfterNextLook(_ milliseconds: Int64) { pause.withLock { $0 = milliseconds } }

  /// Somebody sets the wall clock.
  public func setWall(_ milliseconds: Int64) { wall.withLock { $0 = milliseconds } }
}
