import Cairn
import CairnTestSupport
internal import Synchronization

/// A moment at which a crash may come: before a call that changes something on the disk.
struct Moment: Sendable {
  let content: SimulatedDisk.Content
  let promise: Promise
  /// Milliseconds since 1970.
  let wall: Int64
}

/// Writes down each moment of a life.
final class Moments: Sendable {
  private let all = Mutex<[Moment]>([])
  let promise: Mutex<Promise>
  private let clock: ManualClock

  init(_ disk: SimulatedDisk, _ promise: Promise, _ clock: ManualClock) {
    self.promise = Mutex(promise)
    self.clock = clock
    disk.record { [weak self] content in self?.add(content) }
  }

  private func add(_ content: SimulatedDisk.Content) {
    let moment = Moment(content: content, promise: promise.withLock { $0 }, wall: clock.wallMilliseconds())
    all.withLock { $0.append(moment) }
  }

  var count: Int { all.withLock { $0.count } }

  /// Those written down since, and now.
  func taken(since start: Int, _ disk: SimulatedDisk) -> [Moment] {
    add(disk.crashed())
    return all.withLock { Array($0[start...]) }
  }
}
