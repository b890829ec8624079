internal import Cairn

/// The key of a result that was computed from many things: a digest of all of them, behind a text that is there to be
/// read.
///
/// ```swift
/// let key = Fingerprint("summary/gpt-5/") { parts in
///   parts.add("prompt", prompt)
///   parts.add("temperature", 0.2)
///   parts.add("document", document)
/// }
/// ```
///
/// SHA-256, so that two that differ never get each other's result, whoever chooses what is hashed. Parts have names and
/// may come in any order, but for those of the same name; what is no number (NaN) is one value. In the cache the key is
/// the text with the digest in hexadecimal behind it: invalidate or count by the text, as by any prefix.
public struct Fingerprint: CacheKey, CustomStringConvertible {
  public let prefix: String
  /// 32 bytes.
  public let digest: [UInt8]

  /// Of the way in which parts are put together: another one, other keys.
  private static let version: UInt8 = 1

  /// - Parameter prefix: as in the key; part of what is hashed, too.
  public init<Failure: Error>(
    _ prefix: String, _ body: (inout Parts) throws(Failure) -> Void
  ) throws(Failure) {
    var parts = Parts()
    try body(&parts)
    self.prefix = prefix
    digest = parts.digest(prefix)
  }

  /// What a result is computed from.
  public struct Parts {
    /// Names, as bytes, with digests of types and contents.
    private var all: [(name: [UInt8], digest: [UInt8])] = []

    private mutating func append(_ name: String, _ key: CacheKeyEncoder) { append(name, SHA256.digest(key.bytes)) }
    private mutating func append(_ name: String, _ digest: [UInt8]) {
      all.append((CacheKeyEncoder.canonical(name), digest))
    }

    public mutating func add(_ name: String, _ key: some CacheKey) {
      var encoder = CacheKeyEncoder()
      encoder.add(key)
      append(name, encoder)
    }

    public mutating func add(_ name: String, _ number: Double) {
      var encoder = CacheKeyEncoder()
      encoder.add(number)
      append(name, encoder)
    }

    public mutating func add(_ name: String, _ bool: Bool) {
      var encoder = CacheKeyEncoder()
      encoder.add(bool)
      append(name, encoder)
    }

    /// Of any size: they are not kept.
    public mutating func add(_ name: String, bytes: RawSpan) {
      var digest = SHA256()
      digest.add(Array("x\(bytes.byteCount):".utf8))
      digest.add(bytes)
      append(name, digest.finish())
    }

    public mutating func add(_ name: String, _ bytes: [UInt8]) { bytes.withBytes { add(name, bytes: $0) } }

    fileprivate consuming func digest(_ prefix: String) -> [UInt8] {
      // Of the same name, as they came.
      let sorted = all.enumerated().sorted {
        $0.element.name == $1.element.name
          ? $0.offset < $1.offset : $0.element.name.lexicographicallyPrecedes($1.element.name)
      }
      var key = CacheKeyEncoder()
      key.add(prefix)
      for (_, (name, digest)) in sorted {
        key.add(name)
        key.add(digest)
      }
      return SHA256.digest([Fingerprint.version] + key.bytes)
    }
  }

  public var description: String {
    prefix + digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  public func encode(into key: inout CacheKeyEncoder) { key.add(description) }
  public var text: String? { description }
}

extension SHA256 {
  static func digest(_ bytes: [UInt8]) -> [UInt8] {
    var digest = SHA256()
    digest.add(bytes)
    return digest.finish()
  }
}
