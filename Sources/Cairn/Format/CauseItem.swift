/// SPEC 4.10: the item in the extension of a remove that says why.
package enum CauseItem {
  package static let type: UInt8 = 3
  private static let headBytes = 4

  private enum Code {
    static let expired: UInt8 = 1
    static let evicted: UInt8 = 2
    static let invalidated: UInt8 = 3
  }

  /// - Returns: the item, whole words; nothing where there is nothing to be said.
  static func encode(_ cause: RemovalCause) -> [UInt8] {
    switch cause {
    case .removed: []
    case .expired: expired
    case .evicted: evicted
    case .invalidated(let by): item(Code.invalidated, by)
    }
  }

  static let expired = item(Code.expired, "")
  private static let evicted = item(Code.evicted, "")

  private static func item(_ code: UInt8, _ text: String) -> [UInt8] {
    // Not in the middle of a character.
    var bytes = Array(text.utf8.prefix(255))
    while String(validating: bytes, as: UTF8.self) == nil { bytes.removeLast() }
    var item = [type, 0, code, UInt8(bytes.count)] + bytes
    item.append(contentsOf: repeatElement(0, count: -item.count & 7))
    item[1] = UInt8(item.count / 8)
    return item
  }

  /// What an item says; an unknown one says nothing.
  fileprivate static func decode(_ item: MemoryView) -> RemovalCause {
    switch item.load(2, as: UInt8.self) {
    case Code.expired: return .expired
    case Code.evicted: return .evicted
    case Code.invalidated:
      let count = Int(item.load(3, as: UInt8.self))
      guard item.contains(headBytes, count) else { return .removed }
      return .invalidated(by: String(decoding: item.slice(headBytes, count).array(), as: UTF8.self))
    default: return .removed
    }
  }
}

extension RecordHeader {
  /// Why a remove was made.
  package func cause(_ view: MemoryView, at offset: Int) -> RemovalCause {
    item(CauseItem.type, view, at: offset).map(CauseItem.decode) ?? .removed
  }
}
