import Cairn
import CairnIndex
import CairnTestSupport
import Testing

/// Goal: the text of a query is read as it is written, and what is none is refused with its place, however hostile.
@Suite struct QueryTextTests {
  #if DEBUG
    private static let count = 1500
  #else
    private static let count = 50_000
  #endif

  // MARK: What is read

  @Test(arguments: [
    ("a==1", "a == 1"), ("a = 1", "a == 1"), ("a<>1", "a != 1"), (" a\t!=\n1 ", "a != 1"), ("a<-1", "a < -1"),
    ("!a==1", "not a == 1"), ("! !a==1", "a == 1"), ("a==1&&b==2||c==3", "a == 1 and b == 2 or c == 3"),
    ("a==1 and (b==2 or c==3)", "a == 1 and (b == 2 or c == 3)"), ("((a==1))", "a == 1"),
    ("not a==1 and b==2", "not a == 1 and b == 2"), ("not (a==1 and b==2)", "not (a == 1 and b == 2)"),
    ("a between 1 and 2 and b between 'x' and \"y\"", "a between 1 and 2 and b between \"x\" and \"y\""),
    ("a in(1,2.5,'x',[])", "a in (1, 2.5, \"x\", [])"), ("a in ()", "a in ()"), ("a has'x'", "a has \"x\""),
    ("a prefix 'x'", "a prefix \"x\""), ("a exists", "a exists"), ("`all`exists", "`all` exists"),
    ("`x y\\`\\u{e9}`==1", "`x y\\`\u{E9}` == 1"), ("a-b.c_1==1", "a-b.c_1 == 1"), ("`a`==1", "a == 1"),
    ("a=='it\\'s \\\"\\\\\\n\\t\\u{1F600}\\u{0}'", "a == \"it's \\\"\\\\\\n\\t\u{1F600}\\u{0}\""),
    ("a==['y','x','x']", "a == [\"x\", \"y\"]"), ("date==date(-1)", "date == 1969-12-31T23:59:59.999Z"),
    ("a==9223372036854775807", "a == 9223372036854775807"), ("a==-9223372036854775808", "a == -9223372036854775808"),
    ("a==1e3", "a == 1000.0"), ("a==1.50E-1", "a == 0.15"), ("a==-inf or inf==inf", "a == -inf or inf == inf"),
    ("a==2026-11-20", "a == 2026-11-20"), ("a==2026-11-20T00:00:00Z", "a == 2026-11-20"),
    ("a==2026-11-20T10:00:00.5Z", "a == 2026-11-20T10:00:00.500Z"), ("a==0000-01-01", "a == 0000-01-01"),
    ("a==9999-12-31T23:59:59.999Z", "a == 9999-12-31T23:59:59.999Z"),
    ("a==date(253402300800000)", "a == date(253402300800000)"), ("a==2000-02-29", "a == 2000-02-29"),
    ("all and a==1", "a == 1"), ("not all or a==1", "a == 1"), ("a == 12345", "a == 12345"),
  ]) func examples(text: String, written: String) throws {
    let query = try Query(text)
    #expect(query.description == written)
    #expect(try Query(written) == query)
  }

  @Test func asInSwift() throws {
    #expect(try Query("domain == 'api' and tokens > 1000") == ("domain" == "api" && "tokens" > 1000))
    #expect(try Query("a has 'x' || !(b prefix 'y')") == (Attribute("a").hasTag("x") || !Attribute("b").hasPrefix("y")))
  }

  @Test func dates() throws {
    let cases: [(String, Int64)] = [
      ("1970-01-01", 0), ("1970-01-01T00:00:00.001Z", 1), ("1969-12-31", -86_400_000), ("2000-03-01", 951_868_800_000),
      ("2026-11-20T10:00:00Z", 1_795_168_800_000), ("0000-01-01", -62_167_219_200_000),
      ("9999-12-31T23:59:59.999Z", 253_402_300_799_999), ("1900-03-01", -2_203_891_200_000),
    ]
    for (text, milliseconds) in cases {
      #expect(try Query("a == \(text)") == ("a" == .date(milliseconds: milliseconds)), "\(text)")
    }
    // The first day of a year, counted without the calendar's arithmetic: 365 days, and the leap days before it.
    for year in 0...9999 where year % 100 < 5 || year % 100 > 98 {
      let leapDays = (0..<year).count { $0 % 4 == 0 && ($0 % 100 != 0 || $0 % 400 == 0) }
      let milliseconds = Int64(year * 365 + leapDays) * 86_400_000 - 62_167_219_200_000
      let text = String("000\(year)".suffix(4))
      let first: Query = "a" == .date(milliseconds: milliseconds)
      #expect(try Query("a == \(text)-01-01") == first && first.description == "a == \(text)-01-01")
      let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
      #expect(((try? Query("a == \(text)-02-29")) != nil) == isLeap, "\(year)")
    }
  }

  // MARK: What is refused

  @Test(arguments: [
    ("", 0, "name"), ("   ", 3, "name"), ("a", 1, "comparison"), ("a ==", 4, "value"), ("a == b", 5, "value"),
    ("a == 1 b", 7, "the end"), ("a == 1 and", 10, "name"), ("a == 1 or or", 10, "name"), ("and a == 1", 0, "name"),
    ("5 == a", 0, "name"), ("not", 3, "name"), ("(a == 1", 7, "\")\""), ("a == 1)", 6, "the end"), ("()", 1, "name"),
    ("a === 1", 4, "value"), ("a == 'x", 5, "closing quote"), ("`x == 1", 0, "closing quote"), ("a & b", 2, "operator"),
    ("a == \"\\x\"", 7, "backslash"), ("a == '\\u{D800}'", 6, "scalar"), ("a == '\\u{}'", 6, "scalar"),
    ("a == '\\u{110000}'", 6, "scalar"), ("a == '\\u{+1}'", 6, "scalar"), ("a == '\\u41'", 6, "scalar"),
    ("a == '\\", 7, "backslash"), ("a == '\\u", 6, "scalar"), ("a == 9223372036854775808", 5, "64 bits"),
    ("a == -9223372036854775809", 5, "64 bits"), ("a == 1e400", 5, "64 bits"), ("a == 1.", 7, "digit"),
    ("a == .5", 5, "value"), ("a == 1e", 7, "digit"), ("a == 1e+", 8, "digit"), ("a == 5x", 6, "end of the number"),
    ("a == 1.5.2", 8, "end of the number"), ("a == -", 6, "minus"), ("a == - 5", 6, "minus"), ("a == -x", 6, "minus"),
    ("a == 2026-13-01", 5, "date"), ("a == 2026-02-29", 5, "date"), ("a == 1900-02-29", 5, "date"),
    ("a == 2026-00-01", 5, "date"), ("a == 2026-01-00", 5, "date"), ("a == 2026-1-1", 5, "date"),
    ("a == 2026-11-20T24:00:00Z", 5, "date"), ("a == 2026-11-20T10:60:00Z", 5, "date"),
    ("a == 2026-11-20T10:00:60Z", 5, "date"), ("a == 2026-11-20T10:00:00", 5, "date"),
    ("a == 2026-11-20T10:00Z", 5, "date"), ("a == 2026-11-20T10:00:00.Z", 5, "date"),
    ("a == 2026-11-20T10:00:00.1234Z", 5, "date"), ("a == 2026-11-20T10:00:00+01:00", 5, "date"),
    ("a == 2026-11-20Z", 15, "end of the number"), ("a == 12026-11-20", 10, "end of the number"),
    ("a == date", 9, "("), ("a == date(x)", 10, "milliseconds"), ("a == date(1", 11, ")"), ("a in 1", 5, "("),
    ("a in (1", 7, "\",\""), ("a in (1 2)", 8, "\",\""), ("a in (,)", 6, "value"), ("a in (1,)", 8, "value"),
    ("a between 1", 11, "and"), ("a between 1 or 2", 12, "and"), ("a between 1 and", 15, "value"),
    ("a has 5", 6, "tag"), ("a prefix x", 9, "string"), ("a == [1]", 6, "tag"), ("a == ['x' 'y']", 10, "\",\""),
    ("a == ['x',]", 10, "tag"), ("a == [", 6, "tag"), ("in == 1", 0, "name"), ("a and b", 2, "comparison"),
    ("\u{E9} == 1", 0, "operator"), ("a == \u{201C}x\u{201D}", 5, "operator"), ("a == 1 AND b == 1", 7, "the end"),
  ]) func notAQuery(text: String, place: Int, expected: String) {
    let error = #expect(throws: StoreError.self) { try Query(text) }
    #expect(error?.code == .invalidQuery && error?.byteOffset == place, "\(text): \(String(describing: error))")
    #expect(error?.message.contains(expected) == true, "\(text): \(String(describing: error))")
  }

  @Test func limits() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "(", count: depth) + "a == 1" + String(repeating: ")", count: depth)
    }
    #expect(try Query(nested(100)) == ("a" == 1))
    #expect(place(of: nested(101)) == 100)
    #expect(place(of: nested(100_000)) == 65_536)
    #expect(place(of: String(repeating: "(", count: 65_536)) == 100)
    #expect(place(of: String(repeating: "not ", count: 100_000) + "a == 1") == 65_536)
    #expect(try Query(String(repeating: "!", count: 60_001) + "a == 1") == !("a" == 1))
    #expect(place(of: String(repeating: "not ", count: 16_384)) == 65_536)
    let terms = Array(repeating: "a<1", count: 10_000)
    #expect(try Query(terms.joined(separator: "||")).description.utf8.count > 65_536)
    #expect(place(of: terms.joined(separator: "||") + "||a<1") == 50_000)
    #expect(try Query("a == '\(String(repeating: "x", count: 65_529))'").matches(["a": "y"]) == false)
  }

  private func place(of text: String) -> Int? { #expect(throws: StoreError.self) { try Query(text) }?.byteOffset }

  // MARK: Random ones

  @Test(arguments: SeededRandom.seeds(2)) func whatIsWrittenIsReadTheSame(seed: UInt64) throws {
    print("query texts: seed \(seed)")
    var random = RandomQueries(seed: seed, isWild: true)
    for _ in 0..<Self.count {
      let query = random.query(depth: random.below(6))
      let text = query.description
      let again = try Query(text)
      #expect(again == query && again.description == text, "seed \(seed): \(text)")
      #expect(!text.unicodeScalars.contains { $0.value < 0x20 }, "seed \(seed): \(text)")
    }
  }

  @Test(arguments: SeededRandom.seeds(2)) func hostileTexts(seed: UInt64) {
    print("hostile query texts: seed \(seed)")
    var random = RandomQueries(seed: seed, isWild: true)
    let words = [
      " and ", " or ", "not ", "!", "&&", "||", "(", ")", "[", "]", ",", "==", "<", "-", "'", "\"", "`", "\\", "\\u{",
      "}", " in (", " between ", " has ", "1e", "2026-", "T", ".", "date(", "9223372036854775808", "\u{301}", "\0",
    ]
    for _ in 0..<Self.count {
      var bytes = random.below(4) == 0 ? [] : Array(random.query(depth: 2).description.utf8)
      for _ in 0...random.below(5) {
        let at = random.below(bytes.count + 1)
        switch random.below(4) {
        case 0: bytes.insert(contentsOf: random.one(of: words).utf8, at: at)
        case 1: bytes.insert(contentsOf: (0...random.below(9)).map { _ in UInt8(random.below(256)) }, at: at)
        case 2: bytes.removeSubrange(at..<min(bytes.count, at + random.below(9)))
        default: if at < bytes.count { bytes[at] = UInt8(random.below(128)) }
        }
      }
      let text = String(decoding: bytes, as: UTF8.self)
      do throws(StoreError) {
        let query = try Query(text)
        let again = try Query(query.description)
        #expect(again == query, "seed \(seed): \(text)")
      } catch {
        #expect(error.code == .invalidQuery, "seed \(seed): \(text)")
        #expect((0...text.utf8.count).contains(error.byteOffset ?? -1), "seed \(seed): \(text)")
      }
    }
  }
}
