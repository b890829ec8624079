public import Cairn
internal import CairnIndex

/// An index of one attribute of the entries of a store.
public struct AttributeIndex: Sendable, Hashable {
  /// What an index of numbers is of. Integers and reals are compared with each other as numbers, exactly, but an index
  /// has only those of its own type.
  public enum Number: Sendable, Hashable { case integer, real, date }

  package enum Kind: Sendable, Hashable {
    case equality
    case range(Number)
    case tags
  }

  public let name: String
  package let kind: Kind

  private init(_ name: String, _ kind: Kind) {
    self.name = name
    self.kind = kind
  }

  /// For attributes with values that many entries share: strings, integers, reals or dates. Answers every comparison,
  /// quickest that for equality.
  public static func equality(_ name: String) -> AttributeIndex { AttributeIndex(name, .equality) }

  /// For numbers, or dates, of which most differ: comparisons with a bound or two, and entries in their order.
  public static func range(_ name: String, of number: Number) -> AttributeIndex { AttributeIndex(name, .range(number)) }

  /// For sets of tags: entries with a tag, or with exactly these.
  public static func tags(_ name: String) -> AttributeIndex { AttributeIndex(name, .tags) }
}

/// Totals over the entries of each group, kept with every change and read at once.
public struct AttributeAggregate: Sendable, Equatable {
  package let number: String
  package let group: String

  /// Of the same attributes, by the bytes of their names.
  public static func == (a: AttributeAggregate, b: AttributeAggregate) -> Bool {
    a.number.utf8.elementsEqual(b.number.utf8) && a.group.utf8.elementsEqual(b.group.utf8)
  }

  /// How many entries there are, how large they are, and the sum, the least and the greatest of a number.
  ///
  /// - Parameters:
  ///   - number: an attribute with a ``AttributeIndex/range(_:of:)`` of integers or reals.
  ///   - group: an attribute with an ``AttributeIndex/equality(_:)``. Entries without it are in no group.
  public static func sum(_ number: String, by group: String) -> AttributeAggregate {
    AttributeAggregate(number: number, group: group)
  }
}

/// Which attributes have an index, and of what there are totals.
public struct AttributeIndexes: Sendable, Equatable {
  /// None twice, in the order of their names' bytes.
  public let indexes: [AttributeIndex]
  public let aggregates: [AttributeAggregate]

  /// - Throws: `.invalidOption`: a name that no attribute can have; one with two different indexes; totals of, or by,
  ///   something that has not the index which they need.
  public init(_ indexes: [AttributeIndex], aggregates: [AttributeAggregate] = []) throws(StoreError) {
    // Names are the same if their bytes are.
    var kinds: [[UInt8]: AttributeIndex.Kind] = [:]
    for index in indexes {
      let count = index.name.utf8.count
      guard (1...Store.Limits.attributeNameBytes).contains(count) else {
        throw StoreError(
          .invalidOption,
          "an attribute's name has 1 to \(Store.Limits.attributeNameBytes) bytes, and one to be indexed \(count)")
      }
      if let other = kinds.updateValue(index.kind, forKey: Array(index.name.utf8)), other != index.kind {
        throw StoreError(.invalidOption, "the attribute \(index.name) is given two different indexes: choose one")
      }
    }
    for aggregate in aggregates {
      switch kinds[Array(aggregate.number.utf8)] {
      case .range(.integer), .range(.real): break
      default:
        throw StoreError(
          .invalidOption,
          "a sum of \(aggregate.number) needs .range(\"\(aggregate.number)\", of: .integer), or of: .real")
      }
      if kinds[Array(aggregate.group.utf8)] != .equality {
        throw StoreError(
          .invalidOption, "a sum by \(aggregate.group) needs .equality(\"\(aggregate.group)\")")
      }
    }
    var seen: Set<[UInt8]> = []
    self.indexes = indexes.filter { seen.insert(Array($0.name.utf8)).inserted }
      .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    var kept: [AttributeAggregate] = []
    for aggregate in aggregates where !kept.contains(aggregate) { kept.append(aggregate) }
    self.aggregates = kept
  }
}

extension AttributeIndex: CustomStringConvertible {
  /// As it is written.
  public var description: String {
    switch kind {
    case .equality: ".equality(\"\(name)\")"
    case .range(let number): ".range(\"\(name)\", of: .\(number))"
    case .tags: ".tags(\"\(name)\")"
    }
  }

  func takes(_ kind: EncodedAttributes.Kind) -> Bool {
    switch (self.kind, kind) {
    case (.equality, .string), (.equality, .integer), (.equality, .real), (.equality, .date), (.tags, .tags): true
    case (.range(.integer), .integer), (.range(.real), .real), (.range(.date), .date): true
    default: false
    }
  }
}

extension AttributeIndexes {
  /// Whether an entry satisfies a query as far as the indexes know it: attributes of other types than were declared are
  /// not there.
  func match(_ attributes: Attributes, _ query: Query) -> Bool {
    if attributes.isEmpty { return false }
    var declared = attributes
    for index in indexes {
      if let value = attributes[index.name], !index.takes(value.kind) { declared[index.name] = nil }
    }
    return query.isSatisfied(by: declared)
  }
}
