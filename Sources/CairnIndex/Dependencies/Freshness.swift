package import Cairn

/// Whether entries are as their sources are now: asks the store for each source, and for the sources of these, each
/// once.
package struct Freshness {
  private enum Answer {
    case underWay
    case known(isFresh: Bool)
  }

  private let store: Store
  private var answers: [[UInt8]: (version: UInt64, answer: Answer)] = [:]

  /// Chains that are longer count as stale.
  private static let depthMax = 64

  package init(_ store: Store) { self.store = store }

  /// - Parameter attributes: of the entry.
  package mutating func isFresh(_ attributes: borrowing EncodedAttributes) -> Bool { isFresh(attributes, depth: 0) }

  private mutating func isFresh(_ attributes: borrowing EncodedAttributes, depth: Int) -> Bool {
    guard let found = Sources.attributeName.withBytes({ attributes.find($0) }) else { return true }
    guard found.kind == .tags, depth < Self.depthMax else { return false }
    var isFresh = true
    EncodedAttributes.forEachTag(in: attributes.bytes.extracting(found.place)) { tag in
      guard isFresh else { return }
      guard let source = Sources.Tag(tag) else { return isFresh = false }
      isFresh = self.isFresh(source, depth: depth)
    }
    return isFresh
  }

  /// Whether a source is what it was, and fresh itself.
  private mutating func isFresh(_ source: Sources.Tag, depth: Int) -> Bool {
    if let known = answers[source.key] {
      // One that is under way depends on itself: it never is.
      guard case .known(let isFresh) = known.answer else { return false }
      return isFresh && known.version == source.version
    }
    answers[source.key] = (0, .underWay)
    var isFresh = true
    var version: UInt64 = 0
    do throws(StoreError) {
      try store.withEntry(for: source.key, withValue: false) { entry in
        isFresh = self.isFresh(entry.attributes, depth: depth + 1)
        version = entry.version
      }
    } catch {
      // What cannot be read is not what it was.
      isFresh = false
    }
    answers[source.key] = (version, .known(isFresh: isFresh))
    return isFresh && version == source.version
  }
}
