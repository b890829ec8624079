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
  private var followers: [Follower] = []
  private var started = 0
  private var number = 0
  package private(set) var totals = Totals()

  private struct Follower {
    let child: Child
    let output: String
    var isStopped = false
  }

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

  private func finding(_ what: String) -> Finding {
    Finding("kill \(number): \(what)", replay: "cairn-torture kills \(seed) \(number + 1)")
  }

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
    let output = directory.path("follower-\(started)")
    let child = try Child([program, "follow", folder + "/store", "\(seed)"], output: output)
    followers.append(Follower(child: child, output: output))
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
    for follower in followers { try check(follower) }
    number += 1
  }

  /// The writer says until the end what the store holds, and the followers see it.
  package mutating func finish() throws {
    for follower in followers { follower.child.signal(SIGCONT) }
    do throws(StoreError) {
      let store = try Store.open(at: folder + "/store", options: aftermath.prospect.last.options(hasThreads: true))
      try store.put("", for: Self.end)
      try store.close()
    } catch { throw finding("\(error)") }
    for follower in followers {
      let end = follower.child.wait()
      let lines = Child.lines(follower.output)
      guard end == .exited(0), let count = lines.last.flatMap({ Int($0) }) else {
        throw finding("a follower \(end): \(lines.suffix(3))")
      }
      totals[.followed] += count
    }
    followers = []
  }

  private mutating func disturbFollowers() throws {
    for index in followers.indices {
      if followers[index].isStopped {
        followers[index].isStopped = false
        followers[index].child.signal(SIGCONT)
      } else if random.percent(20) {
        followers[index].isStopped = true
        followers[index].child.signal(SIGSTOP)
        totals[.stops] += 1
      }
    }
    if !followers.isEmpty && random.percent(10) {
      _ = followers.removeFirst().child.stop()
      totals[.stops] += 1
      try startFollower()
    }
  }

  private func check(_ follower: Follower) throws {
    let lines = Child.lines(follower.output)
    if !lines.isEmpty { throw finding("a follower: \(lines.suffix(3))") }
  }

  /// What a follower ends at.
  private static let end = "end"

  /// What a follower does, in a process of its own: it says how many states it has seen when it comes to the end, or
  /// what is wrong. Returns whether nothing was.
  ///
  /// - Parameter endFile: when there is such a file, it looks once more and ends, wherever it is.
  package static func follow(_ path: String, seed: UInt64, until endFile: String? = nil, say: (String) -> Void) -> Bool
  {
    var work = Work(seed: seed)
    var count = 0
    let parent = getppid()
    do {
      func isToldToEnd() -> Bool { endFile.map(Files.exists) ?? false }
      let store = try openWhenThere(path, isToldToEnd)
      // Without who has started it, nobody would end it.
      while getppid() == parent {
        let isLast = isToldToEnd()
        try refresh(store)
        let snapshot = try store.snapshot()
        var contents: [[UInt8]: [UInt8]] = [:]
        try snapshot.forEach { entry in
          contents[unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }] =
            unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
          return true
        }
        let isEnd = contents.removeValue(forKey: Array(end.utf8)) != nil
        // Somebody has looked whether the store can be written to.
        contents[Array("probe".utf8)] = nil
        let before = work.done
        guard work.goOn(to: contents) else {
          var earlier = Work(seed: seed)
          let isBack = earlier.goOn(to: contents)
          say("\(isBack ? "back at \(earlier.done)" : "wrong: of no moment") after \(before) steps")
          return false
        }
        if work.done > before { count += 1 }
        if isEnd || isLast { break }
        if work.done == before { usleep(500) }
      }
      try store.close()
    } catch {
      say("error: \(error)")
      return false
    }
    say("\(count)")
    return true
  }

  private static func openWhenThere(_ path: String, _ isToldToEnd: () -> Bool) throws(StoreError) -> Store {
    let parent = getppid()
    while true {
      let isLast = isToldToEnd()
      do throws(StoreError) {
        return try Store.follow(path, refreshing: .manual)
      } catch {
        // There is no store yet, or it is compacted faster than it can be read.
        let isPassing = error.code == .notFound || error.code == .historyGone
        if !isPassing || isLast || getppid() != parent { throw error }
      }
      usleep(500)
    }
  }

  private static func refresh(_ store: Store) throws(StoreError) {
    do throws(StoreError) {
      try store.refresh()
    } catch {
      // What there was is there still, and the next look may come in time.
      if error.code != .historyGone { throw error }
    }
  }
}
