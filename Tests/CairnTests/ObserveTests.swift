import CairnTestSupport
import Foundation
import Synchronization
import Testing

@testable import Cairn

/// Goal: who observes a store gets each commit whole, in order and once, whatever it waits for meanwhile, or is told
/// what it has missed; and it ends when it should.
@Suite struct ObserveTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store") }

  /// Batches are seen whole and in their order, by several at once, while they are written.
  @Test func whileItIsWritten() async throws {
    let store = try Store.open(at: path)
    try store.put("", for: "before")
    let commits = 2000
    let streams = [store.observe(prefix: "a"), store.observe(prefix: "a"), store.observe(since: 0)]
    let writing = Thread {
      for number in 0..<commits {
        try? store.write(durability: .relaxed) { batch in
          try batch.put("\(number)", for: "a-\(number % 7)")
          try batch.put("", for: "b")
          if number % 3 == 0 { try batch.remove("a-x") }
        }
      }
    }
    writing.start()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, stream) in streams.enumerated() {
        group.addTask {
          var (number, isFirst) = (0, index == 2)
          for try await event in stream {
            guard case .changes(let changes) = event else {
              Issue.record("nothing is missed")
              return
            }
            if isFirst {
              #expect(changes.map(\.key) == [Array("before".utf8)])
              isFirst = false
              continue
            }
            let keys = changes.map { String(decoding: $0.key, as: UTF8.self) }
            let all = ["a-\(number % 7)", "b"] + (number % 3 == 0 ? ["a-x"] : [])
            #expect(keys == (index == 2 ? all : all.filter { $0 != "b" }))
            #expect(changes[0].value == Array("\(number)".utf8))
            number += 1
            if number == commits { return }
          }
        }
      }
      try await group.waitForAll()
    }
    try store.close()
  }

  @Test func endsWithTheStore() async throws {
    var store: Store? = try Store.open(at: path)
    for isClosed in [true, false] {
      if store == nil { store = try Store.open(at: path) }
      let stream = store!.observe(prefix: "")
      let events = Task {
        var count = 0
        for try await _ in stream { count += 1 }
        return count
      }
      try store!.put("", for: "a")
      // It may not have begun yet.
      while await !isWaitingOrDone(store!) { await Task.yield() }
      if isClosed { try store!.close() }
      store = nil
      #expect(try await events.value <= 1)
    }
  }

  private func isWaitingOrDone(_ store: Store) async -> Bool { store.engine.isWatched.load(ordering: .relaxed) }

  /// Cancelled at any moment: before it waits, while it does, and when it is being woken.
  @Test func cancelled() async throws {
    let store = try Store.open(at: path)
    let isWriting = Atomic(true)
    let writing = Task.detached {
      var number = 0
      while isWriting.load(ordering: .relaxed) {
        try store.put("", for: "\(number % 100)", durability: .relaxed)
        number += 1
        if number % 10 == 0 { await Task.yield() }
      }
    }
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<300 {
        group.addTask {
          let reading = Task {
            for try await _ in store.observe() where number % 2 == 0 { await Task.yield() }
          }
          for _ in 0..<number % 20 { await Task.yield() }
          reading.cancel()
          _ = await reading.result
        }
      }
    }
    isWriting.store(false, ordering: .relaxed)
    try await writing.value
    let idle = Task { for try await _ in store.observe() {} }
    while !store.engine.isWatched.load(ordering: .relaxed) { await Task.yield() }
    idle.cancel()
    _ = await idle.result
    try store.close()
  }

  /// A slow reader is told where removes have been lost to compaction, and goes on behind that.
  @Test func missed() async throws {
    var options = Store.Options()
    options.segmentBytes = 64 << 10
    options.compaction.isAutomatic = false
    let store = try Store.open(at: path, options: options)
    try store.put("", for: "first")
    var iterator = store.observe().makeAsyncIterator()
    try store.put("", for: "removed")
    #expect(try await iterator.next() != nil)
    let seen = store.lastSequence
    try store.remove("removed")
    var rounds = 0
    while store.engine.catalog.withLock({ $0.gone.history }) <= seen && rounds < 20 {
      for number in 0..<200 { try store.put([UInt8](repeating: 1, count: 2000), for: "\(number % 3)") }
      try store.compact()
      rounds += 1
    }
    #expect(rounds < 20)
    iterator = store.observe(since: seen).makeAsyncIterator()
    guard case .missed(let after, let resumed) = try await iterator.next() else {
      Issue.record("removes are gone")
      return
    }
    #expect(after == seen && resumed == store.lastSequence)
    try store.put("", for: "later")
    guard case .changes(let changes) = try await iterator.next() else {
      Issue.record("it goes on")
      return
    }
    #expect(changes.map(\.key) == [Array("later".utf8)])
    // What has not been written yet cannot be gone on from.
    var future = store.observe(since: 1 << 40).makeAsyncIterator()
    #expect(try await future.next() == .missed(after: 1 << 40, resumed: store.lastSequence))
    try store.close()
    #expect(try await iterator.next() == nil)
  }

  @Test func aFollower() async throws {
    let store = try Store.open(at: path)
    let follower = try Store.follow(path)
    let stream = follower.observe(prefix: "k")
    let keys = Task {
      var keys: [String] = []
      for try await case .changes(let changes) in stream {
        keys += changes.map { String(decoding: $0.key, as: UTF8.self) }
        if keys.count >= 20 { return keys }
      }
      return keys
    }
    for number in 0..<20 { try store.put("", for: "k\(number)") }
    #expect(try await keys.value == (0..<20).map { "k\($0)" })
    try follower.close()
    try store.close()
  }
}
