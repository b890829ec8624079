/// Which earlier versions of entries are to be kept, and how many bytes they take in each segment. The writer's.
///
/// Kept is a put that has been replaced or removed, as long as fewer than `count` later ones of its key have been, or
/// until so long after that. Keys go by their 64-bit hashes: of two with the same one, which is a chance of one in
/// billions, some versions may go too early.
struct VersionBook {
  struct Rule: Sendable {
    let count: Int
    let milliseconds: Int64?

    init(_ options: Store.Options) {
      count = options.keepVersions
      milliseconds = options.keepVersionsFor.map(\.wholeMilliseconds)
    }

    /// What has expired by then is not kept any more.
    func endOfKept(_ now: Int64) -> Int64 { count > 0 ? .min : now.saturatingSubtract(milliseconds ?? 0) }

    /// - Parameters:
    ///   - later: how many puts of the key have been replaced after it.
    ///   - time: when it was replaced.
    func keeps(later: Int, time: Int64, now: Int64) -> Bool {
      later < count || milliseconds.map { time.saturatingAdd($0) > now } ?? false
    }
  }

  struct Version {
    let version: UInt64
    /// The operation that has replaced or removed it, and when that was, or a little later; milliseconds since 1970.
    var replacement: UInt64
    var time: Int64
    var slot: Int
    var byteCount: Int
    /// It is still the put that it was, and not a record for earlier versions.
    var isPut: Bool
  }

  /// What is kept in a segment.
  struct Use {
    var byteCount = 0
    var putBytes = 0
    var puts = 0

    fileprivate mutating func count(_ version: Version, _ sign: Int) {
      byteCount += sign * version.byteCount
      if !version.isPut { return }
      putBytes += sign * version.byteCount
      puts += sign
    }
  }

  /// What comes at one end and goes at the other.
  private struct Queue<Element> {
    private var all: [Element]
    private var passed = 0

    init(_ elements: [Element] = []) { all = elements }

    var count: Int { all.count - passed }
    var elements: ArraySlice<Element> { all[passed...] }
    var first: Element? { elements.first }

    mutating func append(_ element: Element) { all.append(element) }

    mutating func removeFirst() {
      passed += 1
      if passed > all.count / 2 + 8 {
        all.removeFirst(passed)
        passed = 0
      }
    }

    /// As in `elements`.
    subscript(index: Int) -> Element {
      get { all[index] }
      set { all[index] = newValue }
    }
  }

  /// Of one key, the oldest first. They go in this order too: the oldest was replaced first, and most others are later.
  private typealias Line = Queue<Version>
  /// When the time of some version is over, in order.
  private typealias Ends = Queue<(time: Int64, hash: UInt64)>

  let rule: Rule
  /// Whether it knows what the log held before it was begun.
  private(set) var isComplete = false
  /// It was told of all that later operations have replaced.
  private var start: UInt64?
  /// By the key's hash.
  private var lines: [UInt64: Line] = [:]
  /// By slot.
  private(set) var uses: [Int: Use] = [:]
  private(set) var byteCount = 0
  private(set) var versionCount = 0
  private var ends = Ends()
  /// Of what was found in the log.
  private var foundEnds = Ends()

  init(_ options: Store.Options) { rule = Rule(options) }

  /// From now on it is told of all that is replaced.
  mutating func begin(after sequence: UInt64) { start = sequence }

  /// What is known of a version that is kept, and whose record that is.
  func version(_ version: UInt64, hash: UInt64, slot: Int) -> Version? {
    guard let line = lines[hash], let index = Self.index(of: version, slot, in: line) else { return nil }
    return line[index]
  }

  private static func index(of version: UInt64, _ slot: Int, in line: Line) -> Int? {
    let versions = line.elements
    var (low, high) = (versions.startIndex, versions.endIndex)
    while low < high {
      let middle = (low + high) / 2
      if versions[middle].version < version { low = middle + 1 } else { high = middle }
    }
    return low < versions.endIndex && versions[low].version == version && versions[low].slot == slot ? low : nil
  }

  /// A put is not live any more, from now on.
  mutating func add(_ version: Version, hash: UInt64) {
    guard start != nil else { return }
    lines[hash, default: Line()].append(version)
    count(version, 1)
    trim(hash, now: version.time)
    if let milliseconds = rule.milliseconds { ends.append((version.time.saturatingAdd(milliseconds), hash)) }
    // So that they do not pile up.
    sweep(now: version.time, atMost: 2)
  }

  /// What was found of a key in the log from before it was begun, in order.
  mutating func add(found: [Version], hash: UInt64, now: Int64) {
    let known = lines[hash].map { Array($0.elements) } ?? []
    // Others it has let go already. (What has replaced one, later than the log was read, is told as 0.)
    let first = known.first?.version ?? .max
    let earlier = found.filter { $0.version < first && $0.replacement <= start ?? 0 }
    if earlier.isEmpty { return }
    for version in earlier { count(version, 1) }
    lines[hash] = Line(earlier + known)
    trim(hash, now: now)
  }

  /// Now it knows everything.
  ///
  /// - Parameter ends: of what was found, in order.
  mutating func complete(_ ends: [(time: Int64, hash: UInt64)]) {
    foundEnds = Ends(ends)
    isComplete = true
  }

  /// The record of a version has been written once more.
  mutating func move(_ version: UInt64, hash: UInt64, from slot: Int, to newSlot: Int, byteCount newByteCount: Int) {
    // Not held while it is changed, which would copy it.
    guard let index = lines[hash].flatMap({ Self.index(of: version, slot, in: $0) }), var moved = lines[hash]?[index]
    else { return }
    count(moved, -1)
    (moved.slot, moved.byteCount, moved.isPut) = (newSlot, newByteCount, false)
    count(moved, 1)
    lines[hash]?[index] = moved
  }

  /// A segment is gone, as a rule with nothing in it any more that is kept.
  mutating func forget(slot: Int) {
    if let use = uses[slot], use.byteCount > 0 {
      for (hash, line) in lines where line.elements.contains(where: { $0.slot == slot }) {
        let rest = line.elements.filter { version in
          if version.slot == slot { count(version, -1) }
          return version.slot != slot
        }
        lines[hash] = rest.isEmpty ? nil : Line(rest)
      }
    }
    uses[slot] = nil
  }

  /// Lets go of those whose time is over by now. Returns whether that is all of them.
  @discardableResult
  mutating func sweep(now: Int64, atMost most: Int) -> Bool {
    for _ in 0..<most {
      guard let hash = Self.popFirst(&ends, before: now) ?? Self.popFirst(&foundEnds, before: now) else { return true }
      trim(hash, now: now)
    }
    return false
  }

  private static func popFirst(_ ends: inout Ends, before now: Int64) -> UInt64? {
    guard let first = ends.first, first.time <= now else { return nil }
    ends.removeFirst()
    return first.hash
  }

  private mutating func trim(_ hash: UInt64, now: Int64) {
    while let line = lines[hash], let first = line.first {
      if rule.keeps(later: line.count - 1, time: first.time, now: now) { return }
      count(first, -1)
      lines[hash]?.removeFirst()
    }
    lines[hash] = nil
  }

  private mutating func count(_ version: Version, _ sign: Int) {
    versionCount += sign
    byteCount += sign * version.byteCount
    uses[version.slot, default: Use()].count(version, sign)
  }
}
