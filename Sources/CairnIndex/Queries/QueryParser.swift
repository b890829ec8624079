public import Cairn

extension Query {
  /// Reads a query, as in `domain == "api" and (tokens > 1000 or not tags has "draft")`.
  ///
  /// | text | what |
  /// |---|---|
  /// | `a == 1`, `a = 1`, `a != 1`, `a <> 1`, `a < 1`, `a <= 1`, `a > 1`, `a >= 1` | comparisons |
  /// | `a between 1 and 5` | both ends are included |
  /// | `a in (1, 2, 3)` | one of these |
  /// | `a prefix "x"` | of a string |
  /// | `a has "x"` | of a set of tags |
  /// | `a exists`, `all` | |
  /// | `p and q`, `p && q`, `p or q`, `p \|\| q`, `not p`, `!p` | in parentheses, or `not` before `and` before `or` |
  ///
  /// Names have letters of ASCII, digits, `_`, `-` and `.`, and begin with a letter or `_`; others, and the words of
  /// the language, stand in backquotes. Values are `"text"` or `'text'`, with `\"`, `\\`, `\n`, `\t` and `\u{E9}`;
  /// integers; reals with a point or an exponent, `inf` and `-inf`; dates as `2026-11-20`, `2026-11-20T10:00:00Z` or
  /// `2026-11-20T10:00:00.123Z`, in UTC, or `date(0)` with milliseconds since 1970; sets of tags as `["a", "b"]`.
  ///
  /// - Throws: `.invalidQuery` if it is none; ``Cairn/StoreError/byteOffset`` tells where. A text has at most
  ///   64 KiB, 10,000 comparisons, and 100 parentheses within each other.
  public init(_ text: String) throws(StoreError) {
    guard text.utf8.count <= QueryParser.bytesMax else {
      throw StoreError.invalidQuery("expected at most \(QueryParser.bytesMax) bytes", at: QueryParser.bytesMax)
    }
    var parser = try QueryParser(text)
    self.init(try parser.query())
  }
}

private struct QueryParser {
  static let bytesMax = 64 << 10
  static let depthMax = 100
  static let termsMax = 10_000

  private var lexer: QueryLexer
  /// What comes next, which begins at ``place``.
  private var token = QueryLexer.Token.end
  private var depth = 0
  private var terms = 0

  private var place: Int { lexer.place }

  init(_ text: String) throws(StoreError) {
    lexer = QueryLexer(text)
    token = try lexer.next()
  }

  // MARK: Tokens

  private mutating func advance() throws(StoreError) { token = try lexer.next() }

  /// Goes on behind the next token if it is this one.
  private mutating func take(_ wanted: QueryLexer.Token...) throws(StoreError) -> Bool {
    guard wanted.contains(token) else { return false }
    try advance()
    return true
  }

  private mutating func require(_ mark: String) throws(StoreError) {
    guard try take(.mark(mark)) else { throw expected("\"\(mark)\"") }
  }

  private func expected(_ what: String) -> StoreError { StoreError.invalidQuery("expected " + what, at: place) }

  // MARK: Queries

  mutating func query() throws(StoreError) -> Query.Node {
    let node = try disjunction()
    guard token == .end else { throw expected("and, or, or the end") }
    return node
  }

  private mutating func disjunction() throws(StoreError) -> Query.Node {
    var nodes = [try conjunction()]
    while try take(.word("or"), .mark("||")) { nodes.append(try conjunction()) }
    return .either(nodes)
  }

  private mutating func conjunction() throws(StoreError) -> Query.Node {
    var nodes = [try factor()]
    while try take(.word("and"), .mark("&&")) { nodes.append(try factor()) }
    return .both(nodes)
  }

  private mutating func factor() throws(StoreError) -> Query.Node {
    // However many there are, they take no stack.
    var isOpposite = false
    while try take(.word("not"), .mark("!")) { isOpposite.toggle() }
    let node: Query.Node
    if token == .mark("(") {
      guard depth < Self.depthMax else { throw expected("no more than \(Self.depthMax) parentheses in each other") }
      depth += 1
      try advance()
      node = try disjunction()
      guard try take(.mark(")")) else { throw expected("and, or, or \")\"") }
      depth -= 1
    } else {
      node = try term()
    }
    return isOpposite ? .opposite(node) : node
  }

  // MARK: Terms

  private mutating func term() throws(StoreError) -> Query.Node {
    terms += 1
    guard terms <= Self.termsMax else { throw expected("no more than \(Self.termsMax) comparisons") }
    if try take(.word("all")) { return .all }
    let name: String
    switch token {
    case .word(let word) where !QueryWords.reserved.contains(word): name = word
    case .name(let quoted): name = quoted
    default: throw expected("the name of an attribute, not, all, or \"(\"")
    }
    try advance()
    return try predicate(of: name)
  }

  private static let comparisons: [String: Query.Comparison] = [
    "==": .equal, "=": .equal, "!=": .notEqual, "<>": .notEqual, "<": .less, "<=": .atMost, ">": .greater,
    ">=": .atLeast,
  ]

  private mutating func predicate(of name: String) throws(StoreError) -> Query.Node {
    switch token {
    case .mark(let mark):
      guard let comparison = Self.comparisons[mark] else { break }
      try advance()
      return .compare(name, comparison, try value())
    case .word("exists"):
      try advance()
      return .exists(name)
    case .word("prefix"):
      try advance()
      return .prefix(name, try string("the beginning of a string in quotes"))
    case .word("has"):
      try advance()
      return .tag(name, try string("a tag in quotes"))
    case .word("between"):
      try advance()
      let lower = try value()
      guard try take(.word("and")) else { throw expected("and") }
      return .between(name, lower, try value())
    case .word("in"):
      try advance()
      try require("(")
      var values: [Attributes.Value] = []
      while token != .mark(")") {
        if !values.isEmpty { try requireComma(or: ")") }
        values.append(try value())
      }
      try advance()
      return .among(name, values)
    default: break
    }
    throw expected("a comparison: ==, !=, <, <=, >, >=, in, between, prefix, has, or exists")
  }

  // MARK: Values

  private mutating func requireComma(or end: String) throws(StoreError) {
    guard try take(.mark(",")) else { throw expected("\",\" or \"\(end)\"") }
  }

  private mutating func string(_ what: String) throws(StoreError) -> String {
    guard case .string(let text) = token else { throw expected(what) }
    try advance()
    return text
  }

  private mutating func value() throws(StoreError) -> Attributes.Value {
    let value: Attributes.Value
    switch token {
    case .string(let text): value = .string(text)
    case .integer(let number): value = .integer(number)
    case .real(let number): value = .real(number)
    case .date(let milliseconds): value = .date(milliseconds: milliseconds)
    case .word(QueryWords.infinity): value = .real(.infinity)
    case .word(QueryWords.date): return try dateOfMilliseconds()
    case .mark("["): return .tags(try tags())
    default: throw expected("a value: \"text\", 5, 2.5, 2026-11-20, or [\"tag\"]")
    }
    try advance()
    return value
  }

  private mutating func dateOfMilliseconds() throws(StoreError) -> Attributes.Value {
    try advance()
    try require("(")
    guard case .integer(let milliseconds) = token else { throw expected("milliseconds since 1970") }
    try advance()
    try require(")")
    return .date(milliseconds: milliseconds)
  }

  private mutating func tags() throws(StoreError) -> Attributes.Tags {
    try advance()
    var tags: [String] = []
    var isFirst = true
    while token != .mark("]") {
      if !isFirst { try requireComma(or: "]") }
      tags.append(try string("a tag in quotes"))
      isFirst = false
    }
    try advance()
    return Attributes.Tags(tags)
  }
}
