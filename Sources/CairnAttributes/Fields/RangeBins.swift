/// Documents in the order of a number that each has, as bins of some thousand, each with the bitmap of its documents.
///
/// A bin has the keys from its lower bound up to that of the next one. A bin that grows over `most` is split at a key
/// about its middle; if all of its documents have the same key it is one of a single key from then on, and may be as
/// large as it gets: no other key is put into it. Small neighbours are joined. So a change moves a few thousand
/// documents at most, and one in a thousand changes does.
///
/// Beside the bins there are running unions: the documents of all bins before a place. They stand near the sixteenths
/// of all documents, and follow these by a bin now and then. A range of any length is a difference of two of them,
/// and a few bins.
struct RangeBins: ~Copyable {
  /// A bin has no more documents, if they differ in their keys.
  private static let most = 4096
  private static let least = 1024
  static let unionCount = 15
  /// Fewer bins need no running unions.
  private static let binsWithoutUnions = 16
  private static let changesPerMove = 64

  struct Bin {
    var lower: UInt64
    var count = 0
    /// All keys are `lower`, and no other key is put into it.
    var isSingle = false
    var documents = Bitmap()
  }

  struct RunningUnion {
    /// How many bins it has the documents of.
    var bins = 0
    var count = 0
    var documents = Bitmap()
  }

  private(set) var bins: [Bin] = []
  private(set) var unions = (0..<unionCount).map { _ in RunningUnion() }
  private(set) var count = 0
  private var changes = 0

  /// The bin that a key belongs to; −1 if it comes before all of them.
  func bin(of key: UInt64) -> Int {
    var (low, high) = (0, bins.count)
    while low < high {
      let middle = (low + high) / 2
      if bins[middle].lower <= key { low = middle + 1 } else { high = middle }
    }
    return low - 1
  }

  /// The greatest key that belongs to a bin.
  func upper(_ bin: Int) -> UInt64 {
    if bins[bin].isSingle { return bins[bin].lower }
    return bin + 1 < bins.count ? bins[bin + 1].lower - 1 : .max
  }

  // MARK: Changes

  /// - Parameter keys: of all documents, this one too.
  mutating func insert(_ document: UInt32, _ key: UInt64, _ keys: borrowing Column<UInt64>) {
    var index = bin(of: key)
    if index < 0 || bins[index].isSingle && bins[index].lower != key {
      let lower = index < 0 ? 0 : bins[index].lower + 1
      index += 1
      insertBin(Bin(lower: lower), at: index)
    }
    bins[index].documents.insert(document)
    bins[index].count += 1
    count += 1
    for number in unions.indices where unions[number].bins > index {
      unions[number].documents.insert(document)
      unions[number].count += 1
    }
    if bins[index].count > Self.most && !bins[index].isSingle { split(index, keys) }
    moveNowAndThen()
  }

  mutating func remove(_ document: UInt32, _ key: UInt64) {
    let index = bin(of: key)
    bins[index].documents.remove(document)
    bins[index].count -= 1
    count -= 1
    for number in unions.indices where unions[number].bins > index {
      unions[number].documents.remove(document)
      unions[number].count -= 1
    }
    if bins[index].count == 0 {
      removeBin(index)
    } else if bins[index].count < Self.least {
      bins[index].isSingle = false
      joinIfSmall(index)
    }
    moveNowAndThen()
  }

  private mutating func insertBin(_ bin: Bin, at index: Int) {
    bins.insert(bin, at: index)
    for number in unions.indices where unions[number].bins > index { unions[number].bins += 1 }
  }

  /// Of a bin without documents: what belongs to it belongs to its neighbours then.
  private mutating func removeBin(_ index: Int) {
    bins.remove(at: index)
    for number in unions.indices where unions[number].bins > index { unions[number].bins -= 1 }
  }

  private mutating func split(_ index: Int, _ keys: borrowing Column<UInt64>) {
    var documents = Column<UInt32>()
    bins[index].documents.append(to: &documents)
    guard let pivot = Self.pivot(documents, keys) else {
      bins[index].lower = keys[documents[0]]
      bins[index].isSingle = true
      return
    }
    var low = Column<UInt32>()
    var high = Column<UInt32>()
    for place in 0..<documents.count {
      let document = documents[place]
      if keys[document] < pivot { low.append(document) } else { high.append(document) }
    }
    let old = bins[index]
    bins[index] = Bin(lower: old.lower, count: low.count, documents: Bitmap(low))
    insertBin(Bin(lower: pivot, count: high.count, documents: Bitmap(high)), at: index + 1)
  }

  /// A key that has some before it, about half of all if there is one; `nil` if all are the same.
  private static func pivot(_ documents: borrowing Column<UInt32>, _ keys: borrowing Column<UInt64>) -> UInt64? {
    var sample = Column<UInt64>()
    for place in stride(from: 0, to: documents.count, by: 64) { sample.append(keys[documents[place]]) }
    sample.sort()
    let middle = sample[sample.count / 2]
    var behind: UInt64?
    for place in 0..<documents.count {
      let key = keys[documents[place]]
      if key < middle { return middle }
      if key > middle { behind = min(key, behind ?? key) }
    }
    return behind
  }

  private mutating func joinIfSmall(_ index: Int) {
    for left in [index - 1, index] where left >= 0 && left + 1 < bins.count {
      let (a, b) = (bins[left], bins[left + 1])
      if a.isSingle || b.isSingle || a.count + b.count > Self.most * 3 / 4 { continue }
      // No union ends between the two.
      for number in unions.indices where unions[number].bins == left + 1 { extendUnion(number) }
      a.documents.formUnion(b.documents)
      bins[left].count += b.count
      removeBin(left + 1)
      return
    }
  }

  // MARK: Running unions

  private mutating func extendUnion(_ number: Int) {
    let bin = bins[unions[number].bins]
    unions[number].documents.formUnion(bin.documents)
    unions[number].count += bin.count
    unions[number].bins += 1
  }

  private mutating func shortenUnion(_ number: Int) {
    let bin = bins[unions[number].bins - 1]
    unions[number].documents.subtract(bin.documents)
    unions[number].count -= bin.count
    unions[number].bins -= 1
  }

  /// By one bin, that union which is farthest from its place. Where all keys grow, each bin that comes takes eight moves:
  /// half a sixteenth for each of them, on average.
  private mutating func moveNowAndThen() {
    changes += 1
    if changes < Self.changesPerMove { return }
    changes = 0
    var (farthest, distance, isForwards) = (-1, 0, true)
    for number in unions.indices {
      let union = unions[number]
      let ideal = bins.count < Self.binsWithoutUnions ? 0 : count * (number + 1) / (Self.unionCount + 1)
      let off = ideal - union.count
      // Only if it is nearer then.
      if off > 0 && union.bins < bins.count && off * 2 > bins[union.bins].count && off > distance {
        (farthest, distance, isForwards) = (number, off, true)
      } else if off < 0 && union.bins > 0 && -off * 2 > bins[union.bins - 1].count && -off > distance {
        (farthest, distance, isForwards) = (number, -off, false)
      }
    }
    if farthest < 0 { return }
    if isForwards { extendUnion(farthest) } else { shortenUnion(farthest) }
  }

  var memoryByteCount: Int {
    bins.reduce(unions.reduce(0) { $0 + $1.documents.memoryByteCount }) { $0 + 40 + $1.documents.memoryByteCount }
  }
}
