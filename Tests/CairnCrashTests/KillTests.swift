import Cairn
import CairnTestSupport
import Foundation
import Testing

/// Goal: a killed process loses nothing that was acknowledged; relaxed writes lose an end at most.
/// Method: a child writes and acknowledges until it is killed (SIGKILL) after a random time, again and again in the
/// same store; after each kill everything is read.
@Suite(.serialized) struct KillTests {
  @Test(arguments: [Store.Durability.relaxed, .process, .disk])
  func killedWhileWriting(durability: Store.Durability) throws {
    let seed = SeededRandom.seeds(1)[0]
    var random = SeededRandom(seed: seed)
    let directory = TemporaryDirectory()
    let path = directory.path("store")
    var next = 0
    for kill in 0..<12 {
      let acknowledged = try run(path, durability, from: next, milliseconds: 5 + random.below(60))
      var options = Store.Options()
      options.segmentBytes = 64 << 10
      let store = try Store.open(at: path, options: options)
      var end = acknowledged.map { $0 + 1 } ?? next
      // What was not acknowledged may be there as well.
      while try store.contains(SelfDescribing.key(end, part: 0)) { end += 1 }
      if durability == .relaxed {
        while end > next, try !store.contains(SelfDescribing.key(end - 1, part: 0)) { end -= 1 }
      }
      try Writer.check(store, before: end, "seed \(seed), kill \(kill)")
      try store.close()
      next = end
    }
    #expect(next > 0, "seed \(seed): nothing was ever written")
  }

  /// Returns the last number that the child acknowledged.
  private func run(
    _ path: String, _ durability: Store.Durability, from first: Int, milliseconds: Int
  ) throws -> Int? {
    let child = Process()
    child.executableURL = Writer.executable
    child.arguments = [path, "\(durability)", "\(first)"]
    child.environment = Writer.environment
    let directory = TemporaryDirectory()
    // A file: a pipe would have to be emptied meanwhile.
    let output = directory.path("output")
    try Files.write([], to: output)
    child.standardOutput = FileHandle(forWritingAtPath: output)
    try child.run()
    usleep(UInt32(milliseconds) * 1000)
    kill(child.processIdentifier, SIGKILL)
    child.waitUntilExit()
    #expect(child.terminationReason == .uncaughtSignal, "the writer ended by itself")
    return Writer.acknowledged(Data(try Files.read(output)))
  }
}
