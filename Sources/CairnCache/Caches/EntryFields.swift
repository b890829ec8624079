internal import Cairn
internal import CairnIndex

/// What a cache says of an entry beside its value: attributes, so that they can be read everywhere.
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

  var written: Int64?
  var end: Int64?
  var cost = 1.0
  var isPinned = false

  init(written: Int64?, end: Int64?, cost: Double, isPinned: Bool) {
    (self.written, self.end, self.isPinned) = (written, end, isPinned)
    self.cost = Self.cost(cost)
  }

  init(_ attributes: borrowing EncodedAttributes) {
    if attributes.isEmpty { return }
    // All of them begin with the same sign, and in the order of their bytes they come first.
    attributes.forEach { name, kind, value in
      switch (kind, name.byteCount) {
      case (.date, Self.writtenCount) where Self.writtenName.isSame(name): written = EncodedAttributes.integer(value)
      case (.date, Self.endCount) where Self.endName.isSame(name): end = EncodedAttributes.integer(value)
      case (.real, Self.costCount) where Self.costName.isSame(name): cost = Self.cost(EncodedAttributes.real(value))
      case (.integer, Self.pinnedCount) where Self.pinnedName.isSame(name):
        isPinned = EncodedAttributes.integer(value) == 1
      default: break
      }
    }
  }

  private static let (writtenCount, endCount) = (writtenName.utf8.count, endName.utf8.count)
  private static let (costCount, pinnedCount) = (costName.utf8.count, pinnedName.utf8.count)

  /// As policies take them.
  private static func cost(_ cost: Double) -> Double { cost.isNaN ? 1 : min(max(cost, 0), CachedEntry.costMax) }

  func add(to attributes: inout Attributes) {
    if let written { attributes[Self.writtenName] = .date(milliseconds: written) }
    if let end { attributes[Self.endName] = .date(milliseconds: end) }
    if cost != 1 { attributes[Self.costName] = .real(cost) }
    if isPinned { attributes[Self.pinnedName] = .integer(1) }
  }
}

extension String {
  /// Whether these are the bytes of its UTF-8.
  func isSame(_ bytes: RawSpan) -> Bool { withBytes { EncodedAttributes.isEqual($0, bytes) } }
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
