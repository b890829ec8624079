public import Cairn

extension Query {
  /// Whether an entry with these attributes satisfies it.
  ///
  /// - Complexity: comparisons of the query × attributes. It allocates nothing.
  public func matches(_ attributes: borrowing EncodedAttributes) -> Bool { node.matches(attributes) }

  /// Whether an entry with these attributes satisfies it.
  public func matches(_ attributes: Attributes) -> Bool { node.matches(attributes) }
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
    case .exists(let name): return name.withBytes { attributes.find($0) } != nil
    case .compare(let name, let comparison, let operand):
      guard let found = name.withBytes({ attributes.find($0) }) else { return false }
      let value = EncodedValue(found.kind, attributes.bytes.extracting(found.place))
      switch comparison {
      case .equal: return value.isEqual(to: operand) ?? false
      case .notEqual: return value.isEqual(to: operand).map { !$0 } ?? false
      default: return value.order(to: operand).map { comparison.isSatisfied(by: $0) } ?? false
      }
    case .between(let name, let lower, let upper):
      guard let found = name.withBytes({ attributes.find($0) }) else { return false }
      let value = EncodedValue(found.kind, attributes.bytes.extracting(found.place))
      guard let first = value.order(to: lower), first >= 0, let second = value.order(to: upper) else { return false }
      return second <= 0
    case .among(let name, let operands):
      guard let found = name.withBytes({ attributes.find($0) }) else { return false }
      let value = EncodedValue(found.kind, attributes.bytes.extracting(found.place))
      for operand in operands where value.isEqual(to: operand) ?? false { return true }
      return false
    case .prefix(let name, let prefix):
      guard let found = name.withBytes({ attributes.find($0) }), found.kind == .string else { return false }
      let value = attributes.bytes.extracting(found.place)
      return prefix.withBytes { EncodedAttributes.hasPrefix(value, $0) }
    case .tag(let name, let tag):
      guard let found = name.withBytes({ attributes.find($0) }), found.kind == .tags else { return false }
      return EncodedValue(found.kind, attributes.bytes.extracting(found.place)).hasTag(tag)
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

  private func isEqual(to tags: Set<String>) -> Bool {
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
    case .exists(let name): return attributes[name] != nil
    case .compare(let name, let comparison, let operand):
      guard let value = attributes[name] else { return false }
      switch comparison {
      case .equal: return value.isEqual(to: operand) ?? false
      case .notEqual: return value.isEqual(to: operand).map { !$0 } ?? false
      default: return value.order(to: operand).map { comparison.isSatisfied(by: $0) } ?? false
      }
    case .between(let name, let lower, let upper):
      guard let value = attributes[name], let first = value.order(to: lower), let second = value.order(to: upper) else {
        return false
      }
      return first >= 0 && second <= 0
    case .among(let name, let operands):
      guard let value = attributes[name] else { return false }
      return operands.contains { value.isEqual(to: $0) ?? false }
    case .prefix(let name, let prefix):
      guard case .string(let text) = attributes[name] else { return false }
      return text.utf8.starts(with: prefix.utf8)
    case .tag(let name, let tag):
      guard case .tags(let tags) = attributes[name] else { return false }
      return tags.contains { $0.utf8.elementsEqual(tag.utf8) }
    }
  }
}
