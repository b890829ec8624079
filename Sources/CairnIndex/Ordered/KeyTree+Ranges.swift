internal import Cairn

/// Taking out all keys of a range.
extension KeyTree {
  /// Takes out the keys of a range. Returns how many there were. What lies in it as a whole is not looked at, key by
  /// key, but only let go of.
  @discardableResult
  mutating func removeAll(in range: KeyRange) -> Int {
    if let upper = range.upper, !range.lower.lexicographicallyPrecedes(upper) { return 0 }
    let removed = removeAll(in: range, from: root, height)
    count -= removed
    if count == 0 {
      // The one leaf that may be left, and the branches above it.
      free(root, height)
      (root, height, earliest) = (add(Leaf()), 0, .max)
    }
    while height > 0, branches[Int(root)].children.count == 1 {
      let old = root
      root = branches[Int(old)].children[0]
      freeBranch(old)
      height -= 1
    }
    return removed
  }

  private mutating func removeAll(in range: KeyRange, from node: Int32, _ height: Int) -> Int {
    let place = Int(node)
    if height == 0 { return removeAll(in: range, fromLeaf: place) }
    let first = range.lower.withBytes { branches[place].child(of: $0) }
    let last =
      range.upper.map { $0.withBytes { branches[place].child(of: $0) } } ?? branches[place].children.count - 1
    var removed = 0
    for child in Set([first, last]) {
      let count = removeAll(in: range, from: branches[place].children[child], height - 1)
      branches[place].counts[child] -= count
      removed += count
    }
    // Between the two, all of it; and what is empty now.
    for child in (first...last).reversed() {
      let isBetween = child > first && child < last
      if isBetween { removed += branches[place].counts[child] }
      if isBetween || branches[place].counts[child] == 0 { freeChild(child, of: place, height) }
    }
    for child in [first + 1, first, first - 1] {
      guard child >= 0, child < branches[place].children.count else { continue }
      if isSparse(branches[place].children[child], height - 1) { joinChild(child, of: place, height) }
    }
    return removed
  }

  private mutating func removeAll(in range: KeyRange, fromLeaf place: Int) -> Int {
    prepare(place)
    let keys = leaves[place].keys
    let first = range.lower.withBytes { keys.find($0).index }
    let last = range.upper.map { $0.withBytes { keys.find($0).index } } ?? keys.count
    if first >= last { return 0 }
    var rest = keys.part(0..<first)
    let behind = keys.part(last..<keys.count)
    rest.append(behind)
    behind.free()
    keys.free()
    leaves[place].keys = rest
    if !leaves[place].deadlines.isEmpty { leaves[place].deadlines.removeSubrange(first..<last) }
    return last - first
  }

  /// Lets go of a child, unless it is the only one.
  private mutating func freeChild(_ child: Int, of place: Int, _ height: Int) {
    if branches[place].children.count == 1 { return }
    free(branches[place].children[child], height - 1)
    branches[place].children.remove(at: child)
    branches[place].counts.remove(at: child)
    branches[place].earliest.remove(at: child)
    // What leads to the one before it now leads to that one's keys alone.
    branches[place].separators.remove(at: max(child - 1, 0))
  }

  /// Lets go of a node and all below it.
  private mutating func free(_ node: Int32, _ height: Int) {
    let place = Int(node)
    if height > 0 {
      for child in branches[place].children { free(child, height - 1) }
      return freeBranch(node)
    }
    let (previous, next) = (leaves[place].previous, leaves[place].next)
    if previous >= 0 { leaves[Int(previous)].next = next }
    if next >= 0 { leaves[Int(next)].previous = previous }
    leaves[place].keys.free()
    leaves[place] = Leaf()
    freeLeaves.append(node)
  }

  private mutating func freeBranch(_ node: Int32) {
    branches[Int(node)].separators.free()
    branches[Int(node)] = Branch()
    freeBranches.append(node)
  }
}
