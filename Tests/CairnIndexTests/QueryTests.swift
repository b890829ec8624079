import Cairn
import CairnIndex
import CairnTestSupport
import Testing

/// Goal: queries say in Swift what they say in text, and what they mean is what is written down of them.
@Suite struct QueryTests {
  /// Where a query is wanted, literals make one.
  private func text(_ query: Query) -> String { query.description }

  // MARK: In Swift

  @Test func literals() {
    #expect(
      text("domain" == "api" && "framework" == "jest" && "tokens" > 1000)
        == "domain == \"api\" and framework == \"jest\" and tokens > 1000")
    #expect(
      text("a" == "x" && "b" != "y" && "c" < 5 && "d" <= 0.5 && "e" > -3 && "f" >= ["p", "q"])
        == "a == \"x\" and b != \"y\" and c < 5 and d <= 0.5 and e > -3 and f >= [\"p\", \"q\"]")
    #expect(
      text("a" == "x" && ("b" == "y" || "c" > 1000) && !("d" <= 0.5) && "e" != "z" || "f" >= -3)
        == "a == \"x\" and (b == \"y\" or c > 1000) and not d <= 0.5 and e != \"z\" or f >= -3")
    #expect(text("at" > .date(milliseconds: 0)) == "at > 1970-01-01")
    let query: Query = "a" == 1 || .all
    #expect(text(query) == "a == 1 or all")
    #expect(text(.all && "a" == 1) == "a == 1")
  }

  @Test func variables() {
    let (text, int, long, real) = ("x", 5, Int64.min, 2.5)
    let value: Attributes.Value = ["t"]
    let tokens: Attribute = "tokens"
    #expect(
      self.text("a" == text && "b" < int && "c" >= long && "d" != real && "e" == value)
        == "a == \"x\" and b < 5 and c >= -9223372036854775808 and d != 2.5 and e == [\"t\"]")
    #expect(self.text(tokens > int * 2 + 1) == "tokens > 11")
    #expect(
      self.text(tokens.isBetween(int, 7) && tokens.isBetween(1, 2.5))
        == "tokens between 5 and 7 and tokens between 1 and 2.5")
    #expect(
      self.text(tokens.isIn([int, 6]) || tokens.isIn(["a", 1, 0.5])) == "tokens in (5, 6) or tokens in (\"a\", 1, 0.5)")
    #expect(self.text(tokens.isIn([])) == "tokens in ()")
    #expect(
      self.text(tokens.exists && tokens.hasTag(text) && tokens.hasPrefix("p"))
        == "tokens exists and tokens has \"x\" and tokens prefix \"p\"")
  }

  /// What compares strings and numbers elsewhere is what it was.
  @Test func otherComparisonsAreStillOfBool() {
    let isSame = "a" == "b"
    let isLess = "a" < "b" && 1 < 2
    #expect(type(of: isSame) == Bool.self && !isSame && isLess)
    let numbers = [1, 2, 3]
    let both = numbers.filter { $0 > 1 && $0 != 5 || $0 == 7 }.count >= 2 && "x" + "y" == "xy" && !numbers.isEmpty
    #expect(both)
  }

  @Test func simplified() {
    let (a, b, c): (Query, Query, Query) = ("a" == 1, "b" == 2, "c" == 3)
    #expect(((a && b) && c) == (a && (b && c)) && ((a || b) || c) == (a || (b || c)))
    #expect(!(!a) == a && (a && .all) == a && (a || !Query.all) == a && a != b && (a && b) != (b && a))
    #expect(text((a || b) && !(b && c)) == "(a == 1 or b == 2) and not (b == 2 and c == 3)")
    let nan = Double.nan
    #expect(("a" != nan) == !Query.all && Attribute("a").isBetween(0, nan) == !Query.all)
    #expect(Attribute("a").isIn([1, nan]) == Attribute("a").isIn([1.0]))
    // Equal strings, but not the same bytes.
    let (one, other): (Query, Query) = ("\u{E9}" == "x", "e\u{301}" == "x")
    #expect(one != other && Attribute("a").hasPrefix("\u{E9}") != Attribute("a").hasPrefix("e\u{301}"))
  }

  // MARK: What they mean

  private static let entry: Attributes = [
    "domain": "api", "tokens": 1200, "cost": 0.5, "at": .date(milliseconds: 1000), "tags": ["draft", "en"], "none": [],
    "accent": "\u{E9}", "two": 2.0,
  ]

  @Test(arguments: [
    // Of another type, or of no attribute, nothing is satisfied, and its opposite always.
    ("domain == 'api'", true), ("domain != 'api'", false), ("domain != 'x'", true), ("domain != 1", false),
    ("not domain == 1", true), ("nothing != 1", false), ("not nothing == 1", true), ("tokens == '1200'", false),
    ("domain > 1", false), ("domain <= 1", false), ("at == 1000", false), ("at != 1000", false),
    ("at == date(1000)", true), ("at < 1970-01-01T00:00:01.001Z", true), ("at > 1970-01-01", true),
    // Numbers.
    ("tokens == 1200.0", true), ("tokens != 1200.0", false), ("tokens > 1199.5", true), ("tokens < inf", true),
    ("tokens > -inf", true), ("cost == 0.5", true), ("cost < 1", true), ("cost >= 1", false), ("two == 2", true),
    ("two in (1, 2)", true), ("two != 2", false), ("tokens between 1200 and 1200", true),
    ("tokens between 1200.5 and 1300", false), ("cost between 0 and 1", true), ("cost between 1 and 0", false),
    ("tokens between 'a' and 5000", false),
    // Strings, by bytes.
    ("domain between 'a' and 'b'", true), ("domain between 'b' and 'c'", false), ("domain < 'b'", true),
    ("domain < 'Z'", false), ("domain prefix 'ap'", true), ("domain prefix ''", true), ("domain prefix 'apis'", false),
    ("tokens prefix ''", false), ("accent == '\u{E9}'", true), ("accent == 'e\u{301}'", false),
    ("accent prefix 'e'", false), ("accent > 'z'", true), ("domain in ('x', 'api', 5)", true), ("domain in ()", false),
    // Tags.
    ("tags has 'en'", true), ("tags has 'e'", false), ("domain has 'api'", false), ("tags == ['en', 'draft']", true),
    ("tags == ['en']", false), ("tags == ['en', 'x']", false), ("tags != ['en']", true),
    ("tags != ['en', 'draft']", false), ("tags < ['z']", false), ("tags >= ['draft', 'en']", false),
    ("tags between [] and ['z']", false), ("none == []", true), ("none != []", false),
    ("tags in (['en', 'draft'])", true),
    ("tags != 'en'", false),
    // What is put together.
    ("tags exists", true), ("nothing exists", false), ("all", true), ("not all", false), ("not not all", true),
    ("tokens > 1 and cost > 1", false), ("tokens > 1 or cost > 1", true), ("nothing == 1 or all", true),
    ("not tokens > 1 or not cost > 1", true),
  ]) func examples(text: String, isSatisfied: Bool) throws {
    let query = try Query(text)
    #expect(query.matches(Self.entry) == isSatisfied, "\(text)")
    #expect(try Self.entry.withEncoded { query.matches($0) } == isSatisfied, "\(text), encoded")
    #expect((!query).matches(Self.entry) != isSatisfied, "not \(text)")
  }

  /// −1, 0 or 1: how the attribute is ordered to what it is compared with, by all comparisons that there are.
  private func order(_ attribute: Attributes.Value, _ operand: Attributes.Value) throws -> Int? {
    let a = Attribute("a")
    let entry: Attributes = ["a": attribute]
    func holds(_ query: Query) throws -> Bool {
      let isSatisfied = query.matches(entry)
      #expect(try entry.withEncoded { query.matches($0) } == isSatisfied)
      return isSatisfied
    }
    let answers = try [a < operand, a <= operand, a == operand, a >= operand, a > operand, a != operand].map(holds)
    #expect(try holds(a.isBetween(operand, operand)) == answers[2] && holds(a.isIn([operand])) == answers[2])
    switch answers {
    case [true, true, false, false, false, true]: return -1
    case [false, true, true, true, false, false]: return 0
    case [false, false, false, true, true, true]: return 1
    default: return nil
    }
  }

  @Test func integersAndRealsAreComparedExactly() throws {
    let cases: [(Int64, Double, Int)] = [
      (1 << 53 + 1, 0x1p53, 1), (1 << 53, 0x1p53, 0), (1 << 53 - 1, 0x1p53, -1), (1 << 53 + 1, 0x1p53 + 2, -1),
      (-(1 << 53) - 1, -0x1p53, -1), (.max, 0x1p63, -1), (.max, 0x1.fffffffffffffp62, 1), (.min, -0x1p63, 0),
      (.min + 1, -0x1p63, 1), (.min, -0x1.0000000000001p63, 1), (.min, -.infinity, 1), (.max, .infinity, -1),
      (0, -0.0, 0), (0, .leastNonzeroMagnitude, -1), (0, -.leastNonzeroMagnitude, 1), (3, 3.5, -1), (4, 3.5, 1),
      (-3, -3.5, 1), (-4, -3.5, -1), (.max, .greatestFiniteMagnitude, -1), (.min, -.greatestFiniteMagnitude, 1),
    ]
    for (integer, real, expected) in cases {
      #expect(try order(.integer(integer), .real(real)) == expected, "\(integer) to \(real)")
      #expect(try order(.real(real), .integer(integer)) == -expected, "\(real) to \(integer)")
    }
  }
}
