internal import Cairn

/// Totals over the documents of each group, changed with each of them.
final class GroupTotals {
  let aggregate: AttributeAggregate
  let group: EqualityField
  let number: RangeField

  private struct Total {
    var byteCount = 0
    /// How many have the number.
    var numberCount = 0
    /// Of integers, and of reals.
    var integerSum: Int128 = 0
    var realSum = ExactSum()
    var extremes: ClosedRange<UInt64>?
    /// A number that was the least or the greatest has gone: they are to be found again when they are asked for.
    var hasLostExtreme = false
  }

  /// By code of the group's value.
  private var totals: [Total] = []

  init(_ aggregate: AttributeAggregate, group: EqualityField, number: RangeField) {
    (self.aggregate, self.group, self.number) = (aggregate, group, number)
  }

  /// What a document adds to its group.
  struct Share: Equatable {
    /// `nil`: it is in none.
    var group: UInt32?
    var number: UInt64?
    var byteCount = 0
  }

  func share(_ document: UInt32, byteCount: Int) -> Share {
    guard let code = group.code(document) else { return Share() }
    return Share(group: code, number: number.key(document), byteCount: byteCount)
  }

  func replace(_ old: Share, by new: Share) {
    if old == new { return }
    // What is common to both stays: the greatest number of a group is not lost because its entry is overwritten.
    let isSameNumber = old.group == new.group && old.number == new.number
    if let code = old.group.map(Int.init) {
      totals[code].byteCount -= old.byteCount
      if let number = old.number, !isSameNumber { remove(number, code) }
    }
    if let code = new.group.map(Int.init) {
      while totals.count <= code { totals.append(Total()) }
      totals[code].byteCount += new.byteCount
      if let number = new.number, !isSameNumber { add(number, code) }
    }
  }

  private func add(_ key: UInt64, _ code: Int) {
    totals[code].numberCount += 1
    if number.number == .real {
      totals[code].realSum.add(NumberKey.real(key))
    } else {
      totals[code].integerSum += Int128(NumberKey.integer(key))
    }
    let extremes = totals[code].extremes ?? key...key
    totals[code].extremes = min(extremes.lowerBound, key)...max(extremes.upperBound, key)
  }

  private func remove(_ key: UInt64, _ code: Int) {
    totals[code].numberCount -= 1
    if number.number == .real {
      totals[code].realSum.remove(NumberKey.real(key))
    } else {
      totals[code].integerSum -= Int128(NumberKey.integer(key))
    }
    if totals[code].numberCount == 0 {
      totals[code].extremes = nil
      totals[code].hasLostExtreme = false
    } else if let extremes = totals[code].extremes, extremes.lowerBound == key || extremes.upperBound == key {
      totals[code].hasLostExtreme = true
    }
  }

  /// A group has no documents any more, and its code may become that of another.
  func forget(_ code: UInt32) {
    if Int(code) < totals.count { totals[Int(code)] = Total() }
  }

  func row(_ code: UInt32) -> AttributeTotal {
    let index = Int(code)
    if totals[index].hasLostExtreme {
      // Wider than it should be, and never narrower: what was added since is in it.
      totals[index].extremes = number.extremes(of: group.documents(code))
      totals[index].hasLostExtreme = false
    }
    let total = totals[index]
    return AttributeTotal(
      group: group.value(code), count: group.count(code), byteCount: total.byteCount,
      numberCount: total.numberCount,
      sum: number.number == .real ? .real(total.realSum.rounded) : .integer(total.integerSum),
      minimum: total.extremes.map { number.value($0.lowerBound) },
      maximum: total.extremes.map { number.value($0.upperBound) })
  }

  var memoryByteCount: Int {
    totals.reduce(0) { $0 + MemoryLayout<Total>.stride + $1.realSum.memoryByteCount }
  }
}
