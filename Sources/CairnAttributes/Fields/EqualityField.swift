internal import Cairn

/// The index of an attribute whose values many documents share: each distinct value has a code, each code the documents
/// that have it, and each document its code.
final class EqualityField {
  private var values = ByteTable()
  /// Of a document, and one more: 0 is none.
  private var codes = CodeColumn()
  private var postings = Postings()
  /// Documents with a value, by what it can be compared with.
  private let present = StoredValue.Class.allCases.map { _ in Bitmap() }
  /// Documents with an attribute of this name that is of no type that is indexed here.
  let mistyped = Bitmap()
  /// A code that no document has any more. It is given away again when all are done with the change.
  private var emptied: UInt32?
  private var scratch = Column<UInt8>()
  private var order = ValueOrder()

  var valueCount: Int { values.count }
  /// All codes are below.
  var codeLimit: Int { values.limit }

  /// `nil`: a document without a value.
  func code(_ document: UInt32) -> UInt32? {
    let code = codes[document]
    return code == 0 ? nil : code - 1
  }

  func value(_ code: UInt32) -> Attributes.Value { StoredValue.value(values.bytes(code)) }
  func count(_ code: UInt32) -> Int { postings.count(code) }
  func documents(_ code: UInt32) -> Bitmap { postings.bitmap(code) }
  func present(_ class: StoredValue.Class) -> Bitmap { present[`class`.rawValue] }
  var presentCount: Int { present.reduce(0) { $0 + $1.count } }

  // MARK: Changes

  func set(_ document: UInt32, _ kind: EncodedAttributes.Kind, _ value: Bytes) {
    if kind == .tags { return setMistyped(document) }
    if let old = code(document) {
      let bytes = values.bytes(old)
      if bytes.load(0, as: UInt8.self) == kind.rawValue && bytes.dropFirst(1).isEqual(to: value) { return }
    }
    scratch.truncate(to: 0)
    scratch.append(kind.rawValue)
    value.append(to: &scratch)
    let (code, isNew) = values.insert(scratch.bytes)
    if isNew { order.insert(code) }
    change(document, to: code)
  }

  private func setMistyped(_ document: UInt32) {
    change(document, to: nil)
    mistyped.insert(document)
  }

  func clear(_ document: UInt32) { change(document, to: nil) }

  private func change(_ document: UInt32, to code: UInt32?) {
    if !mistyped.isEmpty { mistyped.remove(document) }
    codes.extend(to: document)
    let old = self.code(document)
    if old == nil && code == nil { return }
    let (oldClass, newClass) = (old.map(`class`), code.map(`class`))
    if oldClass != newClass {
      if let oldClass { present(oldClass).remove(document) }
      if let newClass { present(newClass).insert(document) }
    }
    if let old, postings.remove(document, old) { emptied = old }
    if let code { postings.insert(document, code) }
    codes.set(document, code.map { $0 + 1 } ?? 0)
  }

  private func `class`(_ code: UInt32) -> StoredValue.Class { StoredValue.class(values.bytes(code)) }

  /// The change of a document is over, and who has kept something by its codes has been told.
  ///
  /// - Returns: a code that is free now.
  @discardableResult
  func endChange() -> UInt32? {
    guard let code = emptied else { return nil }
    emptied = nil
    values.remove(code)
    order.remove(code)
    return code
  }

  // MARK: Finding

  /// The codes of values that equal this one: one, or two for a number that is stored as integer and as real.
  func codes(equalTo value: Attributes.Value) -> [UInt32] {
    StoredValue.equals(value).compactMap { bytes in bytes.withBytes { values.find(Bytes($0)) } }
  }

  /// The code of exactly this value, of its type.
  func code(of value: Attributes.Value) -> UInt32? {
    StoredValue.bytes(value)?.withBytes { values.find(Bytes($0)) }
  }

  /// Before ranks of codes are asked for, and after values have come or gone.
  func settleRanks() { order.settleRanks(values) }

  /// Of a value that is there: twice its place in the order, and one more.
  func rank(_ code: UInt32) -> UInt64 { 2 * UInt64(order.rank(code)) + 1 }

  /// Of any value: as above, or between the ranks of its neighbours.
  func rank(of value: Attributes.Value) -> UInt64 {
    guard let bytes = StoredValue.bytes(value) else { return 0 }
    settleRanks()
    return bytes.withBytes { bytes in
      let bytes = Bytes(bytes)
      if let code = values.find(bytes) { return rank(code) }
      return 2 * UInt64(valuesBefore { ValueOrder.isBefore($0, bytes) })
    }
  }

  /// The codes of all values, in their order: numbers, dates, strings; an integer before a real of the same number.
  func withOrder<Result>(_ body: (borrowing Column<UInt32>) -> Result) -> Result {
    order.settle(values)
    return body(order.codes)
  }

  /// How many values come before those for which this does not hold, which come behind all for which it does.
  func valuesBefore(where isBefore: (Bytes) -> Bool) -> Int {
    withOrder { codes in
      var (low, high) = (0, codes.count)
      while low < high {
        let middle = (low + high) / 2
        if isBefore(values.bytes(codes[middle])) { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }

  /// The codes from one place of the order to another.
  func codes(_ range: Range<Int>) -> [UInt32] { withOrder { codes in range.map { codes[$0] } } }

  /// All documents that have one of the codes.
  func union(_ codes: [UInt32]) -> Bitmap {
    var bitmaps: [Bitmap] = []
    var documents = Column<UInt32>()
    for code in codes { postings.append(code, to: &bitmaps, &documents) }
    // What is dense is copied first, and the others are put into it.
    if let densest = bitmaps.indices.max(by: { bitmaps[$0].count < bitmaps[$1].count }) { bitmaps.swapAt(0, densest) }
    documents.sort()
    if !documents.isEmpty { bitmaps.append(Bitmap(documents)) }
    return Bitmap.union(bitmaps)
  }

  func keep(_ documents: inout Column<UInt32>, of code: UInt32, is isKept: Bool) {
    codes.keep(&documents, of: code + 1, is: isKept)
  }

  func flags(_ codes: [UInt32]) -> CodeFlags { CodeFlags(codes, limit: codeLimit) }

  func keep(_ documents: inout Column<UInt32>, flags: CodeFlags, is isKept: Bool) {
    codes.keep(&documents, flags: flags.flags, is: isKept)
  }

  var memoryByteCount: Int {
    present.reduce(values.memoryByteCount + codes.memoryByteCount + postings.memoryByteCount) {
      $0 + $1.memoryByteCount
    } + mistyped.memoryByteCount + order.memoryByteCount
  }
}

/// Of each code whether it is one of some, as the column has codes: behind 0.
final class CodeFlags {
  fileprivate var flags = Column<Bool>()

  fileprivate init(_ codes: [UInt32], limit: Int) {
    flags.extend(to: UInt32(limit), with: false)
    for code in codes { flags[code + 1] = true }
  }
}
