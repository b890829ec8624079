package import Cairn

/// The attributes of a store's entries, in memory, indexed as declared.
///
/// It knows every entry that has an attribute, and of no other: what is asked of it concerns only those, `.all` and
/// what is negated too. Each of them has a document number, the same as long as its key is there; numbers of those that
/// are gone are given to others, the smallest first.
///
/// Not for several threads at once.
package final class AttributeTable {
  enum Field {
    case equality(EqualityField)
    case range(RangeField)
    case tags(TagsField)
  }

  /// When one way is taken and when another: what is found is the same.
  struct Tuning {
    /// How many documents a bin of a range has at most.
    var binMost = RangeBins.most
    /// What operations on bitmaps cost, in the unit of ``Evaluation``'s costs.
    var bitmapFactor = 1.0
    /// So many documents are sorted at once.
    var selectMost = 4096
    /// How many documents are met in vain, for each that matches, until they are selected instead: to look at one of a
    /// bin costs a third of that.
    var walkFactor = 3
  }

  package let indexes: AttributeIndexes
  private let names: FieldNames
  /// As the indexes, in the order of their names.
  private(set) var fields: [Field]
  private(set) var totals: [GroupTotals]
  private(set) var keys = ByteTable()
  /// All documents.
  private(set) var live = Bitmap()
  /// By document: key and value.
  private var byteCounts = Column<UInt32>()
  private var deadlines = DeadlineHeap()
  /// Documents have other numbers in another life.
  private(set) var life = UInt64.random(in: .min ... .max)
  private var shares: [GroupTotals.Share] = []

  let tuning: Tuning

  package convenience init(_ indexes: AttributeIndexes) { self.init(indexes, Tuning()) }

  init(_ indexes: AttributeIndexes, _ tuning: Tuning) {
    self.indexes = indexes
    self.tuning = tuning
    names = FieldNames(indexes.indexes.map(\.name))
    fields = Self.emptyFields(indexes, tuning)
    totals = []
    totals = emptyTotals()
  }

  private static func emptyFields(_ indexes: AttributeIndexes, _ tuning: Tuning) -> [Field] {
    indexes.indexes.map { index in
      switch index.kind {
      case .equality: .equality(EqualityField())
      case .range(let number): .range(RangeField(number, binMost: tuning.binMost))
      case .tags: .tags(TagsField())
      }
    }
  }

  private func emptyTotals() -> [GroupTotals] {
    indexes.aggregates.map { aggregate in
      guard case .equality(let group)? = field(aggregate.group), case .range(let number)? = field(aggregate.number)
      else { preconditionFailure("an aggregate without its indexes") }
      return GroupTotals(aggregate, group: group, number: number)
    }
  }

  func field(_ name: String) -> Field? {
    guard let place = names.place(name) else { return nil }
    return fields[place]
  }

  /// How many entries have attributes.
  package var count: Int { keys.count }

  // MARK: Changes

  /// An entry is put: it has these attributes now, and no others. About 1 µs; where nothing has changed, less.
  ///
  /// - Parameters:
  ///   - deadline: in milliseconds since 1970; `nil`: it never ends.
  ///   - byteCount: of key and value.
  package func put(key: RawSpan, attributes: borrowing EncodedAttributes, deadline: Int64?, byteCount: Int) {
    if attributes.isEmpty { return remove(key: key) }
    let (document, isNew) = keys.insert(Bytes(key))
    byteCounts.extend(to: document, with: 0)
    beginChange(document)
    byteCounts[document] = UInt32(clamping: byteCount)
    if isNew { live.insert(document) }
    deadlines.set(document, deadline)
    setFields(document, Bytes(attributes.bytes))
    endChange(document, isThere: true)
  }

  /// Both the attributes and the fields are in the order of their names.
  private func setFields(_ document: UInt32, _ attributes: Bytes) {
    var (place, offset) = (0, 0)
    while offset < attributes.count {
      let kind = EncodedAttributes.Kind(rawValue: attributes.load(offset, as: UInt8.self))
      let nameCount = Int(attributes.load(offset + 1, as: UInt8.self))
      let valueCount = Int(attributes.load(offset + 2, as: UInt16.self))
      let name = attributes.slice(offset + 4, nameCount)
      let value = attributes.slice(offset + 4 + nameCount, valueCount)
      offset += 4 + nameCount + valueCount
      guard let kind else { continue }
      while place < fields.count {
        let order = names[place].order(name)
        if order > 0 { break }
        if order < 0 { clear(document, place) } else { set(document, place, kind, value) }
        place += 1
        if order == 0 { break }
      }
    }
    while place < fields.count {
      clear(document, place)
      place += 1
    }
  }

  private func set(_ document: UInt32, _ place: Int, _ kind: EncodedAttributes.Kind, _ value: Bytes) {
    switch fields[place] {
    case .equality(let field): field.set(document, kind, value)
    case .range(let field): field.set(document, kind, value)
    case .tags(let field): field.set(document, kind, value)
    }
  }

  private func clear(_ document: UInt32, _ place: Int) {
    switch fields[place] {
    case .equality(let field): field.clear(document)
    case .range(let field): field.clear(document)
    case .tags(let field): field.clear(document)
    }
  }

  private func share(_ document: UInt32, _ total: GroupTotals) -> GroupTotals.Share {
    total.share(document, byteCount: Int(byteCounts[document]))
  }

  private func beginChange(_ document: UInt32) {
    shares.removeAll(keepingCapacity: true)
    for total in totals { shares.append(share(document, total)) }
  }

  private func endChange(_ document: UInt32, isThere: Bool) {
    for (index, total) in totals.enumerated() {
      total.replace(shares[index], by: isThere ? share(document, total) : GroupTotals.Share())
    }
    for field in fields {
      guard case .equality(let field) = field, let code = field.endChange() else { continue }
      for total in totals where total.group === field { total.forget(code) }
    }
  }

  /// An entry is removed. One that is not there, or has no attributes, is not known here.
  package func remove(key: RawSpan) {
    if let document = keys.find(Bytes(key)) { remove(document) }
  }

  package func contains(key: RawSpan) -> Bool { keys.find(Bytes(key)) != nil }

  private func remove(_ document: UInt32) {
    beginChange(document)
    for place in fields.indices { clear(document, place) }
    endChange(document, isThere: false)
    deadlines.set(document, nil)
    live.remove(document)
    keys.remove(document)
  }

  /// All entries whose keys begin so are removed. Looks at each document.
  package func removeAll(prefix: RawSpan) {
    let prefix = Bytes(prefix)
    if prefix.count == 0 { return removeAll() }
    for document in 0..<UInt32(keys.limit) where keys.contains(document) {
      if keys.bytes(document).starts(with: prefix) { remove(document) }
    }
  }

  /// There is nothing any more, and what comes has other numbers than before: cursors from before are refused.
  package func beginLife() {
    removeAll()
    life = UInt64.random(in: .min ... .max)
  }

  /// There is nothing any more.
  package func removeAll() {
    fields = Self.emptyFields(indexes, tuning)
    totals = emptyTotals()
    keys = ByteTable()
    live = Bitmap()
    byteCounts = Column()
    deadlines = DeadlineHeap()
  }

  /// Removes what has expired.
  ///
  /// - Parameters:
  ///   - now: in milliseconds since 1970; entries whose deadline it is are gone.
  ///   - limit: at most so many, if it is not to take long.
  /// - Returns: whether nothing is left that has expired.
  @discardableResult
  package func expire(at now: Int64, atMost limit: Int = .max) -> Bool {
    var count = 0
    while let (document, deadline) = deadlines.first, deadline <= now {
      if count == limit { return false }
      remove(document)
      count += 1
    }
    return true
  }

  // MARK: What there is

  /// Goes through everything: not for a hot path.
  package var statistics: AttributeStatistics {
    var entries: [AttributeStatistics.Index] = []
    var bytes = keys.memoryByteCount + live.memoryByteCount + byteCounts.memoryByteCount + deadlines.memoryByteCount
    for (index, field) in zip(indexes.indexes, fields) {
      let (count, distinct, mistyped, memory): (Int, Int, Int, Int)
      switch field {
      case .equality(let field):
        (count, distinct) = (field.presentCount, field.valueCount)
        (mistyped, memory) = (field.mistyped.count, field.memoryByteCount)
      case .range(let field):
        (count, distinct) = (field.presentCount, field.binCount)
        (mistyped, memory) = (field.mistyped.count, field.memoryByteCount)
      case .tags(let field):
        (count, distinct) = (field.present.count, field.tagCount)
        (mistyped, memory) = (field.mistyped.count, field.memoryByteCount)
      }
      bytes += memory
      entries.append(
        AttributeStatistics.Index(
          name: index.name, count: count, partCount: distinct, mistypedCount: mistyped, memoryByteCount: memory))
    }
    bytes += totals.reduce(0) { $0 + $1.memoryByteCount }
    return AttributeStatistics(count: count, memoryByteCount: bytes, indexes: entries)
  }
}

/// What an ``AttributeTable`` holds.
public struct AttributeStatistics: Sendable, Equatable {
  public struct Index: Sendable, Equatable {
    public let name: String
    /// How many entries it has.
    public let count: Int
    /// How many values it distinguishes, or tags; how many bins a range has.
    public let partCount: Int
    /// How many entries have the attribute, but of a type that the index is not of.
    public let mistypedCount: Int
    /// On the heap, about.
    public let memoryByteCount: Int
  }

  /// How many entries have attributes.
  public let count: Int
  /// On the heap, about: all indexes, and keys.
  public let memoryByteCount: Int
  public let indexes: [Index]
}

/// The names of fields, in the order of their bytes.
struct FieldNames: ~Copyable {
  private var bytes = Column<UInt8>()
  private var ends: [Int] = []

  init(_ names: [String]) {
    for name in names {
      for byte in name.utf8 { bytes.append(byte) }
      ends.append(bytes.count)
    }
  }

  subscript(place: Int) -> Bytes {
    let start = place == 0 ? 0 : ends[place - 1]
    return bytes.bytes.slice(start, ends[place] - start)
  }

  func place(_ name: String) -> Int? {
    [UInt8](name.utf8).withBytes { name in
      let name = Bytes(name)
      return ends.indices.first { self[$0].isEqual(to: name) }
    }
  }
}
