/// SPEC 3.2: the file that names the segments that compaction has taken away.
///
/// Written anew as a whole, by a temporary file and a rename, before any file of a segment that it names is removed. So
/// a segment that is missing and not named has been lost, and one that is named and there is only left over.
package struct GoneSegments: Equatable {
  package static let name = "segments.gone"
  package static let headerBytes = 128
  package static let rangeBytes = 32
  /// There is at least one segment between two ranges.
  package static let rangesMax = Store.Limits.segments + 1

  /// Numbers between two segments that follow each other in the log, or before the first one.
  package struct Range: Equatable {
    package var first: UInt64
    package var last: UInt64
    /// Where the last record of the segment before them ends, and the checksum of that record: what the link of the
    /// first one of them told. Both 0 if there is no segment before.
    package var previousEnd: UInt64
    package var previousChecksum: UInt64

    package func contains(_ number: UInt64) -> Bool { first <= number && number <= last }
  }

  package var store: StoreIdentifier
  /// Removes up to this version may be gone, with everything that they removed.
  package var history: UInt64 = 0
  /// In order, with segments between them.
  package var ranges: [Range] = []

  package init(store: StoreIdentifier) { self.store = store }

  package var byteCount: Int { Self.headerBytes + ranges.count * Self.rangeBytes }

  /// The range that a number is in.
  package func range(of number: UInt64) -> Range? {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].last < number { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].contains(number) ? ranges[low] : nil
  }

  /// The range that is all there is between two segments; `before` is 0 for the beginning of the log.
  package func range(between before: UInt64, _ after: UInt64) -> Range? {
    guard let range = range(of: before &+ 1), range.first == before &+ 1, range.last == after &- 1 else { return nil }
    return range
  }

  package func encode(into view: MemoryView) {
    view.zero(0, byteCount)
    FormatVersion.begin(view, magic: Magic.gone, byteCount: Self.headerBytes)
    view.store(store.low, at: 24)
    view.store(store.high, at: 32)
    view.store(history, at: 40)
    view.store(UInt64(ranges.count), at: 48)
    for (index, range) in ranges.enumerated() {
      let at = Self.headerBytes + index * Self.rangeBytes
      view.store(range.first, at: at)
      view.store(range.last, at: at + 8)
      view.store(range.previousEnd, at: at + 16)
      view.store(range.previousChecksum, at: at + 24)
    }
    view.store(view.slice(Self.headerBytes, byteCount - Self.headerBytes).hash(seed: 0), at: 56)
    view.store(view.slice(0, Self.headerBytes - 8).hash(seed: 0), at: Self.headerBytes - 8)
  }

  /// - Throws: `.damaged`, `.unsupportedFormat`.
  package init(decoding view: MemoryView, of store: StoreIdentifier, file: String) throws(StoreError) {
    func damaged(_ message: String, _ offset: Int) -> StoreError { .damaged(message, file: file, at: offset) }
    guard view.count >= Self.headerBytes else {
      throw damaged("the list of segments that are gone is cut short", view.count)
    }
    try FormatVersion.check(
      view, magic: Magic.gone, byteCount: Self.headerBytes, what: "list of segments that are gone", file: file)
    guard view.load(Self.headerBytes - 8, as: UInt64.self) == view.slice(0, Self.headerBytes - 8).hash(seed: 0) else {
      throw damaged("the checksum of the list of segments that are gone does not match", Self.headerBytes - 8)
    }
    self.store = StoreIdentifier(low: view.load(24, as: UInt64.self), high: view.load(32, as: UInt64.self))
    guard self.store == store else { throw damaged("the list belongs to another store", 24) }
    history = view.load(40, as: UInt64.self)
    let features = view.load(64, as: UInt64.self)
    guard features == 0 else {
      throw StoreError(
        .unsupportedFormat, "the list of segments that are gone uses features of a newer version", file: file,
        byteOffset: 64)
    }
    let count = view.load(48, as: UInt64.self)
    guard count <= UInt64(Self.rangesMax), view.count == Self.headerBytes + Int(count) * Self.rangeBytes else {
      throw damaged("the list of segments that are gone is not as long as it says", 48)
    }
    guard view.load(56, as: UInt64.self) == view.slice(Self.headerBytes, view.count - Self.headerBytes).hash(seed: 0)
    else { throw damaged("the list of segments that are gone fails its checksum", 56) }
    ranges = (0..<Int(count)).map {
      let at = Self.headerBytes + $0 * Self.rangeBytes
      return Range(
        first: view.load(at, as: UInt64.self), last: view.load(at + 8, as: UInt64.self),
        previousEnd: view.load(at + 16, as: UInt64.self), previousChecksum: view.load(at + 24, as: UInt64.self))
    }
    // Checksums can be forged.
    var before: UInt64 = 0
    for (index, range) in ranges.enumerated() {
      let isFirst = range.first == 1
      guard range.first > before, range.first <= range.last, range.last < 1 << 32,
        isFirst == (range.previousEnd == 0), isFirst || range.previousEnd >= UInt64(SegmentHeader.recordsStart)
      else {
        throw damaged("no segments can be gone like this", Self.headerBytes + index * Self.rangeBytes)
      }
      before = range.last + 1
    }
  }
}

extension GoneSegments {
  /// What a store's directory has of it; empty if it has none.
  static func read(in directory: any Directory, of store: StoreIdentifier) throws(StoreError) -> GoneSegments {
    guard let file = try directory.open(name, forWriting: false) else { return GoneSegments(store: store) }
    // One byte more than there can be tells that the file is too long.
    let byteCount = min(try file.byteCount(), headerBytes + rangesMax * rangeBytes + 1)
    let buffer = try System.allocate(byteCount: max(byteCount, 1))
    let got = try file.read(into: buffer.view.slice(0, byteCount), at: 0)
    return try GoneSegments(decoding: buffer.view.slice(0, got), of: store, file: file.path)
  }
}
