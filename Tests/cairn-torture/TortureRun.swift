import CairnTorture
import Foundation
import Synchronization

/// Jobs on all cores until the time is up, or one finds something.
final class TortureRun: Sendable {
  private let seconds: Double
  private let seed: UInt64
  private let start = Date()
  private let state: Mutex<State>

  private struct State {
    var jobs: Jobs
    var totals = Totals()
    var finding: String?
    var nextReport = 10.0
  }

  /// - Parameter fuzzer: a program of libFuzzer; `nil`: nothing is fuzzed.
  init(minutes: Int, seed: UInt64, fuzzer: String?) {
    seconds = Double(minutes) * 60
    self.seed = seed
    state = Mutex(State(jobs: Jobs(seed: seed, fuzzer: fuzzer)))
  }

  private var elapsed: Double { -start.timeIntervalSinceNow }

  /// Returns whether all was well.
  func run() -> Bool {
    if !Tracing.isPossible { say("left out, system calls that fail and kills before them: \(Tracing.reason)") }
    say("seed \(seed), \(Int(seconds) / 60) minutes, \(ProcessInfo.processInfo.activeProcessorCount) cores")
    let done = DispatchGroup()
    for _ in 0..<ProcessInfo.processInfo.activeProcessorCount {
      done.enter()
      Thread {
        self.work()
        done.leave()
      }.start()
    }
    done.wait()
    return state.withLock { state in
      say("in \(Int(elapsed)) seconds, seed \(seed): \(state.totals)")
      if let finding = state.finding { say("found:\n\(finding)") } else { say("nothing was found") }
      return state.finding == nil
    }
  }

  private func say(_ text: String) {
    print(text)
    fflush(nil)
  }

  private func work() {
    while elapsed < seconds {
      guard let job = state.withLock({ $0.finding == nil ? $0.jobs.next() : nil }) else { return }
      let start = elapsed
      let outcome = job.run()
      state.withLock { state in
        state.jobs.note(job, seconds: elapsed - start)
        switch outcome {
        case .success(let totals): state.totals += totals
        case .failure(let finding): state.finding = state.finding ?? finding.description
        }
        guard elapsed > state.nextReport else { return }
        state.nextReport = elapsed + 10
        say("\(Int(elapsed)) of \(Int(seconds)) s: \(state.totals)")
      }
    }
  }
}
