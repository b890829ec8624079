package import Cairn

/// What is asked of the attributes of entries.
public struct Query: Sendable, Equatable {
  package enum Comparison: Sendable { case equal, notEqual, less, atMost, greater, atLeast }

  package indirect enum Node: Sendable, Equatable {
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
}
