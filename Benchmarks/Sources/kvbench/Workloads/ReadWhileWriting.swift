import BenchmarkSupport
import Glibc
import Synchronization

extension Workload {
  static let readWhileWriting = Workload(
    name: "get-while-writing",
    summary: "random gets by one thread, while another one puts as fast as it can", writes: true
  ) { stage, round in
    let inputs = stage.inputs
    let keys = inputs.random(round: round.number, count: inputs.operations(round))
    let writer = Writer(inputs, try stage.sessions(round.threads + 1)[round.threads])
    stage.isAsLoaded = false
    var outcome: Result<Outcome, any Error>?
    withoutActuallyEscaping({
      outcome = Result {
        try stage.perform(keys.count, round, expected: keys.count * inputs.valueSize) {
          try $0.get(keys[$1], into: $2) ?? 0
        }
      }
    }) { read in
      let box = Escaping(read)
      inThreads(2) { thread in
        if thread == 1 { return writer.run() }
        writer.waitForStart()
        box.body()
        writer.isOver.store(true, ordering: .relaxed)
      }
    }
    if let error = writer.error { throw error }
    return try outcome!.get()
  }

  /// A closure that one thread calls while its maker waits.
  private struct Escaping: @unchecked Sendable {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  private final class Writer: @unchecked Sendable {  // `error` is read when the threads have ended.
    private static let putsBeforeReads = 100
    let isOver = Atomic(false)
    private let puts = Atomic(0)
    private let inputs: Inputs
    private let session: any Session
    private(set) var error: (any Error)?

    init(_ inputs: Inputs, _ session: any Session) {
      self.inputs = inputs
      self.session = session
    }

    func run() {
      var random = Random(state: 9)
      do {
        while !isOver.load(ordering: .relaxed) {
          let number = Int.random(in: 0..<inputs.count, using: &random)
          let key = inputs.keys[number]
          try session.put(inputs.values.value(for: key, version: 1), for: key)
          puts.add(1, ordering: .relaxed)
        }
      } catch {
        self.error = error
        puts.store(Self.putsBeforeReads, ordering: .relaxed)
      }
    }

    func waitForStart() {
      while puts.load(ordering: .relaxed) < Self.putsBeforeReads { usleep(10) }
    }
  }
}
