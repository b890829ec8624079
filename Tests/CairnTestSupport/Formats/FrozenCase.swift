internal import Cairn

/// A frozen store that lies in `Formats/frozen-v1`, or will.
public struct FrozenCase: Sendable {
  public let name: String
  /// Whether another version of zstd may make other bytes.
  public let isCompressed: Bool
  public let make: @Sendable () throws -> [UInt8]

  private init(
    _ name: String, _ compression: FrozenStore.Compression = .none, _ fill: @escaping @Sendable (Filler) throws -> Void
  ) {
    self.name = name
    isCompressed = compression != .none
    make = {
      let directory = TemporaryDirectory()
      var options = FrozenStore.BuildOptions()
      options.compression = compression
      options.clock = ManualClock()
      options.randomNumber = { 0x0102_0304_0506_0708 }
      let builder = try FrozenStoreBuilder(path: directory.path("frozen"), options: options)
      try fill { try builder.add($1, for: $0, version: $2, deadline: $3) }
      try builder.finish()
      return try Files.read(directory.path("frozen"))
    }
  }

  private typealias Filler = (_ key: [UInt8], _ value: [UInt8], _ version: UInt64, _ deadline: Int64?) throws -> Void

  public static let all = [
    FrozenCase("empty") { _ in },
    FrozenCase("one-key") { add in try add(Array("key".utf8), Array("value".utf8), 0, nil) },
    FrozenCase("lengths") { add in
      // Every length of every field.
      for bytes in 0...8 {
        try add([UInt8(bytes)], [], bytes == 0 ? 0 : 1 << UInt64(bytes * 8 - 1), nil)
      }
      for (number, count) in [1, 2, 255, 256, 65_535].enumerated() {
        try add([UInt8](repeating: 0x61, count: count), [UInt8(number)], 7, nil)
      }
      for count in [1, 255, 256, 65_535, 65_536, 1 << 24] where count < 70_000 {
        try add(Array("value-\(count)".utf8), [UInt8](repeating: 0x62, count: count), 8, nil)
      }
    },
    FrozenCase("deadlines") { add in
      try add([1], [1], 1, 1_600_000_000_000)
      try add([2], [2], 2, 8_000_000_000_000)
      try add([3], [3], 3, .max)
      try add([4], [4], 4, .min)
    },
    FrozenCase("many") { add in
      var random = SeededRandom(seed: 1)
      for number in 0..<500 {
        try add(Array("key-\(number)".utf8), random.bytes(random.below(30)), UInt64(500 - number), nil)
      }
    },
    FrozenCase("zstd", .zstd()) { add in
      for number in 0..<20 { try add([UInt8(number)], text(number) + text(number + 1), UInt64(number), nil) }
    },
    FrozenCase("dictionary", .zstd(trainsDictionary: true)) { add in
      for number in 0..<400 { try add(Array("key-\(number)".utf8), text(number), UInt64(number), nil) }
    },
  ]

  private static func text(_ number: Int) -> [UInt8] {
    let name = "package-\(number * 7919 % 10_000)"
    return Array("{\"name\": \"\(name)\", \"section\": \"libs\", \"homepage\": \"https://example.org/\(name)\"}".utf8)
  }
}
