internal import Synchronization

/// A barrier: entries whose keys begin with `prefix` and whose versions are less than `version` are hidden.
package struct Barrier: Equatable, Sendable {
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
/// behind the key each tells of the last one before it whose prefix its own begins with, its *parent*. As each also
/// tells of one further up the chain (its *jump*: Myers, *An Applicative Random-Access Stack*, 1983), a lookup takes
/// steps as the logarithm of their number, however they are nested.
///
/// | offset | bytes | what |
/// |---|---|---|
/// | 0 | 8 | bytes of all |
/// | 8 | 8 | barriers |
/// | 16 | 8 | the newest version |
/// | 24 | 64 each | version, newest version of its chain, start and length of its prefix, parent, jump, depth, 0 |
/// | | | the prefixes |
@safe
struct BarrierList {
  private static let nodesStart = 24
  private static let nodeBytes = 64

  /// The address of the memory; 0: there are no barriers.
  let word: UInt

  @inline(__always)
  init(word: UInt) { self.word = word }

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

  /// One of the barriers; `nil` in place of a parent where there is none.
  private struct Node {
    let view: MemoryView
    let number: Int

    init(_ view: MemoryView, _ number: Int) {
      self.view = view
      self.number = number
    }

    private func word(_ offset: Int) -> UInt64 { view.load(nodesStart + number * nodeBytes + offset, as: UInt64.self) }
    private func set(_ value: UInt64, _ offset: Int) { view.store(value, at: nodesStart + number * nodeBytes + offset) }

    var version: UInt64 { word(0) }
    var newest: UInt64 { word(8) }
    var prefixCount: Int { Int(truncatingIfNeeded: word(24)) }
    var prefix: MemoryView { view.slice(Int(truncatingIfNeeded: word(16)), prefixCount) }
    /// Numbers of nodes are stored plus one.
    var parent: Node? { word(32) == 0 ? nil : Node(view, Int(truncatingIfNeeded: word(32)) - 1) }
    private var jump: Node? { word(40) == 0 ? nil : Node(view, Int(truncatingIfNeeded: word(40)) - 1) }
    private var depth: UInt64 { word(48) }

    /// Of one that stands in its place already, what leads to others.
    func write(_ barrier: Barrier, at start: Int, parent: Node?) {
      set(barrier.version, 0)
      set(max(barrier.version, parent?.newest ?? 0), 8)
      set(UInt64(start), 16)
      set(UInt64(barrier.prefix.count), 24)
      view.copy(barrier.prefix, at: start)
      guard let parent else { return }
      set(UInt64(parent.number + 1), 32)
      set(parent.depth + 1, 48)
      var jump = parent
      if let near = parent.jump, let far = near.jump, parent.depth - near.depth == near.depth - far.depth { jump = far }
      set(UInt64(jump.number + 1), 40)
    }

    /// The first one on the way up whose prefix has at most so many bytes.
    func ancestor(withPrefixUpTo byteCount: Int) -> Node? {
      var node = self
      while node.prefixCount > byteCount {
        if let jump = node.jump, jump.prefixCount > byteCount {
          node = jump
        } else if let parent = node.parent {
          node = parent
        } else {
          return nil
        }
      }
      return node
    }
  }

  /// - Returns: memory for a list; `nil` if there are no barriers.
  static func make(_ barriers: [Barrier]) throws(StoreError) -> Mapping? {
    if barriers.isEmpty { return nil }
    let sorted = Self.sorted(barriers)
    var start = nodesStart + sorted.count * nodeBytes
    let byteCount = sorted.reduce(start) { $0 + $1.prefix.count }
    let memory = try System.allocateLines(byteCount: (byteCount + 63) & ~63)
    let view = memory.view
    view.store(UInt64(byteCount), at: 0)
    view.store(UInt64(sorted.count), at: 8)
    view.store(sorted.reduce(0) { max($0, $1.version) }, at: 16)
    // Those that the next one's prefix may begin with, the longest last.
    var open: [Int] = []
    for (number, barrier) in sorted.enumerated() {
      while let last = open.last, !barrier.prefix.starts(with: sorted[last].prefix) { open.removeLast() }
      Node(view, number).write(barrier, at: start, parent: open.last.map { Node(view, $0) })
      start += barrier.prefix.count
      open.append(number)
    }
    return memory
  }

  fileprivate static func sorted(_ barriers: [Barrier]) -> [Barrier] {
    barriers.sorted {
      $0.prefix == $1.prefix ? $0.version < $1.version : $0.prefix.lexicographicallyPrecedes($1.prefix)
    }
  }

  /// The last barrier of the chain of those whose prefixes the key begins with.
  private static func last(_ view: MemoryView, _ key: MemoryView) -> Node? {
    // How many are not behind the key.
    var (low, high) = (0, Int(truncatingIfNeeded: view.load(8, as: UInt64.self)))
    while low < high {
      let middle = (low + high) / 2
      if key.precedes(Node(view, middle).prefix) { high = middle } else { low = middle + 1 }
    }
    if low == 0 { return nil }
    let node = Node(view, low - 1)
    return node.ancestor(withPrefixUpTo: key.commonPrefix(node.prefix))
  }

  /// Whether a barrier hides that version of a key.
  func hides(_ key: MemoryView, version: UInt64) -> Bool {
    if isEmpty { return false }
    let view = view
    if version >= view.load(16, as: UInt64.self) { return false }
    guard let last = Self.last(view, key) else { return false }
    return last.newest > version
  }

  /// The first barrier that has hidden that version of a key; `nil`: none has.
  func first(hiding key: MemoryView, version: UInt64) -> UInt64? {
    if isEmpty { return nil }
    let view = view
    if version >= view.load(16, as: UInt64.self) { return nil }
    var (next, first) = (Self.last(view, key), UInt64.max)
    while let node = next {
      if node.version > version { first = min(first, node.version) }
      next = node.parent
    }
    return first == .max ? nil : first
  }

  /// Whether a barrier up to that sequence hides that version of a key.
  func hides(_ key: MemoryView, version: UInt64, at sequence: UInt64) -> Bool {
    guard let first = first(hiding: key, version: version) else { return false }
    return first <= sequence
  }
}

/// Where readers find the list. A plain value, copied into each engine: through an object it would cost them more
/// (measured: four instructions of the 221 of a miss).
@safe
struct BarrierWord: @unchecked Sendable {  // Atomic; freed by who has made it.
  private let word: UnsafeMutablePointer<Atomic<UInt>>

  fileprivate init() {
    unsafe word = .allocate(capacity: 1)
    unsafe word.initialize(to: Atomic(0))
  }

  fileprivate func free() { unsafe word.deallocate() }

  fileprivate func set(_ list: BarrierList) { unsafe word.pointee.store(list.word, ordering: .releasing) }

  /// See ``Barriers/list``.
  @inline(__always)
  var list: BarrierList { BarrierList(word: unsafe word.pointee.load(ordering: .acquiring)) }
}

/// The barriers that may still hide something in the index. Changed by who has the turn, read by anybody.
package final class Barriers: Sendable {
  private struct Owned {
    var all: [Barrier] = []
    var memory: Mapping?
    /// The last version of each prefix that this session has met, of not too many.
    var later: [[UInt8]: UInt64] = [:]
  }

  private let word: BarrierWord
  /// How many there are.
  private let number = Atomic(0)
  private let owned = Locked(Owned())
  private static let laterMax = 4096
  private static let laterPrefixMax = 256

  package init() { word = BarrierWord() }

  deinit { word.free() }

  /// For readers; as long as this object lives.
  var reading: BarrierWord { word }

  /// Under a read guard, and *before* the index is looked at: a barrier that is not among them any more has no entry
  /// left that it hides, and one that comes later comes after this read.
  @inline(__always)
  var list: BarrierList { word.list }

  package var all: [Barrier] { owned.withLock { $0.all } }
  var count: Int { number.load(ordering: .relaxed) }
  /// They tell barriers apart.
  var versions: Set<UInt64> { Set(all.map(\.version)) }

  /// Adds barriers.
  ///
  /// - Parameter keepingAll: somebody may look as of an earlier sequence. Otherwise those that hide nothing that newer
  ///   ones do not hide go.
  /// - Throws: if there is no memory for them.
  package func add(_ barriers: [Barrier], keepingAll: Bool) throws(StoreError) {
    if barriers.isEmpty { return }
    try replace { owned in
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

  /// Whether a later one is in the log that has the same prefix.
  func hasLater(_ barrier: Barrier) -> Bool { owned.withLock { $0.later[barrier.prefix] ?? 0 > barrier.version } }

  /// Those that have been carried out go.
  func remove(_ versions: Set<UInt64>) throws(StoreError) {
    try replace { owned in owned.all.removeAll { versions.contains($0.version) } }
  }

  func set(_ barriers: [Barrier]) throws(StoreError) { try replace { $0.all = barriers } }

  private func replace(_ change: (inout Owned) -> Void) throws(StoreError) {
    let old = try owned.withLock { (owned) throws(StoreError) -> Mapping? in
      var changed = owned
      change(&changed)
      changed.memory = try BarrierList.make(changed.all)
      word.set(changed.memory.map { BarrierList($0) } ?? BarrierList(word: 0))
      number.store(changed.all.count, ordering: .relaxed)
      let old = owned.memory
      owned = changed
      return old
    }
    if let old { Reclaimer.shared.retire(old, isLarge: false) }
  }

  /// Without those of which another one hides all that they hide: a newer one with the same prefix, or with one that
  /// theirs begins with.
  private static func needed(_ barriers: [Barrier]) -> [Barrier] {
    // Of each prefix only the newest; then those on the way whose prefixes the next one may begin with.
    var (kept, open): ([Barrier], [Barrier]) = ([], [])
    for barrier in BarrierList.sorted(barriers) {
      if kept.last?.prefix == barrier.prefix {
        kept.removeLast()
        open.removeLast()
      }
      while let last = open.last, !barrier.prefix.starts(with: last.prefix) { open.removeLast() }
      // Further up they are older.
      if let last = open.last, last.version > barrier.version { continue }
      kept.append(barrier)
      open.append(barrier)
    }
    return kept
  }
}
