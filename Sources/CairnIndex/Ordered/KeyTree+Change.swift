internal import Cairn

extension KeyTree {
  /// A node that has come behind the one that was changed, and the least key that leads there.
  private struct NewNode {
    let place: Int32
    let separator: [UInt8]
    let count: Int
    let earliest: Int64
  }

  // MARK: Inserting

  /// Adds a key, or gives it another deadline. Returns whether it was not there.
  @discardableResult
  mutating func insert(_ key: RawSpan, deadline: Int64 = .max) -> Bool {
    let (isNew, node) = insert(key, deadline, into: root, height)
    if isNew { count += 1 }
    earliest = min(earliest, deadline)
    if let node {
      var branch = Branch()
      branch.children = [root, node.place]
      branch.counts = [count - node.count, node.count]
      branch.earliest = [earliest, node.earliest]
      branch.separators.insert(node.separator, at: 0)
      root = add(branch)
      height += 1
    }
    return isNew
  }

  private mutating func insert(
    _ key: RawSpan, _ deadline: Int64, into node: Int32, _ height: Int
  ) -> (isNew: Bool, NewNode?) {
    if height == 0 { return insert(key, deadline, intoLeaf: Int(node)) }
    let place = Int(node)
    let child = branches[place].child(of: key)
    let (isNew, split) = insert(key, deadline, into: branches[place].children[child], height - 1)
    if isNew { branches[place].counts[child] += 1 }
    if deadline < branches[place].earliest[child] { branches[place].earliest[child] = deadline }
    guard let split else { return (isNew, nil) }
    branches[place].counts[child] -= split.count
    branches[place].counts.insert(split.count, at: child + 1)
    branches[place].earliest.insert(split.earliest, at: child + 1)
    branches[place].children.insert(split.place, at: child + 1)
    branches[place].separators.insert(split.separator, at: child)
    let count = branches[place].children.count
    if count <= Self.childrenMax { return (isNew, nil) }
    // Who inserts in ascending order leaves full nodes behind.
    return (isNew, splitBranch(place, at: child + 2 == count ? count - 2 : count / 2))
  }

  private mutating func insert(
    _ key: RawSpan, _ deadline: Int64, intoLeaf place: Int
  ) -> (isNew: Bool, NewNode?) {
    prepare(place)
    let (index, isFound) = leaves[place].keys.find(key)
    if !isFound { leaves[place].keys.insert(key, at: index) }
    setDeadline(deadline, of: index, in: place, isNew: !isFound)
    let count = leaves[place].keys.count
    guard count > Self.keysMax || leaves[place].keys.restBytes > Self.bytesMax && count > 1 else {
      return (!isFound, nil)
    }
    if index == count - 1 && leaves[place].next < 0 { return (!isFound, splitLeaf(place, at: count - 1)) }
    return (!isFound, splitLeaf(place, at: index == 0 && leaves[place].previous < 0 ? 1 : count / 2))
  }

  private mutating func setDeadline(_ deadline: Int64, of index: Int, in place: Int, isNew: Bool) {
    if leaves[place].deadlines.isEmpty {
      if deadline == .max { return }
      leaves[place].deadlines = Array(repeating: .max, count: leaves[place].keys.count)
    } else if isNew {
      leaves[place].deadlines.insert(.max, at: index)
    }
    leaves[place].deadlines[index] = deadline
  }

  private mutating func splitLeaf(_ place: Int, at index: Int) -> NewNode {
    let keys = leaves[place].keys
    let (low, high) = (keys.part(0..<index), keys.part(index..<keys.count))
    var leaf = Leaf(keys: high, previous: Int32(place), next: leaves[place].next)
    if !leaves[place].deadlines.isEmpty {
      leaf.deadlines = Array(leaves[place].deadlines[index...])
      leaves[place].deadlines.removeSubrange(index...)
    }
    let earliest = leaf.deadlines.min() ?? .max
    let new = add(leaf)
    if leaves[place].next >= 0 { leaves[Int(leaves[place].next)].previous = new }
    leaves[place].next = new
    leaves[place].keys = low
    keys.free()
    let (last, first) = (low.key(low.count - 1), high.key(0))
    // The shortest key between the two.
    let separator = Array(first[...KeyBlock.commonPrefix(last, first)])
    return NewNode(place: new, separator: separator, count: high.count, earliest: earliest)
  }

  private mutating func splitBranch(_ place: Int, at child: Int) -> NewNode {
    let old = branches[place]
    let separators = old.separators
    let low = Branch(
      separators: separators.part(0..<child - 1), children: Array(old.children[..<child]),
      counts: Array(old.counts[..<child]), earliest: Array(old.earliest[..<child]))
    let high = Branch(
      separators: separators.part(child..<separators.count), children: Array(old.children[child...]),
      counts: Array(old.counts[child...]), earliest: Array(old.earliest[child...]))
    let separator = separators.key(child - 1)
    separators.free()
    branches[place] = low
    return NewNode(
      place: add(high), separator: separator, count: high.counts.reduce(0, +), earliest: high.earliest.min() ?? .max)
  }

  mutating func add(_ leaf: Leaf) -> Int32 {
    if let place = freeLeaves.popLast() {
      leaves[Int(place)].keys.free()
      leaves[Int(place)] = leaf
      return place
    }
    leaves.append(leaf)
    return Int32(leaves.count - 1)
  }

  private mutating func add(_ branch: Branch) -> Int32 {
    if let place = freeBranches.popLast() {
      branches[Int(place)].separators.free()
      branches[Int(place)] = branch
      return place
    }
    branches.append(branch)
    return Int32(branches.count - 1)
  }

  // MARK: Removing

  /// Returns whether it was there.
  @discardableResult
  mutating func remove(_ key: RawSpan) -> Bool {
    guard remove(key, from: root, height) else { return false }
    count -= 1
    while height > 0, branches[Int(root)].children.count == 1 {
      let old = root
      root = branches[Int(old)].children[0]
      branches[Int(old)].separators.free()
      branches[Int(old)] = Branch()
      freeBranches.append(old)
      height -= 1
    }
    return true
  }

  private mutating func remove(_ key: RawSpan, from node: Int32, _ height: Int) -> Bool {
    let place = Int(node)
    if height == 0 {
      prepare(place)
      let (index, isFound) = leaves[place].keys.find(key)
      if isFound {
        leaves[place].keys.remove(at: index)
        if !leaves[place].deadlines.isEmpty { leaves[place].deadlines.remove(at: index) }
      }
      return isFound
    }
    let child = branches[place].child(of: key)
    guard remove(key, from: branches[place].children[child], height - 1) else { return false }
    branches[place].counts[child] -= 1
    if isSparse(branches[place].children[child], height - 1) { joinChild(child, of: place, height) }
    return true
  }

  func isSparse(_ node: Int32, _ height: Int) -> Bool {
    if height > 0 { return branches[Int(node)].children.count < Self.childrenMax / 4 }
    let keys = leaves[Int(node)].keys
    return keys.count < Self.keysMax / 4 && keys.restBytes < Self.bytesMax / 4
  }

  /// Joins a child with the one behind it, or before it, if what they have fits one node.
  mutating func joinChild(_ child: Int, of place: Int, _ height: Int) {
    for low in [child, child - 1] where low >= 0 && low + 1 < branches[place].children.count {
      let (left, right) = (branches[place].children[low], branches[place].children[low + 1])
      let isDone =
        height == 1 ? joinLeaves(Int(left), Int(right)) : joinBranches(left, right, branches[place].separators.key(low))
      if !isDone { continue }
      branches[place].counts[low] += branches[place].counts[low + 1]
      branches[place].counts.remove(at: low + 1)
      let earliest = branches[place].earliest.remove(at: low + 1)
      branches[place].earliest[low] = min(branches[place].earliest[low], earliest)
      branches[place].children.remove(at: low + 1)
      branches[place].separators.remove(at: low)
      return
    }
  }

  private mutating func joinLeaves(_ left: Int, _ right: Int) -> Bool {
    prepare(left)
    prepare(right)
    let (low, high) = (leaves[left].keys, leaves[right].keys)
    // With some room, so that they are not split again at once.
    guard low.count + high.count <= Self.keysMax * 3 / 4, low.restBytes + high.restBytes <= Self.bytesMax / 2 else {
      return false
    }
    let (before, behind) = (leaves[left].deadlines, leaves[right].deadlines)
    if !before.isEmpty || !behind.isEmpty {
      leaves[left].deadlines = Self.filled(before, low.count) + Self.filled(behind, high.count)
    }
    leaves[left].keys.append(high)
    high.free()
    leaves[left].next = leaves[right].next
    if leaves[right].next >= 0 { leaves[Int(leaves[right].next)].previous = Int32(left) }
    leaves[right] = Leaf()
    freeLeaves.append(Int32(right))
    return true
  }

  private static func filled(_ deadlines: [Int64], _ count: Int) -> [Int64] {
    deadlines.isEmpty ? Array(repeating: .max, count: count) : deadlines
  }

  private mutating func joinBranches(_ left: Int32, _ right: Int32, _ separator: [UInt8]) -> Bool {
    let (low, high) = (Int(left), Int(right))
    guard branches[low].children.count + branches[high].children.count <= Self.childrenMax * 3 / 4 else { return false }
    let other = branches[high]
    branches[low].separators.insert(separator, at: branches[low].separators.count)
    branches[low].separators.append(other.separators)
    other.separators.free()
    branches[low].children += other.children
    branches[low].counts += other.counts
    branches[low].earliest += other.earliest
    branches[high] = Branch()
    freeBranches.append(right)
    return true
  }

  // MARK: Expiry

  /// Takes out the keys whose deadline is not later than this moment. Returns them.
  @discardableResult
  mutating func expire(at now: Int64) -> [[UInt8]] {
    if earliest > now { return [] }
    var expired: [[UInt8]] = []
    earliest = findExpired(root, height, now, &expired)
    for key in expired { key.withBytes { _ = remove($0) } }
    return expired
  }

  /// Returns the earliest deadline of the others.
  private mutating func findExpired(_ node: Int32, _ height: Int, _ now: Int64, _ expired: inout [[UInt8]]) -> Int64 {
    let place = Int(node)
    var earliest = Int64.max
    if height == 0 {
      prepare(place)
      for (index, deadline) in leaves[place].deadlines.enumerated() {
        if deadline <= now { expired.append(leaves[place].keys.key(index)) } else { earliest = min(earliest, deadline) }
      }
      return earliest
    }
    for child in branches[place].children.indices {
      if branches[place].earliest[child] <= now {
        branches[place].earliest[child] = findExpired(branches[place].children[child], height - 1, now, &expired)
      }
      earliest = min(earliest, branches[place].earliest[child])
    }
    return earliest
  }
}
