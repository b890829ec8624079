public import Cairn

/// What is invalidated when something changes, by rules of the application: in the same commit, so that nobody ever
/// sees the change together with what it has made wrong, and a crash leaves both or none.
///
/// ```swift
/// let rules = try InvalidationRules([
///   .invalidate(on: .keyWritten("user:*")) { user in [user.mapped(from: "user:", to: "page:"), .prefix("list:")] }
/// ])
/// options.views = [rules]
/// ```
///
/// With them, a put of `user:42` removes `page:42` and all of `list:`; an invalidation of `user:`, all of `page:`.
///
/// What is invalidated counts as changed, too: rules are asked for it in turn. Each key and each prefix is asked for
/// once in a commit, so cycles end; the keys that are being written themselves stay. Entries that expire are not asked
/// for.
///
/// A rule knows of keys and not of when something was read: what is made of a source that changes meanwhile, and put
/// afterwards, is there. Where that can be, let the entry tell its sources (``Sources``).
///
/// Rules are asked while all other writes wait: they have to be quick, and must not call the store. In a store that
/// keeps earlier versions they can name keys, and no prefixes. They hold in stores that are opened with them, and are
/// not kept. A store has one of these at most.
public final class InvalidationRules: StoreView {
  /// What is asked for.
  public struct Event: Sendable {
    let glob: @Sendable () throws(StoreError) -> Glob

    /// An entry whose key matches the pattern is put or removed, by whatever.
    public static func keyWritten(_ pattern: String) -> Event {
      Event { () throws(StoreError) in try Glob(pattern) }
    }

    /// The same.
    public static func keyWritten(_ glob: Glob) -> Event { Event { glob } }
  }

  /// What has changed.
  public struct Change: Sendable {
    /// The key, or a prefix; where that is invalidated, keys that begin with it may match the pattern, or not.
    public let keys: KeySet

    /// Its text; of a prefix, too, so ask ``keys`` what it is, or ``mapped(from:to:)``.
    public var text: String { String(decoding: keys.bytes, as: UTF8.self) }

    /// The key, or the prefix, with another beginning in place of its own. Of a shorter prefix, of which the beginning
    /// is only one continuation: all that has the other one.
    public func mapped<Old: ByteLending, New: ByteLending>(from old: Old, to new: New) -> Dependent {
      let (bytes, old, new) = (keys.bytes, old.bytes, new.bytes)
      let mapped = bytes.starts(with: old) ? new + bytes.dropFirst(old.count) : new
      if case .key = keys { return .key(mapped) }
      return .prefix(mapped)
    }
  }

  /// What is to go.
  public struct Dependent: Sendable {
    let keys: KeySet

    public static func key<Key: ByteLending>(_ key: Key) -> Dependent { Dependent(keys: .key(key.bytes)) }
    /// All entries whose keys begin so: one record in the log, however many there are, as of
    /// ``Cairn/Store/invalidate(prefix:durability:)``, which see for what many of them cost. They may be seen to have
    /// gone a moment before the change. At most 16 for one commit.
    public static func prefix<Prefix: ByteLending>(_ prefix: Prefix) -> Dependent {
      Dependent(keys: .prefix(prefix.bytes))
    }
  }

  public struct Rule: Sendable {
    let event: Event
    let dependents: @Sendable (Change) -> [Dependent]

    public static func invalidate(
      on event: Event, _ dependents: @escaping @Sendable (_ change: Change) -> [Dependent]
    ) -> Rule {
      Rule(event: event, dependents: dependents)
    }
  }

  private let rules: [(glob: Glob, dependents: @Sendable (Change) -> [Dependent])]

  /// What follows from one commit at most.
  public static let dependentsMax = 10_000

  /// - Throws: `.invalidPattern`.
  public init(_ rules: [Rule]) throws(StoreError) {
    var all: [(Glob, @Sendable (Change) -> [Dependent])] = []
    for rule in rules { all.append((try rule.event.glob(), rule.dependents)) }
    self.rules = all
  }

  // MARK: As a view

  public var hasConsequences: Bool { !rules.isEmpty }

  /// - Throws: `.dependencyCycle` if more than ``dependentsMax`` follow: rules that make another key of each lead on
  ///   for ever.
  public func consequences(of changes: [KeySet]) throws(StoreError) -> [Consequence] {
    var seen = Set(changes)
    var (next, consequences): ([KeySet], [Consequence]) = (changes, [])
    var place = 0
    while place < next.count {
      let change = Change(keys: next[place])
      place += 1
      for rule in rules where rule.glob.concerns(change.keys) {
        for dependent in rule.dependents(change) where seen.insert(dependent.keys).inserted {
          if consequences.count == Self.dependentsMax {
            throw StoreError(
              .dependencyCycle, "rules of invalidation lead from one commit to more than \(Self.dependentsMax) keys",
              keyPrefix: Array(changes[0].bytes.prefix(32)))
          }
          consequences.append(Consequence(dependent.keys, cause: .invalidated(by: change.text)))
          next.append(dependent.keys)
        }
      }
    }
    return consequences
  }

  /// - Throws: `.invalidOption` if the store has two of them.
  public func attach(to store: Store) throws(StoreError) {
    if store.views.count(where: { $0 is InvalidationRules }) > 1 {
      throw StoreError(.invalidOption, "a store has one InvalidationRules at most: declare all of them in it")
    }
  }

  public func beginCommit(oldestSnapshot: UInt64?) {}
  public func apply(_ change: borrowing EntryChange) {}
  public func endCommit(_ sequence: UInt64) {}
  public func reset() {}
  public func save(to files: ViewFiles) {}
}

extension Glob {
  /// Whether it may match one of these keys.
  fileprivate func concerns(_ keys: KeySet) -> Bool {
    switch keys {
    case .key(let key): matches(key)
    case .prefix(let bytes): prefix.starts(with: bytes) || bytes.starts(with: prefix)
    }
  }
}
