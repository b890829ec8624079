/// How many entries, and how many bytes of keys and values.
struct EntryTotal: Equatable, Sendable {
  var count = 0
  var byteCount = 0

  static func += (a: inout EntryTotal, b: EntryTotal) {
    a.count += b.count
    a.byteCount += b.byteCount
  }

  static func -= (a: inout EntryTotal, b: EntryTotal) {
    a.count -= b.count
    a.byteCount -= b.byteCount
  }
}

/// The live entries of one collection, in total, and of those that end how many do so when.
struct CollectionTotals: Equatable, Sendable {
  var total = EntryTotal()
  var ends = DeadlineTotals()
  /// What has ended up to then does not count.
  private(set) var time = Int64.min

  init() {}

  /// - Parameter ends: of some that are among the total.
  init(total: EntryTotal, ends: DeadlineTotals, time: Int64) {
    (self.total, self.ends, self.time) = (total, ends, time)
  }

  mutating func add(_ one: EntryTotal, deadline: Int64?) {
    if let deadline {
      if deadline <= time { return }
      ends.add(one, deadline)
    }
    total += one
  }

  /// One that was added; what has ended has been taken off before.
  mutating func remove(_ one: EntryTotal, deadline: Int64?) {
    if let deadline, deadline <= time || !ends.remove(one, deadline) { return }
    total -= one
  }

  mutating func removeAll() { (total, ends) = (EntryTotal(), DeadlineTotals()) }

  /// - Parameter now: not less than before.
  mutating func expire(at now: Int64) {
    time = max(time, now)
    total -= ends.expire(at: now)
  }
}

/// Entries by when they end: a total for each deadline, and a heap of these.
struct DeadlineTotals: Equatable, Sendable {
  private(set) var totals: [Int64: EntryTotal] = [:]
  /// The earliest one first. Some have no total any more.
  private var heap: [Int64] = []

  static func == (a: DeadlineTotals, b: DeadlineTotals) -> Bool { a.totals == b.totals }

  mutating func add(_ one: EntryTotal, _ deadline: Int64) {
    if totals[deadline] == nil { push(deadline) }
    totals[deadline, default: EntryTotal()] += one
  }

  /// Returns whether it was there.
  mutating func remove(_ one: EntryTotal, _ deadline: Int64) -> Bool {
    guard var total = totals[deadline] else { return false }
    total -= one
    totals[deadline] = total.count == 0 ? nil : total
    // What is changed all the time must not fill memory until its time comes.
    if heap.count > 2 * totals.count + 64 { heap = totals.keys.sorted() }
    return true
  }

  /// Takes those out that have ended, and returns their total.
  mutating func expire(at now: Int64) -> EntryTotal {
    var expired = EntryTotal()
    while let first = heap.first, first <= now {
      if let total = totals.removeValue(forKey: first) { expired += total }
      pop()
    }
    return expired
  }

  private mutating func push(_ deadline: Int64) {
    var place = heap.count
    heap.append(deadline)
    while place > 0 {
      let parent = (place - 1) / 2
      if heap[parent] <= deadline { break }
      heap[place] = heap[parent]
      place = parent
    }
    heap[place] = deadline
  }

  private mutating func pop() {
    let last = heap.removeLast()
    if heap.isEmpty { return }
    var place = 0
    while true {
      var child = 2 * place + 1
      if child >= heap.count { break }
      if child + 1 < heap.count && heap[child + 1] < heap[child] { child += 1 }
      if heap[child] >= last { break }
      heap[place] = heap[child]
      place = child
    }
    heap[place] = last
  }
}
