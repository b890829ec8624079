internal import Cairn
internal import CairnIndex
internal import CairnTestSupport

/// Collections of a life, and a rule of invalidation.
extension Lives {
  /// The names of collections that there may be: all keys are in one of them.
  static let collections = ["key", "yek"]
  private static let (source, dependents) = (Array("key:3".utf8), Array("yek:1".utf8))

  mutating func addCollections(to options: inout Store.Options) {
    if random.percent(40) {
      let declared = Self.collections.map { ($0, Store.Collection.Options(isOrdered: random.percent(50))) }
      if let collections = try? Collections(Dictionary(uniqueKeysWithValues: declared)) {
        options.views.append(collections)
      }
    }
    // Prefixes cannot go with a commit where earlier versions are kept.
    if options.keepVersions == 0 && random.percent(30) {
      let rule = InvalidationRules.Rule.invalidate(on: .keyWritten("key:3*")) { _ in [.prefix(Self.dependents)] }
      if let rules = try? InvalidationRules([rule]) { options.views.append(rules) }
    }
  }

  static func hasConsequences(_ keys: [KeySet], _ store: Store) -> Bool {
    guard store.views.contains(where: { $0 is InvalidationRules }) else { return false }
    return keys.contains { keys in
      switch keys {
      case .key(let key): key.starts(with: source)
      case .prefix(let prefix): prefix.starts(with: source) || source.starts(with: prefix)
      }
    }
  }

  /// What goes with a commit goes before it, and is in no history without it.
  mutating func noteConsequences(of keys: [KeySet], in model: inout Model, _ store: Store) {
    guard Self.hasConsequences(keys, store) else { return }
    model.invalidate(Self.dependents)
    history.note(model, endsCommit: false)
  }
}

extension History {
  /// Collections, where the store has them, count what there is in them.
  func objectionToCollections(_ store: Store, _ expected: [[UInt8]: Model.Entry]) throws -> String? {
    if !store.views.contains(where: { $0 is Collections }) { return nil }
    for name in Lives.collections {
      let collection = try store.collection(name)
      let own = expected.filter { $0.key.starts(with: collection.prefix) }
      let bytes = own.reduce(0) { $0 + $1.key.count + $1.value.value.count }
      let found = try collection.statistics()
      if found.entries != own.count || found.bytes != bytes {
        return "collection \(name): \(found) counted, there are \(own.count) entries of \(bytes) bytes"
      }
      if !collection.options.isOrdered { continue }
      let keys = try collection.keys()
      let inOrder = own.keys.sorted { $0.isBefore($1) }.map { Array($0.dropFirst(collection.prefix.count)) }
      if keys != inOrder { return "collection \(name): keys in order" }
    }
    return nil
  }
}
