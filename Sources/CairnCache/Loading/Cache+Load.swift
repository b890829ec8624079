internal import Cairn
internal import CairnIndex

extension Cache {
  /// The value of a key: the one that there is, or else the one that `load` brings, which is kept.
  ///
  /// However many ask at the same time, it is loaded once: they wait for the one who began. If one of them is
  /// cancelled, he alone gets a `CancellationError`; the load is cancelled if all are. What it throws, all get; it is
  /// not kept. A value that is put, removed or invalidated while the load is under way stands: the result is for those
  /// who wait, and is not kept.
  ///
  /// When a value's life has nearly ended, or has ended, this may return it all the same and load beside it: see
  /// ``CacheLives``.
  ///
  /// - Parameter load: to be what all who ask for this key would do; it runs in a task of its own. A load that asks for
  ///   the same key again, by way of others or not, gets ``CacheError/recursiveLoad``.
  /// - Throws: what `load` throws; ``CacheError``; `CancellationError`.
  public func value(
    for key: Key, load: @escaping @Sendable (_ context: inout LoadContext<Value>) async throws -> Value
  ) async throws -> Value {
    guard let value = try await loaded(key, knowsNone: false, { try await load(&$0) }) else {
      throw CacheError.nothingToKeep
    }
    return value
  }

  /// The same for values that there may be none of: that is kept, too, for ``CacheLives/negative``.
  public func valueIfAny(
    for key: Key, load: @escaping @Sendable (_ context: inout LoadContext<Value>) async throws -> Value?
  ) async throws -> Value? {
    try await loaded(key, knowsNone: true, load)
  }

  typealias Load = @Sendable (_ context: inout LoadContext<Value>) async throws -> Value?

  private func loaded(_ key: Key, knowsNone: Bool, _ load: @escaping Load) async throws -> Value? {
    let storeKey: [UInt8]
    do throws(CacheKeyError) { storeKey = try self.storeKey(key) } catch { throw CacheError.key(error) }
    let counters = core.shared.counters
    var value: Value?
    let look = core.look(storeKey, noting: true) { value = try codec.decode($0.value) }
    if case .value(let found) = look, let value, let isStale = use(found, storeKey, load) {
      counters.add(.hits)
      if isStale { counters.add(.staleHits) }
      return value
    }
    counters.add(.misses)
    if knowsNone, case .negative(_, isGood: true) = look {
      counters.add(.negativeHits)
      return nil
    }
    do {
      return try await join(storeKey, knowsNone: knowsNone, load)
    } catch {
      guard !(error is CancellationError), let old = oldValue(storeKey) else { throw error }
      // A hit after all.
      counters.add(.misses, -1)
      counters.add(.hits)
      counters.add(.staleHits)
      return old
    }
  }

  /// Whether a value is to be returned as it is, and whether it is stale; `nil`: no. Loads it anew beside that if that
  /// is due.
  private func use(_ found: FoundEntry, _ key: [UInt8], _ load: @escaping Load) -> Bool? {
    let lives = options.lives
    let now = store.now
    guard found.isFresh else { return nil }
    guard let end = found.end else { return false }
    if now < end {
      if let part = lives.refreshAhead, let written = found.fields.written {
        // Each entry a bit earlier or later than others.
        let hash = key.withBytes { store.hash(of: $0) }
        let spread = Double(CacheCore.mixed(hash) >> 11) / Double(1 << 53) * lives.jitter
        if Double(now - written) >= Double(end - written) * min(part * (1 + spread), 1) { refresh(key, load) }
      }
      return false
    }
    if now < end.saturatingAdd(lives.staleWhileRevalidate?.wholeMilliseconds ?? 0) {
      refresh(key, load)
      return true
    }
    // A load has failed a moment ago.
    if now < end.saturatingAdd(lives.staleIfError?.wholeMilliseconds ?? 0), core.shared.flights.hasFailed(key, at: now)
    {
      return true
    }
    return nil
  }

  /// In place of a value that could not be loaded.
  private func oldValue(_ key: [UInt8]) -> Value? {
    guard let longer = options.lives.staleIfError else { return nil }
    var value: Value?
    guard case .value(let found) = core.look(key, noting: false, { value = try codec.decode($0.value) }), found.isFresh,
      store.now < found.end.map({ $0.saturatingAdd(longer.wholeMilliseconds) }) ?? .max
    else { return nil }
    return value
  }

  // MARK: One for all

  private func join(_ key: [UInt8], knowsNone: Bool, _ load: @escaping Load) async throws -> Value? {
    let flights = core.shared.flights
    while true {
      let (flight, place, isNew) = try flights.join(key) { Flight(key, start: store.lastSequence, isRefresh: false) }
      if isNew {
        flight.begin { await run(flight, load) }
      } else {
        core.shared.counters.add(.joinedLoads)
      }
      guard let outcome = try await flight.wait(place, leaving: flights) else {
        if knowsNone || isNew { return nil }
        // Others have found that there is none, which this one's load may not say: its own turn.
        flights.remove(flight)
        continue
      }
      if let value = outcome as? Value { return value }
      // Of who uses this cache with other values: nothing that could be shared.
      var context = LoadContext<Value>()
      return try await load(&context)
    }
  }

  private func refresh(_ key: [UInt8], _ load: @escaping Load) {
    let flights = core.shared.flights
    let flight = flights.beginRefresh(key, at: store.now) { Flight(key, start: store.lastSequence, isRefresh: true) }
    flight?.begin { await run(flight, load) }
  }

  private func run(_ flight: Flight?, _ load: @escaping Load) async {
    guard let flight else { return }
    let (flights, counters) = (core.shared.flights, core.shared.counters)
    var (old, more): (Value?, EntryExtras?)
    let look = core.look(flight.key, noting: false) { entry in
      old = try codec.decode(entry.value)
      more = EntryExtras(entry)
    }
    var context = LoadContext<Value>()
    if case .value(let found) = look, let old, let more {
      // Somebody has put it since it was looked for.
      if found.isGood && !flight.isRefresh {
        flights.remove(flight)
        flight.finish(.success(old))
        return
      }
      if found.isFresh {
        context = LoadContext(old: CacheEntry(old, found, more, at: store.now, hits: 0), sources: more.sources)
      }
    }
    let timer = timer(of: flight)
    let start = ContinuousClock.now
    let outcome: Flight.Outcome
    do {
      let value = try await load(&context)
      if flight.isOver {
        outcome = .failure(CancellationError())
      } else {
        keep(value, context, flight, look)
        outcome = .success(value)
        counters.add(.loads)
      }
    } catch {
      outcome = .failure(error)
      if !(error is CancellationError) { noteFailure(of: flight, error) }
    }
    timer?.cancel()
    counters.add(.loadNanoseconds, Int(clamping: (ContinuousClock.now - start).nanoseconds))
    // Who comes from now on finds the value.
    flights.remove(flight)
    flight.finish(outcome)
  }

  private func timer(of flight: Flight) -> Task<Void, Never>? {
    options.loadTimeout.map { timeout in
      Task.detached { [shared = core.shared] in
        guard (try? await Task.sleep(for: timeout)) != nil else { return }
        flight.giveUp(CacheError.timedOut, shared.flights) { noteFailure(of: flight, CacheError.timedOut) }
      }
    }
  }

  private func noteFailure(of flight: Flight, _ error: any Error) {
    core.shared.counters.add(.failedLoads)
    core.shared.events.send { .init(.failed("\(error)"), flight.key) }
    guard let pause = options.lives.retryAfter else { return }
    let now = store.now
    core.shared.flights.noteFailure(flight.key, until: now.saturatingAdd(pause.wholeMilliseconds), now: now)
  }

  // MARK: What becomes of it

  private func keep(_ value: Value?, _ context: LoadContext<Value>, _ flight: Flight, _ look: CacheLook) {
    let counters = core.shared.counters
    core.shared.flights.noteSuccess(flight.key)
    var gone: [Caches.Gone] = []
    defer { core.caches.hook(gone) }
    do {
      if value == nil && options.lives.negative == nil {
        // Nothing is kept of that, what there was neither.
        if let version = look.version { try store.remove(flight.key, ifVersion: version) }
        return
      }
      let entry = try newEntry(value, context, flight)
      let put = try core.caches.storing.withLock { _ -> CachePut? in
        guard let entry, !flight.isInvalidated else { return nil }
        let put = try replace(with: entry, flight, look, &gone)
        // Somebody who does not go by way of the cache has removed it meanwhile: that stands.
        guard flight.isInvalidated, case .stored(let version)? = put else { return put }
        try store.remove(flight.key, ifVersion: version, cause: .invalidated(by: core.shared.name))
        return nil
      }
      switch (put, look) {
      case (nil, _): counters.add(.discardedLoads)
      case (.stored?, .value):
        counters.add(.refreshes)
        core.shared.events.send { .init(.refreshed, flight.key) }
      case (.stored?, _), (.refused?, _): break
      }
    } catch let error as StoreError {
      _ = core.refuse(.store(error), nil)
    } catch {
      _ = core.refuse(.notEncoded("\(error)"), nil)
    }
  }

  /// In place of what there was when the load began.
  private func replace(
    with entry: borrowing NewEntry, _ flight: Flight, _ look: CacheLook, _ gone: inout [Caches.Gone]
  ) throws(StoreError) -> CachePut? {
    // A record that cannot be read has no version that could be asked for.
    if case .damaged = look {
      do throws(StoreError) {
        _ = try store.version(of: flight.key)
        // Somebody else has healed it.
        return nil
      } catch {
        if error.code != .damaged { throw error }
        return try core.put(entry, for: flight.key, .damaged, &gone)
      }
    }
    if let put = try core.put(entry, for: flight.key, .version(look.version), &gone) { return put }
    // It may just have come to its end: whoever has removed it would have said so.
    guard look.version != nil, !flight.isInvalidated, try store.version(of: flight.key) == nil else { return nil }
    return try core.put(entry, for: flight.key, .version(nil), &gone)
  }

  /// `nil`: it is of before something that has happened since.
  private func newEntry(_ value: Value?, _ context: LoadContext<Value>, _ flight: Flight) throws -> NewEntry? {
    var sources = context.sources
    if !context.tags.isEmpty {
      guard let tags = try store.sources(tags: context.tags, unlessInvalidatedSince: flight.start) else { return nil }
      sources = sources.merging(tags)
    }
    let negative = options.lives.negative
    let life =
      value == nil && context.life == .standard ? negative.map { CacheLife.after($0) } ?? .standard : context.life
    let bytes = try value.map { try codec.encode($0, flight.key.count) } ?? []
    return NewEntry(
      bytes: bytes, stamp: value == nil ? CodecStamp.noValue : nil, life: life, cost: context.cost, sources: sources,
      attributes: context.attributes, isPinned: context.isPinned)
  }
}

extension Duration {
  fileprivate var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue.saturatingAdd(
      attoseconds / 1_000_000_000)
  }
}
