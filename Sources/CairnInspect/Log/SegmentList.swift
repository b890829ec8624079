internal import Cairn

/// The segments of a store as its directory tells them at one moment.
struct SegmentList {
  /// Of those that are part of the log, in order.
  private(set) var numbers: [UInt64]
  /// Those that compaction has taken away; none if the list of them is damaged.
  private(set) var gone: GoneSegments
  /// Of those, the ones whose files are still there: the next writer removes them.
  private(set) var leftOver: [UInt64]
  /// What is wrong with the list. Then nobody can tell a segment that is gone from one that is lost, or left over.
  private(set) var finding: Finding?

  /// - Parameter isHolding: the files are to stay readable, whatever a writer takes away.
  init(_ store: StoreDirectory, isHolding: Bool = false) throws(StoreError) {
    leftOver = []
    // What counts of a segment that is gone was written before the list was, and its file removed after that: a list
    // that is the same before and after the files were looked for fits what was found.
    repeat {
      (gone, finding) = try Self.readGone(store)
      numbers = try store.directory.names().compactMap(SegmentHeader.number).sorted()
      if isHolding { store.held.hold(numbers.filter { gone.range(of: $0) == nil }, in: store.directory) }
    } while try Self.readGone(store).gone != gone
    if gone.ranges.isEmpty { return }
    let list = gone
    leftOver = numbers.filter { list.range(of: $0) != nil }
    numbers.removeAll { list.range(of: $0) != nil }
  }

  private static func readGone(
    _ store: StoreDirectory
  ) throws(StoreError) -> (gone: GoneSegments, finding: Finding?) {
    let none = GoneSegments(store: store.header.identifier)
    do throws(StoreError) { return (try loadGone(store) ?? none, nil) } catch {
      guard let finding = Finding(error) else { throw error }
      return (none, finding)
    }
  }

  private static func loadGone(_ store: StoreDirectory) throws(StoreError) -> GoneSegments? {
    guard let file = try store.directory.open(GoneSegments.name, forWriting: false) else { return nil }
    let most = GoneSegments.headerBytes + GoneSegments.rangesMax * GoneSegments.rangeBytes
    // One byte more than there can be tells that the file is too long.
    let window = FileWindow(file, byteCount: min(try file.byteCount(), most + 1))
    let view = try window.bytes(at: 0, window.byteCount) ?? .empty
    return try GoneSegments(decoding: view, of: store.header.identifier, file: file.path)
  }

  /// The number of the next segment that is there.
  func next(after number: UInt64) -> UInt64? {
    var (low, high) = (0, numbers.count)
    while low < high {
      let middle = (low + high) / 2
      if numbers[middle] <= number { low = middle + 1 } else { high = middle }
    }
    return low < numbers.count ? numbers[low] : nil
  }

  func isGone(_ number: UInt64) -> Bool { gone.range(of: number) != nil }

  /// Takes over segments that a writer has added behind all others.
  ///
  /// - Throws: `.historyGone` if it has taken some of them away already.
  mutating func addNewer(_ store: StoreDirectory) throws(StoreError) {
    let newer = try SegmentList(store)
    guard newer.finding == nil else { return }
    let last = numbers.last ?? 0
    if newer.isAnyGone(after: last) && !isAnyGone(after: last) {
      throw StoreError(.historyGone, "segments have been compacted before they were read: try again", file: store.path)
    }
    numbers += newer.numbers.filter { $0 > last }
  }

  /// Leaves out the last one until it is looked for again.
  mutating func forgetLast() { _ = numbers.popLast() }

  /// Whether segments with greater numbers than this one are gone.
  func isAnyGone(after number: UInt64) -> Bool { gone.ranges.last.map { $0.last > number } ?? false }

  /// How one segment may follow another one (F1-GON-003).
  enum Order {
    case following
    /// All numbers between them are gone.
    case behind(GoneSegments.Range)
    /// Its link leads elsewhere.
    case astray
    /// There must be, or have been, others between them.
    case missing
  }

  /// - Parameters:
  ///   - before: the one before it of those that are there; 0: none.
  ///   - link: of the segment `number`.
  func order(_ before: UInt64, _ number: UInt64, _ link: LinkValue?) -> Order {
    if let range = gone.range(between: before, number) {
      guard before > 0 else { return .behind(range) }
      // Its link was on the disk before anything was taken away.
      guard let link, link.previous >= before, link.previous < number, link.hasEnd else { return .astray }
      return .behind(range)
    }
    if before == 0 { return number == 1 ? .following : .missing }
    guard let link else {
      // Made in advance, and not used: nothing tells yet which numbers it leaves out.
      return number == before + 1 || number == numbers.last && !isAnyGone(after: before) ? .following : .missing
    }
    if link.previous == before { return link.hasEnd ? .following : .astray }
    return number == before + 1 || link.previous < before || link.previous >= number ? .astray : .missing
  }
}
