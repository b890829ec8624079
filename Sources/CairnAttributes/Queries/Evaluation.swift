/// Finds the documents of a plan.
///
/// What costs what was measured with a million documents (libroaring 0.2.66, no vector instructions): an operation of
/// two bitmaps both of which are dense takes 20 µs; with one that is sparse, less than a document in 16, half a
/// nanosecond for each of its documents; of two sparse ones 2.3 ns for each of both: more than to look each document
/// of the smaller one up in a column, which takes one.
struct Evaluation {
  let table: AttributeTable
  /// How many documents were looked at one by one.
  private(set) var touched = 0

  init(_ table: AttributeTable) { self.table = table }

  /// One of the conditions that a document has to meet, or not to meet.
  private struct Condition {
    var plan: Plan
    var isMet: Bool
  }

  /// What is done with documents one by one.
  private enum Filter {
    case value(EqualityField, UInt32)
    case values(EqualityField, CodeFlags)
    case range(RangeField, ClosedRange<UInt64>)
    case tagSet(TagsField, UInt32)
    case bitmap(Bitmap)
  }

  /// Documents of a bitmap, of which those count that pass some filters.
  private struct Source {
    var base: Bitmap
    var filters: [(filter: Filter, isMet: Bool)] = []
  }

  // MARK: Sizes

  private func isSparse(_ count: Int) -> Bool { count * 16 < table.count }

  /// No less than the count; exact but for ranges and what is composed.
  func estimate(_ plan: Plan) -> Int {
    switch plan {
    case .nothing: 0
    case .everything, .not: table.count
    case .value(let field, let code): field.count(code)
    case .values(let field, let codes): codes.reduce(0) { $0 + field.count($1) }
    case .range(let field, let range): field.estimate(range)
    case .tag(let field, let tag): field.count(tag)
    case .tagSet(let field, let set): field.count(ofSet: set)
    case .bitmap(let bitmap): bitmap.count
    case .and(let parts): parts.reduce(table.count) { min($0, estimate($1)) }
    case .or(let parts): min(table.count, parts.reduce(0) { $0 + estimate($1) })
    }
  }

  // MARK: Costs, in nanoseconds

  /// Of an operation on dense bitmaps of all documents.
  private var denseCost: Double { Double(table.count) / 50 }

  /// Until there is a bitmap.
  private func bitmapCost(_ plan: Plan) -> Double {
    switch plan {
    case .nothing, .everything, .value, .tag, .bitmap: 0
    case .values: 1000 + Double(estimate(plan)) + denseCost
    case .range: 8000 + min(Double(estimate(plan)), 3 * denseCost)
    case .tagSet: 1000 + 10 * Double(estimate(plan))
    case .and(let parts), .or(let parts): parts.reduce(denseCost) { $0 + bitmapCost($1) + denseCost }
    case .not(let part): bitmapCost(part) + denseCost
    }
  }

  private func operationCost(_ a: Int, _ b: Int) -> Double {
    if isSparse(a) && isSparse(b) { return 2.3 * Double(a + b) }
    return isSparse(a) || isSparse(b) ? 0.5 * Double(min(a, b)) : denseCost
  }

  /// Whether documents are looked up in a column.
  private func hasColumn(_ plan: Plan) -> Bool {
    switch plan {
    case .value, .tagSet: true
    case .values(let field, _): field.codeLimit <= 1 << 16
    case .range(let field, let range): field.isColumnEnough(range)
    default: false
    }
  }

  private func filterCost(_ plan: Plan, _ candidates: Double) -> Double {
    // A key has eight bytes, a code two: more of the column has to come from memory.
    if case .range = plan, hasColumn(plan) { return 4 * candidates }
    if hasColumn(plan) { return 1.2 * candidates }
    return bitmapCost(plan) + (isSparse(estimate(plan)) ? 35 : 3) * candidates
  }

  // MARK: Sources

  /// - Parameter wanted: how many documents are asked for; `nil`: all.
  private mutating func source(_ plan: Plan, wanted: Int?) -> Source {
    guard case .and(let parts) = plan else { return Source(base: bitmap(plan)) }
    let (sorted, negated) = split(parts)
    let first = sorted.first ?? .everything
    let rest = sorted.dropFirst().map { Condition(plan: $0, isMet: true) } + negated
    let (few, cost) = (estimate(first), costs(first, rest, wanted: wanted))
    if cost.filters > cost.bitmaps { return Source(base: intersection(first, rest)) }
    var source = Source(base: bitmap(first))
    for condition in rest {
      if let filter = columnFilter(condition.plan) {
        source.filters.append((filter, condition.isMet))
        continue
      }
      let other = bitmap(condition.plan)
      // Where to look each document up takes longer than to walk through both.
      if condition.isMet, isSparse(other.count), 35 * few > Int(operationCost(few, other.count)) {
        source.base = source.base.intersection(other)
      } else {
        source.filters.append((.bitmap(other), condition.isMet))
      }
    }
    return source
  }

  private func columnFilter(_ plan: Plan) -> Filter? {
    switch plan {
    case _ where !hasColumn(plan): nil
    case .value(let field, let code): .value(field, code)
    case .values(let field, let codes): .values(field, field.flags(codes))
    case .range(let field, let range): .range(field, range)
    case .tagSet(let field, let set): .tagSet(field, set)
    default: nil
    }
  }

  private func costs(
    _ first: Plan, _ rest: [Condition], wanted: Int?
  ) -> (filters: Double, bitmaps: Double) {
    let few = estimate(first)
    var candidates = Double(few)
    if let wanted, table.count > 0 {
      // As if the conditions had nothing to do with each other.
      let share = rest.reduce(1.0) { $0 * Double(estimate($1.plan)) / Double(table.count) }
      candidates = min(candidates, Double(wanted) / max(share, 1e-9) + 1000)
    }
    var filters = bitmapCost(first) + 0.6 * candidates
    var bitmaps = bitmapCost(first)
    for condition in rest {
      filters += filterCost(condition.plan, candidates)
      bitmaps += bitmapCost(condition.plan) + operationCost(few, estimate(condition.plan))
    }
    return (filters, bitmaps * table.tuning.bitmapFactor)
  }

  /// Those that are to be met, the rarest first, and those that are not to be.
  private func split(_ parts: [Plan]) -> (met: [Plan], negated: [Condition]) {
    var met: [(plan: Plan, count: Int)] = []
    var negated: [Condition] = []
    for part in parts {
      if case .not(let inner) = part {
        negated.append(Condition(plan: inner, isMet: false))
      } else {
        met.append((part, estimate(part)))
      }
    }
    return (met.sorted { $0.count < $1.count }.map(\.plan), negated)
  }

  private mutating func intersection(_ first: Plan, _ rest: [Condition]) -> Bitmap {
    var result = bitmap(first)
    var isOwn = false
    for condition in rest {
      let other = bitmap(condition.plan)
      if !isOwn {
        result = condition.isMet ? result.intersection(other) : result.subtracting(other)
        isOwn = true
      } else if condition.isMet {
        result.formIntersection(other)
      } else {
        result.subtract(other)
      }
    }
    return result
  }

  // MARK: Results

  /// Not to be changed by who is given it.
  mutating func bitmap(_ plan: Plan) -> Bitmap {
    switch plan {
    case .nothing: return Bitmap()
    case .everything: return table.live
    case .value(let field, let code): return field.documents(code)
    case .values(let field, let codes): return field.union(codes)
    case .range(let field, let range): return counting(field.documents(range))
    case .tag(let field, let tag): return field.documents(tag)
    case .tagSet(let field, let set): return counting(field.documents(ofSet: set))
    case .bitmap(let bitmap): return bitmap
    case .or(let parts):
      var bitmaps: [Bitmap] = []
      for part in parts { bitmaps.append(bitmap(part)) }
      return Bitmap.union(bitmaps)
    case .not(let part): return table.live.subtracting(bitmap(part))
    case .and:
      let source = source(plan, wanted: nil)
      if source.filters.isEmpty { return source.base }
      let result = Bitmap()
      forEachBatch(source, from: 0, atMost: .max) {
        result.insert($0)
        return true
      }
      return result
    }
  }

  /// The first documents from a number on, ascending: all that there are, or as many as are wanted.
  mutating func first(_ plan: Plan, from first: UInt32, wanted: Int) -> Column<UInt32> {
    // Of a union no more than that of each part.
    if case .or(let parts) = plan {
      return self.first(of: parts, from: first, wanted: wanted)
    }
    if case .values(let field, let codes) = plan, codes.count <= 64 {
      return self.first(of: codes.map { .value(field, $0) }, from: first, wanted: wanted)
    }
    var found = Column<UInt32>()
    forEachBatch(plan, from: first, wanted: wanted) { batch in
      for index in 0..<min(batch.count, wanted - found.count) { found.append(batch[index]) }
      return found.count < wanted
    }
    return found
  }

  private mutating func first(of parts: [Plan], from first: UInt32, wanted: Int) -> Column<UInt32> {
    var all = Column<UInt32>()
    for part in parts {
      let some = self.first(part, from: first, wanted: wanted)
      for index in 0..<some.count { all.append(some[index]) }
    }
    all.sort()
    var kept = 0
    for index in 0..<all.count where kept < wanted && (kept == 0 || all[kept - 1] != all[index]) {
      all[kept] = all[index]
      kept += 1
    }
    all.truncate(to: kept)
    return all
  }

  private mutating func counting(_ found: (documents: Bitmap, touched: Int)) -> Bitmap {
    touched += found.touched
    return found.documents
  }

  mutating func count(_ plan: Plan) -> Int {
    switch plan {
    case .nothing, .everything, .value, .values, .tag, .tagSet, .bitmap: return estimate(plan)
    case .range(let field, let range):
      let (count, touched) = field.count(range)
      self.touched += touched
      return count
    case .not(let part): return table.count - count(part)
    case .or(let parts):
      if parts.count == 2 { return bitmap(parts[0]).unionCount(bitmap(parts[1])) }
      return bitmap(plan).count
    case .and(let parts): return count(allOf: parts)
    }
  }

  /// The last of several bitmaps is not intersected, only counted with.
  private mutating func count(allOf parts: [Plan]) -> Int {
    let (sorted, negated) = split(parts)
    let first = sorted.first ?? .everything
    var rest = sorted.dropFirst().map { Condition(plan: $0, isMet: true) } + negated
    let cost = costs(first, rest, wanted: nil)
    if cost.filters > cost.bitmaps, let last = rest.popLast() {
      let others = rest.isEmpty ? bitmap(first) : intersection(first, rest)
      // Bins are sparse: only with what is dense they are counted quickly.
      if case .range(let field, let range) = last.plan, !isSparse(others.count) {
        let (count, touched) = field.intersectionCount(range, others)
        self.touched += touched
        return last.isMet ? count : others.count - count
      }
      let other = bitmap(last.plan)
      return last.isMet ? others.intersectionCount(other) : others.differenceCount(other)
    }
    let source = source(.and(parts), wanted: nil)
    if source.filters.isEmpty { return source.base.count }
    var count = 0
    forEachBatch(source, from: 0, atMost: .max) {
      count += $0.count
      return true
    }
    return count
  }

  /// Calls `body` with the documents, some at a time and ascending, until it returns `false`.
  ///
  /// - Parameter wanted: about how many are asked for.
  mutating func forEachBatch(
    _ plan: Plan, from first: UInt32, wanted: Int, _ body: (borrowing Column<UInt32>) -> Bool
  ) {
    if plan.isNothing { return }
    forEachBatch(source(plan, wanted: wanted == .max ? nil : wanted), from: first, atMost: wanted, body)
  }

  private mutating func forEachBatch(
    _ source: Source, from first: UInt32, atMost wanted: Int, _ body: (borrowing Column<UInt32>) -> Bool
  ) {
    var reader = BitmapReader(source.base, from: first)
    var batch = Column<UInt32>()
    // Few at first, where few are asked for.
    var size = min(max(wanted, 64), 4096)
    while reader.read(into: &batch, atMost: size) {
      touched += batch.count
      for (filter, isMet) in source.filters { keep(&batch, filter, isMet) }
      if !batch.isEmpty && !body(batch) { return }
      batch.truncate(to: 0)
      size = min(2 * size, 4096)
    }
  }

  private func keep(_ documents: inout Column<UInt32>, _ filter: Filter, _ isMet: Bool) {
    switch filter {
    case .value(let field, let code): field.keep(&documents, of: code, is: isMet)
    case .values(let field, let flags): field.keep(&documents, flags: flags, is: isMet)
    case .range(let field, let range): field.keep(&documents, within: range, is: isMet)
    case .tagSet(let field, let set): field.keep(&documents, ofSet: set, is: isMet)
    case .bitmap(let bitmap): bitmap.keep(&documents, is: isMet)
    }
  }
}
