/// An entry of a frozen store: `Formats/frozen-v1/SPEC.md`, section 3.
///
/// Fields take as many bytes as they need, and there is no padding: 11 bytes for a small entry with a version, where a
/// record of the log has 32 and up to 7 of padding. How many bytes each field has stands in one word, so that decoding
/// is shifts and no loop.
package struct FrozenRecord {
  /// Bytes before the key, at most.
  static let headBytesMax = 29

  enum Codec {
    static let none: UInt32 = 0
    /// One zstd frame, as in the log.
    static let zstd: UInt32 = 1
  }

  package let offset: Int
  let checksum: UInt32
  /// Bits 0–3: bytes of the value's length; 4: whether the key's length has two; 5–8: bytes of the version; 9: whether
  /// there is a deadline; 10–11: codec; 12: whether there is a dictionary; 13–15: reserved.
  private let control: UInt32
  /// Where the version stands, and after it the deadline and the dictionary.
  private let fieldsOffset: Int
  private let keyOffset: Int
  private let keyByteCount: Int
  package let storedByteCount: Int

  @inline(__always)
  private static func versionBytes(_ control: UInt32) -> Int { Int(truncatingIfNeeded: control >> 5 & 15) }

  /// - Parameter limit: where the records end; at least one bucket of the index follows, so that fields can be loaded
  ///   in words.
  /// - Returns: `nil` where no record can stand.
  @inline(__always)
  package init?(decoding view: MemoryView, at offset: Int, limit: Int) {
    guard offset >= FrozenHeader.recordsStart, offset < limit, view.count - limit >= FrozenBucket.byteCount else {
      return nil
    }
    let word = view.load(offset, as: UInt64.self)
    let control = UInt32(truncatingIfNeeded: word >> 32 & 0xFFFF)
    let hasLongKey = control >> 4 & 1
    let lengthBytes = control & 15
    let versionBytes = Self.versionBytes(control)
    guard lengthBytes <= 4, versionBytes <= 8 else { return nil }
    self.offset = offset
    self.control = control
    checksum = UInt32(truncatingIfNeeded: word)
    keyByteCount = Int(truncatingIfNeeded: word >> 48 & (hasLongKey == 0 ? 0xFF : 0xFFFF))
    let lengthOffset = offset + 7 + Int(truncatingIfNeeded: hasLongKey)
    let length = UInt64(view.load(lengthOffset, as: UInt32.self))
    storedByteCount = Int(truncatingIfNeeded: length & (1 << UInt64(lengthBytes * 8) - 1))
    fieldsOffset = lengthOffset + Int(truncatingIfNeeded: lengthBytes)
    keyOffset = fieldsOffset + versionBytes + Int(truncatingIfNeeded: (control >> 9 & 1) * 8 + (control >> 12 & 1))
    guard keyByteCount > 0, storedByteCount <= Store.Limits.valueBytes, keyOffset <= limit,
      keyByteCount + storedByteCount <= limit - keyOffset
    else { return nil }
  }

  @inline(__always)
  package var end: Int { keyOffset + keyByteCount + storedByteCount }

  @inline(__always)
  package func key(_ view: MemoryView) -> MemoryView { view.slice(keyOffset, keyByteCount) }

  /// As it is stored: a frame if ``isCompressed``.
  @inline(__always)
  package func stored(_ view: MemoryView) -> MemoryView { view.slice(keyOffset + keyByteCount, storedByteCount) }

  @inline(__always)
  func hasKey(_ key: MemoryView, in view: MemoryView) -> Bool {
    keyByteCount == key.count && view.isEqual(to: key, at: keyOffset)
  }

  @inline(__always)
  func isIntact(_ view: MemoryView, salt: UInt64) -> Bool {
    let hash = view.slice(offset + 4, end - offset - 4).hash(seed: RecordHeader.seed(salt: salt, offset: offset))
    return checksum == UInt32(truncatingIfNeeded: hash)
  }

  /// Neither deadline nor codec, nor anything that is not known: the common case.
  @inline(__always)
  var isPlain: Bool { control >> 9 == 0 }

  /// Whether this version knows how the value is stored.
  package var isUnderstood: Bool {
    control >> 13 == 0 && codec <= Codec.zstd && (codec != Codec.none || !hasDictionary)
  }

  private var codec: UInt32 { control >> 10 & 3 }
  private var hasDictionary: Bool { control >> 12 & 1 != 0 }
  package var isCompressed: Bool { codec != Codec.none }

  package func version(_ view: MemoryView) -> UInt64 {
    let count = Self.versionBytes(control)
    if count == 0 { return 0 }
    let word = view.load(fieldsOffset, as: UInt64.self)
    return count == 8 ? word : word & (1 << UInt64(count * 8) - 1)
  }

  package func deadline(_ view: MemoryView) -> Int64? {
    control >> 9 & 1 == 0 ? nil : view.load(fieldsOffset + Self.versionBytes(control), as: Int64.self)
  }

  /// The key of a record that was just written, for who has read its beginning and some zeros.
  static func key(atStartOf view: MemoryView) -> [UInt8] {
    let hasLongKey = view.load(4, as: UInt16.self) >> 4 & 1 != 0
    let control = UInt32(view.load(4, as: UInt16.self))
    let count = hasLongKey ? Int(view.load(6, as: UInt16.self)) : Int(view.load(6, as: UInt8.self))
    let fields = versionBytes(control) + Int((control >> 9 & 1) * 8 + (control >> 12 & 1))
    return view.slice((hasLongKey ? 8 : 7) + Int(control & 15) + fields, count).array()
  }

  /// 0: none.
  package func dictionary(_ view: MemoryView) -> UInt8 { hasDictionary ? view.load(keyOffset - 1, as: UInt8.self) : 0 }
}

/// What a record is made of.
struct FrozenEntry {
  var key: MemoryView
  /// As it is to be stored.
  var stored: MemoryView
  var version: UInt64
  var deadline: Int64?
  var isCompressed = false
  /// 0: none.
  var dictionary: UInt8 = 0

  /// Writes everything before the key but the checksum. Returns how many bytes that are, the checksum's four included.
  /// - Parameter view: with room for ``FrozenRecord/headBytesMax`` and a word.
  func encodeHead(into view: MemoryView, at offset: Int) -> Int {
    let lengthBytes = Self.bytes(UInt64(stored.count))
    let versionBytes = Self.bytes(version)
    let hasLongKey = key.count > 255
    var control = UInt32(lengthBytes) | UInt32(versionBytes) << 5
    if hasLongKey { control |= 1 << 4 }
    if deadline != nil { control |= 1 << 9 }
    if isCompressed { control |= FrozenRecord.Codec.zstd << 10 }
    if dictionary != 0 { control |= 1 << 12 }
    view.store(UInt16(control), at: offset + 4)
    view.store(UInt16(key.count), at: offset + 6)
    var at = offset + (hasLongKey ? 8 : 7)
    view.store(UInt32(stored.count), at: at)
    at += lengthBytes
    view.store(version, at: at)
    at += versionBytes
    if let deadline {
      view.store(deadline, at: at)
      at += 8
    }
    if dictionary != 0 {
      view.store(dictionary, at: at)
      at += 1
    }
    return at - offset
  }

  /// As few as the number needs.
  private static func bytes(_ number: UInt64) -> Int { (71 - number.leadingZeroBitCount) / 8 }
}
