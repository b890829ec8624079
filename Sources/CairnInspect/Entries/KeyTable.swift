internal import Cairn

/// Keys, and something that belongs to each. They stand one after the other in one array: as a dictionary, with a block
/// of the heap for each key, it took three times as long to fill and twice the memory.
struct KeyTable<Value> {
  private var bytes: [UInt8] = []
  /// Where each key ends; the next one begins there.
  private var ends: [Int] = []
  private var hashes: [UInt64] = []
  private(set) var values: [Value] = []
  /// Number of a key plus one, at the place that its hash gives or the next free one; 0 is free.
  private var slots = [UInt32](repeating: 0, count: 1024)
  /// Nobody who makes a file knows it.
  private let seed: UInt64

  /// Keys number fewer than so many.
  static var countMax: Int { Int(UInt32.max) }

  init() throws(StoreError) { seed = try System.random() }

  var count: Int { values.count }

  private func range(_ number: Int) -> (start: Int, count: Int) {
    let start = number == 0 ? 0 : ends[number - 1]
    return (start, ends[number] - start)
  }

  /// The bytes of all keys, for `key(_:in:)`.
  private func withBytes<R>(_ body: (MemoryView) -> R) -> R { body(unsafe MemoryView(bytes.span.bytes)) }

  private func key(_ number: Int, in all: MemoryView) -> MemoryView {
    let range = range(number)
    return all.slice(range.start, range.count)
  }

  func key(_ number: Int) -> [UInt8] { withBytes { key(number, in: $0).array() } }

  func number(of key: MemoryView) -> Int? {
    let found = Int(slots[place(of: key, key.hash(seed: seed))])
    return found == 0 ? nil : found - 1
  }

  /// Where the key stands in `slots`, or would.
  private func place(of key: MemoryView, _ hash: UInt64) -> Int {
    let mask = slots.count - 1
    var place = Int(truncatingIfNeeded: hash) & mask
    while slots[place] != 0 {
      let number = Int(slots[place]) - 1
      if hashes[number] == hash && withBytes({ self.key(number, in: $0).isEqual(to: key) }) { break }
      place = (place + 1) & mask
    }
    return place
  }

  mutating func set(_ value: Value, for key: MemoryView) throws(StoreError) {
    let hash = key.hash(seed: seed)
    let place = place(of: key, hash)
    if slots[place] != 0 {
      values[Int(slots[place]) - 1] = value
      return
    }
    guard count < Self.countMax else { throw StoreError(.system, "there are more keys than this program can count") }
    bytes.append(key)
    ends.append(bytes.count)
    hashes.append(hash)
    values.append(value)
    slots[place] = UInt32(count)
    if count * 3 > slots.count * 2 { grow() }
  }

  private mutating func grow() {
    slots = [UInt32](repeating: 0, count: slots.count * 4)
    let mask = slots.count - 1
    for (number, hash) in hashes.enumerated() {
      var place = Int(truncatingIfNeeded: hash) & mask
      while slots[place] != 0 { place = (place + 1) & mask }
      slots[place] = UInt32(number + 1)
    }
  }

  mutating func update(_ change: (_ key: MemoryView, _ value: inout Value) -> Void) {
    for number in values.indices {
      var value = values[number]
      withBytes { change(key(number, in: $0), &value) }
      values[number] = value
    }
  }

  /// The numbers of some keys in the order of the keys' bytes.
  func sorted(where isWanted: (Value) -> Bool) -> [Int] {
    let wanted = values.indices.filter { isWanted(values[$0]) }
    return withBytes { all in wanted.sorted { key($0, in: all).precedes(key($1, in: all)) } }
  }
}
