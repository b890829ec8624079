import Cairn
import CairnTestSupport
import Testing

@testable import CairnCache

/// Goal: equal keys have the same bytes, always; others have others.
@Suite struct KeyTests {
  private struct PageKey: CacheKey {
    var user = 7
    var path = "a"
    var zoom = 1.0
    var isDark = false
    var language: String?
    var ids: [Int] = []
    var data: [UInt8] = []

    func encode(into key: inout CacheKeyEncoder) {
      key.add(user)
      key.add(path)
      key.add(zoom)
      key.add(isDark)
      key.add(language)
      key.add(ids)
      key.add(data)
    }
  }

  private func text(_ key: some CacheKey) throws -> String { String(decoding: try key.encoded(), as: UTF8.self) }

  /// They are on disks: none of these may ever change.
  @Test func bytes() throws {
    #expect(try text("user:42") == "user:42" && text("user:42".dropLast(3)) == "user")
    #expect(try text(-42) == "-42" && text(UInt64.max) == "18446744073709551615")
    #expect(try text(PageKey()) == "i1:7s1:ad16:3ff0000000000000b1:0n0:l0:x0:")
    let key = PageKey(user: -1, path: "é", zoom: 1e-7, isDark: true, language: "de", ids: [1, 23], data: [0x78])
    #expect(try text(key) == "i2:-1s2:éd16:3e7ad7f29abcaf48b1:1k5:s2:del15:k4:i1:1k5:i2:23x1:x")
  }

  @Test func equalKeys() throws {
    let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
    #expect(try composed == decomposed && composed.encoded() == decomposed.encoded())
    #expect(try PageKey(path: composed).encoded() == PageKey(path: decomposed).encoded())
    #expect(try Parts(parts: [.part("a"[...])]).encoded() == Parts(parts: [.text("a")]).encoded())
    #expect(try PageKey(zoom: 0).encoded() == PageKey(zoom: -0.0).encoded())
    #expect(throws: CacheKeyError.self) { try PageKey(zoom: .nan).encoded() }
    #expect(throws: CacheKeyError.self) { try Nested(keys: [PageKey(zoom: .nan)]).encoded() }
  }

  private struct Nested: CacheKey {
    let keys: [PageKey]
    func encode(into key: inout CacheKeyEncoder) { key.add(keys) }
  }

  /// Parts that are put together otherwise are other keys.
  private struct Parts: CacheKey {
    enum Part: Hashable {
      case text(String), part(Substring), integer(Int), bytes([UInt8]), key(String), keys([String]), none
    }

    let parts: [Part]

    func encode(into key: inout CacheKeyEncoder) {
      for part in parts {
        switch part {
        case .text(let text): key.add(text)
        case .part(let text): key.add(text)
        case .integer(let integer): key.add(integer)
        case .bytes(let bytes): key.add(bytes)
        case .key(let text): key.add(Optional(text))
        case .keys(let texts): key.add(texts)
        case .none: key.add(String?.none)
        }
      }
    }
  }

  @Test(arguments: SeededRandom.seeds(2)) func noTwoAlike(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    func text() -> String {
      String((0..<random.below(4)).map { _ in ["1", ":", "s", "i", "é"][random.below(5)] }.joined())
    }
    var keys: [[UInt8]: Parts] = [:]
    for _ in 0..<20_000 {
      let parts = (0..<random.below(4)).map { _ -> Parts.Part in
        switch random.below(6) {
        case 0: .text(text())
        case 1: .integer(random.below(20))
        case 2: .bytes(Array(text().utf8))
        case 3: .key(text())
        case 4: .keys((0..<random.below(3)).map { _ in text() })
        default: .none
        }
      }
      let key = Parts(parts: parts)
      let other = keys.updateValue(key, forKey: try key.encoded())
      #expect(other == nil || other == key, "seed \(seed)")
    }
  }

  // MARK: Fingerprints

  /// FIPS 180-2, appendix B.
  @Test func sha256() {
    func hex(_ text: String) -> String {
      SHA256.digest(Array(text.utf8)).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
    #expect(hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      hex(String(repeating: "a", count: 1_000_000))
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  /// As another program computes it; on disks, too.
  @Test func fingerprint() throws {
    let bytes = (0...255).map { UInt8($0) }
    let key = Fingerprint("summary/") { parts in
      parts.add("prompt", "Summarise e\u{301}")
      parts.add("temperature", 0.2)
      parts.add("document", bytes)
    }
    #expect(try text(key) == "summary/bd77bad815d4ff2261b0dd9b6e781c6756654cd9d71f79685fa68957b8c898db")
    let other = Fingerprint("summary/") { parts in
      bytes.withBytes { parts.add("document", bytes: $0) }
      parts.add("temperature", 0.2)
      parts.add("prompt", "Summarise \u{E9}")
    }
    #expect(key == other && key.digest.count == 32)
  }

  @Test func everyPartCounts() throws {
    let noNumbers = [Double.nan, -.nan, .signalingNaN].map { number in Fingerprint("a") { $0.add("x", number) } }
    #expect(try Set(noNumbers).count == 1 && !noNumbers[0].encoded().isEmpty)
    let all = [
      noNumbers[0],
      Fingerprint("a") { $0.add("x", "5") }, Fingerprint("a") { $0.add("x", 5) },
      Fingerprint("a") { $0.add("x", 5.0) }, Fingerprint("a") { $0.add("x", [0x35]) },
      Fingerprint("a") { $0.add("y", "5") }, Fingerprint("b") { $0.add("x", "5") }, Fingerprint("a") { _ in },
      Fingerprint("a") { $0.add("x", true) },
      Fingerprint("a") { parts in
        parts.add("x", "5")
        parts.add("x", "5")
      },
      Fingerprint("a") { parts in
        parts.add("x", "")
        parts.add("5", "")
      },
    ]
    #expect(Set(all).count == all.count && Set(all.map(\.digest)).count == all.count)
  }
}
