internal import Cairn
internal import CairnIndex

/// What a cache says of an entry beside its value: attributes, so that they can be read everywhere. Names have up to
/// eight bytes: see `EncodedAttributes.Cursor`.
struct EntryFields: Sendable {
  /// How the value is written: see ``CodecStamp``.
  static let codecName = "@codec"
  /// When it was put, as a date.
  static let writtenName = "@written"
  /// When its life ends, as a date, where the entry stays longer than that.
  static let endName = "@end"
  /// A real; 1 where there is none.
  static let costName = "@cost"
  /// An integer, 1: the entry stays.
  static let pinnedName = "@pinned"
  static let names: Set<String> = [codecName, writtenName, endName, costName, pinnedName]

  private static let (codec, written) = (EncodedAttributes.number(codecName), EncodedAttributes.number(writtenName))
  private static let (end, cost) = (EncodedAttributes.number(endName), EncodedAttributes.number(costName))
  private static let pinned = EncodedAttributes.number(pinnedName)
  private static let sources = EncodedAttributes.number(Sources.attributeName)

  /// Where the stamp of the codec is.
  private(set) var codec: Range<Int>?
  var written: Int64?
  var end: Int64?
  var cost = 1.0
  var isPinned = false
  /// It was made from something: see ``CairnIndex/Sources``.
  private(set) var hasSources = false

  init(written: Int64?, end: Int64?, cost: Double, isPinned: Bool) {
    (self.written, self.end, self.isPinned) = (written, end, isPinned)
    self.cost = Self.cost(cost)
  }

  init(_ attributes: borrowing EncodedAttributes) {
    var cursor = EncodedAttributes.Cursor(attributes)
    while cursor.next() {
      let place = cursor.place
      switch (cursor.name, cursor.kind) {
      case (Self.codec, .string): codec = place
      case (Self.written, .date) where place.count == 8: written = Self.time(attributes, place)
      case (Self.end, .date) where place.count == 8: end = Self.time(attributes, place)
      case (Self.cost, .real) where place.count == 8:
        cost = Self.cost(EncodedAttributes.real(attributes.bytes.extracting(place)))
      case (Self.pinned, .integer) where place.count == 8: isPinned = Self.integer(attributes, place) == 1
      case (Self.sources, _): hasSources = true
      default: break
      }
    }
  }

  private static func integer(_ attributes: borrowing EncodedAttributes, _ place: Range<Int>) -> Int64 {
    EncodedAttributes.integer(attributes.bytes.extracting(place))
  }

  /// Whatever stands there, times can be subtracted.
  private static func time(_ attributes: borrowing EncodedAttributes, _ place: Range<Int>) -> Int64 {
    max(0, integer(attributes, place))
  }

  /// As policies take them.
  private static func cost(_ cost: Double) -> Double { cost.isNaN ? 1 : min(max(cost, 0), CachedEntry.costMax) }

  func add(to attributes: inout Attributes) {
    if let written { attributes[Self.writtenName] = .date(milliseconds: written) }
    if let end { attributes[Self.endName] = .date(milliseconds: end) }
    if cost != 1 { attributes[Self.costName] = .real(cost) }
    if isPinned { attributes[Self.pinnedName] = .integer(1) }
  }

  /// Whether the time at which it was put is all that there is to be said.
  var isPlain: Bool { end == nil && cost == 1 && !isPinned }
}

/// The attributes of an entry of which only codec and time are said, as a record has them: made once for each codec, as
/// that takes as long as to put the entry (measured: 3,000 instructions).
struct PlainFields: Sendable {
  private let items: [UInt8]
  private let timePlace: Int

  /// - Throws: `.invalidAttribute`.
  init(_ stamp: CodecStamp, _ store: Store) throws(StoreError) {
    func encoded(_ time: Int64) throws(StoreError) -> [UInt8] {
      try store.encoded([
        EntryFields.codecName: .string(stamp.description), EntryFields.writtenName: .date(milliseconds: time),
      ])
    }
    let zero = try encoded(0)
    // Where another time makes a difference.
    let other = try encoded(-1)
    items = zero
    timePlace = zero.indices.first { zero[$0] != other[$0] } ?? 0
  }

  func items(written: Int64) -> [UInt8] {
    var items = items
    for byte in 0..<8 { items[timePlace + byte] = UInt8(truncatingIfNeeded: written >> Int64(8 * byte)) }
    return items
  }
}

extension Attributes {
  /// Without those that the cache has set.
  var withoutCaches: Attributes {
    var others = self
    for name in EntryFields.names { others[name] = nil }
    others[Sources.attributeName] = nil
    return others
  }
}

extension String {
  /// Whether these are the bytes of its UTF-8.
  func isSame(_ bytes: RawSpan) -> Bool { withBytes { EncodedAttributes.isEqual($0, bytes) } }
}
