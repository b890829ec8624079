/// What entries of the index led to before they were changed, as long as there are snapshots that see it.
///
/// Written by who has the turn, before the index is changed: so a reader that finds an entry changed finds here what it
/// was. Read by anybody; a part of the shards has a lock of its own.
final class Overwritten: Sendable {
  struct Change {
    /// Of the operation that changed the entry, or a later one of the same commit; of the barrier that has hidden it
    /// before that.
    let sequence: UInt64
    let entry: UInt64
    /// Of the change before that, of a key with the same hash.
    fileprivate let previous: Int32
  }

  private struct Part {
    /// By the key's hash, the last change.
    var last: [UInt64: Int32] = [:]
    var changes: [Change] = []
  }

  private static let partCount = 64
  private let parts = (0..<partCount).map { _ in Locked(Part()) }

  private func part(_ shard: Int) -> Locked<Part> { parts[shard % Self.partCount] }

  func add(_ entry: UInt64, hash: UInt64, sequence: UInt64) {
    part(HashIndex.shard(hash)).withLock { part in
      part.changes.append(Change(sequence: sequence, entry: entry, previous: part.last[hash] ?? -1))
      part.last[hash] = Int32(part.changes.count - 1)
    }
  }

  /// What was changed after a sequence of keys with that hash, the newest first.
  func entries(hash: UInt64, after sequence: UInt64) -> [UInt64] {
    part(HashIndex.shard(hash)).withLock { part in
      var entries: [UInt64] = []
      var next = part.last[hash] ?? -1
      while next >= 0, part.changes[Int(next)].sequence > sequence {
        entries.append(part.changes[Int(next)].entry)
        next = part.changes[Int(next)].previous
      }
      return entries
    }
  }

  /// The same of all keys of a shard, in no order.
  func entries(shard: Int, after sequence: UInt64) -> [UInt64] {
    part(shard).withLock { part in
      part.last.filter { HashIndex.shard($0.key) == shard }.flatMap { _, last in
        var entries: [UInt64] = []
        var next = last
        while next >= 0, part.changes[Int(next)].sequence > sequence {
          entries.append(part.changes[Int(next)].entry)
          next = part.changes[Int(next)].previous
        }
        return entries
      }
    }
  }

  /// Forgets what was changed up to a sequence: nobody sees it any more.
  func removeAll(upTo sequence: UInt64) {
    for part in parts {
      part.withLock { part in
        let all = part
        part = Part()
        for (hash, last) in all.last {
          var kept: [Change] = []
          var next = last
          while next >= 0, all.changes[Int(next)].sequence > sequence {
            kept.append(all.changes[Int(next)])
            next = all.changes[Int(next)].previous
          }
          for change in kept.reversed() {
            part.changes.append(
              Change(sequence: change.sequence, entry: change.entry, previous: part.last[hash] ?? -1))
            part.last[hash] = Int32(part.changes.count - 1)
          }
        }
      }
    }
  }

  /// How many changes are kept.
  var count: Int { parts.reduce(0) { $0 + $1.withLock { $0.changes.count } } }
}
