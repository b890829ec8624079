internal import Cairn
internal import CairnTestSupport
internal import Foundation

/// A process that follows the store of some ``Work`` and checks each state that it sees.
package struct Follower {
  /// What one has seen when it ended as it should.
  struct Report {
    /// States, each another one.
    let states: Int
    /// What it has seen last is what there was after so many steps; `nil`: there was no store at all.
    let done: Int?
    /// What it has seen last of what is put to see whether the store can be written to.
    let probe: String?
  }

  private let child: Child
  private let output: String
  private let endFile: String
  private let openFile: String

  /// - Parameters:
  ///   - program: `cairn-test-writer`.
  ///   - path: where the store is, or will be.
  ///   - name: of two files that it makes: what it says, and what it ends at.
  init(_ path: String, seed: UInt64, program: String, name: String) throws {
    (output, endFile, openFile) = (name + ".output", name + ".end", name + ".open")
    Files.remove(endFile)
    Files.remove(openFile)
    child = try Child([program, "follow", path, "\(seed)", endFile, openFile], output: output)
  }

  /// Waits until it has seen something, or has ended.
  func waitUntilOpen() { while !Files.exists(openFile) && !child.hasEnded { usleep(500) } }

  func signal(_ number: Int32) { child.signal(number) }

  /// Kills it. What it has found wrong before; `nil`: nothing.
  func kill() -> String? {
    let end = child.stop()
    return end == .killed(SIGKILL) ? objection : "a follower \(end): \(lines.suffix(3))"
  }

  /// What it has found wrong so far; `nil`: nothing.
  var objection: String? { lines.isEmpty ? nil : "a follower: \(lines.suffix(3))" }

  private var lines: [String] { Child.lines(output) }

  /// Has it look once more, and waits for its end. Throws a ``Finding`` about what it has found wrong.
  ///
  /// - Parameter replay: what shows the finding again.
  func end(replay: String) throws -> Report {
    try Files.write([], to: endFile)
    let end = child.wait()
    let words = lines.last?.split(separator: " ") ?? []
    guard end == .exited(0), words.count >= 2, let states = Int(words[0]) else {
      throw Finding("a follower \(end): \(lines.suffix(3))", replay: replay)
    }
    return Report(
      states: states, done: Int(words[1]), probe: words.count > 2 ? words[2...].joined(separator: " ") : nil)
  }

  /// What the process does. At its end it says how many states it has seen since the first one, after how many steps
  /// the last one was, and the probe that it has seen, or what is wrong. Returns whether nothing was.
  ///
  /// - Parameters:
  ///   - endFile: when there is such a file, it looks once more and ends.
  ///   - openFile: is made when it has seen something.
  package static func follow(
    _ path: String, seed: UInt64, until endFile: String, opened openFile: String, say: (String) -> Void
  ) -> Bool {
    var work = Work(seed: seed)
    var count = -1
    var probe: [UInt8]?
    let parent = getppid()
    do {
      guard let store = try openWhenThere(path, until: endFile) else {
        say("0 none")
        return true
      }
      // Without who has started it, nobody would end it.
      while getppid() == parent {
        let isLast = Files.exists(endFile)
        try refresh(store, isLast: isLast)
        let contents = try Work.contents(of: store)
        probe = try store.value(for: Work.probe)
        let before = work.done
        guard work.goOn(to: contents) else {
          var earlier = Work(seed: seed)
          let isBack = earlier.goOn(to: contents)
          say("\(isBack ? "back at \(earlier.done)" : "wrong: of no moment") after \(before) steps")
          return false
        }
        if count < 0 { try Files.write([], to: openFile) }
        if work.done > before || count < 0 { count += 1 }
        if isLast { break }
        if work.done == before { usleep(500) }
      }
      try store.close()
    } catch {
      say("error: \(error)")
      return false
    }
    say("\(max(count, 0)) \(work.done)\(probe.map { " " + String(decoding: $0, as: UTF8.self) } ?? "")")
    return true
  }

  /// `nil`: there is none at the end.
  private static func openWhenThere(_ path: String, until endFile: String) throws(StoreError) -> Store? {
    let parent = getppid()
    while true {
      let isLast = Files.exists(endFile)
      do throws(StoreError) {
        return try Store.follow(path, refreshing: .manual)
      } catch {
        // There is no store yet, or it is compacted faster than it can be read.
        let isPassing = error.code == .notFound || error.code == .historyGone
        if isLast && error.code == .notFound { return nil }
        if !isPassing || isLast || getppid() != parent { throw error }
      }
      usleep(500)
    }
  }

  private static func refresh(_ store: Store, isLast: Bool) throws(StoreError) {
    // Nobody writes any more when it is the last time.
    for attempt in 0... {
      do throws(StoreError) {
        try store.refresh()
        return
      } catch {
        // What there was is there still, and the next look may come in time.
        if error.code != .historyGone || isLast && attempt == 2 { throw error }
        if !isLast { return }
      }
    }
  }
}
