/// Encodes values in MessagePack (<https://msgpack.org>), which has about the types of JSON, in fewer bytes, and bytes
/// themselves.
///
/// - Integers take as few bytes as they can, whatever their type; `Float` and `Double` are written as they are.
/// - What has keys becomes a map of texts, what has none an array. `[Int: Value]` becomes a map of integers, as
///   dictionaries of other languages do (Python reads it with `strict_map_key=False`). A key that is encoded twice has
///   its later value.
/// - `[UInt8]` becomes bytes. Other collections of bytes, `Data` among them, are arrays of numbers.
/// - `nil` is written, but where a type leaves it out itself, as synthesized code does. A value that encodes nothing at
///   all is an empty map.
///
/// A value has the same bytes each time, apart from the order in dictionaries and sets. `userInfo` is empty.
public struct MessagePackEncoder: Sendable {
  public init() {}

  /// The value in bytes.
  ///
  /// Takes time in proportion to the size of the value, and memory of some dozens of bytes for each part of it.
  /// - Throws: `EncodingError.invalidValue` if more than 128 arrays and maps lie in each other, if a text, bytes, an
  ///   array or a map has 2^32 parts or more, if a type asks for containers that exclude each other, for `Int128` and
  ///   `UInt128`, and if there is no memory for the bytes; what the value itself throws.
  public func encode(_ value: some Encodable) throws -> [UInt8] {
    let run = EncodingRun()
    let item = try Draft(run).item(for: value, at: nil)
    if let failure = run.failure { throw EncodingError.invalidValue(value, failure) }
    var packer = Packer()
    try packer.add(item)
    guard let bytes = packer.finish() else {
      throw EncodingError.invalidValue(value, .init(codingPath: [], debugDescription: "No memory for its bytes."))
    }
    return bytes
  }
}
