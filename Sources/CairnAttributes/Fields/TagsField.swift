internal import Cairn

/// The index of an attribute that is a set of tags. A tag has a code and its documents; each distinct set has a code as
/// well, and each document that of its set.
final class TagsField {
  private var tags = ByteTable()
  private var postings = Postings()
  /// Of each set the codes of its tags, in the order of these, four bytes each.
  private var sets = ByteTable()
  /// By set, how many documents have it.
  private var setCounts = Column<UInt32>()
  /// Of a document its set, and one more: 0 is none.
  private var documentSets = CodeColumn()
  let present = Bitmap()
  /// Documents that have the set without tags.
  let withoutTags = Bitmap()
  let mistyped = Bitmap()

  var tagCount: Int { tags.count }
  var setCount: Int { sets.count }

  private func set(_ document: UInt32) -> UInt32? {
    let set = documentSets[document]
    return set == 0 ? nil : set - 1
  }

  // MARK: Changes

  func set(_ document: UInt32, _ kind: EncodedAttributes.Kind, _ value: Bytes) {
    guard kind == .tags else {
      change(document, to: nil)
      mistyped.insert(document)
      return
    }
    if let old = self.set(document), hasTags(old, value) { return }
    var codes = Column<UInt32>()
    Self.forEachTag(value) { codes.append(tags.insert($0).number) }
    let (set, isNew) = sets.insert(codes.bytes)
    if isNew {
      setCounts.extend(to: set, with: 0)
      setCounts[set] = 0
    }
    change(document, to: set)
  }

  /// Without a search for each of them.
  private func hasTags(_ set: UInt32, _ value: Bytes) -> Bool {
    let codes = sets.bytes(set)
    var (offset, place) = (0, 0)
    while offset < value.count && place < codes.count {
      let count = Int(value.load(offset, as: UInt8.self))
      if !tags.bytes(codes.load(place, as: UInt32.self)).isEqual(to: value.slice(offset + 1, count)) { return false }
      (offset, place) = (offset + 1 + count, place + 4)
    }
    return offset == value.count && place == codes.count
  }

  /// In the order of their bytes, each behind its length: one byte.
  private static func forEachTag(_ value: Bytes, _ body: (Bytes) -> Void) {
    var offset = 0
    while offset < value.count {
      let count = Int(value.load(offset, as: UInt8.self))
      body(value.slice(offset + 1, count))
      offset += 1 + count
    }
  }

  func clear(_ document: UInt32) { change(document, to: nil) }

  private func change(_ document: UInt32, to set: UInt32?) {
    if !mistyped.isEmpty { mistyped.remove(document) }
    documentSets.extend(to: document)
    let old = self.set(document)
    if old == set { return }
    documentSets.set(document, set.map { $0 + 1 } ?? 0)
    let (oldTags, newTags) = (tags(of: old).sorted(), tags(of: set).sorted())
    if set == nil { present.remove(document) } else if old == nil { present.insert(document) }
    if old != nil && oldTags.isEmpty { withoutTags.remove(document) }
    if set != nil && newTags.isEmpty { withoutTags.insert(document) }
    // Only what one of the two has is changed.
    var (i, j) = (0, 0)
    var gone: [UInt32] = []
    while i < oldTags.count || j < newTags.count {
      if j == newTags.count || i < oldTags.count && oldTags[i] < newTags[j] {
        if postings.remove(document, oldTags[i]) { gone.append(oldTags[i]) }
        i += 1
      } else if i == oldTags.count || newTags[j] < oldTags[i] {
        postings.insert(document, newTags[j])
        j += 1
      } else {
        (i, j) = (i + 1, j + 1)
      }
    }
    if let set { setCounts[set] += 1 }
    if let old {
      setCounts[old] -= 1
      if setCounts[old] == 0 { sets.remove(old) }
    }
    for tag in gone { tags.remove(tag) }
  }

  private func tags(of set: UInt32?) -> [UInt32] {
    guard let set else { return [] }
    let bytes = sets.bytes(set)
    return (0..<bytes.count / 4).map { bytes.load(4 * $0, as: UInt32.self) }
  }

  // MARK: Finding

  func code(ofTag tag: String) -> UInt32? {
    [UInt8](tag.utf8).withBytes { tags.find(Bytes($0)) }
  }

  func count(_ tag: UInt32) -> Int { postings.count(tag) }
  func documents(_ tag: UInt32) -> Bitmap { postings.bitmap(tag) }

  /// The code of a set that some document has.
  func code(ofSet set: Attributes.Tags) -> UInt32? {
    var codes = Column<UInt32>()
    for tag in set {
      guard let code = code(ofTag: tag) else { return nil }
      codes.append(code)
    }
    return sets.find(codes.bytes)
  }

  func count(ofSet set: UInt32) -> Int { Int(setCounts[set]) }

  /// Those that have exactly these tags: of the rarest one's, those that have this set.
  func documents(ofSet set: UInt32) -> (documents: Bitmap, touched: Int) {
    guard let rarest = tags(of: set).min(by: { count($0) < count($1) }) else { return (withoutTags, 0) }
    var documents = Column<UInt32>()
    self.documents(rarest).append(to: &documents)
    let touched = documents.count
    keep(&documents, ofSet: set, is: true)
    return (Bitmap(documents), touched)
  }

  func keep(_ documents: inout Column<UInt32>, ofSet set: UInt32, is isKept: Bool) {
    documentSets.keep(&documents, of: set + 1, is: isKept)
  }

  var memoryByteCount: Int {
    tags.memoryByteCount + postings.memoryByteCount + sets.memoryByteCount + setCounts.memoryByteCount
      + documentSets.memoryByteCount + present.memoryByteCount + withoutTags.memoryByteCount
      + mistyped.memoryByteCount
  }
}
