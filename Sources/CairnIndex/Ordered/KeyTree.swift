internal import Cairn

/// Keys in ascending order of their bytes, in memory: a B⁺-tree that counts (each branch knows how many keys there are
/// below each child, so that ranks take as long as lookups).
///
/// Keys can have a deadline. What has expired is taken out when somebody asks (``expire(at:)``): each branch knows the
/// earliest deadline below each child, or an earlier one, so that nothing else is looked at.
///
/// Nodes stand in arrays and are named by their place there: no reference is counted on the way down. Not safe from
/// more than one thread at a time.
struct KeyTree: ~Copyable {
  /// Enough that a node's own cost is spread over many keys; few enough that a change moves little.
  static let keysMax = 128
  /// Nodes of long keys are split earlier.
  static let bytesMax = 16 << 10
  static let childrenMax = 64

  struct Leaf {
    var keys = KeyBlock()
    /// Of each key, `max` if it has none; empty if no key has one.
    var deadlines: [Int64] = []
    var (previous, next): (Int32, Int32) = (-1, -1)
    /// Its number in the file that the tree was loaded from, as long as nobody has looked at it; otherwise -1.
    var kept: Int32 = -1
  }

  struct Branch {
    /// Between its children: not greater than any key behind, and greater than any before.
    var separators = KeyBlock()
    var children: [Int32] = []
    /// Keys below each child.
    var counts: [Int] = []
    /// Not later than any deadline below each child.
    var earliest: [Int64] = []

    func child(of key: RawSpan) -> Int {
      let (index, isFound) = separators.find(key)
      return isFound ? index + 1 : index
    }
  }

  var leaves = [Leaf()]
  var branches: [Branch] = []
  /// Places of nodes that are gone.
  var (freeLeaves, freeBranches): ([Int32], [Int32]) = ([], [])
  var root: Int32 = 0
  /// Levels of branches above the leaves.
  var height = 0
  var count = 0
  /// Not later than any deadline.
  var earliest = Int64.max
  /// What leaves stand in that nobody has looked at yet.
  var content: ViewContent?
  /// A leaf was not what had been written: what the tree says is worth nothing.
  var isDamaged = false

  init() {}

  deinit {
    for leaf in leaves { leaf.keys.free() }
    for branch in branches { branch.separators.free() }
  }

  /// What it takes on the heap.
  var memoryByteCount: Int {
    leaves.capacity * MemoryLayout<Leaf>.stride + branches.capacity * MemoryLayout<Branch>.stride
      + leaves.reduce(0) { $0 + $1.keys.memoryByteCount + 8 * $1.deadlines.capacity }
      + branches.reduce(0) {
        $0 + $1.separators.memoryByteCount + 4 * $1.children.capacity + 16 * $1.counts.capacity + 96
      }
  }

  // MARK: Looking

  mutating func contains(_ key: RawSpan) -> Bool {
    let leaf = leaf(of: key)
    prepare(leaf)
    return leaves[leaf].keys.find(key).isFound
  }

  /// How many keys are less than this one.
  mutating func rank(of key: RawSpan) -> Int {
    var (node, rank) = (root, 0)
    for _ in 0..<height {
      let branch = branches[Int(node)]
      let child = branch.child(of: key)
      for before in 0..<child { rank += branch.counts[before] }
      node = branch.children[child]
    }
    prepare(Int(node))
    return rank + leaves[Int(node)].keys.find(key).index
  }

  private func leaf(of key: RawSpan) -> Int {
    var node = root
    for _ in 0..<height {
      let child = branches[Int(node)].child(of: key)
      node = branches[Int(node)].children[child]
    }
    return Int(node)
  }

  // MARK: Going along

  /// A place between two keys; worth nothing any more once the tree has changed.
  struct Position {
    var leaf: Int
    var index: Int
  }

  /// Before the first key that is not less than this one.
  mutating func position(before key: RawSpan) -> Position {
    let leaf = leaf(of: key)
    prepare(leaf)
    return Position(leaf: leaf, index: leaves[leaf].keys.find(key).index)
  }

  var start: Position {
    var node = root
    for _ in 0..<height { node = branches[Int(node)].children[0] }
    return Position(leaf: Int(node), index: 0)
  }

  mutating func end() -> Position {
    var node = root
    for _ in 0..<height { node = branches[Int(node)].children.last! }
    prepare(Int(node))
    return Position(leaf: Int(node), index: leaves[Int(node)].keys.count)
  }
}
