/// The fixed headers of the files of a store. `Formats/v1/SPEC.md` is the layout's only description; the numbers of
/// its sections stand beside each type.

/// Files begin with these 16 bytes: damage by text-mode copies shows, and so does what the file is.
package enum Magic {
  package static let store = ascii("\u{89}CAIRN\r\n\u{1A}\nSTORE ")
  package static let segment = ascii("\u{89}CAIRN\r\n\u{1A}\nLOG   ")
  package static let checkpoint = ascii("\u{89}CAIRN\r\n\u{1A}\nINDEX ")
  package static let gone = ascii("\u{89}CAIRN\r\n\u{1A}\nGONE  ")
  package static let view = ascii("\u{89}CAIRN\r\n\u{1A}\nVIEW  ")
  package static let frozen = ascii("\u{89}CAIRN\r\n\u{1A}\nFROZEN")

  private static func ascii(_ text: String) -> (UInt64, UInt64) {
    var words: [UInt64] = [0, 0]
    for (index, scalar) in text.unicodeScalars.enumerated() {
      words[index / 8] |= UInt64(scalar.value) << UInt64(index % 8 * 8)
    }
    return (words[0], words[1])
  }
}

/// The version that this engine writes. Another major version cannot be read; feature words say the rest.
package enum FormatVersion {
  package static let major: UInt16 = 1
  package static let minor: UInt16 = 0

  /// How every header begins.
  static func begin(_ view: MemoryView, magic: (UInt64, UInt64), byteCount: Int) {
    view.store(magic.0, at: 0)
    view.store(magic.1, at: 8)
    view.store(major, at: 16)
    view.store(minor, at: 18)
    view.store(UInt32(byteCount), at: 20)
  }

  /// Whether it is a whole header of this version that ends with its checksum. For files that are not used otherwise.
  static func isWhole(_ view: MemoryView, magic: (UInt64, UInt64), byteCount: Int) -> Bool {
    view.count >= byteCount && view.load(0, as: UInt64.self) == magic.0 && view.load(8, as: UInt64.self) == magic.1
      && view.load(16, as: UInt16.self) == major && view.load(20, as: UInt32.self) == UInt32(byteCount)
      && view.load(byteCount - 8, as: UInt64.self) == view.slice(0, byteCount - 8).hash(seed: 0)
  }

  /// What must be right before the checksum is looked at: where that stands depends on it.
  static func check(
    _ view: MemoryView, magic: (UInt64, UInt64), byteCount: Int, what: String, file: String
  ) throws(StoreError) {
    guard view.load(0, as: UInt64.self) == magic.0, view.load(8, as: UInt64.self) == magic.1 else {
      throw StoreError.damaged("the file does not begin as a \(what) does", file: file, at: 0)
    }
    let found = view.load(16, as: UInt16.self)
    guard found == major else {
      throw StoreError(
        .unsupportedFormat, "the \(what) has format version \(found), and this library knows version \(major)",
        file: file, byteOffset: 16)
    }
    let length = view.load(20, as: UInt32.self)
    guard length == UInt32(byteCount) else {
      throw StoreError(
        .unsupportedFormat, "the \(what) has \(length) bytes, and this library knows one of \(byteCount)", file: file,
        byteOffset: 20)
    }
  }
}

/// 128 random bits that tell stores apart.
package struct StoreIdentifier: Equatable, Sendable, CustomStringConvertible {
  package let low: UInt64
  package let high: UInt64

  package init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  package var description: String { String(hex: low) + String(hex: high) }
}

extension String {
  /// Sixteen digits.
  package init(hex value: UInt64) {
    let digits = String(value, radix: 16)
    self = String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// SPEC 2: the file `STORE`.
package struct StoreHeader: Equatable {
  package static let byteCount = 4096
  package static let name = "STORE"

  package var identifier: StoreIdentifier
  /// Seeds the hash of keys, so that nobody can prepare keys that share a bucket.
  package var hashSeed: UInt64
  /// Milliseconds since 1970; for people.
  package var created: Int64
  package var incompatible: UInt64 = 0
  package var readOnlyCompatible: UInt64 = 0
  package var compatible: UInt64 = 0

  func encode(into view: MemoryView) {
    view.zero(0, Self.byteCount)
    FormatVersion.begin(view, magic: Magic.store, byteCount: Self.byteCount)
    view.store(incompatible, at: 24)
    view.store(readOnlyCompatible, at: 32)
    view.store(compatible, at: 40)
    view.store(identifier.low, at: 48)
    view.store(identifier.high, at: 56)
    view.store(hashSeed, at: 64)
    view.store(created, at: 72)
    view.store(view.slice(0, Self.byteCount - 8).hash(seed: 0), at: Self.byteCount - 8)
  }

  /// - Parameter forWriting: whether read-only compatible features must be known too.
  package init(decoding view: MemoryView, file: String, forWriting: Bool) throws(StoreError) {
    guard view.count >= Self.byteCount else {
      throw StoreError.damaged("the file is cut short", file: file, at: view.count)
    }
    try FormatVersion.check(
      view, magic: Magic.store, byteCount: Self.byteCount, what: "store header", file: file)
    guard Self.hasItsChecksum(view) else {
      throw StoreError.damaged("the checksum of the store header does not match", file: file, at: Self.byteCount - 8)
    }
    incompatible = view.load(24, as: UInt64.self)
    readOnlyCompatible = view.load(32, as: UInt64.self)
    compatible = view.load(40, as: UInt64.self)
    identifier = StoreIdentifier(low: view.load(48, as: UInt64.self), high: view.load(56, as: UInt64.self))
    hashSeed = view.load(64, as: UInt64.self)
    created = view.load(72, as: Int64.self)
    // This version has no features yet: any bit is unknown.
    if incompatible != 0 {
      throw Self.unsupported("cannot be read", bits: incompatible, word: 0, view, file)
    }
    if forWriting && readOnlyCompatible != 0 {
      throw Self.unsupported("can only be opened read-only", bits: readOnlyCompatible, word: 1, view, file)
    }
  }

  /// Whether the first bytes of a file, all of a header's, are as this version would have written them.
  package static func hasItsChecksum(_ view: MemoryView) -> Bool {
    view.count >= byteCount
      && view.load(byteCount - 8, as: UInt64.self) == view.slice(0, byteCount - 8).hash(seed: 0)
  }

  /// SPEC 2.1: newer versions leave the names of their features for older ones to print.
  private static func unsupported(
    _ consequence: String, bits: UInt64, word: UInt8, _ view: MemoryView, _ file: String
  ) -> StoreError {
    let bit = bits.trailingZeroBitCount
    var name = "unnamed"
    for entry in 0..<32 {
      let at = 256 + entry * 64
      let text = view.slice(at + 3, 61).array().prefix { $0 != 0 }
      let isNamed = view.load(at + 2, as: UInt8.self) == 1 && !text.isEmpty
      if isNamed && view.load(at, as: UInt8.self) == word && view.load(at + 1, as: UInt8.self) == UInt8(bit) {
        name = String(decoding: text, as: UTF8.self)
      }
    }
    return StoreError(
      .unsupportedFormat,
      "the store uses the feature \"\(name)\" (bit \(bit)) of a newer version and \(consequence) by this one",
      file: file, byteOffset: 24 + 8 * Int(word))
  }
}

extension StoreHeader {
  package init(identifier: StoreIdentifier, hashSeed: UInt64, created: Int64) {
    self.identifier = identifier
    self.hashSeed = hashSeed
    self.created = created
  }
}

/// SPEC 3.1: the first bytes of a segment. Written and synced before the segment takes its name, never changed.
package struct SegmentHeader: Equatable {
  package static let byteCount = 256
  /// Where the first record stands.
  package static let recordsStart = byteCount
  package static let saltOffset = 56
  /// Puts and removes begin below: an entry of the index has no more bits for the place.
  package static let operationsEnd = HashIndex.Entry.offsetEnd
  /// No record ends behind that, however long somebody has made the file.
  package static let fileBytesMax = operationsEnd + Store.Limits.valueBytes + 1 << 20

  package var store: StoreIdentifier
  /// 1 for the first segment of a store, greater for each later one.
  package var segment: UInt64
  package var epoch: UInt64
  /// Seeds the checksums of the segment's records.
  package var salt: UInt64
  package var created: Int64

  package static func name(_ segment: UInt64) -> String {
    let digits = String(segment)
    return "segment-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits + ".log"
  }

  /// Whether a segment can have it: addresses have 32 bits for it, and slot 0 is never a segment's.
  package static func isNumber(_ number: UInt64) -> Bool { number < 1 << 32 && SegmentTable.slot(number) != 0 }

  /// The number in a file's name, if it is a segment's.
  package static func number(_ name: String) -> UInt64? {
    guard name.hasPrefix("segment-"), name.hasSuffix(".log"), let number = UInt64(name.dropFirst(8).dropLast(4)),
      self.name(number) == name
    else { return nil }
    return number
  }

  func encode(into view: MemoryView) {
    view.zero(0, Self.byteCount)
    FormatVersion.begin(view, magic: Magic.segment, byteCount: Self.byteCount)
    view.store(store.low, at: 24)
    view.store(store.high, at: 32)
    view.store(segment, at: 40)
    view.store(epoch, at: 48)
    view.store(salt, at: Self.saltOffset)
    view.store(created, at: 64)
    view.store(view.slice(0, Self.byteCount - 8).hash(seed: 0), at: Self.byteCount - 8)
  }

  package init(decoding view: MemoryView, file: String) throws(StoreError) {
    guard view.count >= Self.byteCount else {
      throw StoreError.damaged("the segment is cut short", file: file, at: view.count)
    }
    try FormatVersion.check(
      view, magic: Magic.segment, byteCount: Self.byteCount, what: "header of the segment", file: file)
    guard Self.hasItsChecksum(view) else {
      throw StoreError.damaged("the checksum of the segment's header does not match", file: file, at: 0)
    }
    store = StoreIdentifier(low: view.load(24, as: UInt64.self), high: view.load(32, as: UInt64.self))
    segment = view.load(40, as: UInt64.self)
    epoch = view.load(48, as: UInt64.self)
    salt = view.load(Self.saltOffset, as: UInt64.self)
    created = view.load(64, as: Int64.self)
    guard Self.isNumber(segment) else {
      throw StoreError.damaged("no segment can have the number \(segment)", file: file, at: 40)
    }
    // What kind of segment it is, and what must be understood to read it: nothing is defined yet but zero.
    let (kind, features) = (view.load(72, as: UInt32.self), view.load(76, as: UInt32.self))
    guard kind == 0, features == 0 else {
      throw StoreError(
        .unsupportedFormat, "the segment is of kind \(kind) with features \(features), of a newer version",
        file: file, byteOffset: 72)
    }
  }

  /// Whether the first bytes of a file, all of a header's, are as this version would have written them.
  package static func hasItsChecksum(_ view: MemoryView) -> Bool {
    view.count >= byteCount
      && view.load(byteCount - 8, as: UInt64.self) == view.slice(0, byteCount - 8).hash(seed: 0)
  }

  package init(store: StoreIdentifier, segment: UInt64, epoch: UInt64, salt: UInt64, created: Int64) {
    self.store = store
    self.segment = segment
    self.epoch = epoch
    self.salt = salt
    self.created = created
  }
}
