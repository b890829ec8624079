internal import Cairn
internal import CairnIndex
internal import Synchronization

/// What goes so that others have room.
extension Caches {
  /// So many go with one batch, under one hold of the lock.
  static let victimsAtOnce = 256
  /// Taken out at once of what has expired, and looked for of what may be gone.
  private static let (expiredAtOnce, doubtedAtOnce) = (64, 256)

  enum Refusal: Error {
    case noRoom
    case notAdmitted
    case store(StoreError)
  }

  /// An entry that had to go, of which its cache's options are to be told.
  struct Gone {
    let cache: Int
    /// In the store.
    let key: [UInt8]
  }

  /// Room for an entry, once some have been removed from the store. ``release(_:)`` has to follow when it is put, or
  /// is not.
  ///
  /// - Parameter hash: of its key; `nil`: of none that is there.
  /// - Returns: with those that have to go in the same commit.
  func reserve(
    _ amount: CacheAmount, hash: UInt64?, in cache: Int, at now: Int64, _ store: Store, _ gone: inout [Gone]
  ) throws(Refusal) -> CacheState.Reservation {
    var (isNew, pauses) = (true, 0)
    while true {
      var expired: [TrackedEntry] = []
      let room = state.withLock { state -> CacheState.Room? in
        tidy(&state, store, at: now) { expired.append($0) }
        if isNew, let hash, !state.admits(hash, amount.bytes, to: cache) { return nil }
        return state.makeRoom(for: amount, hash: hash, in: cache, atMost: Self.victimsAtOnce)
      }
      isNew = false
      tell(expired, store)
      switch room {
      case nil: throw .notAdmitted
      case .enough(let reservation)?: return reservation
      case .none?: throw .noRoom
      case .busy?:
        // Others are at it; as a rule, for no longer than a commit.
        if pauses == Self.pausesMax { throw .noRoom }
        pauses += 1
        Pause.briefly()
      case .more(let victims)?:
        do throws(StoreError) { try remove(victims, store, &gone) } catch {
          giveBack(victims)
          throw .store(error)
        }
        // One that is to be replaced is not removed.
        giveBack(victims.filter(\.isReplaced))
      }
    }
  }

  /// 50 µs each.
  private static let pausesMax = 20_000

  func release(_ reservation: CacheState.Reservation) { state.withLock { $0.end(reservation) } }

  /// What all caches may hold together: half of what the directory may take is for live entries, as what is dead is
  /// given back later.
  func budget(_ store: Store) -> Int? {
    let ofLimit = store.spaceLimit.map { $0 / 2 }
    return [bytes, ofLimit].compactMap(\.self).min()
  }

  /// With the lock: what reads have noted, what has expired, what may be gone.
  private func tidy(
    _ state: inout CacheState, _ store: Store, at now: Int64, _ expired: (TrackedEntry) -> Void
  ) {
    takeNotes(&state)
    state.expire(at: now, atMost: Self.expiredAtOnce, expired)
    // No commit comes in between: it would have to have the lock.
    if state.hasDoubts { state.settleDoubts(Self.doubtedAtOnce) { store.mayHaveKey(hash: $0) } }
  }

  /// A read has noted so much that somebody should take it out; nobody waits for that.
  func takeNotes() {
    guard isTracking, state.tryLock() else { return }
    takeNotes(&state.value)
    state.unlock()
  }

  /// With the lock.
  func takeNotes(_ state: inout CacheState) {
    var hashes: [UInt64] = []
    notes.takeOut(into: &hashes)
    if !hashes.isEmpty { state.access(hashes) }
  }

  /// Everything that puts do a bit of, now and then.
  func maintain(_ store: Store) {
    if !isTracking { return }
    let now = store.now
    while true {
      var expired: [TrackedEntry] = []
      let isDone = state.withLock { state in
        tidy(&state, store, at: now) { expired.append($0) }
        return !state.hasDoubts
      }
      tell(expired, store)
      if isDone && expired.count < Self.expiredAtOnce { return }
    }
  }

  private func tell(_ expired: [TrackedEntry], _ store: Store) {
    for entry in expired {
      let cache = shared[Int(entry.cache)]
      cache.counters.add(.expirations)
      cache.events.send {
        let key = try? store.key(hash: entry.hash, evenExpired: true)
        return .init(.expired, key ?? [])
      }
    }
  }

  // MARK: Removing

  /// Those of some victims that are in the store; the others are forgotten.
  func found(_ victims: [CacheState.Victim], _ store: Store) throws(StoreError) -> [Gone] {
    // One that has been put again meanwhile stays.
    let victims = state.withLock { state in victims.filter { !$0.isReplaced && state.isLeaving($0) } }
    if victims.isEmpty { return [] }
    var found: [Gone] = []
    found.reserveCapacity(victims.count)
    let keys = try store.keys(hashes: victims.map(\.hash))
    for (victim, key) in zip(victims, keys) {
      if let key {
        found.append(Gone(cache: victim.cache, key: key))
      } else {
        state.withLock { $0.forget(victim) }
      }
    }
    return found
  }

  /// Removes them.
  func remove(_ victims: [CacheState.Victim], _ store: Store, _ gone: inout [Gone]) throws(StoreError) {
    let found = try found(victims, store)
    if found.isEmpty { return }
    try store.write { (batch) throws(StoreError) in
      for one in found { try batch.removeEvicted(one.key) }
    }
    gone += found
  }

  /// They have not been removed, or replaced, as far as they are still there.
  func giveBack(_ victims: [CacheState.Victim]) {
    if !victims.isEmpty { state.withLock { $0.giveBack(victims) } }
  }

  /// Calls what wants to know of evictions; without any lock, as it may ask the cache.
  func hook(_ gone: [Gone]) {
    for one in gone {
      let cache = shared[one.cache]
      cache.options.onEviction?(Array(one.key.dropFirst(cache.prefix.count)))
    }
  }

  /// The largest record that an entry may have.
  func entryBytesMax(_ cache: CacheShared) -> Int? {
    if !isTracking { return nil }
    let bytes = min(cache.options.limits.bytes ?? .max, sharedBytes.load(ordering: .relaxed))
    return bytes == .max ? nil : max(1, Int(min(Double(bytes) * cache.options.limits.valueShare, 1e18)))
  }
}
