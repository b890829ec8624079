package import Cairn

/// What is asked of the attributes of entries.
///
/// ```swift
/// let query: Query = "domain" == "api" && "framework" == "jest" && "tokens" > 1000
/// let same = try Query("domain == 'api' and framework == 'jest' and tokens > 1000")
/// ```
///
/// A comparison asks for an attribute of the type it is compared with: entries that have no such attribute, or one of
/// another type, do not satisfy it, `!=` included. So `"a" != 1` is for entries whose `a` is another number, and
/// `!("a" == 1)` for all but those whose `a` is 1.
///
/// An entry without any attribute satisfies no query, not even ``all`` or one that is negated.
///
/// - Integers and reals are both numbers, and are compared exactly: none is rounded to the type of the other. A
///   comparison with NaN is never satisfied, `!=` included.
/// - Dates are compared with dates.
/// - Strings are compared by the bytes of their UTF-8, for `<` and the prefix, too.
/// - Sets of tags are the same or not; none is less than another.
public struct Query: Sendable {
  package enum Comparison: Sendable { case equal, notEqual, less, atMost, greater, atLeast }

  package indirect enum Node: Sendable {
    /// Every entry.
    case all
    case compare(String, Comparison, Attributes.Value)
    /// Both ends are included.
    case between(String, Attributes.Value, Attributes.Value)
    case among(String, [Attributes.Value])
    /// Of a string.
    case prefix(String, String)
    /// Of a set of tags.
    case tag(String, String)
    /// Whether there is such an attribute, whatever its type.
    case exists(String)
    case and([Node])
    case or([Node])
    case not(Node)
  }

  package let node: Node

  package init(_ node: Node) { self.node = node }

  /// What every entry satisfies that has attributes.
  public static let all = Query(.all)

  /// What satisfies both.
  public static func && (a: Query, b: Query) -> Query { Query(.both([a.node, b.node])) }

  /// What satisfies one of them, or both.
  public static func || (a: Query, b: Query) -> Query { Query(.either([a.node, b.node])) }

  /// All other entries that have attributes.
  public static prefix func ! (query: Query) -> Query { Query(.opposite(query.node)) }
}

// MARK: Made simple

extension Query.Node {
  static let nothing = Query.Node.not(.all)

  /// What satisfies each of them, without a conjunction in a conjunction.
  static func both(_ nodes: [Query.Node]) -> Query.Node {
    var flat: [Query.Node] = []
    for node in nodes {
      switch node {
      case .all: break
      case .and(let inner): flat += inner
      default: flat.append(node)
      }
    }
    return flat.isEmpty ? .all : flat.count == 1 ? flat[0] : .and(flat)
  }

  /// What satisfies one of them, without a disjunction in a disjunction.
  static func either(_ nodes: [Query.Node]) -> Query.Node {
    var flat: [Query.Node] = []
    for node in nodes {
      switch node {
      case .not(.all): break
      case .or(let inner): flat += inner
      default: flat.append(node)
      }
    }
    return flat.isEmpty ? .nothing : flat.count == 1 ? flat[0] : .or(flat)
  }

  static func opposite(_ node: Query.Node) -> Query.Node {
    if case .not(let inner) = node { return inner }
    return .not(node)
  }
}

// MARK: Equality

extension Query: Equatable {
  /// Of the same parts in the same order; names and strings by their bytes.
  public static func == (a: Query, b: Query) -> Bool { a.node == b.node }
}

extension Query.Node: Equatable {
  /// Written out, because equal strings may have different bytes.
  package static func == (a: Query.Node, b: Query.Node) -> Bool {
    switch (a, b) {
    case (.all, .all): true
    case (.compare(let a, let comparison, let value), .compare(let b, let other, let otherValue)):
      a.utf8.elementsEqual(b.utf8) && comparison == other && value == otherValue
    case (.between(let a, let low, let high), .between(let b, let otherLow, let otherHigh)):
      a.utf8.elementsEqual(b.utf8) && low == otherLow && high == otherHigh
    case (.among(let a, let values), .among(let b, let others)): a.utf8.elementsEqual(b.utf8) && values == others
    case (.prefix(let a, let text), .prefix(let b, let other)), (.tag(let a, let text), .tag(let b, let other)):
      a.utf8.elementsEqual(b.utf8) && text.utf8.elementsEqual(other.utf8)
    case (.exists(let a), .exists(let b)): a.utf8.elementsEqual(b.utf8)
    case (.and(let nodes), .and(let others)), (.or(let nodes), .or(let others)): nodes == others
    case (.not(let node), .not(let other)): node == other
    default: false
    }
  }
}
