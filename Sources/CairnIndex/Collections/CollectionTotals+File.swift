internal import Cairn

/// The totals of all collections in a file, for the next session: words of eight bytes.
///
/// The sequence that they are of; the time up to which what has ended does not count; how many collections. Of each:
/// the length of its name, the name with zeros up to whole words; count and bytes; how many deadlines, and of each the
/// deadline, count and bytes. In the end the checksum (XXH3-64) of all before.
enum CollectionsFile {
  static let name = "collections"
  static let version: UInt32 = 1

  static func encode(_ names: [String], _ totals: [CollectionTotals], sequence: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(number: sequence)
    bytes.append(number: UInt64(bitPattern: totals.map(\.time).max() ?? .min))
    bytes.append(number: UInt64(names.count))
    for (name, total) in zip(names, totals) {
      bytes.append(number: UInt64(name.utf8.count))
      bytes += name.utf8
      bytes += [UInt8](repeating: 0, count: -bytes.count & 7)
      bytes.append(total.total)
      let ends = total.ends.totals.sorted { $0.key < $1.key }
      bytes.append(number: UInt64(ends.count))
      for (deadline, total) in ends {
        bytes.append(number: UInt64(bitPattern: deadline))
        bytes.append(total)
      }
    }
    bytes.append(number: bytes.withBytes { FileWords.hash($0) })
    return bytes
  }

  /// `nil` if it is not what ``encode(_:_:sequence:)`` makes, of collections with these names.
  static func decode(
    _ bytes: RawSpan, _ names: [String]
  ) -> (totals: [CollectionTotals], sequence: UInt64, time: Int64)? {
    let end = bytes.byteCount - 8
    guard end >= 0, bytes.byteCount % 8 == 0,
      FileWords.number(bytes, at: end) == FileWords.hash(bytes.extracting(0..<end))
    else { return nil }
    var place = 0
    func next() -> Int? {
      guard place + 8 <= end else { return nil }
      defer { place += 8 }
      return Int(bitPattern: UInt(FileWords.number(bytes, at: place)))
    }
    func nextTotal() -> EntryTotal? {
      guard let count = next(), let byteCount = next(), (0...1 << 48).contains(count), (0...1 << 60).contains(byteCount)
      else { return nil }
      return EntryTotal(count: count, byteCount: byteCount)
    }
    guard let sequence = next(), let time = next(), next() == names.count else { return nil }
    var totals: [CollectionTotals] = []
    for name in names {
      let padded = (name.utf8.count + 7) & ~7
      guard next() == name.utf8.count, padded <= end - place,
        [UInt8](copying: bytes.extracting(place..<place + name.utf8.count)) == Array(name.utf8)
      else { return nil }
      place += padded
      guard let total = nextTotal(), let count = next(), count >= 0, count <= (end - place) / 24 else { return nil }
      var (ends, ending) = (DeadlineTotals(), EntryTotal())
      for _ in 0..<count {
        guard let deadline = next(), let one = nextTotal(), one.count > 0, ends.totals[Int64(deadline)] == nil else {
          return nil
        }
        ends.add(one, Int64(deadline))
        ending += one
        if ending.count > total.count || ending.byteCount > total.byteCount { return nil }
      }
      totals.append(CollectionTotals(total: total, ends: ends, time: Int64(time)))
    }
    return place == end ? (totals, UInt64(bitPattern: Int64(sequence)), Int64(time)) : nil
  }
}

extension Array where Element == UInt8 {
  fileprivate mutating func append(_ total: EntryTotal) {
    append(number: UInt64(total.count))
    append(number: UInt64(total.byteCount))
  }
}
