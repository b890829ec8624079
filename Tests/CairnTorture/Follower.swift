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
  }

  private let child: Child
  private let output: String
  private let endFile: String

  /// - Parameters:
  ///   - program: `cairn-test-writer`.
  ///   - path: where the store is, or will be.
  ///   - name: of two files that it makes: what it says, and what it ends at.
  init(_ path: String, seed: UInt64, program: String, name: String) throws {
    (output, endFile) = (name + ".output", name + ".end")
    Files.remove(endFile)
    child = try Child([program, "follow", path, "\(seed)", endFile], output: output)
  }

  func signal(_ number: Int32) { child.signal(number) }

  func kill() { _ = child.stop() }

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
    guard end == .exited(0), words.count == 2, let states = Int(words[0]) else {
      throw Finding("a follower \(end): \(lines.suffix(3))", replay: replay)
    }
    return Report(states: states, done: Int(words[1]))
  }

  /// What the process does. At its end it says how many states it has seen and after how many steps the last one was,
  /// or what is wrong. Returns whether nothing was.
  ///
  /// - Parameter endFile: when there is such a file, it looks once more and ends.
  package static func follow(_ path: String, seed: UInt64, until endFile: String, say: (String) -> Void) -> Bool {
    var work = Work(seed: seed)
    var count = 0
    let parent = getppid()
    do {
      guard let store = try openWhenThere(path, until: endFile) else {
        say("0 none")
        return true
      }
      // Without who has started it, nobody would end it.
      while getppid() == parent {
        let isLast = Files.exists(endFile)
        try refresh(store)
        var contents = try store.contents().mapValues(\.value)
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
        if isLast { break }
        if work.done == before { usleep(500) }
      }
      try store.close()
    } catch {
      say("error: \(error)")
      return false
    }
    say("\(count) \(work.done)")
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

  private static func refresh(_ store: Store) throws(StoreError) {
    do throws(StoreError) {
      try store.refresh()
    } catch {
      // What there was is there still, and the next look may come in time.
      if error.code != .historyGone { throw error }
    }
  }
}
