internal import Cairn

/// Keys side by side in one piece of memory: nothing is allocated for each.
struct KeyList: RandomAccessCollection {
  /// All keys; ``KeyBlock`` adds to them.
  var bytes: [UInt8] = []
  /// Where each key ends.
  var ends: [Int] = []

  var startIndex: Int { 0 }
  var endIndex: Int { ends.count }

  subscript(index: Int) -> ArraySlice<UInt8> { bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]] }

  var arrays: [[UInt8]] { map { Array($0) } }
}

extension KeyTree {
  /// Adds the keys of a range to a list, from its beginning or from its end.
  mutating func addKeys(in range: KeyRange, atMost limit: Int, reversed: Bool, to list: inout KeyList) {
    if let upper = range.upper, !range.lower.lexicographicallyPrecedes(upper) { return }
    var rest = limit
    let first = range.lower.withBytes { position(before: $0) }
    let last = range.upper.map { $0.withBytes { position(before: $0) } } ?? end()
    var leaf = reversed ? last.leaf : first.leaf
    while rest > 0 && !isDamaged {
      let lower = leaf == first.leaf ? first.index : 0
      let upper = leaf == last.leaf ? last.index : leaves[leaf].keys.count
      let count = Swift.min(rest, upper - lower)
      if reversed {
        leaves[leaf].keys.addKeys(upper - count..<upper, reversed: true, to: &list)
      } else {
        leaves[leaf].keys.addKeys(lower..<lower + count, reversed: false, to: &list)
      }
      rest -= count
      let next = reversed ? leaves[leaf].previous : leaves[leaf].next
      if leaf == (reversed ? first.leaf : last.leaf) || next < 0 { return }
      leaf = Int(next)
      prepare(leaf)
    }
  }

  mutating func keys(in range: KeyRange, atMost limit: Int, reversed: Bool) -> [[UInt8]] {
    var list = KeyList()
    addKeys(in: range, atMost: limit, reversed: reversed, to: &list)
    return list.arrays
  }

  mutating func count(in range: KeyRange) -> Int {
    let end = range.upper.map { $0.withBytes { rank(of: $0) } } ?? count
    return max(0, end - range.lower.withBytes { rank(of: $0) })
  }
}
