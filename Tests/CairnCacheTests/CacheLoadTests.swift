import Cairn
import CairnIndex
import CairnTestSupport
import Synchronization
import Testing

@testable import CairnCache

/// Goal: what is missing is loaded once, however many ask, and what has happened meanwhile stands.
/// Method: loads that wait at a gate until the test lets them go on.
@Suite struct CacheLoadTests {
  struct Failure: Error, Equatable {}

  /// Where loads wait until it is opened.
  final class Gate: Sendable {
    private struct State {
      var isOpen = false
      var waiting: [CheckedContinuation<Void, Never>] = []
      var arrived = 0
      var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    func pass() async {
      await withCheckedContinuation { continuation in
        let watchers = state.withLock { state in
          state.arrived += 1
          defer { state.watchers.removeAll { $0.count <= state.arrived } }
          if state.isOpen { continuation.resume() } else { state.waiting.append(continuation) }
          return state.watchers.filter { $0.count <= state.arrived }
        }
        for watcher in watchers { watcher.continuation.resume() }
      }
    }

    func open() {
      let waiting = state.withLock { state in
        state.isOpen = true
        defer { state.waiting = [] }
        return state.waiting
      }
      for continuation in waiting { continuation.resume() }
    }

    var arrived: Int { state.withLock { $0.arrived } }

    /// Until so many have come.
    func reached(_ count: Int = 1) async {
      await withCheckedContinuation { continuation in
        let isReached = state.withLock { state in
          if state.arrived >= count { return true }
          state.watchers.append((count, continuation))
          return false
        }
        if isReached { continuation.resume() }
      }
    }
  }

  private func joined(_ cache: Cache<String, String>, _ count: Int) async {
    while cache.statistics.joinedLoads < count { await Task.yield() }
  }

  @Test func onceForAll() async throws {
    let fixture = try CacheFixture()
    let cache = try fixture.cache()
    let gate = Gate()
    try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<50 {
        group.addTask {
          try await cache.value(for: "a") { _ in
            await gate.pass()
            return "1"
          }
        }
      }
      await joined(cache, 49)
      gate.open()
      for try await value in group { #expect(value == "1") }
    }
    #expect(gate.arrived == 1 && cache.value(for: "a") == "1")
    #expect(try await cache.value(for: "a") { _ in throw Failure() } == "1")
    let statistics = cache.statistics
    #expect(statistics.loads == 1 && statistics.misses == 50 && statistics.hits == 2)
  }

  @Test func anErrorIsForAllAndIsNotKept() async throws {
    let fixture = try CacheFixture()
    let cache = try fixture.cache()
    let gate = Gate()
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<10 {
        group.addTask {
          do {
            _ = try await cache.value(for: "a") { _ in
              await gate.pass()
              throw Failure()
            }
            return false
          } catch { return error is Failure }
        }
      }
      await joined(cache, 9)
      gate.open()
      for await isRight in group { #expect(isRight) }
    }
    #expect(gate.arrived == 1 && cache.statistics.failedLoads == 1)
    #expect(try await cache.value(for: "a") { _ in "2" } == "2")
  }

  @Test func oneWhoIsCancelledDoesNotCancelOthers() async throws {
    let fixture = try CacheFixture()
    let cache = try fixture.cache()
    let gate = Gate()
    let load: @Sendable () async throws -> String = {
      try await cache.value(for: "a") { _ in
        await gate.pass()
        return Task.isCancelled ? "cancelled" : "1"
      }
    }
    let first = Task { try await load() }
    await gate.reached()
    let second = Task { try await load() }
    await joined(cache, 1)
    first.cancel()
    await #expect(throws: CancellationError.self) { try await first.value }
    gate.open()
    #expect(try await second.value == "1")
  }

  @Test func ifAllAreCancelledSoIsTheLoad() async throws {
    let fixture = try CacheFixture()
    let cache = try fixture.cache()
    let (gate, done) = (Gate(), Gate())
    let first = Task {
      try await cache.value(for: "a") { _ in
        await gate.pass()
        defer { Task { await done.pass() } }
        try Task.checkCancellation()
        return "1"
      }
    }
    await gate.reached()
    first.cancel()
    await #expect(throws: CancellationError.self) { try await first.value }
    // Who comes now does not wait for what is being cancelled.
    #expect(try await cache.value(for: "a") { _ in "2" } == "2")
    gate.open()
    await done.reached()
    #expect(cache.value(for: "a") == "2" && cache.statistics.failedLoads == 0)
    done.open()
  }

  /// Whatever is done to the key, or to its tags, after the load has begun, is not overwritten by it.
  @Test(arguments: ["put", "remove", "prefix", "all", "tag", "outside", "outside prefix"])
  func whatHappensMeanwhileStands(what: String) async throws {
    let fixture = try CacheFixture(lives: CacheLives(staleIfError: .seconds(1000)))
    let cache = try fixture.cache()
    for isThere in [false, true] {
      let gate = Gate()
      if isThere { cache.put("0", for: "key", life: .after(.seconds(1))) }
      fixture.clock.advance(1000)
      let loaded = Task {
        try await cache.value(for: "key") { context in
          context.tags = ["t"]
          #expect((context.old != nil) == isThere)
          await gate.pass()
          return "old"
        }
      }
      await gate.reached()
      switch what {
      case "put": cache.put("new", for: "key")
      case "remove": try cache.remove("key")
      case "prefix": try cache.invalidate(prefix: "k")
      case "all": try cache.removeAll()
      case "tag": try cache.invalidate(tag: "t")
      case "outside":
        cache.put("new", for: "key")
        try fixture.store.remove("c:key")
      default: try fixture.store.invalidate(prefix: "c:ke")
      }
      gate.open()
      #expect(try await loaded.value == "old", "who waits gets it")
      #expect(cache.value(for: "key") == (what == "put" ? "new" : nil), "\(what)")
      try cache.remove("key")
    }
    #expect(cache.statistics.discardedLoads == 2)
    // What begins after it is kept.
    #expect(
      try await cache.value(for: "key") { context in
        context.tags = ["t"]
        return "again"
      } == "again")
    #expect(cache.value(for: "key") == "again")
  }

  /// Who asks after an invalidation does not get what was read before it.
  @Test(arguments: ["remove", "prefix", "all", "tag"]) func whoComesLaterDoesNotJoin(what: String) async throws {
    let fixture = try CacheFixture()
    let cache = try fixture.cache()
    let gate = Gate()
    let first = Task {
      try await cache.value(for: "key") { context in
        context.tags = ["t"]
        await gate.pass()
        return "old"
      }
    }
    await gate.reached()
    switch what {
    case "remove": try cache.remove("key")
    case "prefix": try cache.invalidate(prefix: "k")
    case "all": try cache.removeAll()
    default: try cache.invalidate(tag: "t")
    }
    #expect(
      try await cache.value(for: "key") { context in
        context.tags = ["t"]
        return "new"
      } == "new")
    gate.open()
    #expect(try await first.value == "old" && cache.value(for: "key") == "new")
  }

  /// A result that is not kept takes nothing with it that is newer.
  @Test func aRefusedResultLeavesWhatWasPut() async throws {
    let fixture = try CacheFixture(limits: CacheLimits(bytes: 10_000))
    let cache = try fixture.cache()
    let gate = Gate()
    let loaded = Task {
      try await cache.value(for: "key") { _ in
        await gate.pass()
        return String(repeating: "x", count: 9000)
      }
    }
    await gate.reached()
    cache.put("new", for: "key")
    gate.open()
    #expect(try await loaded.value.count == 9000 && cache.value(for: "key") == "new")
    #expect(cache.statistics.refusedPuts == 1)
  }

  /// The old value comes to its end while the new one is loaded, or goes for others.
  @Test func theOldValueEndsMeanwhile() async throws {
    let fixture = try CacheFixture(lives: CacheLives(afterWrite: .seconds(10), jitter: 0, refreshAhead: 0.5))
    let cache = try fixture.cache()
    let (gate, done) = (Gate(), Gate())
    cache.put("1", for: "key")
    fixture.clock.advance(6000)
    let value = try await cache.value(for: "key") { _ in
      await gate.pass()
      defer { Task { await done.pass() } }
      return "2"
    }
    #expect(value == "1")
    await gate.reached()
    fixture.clock.advance(4000)
    #expect(cache.value(for: "key") == nil)
    gate.open()
    await done.reached()
    done.open()
    while cache.statistics.loads == 0 { await Task.yield() }
    #expect(cache.value(for: "key") == "2" && cache.statistics.discardedLoads == 0)
  }

  @Test func aDamagedEntryIsHealed() async throws {
    // With a checkpoint, nobody reads the record at the next opening.
    let fixture = try CacheFixture(["c": CacheOptions()]) { $0.checkpointInterval = 1 }
    try fixture.cache().put("a value that is damaged", for: "key")
    try fixture.cache().put("another", for: "other")
    try fixture.store.close()
    let name = try #require(try Files.segments(fixture.path).first)
    var bytes = try Files.read(fixture.path + "/" + name)
    let text = Array("a value that is damaged".utf8)
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: text) })
    bytes[place] ^= 1
    try Files.write(bytes, to: fixture.path + "/" + name)
    try fixture.reopen()
    let cache = try fixture.cache()
    #expect(cache.value(for: "key") == nil && cache.statistics.failedMisses == 1)
    #expect(try await cache.value(for: "key") { _ in "whole" } == "whole")
    #expect(cache.value(for: "key") == "whole")
  }

  /// Who knows of no absence loads for himself.
  @Test func whoDoesNotAskForAbsence() async throws {
    let fixture = try CacheFixture()
    let cache = try fixture.cache()
    let gate = Gate()
    let first = Task {
      try await cache.valueIfAny(for: "key") { _ in
        await gate.pass()
        return nil
      }
    }
    await gate.reached()
    let second = Task { try await cache.value(for: "key") { _ in "made" } }
    await joined(cache, 1)
    gate.open()
    #expect(try await first.value == nil)
    #expect(try await second.value == "made" && cache.value(for: "key") == "made")
  }

  @Test func whatIsGoneIsNotKept() async throws {
    let fixture = try CacheFixture(
      lives: CacheLives(
        afterWrite: .seconds(10), jitter: 0, refreshAhead: nil, staleWhileRevalidate: .seconds(100), negative: nil))
    let cache = try fixture.cache()
    cache.put("1", for: "key")
    fixture.clock.advance(10_000)
    #expect(try await cache.valueIfAny(for: "key") { _ in nil } == "1")
    while try fixture.store.contains("c:key") { await Task.yield() }
    #expect(try await cache.valueIfAny(for: "key") { _ in nil } == nil)
  }

  /// What has not changed is made from what it was made from.
  @Test func unchangedKeepsItsSources() async throws {
    let fixture = try CacheFixture(lives: CacheLives(afterWrite: .seconds(10), jitter: 0, staleIfError: .seconds(100)))
    let cache = try fixture.cache()
    try fixture.store.put("a", for: "source")
    cache.put("1", for: "key", tags: ["t"], derivedFrom: try fixture.store.sources(of: ["source"]))
    fixture.clock.advance(10_000)
    let value = try await cache.value(for: "key") { context in try context.unchanged() }
    #expect(value == "1" && cache.value(for: "key") == "1")
    try fixture.store.put("b", for: "source")
    #expect(cache.value(for: "key") == nil)
  }

  @Test func aTagThatIsNew() async throws {
    let fixture = try CacheFixture()
    let cache = try fixture.cache()
    let gate = Gate()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<5 {
        group.addTask {
          _ = try await cache.value(for: "\(number)") { context in
            context.tags = ["new"]
            await gate.pass()
            return "x"
          }
        }
      }
      await gate.reached(5)
      gate.open()
      try await group.waitForAll()
    }
    #expect(try keys(of: cache).count == 5 && cache.statistics.discardedLoads == 0)
  }

  @Test func loadsThatWaitForThemselves() async throws {
    let fixture = try CacheFixture(["c": CacheOptions(), "d": CacheOptions()])
    let (c, d) = (try fixture.cache("c"), try fixture.cache("d"))
    await #expect(throws: CacheError.recursiveLoad) {
      try await c.value(for: "a") { _ in try await c.value(for: "a") { _ in "1" } }
    }
    // By way of another cache, in a task of its own.
    await #expect(throws: CacheError.recursiveLoad) {
      try await c.value(for: "a") { _ in
        try await d.value(for: "a") { _ in
          async let other = c.value(for: "a") { _ in "1" }
          return try await other
        }
      }
    }
    // By somebody who had begun before.
    let (inA, inB) = (Gate(), Gate())
    let a = Task {
      try await c.value(for: "a") { _ in
        await inA.pass()
        return try await d.value(for: "b") { _ in "never" }
      }
    }
    let b = Task {
      try await d.value(for: "b") { _ in
        await inB.pass()
        return try await c.value(for: "a") { _ in "never" }
      }
    }
    await inA.reached()
    await inB.reached()
    inA.open()
    inB.open()
    await #expect(throws: CacheError.recursiveLoad) { try await a.value }
    await #expect(throws: CacheError.recursiveLoad) { try await b.value }
    // Others may be asked for.
    #expect(try await c.value(for: "x") { _ in try await d.value(for: "x") { _ in "deep" } } == "deep")
  }

  @Test func aLoadThatHangs() async throws {
    let fixture = try CacheFixture { $0.loadTimeout = .seconds(1) }
    let cache = try fixture.cache()
    let (gate, done) = (Gate(), Gate())
    await #expect(throws: CacheError.timedOut) {
      try await cache.value(for: "a") { _ in
        await gate.pass()
        defer { Task { await done.pass() } }
        return "late"
      }
    }
    #expect(cache.statistics.failedLoads == 1)
    gate.open()
    await done.reached()
    done.open()
    #expect(try await cache.value(for: "a") { _ in "2" } == "2")
    #expect(cache.value(for: "a") == "2")
  }

  @Test func whatTheContextSays() async throws {
    let fixture = try CacheFixture(lives: CacheLives(afterWrite: .seconds(100), jitter: 0, staleIfError: .seconds(100)))
    let cache = try fixture.cache()
    _ = try await cache.value(for: "a") { context in
      #expect(context.old == nil)
      context.life = .after(.seconds(5))
      context.cost = 7
      context.tags = ["t"]
      context.attributes = ["model": "m"]
      context.isPinned = true
      return "1"
    }
    let entry = try #require(cache.entry(for: "a"))
    #expect(entry.cost == 7 && entry.tags == ["t"] && entry.attributes == ["model": "m"] && entry.isPinned)
    #expect(entry.end == fixture.store.now + 5000)
    fixture.clock.advance(5000)
    let unchanged = try await cache.value(for: "a") { context in
      #expect(context.old?.value == "1" && context.old?.isStale == true)
      return try context.unchanged()
    }
    #expect(unchanged == "1")
    let again = try #require(cache.entry(for: "a"))
    #expect(again.end == fixture.store.now + 100_000 && again.cost == 7 && again.tags == ["t"] && again.isPinned)
    #expect(again.attributes == ["model": "m"] && cache.statistics.refreshes == 1)
    await #expect(throws: CacheError.nothingToKeep) {
      try await cache.value(for: "b") { context in try context.unchanged() }
    }
    let numbers: Cache<CacheTests.Number, String> = try fixture.store.cache("c", codec: .text)
    await #expect(throws: CacheError.self) { try await numbers.value(for: .init(value: .nan)) { _ in "1" } }
  }
}
