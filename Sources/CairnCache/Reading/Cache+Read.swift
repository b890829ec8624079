internal import Cairn
internal import CairnIndex

extension Cache {
  /// The value of a key; `nil` if there is none, its life has ended, something that it was made from has changed
  /// (``CairnIndex/Sources``), or it cannot be read.
  ///
  /// - Complexity: as ``Cairn/Store/value(for:)``, some 0.3 µs more, and what decoding takes; a lookup for each source.
  public func value(for key: Key) -> Value? {
    guard let key = keyOrMiss(key) else { return nil }
    return hit(look(key, noting: true))
  }

  /// The same, and nothing is noted: neither counted nor held to be in use.
  public func peek(_ key: Key) -> Value? {
    guard let key = try? storeKey(key), case .value(let found) = look(key, noting: false), found.isGood else {
      return nil
    }
    return found.value
  }

  /// Whether there is such a value; nothing is noted.
  public func contains(_ key: Key) -> Bool { peek(key) != nil }

  /// A value with what is known about it, also of one whose life has ended, as long as it is kept.
  ///
  /// - Complexity: as ``value(for:)``, and a short lock for the count of hits.
  public func entry(for key: Key) -> CacheEntry<Value>? {
    guard let key = keyOrMiss(key), case .value(let found) = look(key, noting: true, whole: true) else { return nil }
    shared.counters.add(.hits)
    if !found.isGood { shared.counters.add(.staleHits) }
    return found.entry(at: store.now, hits: hits(of: key))
  }

  /// The values of many keys, in their order.
  public func values(for keys: [Key]) -> [Value?] { keys.map { value(for: $0) } }

  /// Calls `body` with what the codec has made of a value, in place: nothing is copied or decoded.
  ///
  /// - Returns: what `body` returns; `nil` if there is no such value.
  func withBytes<Result>(for key: Key, _ body: (RawSpan) throws -> Result?) -> Result? {
    guard let key = keyOrMiss(key) else { return nil }
    return hit(look(key, noting: true, body))
  }
}

/// What there is of a key.
enum CacheLook<Value> {
  case absent
  /// Something is there that is of no use.
  case useless(version: UInt64)
  /// It is known that there is none.
  case negative(version: UInt64, isGood: Bool)
  case value(FoundValue<Value>)

  var version: UInt64? {
    switch self {
    case .absent: nil
    case .useless(let version), .negative(let version, _): version
    case .value(let found): found.version
    }
  }
}

struct FoundValue<Value> {
  let value: Value
  let version: UInt64
  let fields: EntryFields
  let deadline: Int64?
  /// Its sources are as they were.
  let isFresh: Bool
  /// It is fresh, and its life has not ended.
  let isGood: Bool
  let tags: [String]
  let attributes: Attributes
  /// When its life ends.
  let end: Int64?
}

extension FoundValue where Value: Sendable {
  func entry(at now: Int64, hits: Int) -> CacheEntry<Value> {
    let written = fields.written ?? now
    return CacheEntry(
      value: value, version: version, written: written, end: end, deadline: deadline,
      age: .milliseconds(max(0, now - written)), isStale: !isGood, cost: fields.cost, tags: tags,
      attributes: attributes, hits: hits, isPinned: fields.isPinned)
  }
}

extension Cache {
  /// In place of a codec, of what is known not to be there.
  static var noValue: String { "none" }

  func keyOrMiss(_ key: Key) -> [UInt8]? {
    do throws(CacheKeyError) { return try storeKey(key) } catch {
      shared.counters.add(.misses)
      shared.counters.add(.failedMisses)
      shared.events.send { .init(.failed("\(error)"), []) }
      return nil
    }
  }

  /// Counts, for who wants a value that is good.
  private func hit<Result>(_ look: CacheLook<Result>) -> Result? {
    let counters = shared.counters
    switch look {
    case .value(let found) where found.isGood:
      counters.add(.hits)
      return found.value
    case .value: counters.add(.staleMisses)
    case .negative(_, isGood: true): counters.add(.negativeHits)
    case .negative, .absent, .useless: break
    }
    counters.add(.misses)
    return nil
  }

  func look(_ key: [UInt8], noting: Bool, whole: Bool = false) -> CacheLook<Value> {
    look(key, noting: noting, whole: whole) { try codec.decode($0) }
  }

  /// - Parameters:
  ///   - noting: of what is found, the policy is told; of what is of no use, the counters are.
  ///   - whole: with tags and attributes.
  ///   - decode: what it throws, or `nil`: the value is of no use.
  private func look<Result>(
    _ key: [UInt8], noting: Bool, whole: Bool = false, _ decode: (RawSpan) throws -> Result?
  ) -> CacheLook<Result> {
    let look: CacheLook<Result>
    do throws(StoreError) {
      look = try store.withEntry(for: key) { judge($0, noting: noting, whole: whole, decode) } ?? .absent
    } catch {
      if noting {
        shared.counters.add(.failedMisses)
        shared.events.send { .init(.failed("\(error)"), key) }
      }
      return .absent
    }
    if noting, case .value(let found) = look {
      if caches.isTracking && caches.notes.add(key.withBytes { store.hash(of: $0) }) { caches.takeNotes() }
      if shared.options.lives.afterAccess != nil { keepAlive(key, found.version, found.deadline, found.fields.end) }
    }
    return look
  }

  private func judge<Result>(
    _ entry: EntryView, noting: Bool, whole: Bool, _ decode: (RawSpan) throws -> Result?
  ) -> CacheLook<Result> {
    let version = entry.version
    guard let found = EntryFields.codecName.withBytes({ entry.attributes.find($0) }), found.kind == .string else {
      if noting { shared.counters.add(.incompatibleMisses) }
      return .useless(version: version)
    }
    let stamp = entry.attributes.bytes.extracting(found.place)
    let fields = EntryFields(entry.attributes)
    let isAlive = fields.end.map { $0 > store.now } ?? true
    if Self.noValue.isSame(stamp) { return .negative(version: version, isGood: isAlive) }
    guard codec.reads(stamp), let decoded = try? decode(entry.value) else {
      if noting { shared.counters.add(.incompatibleMisses) }
      return .useless(version: version)
    }
    var freshness = Freshness(store)
    let isFresh = freshness.isFresh(entry.attributes)
    return .value(
      FoundValue(
        value: decoded, version: version, fields: fields, deadline: entry.deadline, isFresh: isFresh,
        isGood: isFresh && isAlive, tags: whole ? Sources.tags(in: entry.attributes) : [],
        attributes: whole ? Attributes(entry.attributes).withoutCaches : [:],
        end: fields.end ?? (shared.options.lives.afterAccess == nil ? entry.deadline : nil)))
  }

  private func hits(of key: [UInt8]) -> Int {
    let hash = key.withBytes { store.hash(of: $0) }
    return caches.state.withLock { state in
      caches.notes.takeOut { state.access($0) }
      return state.table.slot(of: hash).map { Int(state.table[$0].hits) } ?? 0
    }
  }
}
