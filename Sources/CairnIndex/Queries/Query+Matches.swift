public import Cairn

extension Query {
  /// Whether an entry with these attributes satisfies it.
  ///
  /// - Complexity: comparisons of the query × attributes. It allocates nothing.
  public func matches(_ attributes: borrowing EncodedAttributes) -> Bool {
    !attributes.isEmpty && node.matches(attributes)
  }

  /// Whether an entry with these attributes satisfies it.
  public func matches(_ attributes: Attributes) -> Bool { !attributes.isEmpty && node.matches(attributes) }
}

extension Query {
  /// The same for an entry that has others beside these, of which nothing is asked.
  package func isSatisfied(by attributes: Attributes) -> Bool { node.matches(attributes) }
}

// MARK: As records have them

extension Query.Node {
  fileprivate func matches(_ attributes: borrowing EncodedAttributes) -> Bool {
    switch self {
    case .all: return true
    case .and(let nodes):
      for node in nodes where !node.matches(attributes) { return false }
      return true
    case .or(let nodes):
      for node in nodes where node.matches(attributes) { return true }
      return false
    case .not(let node): return !node.matches(attributes)
    case .compare(let name, _, _), .between(let name, _, _), .among(let name, _), .prefix(let name, _),
      .tag(let name, _), .exists(let name):
      guard let found = name.withBytes({ attributes.find($0) }) else { return false }
      return EncodedValue(found.kind, attributes.bytes.extracting(found.place)).satisfies(self)
    }
  }
}

/// A value as a record has it.
private struct EncodedValue: ~Escapable {
  let kind: EncodedAttributes.Kind
  let bytes: RawSpan

  @_lifetime(copy bytes)
  init(_ kind: EncodedAttributes.Kind, _ bytes: RawSpan) {
    self.kind = kind
    self.bytes = bytes
  }

  /// Whether it is what a node asks of the attribute that it names.
  func satisfies(_ node: Query.Node) -> Bool {
    switch node {
    case .exists: return true
    case .compare(_, .equal, let operand): return isEqual(to: operand) ?? false
    case .compare(_, .notEqual, let operand): return isEqual(to: operand).map { !$0 } ?? false
    case .compare(_, let comparison, let operand):
      return order(to: operand).map { comparison.isSatisfied(by: $0) } ?? false
    case .between(_, let lower, let upper):
      guard let first = order(to: lower), let second = order(to: upper) else { return false }
      return first >= 0 && second <= 0
    case .among(_, let operands):
      for operand in operands where isEqual(to: operand) ?? false { return true }
      return false
    case .prefix(_, let prefix):
      return kind == .string && prefix.withBytes { EncodedAttributes.hasPrefix(bytes, $0) }
    case .tag(_, let tag): return kind == .tags && hasTag(tag)
    case .all, .and, .or, .not: preconditionFailure("these ask nothing of one attribute")
    }
  }

  /// As ``Attributes/Value/order(to:)``.
  func order(to operand: Attributes.Value) -> Int? {
    switch kind {
    case .string:
      guard case .string(let text) = operand else { return nil }
      return text.withBytes { EncodedAttributes.order(bytes, $0) }
    case .integer: return Attributes.Value.integer(EncodedAttributes.integer(bytes)).order(to: operand)
    case .real: return Attributes.Value.real(EncodedAttributes.real(bytes)).order(to: operand)
    case .date: return Attributes.Value.date(milliseconds: EncodedAttributes.integer(bytes)).order(to: operand)
    case .tags: return nil
    }
  }

  /// As ``Attributes/Value/isEqual(to:)``.
  func isEqual(to operand: Attributes.Value) -> Bool? {
    switch (kind, operand) {
    case (.string, .string(let text)): text.withBytes { EncodedAttributes.isEqual(bytes, $0) }
    case (.tags, .tags(let tags)): isEqual(to: tags)
    default: order(to: operand).map { $0 == 0 }
    }
  }

  private func isEqual(to tags: Attributes.Tags) -> Bool {
    var (count, areThere) = (0, true)
    EncodedAttributes.forEachTag(in: bytes) { _ in count += 1 }
    if count != tags.count { return false }
    for tag in tags where areThere { areThere = hasTag(tag) }
    return areThere
  }

  func hasTag(_ tag: String) -> Bool {
    tag.withBytes { tag in
      var isThere = false
      EncodedAttributes.forEachTag(in: bytes) { if EncodedAttributes.isEqual($0, tag) { isThere = true } }
      return isThere
    }
  }
}

// MARK: As users have them

extension Query.Node {
  fileprivate func matches(_ attributes: Attributes) -> Bool {
    switch self {
    case .all: return true
    case .and(let nodes): return nodes.allSatisfy { $0.matches(attributes) }
    case .or(let nodes): return nodes.contains { $0.matches(attributes) }
    case .not(let node): return !node.matches(attributes)
    case .compare(let name, _, _), .between(let name, _, _), .among(let name, _), .prefix(let name, _),
      .tag(let name, _), .exists(let name):
      return attributes[name]?.satisfies(self) ?? false
    }
  }
}

extension Attributes.Value {
  /// Whether it is what a node asks of the attribute that it names.
  fileprivate func satisfies(_ node: Query.Node) -> Bool {
    switch (node, self) {
    case (.exists, _): return true
    case (.compare(_, .equal, let operand), _): return isEqual(to: operand) ?? false
    case (.compare(_, .notEqual, let operand), _): return isEqual(to: operand).map { !$0 } ?? false
    case (.compare(_, let comparison, let operand), _):
      return order(to: operand).map { comparison.isSatisfied(by: $0) } ?? false
    case (.between(_, let lower, let upper), _):
      guard let first = order(to: lower), let second = order(to: upper) else { return false }
      return first >= 0 && second <= 0
    case (.among(_, let operands), _): return operands.contains { isEqual(to: $0) ?? false }
    case (.prefix(_, let prefix), .string(let text)): return text.utf8.starts(with: prefix.utf8)
    case (.tag(_, let tag), .tags(let tags)): return tags.contains(tag)
    default: return false
    }
  }
}
