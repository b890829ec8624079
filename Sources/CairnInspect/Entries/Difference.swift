package import Cairn

/// What two stores hold differently: keys that one of them lacks, and entries whose value, deadline
/// or attributes are others.
/// Versions do not count: they say how a store came to its content.
package struct Difference {
  package enum Kind: String, Sendable {
    case onlyInFirst = "<"
    case onlyInSecond = ">"
    case value = "!"
    case deadline = "@"
    case attributes = "#"
    /// A value cannot be decompressed, so that nobody can tell.
    case damaged = "?"
  }

  package private(set) var counts: [Kind: Int] = [:]
  package private(set) var same = 0
  /// Of the first value that cannot be decompressed.
  package private(set) var damage: StoreError?

  /// Reads both logs whole, and then the values of keys that are in both. Takes memory for the keys of both.
  ///
  /// - Parameter body: is called with each difference, in the order of the keys' bytes.
  package init(
    _ first: StoreDirectory, _ second: StoreDirectory, filter: KeyFilter = .all,
    progress: (any ProgressListener)? = nil, _ body: (Kind, [UInt8]) throws(StoreError) -> Void
  ) throws(StoreError) {
    let stores = [first, second]
    var tables: [KeyTable<LiveEntries.Location>] = []
    for store in stores {
      let checkpoint = try CheckpointFile.load(store).file
      var walk = try LogWalk(store, depth: .records, checkpoint: checkpoint, visitor: try LiveEntries(filter))
      walk.progress = progress
      try walk.run()
      if let finding = walk.report.findings.first(.notUnderstood) ?? walk.report.damage { throw finding.error }
      tables.append(walk.visitor.table)
    }
    var records = stores.map { LocatedRecords($0) }
    let now = SystemClock().wallMilliseconds()
    let keys = tables.map { table in table.sorted { $0.isLive(at: now) }.map { (table.key($0), table.values[$0]) } }
    var (one, other) = (0, 0)
    while one < keys[0].count || other < keys[1].count {
      if (one + other) % 1024 == 0 { try progress?.advance(to: one + other, of: keys[0].count + keys[1].count) }
      var kind: Kind?
      let key: [UInt8]
      if other == keys[1].count || one < keys[0].count && keys[0][one].0.lexicographicallyPrecedes(keys[1][other].0) {
        (kind, key) = (.onlyInFirst, keys[0][one].0)
        one += 1
      } else if one == keys[0].count || keys[1][other].0.lexicographicallyPrecedes(keys[0][one].0) {
        (kind, key) = (.onlyInSecond, keys[1][other].0)
        other += 1
      } else {
        let (a, b) = (keys[0][one].1, keys[1][other].1)
        key = keys[0][one].0
        do throws(StoreError) {
          kind = try Self.difference(&records, a, b)
        } catch {
          guard error.code == .damaged else { throw error }
          kind = .damaged
          damage = damage ?? error
        }
        (one, other) = (one + 1, other + 1)
      }
      guard let kind else {
        same += 1
        continue
      }
      counts[kind, default: 0] += 1
      try body(kind, key)
    }
  }

  private static func difference(
    _ records: inout [LocatedRecords], _ a: LiveEntries.Location, _ b: LiveEntries.Location
  ) throws(StoreError) -> Kind? {
    if a.valueByteCount != b.valueByteCount { return .value }
    let first = try records[0].record(at: a, isNextNear: false)
    let second = try records[1].record(at: b, isNextNear: false)
    if !areEqual(first, second) { return .value }
    if a.deadline != b.deadline { return .deadline }
    return first.attributes == second.attributes ? nil : .attributes
  }

  /// Those that only a newer version understands, as they are stored.
  private static func areEqual(_ first: LogRecord, _ second: LogRecord) -> Bool {
    let isSameKind =
      first.header.isUnderstood && second.header.isUnderstood || first.header.encoding == second.header.encoding
    return isSameKind && first.value.isEqual(to: second.value)
  }

  package var isEmpty: Bool { counts.isEmpty }

  package var summary: String {
    func count(_ kind: Kind) -> Int { counts[kind] ?? 0 }
    return "\(same) the same, \(count(.onlyInFirst)) only in the first, \(count(.onlyInSecond)) only in the second, "
      + "\(count(.value)) with another value, \(count(.deadline)) with another deadline, "
      + "\(count(.attributes)) with other attributes"
      + (damage == nil ? "" : ", \(count(.damaged)) with a damaged value")
  }
}
