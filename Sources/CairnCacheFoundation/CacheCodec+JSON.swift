public import CairnCache
public import CairnIndex
public import Foundation

extension CacheCodec where Value: Codable {
  /// Values as JSON: what `kvdump get` shows can be read.
  ///
  /// - Parameters:
  ///   - name: of the type: of values of other names this one's are misses; `nil`: as Swift calls it, without its
  ///     module.
  ///   - schema: another major version where older values cannot be decoded any more, or mean something else.
  public static func json(name: String? = nil, schema: SchemaVersion = SchemaVersion(1)) -> CacheCodec {
    // The coders are not changed any more, and so can be used by several threads.
    let (encoder, decoder) = (JSONEncoder(), JSONDecoder())
    return CacheCodec(
      "json.\(name ?? "\(Value.self)")", schema: schema, encode: { [UInt8](try encoder.encode($0)) },
      decode: { try decoder.decode(Value.self, from: Data(copying: $0)) })
  }
}

extension CacheCodec where Value == Data {
  /// As they are.
  public static var data: CacheCodec {
    CacheCodec("bytes", encode: { [UInt8]($0) }, decode: { Data(copying: $0) })
  }
}

extension Data {
  fileprivate init(copying bytes: RawSpan) {
    self = unsafe bytes.withUnsafeBytes { buffer in unsafe Data(buffer) }
  }
}
