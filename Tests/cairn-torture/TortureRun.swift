import CairnTorture
import Foundation
import Synchronization

/// Jobs on all cores until the time is up, or one finds something.
final class TortureRun: Sendable {
  /// A job that takes longer hangs; most take some seconds.
  private static let longest = 900.0
  private static let reportInterval = 10.0

  private let seconds: Double
  private let seed: UInt64
  private let start = Date()
  private let state: Mutex<State>

  private struct State {
    var jobs: Jobs
    var totals = Totals()
    var finding: String?
    /// By the worker that has started it, and when.
    var running: [Int: (process: Process, start: Double)] = [:]
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
    let cores = ProcessInfo.processInfo.activeProcessorCount
    if !Tracing.isPossible { say("left out, system calls that fail and kills before them: \(Tracing.reason)") }
    say("seed \(seed), \(Int(seconds) / 60) minutes, \(cores) cores")
    let done = DispatchGroup()
    for worker in 0..<cores {
      done.enter()
      Thread {
        self.work(worker)
        done.leave()
      }.start()
    }
    while done.wait(timeout: .now() + Self.reportInterval) == .timedOut { watch() }
    return state.withLock { state in
      say("in \(Int(elapsed)) seconds, seed \(seed): \(state.totals)")
      say(state.jobs.sweeping)
      if let finding = state.finding { say("found:\n\(finding)") } else { say("nothing was found") }
      return state.finding == nil
    }
  }

  /// Says how far it is, and ends what hangs: that is a finding.
  private func watch() {
    state.withLock { state in
      say("\(Int(elapsed)) of \(Int(seconds)) s: \(state.totals)")
      for (process, start) in state.running.values where elapsed - start > Self.longest {
        say("hangs: \(process.arguments ?? [])")
        kill(process.processIdentifier, SIGKILL)
      }
    }
  }

  private func say(_ text: String) {
    print(text)
    fflush(nil)
  }

  private func work(_ worker: Int) {
    while elapsed < seconds {
      let process = Process()
      let start = elapsed
      let next = state.withLock { state -> Job? in
        guard state.finding == nil else { return nil }
        state.running[worker] = (process, start)
        return state.jobs.next()
      }
      guard let job = next else { return }
      let outcome = job.run(in: process)
      state.withLock { state in
        state.running[worker] = nil
        state.jobs.note(job, try? outcome.get(), seconds: elapsed - start)
        switch outcome {
        case .success(let totals): state.totals += totals
        case .failure(let finding): state.finding = state.finding ?? finding.description
        }
      }
    }
  }
}
