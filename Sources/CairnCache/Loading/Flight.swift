internal import CairnIndex
internal import Synchronization

/// A load that is under way: one for all who want its result.
final class Flight: Sendable {
  /// `nil`: it is not there. A value of the cache's type otherwise.
  typealias Outcome = Result<(any Sendable)?, any Error>
  private typealias Waiter = CheckedContinuation<(any Sendable)?, any Error>

  /// In the store.
  let key: [UInt8]
  /// The sequence of the store when it began: what has a later one came after that.
  let start: UInt64
  /// It goes on if nobody waits.
  let isRefresh: Bool
  /// Something of the key has been removed or invalidated since: the result is of before that.
  private let invalidated = Atomic(false)

  private struct State {
    var outcome: Outcome?
    /// Nobody can join any more.
    var isOver = false
    var waiters: [Int: Waiter] = [:]
    /// Those who have a place, whether they wait already or not.
    var places: Set<Int> = []
    var nextPlace = 0
    var task: Task<Void, Never>?
    /// Loads that the one who makes this one waits for.
    var waitedFor: [ObjectIdentifier: (flight: Flight, count: Int)] = [:]
  }

  private let state = Guarded(State())

  /// The load that the calling task is a part of.
  @TaskLocal static var current: Flight?

  init(_ key: [UInt8], start: UInt64, isRefresh: Bool) {
    (self.key, self.start, self.isRefresh) = (key, start, isRefresh)
  }

  var isInvalidated: Bool { invalidated.load(ordering: .sequentiallyConsistent) }
  func invalidate() { invalidated.store(true, ordering: .sequentiallyConsistent) }

  /// Begins the work; at once, by who has made it.
  func begin(_ work: @escaping @Sendable () async -> Void) {
    let task = Task { await Flight.$current.withValue(self, operation: work) }
    let isOver = state.withLock { state in
      state.task = task
      return state.isOver
    }
    if isOver { task.cancel() }
  }

  // MARK: Waiting

  /// A place for somebody who wants the result; `nil`: it is over.
  ///
  /// - Throws: ``CacheError/recursiveLoad`` if the calling task is a part of what this one waits for.
  func join() throws -> Int? {
    guard let current = Flight.current else { return enter() }
    return try Self.waiting.withLock { _ in
      if leads(to: current) { throw CacheError.recursiveLoad }
      let place = enter()
      if place != nil { current.note(waitingFor: self) }
      return place
    }
  }

  private func enter() -> Int? {
    state.withLock { state in
      if state.isOver { return nil }
      state.nextPlace += 1
      state.places.insert(state.nextPlace)
      return state.nextPlace
    }
  }

  /// - Throws: what the load throws; `CancellationError` if the task is cancelled, which the load does not mind as long
  ///   as anybody waits for it.
  func wait(_ place: Int, leaving flights: Flights) async throws -> (any Sendable)? {
    let outer = Flight.current
    defer { outer?.noteEnd(of: self) }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let outcome = state.withLock { state -> Outcome? in
          if !state.places.contains(place) { return .failure(CancellationError()) }
          if state.outcome == nil { state.waiters[place] = continuation }
          return state.outcome
        }
        if let outcome { continuation.resume(with: outcome) }
      }
    } onCancel: {
      leave(place, flights)
    }
  }

  private func leave(_ place: Int, _ flights: Flights) {
    let (waiter, task) = state.withLock { state -> (Waiter?, Task<Void, Never>?) in
      if state.outcome != nil { return (nil, nil) }
      state.places.remove(place)
      let waiter = state.waiters.removeValue(forKey: place)
      if !state.places.isEmpty || isRefresh { return (waiter, nil) }
      state.isOver = true
      return (waiter, state.task)
    }
    if let task {
      flights.remove(self)
      task.cancel()
    }
    waiter?.resume(throwing: CancellationError())
  }

  /// Tells all who wait, unless somebody has told them before.
  ///
  /// - Parameter first: done before that, if it is.
  func finish(_ outcome: Outcome, _ first: () -> Void = {}) {
    let (waiters, isFirst) = state.withLock { state -> ([Waiter], Bool) in
      if state.outcome != nil { return ([], false) }
      (state.outcome, state.isOver) = (outcome, true)
      defer { state.waiters = [:] }
      return (Array(state.waiters.values), true)
    }
    if isFirst { first() }
    for waiter in waiters { waiter.resume(with: outcome) }
  }

  /// The work has taken too long: nobody waits for it any more.
  func giveUp(_ error: any Error, _ flights: Flights, _ first: () -> Void) {
    let task = state.withLock { $0.task }
    flights.remove(self)
    finish(.failure(error)) {
      first()
      task?.cancel()
    }
  }

  var isOver: Bool { state.withLock { $0.isOver } }

  // MARK: Loads that wait for each other

  /// Held while somebody looks who waits for whom, and until he waits himself.
  private static let waiting = Guarded(())

  private func note(waitingFor other: Flight) {
    let id = ObjectIdentifier(other)
    state.withLock { $0.waitedFor[id] = (other, ($0.waitedFor[id]?.count ?? 0) + 1) }
  }

  private func noteEnd(of other: Flight) {
    let id = ObjectIdentifier(other)
    state.withLock { state in
      guard let waited = state.waitedFor[id] else { return }
      state.waitedFor[id] = waited.count == 1 ? nil : (other, waited.count - 1)
    }
  }

  /// Whether it waits, by way of others too, for a load: to wait for it would be to wait for ever.
  func leads(to other: Flight) -> Bool {
    var (next, seen): ([Flight], Set<ObjectIdentifier>) = ([self], [])
    while let flight = next.popLast() {
      if flight === other { return true }
      guard seen.insert(ObjectIdentifier(flight)).inserted else { continue }
      next += flight.state.withLock { $0.waitedFor.values.map(\.flight) }
    }
    return false
  }
}

/// The loads of a cache that are under way.
final class Flights: Sendable {
  private struct State {
    /// Those that others can join.
    var flying: [[UInt8]: Flight] = [:]
    /// Those whose results would be kept, joined or not.
    var kept: [[UInt8]: [Flight]] = [:]
    /// Keys whose load has failed, and until when no other is to be begun for those that have an old value.
    var failed: [[UInt8]: Int64] = [:]
  }

  private let state = Guarded(State())
  /// Of those whose results would be kept.
  private let count = Atomic(0)

  private static let failedMax = 10_000

  /// A place in the load of a key: in the one that is under way, or in a new one.
  ///
  /// - Throws: ``CacheError/recursiveLoad`` if the one who asks is a part of what that load waits for.
  func join(_ key: [UInt8], _ make: () -> Flight) throws -> (flight: Flight, place: Int, isNew: Bool) {
    try state.withLock { state in
      if let flight = state.flying[key], let place = try flight.join() { return (flight, place, false) }
      let flight = make()
      guard let place = try flight.join() else { preconditionFailure("a new flight can be joined") }
      add(flight, &state)
      return (flight, place, true)
    }
  }

  /// A load beside the readers, if there is none.
  func beginRefresh(_ key: [UInt8], at now: Int64, _ make: () -> Flight) -> Flight? {
    state.withLock { state in
      if state.flying[key]?.isOver == false || state.failed[key] ?? .min > now { return nil }
      let flight = make()
      add(flight, &state)
      return flight
    }
  }

  private func add(_ flight: Flight, _ state: inout State) {
    state.flying[flight.key] = flight
    state.kept[flight.key, default: []].append(flight)
    count.add(1, ordering: .sequentiallyConsistent)
  }

  /// Its result is there, or will not be kept.
  func remove(_ flight: Flight) {
    state.withLock { state in
      if state.flying[flight.key] === flight { state.flying[flight.key] = nil }
      let others = state.kept[flight.key]?.filter { $0 !== flight } ?? []
      count.subtract((state.kept[flight.key]?.count ?? 0) - others.count, ordering: .sequentiallyConsistent)
      state.kept[flight.key] = others.isEmpty ? nil : others
    }
  }

  /// Whether a key is being loaded.
  func isFlying(_ key: [UInt8]) -> Bool {
    count.load(ordering: .sequentiallyConsistent) > 0 && state.withLock { $0.kept[key] != nil }
  }

  /// Whether no load is to be begun for a key yet.
  func hasFailed(_ key: [UInt8], at now: Int64) -> Bool { state.withLock { $0.failed[key] ?? .min > now } }

  func noteFailure(_ key: [UInt8], until: Int64, now: Int64) {
    state.withLock { state in
      if state.failed.count >= Self.failedMax { state.failed = state.failed.filter { $0.value > now } }
      if state.failed.count < Self.failedMax { state.failed[key] = until }
    }
  }

  func noteSuccess(_ key: [UInt8]) { state.withLock { _ = $0.failed.removeValue(forKey: key) } }

  // MARK: What makes results useless

  func invalidate(key: RawSpan) {
    if count.load(ordering: .sequentiallyConsistent) == 0 { return }
    invalidate([UInt8](copying: key)[...]) { $0 == $1 }
  }

  func invalidate(prefix: [UInt8]) {
    if count.load(ordering: .sequentiallyConsistent) == 0 { return }
    invalidate(prefix[...]) { $0.starts(with: $1) }
  }

  /// Their results are not kept, and who comes from now on does not get them.
  private func invalidate(
    _ bytes: ArraySlice<UInt8>, _ isConcerned: (_ key: ArraySlice<UInt8>, ArraySlice<UInt8>) -> Bool
  ) {
    state.withLock { state in
      for (key, flights) in state.kept where isConcerned(key[...], bytes) {
        for flight in flights { flight.invalidate() }
        count.subtract(flights.count, ordering: .sequentiallyConsistent)
        (state.kept[key], state.flying[key]) = (nil, nil)
      }
    }
  }

  /// Something has been invalidated, and nobody knows yet which results are concerned: who comes from now on waits for
  /// none of them.
  func close() { state.withLock { $0.flying = [:] } }
}
