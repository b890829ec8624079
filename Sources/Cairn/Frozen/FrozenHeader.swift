/// The first bytes of a frozen store. `Formats/frozen-v1/SPEC.md`, section 2, is the layout's description.
package struct FrozenHeader: Equatable, Sendable {
  package static let byteCount = 256
  /// Where the first record stands.
  package static let recordsStart = byteCount
  /// Of the store that it was made from; zero if it was made from none.
  package var store = StoreIdentifier(low: 0, high: 0)
  /// The newest operation that it holds; 0 if it was not made from a store.
  package var sequence: UInt64 = 0
  /// Milliseconds since 1970; for people.
  package var created: Int64 = 0
  package var hashSeed: UInt64 = 0
  /// Seeds all checksums but the header's own.
  package var salt: UInt64 = 0
  package var entries = 0
  package var fileByteCount = 0
  /// Where the last record ends, and the list of dictionaries begins.
  package var recordsEnd = 0
  package var dictionaries = 0
  package var dictionariesChecksum: UInt64 = 0
  package var indexOffset = 0
  /// Buckets that a key can belong to; those behind them take what overflows.
  package var homes = 0
  package var buckets = 0
  /// Of everything behind the header.
  package var contentChecksum: UInt64 = 0
  /// Of all keys, and of all values as they were given.
  package var keyBytes: UInt64 = 0
  package var valueBytes: UInt64 = 0

  package init() {}

  func encode(into view: MemoryView) {
    view.zero(0, Self.byteCount)
    FormatVersion.begin(view, magic: Magic.frozen, byteCount: Self.byteCount)
    view.store(store.low, at: 40)
    view.store(store.high, at: 48)
    view.store(sequence, at: 56)
    view.store(created, at: 64)
    view.store(hashSeed, at: 72)
    view.store(salt, at: 80)
    view.store(UInt64(entries), at: 88)
    view.store(UInt64(fileByteCount), at: 96)
    view.store(UInt64(recordsEnd), at: 104)
    view.store(UInt64(dictionaries), at: 112)
    view.store(dictionariesChecksum, at: 120)
    view.store(UInt64(indexOffset), at: 128)
    view.store(UInt64(homes), at: 136)
    view.store(UInt64(buckets), at: 144)
    view.store(contentChecksum, at: 152)
    view.store(keyBytes, at: 160)
    view.store(valueBytes, at: 168)
    view.store(view.slice(0, Self.byteCount - 8).hash(seed: 0), at: Self.byteCount - 8)
  }

  /// - Parameter fileByteCount: what the file has.
  package init(decoding view: MemoryView, fileByteCount found: Int, file: String) throws(StoreError) {
    guard view.count >= Self.byteCount else {
      throw StoreError.damaged("the frozen store is cut short", file: file, at: view.count)
    }
    guard Self.hasMagic(view) else {
      throw StoreError.damaged("the file does not begin as a frozen store does", file: file, at: 0)
    }
    try FormatVersion.check(view, magic: Magic.frozen, byteCount: Self.byteCount, what: "frozen store", file: file)
    guard view.load(Self.byteCount - 8, as: UInt64.self) == view.slice(0, Self.byteCount - 8).hash(seed: 0) else {
      throw StoreError.damaged(
        "the checksum of the frozen store's header does not match", file: file, at: Self.byteCount - 8)
    }
    let incompatible = view.load(24, as: UInt64.self)
    guard incompatible == 0 else {
      throw StoreError(
        .unsupportedFormat,
        "the frozen store uses a feature (bit \(incompatible.trailingZeroBitCount)) of a newer version", file: file,
        byteOffset: 24)
    }
    store = StoreIdentifier(low: view.load(40, as: UInt64.self), high: view.load(48, as: UInt64.self))
    sequence = view.load(56, as: UInt64.self)
    created = view.load(64, as: Int64.self)
    hashSeed = view.load(72, as: UInt64.self)
    salt = view.load(80, as: UInt64.self)
    dictionariesChecksum = view.load(120, as: UInt64.self)
    contentChecksum = view.load(152, as: UInt64.self)
    keyBytes = view.load(160, as: UInt64.self)
    valueBytes = view.load(168, as: UInt64.self)
    entries = try Self.number(view, 88, file)
    fileByteCount = try Self.number(view, 96, file)
    recordsEnd = try Self.number(view, 104, file)
    dictionaries = try Self.number(view, 112, file)
    indexOffset = try Self.number(view, 128, file)
    homes = try Self.number(view, 136, file)
    buckets = try Self.number(view, 144, file)
    guard found == fileByteCount else {
      throw StoreError.damaged(
        "the frozen store has \(found) bytes instead of \(fileByteCount)", file: file, at: min(found, fileByteCount))
    }
    let listEnd = recordsEnd + dictionaries * FrozenDictionary.byteCount
    guard recordsEnd >= Self.recordsStart, dictionaries <= FrozenDictionary.countMax, indexOffset >= listEnd,
      indexOffset % FrozenBucket.byteCount == 0, homes > 0, buckets >= homes,
      fileByteCount == indexOffset + buckets * FrozenBucket.byteCount, entries <= buckets * FrozenBucket.entries
    else { throw StoreError.damaged("the parts of the frozen store do not fit together", file: file, at: 88) }
  }

  package static func hasMagic(_ view: MemoryView) -> Bool {
    view.count >= 16 && view.load(0, as: UInt64.self) == Magic.frozen.0
      && view.load(8, as: UInt64.self) == Magic.frozen.1
  }

  /// Sizes and offsets are small enough to be added and multiplied without care.
  private static func number(_ view: MemoryView, _ offset: Int, _ file: String) throws(StoreError) -> Int {
    let value = view.load(offset, as: UInt64.self)
    guard value < 1 << 48 else {
      throw StoreError.damaged("the frozen store has a size or offset that cannot be", file: file, at: offset)
    }
    return Int(value)
  }
}

/// SPEC 4: where a dictionary stands; the list of them follows the records.
struct FrozenDictionary: Equatable {
  static let byteCount = 32
  static let countMax = 255
  /// zstd takes more; nobody has a use for them.
  static let contentBytesMax = 16 << 20

  var identifier: UInt8
  var contentByteCount: Int
  var offset: Int
  var checksum: UInt64

  func encode(into view: MemoryView, at place: Int) {
    view.zero(place, Self.byteCount)
    view.store(UInt32(identifier), at: place)
    view.store(UInt32(contentByteCount), at: place + 4)
    view.store(UInt64(offset), at: place + 8)
    view.store(checksum, at: place + 16)
  }

  init(identifier: UInt8, contentByteCount: Int, offset: Int, checksum: UInt64) {
    self.identifier = identifier
    self.contentByteCount = contentByteCount
    self.offset = offset
    self.checksum = checksum
  }

  /// All of a file's, in order of their identifiers.
  static func list(_ view: MemoryView, _ header: FrozenHeader, file: String) throws(StoreError) -> [FrozenDictionary] {
    let bytes = view.slice(header.recordsEnd, header.dictionaries * byteCount)
    guard bytes.hash(seed: header.salt) == header.dictionariesChecksum else {
      throw StoreError.damaged("the list of dictionaries is not what was written", file: file, at: header.recordsEnd)
    }
    var list: [FrozenDictionary] = []
    for number in 0..<header.dictionaries {
      let at = number * byteCount
      let identifier = bytes.load(at, as: UInt32.self)
      let count = Int(bytes.load(at + 4, as: UInt32.self))
      let offset = bytes.load(at + 8, as: UInt64.self)
      guard identifier > UInt32(list.last?.identifier ?? 0), identifier <= 255, count <= contentBytesMax,
        offset >= UInt64(header.recordsEnd), offset <= UInt64(header.indexOffset),
        count <= header.indexOffset - Int(offset)
      else {
        throw StoreError.damaged("a dictionary cannot be where the list says", file: file, at: header.recordsEnd + at)
      }
      list.append(
        FrozenDictionary(
          identifier: UInt8(identifier), contentByteCount: count, offset: Int(offset),
          checksum: bytes.load(at + 16, as: UInt64.self)))
    }
    return list
  }
}
