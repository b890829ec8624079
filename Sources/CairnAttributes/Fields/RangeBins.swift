/// Documents in the order of a number that each has, as bins of some thousand, each with the bitmap of its documents.
///
/// A bin has the keys from its lower bound up to that of the next one. A bin that grows over `most` is split at a key
/// about its middle; if all of its documents have the same key it is one of a single key from then on, and may be as
/// large as it gets: no other key is put into it. Small neighbours are joined. So a change moves a few thousand
/// documents at most, and one in a thousand changes does; but for bins of a single key.
///
/// Beside the bins there are running unions: the documents of all bins before a place. They stand near the sixteenths
/// of all documents, and follow these by a bin now and then. A range of any length is a difference of two of them,
/// and a few bins.
struct RangeBins: ~Copyable {
  /// A bin has no more documents, if they differ in their keys.
  static let most = 4096
  let most: Int
  private let least: Int
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

  /// - Parameter most: see there.
  init(most: Int) { (self.most, least) = (most, most / 4) }

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

  /// A document gets a key, or another, or has none any more.
  ///
  /// - Parameter keys: of all documents, with the new key of this one.
  mutating func change(_ document: UInt32, from old: UInt64?, to new: UInt64?, _ keys: borrowing Column<UInt64>) {
    var newBin: Int?
    var oldBin: Int?
    if let new { newBin = binToInsert(new) }
    if let old { oldBin = bin(of: old) }
    // Of the running unions, only those that end between the two change.
    for number in unions.indices {
      let end = unions[number].bins
      let (wasIn, isIn) = (oldBin.map { $0 < end } ?? false, newBin.map { $0 < end } ?? false)
      if wasIn == isIn { continue }
      if isIn { unions[number].documents.insert(document) } else { unions[number].documents.remove(document) }
      unions[number].count += isIn ? 1 : -1
    }
    count += (new != nil ? 1 : 0) - (old != nil ? 1 : 0)
    if newBin == oldBin { return }
    if let newBin {
      bins[newBin].documents.insert(document)
      bins[newBin].count += 1
    }
    if let oldBin {
      bins[oldBin].documents.remove(document)
      bins[oldBin].count -= 1
    }
    // The one that is behind first: it is not moved by what becomes of the other.
    for index in [oldBin, newBin].compactMap({ $0 }).sorted(by: >) { settle(index, keys) }
    moveNowAndThen()
  }

  private mutating func binToInsert(_ key: UInt64) -> Int {
    let index = bin(of: key)
    if index >= 0 && (!bins[index].isSingle || bins[index].lower == key) { return index }
    insertBin(Bin(lower: index < 0 ? 0 : bins[index].lower + 1), at: index + 1, isPart: false)
    return index + 1
  }

  /// After a change.
  private mutating func settle(_ index: Int, _ keys: borrowing Column<UInt64>) {
    let bin = bins[index]
    if bin.count == 0 {
      removeBin(index)
    } else if bin.count > most && !bin.isSingle {
      split(index, keys)
    } else if bin.count < least {
      bins[index].isSingle = false
      joinIfSmall(index)
    }
  }

  /// - Parameter isPart: of the one before, with documents that all unions have which that one is in.
  private mutating func insertBin(_ bin: Bin, at index: Int, isPart: Bool) {
    bins.insert(bin, at: index)
    for number in unions.indices where unions[number].bins > (isPart ? index - 1 : index) { unions[number].bins += 1 }
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
    insertBin(Bin(lower: pivot, count: high.count, documents: Bitmap(high)), at: index + 1, isPart: true)
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
      if a.isSingle || b.isSingle || a.count + b.count > most * 3 / 4 { continue }
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

  /// By one bin, that union which is farthest from its place. Where all keys grow, each bin that comes takes eight
  /// moves: half a sixteenth for each of them, on average.
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
