/// Arrays of numbers as bytes, and back.
///
/// SAFETY: `PlainElement`s are `BitwiseCopyable` numbers without padding, for which any bits are a value.
enum PlainBytes {
  static func bytes<Element: PlainElement>(_ elements: [Element]) -> [UInt8] {
    unsafe elements.withUnsafeBytes { unsafe [UInt8]($0) }
  }

  /// Where in a value its numbers are.
  static func place<Element: PlainElement>(in bytes: RawSpan, of element: Element.Type) throws -> Range<Int> {
    let start = bytes.isEmpty ? 0 : Int(unsafe bytes.unsafeLoad(as: UInt8.self))
    guard (1...8).contains(start), start <= bytes.byteCount,
      (bytes.byteCount - start) % MemoryLayout<Element>.stride == 0
    else { throw CodecError(description: "the bytes are no array of \(Element.codecName)") }
    return start..<bytes.byteCount
  }

  /// - Parameter bytes: whole numbers.
  static func elements<Element: PlainElement>(_ bytes: RawSpan) -> [Element] {
    let count = bytes.byteCount / MemoryLayout<Element>.stride
    return unsafe [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
      unsafe bytes.withUnsafeBytes { unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(from: $0) }
      initialized = count
    }
  }

  /// Without a copy, where they are aligned.
  static func withElements<Element: PlainElement, Result>(_ bytes: RawSpan, _ body: (Span<Element>) -> Result) -> Result
  {
    unsafe bytes.withUnsafeBytes { buffer in
      let isAligned = UInt(bitPattern: buffer.baseAddress) % UInt(MemoryLayout<Element>.alignment) == 0
      if isAligned { return body(unsafe Span(_unsafeElements: buffer.assumingMemoryBound(to: Element.self))) }
      let copy: [Element] = elements(bytes)
      return body(copy.span)
    }
  }
}

extension RawSpan {
  /// Whether no byte has its highest bit set.
  var isASCII: Bool {
    var (offset, bits): (Int, UInt64) = (0, 0)
    while offset + 8 <= byteCount {
      bits |= unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
      offset += 8
    }
    while offset < byteCount {
      bits |= UInt64(unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self))
      offset += 1
    }
    return bits & 0x8080_8080_8080_8080 == 0
  }
}
