import Cairn
import CairnTestSupport
import Testing

@testable import CairnCache

/// Goal: what a codec has written it reads, in place where it says so, and nothing else.
/// Method: arrays of all kinds behind keys of all lengths; random bytes.
@Suite struct CodecTests {
  private func isAligned<Element>(_ span: Span<Element>) -> Bool {
    unsafe span.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) % 8 == 0 }
  }

  @Test(arguments: [false, true]) func arrays(isCompressed: Bool) throws {
    let fixture = try CacheFixture { $0.compression = isCompressed ? .zstd(dictionary: .none) : nil }
    let cache: Cache<String, [Float]> = try fixture.store.cache("c", codec: .array())
    let others: Cache<String, [Int16]> = try fixture.store.cache("c", codec: .array())
    for length in 1...20 {
      let key = String(repeating: "k", count: length)
      let vector = (0..<(length * 20)).map { Float($0) / 3 }
      #expect(cache.put(vector, for: key).isStored)
      #expect(cache.value(for: key) == vector)
      let read = try #require(cache.withElements(for: key) { ($0.count, isAligned($0), $0[$0.count - 1]) })
      #expect(read.0 == vector.count && read.2 == vector.last && (read.1 || isCompressed), "\(length)")
      #expect(others.value(for: key) == nil && others.withElements(for: key) { $0.count } == nil)
    }
    #expect(cache.put([], for: "empty").isStored && cache.value(for: "empty") == [])
    #expect(cache.withElements(for: "none") { $0.count } == nil)
    let doubles: Cache<String, [Double]> = try fixture.store.cache("c", codec: .array())
    doubles.put([.infinity, -0.0, 1e-300], for: "d")
    #expect(doubles.withElements(for: "d") { $0[2] } == 1e-300)
  }

  /// Bytes that claim to be an array are one, or a miss.
  @Test(arguments: SeededRandom.seeds(2)) func hostileArrays(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let fixture = try CacheFixture()
    let cache: Cache<String, [Int64]> = try fixture.store.cache("c", codec: .array())
    for _ in 0..<300 {
      var bytes = random.bytes(random.below(40))
      if !bytes.isEmpty && random.percent(70) { bytes[0] = UInt8(random.below(10)) }
      try fixture.store.put(bytes, for: "c:a", attributes: ["@codec": "int64 1.0"])
      let start = Int(bytes.first ?? 0)
      let isArray = (1...8).contains(start) && start <= bytes.count && (bytes.count - start) % 8 == 0
      #expect((cache.value(for: "a") != nil) == isArray, "seed \(seed): \(bytes)")
      #expect(cache.withElements(for: "a") { $0.count } == (isArray ? (bytes.count - start) / 8 : nil))
    }
  }

  /// Attributes that only look like those of a cache.
  @Test(arguments: SeededRandom.seeds(2)) func otherAttributes(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let fixture = try CacheFixture()
    let cache = try fixture.cache()
    let names = ["@codec", "@written", "@end", "@cost", "@pinned", "@sources", "other"]
    for _ in 0..<300 {
      var attributes: Attributes = [:]
      for name in names where random.percent(50) {
        attributes[name] =
          switch random.below(5) {
          case 0: .string(random.percent(50) ? "text 1.0" : "no")
          case 1: .integer(Int64(bitPattern: random.next()))
          case 2: .real([.infinity, -1, 1e300, 0.5][random.below(4)])
          case 3: .date(milliseconds: random.percent(50) ? .max : Int64(bitPattern: random.next()))
          default: .tags(["a", "b@1", "@tag:x@y"])
          }
      }
      try fixture.store.put("value", for: "c:a", attributes: attributes)
      let value = cache.value(for: "a")
      #expect(value == nil || attributes["@codec"] == .string("text 1.0"), "seed \(seed): \(attributes)")
      _ = cache.entry(for: "a")
    }
  }
}
