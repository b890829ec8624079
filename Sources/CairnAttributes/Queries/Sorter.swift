internal import Cairn

/// Finds the documents of a plan in the order of an attribute.
///
/// Few documents are gone through, and the first ones kept. Of many the first ones are met soon if the values are gone
/// through in their order; if they are not, as the attribute has to do with what is asked for, these are gone through too.
struct Sorter {
  enum Field {
    case equality(EqualityField)
    case range(RangeField)
  }

  /// Where a document stands: by rank, and documents of the same rank by number.
  private struct Place {
    var rank: UInt64
    var document: UInt32

    func isBefore(_ other: Place) -> Bool { rank < other.rank || rank == other.rank && document < other.document }
  }

  private let table: AttributeTable
  private let field: Field
  /// Ranks are turned around if the order is.
  private let mask: UInt64
  private let wanted: Int
  private var evaluation: Evaluation
  private var places = Places()
  /// How many documents may be met in vain.
  private var budget = 0
  /// The documents that match, if they are sparse: a bin and a sparse bitmap are slow to intersect.
  private var bits: BitColumn?
  /// Documents without the attribute, ascending.
  private var missing: [UInt32] = []

  /// Of documents that are found; sorted when they are asked for, or too many.
  private final class Places {
    var column = Column<Place>()
  }

  init(_ table: AttributeTable, _ field: Field, _ isDescending: Bool, wanted: Int) {
    self.table = table
    self.field = field
    self.wanted = wanted
    mask = isDescending ? .max : 0
    evaluation = Evaluation(table)
  }

  mutating func page(_ plan: Plan, after cursor: AttributeCursor?) -> [AttributeTable.FoundDocument] {
    let after = cursor.flatMap { cursor in
      cursor.value.map { Place(rank: rank(of: $0), document: cursor.document) }
    }
    let isPastAll = cursor != nil && after == nil
    let afterMissing = isPastAll ? cursor?.document : nil
    let count = evaluation.estimate(plan)
    if count <= table.tuning.selectMost {
      select(plan, after: after, isPastAll: isPastAll, afterMissing: afterMissing)
    } else {
      let result = plan.isEverything ? nil : evaluation.bitmap(plan)
      let count = result?.count ?? table.count
      budget = table.tuning.walkFactor * count
      if let result, count * 16 < table.count { bits = BitColumn(result, limit: table.keys.limit) }
      if !walk(plan, result, after: after, isPastAll: isPastAll, afterMissing: afterMissing) {
        places.column.truncate(to: 0)
        select(result.map { .bitmap($0) } ?? plan, after: after, isPastAll: isPastAll, afterMissing: afterMissing)
      }
    }
    sortAndTruncate()
    var found = (0..<places.column.count).map { index in
      let place = places.column[index]
      return AttributeTable.FoundDocument(document: place.document, value: value(place))
    }
    for document in missing.prefix(wanted - found.count) {
      found.append(AttributeTable.FoundDocument(document: document, value: nil))
    }
    return found
  }

  // MARK: Ranks

  // Of a range the key; of values that have an order twice their number in it, and one more: what comes between two of
  // them has one as well.

  private func rank(of value: Attributes.Value) -> UInt64 {
    switch field {
    case .equality(let field): mask ^ field.rank(of: value)
    case .range(let field): mask ^ (NumberKey.place(of: value, among: field.number)?.first ?? .max)
    }
  }

  private func rank(_ document: UInt32) -> UInt64? {
    switch field {
    case .equality(let field): field.code(document).map { mask ^ field.rank($0) }
    case .range(let field): field.key(document).map { mask ^ $0 }
    }
  }

  private func value(_ place: Place) -> Attributes.Value? {
    switch field {
    case .equality(let field): field.code(place.document).map(field.value)
    case .range(let field): field.value(mask ^ place.rank)
    }
  }

  // MARK: Few

  private mutating func select(_ plan: Plan, after: Place?, isPastAll: Bool, afterMissing: UInt32?) {
    if case .equality(let field) = field { field.settleRanks() }
    let (wanted, places, sorter) = (wanted, places, self)
    var (missing, last): ([UInt32], Place?) = ([], nil)
    evaluation.forEachBatch(plan, from: 0, wanted: .max) { batch in
      for index in 0..<batch.count {
        let document = batch[index]
        guard let rank = sorter.rank(document) else {
          if missing.count < wanted && afterMissing.map({ $0 < document }) ?? true { missing.append(document) }
          continue
        }
        let place = Place(rank: rank, document: document)
        if isPastAll || after.map({ !$0.isBefore(place) }) ?? false || last.map({ $0.isBefore(place) }) ?? false {
          continue
        }
        places.column.append(place)
        // Each time half of them go, and none that comes behind these is looked at again.
        if places.column.count >= 2 * wanted + 1024 {
          Self.sort(&places.column, first: wanted)
          last = places.column[wanted - 1]
        }
      }
      return true
    }
    self.missing = missing
  }

  private static func sort(_ places: inout Column<Place>, first wanted: Int) {
    places.sort { $0.isBefore($1) }
    places.truncate(to: min(places.count, wanted))
  }

  private mutating func sortAndTruncate() { Self.sort(&places.column, first: wanted) }

  // MARK: Many

  /// - Returns: `false` if it takes too long.
  private mutating func walk(
    _ plan: Plan, _ result: Bitmap?, after: Place?, isPastAll: Bool, afterMissing: UInt32?
  ) -> Bool {
    if !isPastAll {
      switch field {
      case .equality(let field): walk(field, result, after)
      case .range(let field): walk(field, result, after, bounds: plan.bounds(of: field))
      }
    }
    if places.column.count >= wanted { return true }
    if budget < 0 { return false }
    var without = (result ?? table.live).copy()
    switch field {
    case .equality(let field):
      for kind in StoredValue.Class.allCases { without.subtract(field.present(kind)) }
    case .range(let field): without = without.subtracting(field.present)
    }
    var reader = BitmapReader(without, from: afterMissing.map { $0 + 1 } ?? 0)
    var documents = Column<UInt32>()
    _ = reader.read(into: &documents, atMost: wanted - places.column.count)
    missing = (0..<documents.count).map { documents[$0] }
    return true
  }

  private mutating func walk(_ field: EqualityField, _ result: Bitmap?, _ after: Place?) {
    field.settleRanks()
    let codes = field.codes(0..<field.valueCount)
    for code in mask == 0 ? codes : codes.reversed() {
      let rank = mask ^ field.rank(code)
      if let after, rank < after.rank { continue }
      let first = after.map { $0.rank == rank ? $0.document + 1 : 0 } ?? 0
      append(field.documents(code), result, rank, from: first)
      // A code costs as much as some documents, however few it has.
      budget -= field.count(code) + 30
      if places.column.count >= wanted || budget < 0 { return }
    }
  }

  private mutating func walk(
    _ field: RangeField, _ result: Bitmap?, _ after: Place?, bounds: ClosedRange<UInt64>
  ) {
    var bounds = bounds
    if let after {
      let key = mask ^ after.rank
      let rest = mask == 0 ? key...UInt64.max : 0...key
      if !bounds.overlaps(rest) { return }
      bounds = bounds.clamped(to: rest)
    }
    for bin in field.bins(bounds, isDescending: mask != 0) {
      let documents = bin.documents
      if bin.isSingle {
        // All of one rank, and perhaps very many.
        let rank = mask ^ bin.lower
        if let after, rank < after.rank { continue }
        append(documents, result, rank, from: after.map { $0.rank == rank ? $0.document + 1 : 0 } ?? 0)
      } else {
        append(documents, result, after)
      }
      budget -= bin.count
      if places.column.count >= wanted || budget < 0 { return }
    }
  }

  /// Documents of one rank.
  private func append(_ documents: Bitmap, _ result: Bitmap?, _ rank: UInt64, from first: UInt32) {
    let all = bits == nil ? result.map(documents.intersection) ?? documents : documents
    var reader = BitmapReader(all, from: first)
    var list = Column<UInt32>()
    while places.column.count < wanted, reader.read(into: &list, atMost: 1024) {
      bits?.keep(&list)
      for index in 0..<min(list.count, wanted - places.column.count) {
        places.column.append(Place(rank: rank, document: list[index]))
      }
      list.truncate(to: 0)
    }
  }

  /// Documents of a bin, all of which come behind those that are there.
  private func append(_ documents: Bitmap, _ result: Bitmap?, _ after: Place?) {
    var list = Column<UInt32>()
    if let bits {
      documents.append(to: &list)
      bits.keep(&list)
    } else {
      (result.map(documents.intersection) ?? documents).append(to: &list)
    }
    for index in 0..<list.count {
      let place = Place(rank: rank(list[index]) ?? 0, document: list[index])
      if after.map({ $0.isBefore(place) }) ?? true { places.column.append(place) }
    }
  }
}

extension Plan {
  /// What a plan says of a field's keys: a range outside of which there is none that matches.
  fileprivate func bounds(of field: RangeField) -> ClosedRange<UInt64> {
    switch self {
    case .range(let other, let range) where other === field: range
    case .not(.range(let other, let range)) where other === field && range.lowerBound == 0 && range.upperBound < .max:
      range.upperBound + 1...UInt64.max
    case .not(.range(let other, let range)) where other === field && range.upperBound == .max && range.lowerBound > 0:
      0...range.lowerBound - 1
    case .and(let parts): parts.reduce(0...UInt64.max) { $0.clamped(to: $1.bounds(of: field)) }
    default: 0...UInt64.max
    }
  }
}
