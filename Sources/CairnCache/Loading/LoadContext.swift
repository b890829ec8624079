public import Cairn
public import CairnIndex

/// What a load is told, and what it says of the value that it brings.
public struct LoadContext<Value: Sendable>: Sendable {
  /// The value that there is, whose life has ended, or is to be renewed; `nil`: none.
  public let old: CacheEntry<Value>?
  /// How long the value is good.
  public var life = CacheLife.standard
  /// To make it again: see ``Cache/put(_:for:life:cost:tags:derivedFrom:attributes:isPinned:)``.
  public var cost = 1.0
  /// It has. If one of them is invalidated while the load is under way, its result is not kept.
  public var tags: [String] = []
  /// What it is made from: to be asked for before that is read.
  public var sources = Sources()
  public var attributes: Attributes = [:]
  public var isPinned = false

  private let oldSources: Sources

  init(old: CacheEntry<Value>? = nil, sources: Sources = Sources()) { (self.old, oldSources) = (old, sources) }

  /// The value that there is, which has not changed: it is good for another life, with its tags, sources, cost and
  /// attributes.
  ///
  /// ```swift
  /// if answer.status == 304 { return try context.unchanged() }
  /// ```
  ///
  /// - Throws: ``CacheError/nothingToKeep`` if there is none.
  public mutating func unchanged() throws(CacheError) -> Value {
    guard let old else { throw .nothingToKeep }
    (cost, tags, attributes, isPinned) = (old.cost, old.tags, old.attributes, old.isPinned)
    sources = oldSources
    return old.value
  }
}
