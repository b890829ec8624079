/// Decodes values from MessagePack (<https://msgpack.org>), of ``MessagePackEncoder`` and of others.
///
/// It is made for bytes that nobody vouches for: whatever they are, they are decoded or refused. They take memory for
/// what they hold, never for what they claim to hold.
///
/// - Integers are decoded as every type that can hold them; `Double` from every number, where integers beyond 2^53 are
///   rounded, as in JSON; `Float` from every number that it holds exactly, and from those that are no numbers.
/// - A key is looked up by its text, and if there is none by its number, or the one that its text reads as. If keys are
///   equal, the last one counts. Keys that are neither texts nor integers are an error.
/// - `[UInt8]`, and whatever decodes itself from numbers one after another, is decoded from bytes and from arrays.
/// - Extensions, timestamps among them, cannot be decoded. What is not asked for may be one.
///
/// `userInfo` is empty.
public struct MessagePackDecoder: Sendable {
  public init() {}

  /// The value that the bytes are, all of them.
  ///
  /// Takes time in proportion to the bytes, and memory of 16 bytes for each part of what they hold, beside the value.
  /// - Throws: `DecodingError.dataCorrupted` if the bytes are not exactly one value, if more than 128 arrays and maps
  ///   lie in each other, if a text is not UTF-8, or a number not in the range of its type; other `DecodingError`s if
  ///   the type is for another value; what the type itself throws.
  public func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
    let document: Document
    do {
      document = try Document(bytes)
    } catch {
      throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "This is not MessagePack: \(error)."))
    }
    return try document.decode(type, at: .top, path: nil)
  }

  /// The same, of bytes that are lent: copies them, as decoders may be kept.
  public func decode<Value: Decodable>(_ type: Value.Type, from bytes: RawSpan) throws -> Value {
    try decode(type, from: Parser.copy(bytes))
  }
}
