public import Cairn

/// What a store should hold: the oracle of randomised tests.
public struct Model: Equatable, Sendable {
  public struct Entry: Equatable, Sendable {
    public var value: [UInt8]
    public var version: UInt64
    public var deadline: Int64?
    public var attributes: Attributes

    public init(value: [UInt8], version: UInt64, deadline: Int64?, attributes: Attributes = [:]) {
      self.value = value
      self.version = version
      self.deadline = deadline
      self.attributes = attributes
    }
  }

  public var entries: [[UInt8]: Entry] = [:]
  public var sequence: UInt64 = 0

  public init() {}

  public mutating func put(
    _ value: [UInt8], for key: [UInt8], deadline: Int64? = nil, attributes: Attributes = [:]
  ) {
    sequence += 1
    entries[key] = Entry(value: value, version: sequence, deadline: deadline, attributes: attributes)
  }

  public mutating func remove(_ key: [UInt8]) {
    sequence += 1
    entries[key] = nil
  }

  public mutating func invalidate(_ prefix: [UInt8]) {
    sequence += 1
    entries = entries.filter { !$0.key.starts(with: prefix) }
  }

  /// What somebody does who follows the changes.
  public mutating func apply(_ change: Change) {
    switch change.kind {
    case .put: put(change.value, for: change.key, deadline: change.deadline, attributes: change.attributes)
    case .remove: remove(change.key)
    case .invalidate: invalidate(change.key)
    }
  }

  /// Entries that are not expired at a time.
  public func live(at now: Int64) -> [[UInt8]: Entry] { entries.filter { $0.value.deadline.map { $0 > now } ?? true } }
}

extension Store {
  /// All entries, as `forEach` visits them; fails on one that comes twice.
  public func contents() throws -> [[UInt8]: Model.Entry] {
    var result: [[UInt8]: Model.Entry] = [:]
    try forEach { entry in
      let key = unsafe entry.key.withUnsafeBytes { unsafe [UInt8]($0) }
      let value = unsafe entry.value.withUnsafeBytes { unsafe [UInt8]($0) }
      precondition(result[key] == nil, "an entry is visited twice")
      result[key] = Model.Entry(
        value: value, version: entry.version, deadline: entry.deadline, attributes: Attributes(entry.attributes))
      return true
    }
    return result
  }
}
