import Cairn
import CairnCache
import CairnCacheFoundation
import CairnMessagePack
import CairnTestSupport
import Foundation
import Testing

/// Goal: a dictionary on the disk that stays below its size, with values of any type.
/// Method: more is put than fits; the folder is measured all the while.
@Suite struct PersistentCacheTests {
  private let directory = TemporaryDirectory()
  private var folder: URL { URL(fileURLWithPath: directory.path) }

  struct Page: Codable, Equatable {
    var title: String
    var words: [Int]
  }

  private func bytes(of name: String) throws -> Int {
    let path = directory.path(name)
    return try Files.names(path).reduce(0) { sum, file in
      let attributes = try? FileManager.default.attributesOfItem(atPath: path + "/" + file)
      return sum + (attributes?[.size] as? Int ?? 0)
    }
  }

  @Test func aDictionary() throws {
    var pages: PersistentCache<String, Page>? = try PersistentCache("pages", in: folder)
    let page = Page(title: "Ada", words: [1, 2])
    pages?["a"] = page
    pages?["b"] = page
    pages?["b"] = nil
    #expect(pages?["a"] == page && pages?["b"] == nil)
    #expect(throws: StoreError.self) { try PersistentCache<String, Page>("pages", in: folder) }
    // Closed when nobody has it any more.
    pages = nil
    let again = try PersistentCache<String, Page>("pages", in: folder)
    #expect(again["a"] == page)
    // JSON, for who looks at the files.
    let bytes = try #require(try again.cache.store.value(for: again.cache.storeKey("a")))
    #expect(String(decoding: bytes, as: UTF8.self).contains("\"Ada\""))
    try again.close()
    #expect(again["a"] == nil)
    for name in ["", "..", "a/b", ".hidden"] {
      #expect(throws: (any Error).self) { try PersistentCache<String, Page>(name, in: folder) }
    }
  }

  @Test func codecsOfOneType() throws {
    let cache = try PersistentCache<String, Page>("mixed", in: folder).cache
    let page = Page(title: "Grace", words: Array(0..<100))
    let packed: Cache<String, Page> = try cache.store.cache("cache", codec: .messagePack())
    packed.put(page, for: "a")
    #expect(packed.value(for: "a") == page && cache.value(for: "a") == nil)
    cache.put(page, for: "a")
    #expect(cache.value(for: "a") == page && packed.value(for: "a") == nil)
    let data: Cache<String, Data> = try cache.store.cache("cache", codec: .data)
    let bytes: Cache<String, [UInt8]> = try cache.store.cache("cache", codec: .bytes)
    data.put(Data([1, 2, 3]), for: "d")
    #expect(bytes.value(for: "d") == [1, 2, 3] && data.value(for: "d") == Data([1, 2, 3]))
    // What JSON cannot say.
    let numbers: Cache<String, [Double]> = try cache.store.cache("cache", codec: .json())
    #expect(!numbers.put([.nan], for: "n").isStored)
  }

  @Test(arguments: SeededRandom.seeds(1)) func staysBelowItsLimit(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let limit = 16_000_000
    let cache = try PersistentCache<Int, Data>("small", limit: .bytes(limit), in: folder, codec: .data)
    var largest = 0
    for number in 0..<6000 {
      let value = Data(random.bytes(100 + random.below(20_000)))
      let put = cache.cache.put(value, for: random.below(4000))
      #expect(put.isStored, "seed \(seed), \(number): \(put)")
      if number % 20 == 0 { largest = max(largest, try bytes(of: "small")) }
    }
    #expect(largest < limit, "seed \(seed)")
    // Not much less than half of it is of use.
    let size = cache.cache.size
    #expect(size.bytes > limit * 4 / 10 && size.bytes <= limit / 2, "seed \(seed): \(size)")
    #expect(cache.cache.statistics.evictions > 1000 && cache.cache.statistics.failedPuts == 0)
  }
}
