internal import Cairn
internal import CairnTestSupport
internal import Foundation

/// One store whose writer is killed again and again, at random moments and before random system calls, while followers
/// in other processes check all that they see. They are stopped and continued, and killed, meanwhile.
package struct Kills {
  private let seed: UInt64
  private let program: String
  private let directory = TemporaryDirectory(isInMemory: true)
  private var random: SeededRandom
  private var aftermath: Aftermath
  /// Those that are stopped are not gone.
  private var followers: [(follower: Follower, isStopped: Bool)] = []
  private var started = 0
  private var number = 0
  package private(set) var totals = Totals()

  /// Followers that are there.
  package var followerCount: Int { followers.count }

  private static let injected = [
    "pwrite64", "fdatasync", "fsync", "openat", "fallocate", "renameat", "unlinkat", "write",
  ]

  private var folder: String { directory.path("store-and-copies") }

  /// - Parameter program: `cairn-test-writer`.
  package init(seed: UInt64, program: String, followers count: Int = 3) throws {
    self.seed = seed
    self.program = program
    random = SeededRandom(seed: seed)
    let folder = directory.path("store-and-copies")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    aftermath = Aftermath(Prospect(Work(seed: seed)), folder: folder)
    for _ in 0..<count { try startFollower() }
  }

  private var replay: String { "cairn-torture kills \(seed) \(number + 1)" }

  private func finding(_ what: String) -> Finding { Finding("kill \(number): \(what)", replay: replay) }

  /// What the writer may have to do with in the next two cycles.
  private var paths: [String] {
    var work = aftermath.prospect.last
    var places = ["store", "backup"]
    var frozen: [String] = []
    for _ in 0..<2 * Work.cycle {
      if work.next == .backup { places += work.namesOfCopy }
      if work.next == .freeze { frozen += work.namesOfCopy }
      work.goOn()
    }
    let names = (try? Files.names(folder + "/store")) ?? []
    let segments = names.compactMap { SegmentHeader.number($0) }
    let next = (segments.max() ?? 0) + 1
    let files =
      [StoreHeader.name, CheckpointHeader.name, GoneSegments.name].flatMap { [$0, $0 + ".tmp"] }
      + ["LOCK"] + (segments + Array(next..<next + 20)).map(SegmentHeader.name)
    return [folder] + (places + frozen).map { folder + "/" + $0 }
      + places.flatMap { place in files.map { "\(folder)/\(place)/\($0)" } }
  }

  private mutating func startFollower() throws {
    started += 1
    let name = directory.path("follower-\(started)")
    followers.append((try Follower(folder + "/store", seed: seed, program: program, name: name), isStopped: false))
  }

  /// One life of the writer, which ends with its death, as a rule. Throws a ``Finding``.
  package mutating func run() throws {
    let output = directory.path("writer")
    let start = aftermath.prospect.last.done
    let isTraced = Tracing.isPossible && random.percent(40)
    let command =
      [
        program, "work", folder, "\(seed)", "\(start)", "\(start + (isTraced ? 2 * Work.cycle : 10_000))",
      ] + (random.percent(80) ? ["threads"] : [])
    let end: Child.End
    if isTraced {
      let call = Self.injected[random.below(Self.injected.count)]
      let injection = "\(call):signal=KILL:when=\(1 + random.below(random.percent(50) ? 10 : 60))"
      let child = try Child(Tracing.injecting(injection, at: paths + [output], command), output: output)
      try disturbFollowers()
      end = child.wait()
    } else {
      let child = try Child(command, output: output)
      usleep(UInt32(15_000 + random.below(random.percent(20) ? 200_000 : 40_000)))
      try disturbFollowers()
      end = child.stop()
    }
    let lines = Child.lines(output)
    switch end {
    case .killed(SIGKILL): totals[.kills] += 1
    // There were not so many such calls.
    case .exited(0) where isTraced: totals[.missed] += 1
    default: throw finding("the writer \(end): \(lines.suffix(3))")
    }
    // Half of the time it is the next writer that opens it first.
    if let objection = aftermath.objection(to: lines, isWriting: random.percent(50)) { throw finding(objection) }
    if let objection = followers.lazy.compactMap(\.follower.objection).first { throw finding(objection) }
    number += 1
  }

  /// The followers look once more: they see what there is.
  package mutating func finish() throws {
    for (follower, _) in followers {
      follower.signal(SIGCONT)
      let report = try follower.end(replay: replay)
      if let objection = aftermath.objection(to: report) { throw finding(objection) }
      totals[.followed] += report.states
    }
    followers = []
  }

  private mutating func disturbFollowers() throws {
    for index in followers.indices {
      if followers[index].isStopped {
        followers[index].isStopped = false
        followers[index].follower.signal(SIGCONT)
      } else if random.percent(20) {
        followers[index].isStopped = true
        followers[index].follower.signal(SIGSTOP)
        totals[.stops] += 1
      }
    }
    if !followers.isEmpty && random.percent(10) {
      if let objection = followers.removeFirst().follower.kill() { throw finding(objection) }
      totals[.stops] += 1
      try startFollower()
    }
  }
}
