internal import Cairn

/// The index of an attribute whose numbers, or dates, mostly differ.
final class RangeField {
  let number: AttributeIndex.Number
  /// Of a document, as ``NumberKey`` has them; 0 of one that has none, and of the least number of all.
  private var keys = Column<UInt64>()
  let present = Bitmap()
  let mistyped = Bitmap()
  private var bins: RangeBins
  /// How many documents have the least number of all.
  private var leastCount = 0

  init(_ number: AttributeIndex.Number, binMost: Int) {
    self.number = number
    bins = RangeBins(most: binMost)
  }

  var presentCount: Int { bins.count }
  var binCount: Int { bins.bins.count }

  /// `nil`: a document without a number.
  func key(_ document: UInt32) -> UInt64? {
    guard Int(document) < keys.count else { return nil }
    let key = keys[document]
    return key != 0 || leastCount > 0 && present.contains(document) ? key : nil
  }

  func value(_ key: UInt64) -> Attributes.Value {
    switch number {
    case .integer: .integer(NumberKey.integer(key))
    case .real: .real(NumberKey.real(key))
    case .date: .date(milliseconds: NumberKey.integer(key))
    }
  }

  // MARK: Changes

  func set(_ document: UInt32, _ kind: EncodedAttributes.Kind, _ value: Bytes) {
    switch (number, kind) {
    case (.integer, .integer), (.date, .date): change(document, to: NumberKey.key(value.load(0, as: Int64.self)))
    case (.real, .real):
      change(document, to: NumberKey.key(Double(bitPattern: value.load(0, as: UInt64.self))))
    default:
      change(document, to: nil)
      mistyped.insert(document)
    }
  }

  func clear(_ document: UInt32) { change(document, to: nil) }

  private func change(_ document: UInt32, to key: UInt64?) {
    if !mistyped.isEmpty { mistyped.remove(document) }
    keys.extend(to: document, with: 0)
    let old = self.key(document)
    if old == key { return }
    keys[document] = key ?? 0
    leastCount += (key == 0 ? 1 : 0) - (old == 0 ? 1 : 0)
    if old == nil { present.insert(document) } else if key == nil { present.remove(document) }
    bins.change(document, from: old, to: key, keys)
  }

  // MARK: Ranges

  /// A range by bins: those that lie in it as a whole, and those that do in part.
  private struct Cover {
    var whole: Range<Int>
    var parts: [Int] = []
  }

  private func cover(_ range: ClosedRange<UInt64>) -> Cover {
    let (first, last) = (bins.bin(of: range.lowerBound), bins.bin(of: range.upperBound))
    if last < 0 { return Cover(whole: 0..<0) }
    var cover = Cover(whole: max(first, 0)..<last + 1)
    if first >= 0, bins.bins[first].lower < range.lowerBound {
      cover.whole = first + 1..<last + 1
      if bins.upper(first) >= range.lowerBound { cover.parts = [first] }
    }
    if !cover.whole.isEmpty, bins.upper(last) > range.upperBound {
      cover.whole = cover.whole.lowerBound..<last
      cover.parts.append(last)
    }
    return cover
  }

  private func documents(_ bin: Int, within range: ClosedRange<UInt64>) -> Column<UInt32> {
    var documents = Column<UInt32>()
    bins.bins[bin].documents.append(to: &documents)
    // All of them have a key.
    keys.keep(&documents, within: range, is: true)
    return documents
  }

  private func wholeCount(_ whole: Range<Int>) -> Int {
    var count = 0
    for bin in whole { count += bins.bins[bin].count }
    return count
  }

  /// No less than ``count(_:)``, and more by a few thousand at most.
  func estimate(_ range: ClosedRange<UInt64>) -> Int {
    let cover = cover(range)
    return wholeCount(cover.whole) + cover.parts.reduce(0) { $0 + bins.bins[$1].count }
  }

  /// - Returns: how many documents have a number in the range, and how many had to be looked at for that.
  func count(_ range: ClosedRange<UInt64>) -> (count: Int, touched: Int) {
    let cover = cover(range)
    var (count, touched) = (wholeCount(cover.whole), 0)
    for bin in cover.parts {
      count += documents(bin, within: range).count
      touched += bins.bins[bin].count
    }
    return (count, touched)
  }

  func documents(_ range: ClosedRange<UInt64>) -> (documents: Bitmap, touched: Int) {
    let cover = cover(range)
    let (documents, isBorrowed) = wholeDocuments(cover.whole)
    if cover.parts.isEmpty { return (documents, 0) }
    let result = isBorrowed ? documents.copy() : documents
    var touched = 0
    for bin in cover.parts {
      // Quicker than one by one.
      result.formUnion(Bitmap(self.documents(bin, within: range)))
      touched += bins.bins[bin].count
    }
    return (result, touched)
  }

  /// How many of some documents have a number in the range. Without a bitmap of these: counts of running unions and bins
  /// are added and subtracted.
  func intersectionCount(_ range: ClosedRange<UInt64>, _ documents: Bitmap) -> (count: Int, touched: Int) {
    let cover = cover(range)
    var (count, touched) = (0, 0)
    if cover.whole.count == bins.bins.count {
      count = present.intersectionCount(documents)
    } else if !cover.whole.isEmpty {
      let (low, lowDistance) = nearestUnion(cover.whole.lowerBound)
      let (high, highDistance) = nearestUnion(cover.whole.upperBound)
      if low.bins == high.bins || wholeCount(cover.whole) < lowDistance + highDistance {
        count = intersectionCount(documents, cover.whole.lowerBound, cover.whole.upperBound)
      } else {
        count = high.documents.intersectionCount(documents) - low.documents.intersectionCount(documents)
        count += intersectionCount(documents, high.bins, cover.whole.upperBound)
        count -= intersectionCount(documents, cover.whole.upperBound, high.bins)
        count += intersectionCount(documents, cover.whole.lowerBound, low.bins)
        count -= intersectionCount(documents, low.bins, cover.whole.lowerBound)
      }
    }
    for bin in cover.parts {
      var list = Column<UInt32>()
      bins.bins[bin].documents.intersection(documents).append(to: &list)
      touched += list.count
      keys.keep(&list, within: range, is: true)
      count += list.count
    }
    return (count, touched)
  }

  private func intersectionCount(_ documents: Bitmap, _ first: Int, _ end: Int) -> Int {
    bitmaps(first, end).reduce(0) { $0 + $1.intersectionCount(documents) }
  }

  /// Of bins that lie in a range as a whole. As few documents as can be are put in or taken out one by one.
  private func wholeDocuments(_ whole: Range<Int>) -> (Bitmap, isBorrowed: Bool) {
    if whole.isEmpty { return (Bitmap(), false) }
    if whole.count == bins.bins.count { return (present, true) }
    if whole.count == 1 { return (bins.bins[whole.lowerBound].documents, true) }
    let (low, lowDistance) = nearestUnion(whole.lowerBound)
    let (high, highDistance) = nearestUnion(whole.upperBound)
    if low.bins == high.bins || wholeCount(whole) < lowDistance + highDistance {
      return (Bitmap.union(whole.map { bins.bins[$0].documents }), false)
    }
    let plus = bitmaps(max(high.bins, whole.lowerBound), whole.upperBound)
    let minus = bitmaps(whole.upperBound, high.bins) + bitmaps(low.bins, whole.lowerBound)
    let back = bitmaps(whole.lowerBound, min(low.bins, whole.upperBound))
    if plus.isEmpty && minus.isEmpty && back.isEmpty && low.bins == 0 { return (high.documents, true) }
    let result = low.bins == 0 ? high.documents.copy() : high.documents.subtracting(low.documents)
    for bitmap in plus { result.formUnion(bitmap) }
    for bitmap in minus { result.subtract(bitmap) }
    for bitmap in back { result.formUnion(bitmap) }
    return (result, false)
  }

  /// From one bin to another; none if they are the other way round.
  private func bitmaps(_ first: Int, _ end: Int) -> [Bitmap] {
    first < end ? (first..<end).map { bins.bins[$0].documents } : []
  }

  /// The running union that ends nearest to a bin, none and all being two of them, and how many documents lie between.
  private func nearestUnion(_ bin: Int) -> (RangeBins.RunningUnion, distance: Int) {
    let before = wholeCount(0..<bin)
    var nearest = RangeBins.RunningUnion()
    if bins.count - before < before {
      nearest = RangeBins.RunningUnion(bins: bins.bins.count, count: bins.count, documents: present)
    }
    for union in bins.unions where abs(union.count - before) < abs(nearest.count - before) { nearest = union }
    return (nearest, abs(nearest.count - before))
  }

  /// Whether the column of keys tells who is in a range: a document without a number has the key of the least one.
  func isColumnEnough(_ range: ClosedRange<UInt64>) -> Bool { leastCount == 0 || range.lowerBound > 0 }

  func keep(_ documents: inout Column<UInt32>, within range: ClosedRange<UInt64>, is isKept: Bool) {
    precondition(isColumnEnough(range), "a range that the column does not tell")
    if range.upperBound > 0 {
      keys.keep(&documents, within: max(range.lowerBound, 1)...range.upperBound, is: isKept)
    } else if isKept {
      documents.truncate(to: 0)
    }
  }

  // MARK: In order

  /// The bins that have a key in a range, in order.
  func bins(_ range: ClosedRange<UInt64>, isDescending: Bool) -> [RangeBins.Bin] {
    let (first, last) = (max(bins.bin(of: range.lowerBound), 0), bins.bin(of: range.upperBound))
    if last < first { return [] }
    return isDescending ? bins.bins[first...last].reversed() : Array(bins.bins[first...last])
  }

  /// The least and the greatest key of documents that all have one.
  ///
  /// - Parameter documents: some at least with a key.
  func extremes(of documents: Bitmap) -> ClosedRange<UInt64>? {
    var list = Column<UInt32>()
    if documents.count <= bins.most {
      documents.append(to: &list)
      present.keep(&list, is: true)
      return extremes(list)
    }
    guard let first = firstBin(with: documents, 0..<bins.bins.count),
      let last = lastBin(with: documents, first..<bins.bins.count)
    else { return nil }
    bins.bins[first].documents.intersection(documents).append(to: &list)
    let low = extremes(list)
    list.truncate(to: 0)
    bins.bins[last].documents.intersection(documents).append(to: &list)
    guard let low, let high = extremes(list) else { return nil }
    return low.lowerBound...high.upperBound
  }

  private func extremes(_ documents: borrowing Column<UInt32>) -> ClosedRange<UInt64>? {
    if documents.isEmpty { return nil }
    var (low, high) = (UInt64.max, UInt64.min)
    for index in 0..<documents.count {
      let key = keys[documents[index]]
      (low, high) = (min(low, key), max(high, key))
    }
    return low...high
  }

  /// The running unions tell whether any bin before a place has one.
  private func firstBin(with documents: Bitmap, _ range: Range<Int>) -> Int? {
    if let near = range.prefix(4).first(where: { bins.bins[$0].documents.intersects(documents) }) { return near }
    var start = range.lowerBound
    for union in bins.unions.sorted(by: { $0.bins < $1.bins }) where union.bins > start {
      if union.documents.intersects(documents) { break }
      start = union.bins
    }
    return (start..<range.upperBound).first { bins.bins[$0].documents.intersects(documents) }
  }

  private func lastBin(with documents: Bitmap, _ range: Range<Int>) -> Int? {
    if let near = range.suffix(4).last(where: { bins.bins[$0].documents.intersects(documents) }) { return near }
    let count = documents.intersectionCount(present)
    var end = range.upperBound
    for union in bins.unions.sorted(by: { $0.bins > $1.bins }) where union.bins < end && union.bins > range.lowerBound {
      if union.documents.intersectionCount(documents) < count { break }
      end = union.bins
    }
    return (range.lowerBound..<end).last { bins.bins[$0].documents.intersects(documents) }
  }

  var memoryByteCount: Int {
    keys.memoryByteCount + present.memoryByteCount + mistyped.memoryByteCount + bins.memoryByteCount
  }
}
