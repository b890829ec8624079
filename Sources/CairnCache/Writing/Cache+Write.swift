public import Cairn
public import CairnIndex

extension Cache {
  /// Gives a key a value, whether it has one or not. What has no room otherwise goes in the same commit.
  ///
  /// - Parameters:
  ///   - life: when it ends.
  ///   - cost: to make it again, for policies that ask; and for ``CacheLimits/cost``. 0 to ``CachedEntry/costMax``.
  ///   - tags: it has; see ``CairnIndex/Cairn/Store/sources(tags:)``.
  ///   - sources: what it was made from: it is a miss when one of them has changed.
  ///   - attributes: of its own, for indexes and queries.
  ///   - isPinned: it does not go for others. It counts for limits all the same, and ends when its life does.
  /// - Returns: what has become of it. Where it was refused, what the key had before has been removed, as far as the
  ///   store takes that: it would be wrong.
  /// - Complexity: as ``Cairn/Store/put(_:for:attributes:expires:compression:durability:)``, and a remove for each
  ///   entry that has to go.
  @discardableResult
  public func put(
    _ value: Value, for key: Key, life: CacheLife = .standard, cost: Double = 1, tags: [String] = [],
    derivedFrom sources: Sources = Sources(), attributes: Attributes = [:], isPinned: Bool = false
  ) -> CachePut {
    let storeKey: [UInt8]
    do throws(CacheKeyError) { storeKey = try self.storeKey(key) } catch { return core.refuse(.noKey(error), nil) }
    let bytes: [UInt8]
    do { bytes = try codec.encode(value, storeKey.count) } catch {
      return core.refuse(.notEncoded("\(error)"), storeKey)
    }
    return core.put(
      NewEntry(
        bytes: bytes, life: life, cost: cost, sources: sources, attributes: attributes, isPinned: isPinned), tags: tags,
      for: storeKey)
  }

  /// Removes a key. A load of it that is under way brings its value to those who wait, and is not kept.
  ///
  /// - Returns: whether it was there.
  /// - Throws: as ``Cairn/Store/remove(_:durability:)``: as long as it is there, it may be read.
  @discardableResult
  public func remove(_ key: Key) throws -> Bool {
    let key = try storeKey(key)
    return try core.caches.storing.withLock { _ in
      key.withBytes { core.shared.flights.invalidate(key: $0) }
      return try store.remove(key, durability: options.durability)
    }
  }
}

/// A value that is to be put, and what is to be said of it.
struct NewEntry {
  let bytes: [UInt8]
  /// In place of the codec's: that there is no value.
  var stamp: String?
  let life: CacheLife
  let cost: Double
  var sources: Sources
  let attributes: Attributes
  let isPinned: Bool
}

extension CacheCore {
  /// What has to be as it was, for a put.
  enum Condition {
    case none
    /// The version; `nil`: there is none.
    case version(UInt64?)
    /// It cannot be read.
    case damaged
  }

  func put(_ entry: consuming NewEntry, tags: [String], for key: [UInt8]) -> CachePut {
    var gone: [Caches.Gone] = []
    defer { if !gone.isEmpty { caches.hook(gone) } }
    do throws(StoreError) {
      if !tags.isEmpty { entry.sources = try entry.sources.merging(store.sources(tags: tags)) }
      return try put(entry, for: key, .none, &gone) ?? .refused(.noRoom)
    } catch {
      return refuse(.store(error), key)
    }
  }

  /// - Parameter gone: gets what had to go.
  /// - Returns: `nil` if the condition does not hold.
  func put(
    _ entry: borrowing NewEntry, for key: [UInt8], _ condition: Condition, _ gone: inout [Caches.Gone]
  ) throws(StoreError) -> CachePut? {
    let lives = shared.options.lives
    let hash = key.withBytes { store.hash(of: $0) }
    let now = store.now
    let (end, deadline) = lives.ends(entry.life, now: now, random: Self.mixed(hash ^ UInt64(bitPattern: now)))
    if end ?? .max <= now { return refuse(.expired, key, condition) }
    let saysEnd = end != deadline || lives.afterAccess != nil
    let fields = EntryFields(written: now, end: saysEnd ? end : nil, cost: entry.cost, isPinned: entry.isPinned)
    let items = try items(entry, fields, key, now)
    let byteCount = Store.recordByteCount(
      keyByteCount: key.count, valueByteCount: entry.bytes.count, items: items, hasDeadline: deadline != nil)
    if let limit = caches.entryBytesMax(shared), byteCount > limit {
      return refuse(.tooLarge(bytes: byteCount, limit: limit), key, condition)
    }
    let put = RoomedPut(
      bytes: entry.bytes, key: key, hash: hash, items: items,
      amount: CacheAmount(entries: 1, bytes: byteCount, cost: fields.cost), now: now, deadline: deadline)
    return try self.put(put, condition, &gone)
  }

  private func items(
    _ entry: borrowing NewEntry, _ fields: EntryFields, _ key: [UInt8], _ now: Int64
  ) throws(StoreError) -> [UInt8] {
    if fields.isPlain && entry.attributes.isEmpty && entry.sources.isEmpty && entry.stamp == nil {
      return plainFields.items(written: now)
    }
    for name in entry.attributes.names where EntryFields.names.contains(name) {
      throw StoreError(.invalidAttribute, "the attribute \(name) is set by the cache: leave it out")
    }
    var attributes = try entry.attributes.adding(entry.sources, for: key, in: store)
    attributes[EntryFields.codecName] = .string(entry.stamp ?? stamp.description)
    fields.add(to: &attributes)
    return try store.encoded(attributes)
  }

  /// A put for which room is to be made.
  private struct RoomedPut: ~Copyable {
    let bytes: [UInt8]
    let key: [UInt8]
    let hash: UInt64
    /// Its attributes.
    let items: [UInt8]
    let amount: CacheAmount
    let now: Int64
    let deadline: Int64?
  }

  private func put(
    _ put: borrowing RoomedPut, _ condition: Condition, _ gone: inout [Caches.Gone]
  ) throws(StoreError) -> CachePut? {
    if !caches.isTracking { return try commit(put, condition, [], &gone).map { .stored(version: $0) } }
    let reservation: CacheState.Reservation
    do throws(Caches.Refusal) {
      reservation = try caches.reserve(
        put.amount, hash: put.hash, in: shared.number, at: put.now, store, &gone)
    } catch {
      switch error {
      case .noRoom: return refuse(.noRoom, put.key, condition)
      case .notAdmitted: return refuse(.notAdmitted, put.key, condition)
      case .store(let error): throw error
      }
    }
    defer { caches.release(reservation) }
    let victims = reservation.victims
    do throws(StoreError) {
      if let version = try commit(put, condition, victims, &gone) {
        shared.counters.add(.puts)
        return .stored(version: version)
      }
      caches.giveBack(victims)
      return nil
    } catch {
      caches.giveBack(victims)
      throw error
    }
  }

  private func commit(
    _ put: borrowing RoomedPut, _ condition: Condition, _ victims: [CacheState.Victim], _ gone: inout [Caches.Gone]
  ) throws(StoreError) -> UInt64? {
    let options = shared.options
    if case .version(let version) = condition {
      // A batch has no conditions.
      try caches.remove(victims, store, &gone)
      return try self.put(put, ifVersion: version ?? 0)
    }
    let going = try caches.found(victims, store)
    if going.isEmpty { return try self.put(put, ifVersion: nil) }
    let byteCount = put.amount.bytes + going.reduce(0) { $0 + $1.key.count + Self.removeBytes }
    if byteCount > Store.Limits.batchBytes {
      try caches.remove(victims, store, &gone)
      return try self.put(put, ifVersion: nil)
    }
    var batch = store.makeBatch()
    batch.reserve(byteCount)
    for one in going { try batch.removeEvicted(one.key) }
    try batch.put(
      put.bytes, for: put.key, items: put.items, deadline: put.deadline, compression: options.compression)
    let version = try store.commit(batch, options.durability)
    gone += going
    return version
  }

  /// About what a remove takes beside its key.
  private static let removeBytes = 48

  private func put(_ put: borrowing RoomedPut, ifVersion version: UInt64?) throws(StoreError) -> UInt64? {
    try store.put(
      put.bytes, for: put.key, items: put.items, ifVersion: version, deadline: put.deadline,
      compression: shared.options.compression, durability: shared.options.durability)
  }

  /// Counts and tells; removes what the key had.
  ///
  /// - Parameter condition: what the key must have for that.
  func refuse(_ refusal: CachePut.Refusal, _ key: [UInt8]?, _ condition: Condition = .none) -> CachePut {
    switch refusal {
    case .tooLarge, .noRoom, .expired, .notEncoded, .noKey: shared.counters.add(.refusedPuts)
    case .notAdmitted: shared.counters.add(.unadmittedPuts)
    case .store(let error):
      shared.counters.add(.failedPuts)
      shared.events.send { .init(.failed("\(error)"), key ?? []) }
    }
    guard let key else { return .refused(refusal) }
    switch condition {
    case .none:
      // What loads have begun to bring is no better.
      key.withBytes { shared.flights.invalidate(key: $0) }
      _ = try? store.remove(key)
    case .version(let version?): _ = try? store.remove(key, ifVersion: version)
    case .version(nil), .damaged: break
    }
    return .refused(refusal)
  }

  /// SplitMix64.
  static func mixed(_ seed: UInt64) -> UInt64 {
    var z = seed &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  /// An entry that is in use stays: put again, as it is, with a later deadline, if that is worth it.
  ///
  /// - Parameter end: of its life, if it has one.
  func keepAlive(_ key: [UInt8], _ version: UInt64, _ deadline: Int64?, _ end: Int64?) {
    let lives = shared.options.lives
    guard let afterAccess = lives.afterAccess, let deadline, caches.isTracking else { return }
    let wanted = min(lives.accessDeadline(afterAccess, now: store.now), end.map(lives.lastUse) ?? .max)
    if wanted.subtractingReportingOverflow(deadline).partialValue < CacheLives.accessStep(afterAccess) {
      return
    }
    // A load that is under way brings another one, for this version.
    if shared.flights.isFlying(key) { return }
    guard let entry = try? store.entry(for: key), entry.version == version else { return }
    _ = try? store.put(
      entry.value, for: key, attributes: entry.attributes, ifVersion: entry.version, expires: .at(milliseconds: wanted),
      compression: shared.options.compression, durability: .relaxed)
  }
}
