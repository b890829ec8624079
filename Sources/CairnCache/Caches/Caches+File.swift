public import Cairn
internal import CairnIndex
internal import Synchronization

/// From one session to the next: a file with what is known of each entry, in the order in which they would go, and the
/// changes since.
///
/// Words of eight bytes: the time up to which what had expired is not in it; whether some of the entries may be gone
/// (1) or not (0); how many caches. Of each: the length of its
/// name, the name with zeros up to whole words, how many entries, and whether they have costs (1) or not (0); then of
/// each entry the hash of its key, its deadline, a word with its bytes (bits 0–31), hits (32–62) and whether it is
/// pinned (63), and its cost if there are any. In the end the checksum (XXH3-64) of all before.
extension Caches {
  private static let fileName = "caches"
  private static let fileVersion: UInt32 = 1

  // MARK: Keeping

  public func save(to files: ViewFiles) {
    if !isTracking { return }
    if files.isClosing { opened.withLock { $0.keeper?.cancel() } }
    if files.isClosing, let store { writeHistory(store) }
    defer { if files.isClosing { for cache in shared { cache.events.finish() } } }
    let last = files.lastSequence
    let isKept = state.withLock { state in
      takeNotes(&state)
      // The next session reads what has been written since, of others too: not too much of that.
      return state.isKept && last - min(state.keptSequence, last) < Self.missedMax / 4
    }
    if isKept { return }
    var changes = 0
    let saved = try? files.save(Self.fileName, version: Self.fileVersion) { (output) throws(StoreError) in
      // A copy, which costs nothing until something changes; then what changes is copied once.
      let state = self.state.withLock { $0 }
      changes = state.changes
      try output.add(FileWords.bytes(self.encode(state, files.now)))
    }
    if let saved { state.withLock { ($0.keptChanges, $0.keptSequence) = (changes, saved) } }
  }

  private func encode(_ state: CacheState, _ now: Int64) -> [UInt64] {
    var words = [UInt64(bitPattern: now), state.hasDoubts ? 1 : 0, UInt64(shared.count)]
    words.reserveCapacity(4 * state.entryCount + 64)
    for cache in shared {
      FileWords.append(cache.name, to: &words)
      let book = state.book(cache.number)
      let place = words.count
      words += [0, 0]
      var entries: [TrackedEntry] = []
      entries.reserveCapacity(book.held.entries)
      book.policy.forEach { slot in
        if let slot = UInt32(exactly: slot), state.table.isThere(slot) { entries.append(state.table[slot]) }
      }
      // Those that the policy does not know; about to be removed: it may not come to that.
      entries += state.table.entries.filter {
        $0.cache == cache.number && ($0.state == .pinned || $0.state == .leaving)
      }
      let hasCosts = entries.contains { $0.cost != 1 }
      (words[place], words[place + 1]) = (UInt64(entries.count), hasCosts ? 1 : 0)
      for entry in entries {
        let hits = UInt64(min(entry.hits, Self.hitsMax)) << 32 | (entry.state == .pinned ? 1 << 63 : 0)
        words += [entry.hash, UInt64(bitPattern: entry.deadline), UInt64(entry.byteCount) | hits]
        if hasCosts { words.append(entry.cost.bitPattern) }
      }
    }
    words.append(FileWords.hash(words))
    return words
  }

  private static let hitsMax = UInt32(Int32.max)

  // MARK: Restoring

  /// Before anybody else has the store.
  func restore(from store: Store) throws(StoreError) {
    let options = shared.map(\.options)
    var restored = CacheState(options, budget: budget(store))
    let kept = kept(in: store)
    if let kept, !restore(kept, &restored, store) {
      restored = CacheState(options, budget: budget(store))
      read(&restored, store, kept)
    } else if kept == nil {
      read(&restored, store, nil)
    }
    state.withLock { $0 = restored }
    maintain(store)
    // Limits may be others than they were. What cannot be removed now stays until something is put.
    var order: [(slot: UInt32, hash: UInt64)]?
    for cache in shared {
      remove(store) { $0.giveUp(of: cache.number, to: cache.options.limits, &order, atMost: Self.victimsAtOnce) }
    }
    remove(store) { $0.giveUpForBudget(atMost: Self.victimsAtOnce) }
  }

  /// As long as there are some to go.
  private func remove(_ store: Store, _ victims: (inout CacheState) -> [CacheState.Victim]) {
    while true {
      let some = state.withLock(victims)
      if some.isEmpty { return }
      var gone: [Gone] = []
      do throws(StoreError) { try remove(some, store, &gone) } catch { return giveBack(some) }
      hook(gone)
    }
  }

  /// What a file says.
  private struct Kept {
    /// All changes up to this one are in it.
    let sequence: UInt64
    var entries: [TrackedEntry] = []
    var hasDoubts = false
  }

  private func kept(in store: Store) -> Kept? {
    guard let content = try? store.viewFiles.load(Self.fileName, version: Self.fileVersion) else { return nil }
    var kept = Kept(sequence: content.sequence)
    return content.withBytes { decode($0, store.now, into: &kept) } ? kept : nil
  }

  /// Returns whether the entries are those of the file, and of the changes since.
  private func restore(_ kept: Kept, _ state: inout CacheState, _ store: Store) -> Bool {
    let missed = store.lastSequence - kept.sequence
    guard missed <= max(Self.missedMax, UInt64(kept.entries.count) / 4), state.fill(kept.entries) else { return false }
    if kept.hasDoubts { state.doubt() }
    do throws(StoreError) { try catchUp(&state, store, since: kept.sequence) } catch { return false }
    if missed == 0 { (state.keptChanges, state.keptSequence) = (state.changes, kept.sequence) }
    return true
  }

  /// More changes than that take longer than to read all entries.
  private static let missedMax: UInt64 = 100_000

  /// Set back, the clock lets entries live again that are not in the file: of no use, then.
  private func decode(_ bytes: RawSpan, _ now: Int64, into kept: inout Kept) -> Bool {
    guard var words = FileWords.Reader(checked: bytes), let time = words.next(), Int64(bitPattern: time) <= now,
      let doubts = words.next(), doubts <= 1, words.next() == UInt64(shared.count)
    else { return false }
    kept.hasDoubts = doubts == 1
    for cache in shared {
      guard words.name() == cache.name, let count = words.next(), let costs = words.next(), costs <= 1,
        count <= UInt64(words.rest) / (3 + costs)
      else { return false }
      kept.entries.reserveCapacity(kept.entries.count + Int(count))
      for _ in 0..<count {
        guard let hash = words.next(), let deadline = words.next(), let sizes = words.next() else { return false }
        var entry = TrackedEntry(
          hash: hash, deadline: Int64(bitPattern: deadline), byteCount: UInt32(truncatingIfNeeded: sizes),
          hits: UInt32(truncatingIfNeeded: sizes >> 32) & Self.hitsMax, cache: UInt16(cache.number),
          state: sizes >> 63 == 1 ? .pinned : .kept)
        if costs == 1 {
          guard let cost = words.next().map(Double.init(bitPattern:)), cost >= 0, cost <= CachedEntry.costMax else {
            return false
          }
          entry.cost = cost
        }
        kept.entries.append(entry)
      }
    }
    return words.rest == 0
  }

  /// What has changed since, in order: each key as it is now.
  private func catchUp(_ state: inout CacheState, _ store: Store, since sequence: UInt64) throws(StoreError) {
    if sequence == store.lastSequence { return }
    var changes = try store.changes(since: sequence)
    while let change = try changes.next() {
      let found = change.key.withBytes { (parts.index(of: $0), store.hash(of: $0)) }
      if change.kind == .invalidate {
        for (cache, own) in parts.prefixes.enumerated() {
          if own.starts(with: change.key) { state.removeAll(of: cache) }
          if change.key.count > own.count && change.key.starts(with: own) { state.doubt() }
        }
      } else if let cache = found.0 {
        let entry = try store.withEntry(for: change.key, withValue: false) {
          TrackedEntry.of($0, hash: found.1, in: cache)
        }
        if let entry { state.put(entry.entry, isPinned: entry.isPinned) } else { state.remove(hash: found.1) }
      }
    }
  }

  /// All entries of the store, in the order in which they were put; those that a file knows, and that have not been put
  /// since, before the others and in its order.
  private func read(_ state: inout CacheState, _ store: Store, _ kept: Kept?) {
    var places: [UInt64: Int] = [:]
    for (place, entry) in (kept?.entries ?? []).enumerated() { places[entry.hash] = place }
    var found: [(place: UInt64, entry: TrackedEntry, isPinned: Bool)] = []
    // What is damaged is not there for reads either, and cannot be removed.
    try? store.forEachWithoutValue { entry in
      guard let cache = parts.index(of: entry.key) else { return true }
      let hash = store.hash(of: entry.key)
      var (tracked, isPinned) = TrackedEntry.of(entry, hash: hash, in: cache)
      var place = entry.version
      if let kept, place <= kept.sequence, let known = places[hash] {
        tracked.hits = kept.entries[known].hits
        place = UInt64(known)
      } else if let kept {
        place = max(place, kept.sequence) + UInt64(kept.entries.count)
      }
      found.append((place, tracked, isPinned))
      return true
    }
    found.sort { $0.place < $1.place }
    for (_, entry, isPinned) in found { state.put(entry, isPinned: isPinned) }
  }
}

extension TrackedEntry {
  /// As it stands in the store.
  fileprivate static func of(
    _ view: EntryView, hash: UInt64, in cache: Int
  ) -> (entry: TrackedEntry, isPinned: Bool) {
    let fields = EntryFields(view.attributes)
    let entry = TrackedEntry(
      hash: hash, deadline: view.deadline ?? .max, cost: fields.cost, byteCount: UInt32(clamping: view.recordByteCount),
      cache: UInt16(cache))
    return (entry, fields.isPinned)
  }
}
