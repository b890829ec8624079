/// What is said of an entry beside its value: named values of a few types, which travel with it in its record.
///
/// ```swift
/// try store.put(answer, for: key, attributes: ["model": "small", "tokens": 1200, "tags": ["draft", "en"]])
/// ```
///
/// An entry has those of its last put, and none if that gave none. All of them together take at most
/// ``Store/Limits/attributesBytes``; names and texts are compared by the bytes of their UTF-8.
public struct Attributes: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  /// A value of an attribute.
  public enum Value: Sendable {
    case string(String)
    case integer(Int64)
    /// Any number but NaN; −0 is 0.
    case real(Double)
    /// Milliseconds since 1970.
    case date(milliseconds: Int64)
    case tags(Tags)
  }

  /// A set of words, each of 1 to 255 bytes; in the order of these, and no two with the same.
  public struct Tags: Sendable, Hashable, Sequence, ExpressibleByArrayLiteral {
    private let words: [String]

    public init(_ words: some Sequence<String>) {
      var sorted: [String] = []
      for word in words.sorted(by: { $0.precedesByBytes($1) }) where sorted.last?.isSameByBytes(word) != true {
        sorted.append(word)
      }
      self.words = sorted
    }

    public init(arrayLiteral words: String...) { self.init(words) }

    /// - Parameter words: in their order, none twice.
    init(sorted words: [String]) { self.words = words }

    public var count: Int { words.count }
    public func contains(_ word: String) -> Bool { words.contains { $0.isSameByBytes(word) } }
    public func makeIterator() -> IndexingIterator<[String]> { words.makeIterator() }

    public static func == (a: Tags, b: Tags) -> Bool {
      a.words.count == b.words.count && zip(a.words, b.words).allSatisfy { $0.isSameByBytes($1) }
    }

    // Words with the same bytes are equal strings, too.
    public func hash(into hasher: inout Hasher) { hasher.combine(words) }
  }

  fileprivate struct Attribute: Sendable, Equatable {
    let name: String
    var value: Value
  }

  /// In the order of their names.
  fileprivate var all: [Attribute] = []

  /// No attributes.
  public init() {}

  /// The last one of several with the same name counts.
  public init(dictionaryLiteral elements: (String, Value)...) {
    for (name, value) in elements { self[name] = value }
  }

  public var isEmpty: Bool { all.isEmpty }
  public var count: Int { all.count }
  /// In the order of their bytes.
  public var names: [String] { all.map(\.name) }

  /// The value of an attribute; `nil` if there is none of that name.
  public subscript(name: String) -> Value? {
    get {
      let place = place(name)
      return isThere(name, place) ? all[place].value : nil
    }
    set {
      let place = place(name)
      switch (isThere(name, place), newValue) {
      case (true, let value?): all[place].value = value
      case (false, let value?): all.insert(Attribute(name: name, value: value), at: place)
      case (true, nil): all.remove(at: place)
      case (false, nil): break
      }
    }
  }

  /// How many come before the name.
  private func place(_ name: String) -> Int {
    var (low, high) = (0, all.count)
    while low < high {
      let middle = (low + high) / 2
      if all[middle].name.precedesByBytes(name) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// - Parameter name: behind all that are there.
  mutating func append(_ name: String, _ value: Value) { all.append(Attribute(name: name, value: value)) }

  private func isThere(_ name: String, _ place: Int) -> Bool {
    place < all.count && all[place].name.isSameByBytes(name)
  }

  public static func == (a: Attributes, b: Attributes) -> Bool {
    a.count == b.count
      && zip(a.all, b.all).allSatisfy { $0.name.isSameByBytes($1.name) && $0.value == $1.value }
  }
}

extension Attributes: Sequence {
  /// Goes through names and values, in the order of the names' bytes.
  public struct Iterator: IteratorProtocol {
    private var rest: ArraySlice<Attribute>

    fileprivate init(_ attributes: Attributes) { rest = attributes.all[...] }

    public mutating func next() -> (name: String, value: Value)? {
      rest.popFirst().map { ($0.name, $0.value) }
    }
  }

  public func makeIterator() -> Iterator { Iterator(self) }
}

extension Attributes.Value: Hashable {
  /// Of the same type, and the same: texts by their bytes.
  public static func == (a: Attributes.Value, b: Attributes.Value) -> Bool {
    switch (a, b) {
    case (.string(let a), .string(let b)): a.isSameByBytes(b)
    case (.integer(let a), .integer(let b)): a == b
    case (.real(let a), .real(let b)): a == b
    case (.date(let a), .date(let b)): a == b
    case (.tags(let a), .tags(let b)): a == b
    default: false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .string(let text): hasher.combine(text)
    case .integer(let number): hasher.combine(number)
    case .real(let number): hasher.combine(number)
    case .date(let milliseconds): hasher.combine(milliseconds)
    case .tags(let tags): hasher.combine(tags)
    }
  }
}

extension Attributes.Value {
  package var kind: EncodedAttributes.Kind {
    switch self {
    case .string: .string
    case .integer: .integer
    case .real: .real
    case .date: .date
    case .tags: .tags
    }
  }
}

extension Attributes.Value: CustomStringConvertible {
  /// For people: without its type.
  public var description: String {
    switch self {
    case .string(let text): text
    case .integer(let number): "\(number)"
    case .real(let number): "\(number)"
    case .date(let milliseconds): "\(milliseconds) ms since 1970"
    case .tags(let tags): "\(Array(tags))"
    }
  }
}

extension Attributes.Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByArrayLiteral
{
  public init(stringLiteral text: String) { self = .string(text) }
  public init(integerLiteral number: Int64) { self = .integer(number) }
  public init(floatLiteral number: Double) { self = .real(number) }
  public init(arrayLiteral tags: String...) { self = .tags(Attributes.Tags(tags)) }
}

extension String {
  fileprivate func precedesByBytes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
  fileprivate func isSameByBytes(_ other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

// MARK: In a record

/// Attributes as a record has them, in the order of their names; valid as long as what they were taken from.
///
/// | bytes | what |
/// |---|---|
/// | 1 | type: 1 string, 2 integer, 3 real, 4 date, 5 tags |
/// | 1 | length of the name, 1 to 64 |
/// | 2 | length of the value |
/// | | the name, the value |
///
/// Integers, dates (both signed) and reals (IEEE 754) have eight bytes. Tags stand in the order of their bytes, each
/// behind its length (1 byte).
public struct EncodedAttributes: ~Escapable {
  /// What an attribute is of.
  public enum Kind: UInt8, Sendable {
    case string = 1
    case integer, real, date, tags
  }

  /// All of them; no bytes if there are none. They are as written here: what is not is never handed out.
  public let bytes: RawSpan

  /// - Parameter bytes: checked before, or of nothing but this process.
  @_lifetime(copy bytes)
  init(unchecked bytes: RawSpan) { self.bytes = bytes }

  public var isEmpty: Bool { bytes.isEmpty }

  static let headBytes = 4

  /// Calls `body` with the name, the type and the value of each.
  public func forEach<Failure: Error>(
    _ body: (_ name: RawSpan, _ kind: Kind, _ value: RawSpan) throws(Failure) -> Void
  ) throws(Failure) {
    let view = MemoryView(bytes)
    var offset = 0
    while let one = EncodedAttribute(view, at: offset) {
      try one.name.lend { (name) throws(Failure) in
        try one.value.lend { (value) throws(Failure) in try body(name, one.kind, value) }
      }
      offset = one.end
    }
  }

  /// Calls `body` with each tag of such a value, and of nothing else.
  public static func forEachTag<Failure: Error>(
    in value: RawSpan, _ body: (RawSpan) throws(Failure) -> Void
  ) throws(Failure) {
    let view = MemoryView(value)
    var offset = 0
    while let tag = EncodedAttribute.tag(view, at: offset) {
      try tag.lend(body)
      offset += 1 + tag.count
    }
  }

  /// The type of an attribute, and where in ``bytes`` its value is; `nil` if there is none of that name.
  package func find(_ name: RawSpan) -> (kind: Kind, place: Range<Int>)? {
    let (view, name) = (MemoryView(bytes), MemoryView(name))
    var offset = 0
    while let one = EncodedAttribute(view, at: offset) {
      if one.name.isEqual(to: name) { return (one.kind, one.end - one.value.count..<one.end) }
      offset = one.end
    }
    return nil
  }

  /// Goes through them one by one, by names of up to eight bytes as numbers: for layers that look at several of each
  /// entry that they read (six times as fast as to find each).
  package struct Cursor: ~Escapable {
    private let bytes: RawSpan
    private var offset = 0
    /// As ``EncodedAttributes/number(_:)`` makes it; 0 for a longer name.
    package private(set) var name: UInt64 = 0
    package private(set) var kind = Kind.string
    /// Where in the bytes the value is.
    package private(set) var place = 0..<0

    @_lifetime(copy attributes)
    package init(_ attributes: borrowing EncodedAttributes) { bytes = attributes.bytes }

    package mutating func next() -> Bool {
      guard let one = EncodedAttribute(MemoryView(bytes), at: offset) else { return false }
      offset = one.end
      (kind, place) = (one.kind, one.end - one.value.count..<one.end)
      name = 0
      if one.name.count <= 8 {
        for index in (0..<one.name.count).reversed() { name = name << 8 | UInt64(one.name.load(index, as: UInt8.self)) }
      }
      return true
    }
  }

  /// A name of 1 to 8 bytes as a number.
  package static func number(_ name: String) -> UInt64 {
    precondition((1...8).contains(name.utf8.count), "a name of up to eight bytes")
    return name.utf8.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  package static func isEqual(_ a: RawSpan, _ b: RawSpan) -> Bool { MemoryView(a).isEqual(to: MemoryView(b)) }

  package static func hasPrefix(_ value: RawSpan, _ prefix: RawSpan) -> Bool {
    MemoryView(value).starts(with: MemoryView(prefix))
  }

  /// −1, 0 or 1, in the order of bytes.
  package static func order(_ a: RawSpan, _ b: RawSpan) -> Int {
    let (a, b) = (MemoryView(a), MemoryView(b))
    return a.isEqual(to: b) ? 0 : a.precedes(b) ? -1 : 1
  }

  /// The number of an integer or a date; of nothing else.
  public static func integer(_ value: RawSpan) -> Int64 { MemoryView(value).load(0, as: Int64.self) }

  /// The number of a real; of nothing else.
  public static func real(_ value: RawSpan) -> Double {
    Double(bitPattern: MemoryView(value).load(0, as: UInt64.self))
  }
}
