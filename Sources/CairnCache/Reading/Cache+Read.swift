internal import Cairn
internal import CairnIndex

extension Cache {
  /// The value of a key; `nil` if there is none, its life has ended, something that it was made from has changed
  /// (``CairnIndex/Sources``), or it cannot be read.
  ///
  /// - Complexity: as ``Cairn/Store/value(for:)``, some 0.3 µs more, and what decoding takes; a lookup for each source.
  @inlinable
  public func value(for key: Key) -> Value? {
    guard let key = keyOrMiss(key) else { return nil }
    var value: Value?
    return core.read(key) { value = try codec.decode($0) } ? value : nil
  }

  /// The same, and nothing is noted: neither counted nor held to be in use.
  @inlinable
  public func peek(_ key: Key) -> Value? {
    guard let key = try? storeKey(key) else { return nil }
    var value: Value?
    return core.peek(key) { value = try codec.decode($0) } ? value : nil
  }

  /// Whether there is such a value; nothing is noted, nor decoded.
  public func contains(_ key: Key) -> Bool {
    guard let key = try? storeKey(key) else { return false }
    return core.peek(key) { _ in }
  }

  /// A value with what is known about it, also of one whose life has ended, as long as it is kept.
  ///
  /// - Complexity: as ``value(for:)``, and a short lock for the count of hits.
  public func entry(for key: Key) -> CacheEntry<Value>? {
    guard let key = keyOrMiss(key) else { return nil }
    var (value, more): (Value?, EntryExtras?)
    let look = core.look(key, noting: true) { entry in
      value = try codec.decode(entry.value)
      more = EntryExtras(entry)
    }
    guard let value, let more, case .value(let found) = look else {
      core.shared.counters.add(.misses)
      return nil
    }
    core.shared.counters.add(.hits)
    if !found.isGood { core.shared.counters.add(.staleHits) }
    return CacheEntry(value, found, more, at: store.now, hits: core.hits(of: key))
  }

  /// The values of many keys, in their order.
  public func values(for keys: [Key]) -> [Value?] { keys.map { value(for: $0) } }

  /// Calls `body` with what the codec has made of a value, in place: nothing is copied or decoded.
  ///
  /// - Returns: what `body` returns; `nil` if there is no such value.
  func withBytes<Result>(for key: Key, _ body: (RawSpan) throws -> Result) -> Result? {
    guard let key = keyOrMiss(key) else { return nil }
    var result: Result?
    return core.read(key) { result = try body($0) } ? result : nil
  }

  @usableFromInline
  func keyOrMiss(_ key: Key) -> [UInt8]? {
    do throws(CacheKeyError) { return try key.encoded(behind: core.prefix) } catch {
      core.missed(error)
      return nil
    }
  }
}

/// What there is of a key.
enum CacheLook {
  case absent
  /// It cannot be read.
  case damaged
  /// Something is there that is of no use.
  case useless(version: UInt64)
  /// It is known that there is none.
  case negative(version: UInt64, isGood: Bool)
  case value(FoundEntry)

  var version: UInt64? {
    switch self {
    case .absent, .damaged: nil
    case .useless(let version), .negative(let version, _): version
    case .value(let found): found.version
    }
  }
}

struct FoundEntry {
  let version: UInt64
  let fields: EntryFields
  let deadline: Int64?
  /// When its life ends.
  let end: Int64?
  /// Its sources are as they were.
  let isFresh: Bool
  /// It is fresh, and its life has not ended.
  let isGood: Bool
}

/// What few ask for.
struct EntryExtras {
  let tags: [String]
  /// Without tags.
  let sources: Sources
  let attributes: Attributes

  init(_ entry: EntryView) {
    tags = Sources.tags(in: entry.attributes)
    sources = Sources(withoutTags: entry.attributes)
    // They are unchecked here.
    attributes = Attributes(content: [UInt8](copying: entry.attributes.bytes)).withoutCaches
  }
}

extension CacheEntry {
  init(_ value: Value, _ found: FoundEntry, _ more: EntryExtras, at now: Int64, hits: Int) {
    let written = found.fields.written ?? now
    self.init(
      value: value, version: found.version, written: written, end: found.end, deadline: found.deadline,
      age: .milliseconds(max(0, now - written)), isStale: !found.isGood, cost: found.fields.cost, tags: more.tags,
      attributes: more.attributes, hits: hits, isPinned: found.fields.isPinned)
  }
}

extension CacheCore {
  /// Whether there is a value that is good, which `decode` has had; counts.
  @usableFromInline
  func read(_ key: [UInt8], _ decode: (RawSpan) throws -> Void) -> Bool {
    let counters = shared.counters
    switch look(key, noting: true, evenStale: false, { try decode($0.value) }) {
    case .value(let found) where found.isGood:
      counters.add(.hits)
      return true
    case .value: counters.add(.staleMisses)
    case .negative(_, isGood: true): counters.add(.negativeHits)
    case .negative, .absent, .damaged, .useless: break
    }
    counters.add(.misses)
    return false
  }

  @usableFromInline
  func peek(_ key: [UInt8], _ decode: (RawSpan) throws -> Void) -> Bool {
    guard case .value(let found) = look(key, noting: false, evenStale: false, { try decode($0.value) }) else {
      return false
    }
    return found.isGood
  }

  @usableFromInline
  func missed(_ error: CacheKeyError) {
    shared.counters.add(.misses)
    shared.counters.add(.failedMisses)
    shared.events.send { .init(.failed("\(error)"), []) }
  }

  /// - Parameters:
  ///   - noting: of what is found, the policy is told; of what is of no use, the counters are.
  ///   - evenStale: `decode` has to have values that are not good, too.
  ///   - decode: what it throws: the value is of no use.
  func look(
    _ key: [UInt8], noting: Bool, evenStale: Bool = true, _ decode: (EntryView) throws -> Void
  ) -> CacheLook {
    var look = CacheLook.absent
    do throws(StoreError) {
      let hash = try key.withBytes { (key: RawSpan) throws(StoreError) in
        try store.readEntry(key) { look = judge($0, noting: noting, evenStale: evenStale, decode) }
      }
      guard noting, let hash, case .value(let found) = look else { return look }
      if caches.isTracking && caches.notes.add(hash) { caches.takeNotes() }
      if found.isGood && shared.options.lives.afterAccess != nil {
        keepAlive(key, found.version, found.deadline, found.fields.end)
      }
    } catch {
      if noting {
        shared.counters.add(.failedMisses)
        shared.events.send { .init(.failed("\(error)"), key) }
      }
      return error.code == .damaged ? .damaged : .absent
    }
    return look
  }

  private func judge(
    _ entry: EntryView, noting: Bool, evenStale: Bool, _ decode: (EntryView) throws -> Void
  ) -> CacheLook {
    let fields = EntryFields(entry.attributes)
    if let codec = fields.codec {
      let theirs = entry.attributes.bytes.extracting(codec)
      let isAlive = fields.end.map { $0 > store.now } ?? true
      if stamp.reads(theirs) {
        let isFresh = !fields.hasSources || isFresh(entry)
        let isGood = isFresh && isAlive
        let found = FoundEntry(
          version: entry.version, fields: fields, deadline: entry.deadline,
          end: fields.end ?? (shared.options.lives.afterAccess == nil ? entry.deadline : nil), isFresh: isFresh,
          isGood: isGood)
        if !isGood && !evenStale || (try? decode(entry)) != nil { return .value(found) }
      } else if CodecStamp.noValue.isSame(theirs) {
        return .negative(version: entry.version, isGood: isAlive)
      }
    }
    if noting { shared.counters.add(.incompatibleMisses) }
    return .useless(version: entry.version)
  }

  private func isFresh(_ entry: EntryView) -> Bool {
    var freshness = Freshness(store)
    return freshness.isFresh(entry.attributes)
  }

  func hits(of key: [UInt8]) -> Int {
    let hash = key.withBytes { store.hash(of: $0) }
    return caches.state.withLock { state in
      caches.takeNotes(&state)
      return state.table.slot(of: hash).map { Int(state.table[$0].hits) } ?? 0
    }
  }
}
