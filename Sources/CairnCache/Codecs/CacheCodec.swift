internal import Cairn
public import CairnIndex

/// How values of a type become bytes, and again values.
///
/// With each entry its ``stamp`` is kept. One of another codec, of another type or of another major version of its
/// schema is a miss, which is counted; and so is one that cannot be decoded.
public struct CacheCodec<Value: Sendable>: Sendable {
  /// Of the codec and of its values, as entries have it.
  public let stamp: CodecStamp
  /// - Parameter keyByteCount: of the key that is before the value in the log.
  @usableFromInline let encode: @Sendable (_ value: Value, _ keyByteCount: Int) throws -> [UInt8]
  @usableFromInline let decode: @Sendable (RawSpan) throws -> Value

  /// - Parameters:
  ///   - name: another one for each way of writing and each type.
  ///   - schema: what values look like.
  ///   - encode: what it throws, a put returns.
  ///   - decode: gets whatever the disk has: what it throws is a miss.
  public init(
    _ name: String, schema: SchemaVersion = SchemaVersion(1), encode: @escaping @Sendable (Value) throws -> [UInt8],
    decode: @escaping @Sendable (RawSpan) throws -> Value
  ) {
    self.init(CodecStamp(name, schema), { value, _ in try encode(value) }, decode)
  }

  init(
    _ stamp: CodecStamp, _ encode: @escaping @Sendable (Value, Int) throws -> [UInt8],
    _ decode: @escaping @Sendable (RawSpan) throws -> Value
  ) {
    (self.stamp, self.encode, self.decode) = (stamp, encode, decode)
  }
}

/// By what entries say how their values are written: the attribute `@codec`, such as `json.Page 2.1`.
public struct CodecStamp: Sendable, Hashable, CustomStringConvertible {
  /// Of the way in which values are written, and of their type; without spaces.
  public let name: String
  /// What values look like. Those of another major version are not read, those of another minor version are.
  public let schema: SchemaVersion
  public let description: String
  private let bytes: [UInt8]

  public init(_ name: String, _ schema: SchemaVersion = SchemaVersion(1)) {
    self.name = String(name.map { $0 == " " ? "_" : $0 })
    self.schema = schema
    description = "\(self.name) \(schema)"
    bytes = Array(description.utf8)
  }

  /// In place of a codec, of what is known not to be there.
  static let noValue = "none"

  /// Whether what has this stamp can be read.
  func reads(_ other: RawSpan) -> Bool {
    bytes.withBytes { EncodedAttributes.isEqual($0, other) } || readsOther(other)
  }

  @inline(never)
  private func readsOther(_ other: RawSpan) -> Bool {
    guard let text = String(validating: [UInt8](copying: other), as: UTF8.self),
      let space = text.lastIndex(of: " "), text[..<space].utf8.elementsEqual(name.utf8),
      let version = SchemaVersion(String(text[text.index(after: space)...]))
    else { return false }
    return version.major == schema.major
  }
}

/// Why bytes are no value.
struct CodecError: Error, CustomStringConvertible {
  let description: String
}

extension CacheCodec where Value == [UInt8] {
  /// As they are.
  public static var bytes: CacheCodec { CacheCodec("bytes", encode: { $0 }, decode: { [UInt8](copying: $0) }) }
}

extension CacheCodec where Value == String {
  /// In UTF-8.
  public static var text: CacheCodec {
    CacheCodec("text", encode: { Array($0.utf8) }) { bytes in
      guard let text = String(validating: [UInt8](copying: bytes), as: UTF8.self) else {
        throw CodecError(description: "the text is no UTF-8")
      }
      return text
    }
  }
}
