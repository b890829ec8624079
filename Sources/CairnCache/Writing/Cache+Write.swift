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
    do throws(CacheKeyError) { storeKey = try self.storeKey(key) } catch { return refuse(.noKey(error), nil) }
    do {
      let bytes = try codec.encode(value, storeKey.count)
      let all = tags.isEmpty ? sources : try sources.merging(store.sources(tags: tags))
      let entry = NewEntry(
        bytes: bytes, stamp: codec.stamp, life: life, cost: cost, sources: all, attributes: attributes,
        isPinned: isPinned)
      var gone: [Caches.Gone] = []
      defer { caches.hook(gone) }
      return try put(entry, for: storeKey, .none, &gone) ?? .refused(.noRoom)
    } catch let error as StoreError {
      return refuse(.store(error), storeKey)
    } catch {
      return refuse(.notEncoded("\(error)"), storeKey)
    }
  }

  /// Removes a key. A load of it that is under way brings its value to those who wait, and is not kept.
  ///
  /// - Returns: whether it was there.
  /// - Throws: as ``Cairn/Store/remove(_:durability:)``: as long as it is there, it may be read.
  @discardableResult
  public func remove(_ key: Key) throws -> Bool {
    let key = try storeKey(key)
    return try caches.storing.withLock { _ in
      key.withBytes { shared.flights.invalidate(key: $0) }
      return try store.remove(key, durability: shared.options.durability)
    }
  }

  // MARK: Inside

  /// What has to be as it was, for a put.
  enum Condition {
    case none
    /// The version; `nil`: there is none.
    case version(UInt64?)
  }

  /// A value that is to be put, and what is to be said of it.
  struct NewEntry {
    let bytes: [UInt8]
    /// Of the codec, or that there is no value.
    let stamp: String
    let life: CacheLife
    let cost: Double
    let sources: Sources
    let attributes: Attributes
    let isPinned: Bool
  }

  /// - Parameter gone: gets what had to go.
  /// - Returns: `nil` if the condition does not hold.
  func put(
    _ entry: NewEntry, for key: [UInt8], _ condition: Condition, _ gone: inout [Caches.Gone]
  ) throws(StoreError) -> CachePut? {
    let lives = shared.options.lives
    let hash = key.withBytes { store.hash(of: $0) }
    let now = store.now
    let (end, deadline) = lives.ends(entry.life, now: now, random: Self.mixed(hash ^ UInt64(bitPattern: now)))
    if end ?? .max <= now { return refuse(.expired, key) }
    for name in entry.attributes.names where EntryFields.names.contains(name) {
      throw StoreError(.invalidAttribute, "the attribute \(name) is set by the cache: leave it out")
    }
    var attributes = try entry.attributes.adding(entry.sources, for: key, in: store)
    attributes[EntryFields.codecName] = .string(entry.stamp)
    let saysEnd = end != deadline || lives.afterAccess != nil
    let fields = EntryFields(written: now, end: saysEnd ? end : nil, cost: entry.cost, isPinned: entry.isPinned)
    fields.add(to: &attributes)
    let byteCount = Store.recordByteCount(
      keyByteCount: key.count, valueByteCount: entry.bytes.count, attributes, hasDeadline: deadline != nil)
    if let limit = caches.entryBytesMax(shared), byteCount > limit {
      return refuse(.tooLarge(bytes: byteCount, limit: limit), key)
    }
    let put = RoomedPut(
      bytes: entry.bytes, key: key, hash: hash, attributes: attributes,
      amount: CacheAmount(entries: 1, bytes: byteCount, cost: fields.cost),
      expires: deadline.map { .at(milliseconds: $0) } ?? .never)
    return try self.put(put, condition, &gone)
  }

  /// A put for which room is to be made.
  private struct RoomedPut {
    let bytes: [UInt8]
    let key: [UInt8]
    let hash: UInt64
    let attributes: Attributes
    let amount: CacheAmount
    let expires: Store.Expiry
  }

  private func put(
    _ put: RoomedPut, _ condition: Condition, _ gone: inout [Caches.Gone]
  ) throws(StoreError) -> CachePut? {
    if !caches.isTracking { return try commit(put, condition, [], &gone).map { .stored(version: $0) } }
    let victims: [CacheState.Victim]
    do throws(Caches.Refusal) {
      victims = try caches.reserve(put.amount, hash: put.hash, in: shared.number, store, &gone)
    } catch {
      switch error {
      case .noRoom: return refuse(.noRoom, put.key)
      case .notAdmitted: return refuse(.notAdmitted, put.key)
      case .store(let error): throw error
      }
    }
    defer { caches.release(put.amount, in: shared.number) }
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
    _ put: RoomedPut, _ condition: Condition, _ victims: [CacheState.Victim], _ gone: inout [Caches.Gone]
  ) throws(StoreError) -> UInt64? {
    let options = shared.options
    if case .version(let version) = condition {
      // A batch has no conditions.
      try caches.remove(victims, store, &gone)
      guard let version else {
        return try store.putIfAbsent(
          put.bytes, for: put.key, attributes: put.attributes, expires: put.expires, compression: options.compression,
          durability: options.durability)
      }
      return try store.put(
        put.bytes, for: put.key, attributes: put.attributes, ifVersion: version, expires: put.expires,
        compression: options.compression, durability: options.durability)
    }
    let going = try caches.found(victims, store)
    if going.isEmpty {
      return try store.put(
        put.bytes, for: put.key, attributes: put.attributes, expires: put.expires, compression: options.compression,
        durability: options.durability)
    }
    var batch = store.makeBatch()
    for one in going { try batch.remove(one.key, cause: .evicted) }
    try batch.put(
      put.bytes, for: put.key, attributes: put.attributes, expires: put.expires, compression: options.compression)
    let version = try store.commit(batch, options.durability)
    gone += going
    return version
  }

  /// Counts and tells; removes what the key had.
  func refuse(_ refusal: CachePut.Refusal, _ key: [UInt8]?) -> CachePut {
    switch refusal {
    case .tooLarge, .noRoom, .expired, .notEncoded, .noKey: shared.counters.add(.refusedPuts)
    case .notAdmitted: shared.counters.add(.unadmittedPuts)
    case .store(let error):
      shared.counters.add(.failedPuts)
      shared.events.send { .init(.failed("\(error)"), key ?? []) }
    }
    if let key { _ = try? store.remove(key) }
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
    let longer = max(lives.staleWhileRevalidate ?? .zero, lives.staleIfError ?? .zero)
    let wanted = min(
      lives.accessDeadline(afterAccess, now: store.now),
      end.map { $0.adding(longer.milliseconds) } ?? .max)
    if wanted.subtractingReportingOverflow(deadline).partialValue < afterAccess.milliseconds / CacheLives.accessSteps {
      return
    }
    guard let entry = try? store.entry(for: key), entry.version == version else { return }
    _ = try? store.put(
      entry.value, for: key, attributes: entry.attributes, ifVersion: entry.version, expires: .at(milliseconds: wanted),
      compression: shared.options.compression, durability: .relaxed)
  }
}
