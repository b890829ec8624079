package import Cairn

/// Parts of a store that have names: what is in one has a key that begins with its name and a colon.
package struct NamedPrefixes: Sendable {
  /// In the order of their prefixes.
  package let names: [String]
  package let prefixes: [[UInt8]]

  /// The longest name, in bytes of its UTF-8.
  package static let nameBytes = 64
  private static let separator = UInt8(ascii: ":")

  /// - Parameter what: has such names, for the error.
  /// - Throws: `.invalidOption`.
  package init(_ names: some Sequence<String>, of what: String) throws(StoreError) {
    var all: [(name: String, prefix: [UInt8])] = []
    for name in names {
      let bytes = Array(name.utf8)
      guard (1...Self.nameBytes).contains(bytes.count), !bytes.contains(Self.separator) else {
        throw StoreError(
          .invalidOption, "the name of a \(what) has 1 to \(Self.nameBytes) bytes without a colon; \"\(name)\" has not")
      }
      all.append((name, bytes + [Self.separator]))
    }
    all.sort { $0.prefix.lexicographicallyPrecedes($1.prefix) }
    (self.names, prefixes) = (all.map(\.name), all.map(\.prefix))
  }

  /// `nil`: there is none of that name.
  package func index(of name: String) -> Int? { names.firstIndex { $0.utf8.elementsEqual(name.utf8) } }

  /// The one that a key is in.
  package func index(of key: RawSpan) -> Int? {
    // Most have one.
    if prefixes.count == 1 { return key.begins(with: prefixes[0]) ? 0 : nil }
    var (low, high) = (0, prefixes.count)
    // No prefix begins with another: the last one that is not behind the key is its own, if any is.
    while low < high {
      let middle = (low + high) / 2
      if prefixes[middle].withBytes({ EncodedAttributes.order($0, key) }) <= 0 {
        low = middle + 1
      } else {
        high = middle
      }
    }
    guard low > 0, key.begins(with: prefixes[low - 1]) else { return nil }
    return low - 1
  }
}
