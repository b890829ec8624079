internal import Synchronization

/// A barrier: entries whose keys begin with `prefix` and whose versions are less than `version` are hidden.
package struct Barrier: Equatable {
  package let prefix: [UInt8]
  /// The sequence of the invalidation.
  package let version: UInt64

  package init(prefix: [UInt8], version: UInt64) {
    self.prefix = prefix
    self.version = version
  }
}

/// Barriers as readers look at them: sorted, in one piece of memory that a ``Mapping`` owns and one word leads to.
///
/// They stand in the order of their prefixes, and of their versions. All whose prefixes a key begins with lie on one
/// chain: what stands between two of them begins with the first one's prefix, so from the last barrier that is not
/// behind the key each tells of the last one before it whose prefix its own begins with.
///
/// | offset | bytes | what |
/// |---|---|---|
/// | 0 | 8 | bytes of all |
/// | 8 | 8 | barriers |
/// | 16 | 8 | the newest version |
/// | 24 | 32 each | version, newest version of its chain, where its prefix stands, length of that, its parent |
/// | | | the prefixes |
@safe
struct BarrierList {
  private static let nodesStart = 24
  private static let nodeBytes = 32
  /// In place of a parent.
  private static let noParent = UInt64.max

  /// The address of the memory; 0: there are no barriers.
  let word: UInt

  @inline(__always)
  init(word: UInt) { self.word = word }

  /// No barriers.
  static let none = BarrierList(word: 0)

  /// - Parameter memory: what ``make(_:)`` has returned.
  init(_ memory: Mapping) { word = unsafe UInt(bitPattern: memory.pointer) }

  @inline(__always)
  var isEmpty: Bool { word == 0 }

  private var view: MemoryView {
    // SAFETY: not 0, and made from such memory in `init`; whoever holds a word holds a read guard or the writer's turn,
    // so the memory has not been released. Its first word says how long it is.
    let base = unsafe UnsafeMutableRawPointer(bitPattern: word).unsafelyUnwrapped
    return unsafe MemoryView(base, count: Int(truncatingIfNeeded: base.load(as: UInt64.self)))
  }

  /// - Returns: memory for a list; `nil` if there are no barriers.
  static func make(_ barriers: [Barrier]) throws(StoreError) -> Mapping? {
    if barriers.isEmpty { return nil }
    let sorted = barriers.sorted {
      $0.prefix == $1.prefix ? $0.version < $1.version : $0.prefix.lexicographicallyPrecedes($1.prefix)
    }
    let bytesStart = nodesStart + sorted.count * nodeBytes
    let byteCount = sorted.reduce(bytesStart) { $0 + $1.prefix.count }
    let memory = try System.allocateLines(byteCount: (byteCount + 63) & ~63)
    let view = memory.view
    view.store(UInt64(byteCount), at: 0)
    view.store(UInt64(sorted.count), at: 8)
    view.store(sorted.reduce(0) { max($0, $1.version) }, at: 16)
    var start = bytesStart
    // Those that the next one's prefix may begin with, the longest last.
    var open: [(number: Int, newest: UInt64)] = []
    for (number, barrier) in sorted.enumerated() {
      while let last = open.last, !barrier.prefix.starts(with: sorted[last.number].prefix) { open.removeLast() }
      let newest = max(barrier.version, open.last?.newest ?? 0)
      let node = nodesStart + number * nodeBytes
      view.store(barrier.version, at: node)
      view.store(newest, at: node + 8)
      view.store(UInt32(start), at: node + 16)
      view.store(UInt32(barrier.prefix.count), at: node + 20)
      view.store(open.last.map { UInt64($0.number) } ?? noParent, at: node + 24)
      view.copy(barrier.prefix, at: start)
      start += barrier.prefix.count
      open.append((number, newest))
    }
    return memory
  }

  private static func prefix(_ view: MemoryView, _ number: Int) -> MemoryView {
    let node = nodesStart + number * nodeBytes
    return view.slice(
      Int(view.load(node + 16, as: UInt32.self)), Int(view.load(node + 20, as: UInt32.self)))
  }

  private static func parent(_ view: MemoryView, _ number: Int) -> Int? {
    let parent = view.load(nodesStart + number * nodeBytes + 24, as: UInt64.self)
    return parent == noParent ? nil : Int(truncatingIfNeeded: parent)
  }

  /// The last barrier of the chain of those whose prefixes the key begins with.
  private static func last(_ view: MemoryView, _ key: MemoryView) -> Int? {
    // How many are not behind the key.
    var (low, high) = (0, Int(truncatingIfNeeded: view.load(8, as: UInt64.self)))
    while low < high {
      let middle = (low + high) / 2
      if key.precedes(prefix(view, middle)) { high = middle } else { low = middle + 1 }
    }
    var next = low == 0 ? nil : low - 1
    while let number = next {
      if key.starts(with: prefix(view, number)) { return number }
      next = parent(view, number)
    }
    return nil
  }

  /// Whether a barrier hides that version of a key.
  func hides(_ key: MemoryView, version: UInt64) -> Bool {
    if isEmpty { return false }
    let view = view
    if version >= view.load(16, as: UInt64.self) { return false }
    guard let number = Self.last(view, key) else { return false }
    return view.load(Self.nodesStart + number * Self.nodeBytes + 8, as: UInt64.self) > version
  }

  /// The first barrier that has hidden that version of a key; `nil`: none has.
  func first(hiding key: MemoryView, version: UInt64) -> UInt64? {
    if isEmpty { return nil }
    let view = view
    if version >= view.load(16, as: UInt64.self) { return nil }
    var (next, first) = (Self.last(view, key), UInt64.max)
    while let number = next {
      let barrier = view.load(Self.nodesStart + number * Self.nodeBytes, as: UInt64.self)
      if barrier > version { first = min(first, barrier) }
      next = Self.parent(view, number)
    }
    return first == .max ? nil : first
  }

  /// Whether a barrier up to that sequence hides that version of a key.
  func hides(_ key: MemoryView, version: UInt64, at sequence: UInt64) -> Bool {
    guard let first = first(hiding: key, version: version) else { return false }
    return first <= sequence
  }
}

/// The barriers that may still hide something in the index. Changed by who has the turn, read by anybody.
package final class Barriers: Sendable {
  private let word = Atomic<UInt>(0)
  /// How many there are.
  private let number = Atomic(0)
  private struct Owned {
    var all: [Barrier] = []
    var memory: Mapping?
    /// The last version of each prefix that this session has met, of not too many.
    var later: [[UInt8]: UInt64] = [:]
  }
  private let owned = Locked(Owned())
  package init() {}

  private static let laterMax = 4096
  private static let laterPrefixMax = 256

  /// Under a read guard, and *before* the index is looked at: a barrier that is not among them any more has no entry
  /// left that it hides, and one that comes later comes after this read.
  @inline(__always)
  var list: BarrierList { BarrierList(word: word.load(ordering: .acquiring)) }

  package var all: [Barrier] { owned.withLock { $0.all } }
  var count: Int { number.load(ordering: .relaxed) }

  /// Adds barriers.
  ///
  /// - Parameter keepingAll: somebody may look as of an earlier sequence. Otherwise those that hide nothing that newer
  ///   ones do not hide go.
  package func add(_ barriers: [Barrier], keepingAll: Bool) {
    if barriers.isEmpty { return }
    replace { owned in
      for barrier in barriers where barrier.prefix.count <= Self.laterPrefixMax {
        guard owned.later.count < Self.laterMax || owned.later[barrier.prefix] != nil else { continue }
        owned.later[barrier.prefix] = max(owned.later[barrier.prefix] ?? 0, barrier.version)
      }
      owned.all += barriers
      if !keepingAll { owned.all = Self.needed(owned.all) }
    }
  }

  /// Whether one of them hides that version of a key. For who holds no read guard, and knows that none comes or goes.
  package func hide(_ key: MemoryView, version: UInt64) -> Bool { list.hides(key, version: version) }

  /// Whether a later one is known that has the same prefix.
  func hasLater(_ barrier: Barrier) -> Bool { owned.withLock { $0.later[barrier.prefix] ?? 0 > barrier.version } }

  /// Those that have been carried out go.
  func remove(_ barriers: [Barrier]) {
    replace { owned in owned.all.removeAll { barriers.contains($0) } }
  }

  func set(_ barriers: [Barrier]) { replace { $0.all = barriers } }

  private func replace(_ change: (inout Owned) -> Void) {
    let old: Mapping? = owned.withLock { owned in
      let old = owned.memory
      change(&owned)
      // Memory for a few bytes each; without it the process cannot go on.
      do throws(StoreError) { owned.memory = try BarrierList.make(owned.all) } catch {
        preconditionFailure("out of memory")
      }
      word.store(owned.memory.map { BarrierList($0).word } ?? 0, ordering: .releasing)
      number.store(owned.all.count, ordering: .relaxed)
      return old
    }
    if let old { Reclaimer.shared.retire(old, isLarge: false) }
  }

  private static func needed(_ barriers: [Barrier]) -> [Barrier] {
    // Newest first: a later one with the same prefix, or one that it begins with, hides all that it hides. Each prefix
    // of a prefix is looked for, from the shortest one on, if there is one of that length.
    var (kept, prefixes, lengths): ([Barrier], Set<[UInt8]>, Set<Int>) = ([], [], [])
    for barrier in barriers.sorted(by: { $0.version > $1.version }) {
      let isHidden = lengths.contains {
        $0 <= barrier.prefix.count && prefixes.contains(Array(barrier.prefix[..<$0]))
      }
      if isHidden { continue }
      kept.append(barrier)
      prefixes.insert(barrier.prefix)
      lengths.insert(barrier.prefix.count)
    }
    return kept
  }
}
