package import Cairn

/// What a value is made from: keys of the store, and the versions that they had when they were read.
///
/// ```swift
/// let sources = try store.sources(of: ["user:42", "orders:42"])     // before they are read
/// let page = render(try store.value(for: "user:42"), try store.value(for: "orders:42"))
/// try store.put(page, for: "page:42", derivedFrom: sources)
/// try store.freshValue(for: "page:42")                              // until one of the two changes
/// ```
///
/// They travel with the entry, as the attribute ``attributeName``, a set of tags `key@version`. Whether the entry is
/// *stale* is asked of the store when it is read: if a source has another version now, has gone, has come where there
/// was none, or is stale itself. So a change is not missed, whoever makes it, however writes and reads come to overlap,
/// and whatever a crash has left; and a write costs nothing for what depends on it. (But for one: a source that was not
/// there, comes, is read, and goes again before the result is put. Where that can be, read from a snapshot.) A stale
/// entry stays until it is replaced or removed (``Cairn/Store/removeStale(prefix:)``).
///
/// For what is not in the store, such as the version of a model, put it there under a key of its own
/// (``Cairn/Store/putIfChanged(_:for:durability:)``), and make that a source.
///
/// A *tag* is a source that is only a name, which many entries share, and that changes when somebody says so:
///
/// ```swift
/// try store.put(page, for: "page:42", derivedFrom: store.sources(tags: ["tenant:7", "price list"]))
/// try store.invalidate(tag: "tenant:7")                             // one put, however many entries have it
/// ```
public struct Sources: Sendable, Equatable {
  /// By key. 0: there was no such key.
  private(set) var versions: [[UInt8]: UInt64] = [:]
  /// Of a key that had two: no version is that one.
  private static let several = UInt64.max

  /// Nothing.
  public init() {}

  public static let attributeName = "@sources"
  /// The longest key that can be one, in bytes.
  public static let keyBytes = 234
  /// What the keys of tags begin with: to observe them, or for rules. They are keys of the store like others, and stay
  /// there; a put of one is an invalidation, and so is its removal.
  public static let tagPrefix = "@tag:"

  /// - Throws: `.invalidAttribute`.
  package static func key(tag: String) throws(StoreError) -> [UInt8] {
    let key = Array((tagPrefix + tag).utf8)
    guard !tag.isEmpty, key.count <= keyBytes else {
      throw StoreError(
        .invalidAttribute, "a tag has 1 to \(keyBytes - tagPrefix.utf8.count) bytes", keyPrefix: Array(key.prefix(32)))
    }
    return key
  }

  /// - Throws: `.invalidAttribute` if a key is no text, or longer than ``keyBytes``.
  mutating func add(_ key: [UInt8], _ version: UInt64) throws(StoreError) {
    guard String(validating: key, as: UTF8.self) != nil, (1...Self.keyBytes).contains(key.count) else {
      throw StoreError(
        .invalidAttribute, "a key that others are made from has to be text of 1 to \(Self.keyBytes) bytes",
        keyPrefix: Array(key.prefix(32)))
    }
    versions[key] = version
  }

  public var isEmpty: Bool { versions.isEmpty }
  /// How many keys.
  public var count: Int { versions.count }

  /// Those of both. What is made of two versions of one key is stale from the beginning.
  public func merging(_ other: Sources) -> Sources {
    var result = self
    result.versions.merge(other.versions) { $0 == $1 ? $0 : Self.several }
    return result
  }

  var tags: Attributes.Value {
    .tags(Attributes.Tags(versions.map { "\(String(decoding: $0.key, as: UTF8.self))@\($0.value)" }))
  }

  /// What an entry was made from, but for tags.
  package init(withoutTags attributes: borrowing EncodedAttributes) {
    guard !attributes.isEmpty, let found = Self.attributeName.withBytes({ attributes.find($0) }), found.kind == .tags
    else { return }
    EncodedAttributes.forEachTag(in: attributes.bytes.extracting(found.place)) { bytes in
      guard let tag = Tag(bytes), !tag.key.starts(with: Self.tagPrefix.utf8) else { return }
      versions[tag.key] = tag.version
    }
  }

  /// The names of the tags that an entry has, in order: see ``Cairn/Store/sources(tags:)``.
  package static func tags(in attributes: borrowing EncodedAttributes) -> [String] {
    guard !attributes.isEmpty, let found = attributeName.withBytes({ attributes.find($0) }), found.kind == .tags else {
      return []
    }
    var names: [String] = []
    EncodedAttributes.forEachTag(in: attributes.bytes.extracting(found.place)) { bytes in
      guard let tag = Tag(bytes), tag.key.starts(with: tagPrefix.utf8) else { return }
      names.append(String(decoding: tag.key.dropFirst(tagPrefix.utf8.count), as: UTF8.self))
    }
    return names
  }

  /// Of the keys in ``tags``, and what is no such tag: nobody knows what that depends on.
  struct Tag {
    let key: [UInt8]
    let version: UInt64

    init?(_ tag: RawSpan) {
      let tag = [UInt8](copying: tag)
      guard let sign = tag.lastIndex(of: UInt8(ascii: "@")), sign > 0,
        let version = UInt64(String(decoding: tag[(sign + 1)...], as: UTF8.self))
      else { return nil }
      (key, self.version) = (Array(tag[..<sign]), version)
    }
  }
}
