import Cairn
import CairnTestSupport
import CairnTorture
import Foundation
import Testing

/// Goal: where the system gives no more, a writer gets an error, the process lives, and nothing acknowledged is lost.
/// Method: real limits, and a real full disk, at every size that matters to a store of small segments; a child does
/// something of everything meanwhile.
@Suite(.serialized) struct LimitTests {
  /// Returns whether it met an error.
  private func work(under limit: String, _ trial: Trial, mayTrap: Bool = false) throws -> Bool {
    try trial.prepare()
    let outcome = try trial.play([limit])
    if outcome.lines.contains("as impossible") { try Test.cancel("sanitizers need memory without a limit") }
    #expect(outcome.isOrderly || mayTrap && outcome.hasTrapped, "\(limit): \(outcome.description)")
    let objection = trial.objection(to: outcome)
    #expect(objection == nil, "\(limit)")
    return outcome.hasFailed
  }

  private func trial(done: Int, hasThreads: Bool = false) throws -> Trial {
    try Trial(seed: SeededRandom.seeds(1)[0], hasThreads: hasThreads, program: Writer.program, done: done)
  }

  /// Over it the kernel sends a signal that ends the process. Segments are of 64 KiB, other files of other sizes.
  @Test(arguments: [0, 60]) func sizeOfFiles(done: Int) throws {
    let trial = try trial(done: done)
    var errors = 0
    for kibibytes in [0, 1, 4, 5, 8, 12, 32, 63, 64, 65, 68, 72, 96, 128, 256] {
      if try work(under: "fsize=\(kibibytes << 10)", trial) { errors += 1 }
    }
    #expect(errors > 3)
  }

  @Test(arguments: [0, 60]) func numberOfFiles(done: Int) throws {
    let trial = try trial(done: done)
    var errors = 0
    for number in 3...16 { if try work(under: "nofile=\(number)", trial) { errors += 1 } }
    #expect(errors > 3)
  }

  /// Where there is no memory for what the language itself needs, an object say, its runtime traps, which no program in
  /// Swift can catch; nor can the store take back a batch that is written when it gets no memory to show it. Such ends
  /// are accepted, and what was acknowledged must be there. Any other trap is not: debug builds say which one it is.
  /// Optimised builds are silent about failed preconditions, so there any trap is accepted.
  @Test(arguments: [false, true]) func memory(hasThreads: Bool) throws {
    let trial = try trial(done: 60, hasThreads: hasThreads)
    var errors = 0
    for kibibytes in [64, 1000, 2000] + stride(from: 2500, to: 16_000, by: 650) {
      if try work(under: "as=\(kibibytes << 10)", trial, mayTrap: true) { errors += 1 }
    }
    #expect(errors > 0)
  }

  // MARK: A full disk

  /// As full as a disk may be when a child begins: it meets the end of it in all that it does, recovery too.
  @Test(.enabled(if: SmallDisk.canMount, "\(SmallDisk.reason)"), arguments: [0, 60])
  func aDiskThatFillsUp(done: Int) throws {
    let disk = try SmallDisk(mebibytes: 3)
    let trial = try Trial(
      seed: SeededRandom.seeds(1)[0], hasThreads: false, program: Writer.program, in: disk.path, done: done)
    var errors = 0
    for kibibytes in stride(from: 0, to: 640, by: 24) {
      try trial.prepare()
      let filler = disk.path + "/filler"
      try Files.write([UInt8](repeating: 1, count: max(0, try disk.freeBytes() - kibibytes << 10)), to: filler)
      let outcome = try trial.play()
      let place: Comment = "\(kibibytes) KiB: \(outcome.description)"
      #expect(outcome.isOrderly, place)
      if outcome.hasFailed { errors += 1 }
      // Reading needs no room.
      if done > 0 {
        let objection = trial.objectionReadOnly(to: outcome)
        #expect(objection == nil, place)
      }
      Files.remove(filler)
      let objection = trial.objection(to: outcome)
      #expect(objection == nil, place)
    }
    #expect(errors > 1)
  }

  /// The same where the disk cannot reserve space, so that it ends in the middle of a write, which is short then.
  @Test(.enabled(if: SmallDisk.canMount && Tracing.isPossible, "\(SmallDisk.reason); \(Tracing.reason)"))
  func aDiskThatFillsUpInTheMiddleOfAWrite() throws {
    let disk = try SmallDisk(mebibytes: 3)
    let trial = try Trial(
      seed: SeededRandom.seeds(1)[0], hasThreads: false, program: Writer.program, in: disk.path, done: 60)
    var errors = 0
    for kibibytes in stride(from: 0, to: 320, by: 16) {
      try trial.prepare()
      let filler = disk.path + "/filler"
      try Files.write([UInt8](repeating: 1, count: max(0, try disk.freeBytes() - kibibytes << 10)), to: filler)
      let outcome = try trial.play { Tracing.withoutReservation($0) }
      let place: Comment = "\(kibibytes) KiB: \(outcome.description)"
      #expect(outcome.isOrderly, place)
      if outcome.hasFailed { errors += 1 }
      Files.remove(filler)
      let objection = trial.objection(to: outcome)
      #expect(objection == nil, place)
    }
    #expect(errors > 1)
  }

  @Test(
    .enabled(if: SmallDisk.canMount, "\(SmallDisk.reason)"), arguments: [Store.Durability.relaxed, .process, .disk])
  func aFullDisk(durability: Store.Durability) throws {
    let largest = [UInt8](repeating: 1, count: 200_000)
    for spare in [0, 4096, 60 << 10, 100 << 10] {
      let disk = try SmallDisk()
      let filler = disk.path + "/filler"
      var options = Store.Options()
      options.segmentBytes = 64 << 10
      options.checkpointInterval = 200_000
      options.durability = durability
      try Files.write([UInt8](repeating: 1, count: spare), to: filler)
      let store = try Store.open(at: disk.path + "/store", options: options)
      var written = 0
      var failure: StoreError?
      while failure == nil {
        do throws(StoreError) {
          try store.put(SelfDescribing.value(written), for: SelfDescribing.key(written, part: 0))
          written += 1
        } catch {
          failure = error
        }
      }
      #expect(failure?.code == .noSpace, "\(String(describing: failure))")
      let comment: Comment = "\(spare) bytes to spare, \(durability)"
      for number in 0..<written {
        let value = try store.value(for: SelfDescribing.key(number, part: 0))
        #expect(value == SelfDescribing.value(number), comment)
      }
      // Nothing of it was written, so nothing is lost, and with some room again the store goes on.
      let refusal = #expect(throws: StoreError.self, comment) { try store.put(largest, for: "after") }
      #expect(refusal?.code == .noSpace, comment)
      try? store.sync()
      if spare >= 100 << 10 {
        Files.remove(filler)
        try store.put("1", for: "more")
      }
      try? store.close()
      // All that was acknowledged is there; relaxed writes may lack an end.
      Files.remove(filler)
      guard spare >= 60 << 10 else { continue }
      let again = try Store.open(at: disk.path + "/store", options: options)
      var end = written
      while durability == .relaxed, end > 0, try !again.contains(SelfDescribing.key(end - 1, part: 0)) { end -= 1 }
      #expect(written - end < 2000, comment)
      for number in 0..<end {
        let value = try again.value(for: SelfDescribing.key(number, part: 0))
        #expect(value == SelfDescribing.value(number), comment)
      }
      try again.put("1", for: "after")
      try again.close()
    }
  }
}
