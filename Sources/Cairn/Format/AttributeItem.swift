/// SPEC 4.9: one attribute of the item that has them.
struct EncodedAttribute {
  let kind: EncodedAttributes.Kind
  let name: MemoryView
  let value: MemoryView
  /// Where the next one begins.
  let end: Int

  private static let headBytes = 4

  /// `nil` where there is no whole attribute of a known type.
  init?(_ view: MemoryView, at offset: Int) {
    guard view.contains(offset, Self.headBytes),
      let kind = EncodedAttributes.Kind(rawValue: view.load(offset, as: UInt8.self))
    else { return nil }
    let nameCount = Int(view.load(offset + 1, as: UInt8.self))
    let valueCount = Int(view.load(offset + 2, as: UInt16.self))
    let start = offset + Self.headBytes
    guard view.contains(start, nameCount + valueCount) else { return nil }
    self.kind = kind
    name = view.slice(start, nameCount)
    value = view.slice(start + nameCount, valueCount)
    end = start + nameCount + valueCount
  }

  /// The tag whose length stands there.
  static func tag(_ value: MemoryView, at offset: Int) -> MemoryView? {
    guard value.contains(offset, 1) else { return nil }
    let count = Int(value.load(offset, as: UInt8.self))
    return value.contains(offset + 1, count) ? value.slice(offset + 1, count) : nil
  }

  /// Whether name and value are what the type and the limits allow.
  private var isValid: Bool {
    guard name.count >= 1, name.count <= Store.Limits.attributeNameBytes, name.isText else { return false }
    switch kind {
    case .string: return value.isText
    case .integer, .date: return value.count == 8
    case .real:
      guard value.count == 8 else { return false }
      let bits = value.load(0, as: UInt64.self)
      return !Double(bitPattern: bits).isNaN && bits != (-0.0).bitPattern
    case .tags: return hasValidTags
    }
  }

  private var hasValidTags: Bool {
    var (offset, last): (Int, MemoryView?) = (0, nil)
    while let tag = Self.tag(value, at: offset) {
      guard tag.count > 0, tag.isText, last.map({ $0.precedes(tag) }) ?? true else { return false }
      (offset, last) = (offset + 1 + tag.count, tag)
    }
    return offset == value.count
  }

  /// The attributes of an item, without the zeros behind them; `nil` if they are not as they should be.
  static func checked(_ content: MemoryView) -> MemoryView? {
    var (offset, last): (Int, MemoryView?) = (0, nil)
    while let one = EncodedAttribute(content, at: offset) {
      guard one.isValid, last.map({ $0.precedes(one.name) }) ?? true else { return nil }
      (offset, last) = (one.end, one.name)
    }
    guard content.count - offset < 8, content.isZero(offset, content.count - offset) else { return nil }
    return content.slice(0, offset)
  }
}

extension MemoryView {
  /// Whether it is UTF-8.
  fileprivate var isText: Bool { isASCII || String(validating: array(), as: UTF8.self) != nil }

  private var isASCII: Bool {
    var (offset, bits): (Int, UInt64) = (0, 0)
    while offset + 8 <= count {
      bits |= load(offset, as: UInt64.self)
      offset += 8
    }
    while offset < count {
      bits |= UInt64(load(offset, as: UInt8.self))
      offset += 1
    }
    return bits & 0x8080_8080_8080_8080 == 0
  }
}

/// SPEC 4.9: the item, as it stands in the extension of a put.
package enum AttributeItem {
  package static let type: UInt8 = 2
  static let headBytes = 2
  /// An extension has at most 255 words. Expiry and version take two; of an earlier version, its item takes three.
  static let wordsMax = 250

  /// What is in a whole item: nothing if it is not as it should be.
  static func content(_ item: MemoryView) -> MemoryView {
    guard item.count >= headBytes, item.count <= wordsMax * 8 else { return .empty }
    return EncodedAttribute.checked(item.slice(headBytes, item.count - headBytes)) ?? .empty
  }

  /// The same, unchecked: for who asks for nothing but numbers and equal bytes. Zeros may follow.
  static func uncheckedContent(_ item: MemoryView) -> MemoryView {
    guard item.count >= headBytes, item.count <= wordsMax * 8 else { return .empty }
    return item.slice(headBytes, item.count - headBytes)
  }

  /// - Returns: the item, whole words; nothing if there are no attributes.
  /// - Throws: `.invalidAttribute`.
  static func encode(_ attributes: Attributes) throws(StoreError) -> [UInt8] {
    if attributes.isEmpty { return [] }
    var item: [UInt8] = [type, 0]
    item.reserveCapacity(32 * attributes.count)
    for (name, value) in attributes { try append(name, value, to: &item) }
    item.append(contentsOf: repeatElement(0, count: -item.count & 7))
    guard item.count <= wordsMax * 8 else {
      throw StoreError(
        .invalidAttribute,
        "the attributes of an entry take at most \(Store.Limits.attributesBytes) bytes, and these take more")
    }
    item[1] = UInt8(item.count / 8)
    return item
  }

  private static func append(_ name: String, _ value: Attributes.Value, to item: inout [UInt8]) throws(StoreError) {
    let nameCount = name.utf8.count
    guard nameCount >= 1, nameCount <= Store.Limits.attributeNameBytes else {
      throw StoreError(
        .invalidAttribute,
        "an attribute's name has 1 to \(Store.Limits.attributeNameBytes) bytes, and this one \(nameCount)")
    }
    let start = item.count
    item += [0, UInt8(nameCount), 0, 0]
    item.append(contentsOf: name.utf8)
    let valueStart = item.count
    switch value {
    case .string(let text):
      item.append(contentsOf: text.utf8)
    case .integer(let number):
      append(UInt64(bitPattern: number), to: &item)
    case .date(let milliseconds):
      append(UInt64(bitPattern: milliseconds), to: &item)
    case .real(let number):
      if number.isNaN { throw StoreError(.invalidAttribute, "the attribute \(name) is not a number (NaN)") }
      append((number == 0 ? 0 : number).bitPattern, to: &item)
    case .tags(let tags):
      for tag in tags {
        guard (1...255).contains(tag.utf8.count) else {
          throw StoreError(
            .invalidAttribute, "a tag has 1 to 255 bytes, and one of \(name) has \(tag.utf8.count)")
        }
        item.append(UInt8(tag.utf8.count))
        item.append(contentsOf: tag.utf8)
      }
    }
    let count = item.count - valueStart
    guard count <= Store.Limits.attributesBytes else {
      throw StoreError(
        .invalidAttribute,
        "the attributes of an entry take at most \(Store.Limits.attributesBytes) bytes, and \(name) alone more")
    }
    item[start] = value.kind.rawValue
    item[start + 2] = UInt8(count & 0xFF)
    item[start + 3] = UInt8(count >> 8)
  }

  private static func append(_ word: UInt64, to bytes: inout [UInt8]) {
    for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift))) }
  }
}

extension RecordHeader {
  /// The attributes of an entry, as they stand in its record: nothing if there are none, or none that are as they
  /// should be.
  package func attributes(_ view: MemoryView, at offset: Int) -> MemoryView {
    item(AttributeItem.type, view, at: offset).map(AttributeItem.content) ?? .empty
  }

  /// See ``AttributeItem/uncheckedContent(_:)``.
  func uncheckedAttributes(_ view: MemoryView, at offset: Int) -> MemoryView {
    item(AttributeItem.type, view, at: offset).map(AttributeItem.uncheckedContent) ?? .empty
  }

  /// The first item of a type in the extension of a record, whole.
  func item(_ type: UInt8, _ view: MemoryView, at offset: Int) -> MemoryView? {
    // Behind the fields of flags that are not known, nobody knows where items begin.
    guard saysMore, hasItsFields, flags & 0xFF & ~Flags.known == 0 else { return nil }
    var (item, end) = (offset + Self.byteCount + fieldsByteCount, offset + keyOffset)
    if end > view.count { end = view.count }
    while view.contains(item, Self.itemHeadBytes), item < end {
      let byteCount = Int(view.load(item + 1, as: UInt8.self)) * 8
      guard byteCount > 0, byteCount <= end - item else { break }
      if view.load(item, as: UInt8.self) == type { return view.slice(item, byteCount) }
      item += byteCount
    }
    return nil
  }

  /// Its type and its length.
  private static let itemHeadBytes = 2
}

extension Attributes {
  /// Calls `body` with what records have of them.
  ///
  /// - Throws: `.invalidAttribute`.
  package func withEncoded<Result>(
    _ body: (borrowing EncodedAttributes) throws(StoreError) -> Result
  ) throws(StoreError) -> Result {
    let item = try AttributeItem.encode(self)
    return try item.withBytes { (item: RawSpan) throws(StoreError) in
      let content = AttributeItem.content(MemoryView(item))
      return try content.lend { (content) throws(StoreError) in try body(EncodedAttributes(unchecked: content)) }
    }
  }

  /// What the content of an item says: nothing if it is not as it should be.
  package init(content: [UInt8]) {
    self = content.withBytes { (content: RawSpan) in
      Attributes(EncodedAttribute.checked(MemoryView(content)) ?? .empty)
    }
  }

  /// - Parameter encoded: what an item says, checked before.
  package init(_ encoded: MemoryView) {
    self.init()
    var offset = 0
    while let one = EncodedAttribute(encoded, at: offset) {
      append(String(decoding: one.name.array(), as: UTF8.self), Value(one))
      offset = one.end
    }
  }

  /// - Parameter encoded: of a ``EntryChange``, or another that the store has handed out.
  public init(_ encoded: borrowing EncodedAttributes) { self.init(MemoryView(encoded.bytes)) }
}

extension Attributes.Value {
  fileprivate init(_ one: EncodedAttribute) {
    switch one.kind {
    case .string: self = .string(String(decoding: one.value.array(), as: UTF8.self))
    case .integer: self = .integer(one.value.load(0, as: Int64.self))
    case .date: self = .date(milliseconds: one.value.load(0, as: Int64.self))
    case .real: self = .real(Double(bitPattern: one.value.load(0, as: UInt64.self)))
    case .tags:
      var (offset, tags): (Int, [String]) = (0, [])
      while let tag = EncodedAttribute.tag(one.value, at: offset) {
        tags.append(String(decoding: tag.array(), as: UTF8.self))
        offset += 1 + tag.count
      }
      self = .tags(Attributes.Tags(sorted: tags))
    }
  }
}
