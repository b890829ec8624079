internal import CMsgpack

/// The library's parser.
enum Parser {
  /// How many containers may lie in each other.
  static let depthLimit = Int(cairn_msgpack_depth)

  /// The values in bytes, in the order in which they begin; the first one is the whole.
  ///
  /// What a header claims takes no memory: the values are counted, all of them, before there is room for them. A value
  /// has at least one byte, so that the list has at most 16 times as many bytes as it is made from.
  static func nodes(_ bytes: [UInt8]) throws(ParserError) -> [cairn_msgpack_node] {
    if bytes.isEmpty { throw ParserError(cause: .truncated, offset: 0) }
    // SAFETY: the parser reads no further than the count of bytes, and writes no further than the capacity, which is
    // nothing here.
    let counted = unsafe bytes.withUnsafeBytes { unsafe cairn_msgpack_parse($0.baseAddress, $0.count, nil, 0) }
    switch Int(counted.result) {
    case 1: break
    case 0: throw ParserError(cause: .truncated, offset: bytes.count)
    case Int(MSGPACK_UNPACK_NOMEM_ERROR.rawValue): throw ParserError(cause: .tooDeep, offset: counted.offset)
    default: throw ParserError(cause: .unknownFormat, offset: counted.offset)
    }
    guard counted.offset == bytes.count else { throw ParserError(cause: .trailingBytes, offset: counted.offset) }
    // SAFETY: as above. The bytes are the same, so that as many values are noted as were counted.
    return unsafe [cairn_msgpack_node](unsafeUninitializedCapacity: counted.count) { nodes, count in
      let parsed = unsafe bytes.withUnsafeBytes {
        unsafe cairn_msgpack_parse($0.baseAddress, $0.count, nodes.baseAddress, counted.count)
      }
      count = min(parsed.count, counted.count)
    }
  }

  /// Bytes that outlive what lends them.
  static func copy(_ bytes: RawSpan) -> [UInt8] {
    // SAFETY: the pointer does not leave the closure.
    unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
  }
}

/// Why bytes are no value of MessagePack.
struct ParserError: Error, Equatable {
  enum Cause {
    case truncated, trailingBytes, tooDeep, unknownFormat
  }

  let cause: Cause
  /// Where reading stopped.
  let offset: Int
}

extension ParserError: CustomStringConvertible {
  var description: String {
    switch cause {
    case .truncated: "the value goes on behind the last of \(offset) bytes"
    case .trailingBytes: "there are bytes behind the value, from offset \(offset) on"
    case .tooDeep: "more than \(Parser.depthLimit) arrays and maps in each other, at offset \(offset)"
    case .unknownFormat: "no value begins with this byte, at offset \(offset)"
    }
  }
}
