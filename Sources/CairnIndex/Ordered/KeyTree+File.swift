internal import Cairn

/// A tree in a file: its leaves as they are in memory (``KeyBlock``), behind each the deadlines of its keys if any has
/// one, then a directory of the leaves, then the keys between them, then which keys these are, then where all that
/// stands.
///
/// Loading reads the directory, and makes the branches from it; a leaf is verified when somebody comes by.
///
/// | directory, 40 bytes a leaf | | | end, 56 bytes | |
/// |---|---|---|---|---|
/// | 0 | 8 | offset | 0 | 8 | offset of the directory |
/// | 8 | 4 | bytes of its block, without deadlines | 8 | 8 | leaves |
/// | 12 | 4 | keys | 16 | 8 | keys |
/// | 16 | 8 | checksum (XXH3-64) of block and deadlines | 24 | 8 | checksum of all behind the leaves up to here |
/// | 24 | 8 | earliest deadline; the largest number if there is none | 32 | 8 | what had expired then is not in it |
/// | 32 | 2, 6 | bytes and offset of the key between it and the one before | 40 | 8 | bytes of its scope |
/// | | | | 48 | 8 | checksum of these |
///
/// The key between two leaves is greater than any in the first, and not greater than any in the second; the first leaf
/// has none. The scope is none for all keys of the store; otherwise the prefixes of its keys, each behind its length (8
/// bytes), and zeros up to whole words.
extension KeyTree {
  static let version: UInt32 = 2
  static let entryBytes = 40
  static let endBytes = 56

  /// A leaf as it is written.
  struct LeafCopy {
    let bytes: [UInt8]
    let deadlines: [Int64]
    let count: Int
    let first: [UInt8]
    let last: [UInt8]
  }

  // MARK: Writing

  /// Some leaves, those behind a key; none if there are no more keys.
  mutating func copies(behind key: [UInt8]?, atMost limit: Int) -> [LeafCopy] {
    var position = start
    if let key { position = (key + [0]).withBytes { self.position(before: $0) } }
    var copies: [LeafCopy] = []
    while copies.count < limit {
      prepare(position.leaf)
      let leaf = leaves[position.leaf]
      let range = position.index..<leaf.keys.count
      if !range.isEmpty {
        copies.append(
          LeafCopy(
            bytes: leaf.keys.encoded(range), deadlines: leaf.deadlines.isEmpty ? [] : Array(leaf.deadlines[range]),
            count: range.count, first: leaf.keys.key(range.lowerBound), last: leaf.keys.key(range.upperBound - 1)))
      }
      if leaf.next < 0 { break }
      position = Position(leaf: Int(leaf.next), index: 0)
    }
    return copies
  }

  /// Writes leaves one by one, as they come, and what leads to them.
  struct Writer {
    private var directory: [UInt8] = []
    private var separators: [UInt8] = []
    private var leaves = 0
    private var keys = 0
    private(set) var last: [UInt8]?

    mutating func add(_ leaf: LeafCopy, to output: inout ViewOutput) throws(StoreError) {
      let offset = output.byteCount
      var bytes = leaf.bytes
      let earliest = leaf.deadlines.min() ?? .max
      // Who has no deadlines needs no place for them.
      if earliest != .max { for deadline in leaf.deadlines { bytes.append(number: UInt64(bitPattern: deadline)) } }
      try output.add(bytes)
      let separator = last.map { Array(leaf.first[...KeyBlock.commonPrefix($0, leaf.first)]) } ?? []
      directory.append(number: UInt64(offset))
      directory.append(number: UInt64(leaf.bytes.count) | UInt64(leaf.count) << 32)
      directory.append(number: bytes.withBytes { FileWords.hash($0) })
      directory.append(number: UInt64(bitPattern: earliest))
      // From where they begin, which is known in the end.
      directory.append(number: UInt64(separators.count) << 16 | UInt64(separator.count))
      separators += separator
      last = leaf.last
      leaves += 1
      keys += leaf.count
    }

    /// - Parameters:
    ///   - dropped: what had expired then is not in it.
    ///   - prefixes: of its keys; `nil`: it has all.
    mutating func finish(
      _ output: inout ViewOutput, dropped: Int64, prefixes: [[UInt8]]? = nil
    ) throws(StoreError) {
      separators += [UInt8](repeating: 0, count: -separators.count & 7)
      let scope = KeyTree.scope(prefixes)
      separators += scope
      var end: [UInt8] = []
      end.append(number: UInt64(output.byteCount))
      end.append(number: UInt64(leaves))
      end.append(number: UInt64(keys))
      directory += separators
      end.append(number: directory.withBytes { FileWords.hash($0) })
      end.append(number: UInt64(bitPattern: dropped))
      end.append(number: UInt64(scope.count))
      end.append(number: end.withBytes { FileWords.hash($0) })
      try output.add(directory)
      try output.add(end)
    }
  }

  private static func scope(_ prefixes: [[UInt8]]?) -> [UInt8] {
    var scope: [UInt8] = []
    for prefix in prefixes ?? [] {
      scope.append(number: UInt64(prefix.count))
      scope += prefix + [UInt8](repeating: 0, count: -prefix.count & 7)
    }
    return scope
  }

  // MARK: Loading

  /// `nil` if it is not what ``Writer`` has written. Leaves are not looked at.
  init?(_ content: ViewContent) {
    self.init()
    guard content.withBytes({ loadDirectory($0) }) else { return nil }
    self.content = content
  }

  /// The directory, and what is told of it.
  private struct Directory {
    let start: Int
    let end: Int
    let leaves: Int
    let keys: UInt64
    let dropped: Int64
    let scope: Range<Int>

    var separators: Int { start + leaves * KeyTree.entryBytes }

    /// Not yet compared with its checksum.
    init?(_ bytes: RawSpan) {
      end = bytes.byteCount - KeyTree.endBytes
      guard end >= 0, bytes.byteCount % 8 == 0,
        FileWords.number(bytes, at: end + 48) == FileWords.hash(bytes.extracting(end..<end + 48)),
        let start = Int(exactly: FileWords.number(bytes, at: end)), start <= end,
        let scopeBytes = Int(exactly: FileWords.number(bytes, at: end + 40)), scopeBytes <= end - start,
        let leaves = Int(exactly: FileWords.number(bytes, at: end + 8)),
        leaves <= (end - start - scopeBytes) / KeyTree.entryBytes, leaves < Int32.max
      else { return nil }
      (self.start, self.leaves, keys) = (start, leaves, FileWords.number(bytes, at: end + 16))
      dropped = Int64(bitPattern: FileWords.number(bytes, at: end + 32))
      scope = end - scopeBytes..<end
    }

    /// A leaf as the directory has it; `nil` if it cannot be so.
    func leaf(_ number: Int, _ bytes: RawSpan) -> KeptLeaf? {
      let entry = start + number * KeyTree.entryBytes
      let sizes = FileWords.number(bytes, at: entry + 8)
      let (byteCount, count) = (Int(sizes & 0xFFFF_FFFF), Int(sizes >> 32))
      let earliest = Int64(bitPattern: FileWords.number(bytes, at: entry + 24))
      let deadlineBytes = earliest == .max ? 0 : 8 * count
      let separator = FileWords.number(bytes, at: entry + 32)
      let (place, length) = (Int(separator >> 16), Int(separator & 0xFFFF))
      guard let offset = Int(exactly: FileWords.number(bytes, at: entry)), offset % 8 == 0, offset <= start,
        (1...KeyTree.keysMax).contains(count), byteCount + deadlineBytes <= start - offset,
        place + length <= scope.lowerBound - separators
      else { return nil }
      return KeptLeaf(
        block: offset..<offset + byteCount, all: offset..<offset + byteCount + deadlineBytes, count: count,
        checksum: FileWords.number(bytes, at: entry + 16), earliest: earliest,
        separator: separators + place..<separators + place + length)
    }
  }

  private struct KeptLeaf {
    let block: Range<Int>
    /// With the deadlines.
    let all: Range<Int>
    let count: Int
    let checksum: UInt64
    let earliest: Int64
    let separator: Range<Int>
  }

  /// What had expired when the content was written, and later, is not in it; `nil` if it is not what ``Writer`` has
  /// written of keys with these prefixes.
  static func dropped(_ content: ViewContent, prefixes: [[UInt8]]?) -> Int64? {
    content.withBytes { bytes in
      guard let directory = Directory(bytes),
        [UInt8](copying: bytes.extracting(directory.scope)) == scope(prefixes)
      else { return nil }
      return directory.dropped
    }
  }

  private mutating func loadDirectory(_ bytes: RawSpan) -> Bool {
    guard let directory = Directory(bytes),
      FileWords.number(bytes, at: directory.end + 24)
        == FileWords.hash(
          bytes.extracting(directory.start..<directory.end))
    else { return false }
    if directory.leaves == 0 { return directory.keys == 0 }
    var level: [NewBranchChild] = []
    level.reserveCapacity(directory.leaves)
    leaves.removeAll()
    leaves.reserveCapacity(directory.leaves)
    for number in 0..<directory.leaves {
      guard let kept = directory.leaf(number, bytes) else { return false }
      let separator = [UInt8](copying: bytes.extracting(kept.separator))
      // Ascending, but for the first, which has none.
      if number > 0 && !(level[number - 1].separator.lexicographicallyPrecedes(separator)) { return false }
      leaves.append(
        Leaf(
          previous: Int32(number - 1), next: number + 1 < directory.leaves ? Int32(number + 1) : -1,
          kept: Int32(number)))
      level.append(
        NewBranchChild(place: Int32(number), separator: separator, count: kept.count, earliest: kept.earliest))
    }
    guard level.reduce(0, { $0 + UInt64($1.count) }) == directory.keys else { return false }
    makeBranches(level)
    return true
  }

  private struct NewBranchChild {
    let place: Int32
    let separator: [UInt8]
    let count: Int
    let earliest: Int64
  }

  /// From the leaves to the root.
  private mutating func makeBranches(_ leaves: [NewBranchChild]) {
    var level = leaves
    while level.count > 1 {
      // As many in each, with some room.
      let parts = (level.count + Self.childrenMax * 3 / 4 - 1) / (Self.childrenMax * 3 / 4)
      level = (0..<parts).map { part in
        let children = level[part * level.count / parts..<(part + 1) * level.count / parts]
        var branch = Branch()
        for child in children {
          if !branch.children.isEmpty { branch.separators.insert(child.separator, at: branch.separators.count) }
          branch.children.append(child.place)
          branch.counts.append(child.count)
          branch.earliest.append(child.earliest)
        }
        branches.append(branch)
        return NewBranchChild(
          place: Int32(branches.count - 1), separator: children[children.startIndex].separator,
          count: branch.counts.reduce(0, +), earliest: branch.earliest.min() ?? .max)
      }
      height += 1
    }
    (root, count, earliest) = (level[0].place, level[0].count, level[0].earliest)
  }

  /// Before a leaf is looked at.
  @inline(__always)
  mutating func prepare(_ place: Int) {
    if leaves[place].kept >= 0 { load(place) }
  }

  @inline(never)
  private mutating func load(_ place: Int) {
    guard let content else { return }
    let number = Int(leaves[place].kept)
    leaves[place].kept = -1
    let isWhole = content.withBytes { (bytes: RawSpan) -> Bool in
      guard let directory = Directory(bytes), let kept = directory.leaf(number, bytes),
        FileWords.hash(bytes.extracting(kept.all)) == kept.checksum,
        let keys = KeyBlock.load(bytes.extracting(kept.block), keysMax: Self.keysMax)
      else { return false }
      let next = number + 1 < directory.leaves ? directory.leaf(number + 1, bytes) : nil
      // No key of another leaf: who goes from one to the next comes along.
      guard keys.count == kept.count,
        !keys.key(0).lexicographicallyPrecedes([UInt8](copying: bytes.extracting(kept.separator))),
        next.map({
          keys.key(kept.count - 1).lexicographicallyPrecedes([UInt8](copying: bytes.extracting($0.separator)))
        })
          ?? true
      else {
        keys.free()
        return false
      }
      leaves[place].keys = keys
      if kept.all != kept.block {
        leaves[place].deadlines = (0..<kept.count).map {
          Int64(bitPattern: FileWords.number(bytes, at: kept.block.upperBound + 8 * $0))
        }
      }
      return true
    }
    if !isWhole { isDamaged = true }
  }
}
