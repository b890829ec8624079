/// What the caches of a store hold, and what is to go first. A state machine, without locks and without the store.
struct CacheState: Sendable {
  private(set) var table = EntryTable()
  private(set) var books: [CacheBook]
  /// Bytes that all of them may hold together.
  private(set) var budget: Int?
  /// Of the entries that have one.
  private var deadlines = SlotHeap()
  /// What is about to be put.
  private var reservations: [Reservation] = []
  private var nextReservation: UInt32 = 0
  /// The next slot to be looked for in the store: see ``doubt()``.
  private var doubted: Int?
  /// How often something has changed that is kept from one session to the next.
  private(set) var changes = 0
  /// Of these, what has been kept.
  var keptChanges = -1
  /// The sequence of the store then.
  var keptSequence: UInt64 = 0
  var isKept: Bool { changes == keptChanges }

  /// What is to be removed from the store to make room.
  struct Victim: Sendable {
    let slot: UInt32
    let hash: UInt64
    let cache: Int
    /// It is not removed: what is put replaces it.
    var isReplaced = false
  }

  init(_ options: [CacheOptions], budget: Int?) {
    books = options.map { CacheBook($0, budget: budget) }
    self.budget = budget
  }

  /// Takes over what there was, of all caches, each in the order in which entries would go; as new.
  ///
  /// - Returns: whether that can be: no two have one hash.
  mutating func fill(_ entries: [TrackedEntry]) -> Bool {
    changes += 1
    guard table.fill(entries) else { return false }
    for (slot, entry) in entries.enumerated() {
      let cache = Int(entry.cache)
      books[cache].held += entry.amount
      if entry.hasDeadline { deadlines.set(UInt32(slot), Double(entry.deadline), isThere: false) }
      if entry.state == .kept { books[cache].insert(UInt32(slot), entry) } else { books[cache].pinned += entry.amount }
    }
    return true
  }

  func book(_ cache: Int) -> CacheBook { books[cache] }
  var entryCount: Int { table.count }

  // MARK: What has happened

  /// An entry is in the store from now on. Returns whether there was one of its key.
  @discardableResult
  mutating func put(_ entry: TrackedEntry, isPinned: Bool) -> Bool {
    changes += 1
    let cache = Int(entry.cache)
    // Whoever's it is: it is there now.
    if let place = reservations.firstIndex(where: { $0.hash == entry.hash && $0.cache == cache }) { end(at: place) }
    guard let slot = table.slot(of: entry.hash) else {
      var entry = entry
      entry.state = isPinned ? .pinned : .kept
      let slot = table.insert(entry)
      books[cache].held += entry.amount
      if entry.hasDeadline { deadlines.set(slot, Double(entry.deadline), isThere: false) }
      if isPinned { books[cache].pinned += entry.amount } else { books[cache].insert(slot, entry) }
      return false
    }
    let old = table[slot]
    var new = entry
    new.hits = old.hits
    new.state = isPinned ? .pinned : .kept
    table[slot] = new
    books[cache].held += new.amount - old.amount
    if old.state == .leaving { stays(old) }
    if old.state == .pinned { books[cache].pinned -= old.amount }
    if isPinned { books[cache].pinned += new.amount }
    if new.hasDeadline {
      deadlines.set(slot, Double(new.deadline), isThere: old.hasDeadline)
    } else if old.hasDeadline {
      deadlines.remove(slot)
    }
    if old.state == .kept && new.state == .kept && old.byteCount == new.byteCount && old.cost == new.cost {
      books[cache].policy.access(Int(slot))
      return true
    }
    if old.state == .kept { books[cache].policy.remove(Int(slot)) }
    if new.state == .kept { books[cache].insert(slot, new) }
    return true
  }

  /// An entry is at another place of the log, and may take another number of bytes there.
  mutating func move(hash: UInt64, byteCount: UInt32) {
    guard let slot = table.slot(of: hash), table[slot].byteCount != byteCount else { return }
    let old = table[slot]
    table[slot].byteCount = byteCount
    let difference = table[slot].amount - old.amount
    let cache = Int(old.cache)
    books[cache].held += difference
    switch old.state {
    case .leaving: books[cache].leaving += difference
    case .pinned: books[cache].pinned += difference
    case .kept, .free: break
    }
  }

  /// An entry is not in the store any more. Returns what was known of it.
  @discardableResult
  mutating func remove(hash: UInt64) -> TrackedEntry? {
    guard let slot = table.slot(of: hash) else { return nil }
    let entry = table[slot]
    drop(slot)
    return entry
  }

  mutating func drop(_ slot: UInt32) {
    changes += 1
    let entry = table[slot]
    let cache = Int(entry.cache)
    if entry.state == .kept { books[cache].policy.remove(Int(slot)) }
    if entry.state == .leaving { stays(entry) }
    if entry.state == .pinned { books[cache].pinned -= entry.amount }
    books[cache].held -= entry.amount
    if books[cache].held.entries == 0 { books[cache].held = CacheAmount() }
    if entry.hasDeadline { deadlines.remove(slot) }
    table.remove(slot)
  }

  /// All entries of a cache are gone: in constant time where there is only one cache.
  mutating func removeAll(of cache: Int) {
    changes += 1
    if books.count == 1 {
      (table, deadlines, doubted) = (EntryTable(), SlotHeap(), nil)
      // What was to go for others has gone.
      for place in reservations.indices { release(CacheAmount(), at: place) }
    } else {
      for (slot, entry) in table.entries.enumerated() where entry.state != .free && entry.cache == cache {
        if entry.state == .leaving { stays(entry) }
        if entry.hasDeadline { deadlines.remove(UInt32(slot)) }
        table.remove(UInt32(slot))
      }
    }
    books[cache].removeAll(budget)
  }

  /// Entries have been read.
  mutating func access(_ hashes: [UInt64]) {
    let slots = table.slots(of: hashes)
    if slots.isEmpty { return }
    changes += 1
    var cache = -1
    var kept: [Int] = []
    kept.reserveCapacity(slots.count)
    for slot in slots {
      let other = Int(table.note(slot))
      if other != cache {
        if !kept.isEmpty { books[cache].policy.access(kept) }
        kept.removeAll(keepingCapacity: true)
        cache = other
      }
      if table[slot].state == .kept { kept.append(Int(slot)) }
    }
    if !kept.isEmpty { books[cache].policy.access(kept) }
  }

  /// Takes out what has expired, so many at most; the store does not show it any more.
  mutating func expire(at now: Int64, atMost limit: Int, _ body: (TrackedEntry) -> Void) {
    for _ in 0..<limit {
      guard let slot = deadlines.first, table[slot].deadline <= now else { return }
      body(table[slot])
      drop(slot)
    }
  }

  // MARK: Doubts

  /// Some entries may not be in the store any more, and nobody knows which: all are to be looked for.
  mutating func doubt() {
    changes += 1
    doubted = 0
  }

  var hasDoubts: Bool { doubted != nil }

  /// Looks for the next entries in the store, and drops those that are not there.
  mutating func settleDoubts(_ limit: Int, isThere: (_ hash: UInt64) -> Bool) {
    guard let start = doubted else { return }
    let end = min(start + limit, table.entries.count)
    for slot in start..<end where table.entries[slot].state != .free {
      if !isThere(table.entries[slot].hash) { drop(UInt32(slot)) }
    }
    doubted = end == table.entries.count ? nil : end
  }

  // MARK: Room

  /// What is about to be put, and what has to go for it in the same commit.
  struct Reservation: Sendable {
    let number: UInt32
    let cache: Int
    /// Of its key.
    let hash: UInt64?
    let amount: CacheAmount
    fileprivate(set) var victims: [Victim] = []
    /// Of its victims in the same cache, those that are still there.
    fileprivate var own = CacheAmount()

    /// By which the cache may come to hold more.
    fileprivate var coming: CacheAmount { (amount - own).positive }
  }

  enum Room {
    /// ``end(_:)`` has to follow.
    case enough(Reservation)
    /// There is more to go: these first.
    case more([Victim])
    /// What others are about to put or remove has to come to be first.
    case busy
    /// All that may go would not be enough.
    case none
  }

  /// Whether the policy takes an entry, if it is a new one.
  mutating func admits(_ hash: UInt64, _ byteCount: Int, to cache: Int) -> Bool {
    table.slot(of: hash) != nil || books[cache].admits(hash, byteCount)
  }

  /// Room for an entry that is to be put, once some others have gone: such that the limits hold in whatever order this
  /// and what others are about to put come to be. What others are about to remove is still there.
  ///
  /// - Parameters:
  ///   - amount: of the entry.
  ///   - hash: of its key; `nil`: of none that is there.
  ///   - limit: so many go at most.
  mutating func makeRoom(for amount: CacheAmount, hash: UInt64?, in cache: Int, atMost limit: Int) -> Room {
    books[cache].resize(budget)
    var replaced = CacheAmount()
    // What another is about to remove is room for what that one puts.
    if let slot = hash.flatMap({ table.slot(of: $0) }), table[slot].state != .leaving { replaced = table[slot].amount }
    if isTooMuch(amount, hash, in: cache) { return .none }
    nextReservation = nextReservation == .max ? 1 : nextReservation + 1
    let number = nextReservation
    var (victims, own, others): ([Victim], CacheAmount, CacheAmount) = ([], CacheAmount(), CacheAmount())
    while let giving = cacheToGive(amount - replaced - own, others, to: cache) {
      if victims.count == limit { return .more(victims) }
      guard let slot = evict(from: giving) else {
        giveBack(victims)
        let isBusy = !reservations.isEmpty || books.contains { $0.leaving.entries > 0 }
        return isBusy ? .busy : .none
      }
      var victim = giveUp(slot, for: number)
      victim.isReplaced = victim.hash == hash
      // That one is off already.
      if !victim.isReplaced {
        if giving == cache { own += table[slot].amount } else { others += table[slot].amount }
      }
      victims.append(victim)
    }
    // Some more at once, of many: so they are looked for and removed together.
    if let first = victims.last, first.cache == cache, !first.isReplaced {
      let ahead = min(Self.aheadMax, books[cache].held.entries / Self.aheadShare, limit)
      while victims.count < ahead, let slot = evict(from: cache) {
        var victim = giveUp(slot, for: number)
        victim.isReplaced = victim.hash == hash
        if !victim.isReplaced { own += table[slot].amount }
        victims.append(victim)
      }
    }
    // Whether what it replaces will still be there then, is not known.
    let reservation = Reservation(
      number: number, cache: cache, hash: hash, amount: amount, victims: victims, own: own)
    books[cache].coming += reservation.coming
    reservations.append(reservation)
    return .enough(reservation)
  }

  /// Whether there would be no room for it if all went that may.
  private func isTooMuch(_ amount: CacheAmount, _ hash: UInt64?, in cache: Int) -> Bool {
    var more = amount
    if let slot = hash.flatMap({ table.slot(of: $0) }), table[slot].state == .pinned { more -= table[slot].amount }
    if (books[cache].pinned + more).exceeds(books[cache].limits) { return true }
    return budget.map { budget in books.reduce(more.bytes) { $0 + $1.pinned.bytes } > budget } ?? false
  }

  /// So many go at once, where that is no more than this part of what there is.
  private static let (aheadMax, aheadShare) = (16, 1024)

  /// The cache that has to give something up; `nil`: none has to.
  ///
  /// - Parameters:
  ///   - amount: by which one is to hold more.
  ///   - others: by which others hold less then.
  private func cacheToGive(_ amount: CacheAmount, _ others: CacheAmount, to cache: Int) -> Int? {
    if (books[cache].held + books[cache].coming + amount).exceeds(books[cache].limits) { return cache }
    guard let budget else { return nil }
    let bytes = books.reduce(amount.bytes - others.bytes) { $0 + $1.held.bytes + $1.coming.bytes }
    if bytes <= budget { return nil }
    return largestToGive ?? cache
  }

  /// The cache with most bytes, of those that have something to give.
  private var largestToGive: Int? {
    let giving = books.indices.filter { books[$0].staying.entries > books[$0].pinned.entries }
    return giving.max { books[$0].staying.bytes < books[$1].staying.bytes }
  }

  /// The slot that a policy gives up. One that it should not know of (policies may be anybody's) is passed by.
  private mutating func evict(from cache: Int) -> UInt32? {
    for _ in 0...Self.mistakesMax {
      guard let slot = books[cache].policy.evict() else { return nil }
      if let slot = UInt32(exactly: slot), table.isThere(slot), table[slot].state == .kept, table[slot].cache == cache {
        return slot
      }
    }
    return nil
  }

  private static let mistakesMax = 1000

  /// It has been put, or will not be.
  mutating func end(_ reservation: Reservation) {
    if let place = reservations.firstIndex(where: { $0.number == reservation.number }) { end(at: place) }
  }

  private mutating func end(at place: Int) {
    let reservation = reservations.remove(at: place)
    books[reservation.cache].coming -= reservation.coming
  }

  /// One that was about to go has gone, or stays: it makes no room any more for what it was to go for.
  private mutating func stays(_ entry: TrackedEntry) {
    books[Int(entry.cache)].leaving -= entry.amount
    guard entry.reservation != 0, let place = reservations.firstIndex(where: { $0.number == entry.reservation }),
      reservations[place].cache == entry.cache
    else { return }
    release(reservations[place].own - entry.amount, at: place)
  }

  private mutating func release(_ own: CacheAmount, at place: Int) {
    let before = reservations[place].coming
    reservations[place].own = own
    books[reservations[place].cache].coming += reservations[place].coming - before
  }

  /// Those that go first until a cache holds no more than that.
  ///
  /// - Parameters:
  ///   - order: in which they go, with the hashes of their keys; `nil`: as the cache's policy has it.
  ///   - limit: so many at most.
  mutating func giveUp(
    of cache: Int, to limits: CacheLimits, _ order: inout [(slot: UInt32, hash: UInt64)]?, atMost limit: Int
  ) -> [Victim] {
    var victims: [Victim] = []
    while victims.count < limit && books[cache].staying.exceeds(limits) {
      let slot: UInt32
      if order != nil {
        guard let next = order?.popLast() else { break }
        // It may have gone meanwhile, or may be about to.
        guard table.isThere(next.slot), table[next.slot].hash == next.hash, table[next.slot].state == .kept else {
          continue
        }
        slot = next.slot
        books[cache].policy.remove(Int(slot))
      } else {
        guard let next = evict(from: cache) else { break }
        slot = next
      }
      victims.append(giveUp(slot, for: 0))
    }
    return victims
  }

  private mutating func giveUp(_ slot: UInt32, for reservation: UInt32) -> Victim {
    let entry = table[slot]
    (table[slot].state, table[slot].reservation) = (.leaving, reservation)
    books[Int(entry.cache)].leaving += entry.amount
    return Victim(slot: slot, hash: entry.hash, cache: Int(entry.cache))
  }

  /// Those that go first until all caches together hold no more than they may.
  mutating func giveUpForBudget(atMost limit: Int) -> [Victim] {
    var victims: [Victim] = []
    while let budget, victims.count < limit, books.reduce(0, { $0 + $1.staying.bytes }) > budget {
      guard let largest = largestToGive, let slot = evict(from: largest) else { break }
      victims.append(giveUp(slot, for: 0))
    }
    return victims
  }

  /// The slots of those that are there.
  func slots(of hashes: [UInt64]) -> [(slot: UInt32, hash: UInt64)] {
    table.slots(of: hashes).map { ($0, table[$0].hash) }
  }

  /// The entries of a cache in the order in which a policy would give them up, the first one last.
  func slots(of cache: Int, by policy: any EvictionPolicy) -> [(slot: UInt32, hash: UInt64)] {
    var policy = policy
    policy.resize(to: max(books[cache].held.bytes, 1))
    books[cache].policy.forEach { slot in
      guard let known = UInt32(exactly: slot), table.isThere(known) else { return }
      let entry = table[known]
      policy.insert(CachedEntry(slot: slot, hash: entry.hash, weight: Int(entry.byteCount), cost: entry.cost))
    }
    var order: [(slot: UInt32, hash: UInt64)] = []
    while order.count < books[cache].held.entries, let slot = policy.evict() {
      // Policies may be anybody's.
      if let slot = UInt32(exactly: slot), table.isThere(slot) { order.append((slot, table[slot].hash)) }
    }
    order.reverse()
    return order
  }

  /// They could not be removed, or replaced.
  mutating func giveBack(_ victims: [Victim]) {
    for victim in victims where isLeaving(victim) {
      let entry = table[victim.slot]
      stays(entry)
      table[victim.slot].state = .kept
      books[victim.cache].insert(victim.slot, entry)
    }
  }

  /// One of them is not in the store at all.
  mutating func forget(_ victim: Victim) {
    if isLeaving(victim) { drop(victim.slot) }
  }

  /// Whether it still is what it was: everything may have gone meanwhile.
  func isLeaving(_ victim: Victim) -> Bool {
    table.isThere(victim.slot) && table[victim.slot].hash == victim.hash && table[victim.slot].state == .leaving
  }
}
