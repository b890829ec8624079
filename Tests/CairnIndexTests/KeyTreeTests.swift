import Cairn
import CairnTestSupport
import Testing

@testable import CairnIndex

/// Goal: the tree holds the keys that were inserted and not removed, in their order, and counts them right.
/// Method: random operations against a sorted array; keys that share much, or little, are prefixes of each other, or
/// long.
@Suite struct KeyTreeTests {
  enum Keys: CaseIterable {
    case short, alike, long, numbers, binary

    func make(_ random: inout SeededRandom) -> [UInt8] {
      switch self {
      case .short: return random.bytes(1 + random.below(3)).map { $0 % 5 }
      case .alike: return Array("user:\(random.below(50)):profile:\(random.below(40))".utf8)
      case .long: return [UInt8](repeating: UInt8(random.below(3)), count: 1 + random.below(5000)) + random.bytes(1)
      case .numbers: return Array("\(1_000_000 + random.below(3000))".utf8)
      case .binary: return random.bytes(16)
      }
    }
  }

  /// Of the first key that is not before this one.
  private func place(of key: [UInt8], in model: [[UInt8]]) -> Int {
    var (low, high) = (0, model.count)
    while low < high {
      let middle = (low + high) / 2
      if model[middle].isBefore(key) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func check(_ tree: inout KeyTree, _ model: [[UInt8]], _ random: inout SeededRandom, _ keys: Keys) {
    #expect(tree.count == model.count)
    let (forwards, backwards) = (tree.list(.all, reversed: false), tree.list(.all, reversed: true))
    #expect(forwards == model)
    #expect(backwards == model.reversed())
    for _ in 0..<20 {
      let other = keys.make(&random)
      let rank = place(of: other, in: model)
      let (found, isThere) = (tree.rank(of: other), tree.contains(other))
      #expect(found == rank && isThere == (rank < model.count && model[rank] == other))
      let few = 1 + random.below(20)
      let (behind, before) = (
        tree.list(.from(other), few, reversed: false), tree.list(.before(other), few, reversed: true)
      )
      #expect(behind == Array(model[rank...].prefix(few)))
      #expect(before == model[..<rank].suffix(few).reversed())
    }
  }

  @Test(arguments: Keys.allCases, SeededRandom.seeds(2)) func randomOperations(keys: Keys, seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var tree = KeyTree()
    var model: [[UInt8]] = []
    for phase in [80, 20, 95, 50, 2] {
      for _ in 0..<1500 {
        let isRemoval = !random.percent(phase)
        let key =
          isRemoval && random.percent(80) && !model.isEmpty ? model[random.below(model.count)] : keys.make(&random)
        let index = place(of: key, in: model)
        let isThere = index < model.count && model[index] == key
        if isRemoval {
          let isRemoved = tree.remove(key)
          #expect(isRemoved == isThere)
          if isThere { model.remove(at: index) }
        } else {
          let isNew = tree.insert(key)
          #expect(isNew == !isThere)
          if !isThere { model.insert(key, at: index) }
        }
      }
      check(&tree, model, &random, keys)
    }
    for key in model { tree.remove(key) }
    check(&tree, [], &random, keys)
    #expect(tree.height == 0)
  }

  /// All of a range goes, and nothing else.
  @Test(arguments: Keys.allCases, SeededRandom.seeds(2)) func ranges(keys: Keys, seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var tree = KeyTree()
    var model: [[UInt8]] = []
    for round in 0..<40 {
      for _ in 0..<random.below(round % 5 == 0 ? 3000 : 300) {
        let key = keys.make(&random)
        let index = place(of: key, in: model)
        if index < model.count && model[index] == key { continue }
        tree.insert(key, deadline: random.percent(20) ? 1000 : .max)
        model.insert(key, at: index)
      }
      let (a, b) = (keys.make(&random), keys.make(&random))
      let range: KeyRange =
        switch random.below(8) {
        case 0: .all
        case 1: .from(a)
        case 2: .before(a)
        case 3: .between(a, b)
        // Of two that are near to each other.
        case 4 where !model.isEmpty:
          .between(a, model[min(place(of: a, in: model) + random.below(200), model.count - 1)])
        default: .prefix([UInt8](a.prefix(1 + random.below(a.count))))
        }
      let expected = model.filter { range.contains($0) }
      let removed = tree.removeAll(in: range)
      #expect(removed == expected.count)
      model.removeAll { range.contains($0) }
      check(&tree, model, &random, keys)
    }
    tree.removeAll(in: .all)
    check(&tree, [], &random, keys)
    #expect(tree.height == 0)
  }

  /// What has expired goes, and nothing else, whatever came and went before.
  @Test(arguments: Keys.allCases, SeededRandom.seeds(2)) func deadlines(keys: Keys, seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var tree = KeyTree()
    var model: [[UInt8]: Int64] = [:]
    var now: Int64 = 0
    for round in 0..<30 {
      for _ in 0..<300 {
        let key = keys.make(&random)
        if random.percent(25) {
          tree.remove(key)
          model[key] = nil
        } else {
          let deadline = random.percent(round % 2 == 0 ? 90 : 10) ? now + Int64(random.below(100)) : .max
          tree.insert(key, deadline: deadline)
          model[key] = deadline
        }
      }
      now += Int64(random.below(60))
      let expired = tree.expire(at: now)
      #expect(expired.count == model.count { $0.value <= now })
      for key in expired { #expect(model[key]! <= now) }
      model = model.filter { $0.value > now }
      check(&tree, model.keys.sorted { $0.isBefore($1) }, &random, keys)
    }
  }

  @Test(arguments: [true, false]) func inOrder(isAscending: Bool) {
    var tree = KeyTree()
    var keys = (0..<20_000).map { Array("key-\(100_000 + $0)".utf8) }
    if !isAscending { keys.reverse() }
    for key in keys { tree.insert(key) }
    #expect(tree.count == keys.count)
    let found = tree.list(.all, reversed: !isAscending)
    #expect(found == keys)
    // Full leaves, and what the keys have in common once in each.
    if isAscending { #expect(tree.memoryByteCount < 20 * keys.count, "\(tree.memoryByteCount)") }
  }
}

extension KeyTree {
  mutating func rank(of key: [UInt8]) -> Int { key.withBytes { rank(of: $0) } }
  mutating func contains(_ key: [UInt8]) -> Bool { key.withBytes { contains($0) } }
  mutating func list(_ range: KeyRange, _ limit: Int = .max, reversed: Bool) -> [[UInt8]] {
    keys(in: range, atMost: limit, reversed: reversed)
  }
  @discardableResult
  mutating func insert(_ key: [UInt8], deadline: Int64 = .max) -> Bool {
    key.withBytes { insert($0, deadline: deadline) }
  }
  @discardableResult
  mutating func remove(_ key: [UInt8]) -> Bool { key.withBytes { remove($0) } }
}
