internal import Cairn
internal import CairnIndex

/// What entries of a cache are found by: texts, integers, and what is put together from these.
///
/// ```swift
/// struct PageKey: CacheKey {
///   let user: Int
///   let path: String
///
///   func encode(into key: inout CacheKeyEncoder) {
///     key.add(user)
///     key.add(path)
///   }
/// }
/// ```
///
/// The bytes are what is on the disk: of equal keys the same in every run, on every machine and in every version of the
/// program, of others others. So parts are added in an order that does not change, and a part that comes to be added
/// makes all keys new ones.
public protocol CacheKey: Hashable, Sendable {
  /// Adds its parts.
  func encode(into key: inout CacheKeyEncoder)

  /// What it is on the disk in place of its parts, so that prefixes and patterns find it: not empty, and another one
  /// for each key; of all keys of a type, or of none (`nil`: the parts).
  var text: String? { get }
}

extension CacheKey {
  @inlinable public var text: String? { nil }

  /// As it is on the disk, behind the name of its cache.
  ///
  /// - Throws: ``CacheKeyError``.
  public func encoded() throws(CacheKeyError) -> [UInt8] { try encoded(behind: []) }

  @inlinable
  func encoded(behind prefix: [UInt8]) throws(CacheKeyError) -> [UInt8] {
    if let text { return CacheKeyEncoder.canonical(text, behind: prefix) }
    var encoder = CacheKeyEncoder()
    encode(into: &encoder)
    if let failure = encoder.failure { throw failure }
    return prefix + encoder.bytes
  }
}

/// Why a value is no key.
public struct CacheKeyError: Error, Equatable, CustomStringConvertible {
  public let description: String
}

/// Its text, in one form for all that are equal (NFC).
extension String: CacheKey {
  public func encode(into key: inout CacheKeyEncoder) { key.add(self) }
  @inlinable public var text: String? { self }
}

/// The same as of a `String`.
extension Substring: CacheKey {
  public func encode(into key: inout CacheKeyEncoder) { key.add(String(self)) }
  @inlinable public var text: String? { String(self) }
}

/// Its digits.
extension CacheKey where Self: FixedWidthInteger {
  public func encode(into key: inout CacheKeyEncoder) { key.add(self) }
  @inlinable public var text: String? { String(self) }
}

extension Int: CacheKey {}
extension Int8: CacheKey {}
extension Int16: CacheKey {}
extension Int32: CacheKey {}
extension Int64: CacheKey {}
extension UInt: CacheKey {}
extension UInt8: CacheKey {}
extension UInt16: CacheKey {}
extension UInt32: CacheKey {}
extension UInt64: CacheKey {}

/// Puts the parts of a key together: each as a letter for its type, the number of its bytes, a colon, and these.
/// So no two lists of parts have the same bytes, and what they say can be read.
public struct CacheKeyEncoder {
  public private(set) var bytes: [UInt8] = []
  /// Of the first part that cannot be in a key.
  @usableFromInline private(set) var failure: CacheKeyError?

  @usableFromInline
  init() {}

  private enum Kind: Character {
    case text = "s"
    case integer = "i"
    case number = "d"
    case bool = "b"
    case bytes = "x"
    case key = "k"
    case nothing = "n"
    case list = "l"
  }

  private mutating func add(_ kind: Kind, _ content: some Collection<UInt8>) {
    bytes += "\(kind.rawValue)\(content.count):".utf8
    bytes += content
  }

  /// The same bytes for all texts that are equal (NFC). Characters that a later version of Unicode defines may come to
  /// be others in that one.
  @usableFromInline
  static func canonical(_ text: String, behind prefix: [UInt8] = []) -> [UInt8] {
    let (bytes, isASCII) = text.withBytes { (bytes: RawSpan) in ([UInt8](copying: prefix, bytes), bytes.isASCII) }
    return isASCII ? bytes : prefix + text._nfcCodeUnits
  }

  public mutating func add(_ text: String) { add(.text, Self.canonical(text)) }
  public mutating func add(_ text: Substring) { add(String(text)) }
  public mutating func add(_ integer: some FixedWidthInteger & CacheKey) { add(.integer, "\(integer)".utf8) }
  public mutating func add(_ bool: Bool) { add(.bool, (bool ? "1" : "0").utf8) }
  public mutating func add(_ bytes: [UInt8]) { add(.bytes, bytes) }

  /// Its bits. 0 and -0 are one; what is no number is equal to nothing, and cannot be in a key.
  public mutating func add(_ number: Double) {
    if number.isNaN { failure = failure ?? CacheKeyError(description: "NaN cannot be part of a key") }
    add(.number, String((number == 0 ? 0 : number.isNaN ? .nan : number).bitPattern, radix: 16).utf8)
  }

  public mutating func add(_ number: Float) { add(Double(number)) }

  /// Its parts. A text that is added as a key of any type is another part than the same text by itself.
  public mutating func add(_ key: some CacheKey) {
    var encoder = CacheKeyEncoder()
    key.encode(into: &encoder)
    failure = failure ?? encoder.failure
    add(.key, encoder.bytes)
  }

  public mutating func add(_ key: (some CacheKey)?) {
    if let key { add(key) } else { add(.nothing, EmptyCollection()) }
  }

  public mutating func add(_ keys: [some CacheKey]) {
    var encoder = CacheKeyEncoder()
    for key in keys { encoder.add(key) }
    failure = failure ?? encoder.failure
    add(.list, encoder.bytes)
  }
}
