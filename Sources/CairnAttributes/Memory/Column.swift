internal import CRoaring
internal import Cairn

/// Numbers in one piece of memory, which grows at its end.
///
/// No array: one of a million documents is moved by the kernel, not copied, when it grows (`realloc`), and by a
/// quarter, so that little of it stands empty.
///
/// SAFETY: the memory is its own, from the first growth to `deinit`, and holds `capacity` elements, `count` of which
/// are initialized; every access is checked against that.
@safe
struct Column<Element: BitwiseCopyable>: ~Copyable {
  private var base: UnsafeMutablePointer<Element>
  private(set) var count = 0
  private var capacity = 0

  init() { unsafe base = UnsafeMutablePointer(bitPattern: MemoryLayout<Element>.alignment).unsafelyUnwrapped }

  deinit { if capacity > 0 { unsafe free(base) } }

  var isEmpty: Bool { count == 0 }
  var memoryByteCount: Int { capacity * MemoryLayout<Element>.stride }

  @inline(__always)
  subscript(index: Int) -> Element {
    get {
      precondition(index >= 0 && index < count, "outside of the column")
      return unsafe base[index]
    }
    set {
      precondition(index >= 0 && index < count, "outside of the column")
      unsafe base[index] = newValue
    }
  }

  @inline(__always)
  subscript(index: UInt32) -> Element {
    get { self[Int(index)] }
    set { self[Int(index)] = newValue }
  }

  @inline(__always)
  mutating func append(_ element: Element) {
    if count == capacity { reserve(count + 1) }
    unsafe base[count] = element
    count += 1
  }

  /// Grows until there is an element of this number.
  @inline(__always)
  mutating func extend(to index: UInt32, with element: Element) {
    while count <= Int(index) { append(element) }
  }

  mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= self.count, "outside of the column")
    self.count = count
  }

  private mutating func reserve(_ count: Int) {
    if count <= capacity { return }
    let room = max(count, capacity + capacity / (capacity > 1 << 16 ? 4 : 1), 8)
    let old: UnsafeMutablePointer<Element>? = unsafe capacity > 0 ? base : nil
    guard let grown = unsafe realloc(old, room * MemoryLayout<Element>.stride) else {
      preconditionFailure("out of memory")
    }
    unsafe base = grown.assumingMemoryBound(to: Element.self)
    capacity = room
  }

  /// For the functions of the system library: valid for the length of the call, and not to grow meanwhile.
  @unsafe
  mutating func withRoom<Result>(
    _ room: Int, _ body: (UnsafeMutablePointer<Element>) -> (added: Int, result: Result)
  ) -> Result {
    reserve(count + room)
    let (added, result) = unsafe body(base + count)
    precondition(added >= 0 && added <= room, "more than there was room for")
    count += added
    return result
  }

  @unsafe
  borrowing func withElements<Result>(_ body: (UnsafePointer<Element>) -> Result) -> Result { unsafe body(base) }
}

extension Column where Element: Comparable {
  mutating func sort() {
    // SAFETY: the elements that are initialized.
    var elements = unsafe UnsafeMutableBufferPointer(start: base, count: count)
    unsafe elements.sort()
  }
}

extension Column {
  /// Sorts by what is compared.
  mutating func sort(by isBefore: (Element, Element) -> Bool) {
    // SAFETY: the elements that are initialized.
    var elements = unsafe UnsafeMutableBufferPointer(start: base, count: count)
    unsafe elements.sort(by: isBefore)
  }
}

// MARK: Filters

/// Each keeps those of the documents, which ascend, that have, or have not, something in a column. No branch depends on
/// what is in the column: of a million entries, what matches cannot be foretold.
extension Column {
  @inline(__always)
  private borrowing func keep(_ documents: inout Column<UInt32>, _ isKept: (Element) -> Bool) {
    let number = documents.count
    if number == 0 { return }
    precondition(Int(documents[number - 1]) < count, "a document that the column does not know")
    var kept = 0
    // SAFETY: the last document is the greatest one; fewer are kept than have been looked at.
    let (column, list) = unsafe (base, documents.base)
    for index in 0..<number {
      let document = unsafe list[index]
      unsafe list[kept] = document
      kept &+= unsafe isKept(column[Int(document)]) ? 1 : 0
    }
    documents.truncate(to: kept)
  }

  borrowing func keep(_ documents: inout Column<UInt32>, of value: Element, is isKept: Bool)
  where Element: FixedWidthInteger {
    keep(&documents) { ($0 == value) == isKept }
  }

  borrowing func keep(_ documents: inout Column<UInt32>, within range: ClosedRange<Element>, is isKept: Bool)
  where Element: FixedWidthInteger {
    let (low, span) = (range.lowerBound, range.upperBound &- range.lowerBound)
    // One comparison: what is below the range wraps around.
    keep(&documents) { ($0 &- low <= span) == isKept }
  }

  /// - Parameter flags: of each value of the column, whether it is asked for.
  borrowing func keep(_ documents: inout Column<UInt32>, flags: borrowing Column<Bool>, is isKept: Bool)
  where Element: FixedWidthInteger {
    let (flags, count) = unsafe (flags.base, flags.count)
    keep(&documents) { value in
      precondition(Int(value) < count, "a value without a flag")
      // SAFETY: checked above.
      return unsafe flags[Int(value)] == isKept
    }
  }
}

/// A bit for each document.
final class BitColumn {
  private var words = Column<UInt64>()

  /// - Parameter limit: all documents that are asked for are below.
  init(_ documents: Bitmap, limit: Int) {
    words.extend(to: UInt32(limit / 64), with: 0)
    documents.forEach { words[$0 >> 6] |= 1 << UInt64($0 & 63) }
  }

  func keep(_ documents: inout Column<UInt32>) {
    var kept = 0
    for index in 0..<documents.count {
      let document = documents[index]
      documents[kept] = document
      kept += Int(words[document >> 6] >> UInt64(document & 63) & 1)
    }
    documents.truncate(to: kept)
  }
}

// MARK: Bytes

/// A range of memory that somebody else keeps, and does not change, while it is looked at.
///
/// `@safe` because every access is checked; what it is made of lives as long as the call that was given it, or until
/// its table is changed.
@safe
struct Bytes {
  private let base: UnsafeRawPointer
  let count: Int

  init(_ span: borrowing RawSpan) {
    unsafe base = span.withUnsafeBytes { unsafe $0.baseAddress ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped }
    count = span.byteCount
  }

  fileprivate init(_ base: UnsafeRawPointer, count: Int) {
    unsafe self.base = base
    self.count = count
  }

  @inline(__always)
  func contains(_ offset: Int, _ length: Int) -> Bool {
    offset >= 0 && length >= 0 && offset <= count && length <= count - offset
  }

  @inline(__always)
  func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as _: T.Type) -> T {
    precondition(contains(offset, MemoryLayout<T>.size), "outside of the bytes")
    // SAFETY: checked above; any bit pattern is an integer.
    return T(littleEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  @inline(__always)
  func slice(_ offset: Int, _ length: Int) -> Bytes {
    precondition(contains(offset, length), "outside of the bytes")
    return unsafe Bytes(base + offset, count: length)
  }

  @inline(__always)
  func dropFirst(_ offset: Int) -> Bytes { slice(offset, count - offset) }

  @inline(__always)
  func isEqual(to other: Bytes) -> Bool {
    // SAFETY: as many bytes as both have.
    unsafe count == other.count && memcmp(base, other.base, count) == 0
  }

  /// Less than, equal to or greater than 0: the order of bytes, a prefix first.
  func order(_ other: Bytes) -> Int {
    // SAFETY: no more than both have.
    let order = unsafe Int(memcmp(base, other.base, min(count, other.count)))
    return order != 0 ? order : count - other.count
  }

  func starts(with prefix: Bytes) -> Bool { prefix.count <= count && slice(0, prefix.count).isEqual(to: prefix) }

  func hash(seed: UInt64) -> UInt64 { MemoryView(span).keyHash(seed: seed) }

  private var span: RawSpan {
    // SAFETY: see the type.
    @_lifetime(immortal)
    get { unsafe _overrideLifetime(RawSpan(_unsafeStart: base, byteCount: count), copying: ()) }
  }

  func array() -> [UInt8] {
    // SAFETY: its own bytes.
    unsafe [UInt8](UnsafeRawBufferPointer(start: base, count: count))
  }

  func text() -> String { String(decoding: array(), as: UTF8.self) }

  /// Behind what is there.
  func append(to bytes: inout Column<UInt8>) {
    // SAFETY: as much room as there are bytes.
    unsafe bytes.withRoom(count) { room in
      unsafe UnsafeMutableRawPointer(room).copyMemory(from: base, byteCount: count)
      return (count, ())
    }
  }
}

extension Column {
  /// Its memory as bytes, until it is changed.
  var bytes: Bytes {
    // SAFETY: the elements that are initialized.
    unsafe Bytes(base, count: count * MemoryLayout<Element>.stride)
  }
}
