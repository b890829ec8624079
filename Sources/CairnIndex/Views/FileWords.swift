internal import CCairn

/// Words of eight bytes, as views have them in their files, and checksums.
package enum FileWords {
  package static func hash(_ bytes: RawSpan) -> UInt64 {
    unsafe bytes.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return 0 }
      return unsafe cairn_hash(base, bytes.count, 0)
    }
  }

  @inlinable
  package static func number(_ bytes: RawSpan, at offset: Int) -> UInt64 {
    precondition(offset >= 0 && offset + 8 <= bytes.byteCount, "outside of what is there")
    return unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian
  }

  // MARK: Many of them

  /// - Parameter words: as in memory; on the disk the lowest byte comes first.
  package static func bytes(_ words: [UInt64]) -> [UInt8] {
    unsafe words.map(\.littleEndian).withUnsafeBytes { unsafe [UInt8]($0) }
  }

  package static func hash(_ words: [UInt64]) -> UInt64 {
    unsafe words.map(\.littleEndian).withUnsafeBytes { hash(unsafe RawSpan(_unsafeBytes: $0)) }
  }

  /// Its length, and its bytes with zeros up to whole words.
  package static func append(_ name: String, to words: inout [UInt64]) {
    let bytes = Array(name.utf8)
    words.append(UInt64(bytes.count))
    for start in stride(from: 0, to: bytes.count, by: 8) {
      words.append(bytes[start..<min(start + 8, bytes.count)].reversed().reduce(0) { $0 << 8 | UInt64($1) })
    }
  }

  /// Reads words one by one; hostile until it has been made.
  package struct Reader: ~Escapable {
    @usableFromInline let bytes: RawSpan
    @usableFromInline var offset = 0

    /// - Parameter bytes: end with the checksum of what is before it; `nil` if they do not.
    @_lifetime(copy bytes)
    package init?(checked bytes: RawSpan) {
      let end = bytes.byteCount - 8
      guard end >= 0, bytes.byteCount % 8 == 0,
        FileWords.number(bytes, at: end) == FileWords.hash(bytes.extracting(0..<end))
      else { return nil }
      self.bytes = bytes.extracting(0..<end)
    }

    /// Words that are left.
    @inlinable package var rest: Int { (bytes.byteCount - offset) / 8 }

    @inlinable
    package mutating func next() -> UInt64? {
      if rest == 0 { return nil }
      offset += 8
      return FileWords.number(bytes, at: offset - 8)
    }

    /// As ``FileWords/append(_:to:)`` has written it.
    package mutating func name() -> String? {
      guard let count = next(), count <= UInt64(rest) * 8 else { return nil }
      var name: [UInt8] = []
      while name.count < Int(count) {
        guard var word = next() else { return nil }
        for _ in 0..<8 where name.count < Int(count) {
          name.append(UInt8(truncatingIfNeeded: word))
          word >>= 8
        }
      }
      return String(validating: name, as: UTF8.self)
    }
  }
}

extension Array where Element == UInt8 {
  package mutating func append(number: UInt64) {
    for shift in stride(from: 0, to: 64, by: 8) { append(UInt8(truncatingIfNeeded: number >> UInt64(shift))) }
  }
}
