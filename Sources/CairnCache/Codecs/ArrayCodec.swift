/// What an array is made of that is read in place: numbers of a fixed size.
public protocol PlainElement: BitwiseCopyable, Sendable {
  /// Of arrays of it on the disk.
  static var codecName: String { get }
}

extension Float: PlainElement { public static var codecName: String { "float32" } }
extension Double: PlainElement { public static var codecName: String { "float64" } }
extension Int8: PlainElement { public static var codecName: String { "int8" } }
extension Int16: PlainElement { public static var codecName: String { "int16" } }
extension Int32: PlainElement { public static var codecName: String { "int32" } }
extension Int64: PlainElement { public static var codecName: String { "int64" } }
extension UInt16: PlainElement { public static var codecName: String { "uint16" } }
extension UInt32: PlainElement { public static var codecName: String { "uint32" } }
extension UInt64: PlainElement { public static var codecName: String { "uint64" } }

extension CacheCodec {
  /// Arrays of numbers, as they are in memory (the lowest byte first): for vectors, such as embeddings. They begin at
  /// an address that is a multiple of 8 if they are not compressed, so that ``Cache/withElements(for:_:)`` reads them
  /// in place.
  ///
  /// The first byte says where the numbers begin; before them there are zeros.
  public static func array<Element: PlainElement>(of element: Element.Type = Element.self) -> CacheCodec
  where Value == [Element] {
    CacheCodec(
      CodecStamp(Element.codecName),
      { elements, keyByteCount in
        // Records begin at multiples of 8, and so do keys in them.
        let start = 8 - keyByteCount % 8
        return [UInt8(start)] + [UInt8](repeating: 0, count: start - 1) + PlainBytes.bytes(elements)
      },
      { bytes in
        PlainBytes.elements(bytes.extracting(try PlainBytes.place(in: bytes, of: Element.self)))
      })
  }
}

extension Cache {
  /// Calls `body` with the numbers of an array, in place: nothing is copied, unless the value is stored compressed.
  ///
  /// The span is valid until `body` returns, which should be soon: the store cannot give back memory while it runs.
  ///
  /// - Returns: what `body` returns; `nil` if there is no such value, as ``value(for:)``.
  public func withElements<Element: PlainElement, Result>(
    for key: Key, _ body: (Span<Element>) -> Result
  ) -> Result? where Value == [Element] {
    withBytes(for: key) { bytes in
      PlainBytes.withElements(bytes.extracting(try PlainBytes.place(in: bytes, of: Element.self)), body)
    }
  }
}

extension Cache where Value == [UInt8] {
  /// Calls `body` with the bytes of a value, in place: as ``Cairn/Store/withValue(for:_:)``.
  ///
  /// - Returns: what `body` returns; `nil` if there is no such value, as ``value(for:)``.
  public func withValue<Result>(for key: Key, _ body: (RawSpan) -> Result) -> Result? {
    withBytes(for: key) { body($0) }
  }
}
