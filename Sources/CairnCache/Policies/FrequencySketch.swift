/// About how often each of very many keys has been asked for of late: a count-min sketch of counters from 0 to 15, all
/// of which are halved from time to time. Einziger, Friedman, Manes, *TinyLFU: A Highly Efficient Cache Admission
/// Policy*, 2017. Eight to sixteen bytes an entry.
struct FrequencySketch {
  private var table: [UInt64] = []
  private var additions = 0
  private var additionsMax = 0
  /// Of no use but that what ``add(all:)`` reads first is read.
  private var touched: UInt64 = 0

  private static let leastWords = 256
  /// The lowest bit of each counter, and the rest of it once it has been halved.
  private static let ones: UInt64 = 0x1111_1111_1111_1111
  private static let halves: UInt64 = 0x7777_7777_7777_7777

  /// Makes it large enough for so many entries; what it knew is forgotten where it has to grow.
  mutating func ensure(entries: Int) {
    var words = Self.leastWords
    while words < entries { words *= 2 }
    if table.count >= words { return }
    table = [UInt64](repeating: 0, count: words)
    (additions, additionsMax) = (0, 10 * words)
  }

  private static func spread(_ hash: UInt64) -> UInt32 {
    var x = UInt32(truncatingIfNeeded: hash ^ hash >> 32)
    x ^= x >> 17
    x &*= 0xED5A_D4BB
    x ^= x >> 11
    x &*= 0xAC4C_1B51
    return x ^ x >> 15
  }

  private static func rehash(_ x: UInt32) -> UInt32 {
    let x = x &* 0x3184_8BAB
    return x ^ x >> 14
  }

  /// Where the four counters of a hash are, in eight words that lie together.
  private struct Places {
    let start: Int
    let bits: UInt32

    func word(_ number: Int) -> Int { start + Int(bits >> UInt32(number * 8) & 1) + number * 2 }
    func shift(_ number: Int) -> UInt64 { UInt64(bits >> UInt32(number * 8 + 1) & 15) * 4 }
  }

  private func places(_ hash: UInt64) -> Places {
    let block = Self.spread(hash)
    return Places(start: Int(block) & (table.count - 1) & ~7, bits: Self.rehash(block))
  }

  func frequency(_ hash: UInt64) -> Int {
    if table.isEmpty { return 0 }
    let places = places(hash)
    return Int((0..<4).reduce(15) { min($0, table[places.word($1)] >> places.shift($1) & 15) })
  }

  /// The same of several: what is not in the processor's caches is waited for together.
  mutating func add(all hashes: [UInt64]) {
    if !table.isEmpty { for hash in hashes { touched &+= table[places(hash).start] } }
    for hash in hashes { add(hash) }
  }

  mutating func add(_ hash: UInt64) {
    if table.isEmpty { ensure(entries: 1) }
    let places = places(hash)
    var isAdded = false
    for number in 0..<4 where table[places.word(number)] >> places.shift(number) & 15 < 15 {
      table[places.word(number)] += 1 << places.shift(number)
      isAdded = true
    }
    if !isAdded { return }
    additions += 1
    if additions >= additionsMax { halve() }
  }

  private mutating func halve() {
    var odd = 0
    for word in table.indices {
      odd += (table[word] & Self.ones).nonzeroBitCount
      table[word] = table[word] >> 1 & Self.halves
    }
    additions = (additions - odd / 4) / 2
  }
}
