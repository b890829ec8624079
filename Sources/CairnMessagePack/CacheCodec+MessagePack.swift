public import CairnCache
public import CairnIndex

extension CacheCodec where Value: Codable {
  /// Values as MessagePack: smaller than JSON, and read by whatever reads that.
  ///
  /// - Parameters:
  ///   - name: of the type: of values of other names this one's are misses; `nil`: as Swift calls it, without its
  ///     module.
  ///   - schema: another major version where older values cannot be decoded any more, or mean something else.
  public static func messagePack(name: String? = nil, schema: SchemaVersion = SchemaVersion(1)) -> CacheCodec {
    CacheCodec(
      "msgpack.\(name ?? "\(Value.self)")", schema: schema, encode: { try MessagePackEncoder().encode($0) },
      decode: { try MessagePackDecoder().decode(Value.self, from: $0) })
  }
}
