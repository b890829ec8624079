package import Cairn
internal import CairnAttributes
internal import CairnIndex
package import CairnTestSupport

/// What has been done to one store in all its lives: the oracle.
///
/// What is found after a crash is legal if it is what the store was at the end of some commit (so batches are whole,
/// and nothing comes back that was removed), and that is not before the last one that had been promised.
package struct History: Sendable {
  /// By sequence: what the store held after each operation.
  private var states: [Model] = [Model()]
  private var commits: Set<UInt64> = [0]

  package init() {}

  package var current: Model { states[states.count - 1] }

  /// The last operation has made this of it.
  package mutating func note(_ model: Model, endsCommit: Bool) {
    precondition(model.sequence == UInt64(states.count), "operations are noted one by one")
    states.append(model)
    if endsCommit { commits.insert(model.sequence) }
  }

  /// Operations that change nothing, as those of compaction, up to this one.
  package mutating func noteMoves(upTo sequence: UInt64) {
    var model = current
    while model.sequence < sequence {
      model.sequence += 1
      note(model, endsCommit: true)
    }
  }

  /// What is wrong with what has been found; `nil`: nothing.
  package func objection(to store: Store, atLeast promised: UInt64, at now: Int64) throws -> String? {
    let sequence = store.lastSequence
    if let damage = store.damage { return "damaged: \(damage)" }
    if sequence < promised { return "promised was \(promised), found is \(sequence)" }
    guard sequence < UInt64(states.count) else { return "\(sequence) found, of \(states.count - 1)" }
    guard commits.contains(sequence) else { return "\(sequence) is in the middle of a commit" }
    let expected = states[Int(sequence)].live(at: now)
    // What has expired is there until compaction comes by, what was invalidated until it is found.
    let isExact = store.statistics.barriers == 0
    let counts = expected.count...(isExact ? states[Int(sequence)].entries.count : .max)
    let counted = store.statistics.liveEntries
    if !counts.contains(counted) || counted != store.indexedEntries {
      return "at \(sequence): \(counted) entries counted, \(store.indexedEntries) in the index, there are \(counts)"
    }
    let found = try store.contents()
    if found == expected { return try objectionToLookups(store, expected) }
    let keys = Set(found.keys).union(expected.keys).filter { found[$0] != expected[$0] }
    let differences = keys.map { key in
      "\(String(decoding: key, as: UTF8.self)): \(Self.text(found[key])), expected \(Self.text(expected[key]))"
    }
    return "at \(sequence): " + differences.sorted().prefix(3).joined(separator: "; ")
  }

  /// A scan finds what a lookup does not, if the index has it in the wrong place.
  private func objectionToLookups(_ store: Store, _ expected: [[UInt8]: Model.Entry]) throws -> String? {
    for key in Set(current.entries.keys).union(expected.keys) {
      let entry = try store.entry(for: key)
      let found = entry.map {
        Model.Entry(value: $0.value, version: $0.version, deadline: $0.deadline, attributes: $0.attributes)
      }
      if found != expected[key] {
        let name = String(decoding: key, as: UTF8.self)
        return "\(name): \(Self.text(found)) looked up, \(Self.text(expected[key])) expected"
      }
    }
    if let objection = try objectionToIndexes(store, expected) { return objection }
    if let objection = try objectionToCollections(store, expected) { return objection }
    return try objectionToOrder(store, expected.keys)
  }

  /// Indexes of attributes, where the store has them, find those that there are.
  private func objectionToIndexes(_ store: Store, _ expected: [[UInt8]: Model.Entry]) throws -> String? {
    if !store.views.contains(where: { $0 is IndexedAttributes }) { return nil }
    let query: Query = "sum" > 20_000 || Attribute("tags").hasTag("third")
    let wanted = Set(expected.filter { query.matches($0.value.attributes) }.keys)
    let (keys, count) = (try store.keys(where: query), try store.count(where: .all))
    let all = expected.values.count { !$0.attributes.isEmpty }
    if Set(keys) == wanted && keys.count == wanted.count && count == all { return nil }
    return "by attributes: \(keys.count) entries found of \(wanted.count), \(count) counted of \(all)"
  }

  /// Keys in order, where the store keeps them, are those that there are.
  private func objectionToOrder(_ store: Store, _ expected: some Sequence<[UInt8]>) throws -> String? {
    if !store.keepsOrder { return nil }
    let keys = try store.keys()
    let expected = expected.sorted { $0.isBefore($1) }
    let count = try store.count(in: .all)
    if keys == expected && count == keys.count { return nil }
    return "in order: \(count) counted, \(keys.map { String(decoding: $0, as: UTF8.self) }) found, expected "
      + "\(expected.map { String(decoding: $0, as: UTF8.self) })"
  }

  /// The same where nothing was promised: whatever is found was once put, under that key and with that version.
  package func contradiction(in store: Store) throws -> String? {
    let contents = try store.contents()
    if store.keepsOrder {
      // They may have what a rotten page at the end of the log has held: what compaction had just moved there, say.
      let keys = try store.keys()
      let isInOrder = keys == keys.sorted { $0.isBefore($1) }
      if !isInOrder || !Set(contents.keys).isSubset(of: keys) { return "in order: keys are missing, or out of order" }
    }
    for (key, entry) in contents {
      let written = entry.version < UInt64(states.count) ? states[Int(entry.version)].entries[key] : nil
      if entry != written {
        return "\(String(decoding: key, as: UTF8.self)): \(Self.text(entry)), written \(Self.text(written))"
      }
    }
    return nil
  }

  private static func text(_ entry: Model.Entry?) -> String {
    guard let entry else { return "nothing" }
    return "\(entry.value.count) bytes \"\(String(decoding: entry.value.prefix(12), as: UTF8.self))\", "
      + "version \(entry.version), deadline \(entry.deadline.map(String.init) ?? "none")"
  }

  /// What came after that operation is lost.
  package mutating func goOn(after sequence: UInt64) {
    states.removeLast(states.count - 1 - Int(sequence))
    commits = commits.filter { $0 <= sequence }
  }
}

/// What has been promised to whoever wrote: the last operation that survives the end of the process, and the one that
/// survives a power failure.
package struct Promise: Sendable {
  package var byProcess: UInt64 = 0
  package var onDisk: UInt64 = 0
  /// The number of the last backup that was made, and of the last frozen store.
  package var backup: Int?
  package var frozen: Int?

  /// Everything up to this operation is on the disk.
  package mutating func keep(_ sequence: UInt64) { (byProcess, onDisk) = (sequence, sequence) }

  package mutating func make(_ sequence: UInt64, _ durability: Store.Durability) {
    if durability >= .process { byProcess = sequence }
    if durability == .disk { onDisk = sequence }
  }
}

extension Store {
  /// Whether keys in order are among its views: the first one then.
  var keepsOrder: Bool { views.first is OrderedKeys }
}
