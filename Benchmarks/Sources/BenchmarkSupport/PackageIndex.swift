import Glibc

/// The largest list of packages that apt has: those of the distribution itself, on a usual system.
public struct PackageIndex {
  public private(set) var keys: [[UInt8]] = []
  public private(set) var values: [[UInt8]] = []
  public var largest: Int { values.map(\.count).max() ?? 0 }

  public static func load() -> PackageIndex {
    var index = PackageIndex()
    // Its files may be compressed in several ways, which apt knows.
    let command =
      "exec 2>/dev/null; set -- $(ls -S /var/lib/apt/lists/*_Packages*) && /usr/lib/apt/apt-helper cat-file $1"
    guard let pipe = popen(command, "r") else { return index }
    defer { pclose(pipe) }
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(line) }
    var seen: Set<[UInt8]> = []
    var (key, value): ([UInt8], [UInt8]) = ([], [])
    while true {
      let count = getline(&line, &capacity, pipe)
      let bytes =
        count > 0 ? UnsafeRawBufferPointer(start: line, count: count - 1) : UnsafeRawBufferPointer(start: nil, count: 0)
      if bytes.isEmpty {
        // Of packages with several versions, the first.
        if !key.isEmpty && seen.insert(key).inserted {
          index.keys.append(key)
          index.values.append(value + [UInt8(ascii: "}")])
        }
        (key, value) = ([], [])
        if count <= 0 { return index }
      } else if bytes[0] == UInt8(ascii: " ") || bytes[0] == UInt8(ascii: "\t") {
        // Goes on with the field, whose closing quote is taken back.
        value.removeLast()
        append(escaping: bytes, to: &value)
        value.append(UInt8(ascii: "\""))
      } else if let colon = bytes.firstIndex(of: UInt8(ascii: ":")) {
        let content = UnsafeRawBufferPointer(rebasing: bytes[min(colon + 2, bytes.count)...])
        value += value.isEmpty ? [UInt8(ascii: "{")] : Array(", ".utf8)
        value += "\"\(String(decoding: bytes[..<colon], as: UTF8.self))\": \"".utf8
        append(escaping: content, to: &value)
        value.append(UInt8(ascii: "\""))
        if bytes[..<colon].elementsEqual("Package".utf8) { key = Array(content) }
      }
    }
  }

  private static func append(escaping bytes: UnsafeRawBufferPointer, to text: inout [UInt8]) {
    for byte in bytes {
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { text.append(UInt8(ascii: "\\")) }
      text.append(byte == UInt8(ascii: "\t") ? UInt8(ascii: " ") : byte)
    }
  }
}

/// All packages in an order of its own, to be looked up. The keys stand one after the other in that order, so that who
/// asks does not wait for memory, but only who answers.
public struct PackageLookups {
  @usableFromInline var keys: [UInt8] = []
  @usableFromInline var lookups: [(keyEnd: Int, valueBytes: Int)] = []
  /// The packages' places in the index.
  public let order: [Int]
  public var count: Int { order.count }

  public init(_ index: PackageIndex, _ random: inout some RandomNumberGenerator) {
    order = index.keys.indices.shuffled(using: &random)
    for number in order {
      keys += index.keys[number]
      lookups.append((keys.count, index.values[number].count))
    }
  }

  /// Calls `body` with each key, and the size of its value.
  @inlinable
  public func forEach(_ body: (UnsafeRawBufferPointer, Int) throws -> Void) rethrows {
    try keys.withUnsafeBytes { keys in
      var start = 0
      for (end, valueBytes) in lookups {
        try body(UnsafeRawBufferPointer(rebasing: keys[start..<end]), valueBytes)
        start = end
      }
    }
  }
}
