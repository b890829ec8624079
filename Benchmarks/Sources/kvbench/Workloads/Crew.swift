import BenchmarkSupport
import Glibc
import Synchronization

/// The threads of one round.
final class Crew: @unchecked Sendable {  // What threads change is in their own workers; the rest does not change.
  typealias Body = (any Session, Int, UnsafeMutableRawBufferPointer) throws -> Int

  /// What one thread has, and what it has found.
  private final class Worker {
    let session: any Session
    let range: Range<Int>
    let target: UnsafeMutableRawBufferPointer
    var sum = 0
    var latency = Histogram()
    var error: (any Error)?

    init(_ session: any Session, _ range: Range<Int>, valueSize: Int) {
      self.session = session
      self.range = range
      target = .allocate(byteCount: valueSize + 64, alignment: 64)
    }

    deinit { target.deallocate() }

    func run(_ body: Body, isTimed: Bool) {
      do {
        var sum = 0
        if isTimed {
          for number in range {
            let start = now()
            sum += try body(session, number, target)
            latency.record(now() - start)
          }
        } else {
          for number in range { sum += try body(session, number, target) }
        }
        self.sum = sum
      } catch {
        self.error = error
      }
    }
  }

  private let workers: [Worker]
  private let isTimed: Bool
  private let body: Body
  private let operations: Int
  private let ready = Atomic(0)
  private let begun = Atomic<UInt64>(0)

  init(
    _ sessions: [any Session], _ operations: Int, valueSize: Int, isTimed: Bool, _ body: @escaping Body
  ) {
    workers = sessions.enumerated().map { number, session in
      let range = operations * number / sessions.count..<operations * (number + 1) / sessions.count
      return Worker(session, range, valueSize: valueSize)
    }
    self.operations = operations
    self.isTimed = isTimed
    self.body = body
  }

  var sum: Int { workers.reduce(0) { $0 + $1.sum } }

  func work() throws -> Outcome {
    let start: UInt64
    if workers.count == 1 {
      start = now()
      workers[0].run(body, isTimed: isTimed)
    } else {
      inThreads(workers.count) { [self] number in
        // The last to arrive opens the gate.
        if ready.add(1, ordering: .acquiringAndReleasing).newValue == workers.count {
          begun.store(now(), ordering: .releasing)
        }
        while begun.load(ordering: .acquiring) == 0 { sched_yield() }
        workers[number].run(body, isTimed: isTimed)
      }
      start = begun.load(ordering: .relaxed)
    }
    let spent = now() - start
    if let error = workers.compactMap(\.error).first { throw error }
    var latency: Histogram?
    if isTimed {
      latency = Histogram()
      workers.forEach { latency!.add($0.latency) }
    }
    return Outcome(operations: operations, nanoseconds: spent, latency: latency)
  }
}
